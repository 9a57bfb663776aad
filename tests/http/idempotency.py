#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Idempotency-Key over real sockets: one run, one record and one charge for each key, and
the same answer again; what is refused, and when a key is free."""
import collections
import http.server
import itertools
import json
import signal
import threading
import time

import kgent

AUTH = 'load = "auth"; dev_keys = true; enforce = "on";'
INVOKE = "/v1/agentese/invoke"
KEYS = itertools.count()
runs = collections.Counter()  # by kwarg `n`
gate = threading.Event()      # what `slow` waits for
entered = threading.Semaphore(0)


class Agent(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        try:
            self.answer()
        except (BrokenPipeError, ConnectionResetError):  # the host waits no longer
            self.close_connection = True

    def answer(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        n, size = asked["kwargs"].get("n"), asked["kwargs"].get("size", 1)
        runs[n] += 1
        if asked["aspect"] == "slow":
            entered.release()
            gate.wait(20)
        if asked["aspect"] == "talk":
            self.talk()
            return
        fails = asked["aspect"] == "fickle" and runs[n] == 1
        body = json.dumps({"result": "x" * size, "tokens_used": 5}).encode()
        self.send_response(500 if fails else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def talk(self):
        """A stream of its own."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for piece in ("one ", "two ", "three"):
            self.wfile.write(b"data: %s\n\n" % piece.encode())
            self.wfile.flush()
        self.wfile.write(b'event: done\ndata: {"tokens_used":3}\n\n')

    def log_message(self, *args):
        pass


def block(port):
    aspects = "".join('{ name = "%s"; category = "GENERATION"; per_token = true; tokens_max = 20; },'
                      % name for name in ("once", "slow", "fickle"))
    return ('load = "agentese"; nodes = ( { name = "world.agent"; private = true; timeout = 20.0;'
            ' reply_max = 1000000; url = "http://127.0.0.1:%d/"; aspects = ( %s { name = "talk";'
            ' category = "GENERATION"; streams = true; } ); } );' % (port, aspects))


def new_key():
    return f"key-{next(KEYS)}"


def ask(host, key, aspect="once", who="bob", target=INVOKE, **kwargs):
    headers = {"X-API-Key": "kg_dev_" + who, **({"Idempotency-Key": key} if key else {})}
    return host.post(target, {"path": f"world.agent.{aspect}", "kwargs": kwargs}, headers)


def replayed(answer):
    return answer.headers["Idempotent-Replayed"] == "true"


def outcome(answer):
    return answer.status, answer.json.get("idempotency")


def recorded(host):
    """Ids of all records."""
    return [e["id"] for e in host.events()]


