#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Invocations that stream, over real sockets: of a plugin and of an agent that does what the
test says; who leaves, reads slowly, or is killed, and what each of them pays."""
import http.server
import json
import os
import queue
import shutil
import signal
import subprocess
import tempfile
import threading
import time

import kgent
from sse import Stream

LIMITS = {"requests_per_minute": 0, "requests_per_day": 0, "concurrent": 0}
GRANT = 1000000
WEATHER = os.path.join(kgent.SOURCE, "examples", "weather", "weather.c")


# ---- The agent -------------------------------------------------------------------


class Call:
    """A call that the agent has got: the test says what it answers."""

    def __init__(self, asked):
        self.asked, self.todo, self.broken = asked, queue.Queue(), threading.Event()

    def say(self, *pieces):
        for p in pieces:
            self.todo.put("data: " + p + "\n\n")
        return self

    def raw(self, text):
        self.todo.put(text)
        return self

    def done(self, **members):
        self.raw("event: done\ndata: " + json.dumps(members) + "\n\n").todo.put(None)

    def drop(self):
        """Ends it in the middle."""
        self.todo.put(None)


class Agent(http.server.BaseHTTPRequestHandler):
    calls = queue.Queue()

    def do_POST(self):
        call = Call(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        Agent.calls.put(call)
        first = call.todo.get()
        if first and first.startswith("{"):
            self.refuse(first)
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        try:
            while first:
                self.wfile.write(first.encode())
                first = call.todo.get()
        except OSError:
            call.broken.set()

    def refuse(self, problem):
        self.send_response(422)
        self.send_header("Content-Type", "application/problem+json")
        self.send_header("Content-Length", str(len(problem)))
        self.end_headers()
        self.wfile.write(problem.encode())

    def log_message(self, *args):
        pass


class Fixture:
    """A host with world.weather and the agent world.bard; a tenant with a budget."""

    def __init__(self, options=(), timeout=20.0):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Agent)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        node = ('{ name = "world.bard"; private = true; timeout = %f; reply_max = 4000000;'
                ' url = "http://127.0.0.1:%d/"; aspects = ( { name = "sing"; streams = true;'
                ' category = "GENERATION"; per_token = true; tokens_max = 1000; } ); }'
                % (timeout, self.server.server_port))
        self.host = kgent.Host(["health", 'load = "auth";', f'load = "agentese"; nodes = ( {node} );',
                                "metering-openmeter", "weather"], options)
        self.plugins()

    def plugins(self):
        folder = os.path.join(self.host.folder.name, "plugins")
        os.mkdir(folder, 0o755)
        built = os.path.join(kgent.BUILD, "plugins")
        for name in ("health", "auth", "agentese", "metering-openmeter"):
            shutil.copy(os.path.join(built, name + ".so"), folder)
        shutil.copy(weather_so, folder)
        for name in os.listdir(folder):
            os.chmod(os.path.join(folder, name), 0o755)
        with open(self.host.config, "a", encoding="utf-8") as f:
            f.write(f'plugin_dir = "{folder}";\n')

    def __enter__(self):
        self.host.__enter__()
        self.tenant = self.host.post("/admin/v1/tenants", {"name": "T", "slug": "t", "limits": {
            **LIMITS, "tokens_per_month": GRANT}}, local=True).json["id"]
        made = self.host.post("/admin/v1/keys", {"name": "k", "tenant": "t",
                                                 "scopes": ["read", "write"], "limits": LIMITS},
                              local=True).json
        self.key, self.key_id = made["key"], made["id"]
        return self

    def __exit__(self, *args):
        self.host.__exit__(*args)
        self.server.shutdown()
        self.server.server_close()

    def stream(self, path, kwargs=None, headers=None, **more):
        return Stream(self.host.port, {"path": path, "kwargs": kwargs or {}},
                      {"X-API-Key": self.key, **(headers or {})}, **more)

    def plain(self, path, **kwargs):
        return self.host.post("/v1/agentese/invoke", {"path": path, "kwargs": kwargs},
                              {"X-API-Key": self.key})

    def sing(self, **more):
        """A stream of the agent, and its other end."""
        s = self.stream("world.bard.sing", **more)
        return s, Agent.calls.get(timeout=10)

    def good(self):
        """A call that goes well and is free: the breaker stays closed."""
        s, call = self.sing()
        call.done(tokens_used=0)
        s.rest()

    def records(self):
        """What is recorded of the agent, as tokens; free calls left out."""
        page = self.host.get("/admin/v1/usage/events?limit=1000", local=True).json
        return [e["data"]["tokens_used"] for e in page["events"]
                if e["data"].get("path") == "world.bard.sing" and e["data"]["tokens_used"]]

    def spent(self):
        policies = self.host.get(f"/admin/v1/limits?tenant={self.tenant}", local=True).json["policies"]
        return [GRANT - p["left"] for p in policies if p["name"] == "tokens"][0]

    def traced(self):
        """Status and tokens of the newest calls of the agent."""
        told = self.plain("time.trace.query", topic="world.bard.sing").json
        return [(t["status"], t["units"]) for t in told["result"]["traces"]]


def until(condition, seconds=10):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


def chunks(events):
    return [d["text"] for name, d, _ in events if name == "chunk"]


# ---- Whole streams -----------------------------------------------------------------


def plugin(f):
    """A plugin's aspect."""
    for city in ("Oslo", "Rome", "Nice"):
        f.plain("world.weather.report", city=city, sky="clear")
    whole = f.plain("world.weather.bulletin").json
    s = f.stream("world.weather.bulletin")
    events = s.rest()
    kgent.equal((s.status, s.headers["Content-Type"], s.headers["Cache-Control"],
                 s.headers["X-Accel-Buffering"]), (200, "text/event-stream", "no-store", "no"), "head")
    kgent.equal("".join(chunks(events)), whole["result"], "the chunks are the answer")
    kgent.equal([d["index"] for n, d, _ in events if n == "chunk"], [0, 1, 2], "numbered")
    kgent.equal([i for _, _, i in events], ["1", "2", "3", "4"], "and so are the events")
    name, last, _ = events[-1]
    kgent.equal(name, "complete", "the last one is complete")
    receipt = last.pop("receipt", "")
    kgent.equal(last, {**whole, "cached": True, "text": whole["result"], "chunks": 3},
                "the answer's members, text and chunks")
    kgent.contains(receipt, "; units=2; unit=", "with a receipt")
    kgent.equal(f.host.ctl("receipt", "verify", receipt)[0], 0, "that is good")
    s = f.stream("world.weather.now", {"city": "Oslo"})
    events = s.rest()
    answer = {"city": "Oslo", "sky": "clear"}
    kgent.equal([(n, d["result"], json.loads(d["text"]), d["chunks"], d["tokens_used"])
                 for n, d, _ in events], [("complete", answer, answer, 0, 1)],
                "an aspect that doesn't stream: one event")
    kgent.ok("Kgent-Receipt" in s.headers, "whose receipt is in the head")
    for path, kwargs, status in (("world.weather.now", {"city": "Bonn"}, 404),
                                 ("world.weather.now", {}, 422), ("world.weather.fly", {}, 403),
                                 ("wrld.x.y", {}, 404), ("world", {}, 400)):
        s = f.stream(path, kwargs)
        kgent.equal((s.status, s.headers["Content-Type"]), (status, "application/problem+json"),
                    f"a refusal is a plain one: {path} {status}")


