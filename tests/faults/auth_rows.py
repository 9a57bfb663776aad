#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Rows A01 and A03 to A09 of FAULTS.md against the real program.  (A02 is
tests/plugins/auth-timing, A06 is crossings.py.)

Whoever fails too often has to wait, so each part calls from addresses of its own.
KGENT_RANDOM: random paths and keys of A09 (2,000; the row says 10^6)."""
import http.client
import json
import os
import random
import re
import string
import sys
import threading
import time
import urllib.parse

import wire

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "http"))

import kgent  # noqa: E402  (found by the line above)

AUTH = 'load = "auth"; dev_keys = true;'
INVALID = "Invalid API key. Please check your credentials."
FORMAT = "Invalid API key format. Keys must start with 'kg_'"
GUESSES = 20  # a minute, per address and per prefix
RANDOM = int(os.environ.get("KGENT_RANDOM", "2000"))
SERIES_MAX = 200  # of a metric
FREE_OF_LIMITS = {"requests_per_day": 0, "requests_per_minute": 0, "concurrent": 0}
VARYING = {"x-request-id", "date", "x-response-time"}
dice = random.Random(4)


# ---- Asking ------------------------------------------------------------------


def ask(host, target, key=None, source="127.0.0.1", method="GET", admin=False, headers=None,
        body=None):
    """A request from an address of the loopback network."""
    c = http.client.HTTPConnection("127.0.0.1", host.admin_port if admin else host.port,
                                   timeout=30, source_address=(source, 0))
    headers = dict(headers or {})
    if key is not None:
        headers["X-API-Key"] = key
    return kgent.request(c, method, target, body, headers)


def key_new(host, **body):
    """A key that the operator makes: its secret and its id."""
    answer = host.post("/admin/v1/keys", {"name": "row", **body}, local=True)
    if answer.status != 201:
        raise RuntimeError(f"no key: {answer.status} {answer.text}")
    return answer.json["key"], answer.json["id"]


def key_revoke(host, ident):
    status = host.request("DELETE", f"/admin/v1/keys/{ident}", local=True).status
    if status != 204:
        raise RuntimeError(f"not revoked: {status}")


def seen(answer):
    """All that a client can tell apart: but for the request's id, its date and time."""
    text = answer.text.replace(answer.headers["X-Request-ID"], "ID")
    head = sorted((k.lower(), v) for k, v in answer.headers.items() if k.lower() not in VARYING)
    return answer.status, head, text


def letters(n, alphabet=string.ascii_lowercase + string.digits):
    return "".join(dice.choice(alphabet) for _ in range(n))


def made_up(prefix=None):
    return f"kg_{prefix or letters(5)}_{letters(43, string.ascii_letters + string.digits + '-_')}"


# ---- A01: one answer -----------------------------------------------------------


def bad_keys(host):
    """What is wrong with a key, and the key."""
    good, _ = key_new(host)
    revoked, ident = key_new(host)
    key_revoke(host, ident)
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2))
    expired, _ = key_new(host, expires_at=soon, limits=FREE_OF_LIMITS)
    afar, _ = key_new(host, cidrs=["192.0.2.0/24"])
    wire.until(lambda: ask(host, "/v1/me", expired, "127.1.0.250").status != 200, 10)
    return [("unknown", made_up()), ("malformed", "kg_" + "!" * 20), ("empty", "kg_"),
            ("over-long", "kg_" + "a" * 300), ("one letter off", good[:-1] + "-_"[good[-1] == "-"]),
            ("a wrong secret", good[:9] + made_up()[9:]), ("other case", good.upper().replace("KG_", "kg_")),
            ("revoked", revoked), ("expired", expired), ("from elsewhere", afar)]


def one_answer(host):
    rows = bad_keys(host)
    answers = [(what, ask(host, "/v1/me", key, f"127.1.0.{i + 1}"))
               for i, (what, key) in enumerate(rows)]
    want = seen(answers[0][1])
    kgent.equal((want[0], answers[0][1].json["detail"]), (401, INVALID), "A01: an unknown key")
    kgent.contains(dict(want[1])["www-authenticate"], 'ApiKey realm="kgent"', "WWW-Authenticate")
    for what, answer in answers[1:]:
        kgent.equal(seen(answer), want, f"A01: {what}: the same answer")
    for i, (what, key) in enumerate(rows):
        answer = ask(host, "/v1/me", source=f"127.1.1.{i + 1}",
                     headers={"Authorization": f"Bearer {key}"})
        kgent.equal(seen(answer), want, f"A01: {what}, as a bearer: the same answer")
    answer = ask(host, "/v1/me", source="127.1.2.1")
    kgent.equal((answer.status, answer.json["detail"]), (401, "API key required"), "A01: none")
    kgent.ok("WWW-Authenticate" in answer.headers, "A01: none: WWW-Authenticate")
    for i, key in enumerate(("sk_live_x", "KG_x", "Basic", "k", "_kg_")):
        answer = ask(host, "/v1/me", key, f"127.1.3.{i + 1}")
        kgent.equal((answer.status, answer.json["detail"], "WWW-Authenticate" in answer.headers),
                    (401, FORMAT, True), f"A01: {key}: the format")


