#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Clients that ask again with the same Idempotency-Key until they are answered, while the
process is killed again and again, and over handovers: each key is recorded and charged
once.  KGENT_CYCLES: how many kills (10)."""
import collections
import http.client
import http.server
import itertools
import json
import os
import random
import shutil
import signal
import socket
import sys
import threading
import time

from daemon import WAIT, Daemon, until

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "http"))

import kgent  # noqa: E402  (found by the line above)
import wire  # noqa: E402

CYCLES = int(os.environ.get("KGENT_CYCLES", "10"))
CLIENTS = 6
TOKENS = 3  # of a call
INVOKE = "/v1/agentese/invoke"
AUTH = 'load = "auth"; enforce = "on";'
AGENTESE = f'load = "agentese"; prices = ({{ path = "*"; tokens = {TOKENS}; tokens_max = 50; }});'
METER = 'load = "metering-openmeter"; enabled = false;'
FREE = {"requests_per_minute": 0, "requests_per_day": 0, "concurrent": 0}
NUMBERS = itertools.count()


class Client(threading.Thread):
    """Takes a key and an entity, and asks until it has its answer; then the next."""

    def __init__(self, port, key):
        super().__init__(daemon=True)
        self.port, self.key, self.stopping = port, key, False
        self.answers, self.odd = {}, []  # by entity: bodies; what nobody expected
        self.tries = collections.Counter()

    def ask(self, connection, entity):
        headers = {"X-API-Key": self.key, "Content-Type": "application/json",
                   "Idempotency-Key": f'"{entity}"'}
        connection.request("POST", INVOKE, '{"path":"world.%s.manifest"}' % entity, headers)
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.headers["Kgent-Receipt"]

    def one(self, entity):
        """Until there is an answer, and then once more: a replay."""
        c, seen = None, []
        while len(seen) < 2:
            try:
                c = c or http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
                self.tries[entity] += 1
                status, *rest = self.ask(c, entity)
                if status == 200:
                    seen.append(rest)
                elif status not in (409, 503):
                    self.odd.append((entity, status, rest))
                    return
                else:
                    time.sleep(0.002)
            except (OSError, http.client.HTTPException):
                if c:
                    c.close()
                c = None
                time.sleep(0.005)
        if seen[0] != seen[1]:
            self.odd.append((entity, seen))
        self.answers[entity] = seen[0]

    def run(self):
        while not self.stopping:
            self.one(f"e{next(NUMBERS)}")


def recorded(get):
    """Ids by the entity of their event."""
    found, after = collections.defaultdict(list), 0
    while True:
        page = get(f"/admin/v1/usage/events?limit=1000&after={after}")
        if not page["events"]:
            return found
        for e in page["events"]:
            found[e["data"]["path"].split(".")[1]].append(e["id"])
        after = page["next"]


def judge(name, clients, found):
    answers = {e: a for c in clients for e, a in c.answers.items()}
    again = sum(n > 2 for c in clients for n in c.tries.values())
    kgent.equal([o for c in clients for o in c.odd][:5], [], f"{name}: nothing but answers")
    kgent.ok(len(answers) > 20, f"{name}: {len(answers)} keys, {again} of them asked more than twice")
    kgent.equal([(e, len(found[e])) for e in answers if len(found[e]) != 1][:5], [],
                f"{name}: each key is recorded once")
    kgent.equal(sorted(set(found) - set(answers))[:5], [], f"{name}: and nothing else is")
    wrong = [e for e, (_, receipt) in answers.items()
             if receipt and found[e] and f'id="{found[e][0]}"' not in receipt]
    kgent.equal(wrong[:5], [], f"{name}: receipts name their records")
    return len(answers)


def stop_all(clients):
    for c in clients:
        c.stopping = True
    for c in clients:
        c.join(60)


def shop(host):
    """The key and the tenant of a customer without limits but one of tokens."""
    tenant = host.post("/admin/v1/tenants", {"name": "shop", "tier": "FREE", "limits": {
        **FREE, "tokens_per_month": 10000000}}, local=True).json["id"]
    key = host.post("/admin/v1/keys", {"name": "k", "tenant": tenant, "scopes": ["read", "write"],
                                       "limits": FREE}, local=True)
    return key.json["key"], tenant


def used(host, tenant):
    policies = host.get(f"/admin/v1/limits?tenant={tenant}", local=True).json["policies"]
    return next(p["used"] for p in policies if p["name"] == "tokens" and p["of"] == "tenant")


def kills(commit):
    with kgent.Host(["health", AUTH, AGENTESE, METER],
                    options=[f"store.commit={commit}", "http.threads=2", "log.access=false"]) as host:
        key, tenant = shop(host)
        clients = [Client(host.port, key) for _ in range(CLIENTS)]
        for c in clients:
            c.start()
        for _ in range(CYCLES):
            time.sleep(random.uniform(0.02, 0.25))
            host.process.kill()
            host.process.wait()
            host.start()
        before = sum(len(c.answers) for c in clients)
        until(lambda: sum(len(c.answers) for c in clients) > before)
        stop_all(clients)
        found = recorded(lambda target: host.get(target, local=True).json)
        count = judge(f"{commit}, {CYCLES} kills", clients, found)
        host.process.kill()
        host.process.wait()
        host.start()
        kgent.equal(used(host, tenant), TOKENS * count, f"{commit}: each key is charged once")


class Slow(http.server.BaseHTTPRequestHandler):
    """An agent that waits until it may answer."""
    protocol_version = "HTTP/1.1"
    gate, entered = threading.Event(), threading.Semaphore(0)

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.entered.release()
        self.gate.wait(WAIT)
        body = b'{"result":"well","tokens_used":3}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def configured(d, agent):
    os.mkdir(os.path.join(d.dir, "conf.d"))
    node = (f'nodes = ( {{ name = "world.agent"; private = true; timeout = 20.0; url = '
            f'"http://127.0.0.1:{agent}/"; aspects = ( {{ name = "slow"; category = "GENERATION"; '
            "} ); } );")
    with open(os.path.join(d.dir, "conf.d", "10.conf"), "w", encoding="utf-8") as f:
        f.write(f'plugins = ( {{ load = "auth"; dev_keys = true; enforce = "shadow"; }}, '
                f'{{ {AGENTESE} {node} }}, {{ {METER} }} );')


def slow(port):
    headers = {"X-API-Key": "kg_dev_carol", "Content-Type": "application/json",
               "Idempotency-Key": "slow"}
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT)
    return kgent.request(c, "POST", INVOKE, '{"path":"world.agent.slow"}', headers)


def across(d):
    """A request that the old process still answers while the new one is asked."""
    answers = []
    first = threading.Thread(target=lambda: answers.append(slow(d.port)))
    first.start()
    Slow.entered.acquire()
    d.signal(signal.SIGHUP)
    kgent.ok(d.wait_told("READY=1"), "handed over")
    for _ in range(3):
        other = slow(d.port)
        kgent.equal((other.status, other.json.get("idempotency")), (409, "in_flight"),
                    "the successor sees what its predecessor does")
    Slow.gate.set()
    first.join(WAIT)
    again = slow(d.port)
    kgent.equal([a.status for a in answers], [200], "the predecessor answers")
    kgent.equal((again.status, again.body, again.headers["Idempotent-Replayed"]),
                (200, answers[0].body, "true"), "and its successor replays that")


def handovers():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with Daemon(timeout=10) as d:
        configured(d, server.server_port)
        d.start()
        across(d)
        clients = [Client(d.port, "kg_dev_carol") for _ in range(CLIENTS)]
        for c in clients:
            c.start()
        for _ in range(4):
            before = sum(len(c.answers) for c in clients)
            until(lambda: sum(len(c.answers) for c in clients) > before + 30)
            d.signal(signal.SIGHUP)
            kgent.ok(d.wait_told("READY=1"), "handed over under load")
        stop_all(clients)
        found = recorded(lambda target: json.loads(d.request("GET", target)[1]))
        kgent.equal(len(found.pop("agent", [])), 1, "the slow one is recorded once")
        judge("4 handovers", clients, found)
        kgent.equal(d.stop(), 0, "exit 0")


def ask(host, key, entity):
    return host.post(INVOKE, {"path": f"world.{entity}.manifest"},
                     {"X-API-Key": "kg_dev_bob", "Idempotency-Key": key})


DEVELOPER = 'load = "auth"; dev_keys = true; enforce = "on";'


def disk(commit):
    """The database is away: nothing is answered, kept or charged; then all is as ever."""
    with kgent.Host(["health", DEVELOPER, AGENTESE, METER], options=[f"store.commit={commit}"]) as host:
        db = os.path.join(host.state, "kgent.db")
        first = ask(host, "before", "house")
        os.rename(db, db + ".away")
        until(lambda: ask(host, "while", "house").status == 503)
        kgent.equal([ask(host, "while", "house").status for _ in range(3)], [503] * 3,
                    f"{commit}: nothing is answered that cannot be kept")
        os.rename(db + ".away", db)
        kgent.ok(until(lambda: ask(host, "behind", "cat").status == 200), f"{commit}: it is well again")
        again, late = ask(host, "before", "house"), ask(host, "while", "tree")
        kgent.equal((again.body, again.headers["Idempotent-Replayed"]), (first.body, "true"),
                    f"{commit}: what was kept before is there")
        known = late.status == 200 or (late.status, late.json.get("idempotency")) == (422, "mismatch")
        kgent.ok(known, f"{commit}: a key that was refused is free, or was taken in time")
        found = recorded(lambda target: host.get(target, local=True).json)
        kgent.ok(all(len(ids) == 1 for e, ids in found.items() if e != "house") and
                 1 <= len(found["house"]) <= 2, f"{commit}: what was answered is recorded once")


def day():
    """After 24 hours a key is as new."""
    if kgent.sanitized():
        kgent.skip("a key is kept for a day", "a sanitizer's library must come first")
        return
    clock, seen = kgent.Clock(), []
    with kgent.Host(["health", DEVELOPER, AGENTESE, METER], env=clock.env) as host:
        for seconds in (0, 60, 86400 - 60, 86400 + 60, 86400 + 120):
            clock.jump(seconds)
            answer = ask(host, "daily", "house")
            seen.append((answer.status, answer.headers["Idempotent-Replayed"]))
        kgent.equal(seen, [(200, None), (200, "true"), (200, "true"), (200, None), (200, "true")],
                    "a key is kept for a day")
        found = recorded(lambda target: host.get(target, local=True).json)
        kgent.equal(len(found["house"]), 2, "two days, two records")


class Streamer(wire.FaultHost):
    def __init__(self):
        super().__init__(("streamer",), ["http.handler_timeout=10"])
        shutil.copy(os.path.join(kgent.BUILD, "tests", "faults", "streamer.so"),
                    os.path.join(self.folder.name, "plugins"))

    def stream(self, query, key):
        """Twice with a key: the first answer or None when it broke off, the second, and how
        often there was a stream."""
        self.get("/s/seen")
        headers, answers = {"Idempotency-Key": key}, []
        for _ in range(2):
            try:
                answers.append(self.post("/s/paid?" + query, "", headers, local=True))
            except (OSError, http.client.HTTPException):
                answers.append(None)
        return (*answers, self.get("/s/seen").json["over"])


def streams():
    """A stream is kept as a whole body, its last word, too, or it is not given again."""
    with Streamer() as host:
        for query in ("do=ccr", "do=cwcl", "do=r", "now=ccc", "do=cr&commit=wait", "do=BBr",
                      "do=cr&type=text/plain"):
            first, second, runs = host.stream(query, query.replace("=", "-"))
            kgent.equal((first.status, first.body[-7:], first.headers["Transfer-Encoding"]),
                        (200, b"last200", "chunked"), f"{query}: streamed")
            kgent.equal((second.status, second.body == first.body, second.headers["Content-Type"],
                         second.headers["Cache-Control"], second.headers["Idempotent-Replayed"], runs),
                        (200, True, first.headers["Content-Type"], first.headers["Cache-Control"], "true", 1),
                        f"{query}: and again, in one piece")
        first, second, runs = host.stream("do=BwBwBwr", "large")
        kgent.equal((len(first.body), second.status, second.json.get("idempotency"), runs),
                    (300007, 422, "not_kept", 1), "one that is too large is not kept, and not made again")
        first, second, runs = host.stream("do=cr&last=fail", "cut")
        kgent.equal((first, second.status, second.json.get("idempotency"), runs),
                    (None, 422, "not_kept", 1), "nor is one that has no end")
        for query in ("do=cp", "do=p", "do=cx", "do=cr&commit=fail"):
            first, second, runs = host.stream(query, "bad" + query.replace("=", "-"))
            kgent.equal((first.body[:1], second.body[:1], runs), (first.body[:1], first.body[:1], 2),
                        f"{query}: one that fails leaves its key free")
        left(host)
        not_kept(host)


def not_kept(host):
    """The database goes away meanwhile: what cannot be kept has no end."""
    db, answers = os.path.join(host.state, "kgent.db"), []
    host.get("/s/seen")

    def ask_it():
        try:
            return host.post("/s/paid?do=cWWr", "", {"Idempotency-Key": "ill"}, local=True).status
        except http.client.HTTPException as e:
            return type(e).__name__
    client = threading.Thread(target=lambda: answers.append(ask_it()))
    client.start()
    until(lambda: host.get("/s/seen").json["threads"] == 1)
    os.rename(db, db + ".away")
    client.join()
    os.rename(db + ".away", db)
    kgent.equal(answers, ["IncompleteRead"], "a stream that cannot be kept is cut off")
    kgent.ok(until(lambda: ask_it() == 200), "and its key is free")


def left(host):
    """The client leaves behind the first chunk, and asks again."""
    host.get("/s/seen")
    head = "POST /s/paid?do=cWWc HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nIdempotency-Key: left\r\n\r\n"
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(os.path.join(host.state, "admin.sock"))
        s.sendall(head.encode())
        data = b""
        while b"chunk" not in data:
            data += s.recv(4096)
    answers = []

    def again():
        answers.append(host.post("/s/paid?do=cWWc", "", {"Idempotency-Key": "left"}, local=True))
        return answers[-1].status != 409
    until(again)
    kgent.equal((answers[-1].status, answers[-1].json.get("idempotency"), host.get("/s/seen").json["over"]),
                (422, "not_kept", 1), "a stream whose client left is charged, and not made again")


if __name__ == "__main__":
    kgent.main([lambda: kills("power"), lambda: kills("process"), handovers,
                lambda: disk("power"), lambda: disk("process"), day, streams])