def accepted(f):
    """What a caller says that it takes."""
    rows = (("*/*", 0, 0), ("text/event-stream;q=0", 0, 0), ("application/json, text/event-stream", 1, 0),
            ("text/event-stream, */*;q=0.1", 1, 1), ("text/*", 0, 0), ("TEXT/Event-Stream ; q=0.5", 1, 1),
            ("application/json;q=0.9, text/event-stream;q=0.8", 0, 0), ("text/event-streams", 0, 0),
            ("application/*;q=0.2,text/event-stream;charset=utf-8;q=0.3", 1, 1), ("", 0, 0))
    for accept, streaming, other in rows:
        got = [f.stream(path, {"city": "Oslo"}, accept=accept).headers["Content-Type"]
               for path in ("world.weather.bulletin", "world.weather.now")]
        kgent.equal(got, [("application/json", "text/event-stream")[n] for n in (streaming, other)],
                    f"Accept: {accept}")
    s = f.stream("world.weather.bulletin", target="/v1/agentese/invoke?quote=1")
    kgent.ok("cost" in s.json, "a quote is JSON")


def composed(f):
    """A composition is one event, when all its steps are done."""
    s = f.stream("world.weather.bulletin >> Id")
    (name, data, _), = s.rest()
    plain = f.plain("world.weather.bulletin >> Id").json
    for trace in (data["pipeline_trace"], plain["pipeline_trace"]):
        trace[0].pop("duration_ms"), trace[0].pop("span_id")
    kgent.equal((name, data), ("complete", {**plain, "text": plain["result"], "chunks": 0}), "an invoked one")
    s = Stream(f.host.port, {"paths": ["world.weather.bulletin"]}, {"X-API-Key": f.key},
               target="/v1/agentese/compose")
    kgent.equal([(n, d["result"]) for n, d, _ in s.rest()], [("complete", plain["result"])], "and another")
    s = f.stream("world.weather.bulletin >> world.weather.fly")
    kgent.equal(s.status, 403, "its refusal is plain")