# ---- A03: guessing ---------------------------------------------------------------


def cpu_ns(pid):
    """What all threads of the process have run."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as f:
                total += int(f.read().split()[0])
        except OSError:
            pass  # it ended
    return total


def answered(connection, data, n):
    """Sends on a connection; the statuses of `n` answers that come."""
    connection.sendall(data)
    got = b""
    while got.count(b"HTTP/1.1 ") < n or not got.endswith(b"}"):
        part = connection.recv(1 << 20)
        if not part:
            break
        got += part
    return re.findall(rb"HTTP/1\.1 (\d\d\d)", got)


def cost_us(host, target, key, rounds=40, many=100):
    """CPU of one request, in microseconds."""
    head = f"GET {target} HTTP/1.1\r\nHost: x\r\n" + (f"X-API-Key: {key}\r\n" if key else "")
    data = (head + "\r\n").encode() * many
    statuses = []
    with host.connect() as s:
        statuses += answered(s, data, many)
        before = cpu_ns(host.pid)
        for _ in range(rounds):
            statuses += answered(s, data, many)
        spent = cpu_ns(host.pid) - before
    return spent / 1000 / rounds / many, statuses


def guessing(host):
    got = [ask(host, "/v1/me", made_up(), "127.3.0.1").status for _ in range(GUESSES + 10)]
    kgent.equal(got, [401] * GUESSES + [429] * 10, "A03: 20 guesses a minute from an address")
    answer = ask(host, "/v1/me", made_up(), "127.3.0.1")
    kgent.ok(1 <= int(answer.headers["Retry-After"]) <= 60, "A03: Retry-After")
    kgent.equal(ask(host, "/v1/me", made_up(), "127.3.0.2").status, 401, "A03: others go on")
    good, _ = key_new(host)
    got = [ask(host, "/v1/me", made_up(good[3:8]), f"127.3.1.{i + 1}").status
           for i in range(GUESSES + 10)]
    kgent.equal(got, [401] * GUESSES + [429] * 10, "A03: 20 guesses a minute at a prefix")
    kgent.equal(ask(host, "/v1/me", made_up(), "127.3.2.1").status, 401, "A03: not at another")
    kgent.equal(ask(host, "/v1/me", good, "127.3.2.2").status, 200,
                "A03: who guesses at a key's prefix doesn't lock its owner out")


def guessing_costs(host):
    nobody, _ = cost_us(host, "/fault/nowhere", None)
    guess, statuses = cost_us(host, "/v1/me", made_up())
    kgent.ok(statuses.count(b"429") >= len(statuses) - GUESSES, "A03: a flood is refused")
    kgent.note(f"CPU of a request: {nobody:.2f} us for a 404, {guess:.2f} us for a refused guess")
    bound = 20 * wire.PATIENCE
    kgent.ok(guess - nobody <= bound, f"A03: auth costs at most {bound:.0f} us")


# ---- A04: a key in the query -------------------------------------------------------


def query(host):
    secret = made_up()
    quoted = urllib.parse.quote(secret, safe="")
    hidden = "".join(f"%{ord(c):02X}" for c in secret)
    targets = [f"/v1/me?api_key={secret}", f"/v1/me?a=1&key={secret}", f"/v1/me?token={secret}",
               f"/v1/me?{secret}", f"/v1/me?whatever={quoted}", f"/v1/me?x={hidden}",
               f"/v1/me?API_KEY={secret}", f"/livez?api_key={secret}", f"/nowhere?api_key={secret}"]
    for i, target in enumerate(targets):
        answer = ask(host, target, source=f"127.4.0.{i + 1}")
        shown = target.replace(secret, "KEY").replace(hidden, "%KEY")
        if not target.startswith("/nowhere"):
            kgent.equal(answer.status, 400, f"A04: {shown}")
        kgent.ok(secret not in answer.text and hidden not in answer.text, f"A04: {shown}: no echo")
    logged = host.logged() + host.get("/metrics", admin=True).text
    kgent.ok(secret not in logged and secret[9:] not in logged and hidden not in logged,
             "A04: the key is in no log")


# ---- A05: scopes ---------------------------------------------------------------------


def scopes(host):
    key, _ = key_new(host, scopes=["billing"])
    answer = ask(host, "/v1/agentese/resolve?path=world.house", key)
    kgent.equal((answer.status, answer.json["detail"], answer.json["required_scope"]),
                (403, "API key requires 'read' scope", "read"), "A05: a scope is missing")
    kgent.ok("billing" not in answer.text + str(answer.headers), "A05: the others aren't told")
    key, _ = key_new(host, scopes=["read", "billing"])
    answer = ask(host, "/admin/v1/keys", key, admin=True)
    kgent.equal((answer.status, answer.json["required_scope"]), (403, "admin"), "A05: admin")
    kgent.ok("billing" not in answer.text, "A05: nor here")
    kgent.equal(ask(host, "/admin/v1/keys", key).status, 404, "A05: not in public at all")


# ---- A07: races ------------------------------------------------------------------------


def race(host, key, threads=64):
    """Statuses of that many requests, all at once."""
    got, barrier = [], threading.Barrier(threads)

    def one():
        c = http.client.HTTPConnection("127.0.0.1", host.port, timeout=30)
        c.connect()
        barrier.wait()
        got.append(kgent.request(c, "GET", "/v1/me", None, {"X-API-Key": key}).status)

    wire.together([one] * threads)
    return got


def races(host):
    for limits in ({"requests_per_day": 7}, {"requests_per_minute": 7}, {"requests_per_month": 7},
                   {"requests_per_day": 7, "requests_per_minute": 7}):
        text = ", ".join(limits)
        for _ in range(3):
            key, _ = key_new(host, limits={**FREE_OF_LIMITS, **limits})
            for _ in range(6):
                ask(host, "/v1/me", key)
            got = race(host, key)
            if (got.count(200), got.count(429)) != (1, 63):
                break
        kgent.equal((got.count(200), got.count(429)), (1, 63),
                    f"A07: {text}: 64 at the last request, one passes")


# ---- A08: a stream of a key that is revoked ------------------------------------------------


class Stream(threading.Thread):
    """A stream that is read as it comes."""

    def __init__(self, host, key):
        super().__init__(daemon=True)
        self.socket = host.connect()
        self.socket.sendall(b"GET /fault/private/stream?ms=50 HTTP/1.1\r\nHost: x\r\n"
                            b"X-API-Key: " + key.encode() + b"\r\n\r\n")
        self.data = b""
        self.start()

    def run(self):
        try:
            for part in iter(lambda: self.socket.recv(1 << 16), b""):
                self.data += part
        except OSError:
            pass  # it was closed

    def flows(self):
        n = len(self.data)
        return self.is_alive() and wire.until(lambda: len(self.data) > n) is not None


def revocation(host):
    key, ident = key_new(host)
    ending, other = Stream(host, key), Stream(host, key_new(host)[0])
    kgent.ok(ending.flows() and other.flows(), "A08: two streams")
    begin = time.monotonic()
    key_revoke(host, ident)
    kgent.equal(ask(host, "/v1/me", key, "127.8.0.1").status, 401, "A08: refused at once")
    ending.join(10)
    took = time.monotonic() - begin
    kgent.ok(not ending.is_alive() and took <= 5 * wire.PATIENCE, f"A08: it ends in {took:.1f} s")
    event = ending.data.rsplit(b"event: error", 1)
    kgent.ok(len(event) == 2 and b'"type":"revoked"' in event[1], "A08: and says why")
    kgent.ok(other.flows(), "A08: the other goes on")
    ending.socket.close()
    other.socket.close()


# ---- A09: bounded series --------------------------------------------------------------------


def series(host):
    """The series of each metric; a histogram's buckets are one."""
    host.get("/metrics", admin=True)  # which is counted itself
    found = {}
    for line in host.get("/metrics", admin=True).text.splitlines():
        if line and not line.startswith("#"):
            name = re.match(r"[a-zA-Z0-9_:]+", line).group(0)
            found.setdefault(name, set()).add(re.sub(r',?le="[^"]*"|(?<=})? [^ ]*$', "", line))
    return found