def until(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


def records(host, before, n, name):
    """So many more than before; those without a key may still be on their way."""
    until(lambda: len(recorded(host)) >= before + n)
    kgent.equal(len(recorded(host)), before + n, name)


def left(host, who="bob"):
    return host.post(INVOKE + "?quote=1", {"path": "world.agent.once"},
                     {"X-API-Key": "kg_dev_" + who}).json["left"]["tokens"]


def once_and_again(host):
    before, tokens, key = len(recorded(host)), left(host), new_key()
    first = ask(host, key, n=key)
    kgent.equal((first.status, replayed(first)), (200, False), "the first is answered")
    today = int(first.headers["X-RateLimit-Requests-Today"])
    for form in (key, f'"{key}"', f" {key} "):
        again = ask(host, form, n=key)
        kgent.equal((again.status, again.body, replayed(again)), (200, first.body, True),
                    f"{form!r}: the same answer")
        kgent.equal((again.headers["Content-Type"], again.headers["Kgent-Receipt"]),
                    (first.headers["Content-Type"], first.headers["Kgent-Receipt"]),
                    "its type and receipt")
        kgent.ok(again.headers["X-Request-ID"] != first.headers["X-Request-ID"],
                 "and an id of its own")
    kgent.equal(runs[key], 1, "it ran once")
    kgent.equal(tokens - left(host), 5, "it is charged once")
    records(host, before, 1, "it is recorded once")
    other = ask(host, new_key(), n=key)
    kgent.equal(runs[key], 2, "another key is another request")
    kgent.equal(int(other.headers["X-RateLimit-Requests-Today"]), today + 2,
                "replays are not counted; the quote and this one are")


def mismatches(host):
    key = new_key()
    ask(host, key, n=key)
    for what, answer in (("body", ask(host, key, n=key, more=1)),
                         ("query", ask(host, key, n=key, target=INVOKE + "?quote=1")),
                         ("path", ask(host, key, n=key, target="/v1/agentese/compose"))):
        kgent.equal(outcome(answer), (422, "mismatch"), f"another {what} is another request")
    kgent.equal((runs[key], replayed(ask(host, key, n=key))), (1, True), "the first one stands")


def strangers(host):
    key = new_key()
    kgent.equal([replayed(ask(host, key, who=who, n=key)) for who in ("bob", "carol")],
                [False, False], "a key is its owner's")
    kgent.equal(runs[key], 2, "both ran")


def syntax(host):
    for bad in ('""', '"a', 'a"', '"a"b', '"a\\x"', '"a\\"', "a b", "a,b", "a;b", '"a";p=1', "a\\b",
                "x" * 256, '"' + "x" * 256 + '"', "\tä"):
        answer = ask(host, bad.encode().decode("latin-1"), n=bad)
        kgent.equal((answer.status, runs[bad]), (400, 0), f"{bad[:20]!r} is no key")
    for good in ("x" * 255, '"' + "y" * 255 + '"', '"a \\"b\\\\"', "z:/+=@.~", '"a,b;c"'):
        kgent.equal([replayed(ask(host, good, n=good)) for _ in range(2)], [False, True],
                    f"{good[:20]!r} is one")
    answer = host.get("/v1/agentese/paths", {"X-API-Key": "kg_dev_bob", "Idempotency-Key": "a b"})
    kgent.equal(answer.status, 200, "where nothing is charged, the field means nothing")


def failures(host):
    before, key = len(recorded(host)), new_key()
    kgent.equal(ask(host, key, "fickle", n=key).status // 100, 5, "a failure")
    second = ask(host, key, "fickle", n=key)
    kgent.equal((second.status, replayed(second)), (200, False), "is not kept")
    kgent.equal(replayed(ask(host, key, "fickle", n=key)), True, "what comes then is")
    records(host, before, 1, "and recorded")
    key = new_key()
    kgent.equal(ask(host, key, who="alice", n=key).status, 403, "nor is a refusal")
    kgent.equal(ask(host, key, who="alice", n=key).status, 403, "which is one each time")
    kgent.equal(ask(host, key, n=key, target=INVOKE + "?quote=1").status, 200, "a quote is kept")
    kgent.equal(replayed(ask(host, key, n=key, target=INVOKE + "?quote=1")), True, "as it was")


def in_flight(host):
    key, answers, count = new_key(), [], 8
    before = len(recorded(host))
    gate.clear()
    threads = [threading.Thread(target=lambda: answers.append(ask(host, key, "slow", n=key)))
               for _ in range(count)]
    for t in threads:
        t.start()
    entered.acquire()
    until(lambda: len(answers) == count - 1)
    kgent.equal([outcome(a) for a in answers], [(409, "in_flight")] * (count - 1),
                "all but one are told that it is being answered")
    kgent.equal({a.headers["Retry-After"] for a in answers}, {"1"}, "and when to ask again")
    kgent.equal(outcome(ask(host, key, "slow", n=key, more=1)), (422, "mismatch"),
                "another body is told at once")
    gate.set()
    for t in threads:
        t.join()
    kgent.equal((answers[-1].status, replayed(answers[-1])), (200, False), "the one is answered")
    kgent.equal(replayed(ask(host, key, "slow", n=key)), True, "and then kept")
    kgent.equal(runs[key], 1, "it ran once")
    records(host, before, 1, "and is recorded once")


def left_alone(host):
    """The client leaves: the call is given up, and the key is free."""
    key = new_key()
    gate.clear()
    c = kgent.http.client.HTTPConnection("127.0.0.1", host.port, timeout=20)
    c.request("POST", INVOKE, json.dumps({"path": "world.agent.slow", "kwargs": {"n": key}}),
              {"X-API-Key": "kg_dev_bob", "Content-Type": "application/json", "Idempotency-Key": key})
    entered.acquire()
    c.close()
    gate.set()
    kgent.ok(until(lambda: ask(host, key, "slow", n=key).status == 200), "whoever comes back is answered")


def large(host):
    before, key = len(recorded(host)), new_key()
    first = ask(host, key, n=key, size=300000)
    kgent.equal((first.status, len(first.json["result"])), (200, 300000), "a large answer goes out")
    again = ask(host, key, n=key, size=300000)
    kgent.equal((*outcome(again), runs[key]), (422, "not_kept", 1), "it is neither kept nor made again")
    kgent.contains(again.json["detail"], str(len(first.body)), "its size is told")
    records(host, before, 1, "it is recorded")
    key = new_key()
    ask(host, key, n=key, size=250000)
    kgent.equal(replayed(ask(host, key, n=key, size=250000)), True, "one a bit smaller is kept")


def events(host):
    """An event stream is given again as it was, the receipt in its last event, too."""
    before = len(recorded(host))
    headers = {"X-API-Key": "kg_dev_bob", "Accept": "text/event-stream"}
    for path in ("world.agent.once", "world.agent.talk"):
        headers["Idempotency-Key"] = new_key()
        body = {"path": path, "kwargs": {"n": headers["Idempotency-Key"]}}
        first, again = (host.post(INVOKE, body, headers) for _ in range(2))
        kgent.equal((first.status, replayed(first), "event: complete" in first.text), (200, False, True),
                    f"{path}: events")
        kgent.equal("event: chunk" in first.text, path.endswith("talk"), "pieces are events, too")
        kgent.ok("Kgent-Receipt" in first.headers or '"receipt":' in first.text, "with a receipt")
        kgent.equal((again.status, again.text, replayed(again), runs[headers["Idempotency-Key"]]),
                    (200, first.text, True, 1), "and the same again")
    records(host, before, 2, "each is recorded once")


def many_at_once(host):
    """Replays do not stand in each other's way."""
    key, answers = new_key(), []
    ask(host, key, n=key)
    threads = [threading.Thread(target=lambda: answers.extend(ask(host, key, n=key) for _ in range(20)))
               for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    kgent.equal({(a.status, replayed(a)) for a in answers}, {(200, True)}, "160 replays")


def metrics(host):
    text = host.get("/metrics", admin=True).text
    got = {line.split('"')[1]: int(float(line.split()[-1])) for line in text.splitlines()
           if line.startswith("kgent_idempotency_keys_total{")}
    kgent.ok(got["kept"] > 10 and got["replayed"] > 160 and got["in_flight"] >= 7
             and got["mismatch"] == 4 and got["not_kept"] == 1 and got["full"] == 0, f"{got}")


def restarts(host, number):
    key = new_key()
    first = ask(host, key, n=key)
    if number == signal.SIGKILL:
        host.process.kill()
        host.process.wait()
    else:
        kgent.equal(host.stop(), 0, "it ends")
    host.start()
    again = ask(host, key, n=key)
    kgent.equal((again.body, replayed(again), runs[key]), (first.body, True, 1), "kept over a restart")
    kgent.equal(len(set(recorded(host))), len(recorded(host)), "no id is there twice")


def life(commit, port):
    plugins = ["health", AUTH, block(port), "metering-openmeter"]
    with kgent.Host(plugins, options=[f"store.commit={commit}", "http.threads=2"]) as host:
        for test in (once_and_again, mismatches, strangers, syntax, failures, in_flight, left_alone,
                     large, events, many_at_once, metrics):
            kgent.note(f"{commit}: {test.__name__}")
            test(host)
        restarts(host, signal.SIGTERM)
        restarts(host, signal.SIGKILL)


def tests():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Agent)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for commit in ("power", "process"):
        life(commit, server.server_port)


if __name__ == "__main__":
    kgent.main([tests])