def agent(f):
    """An agent's pieces are passed on as they come."""
    s, call = f.sing()
    call.say("la")
    kgent.equal(s.next(), ("chunk", {"text": "la", "index": 0}, "1"), "the first piece, while it sings")
    call.say("l\u00e4\u4e16\U0001f600", "a\ndata: b")
    kgent.equal([s.next()[1]["text"] for _ in range(2)], ["l\u00e4\u4e16\U0001f600", "a\nb"], "any text, one by one")
    call.done(tokens_used=5)
    name, last, _ = s.next()
    kgent.equal((name, last["text"], last["result"], last["chunks"], last["tokens_used"]),
                ("complete", "lal\u00e4\u4e16\U0001f600a\nb", "lal\u00e4\u4e16\U0001f600a\nb", 3, 5), "the whole")
    kgent.equal(s.next(), None, "and nothing behind")
    kgent.equal((f.records(), f.spent()), ([5], 5 + f.base), "recorded and charged once")
    s, call = f.sing()
    call.say("la").done(tokens_used=1, result={"n": [1, 2]})
    last = s.rest()[-1][1]
    kgent.equal((last["text"], last["result"]), ("la", {"n": [1, 2]}), "a result of its own")
    s, call = f.sing()
    call.say(*(str(i % 10) for i in range(1000))).done(tokens_used=3)
    events = s.rest()
    kgent.equal("".join(chunks(events)), "0123456789" * 100, "a thousand pieces, in order")
    kgent.equal(events[-1][1]["text"], "0123456789" * 100, "and whole")
    f.base = f.spent()


def client(f):
    """kgentctl reads them."""
    env = {"KGENT_URL": f"http://127.0.0.1:{f.host.port}", "KGENT_API_KEY": f.key}
    name = os.path.join(f.host.folder.name, "receipt")
    bulletin = f.plain("world.weather.bulletin").json["result"]
    code, out, err = f.host.ctl("invoke", "world.weather.bulletin", "--stream", "--receipt", name, env=env)
    kgent.equal((code, out.rstrip("\n")), (0, bulletin.rstrip("\n")), "kgentctl invoke --stream")
    with open(name, encoding="ascii") as kept:
        kgent.equal(f.host.ctl("receipt", "verify", kept.read().strip())[0], 0, "keeps its receipt")
    kgent.ok(f.host.ctl("invoke", "world.weather.fly", "--stream", env=env)[0] != 0, "and fails with a refusal")


