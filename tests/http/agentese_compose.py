#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Compositions of an agent, of built-in nodes and of entities over real sockets: order,
failures, laws, prices and quotes, and what a budget has left behind each of them."""
import http.server
import itertools
import json
import random
import threading

import kgent

AUTH = 'load = "auth"; dev_keys = true;'
COUNTER = itertools.count()


class Agent(http.server.BaseHTTPRequestHandler):
    """Functions of numbers; `fickle` is none."""
    protocol_version = "HTTP/1.1"
    hang = threading.Event()

    def do_POST(self):
        try:
            self.answer()
        except (BrokenPipeError, ConnectionResetError):  # the host waits no longer
            self.close_connection = True

    def answer(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        aspect, n = asked["aspect"], asked["kwargs"].get("input")
        n = n if isinstance(n, int) else 0
        if aspect == "hang":
            self.hang.wait(20)
        result = {"double": 2 * n, "succ": n + 1, "half": n // 2, "make": n + 100,
                  "fickle": n + next(COUNTER)}.get(aspect, 0)
        body = json.dumps({"result": result, "tokens_used": 5}).encode()
        self.send_response(500 if aspect == "broken" else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def block(port):
    look = "".join('{ name = "%s"; category = "PERCEPTION"; per_token = true; tokens_max = 20; },'
                   % name for name in ("double", "succ", "half", "fickle", "broken", "hang"))
    return ('load = "agentese"; nodes = ( { name = "world.sums"; private = true; timeout = 1.0;'
            ' url = "http://127.0.0.1:%d/"; aspects = ( %s'
            ' { name = "make"; category = "GENERATION"; tokens = 7; } ); } );' % (port, look))


def compose(host, steps, who="bob", quote=False, headers=None, **more):
    body = {"pipeline" if isinstance(steps, str) else "paths": steps, **more}
    return host.post("/v1/agentese/compose" + ("?quote=1" if quote else ""), body,
                     {"X-API-Key": "kg_dev_" + who, **(headers or {})})


def invoke(host, path, who="bob", quote=False, headers=None, **kwargs):
    return host.post("/v1/agentese/invoke" + ("?quote=1" if quote else ""),
                     {"path": path, "kwargs": kwargs},
                     {"X-API-Key": "kg_dev_" + who, **(headers or {})})


def left(host):
    return invoke(host, "world.sums.double", quote=True).json["left"]["tokens"]


def traced(host):
    """The tenant's last invocations, oldest first."""
    got = invoke(host, "time.trace.query", limit=100).json["result"]["traces"]
    return [t for t in reversed(got) if not t["path"].startswith("time.trace")]


def order(host):
    before, seen = left(host), len(traced(host))
    answer = compose(host, "world.sums.double >> world.sums.succ >> Id >> world.sums.double",
                     initial_input=5)
    kgent.equal((answer.status, answer.json.get("result"), answer.json.get("tokens_used")),
                (200, 22, 15), "each gets what the one before said")
    steps = answer.json["pipeline_trace"]
    kgent.equal([(s["path"], s["output_type"]) for s in steps],
                [("world.sums." + a, "number") for a in ("double", "succ", "double")], "its trace")
    kgent.ok(all(s["duration_ms"] > 0 for s in steps), "with durations")
    kgent.equal(len({s["span_id"] for s in steps}), 3, "a span each")
    kgent.equal(before - left(host), 15, "the real cost is charged, the rest given back")
    got = traced(host)[seen:]
    kgent.equal([(t["path"], t["span_id"], t["status"]) for t in got],
                [(s["path"], s["span_id"], 200) for s in steps], "each is in the tenant's trace")
    answer = compose(host, ["world.house.manifest", "world.house.deploy@span=s7"])
    kgent.equal(answer.json["pipeline_trace"][1]["span_id"], "s7", "a span of its own")
    kgent.equal(answer.json["result"]["kwargs"]["input"]["type"], "developer", "entities, too")
    kgent.equal(compose(host, "Id", initial_input=[1]).json["result"], [1], "the identity")


def failures(host):
    for aspect, status in (("broken", 502), ("hang", 504)):
        before, seen = left(host), len(traced(host))
        answer = compose(host, f"world.sums.succ >> world.sums.{aspect} >> world.sums.succ")
        kgent.equal((answer.status, answer.json["failed_step"], answer.json["failed_path"]),
                    (status, 1, "world.sums." + aspect), f"{aspect}: which step")
        kgent.equal([s["path"] for s in answer.json["pipeline_trace"]], ["world.sums.succ"],
                    "and the trace so far")
        kgent.equal(left(host), before, "nothing is charged")
        kgent.equal([t["status"] for t in traced(host)[seen:]], [200, status], "both are traced")
    Agent.hang.set()
    seen = len(traced(host))
    answer = compose(host, "world.house.transform >> world.house.manifest")
    kgent.equal((answer.status, answer.json["failed_step"]), (400, 0), "an argument is missing")
    answer = compose(host, "world.sums.succ >> world.sums.make", who="alice")
    kgent.equal((answer.status, answer.json["required_scope"]), (403, "write"), "scopes")
    answer = compose(host, "world.sums.succ >> world.sums.fly")
    kgent.equal((answer.status, answer.json["pipeline_trace"]), (403, []), "known beforehand")
    kgent.equal([t["path"] for t in traced(host)[seen:]],
                ["world.house.transform", "world.sums.make", "world.sums.fly"],
                "refusals are traced, each where it was")
    answer = compose(host, "world.sums.succ", headers={"Idempotency-Key": "k"})
    kgent.ok(answer.status in (200, 501), "a key for once is kept, or refused")


