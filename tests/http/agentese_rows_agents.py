#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Agents behind a URL that misbehave: the status of each fault, that it costs nothing
and is sent once, that others don't notice, and that breakers open and heal in sight of
everybody."""
import http.client
import json
import re
import threading
import time

import badagent
import kgent
import rows

TIMEOUT = 0.6
# How the agent behaves, and the status that the caller gets.
FAULTS = {
    "hang": 504, "drip": 504, "driphead": 504, "reset": 502, "shut": 502, "garbage": 502,
    "failing": 502, "away": 502, "busy": 503, "moved": 502, "empty": 502, "html": 502,
    "broken": 502, "twice": 502, "endless": 502, "deep": 502, "torn": 502, "huge": 502,
    "nothing": 502, "uncounted": 502, "negative": 502, "wrong": 502,
    "says400": 400, "says404": 404, "says409": 409, "says422": 422,
}
STREAMS = {"dies": 502, "unfinished": 502, "complains": 502, "babbles": 502, "dripstream": 504}
ASPECTS = ('aspects = ( { name = "act"; per_token = true; tokens_max = 50;'
           ' output = "{\\"type\\":\\"string\\"}"; },'
           ' { name = "look"; category = "PERCEPTION"; idempotent = true; },'
           ' { name = "tell"; streams = true; per_token = true; tokens_max = 50; } );')


def node(port, mode, name=None, timeout=TIMEOUT, more=""):
    return (f'{{ name = "world.{name or mode}"; url = "http://127.0.0.1:{port}/{mode}/{{aspect}}";'
            f' private = true; timeout = {timeout}; {more} {ASPECTS} }}')


def agentese(*nodes):
    return 'load = "agentese"; nodes = ( ' + ", ".join(nodes) + " );"


def hosted(*nodes):
    return kgent.Host(plugins=["health", rows.UNLIMITED, "metering-openmeter", agentese(*nodes)])


def used(caller):
    me = caller.get("/v1/me").json
    return me["used"]["tokens_month"], me["left"]["tokens_per_month"]


def metric(host, name, **labels):
    """The sum of a metric's values with these labels."""
    total = 0
    for line in host.get("/metrics", admin=True).text.splitlines():
        if line.startswith(name + "{") and all(f'{k}="{v}"' in line for k, v in labels.items()):
            total += float(line.rsplit(" ", 1)[1])
    return total


def until(condition, seconds=10):
    """Polls; returns whether it came true."""
    end = time.monotonic() + seconds
    while not (good := condition()) and time.monotonic() < end:
        time.sleep(0.02)
    return good


def faults(host, agent, caller):
    """Each fault: status, a problem that tells nothing of the agent's inside, one call."""
    for aspect, table in (("act", FAULTS), ("tell", STREAMS)):
        for mode, status in table.items():
            begun = time.monotonic()
            answer = caller.invoke(f"world.{mode}.{aspect}", {"x": 1})
            taken = time.monotonic() - begun
            rows.check(answer, status, rows.problem(status), f"{mode}: {status}")
            kgent.ok("secret" not in answer.text, f"{mode}: its inside stays there")
            kgent.equal(len(agent.came.get(mode, [])), 1, f"{mode}: it was called once")
            if status == 504:
                kgent.ok(TIMEOUT * 0.9 < taken < TIMEOUT + 2, f"{mode}: in time")
    answer = caller.invoke("world.busy.act")
    kgent.equal((answer.status, answer.headers["Retry-After"]), (503, "7"), "Retry-After goes on")
    kgent.ok("no such tongue" in caller.invoke("world.says422.act").text, "so does a detail")
    kgent.equal(len(agent.came.get("good", [])), 0, "a redirect is not followed")
    kgent.equal(caller.invoke("world.nobody.act").status, 502, "nobody listens: 502")