# ---- Failures ----------------------------------------------------------------------


def failures(f):
    """Before the first chunk a problem, behind it an event; neither costs anything."""
    before = f.records()
    s, call = f.sing()
    call.raw('{"status": 422, "detail": "no such song"}')
    kgent.equal((s.status, s.headers["Content-Type"]), (422, "application/problem+json"), "it refuses")
    s, call = f.sing()
    call.drop()
    kgent.equal(s.status, 502, "it dies before it sings")
    for name, end, text in (("dies", lambda c: c.drop(), "broke off"),
                            ("says an error", lambda c: c.raw("event: error\ndata: ink\n\n"), "it says: ink"),
                            ("says no tokens", lambda c: c.done(), "does not say tokens_used"),
                            ("counts badly", lambda c: c.raw("event: usage\ndata: x\n\n"), "no number"),
                            ("sings too long", lambda c: c.say("x" * 200000, "y" * 100000), "too long")):
        s, call = f.sing()
        call.say("la")
        s.next()
        end(call)
        events = s.rest()
        name2, data, _ = events[-1]
        kgent.equal((name2, data["type"], data["status"], data["problem"]["status"]),
                    ("error", "upstream", 502, 502), f"{name}: an error event is the last")
        kgent.contains(data["error"], text, f"{name}: that says why")
        call.drop()
        kgent.equal(f.traced()[0], (502, 0), f"{name}: the trace has it")
        f.good()
    kgent.equal((f.records(), f.spent()), (before, f.base), "nothing is recorded or charged")


def too_late():
    with Fixture(timeout=1.0) as f:
        f.base = f.spent()
        s, call = f.sing()
        call.say("la")
        s.next()
        name, data, _ = s.next()
        kgent.equal((name, data["type"], data["status"]), ("error", "timeout", 504), "an agent that hangs")
        call.drop()
        kgent.equal((f.records(), f.spent()), ([], f.base), "costs nothing")


# ---- Clients -----------------------------------------------------------------------


def leaving(f):
    """Who leaves pays for what he got."""
    base, count = f.spent(), len(f.records())
    for n in (1, 3, 7):
        s, call = f.sing()
        for i in range(n):
            call.say(f"la{i}")
            s.next()
        s.leave()
        kgent.ok(until(lambda: len(f.records()) > count), f"left after chunk {n}: recorded")
        count += 1
        base += n
        kgent.equal((f.records()[-1], f.spent()), (n, base), "a token for each chunk")
        kgent.equal(f.traced()[0], (499, n), "the trace has it")
        call.say("more").say("more").drop()
    s, call = f.sing()
    call.raw("event: usage\ndata: 20\n\n").say("la")
    s.next()
    call.raw("event: usage\ndata: 35\n\n").say("li")
    s.next()
    s.leave()
    kgent.ok(until(lambda: len(f.records()) > count), "where the agent told its tokens")
    kgent.equal((f.records()[-1], f.spent()), (35, base + 35), "those are charged")
    call.drop()
    s, call = f.sing()
    s.leave()
    kgent.ok(until(lambda: f.traced()[0] == (499, 0)), "left before the first chunk")
    call.drop()
    kgent.equal((len(f.records()), f.spent()), (count + 1, base + 35), "costs nothing")
    f.base = base + 35


def slow(f):
    """A client that doesn't read holds nobody up, and gets all in the end."""
    s, call = f.sing(buffer=4096)
    text = "".join(chr(0x4e00 + i % 5000) for i in range(80000))
    call.raw("".join(f"data: {c}\n\n" for c in text)).done(tokens_used=100)
    begin = time.monotonic()
    for _ in range(20):
        f.plain("world.weather.bulletin")
    kgent.ok(time.monotonic() - begin < 5, "others are served meanwhile")
    events = s.rest()
    kgent.equal(events[-1][0], "complete", "it ends well")
    kgent.ok("".join(chunks(events)) == text == events[-1][1]["text"], "nothing is missing")
    kgent.ok(len(chunks(events)) < 80000, f"what waited came together ({len(chunks(events))} chunks)")
    f.base = f.spent()