def invoked(host):
    """As the path of an invocation: one request, one receipt, one charge."""
    before, seen = left(host), len(traced(host))
    answer = invoke(host, "world.sums.double >> world.sums.succ", input=5)
    kgent.equal((answer.status, answer.json["path"], answer.json["result"], answer.json["tokens_used"]),
                (200, "world.sums.double >> world.sums.succ", 11, 10), "a pipeline is invoked")
    kgent.equal(before - left(host), 10, "and charged once")
    kgent.equal([r.split(";")[1].strip() for r in answer.headers.get_all("Kgent-Receipt")], ["units=10"],
                "with one receipt")
    kgent.equal([(t["path"], t["span_id"]) for t in traced(host)[seen:]],
                [(s["path"], s["span_id"]) for s in answer.json["pipeline_trace"]], "each step is in the trace")
    path = "world.undo.transform[rollback=true] >> world.undo.deploy[rollback=true]"
    answer = invoke(host, path, changes={"a": 1})
    tokens = [s["rollback_token"] for s in answer.json["pipeline_trace"] if s.get("rollback_token")]
    kgent.equal(tokens, ["world.undo@1"], "what a step changed has a token")
    answer = invoke(host, "time.past.restore", token=tokens[0])
    kgent.equal((answer.status, answer.json["result"]["removed"]), (200, True), "that takes it back")
    answer = invoke(host, path + " >> world.undo.transform", changes={"a": 1})
    kgent.equal((answer.status, answer.json["pipeline_trace"][0]["rollback_token"]), (400, "world.undo@1"),
                "also behind a step that failed")


def laws(host):
    dice = random.Random(7)
    functions = {"double": lambda n: 2 * n, "succ": lambda n: n + 1, "half": lambda n: n // 2}
    for _ in range(25):
        chosen = [dice.choice([*functions, "Id"]) for _ in range(dice.randint(1, 6))] + ["succ"]
        value = first = dice.randint(0, 99)
        for name in chosen:
            value = functions.get(name, lambda n: n)(value)
        steps = ["Id" if c == "Id" else f"world.sums.{c}[law_check]" for c in chosen]
        answer = compose(host, steps, who="carol", initial_input=first)
        if (answer.status, answer.json.get("result")) != (200, value):
            kgent.equal(answer.text, value, " >> ".join(steps))
    kgent.equal((answer.json["laws_verified"], answer.json["laws_verified_by"]),
                (["left_identity", "right_identity", "associativity"], "evaluation"),
                "random pipelines keep the laws")
    before = left(host)
    answer = compose(host, "world.sums.succ >> world.sums.fickle[law_check] >> world.sums.succ")
    kgent.equal((answer.status, answer.json["law"], answer.json["locus"]),
                (422, "associativity", "world.sums.fickle[law_check]"), "an impure one is caught")
    kgent.equal(left(host), before, "and nothing is charged")
    answer = compose(host, "world.sums.succ[law_check] >> world.sums.make", initial_input=1)
    kgent.equal((answer.json["result"], answer.json["laws_verified_by"]), (102, "structure"),
                "effects are not repeated")


def quotes(host):
    before, seen = left(host), len(traced(host))
    answer = invoke(host, "world.sums.double", quote=True)
    kgent.equal((answer.status, answer.json["allowed"], answer.json["cost"]),
                (200, True, {"requests": 1, "tokens": 20, "money": 0}), "what it costs at most")
    answer = compose(host, "world.sums.double >> world.sums.make", quote=True)
    kgent.equal((answer.json["allowed"], answer.json["cost"]["tokens"], answer.json["paths"]),
                (True, 27, ["world.sums.double", "world.sums.make"]), "of a composition")
    answer = compose(host, "world.sums.double[law_check]", quote=True)
    kgent.equal(answer.json["cost"]["tokens"], 40, "twice under law_check")
    answer = compose(host, "world.sums.double >> world.sums.make", who="alice", quote=True)
    kgent.equal((answer.json["allowed"], answer.json["refusal"]["status"]), (False, 403),
                "what a key may not")
    answer = invoke(host, "world.sums.double", headers={"Prefer": "quote"})
    kgent.equal((answer.json["cost"]["tokens"], answer.headers.get("Preference-Applied")),
                (20, "quote"), "by preference")
    answer = invoke(host, "world.sums.double", headers={"Kgent-Max-Cost": "19"})
    kgent.equal((answer.status, answer.json["cost"]["tokens"]), (402, 20), "above what one pays")
    kgent.equal(invoke(host, "world.sums.double", headers={"Kgent-Max-Cost": "20"}).status, 200,
                "within")
    answer = compose(host, "world.sums.double >> world.sums.make", headers={"Kgent-Max-Cost": "26"})
    kgent.equal(answer.status, 402, "a composition above it")
    kgent.equal(before - left(host), 5, "only the one that ran is charged")
    kgent.equal(len(traced(host)) - seen, 2, "and that, and the refused one, are traced")


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Agent)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    plugins = ["health", AUTH, "metering-openmeter", block(server.server_port)]
    with kgent.Host(plugins=plugins) as host:
        order(host)
        invoked(host)
        failures(host)
        quotes(host)
        laws(host)
    server.shutdown()


kgent.main([main])