def random_request():
    path = "/" + "/".join(letters(dice.randint(1, 12)) for _ in range(dice.randint(1, 4)))
    if dice.random() < 0.3:
        path = f"/v1/{letters(6)}/{letters(8)}"
    key = made_up() if dice.random() < 0.8 else letters(20)
    method = dice.choice(["GET", "GET", "POST", "DELETE", "PUT", letters(6).upper()])
    return (f"{method} {path} HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\nContent-Length: 0\r\n"
            "User-Agent: " + letters(10) + "\r\n\r\n").encode()


def flood(host, n):
    """So many answers; a connection that the host closes is followed by another."""
    while n > 0:
        with host.connect() as s:
            s.sendall(b"".join(random_request() for _ in range(min(n, 200)))
                      + b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            n -= wire.read_all(s, 20)[0].count(b"HTTP/1.1 ")


def cardinality(host):
    host.get("/livez")  # the end of each connection that is not closed before
    flood(host, 500)
    before = series(host)
    flood(host, RANDOM)
    after = series(host)
    most = max(after, key=lambda name: len(after[name]))
    new = set().union(*after.values()) - set().union(*before.values())
    kgent.note(f"{sum(map(len, after.values()))} series of {len(after)} metrics, "
               f"most: {most} {len(after[most])}")
    kgent.ok(len(after[most]) <= SERIES_MAX, f"A09: at most {SERIES_MAX} series per metric")
    kgent.equal(new, set(), f"A09: {RANDOM} random paths and keys add none")
    kgent.ok(wire.resident_kib(host.pid) < 300 * 1024 * wire.PATIENCE, "A09: nor much memory")


# ---- All ---------------------------------------------------------------------------------------


def tests():
    plugins = ["health", "faulty", AUTH, "agentese", "metering-openmeter"]
    with wire.FaultHost(plugins) as host:
        for part in (one_answer, guessing, query, scopes, races, revocation, cardinality,
                     guessing_costs):
            part(host)


if __name__ == "__main__":
    kgent.main([tests])