def revoked(f):
    """A key that is revoked in the middle."""
    key = f.host.post("/admin/v1/keys", {"name": "r", "tenant": "t", "scopes": ["read", "write"],
                                         "limits": LIMITS}, local=True).json
    count = len(f.records())
    s, call = f.sing(headers={"X-API-Key": key["key"]})
    call.say("la")
    s.next()
    kgent.ok(f.host.request("DELETE", f"/admin/v1/keys/{key['id']}", local=True).status < 300, "revoked")
    events = s.rest()
    kgent.equal(events[-1][0:2], ("error", {"error": "The access was revoked.", "type": "revoked"}),
                "its stream ends")
    kgent.ok(until(lambda: len(f.records()) > count), "what was sung is charged")
    kgent.equal(f.records()[-1], 1, "and no more")
    call.drop()
    f.base = f.spent()


def keyed(f):
    """With an Idempotency-Key."""
    headers = {"Idempotency-Key": "song-1"}
    s, call = f.sing(headers=headers)
    call.say("la").done(tokens_used=2)
    kgent.equal(s.rest()[-1][0], "complete", "a stream with a key")
    count = len(f.records())
    s2 = f.stream("world.bard.sing", headers=headers)
    kgent.equal((s2.rest(), s2.headers["Idempotent-Replayed"]), (s.events, "true"), "is played again")
    kgent.equal(len(f.records()), count, "and not charged again")
    f.base = f.spent()


# ---- The host ----------------------------------------------------------------------


def drain():
    f = Fixture()
    with f:
        s, call = f.sing()
        call.say("la")
        s.next()
        f.host.process.send_signal(signal.SIGTERM)
        kgent.equal(s.next()[0], "drain", "a drain is told")
        call.say("li")
        kgent.equal(s.next()[1]["text"], "li", "and the stream goes on")
        call.done(tokens_used=2)
        kgent.equal(s.rest()[-1][0], "complete", "to its end")
        kgent.equal(f.host.process.wait(10), 0, "then the host ends")
        f.host.start()
        kgent.equal(f.records(), [2], "it is recorded")


def killed():
    """Killed in the middle: nothing was used.  Killed behind the last event: it is kept."""
    with Fixture() as f:
        s, call = f.sing()
        call.say("la")
        s.next()
        f.host.stop(signal.SIGKILL)
        call.drop()
        f.host.start()
        kgent.equal((f.records(), f.spent()), ([], 0), "killed in the middle of a stream: it costs nothing")
        lost = 0
        for i in range(5):
            s, call = f.sing()
            call.say("la").done(tokens_used=3)
            while s.next()[0] != "complete":
                pass
            f.host.stop(signal.SIGKILL)
            f.host.start()
            lost += len(f.records()) != i + 1
        kgent.equal((lost, f.spent()), (0, 15), "what was complete is recorded and charged, once")


def weather_build(folder):
    """The example, as its Makefile would."""
    so = os.path.join(folder, "weather.so")
    cc = os.environ.get("CC", "cc").split()
    subprocess.run(cc + ["-std=gnu11", "-fPIC", "-fvisibility=hidden", "-shared",
                         "-I" + os.path.join(kgent.SOURCE, "include"), WEATHER, "-o", so], check=True)
    return so


def main():
    with Fixture() as f:
        plugin(f)
        accepted(f)
        composed(f)
        client(f)
        f.base = f.spent()
        for test in (agent, failures, leaving, slow, revoked, keyed):
            test(f)
        none = 'kgent_agentese_agent_under_way{node="world.bard"} 0\n'
        kgent.ok(until(lambda: none in f.host.get("/metrics", admin=True).text),
                 "no call is left behind")
    too_late()
    drain()
    killed()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as root:
        weather_so = weather_build(root)
        main()
    kgent.done()