def costs(host, caller):
    kgent.equal(used(caller), (0, 1000), "what failed costs nothing, and all is left")
    answer = caller.invoke("world.good.act")
    kgent.equal((answer.status, answer.json.get("result"), answer.json.get("tokens_used")),
                (200, "well", 7), "a good call")
    answer = caller.invoke("world.streams.tell")
    kgent.equal((answer.status, answer.json.get("result"), answer.json.get("tokens_used")),
                (200, "one two", 7), "a stream, collected")
    kgent.equal(used(caller), (14, 986), "cost what the agent said")
    for name, wanted in (("hang", "timeout"), ("reset", "failed"), ("failing", "failed"),
                         ("says422", "refused"), ("good", "ok")):
        kgent.ok(metric(host, "kgent_agentese_agent_calls_total", node=f"world.{name}",
                        outcome=wanted) >= 1, f"/metrics: {name} is {wanted}")
    for reason in ("network", "timeout", "status", "answer", "too_big", "stream"):
        kgent.ok(metric(host, "kgent_agentese_agent_failures_total", reason=reason) >= 1,
                 f"/metrics: failures by {reason}")
    parts = host.get("/health").json["components"]
    kgent.ok(parts["agent_world_failing"].startswith("degraded")
             and parts["agent_world_good"] == "ok", "/health: degraded, and ok")
    traced = caller.result("time.trace.query", {"topic": "world.hang"})
    kgent.equal([t["status"] for t in traced["traces"]], [504], "the trace has it")


def retried(agent, caller):
    """What only looks is sent again, what does something is not."""
    for mode, times in (("failing", 3), ("reset", 3), ("says404", 1), ("good", 1)):
        before = len(agent.came.get(mode, []))
        caller.invoke(f"world.{mode}.look")
        kgent.equal(len(agent.came[mode]) - before, times, f"{mode}.look: sent {times} times")


def misbehaving():
    agent = badagent.Agent()
    nodes = [node(agent.port, m) for m in (*FAULTS, *STREAMS)]
    extra = [node(agent.port, "good"), node(agent.port, "streams"),
             node(kgent.free_port(), "nobody")]
    with hosted(*extra, *nodes) as host:
        caller = rows.Caller(host, rows.new_key(host, limits={"tokens_per_month": 1000}))
        faults(host, agent, caller)
        costs(host, caller)
        retried(agent, caller)


# ---- Hanging, and everybody else ------------------------------------------------------


def hanging(caller, path, count):
    """That many calls at once; returns their threads, and where their statuses go."""
    got = []
    threads = [threading.Thread(target=lambda: got.append(caller.invoke(path)))
               for _ in range(count)]
    for t in threads:
        t.start()
    return threads, got


def p99(caller, count=200):
    """Seconds, on one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", caller.host.port, timeout=30)
    body = json.dumps({"path": "world.house.manifest"})
    taken = []
    for _ in range(count):
        begun = time.perf_counter()
        connection.request("POST", "/v1/agentese/invoke", body,
                           {**caller.headers, "Content-Type": "application/json"})
        connection.getresponse().read()
        taken.append(time.perf_counter() - begun)
    connection.close()
    return sorted(taken)[count * 99 // 100 - 1]


def calmest(caller):
    """The least of several, for a machine that does other things, too."""
    end, found = time.monotonic() + 1.5, []
    while len(found) < 5 and time.monotonic() < end:
        found.append(p99(caller))
    return min(found)


def others(host, agent, caller, other):
    """While 64 calls hang, the calls of everybody else take as long as ever."""
    quiet = calmest(other)
    threads, got = hanging(caller, "world.slow.act", 64)
    kgent.ok(until(lambda: metric(host, "kgent_agentese_agent_under_way",
                                  node="world.slow") == 64), "/metrics: 64 calls under way")
    busy = calmest(other)
    kgent.note(f"p99 of others: {quiet * 1e3:.2f} ms, with 64 hanging {busy * 1e3:.2f} ms")
    kgent.equal(len(got), 0, "they all hang meanwhile")
    kgent.ok(busy < 2 * quiet + 0.005, "p99 of others is as before")
    answer = caller.invoke("world.slow.act")
    kgent.equal((answer.status, int(answer.headers["Retry-After"]) > 0), (503, True),
                "one more than are let through: 503")
    for t in threads:
        t.join()
    kgent.equal({a.status for a in got}, {504}, "then they time out")
    kgent.ok(until(lambda: metric(host, "kgent_agentese_agent_under_way",
                                  node="world.slow") == 0), "none is under way")
    kgent.ok(until(lambda: used(caller) == (0, 5000)), "and nothing is reserved any more")


def reserved(host, other):
    """What hangs holds its reservation, and gives it back."""
    poor = rows.Caller(host, rows.new_key(host, tenant=rows.new_tenant(host, "poor"),
                                          limits={"tokens_per_month": 100}))
    threads, got = hanging(poor, "world.hang.act", 2)
    kgent.ok(until(lambda: metric(host, "kgent_agentese_agent_under_way",
                                  node="world.hang") == 2), "two of 50 tokens hang")
    kgent.ok(poor.invoke("world.good.act").status in (402, 429), "of 100 there is none left")
    kgent.equal(other.invoke("world.good.act").status, 200, "others have theirs")
    for t in threads:
        t.join()
    kgent.equal([a.status for a in got], [504, 504], "when those have failed")
    kgent.equal(poor.invoke("world.good.act").status, 200, "there is")


def leaves(host, caller):
    """A caller who goes away says nothing of the agent."""
    before = metric(host, "kgent_agentese_agent_failures_total")
    connection = http.client.HTTPConnection("127.0.0.1", host.port, timeout=30)
    connection.request("POST", "/v1/agentese/invoke", json.dumps({"path": "world.slow.act"}),
                       {**caller.headers, "Content-Type": "application/json"})
    kgent.ok(until(lambda: metric(host, "kgent_agentese_agent_under_way",
                                  node="world.slow") == 1), "a call is under way")
    connection.close()
    kgent.ok(until(lambda: metric(host, "kgent_agentese_agent_under_way",
                                  node="world.slow") == 0, 1.5), "its caller goes: it ends")
    kgent.equal(metric(host, "kgent_agentese_agent_failures_total"), before, "without a failure")
    kgent.ok(until(lambda: used(caller) == (0, 5000)), "and costs nothing")


def patience():
    agent = badagent.Agent()
    with hosted(node(agent.port, "hang", "slow", timeout=5.0), node(agent.port, "hang"),
                node(agent.port, "good")) as host:
        caller = rows.Caller(host, rows.new_key(host, tenant=rows.new_tenant(host, "slow"),
                                                limits={"tokens_per_month": 5000}))
        other = rows.Caller(host)
        leaves(host, caller)
        others(host, agent, caller, other)
        reserved(host, other)


# ---- The breaker ----------------------------------------------------------------------


def part(host, name):
    return host.get("/health").json["components"][f"agent_world_{name}"]


def breaker(host, agent, caller):
    for _ in range(5):
        kgent.equal(caller.invoke("world.failing.act").status, 502, "it fails")
    answer = caller.invoke("world.failing.act")
    rows.check(answer, 503, rows.problem(503), "after five failures the breaker is open")
    kgent.ok(int(answer.headers["Retry-After"]) >= 1, "with Retry-After")
    kgent.equal(len(agent.came["failing"]), 5, "the agent is left alone")
    kgent.equal(metric(host, "kgent_agentese_agent_open", node="world.failing"), 1, "/metrics")
    kgent.ok(re.match("error|down", part(host, "failing")), "/health: " + part(host, "failing"))
    kgent.equal(host.get("/health").json["components"]["auth"], "ok", "of nothing else")
    kgent.equal(caller.invoke("world.good.act").status, 200, "the same host's other node works")
    kgent.equal(metric(host, "kgent_agentese_agent_open", node="world.good"), 0, "and is closed")
    kgent.ok(until(lambda: caller.invoke("world.failing.act").status == 502), "one is let through")
    kgent.equal(caller.invoke("world.failing.act").status, 503, "it failed: open again")
    agent.healed.add("failing")
    kgent.ok(until(lambda: caller.invoke("world.failing.act").status == 200), "it heals")
    kgent.equal({caller.invoke("world.failing.act").status for _ in range(10)}, {200},
                "and then all are let through")
    kgent.equal((metric(host, "kgent_agentese_agent_open", node="world.failing"),
                 part(host, "failing")), (0, "ok"), "/metrics and /health")


def breakers():
    agent = badagent.Agent()
    with hosted(node(agent.port, "failing"), node(agent.port, "good")) as host:
        breaker(host, agent, rows.Caller(host))


if __name__ == "__main__":
    kgent.main([misbehaving, patience, breakers])
