#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""time.* over HTTP: the trace of a tenant, nodes as they were, what is deferred, what may come."""
import datetime
import time

import kgent

AUTH = 'load = "auth"; dev_keys = true; enforce = "shadow";'
INVOKE = "/v1/agentese/invoke"


def call(host, path, key="carol", observer=None, **kwargs):
    body = {"path": path, "kwargs": kwargs}
    if observer:
        body["observer"] = observer
    headers = {"X-API-Key": key if key.startswith("kg_") else "kg_dev_" + key}
    return host.post(INVOKE, body, headers)


def result(host, path, key="carol", **kwargs):
    answer = call(host, path, key, **kwargs)
    if answer.status != 200:
        kgent.ok(False, f"{path}: {answer.status} {answer.text}")
    return answer.json.get("result")


def statuses(host, rows):
    return [call(host, path, **kwargs).status for path, kwargs in rows]


def until(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def now():
    return datetime.datetime.now(datetime.timezone.utc).isoformat()


# ---- trace ------------------------------------------------------------------------


def trace(host):
    call(host, "world.house.manifest", observer={"name": "ann", "archetype": "poet"})
    call(host, "world.house.fly")
    call(host, "world.house.transform", "alice", changes={"a": 1})
    call(host, "world.hou$e.manifest kg_abcde_0123456789012345678901234567890123456789012")
    call(host, "world.house.transform[phase=PLAN]@span=s1", changes={"a": 1})
    got = result(host, "time.trace.query", topic="world.house")
    kgent.equal((got["topic"], got["total"]), ("world.house", 4), "query: those of a topic")
    kgent.equal([(t["path"], t["status"]) for t in got["traces"]],
                [("world.house.transform", 200), ("world.house.transform", 403), ("world.house.fly", 403),
                 ("world.house.manifest", 200)], "refused ones too, newest first")
    last = got["traces"][0]
    kgent.equal((last["span_id"], last["phase"], last["units"], last["observer"]), ("s1", "PLAN", 0, "api_user"),
                "span and phase are noted")
    kgent.equal(set(got["traces"][1]), {"at", "path", "observer", "duration_ms", "status", "units", "span_id",
                                        "trace_id"}, "what a line has")
    kgent.equal(got["traces"][3]["observer"], "ann", "who observed")
    text = call(host, "time.trace.query").text
    kgent.ok("0123456789012345" not in text, "a credential in a path is not said again")
    kgent.equal([t["status"] for t in result(host, "time.trace.query", status=400)["traces"]], [400], "by status")
    kgent.equal(result(host, "time.trace.query", observer_name="ann")["total"], 1, "by observer")
    kgent.equal(result(host, "time.trace.query", topic="s1")["total"], 1, "by span")
    kgent.equal(result(host, "time.trace.query", since=time.time() + 60)["total"], 0, "by time")
    got = result(host, "time.trace.query", topic="world.house", limit=1)
    kgent.equal((len(got["traces"]), got["total"]), (1, 4), "limit")
    got = result(host, "time.trace.witness", topic="world.house.fly")
    kgent.equal((got["total"], got["traces"][0]["status"]), (1, 403), "witness")
    got = result(host, "time.trace.replay", topic="world.house")["traces"]
    kgent.equal(([t["step"] for t in got], got[0]["path"], got[0]["offset_ms"]),
                ([1, 2, 3, 4], "world.house.manifest", 0.0), "replay: oldest first")
    got = result(host, "time.trace.analyze", topic="world.house")
    kgent.equal((got["total"], got["errors"], got["error_rate"], got["by_status"]), (4, 2, 0.5, {"200": 2, "403": 2}),
                "analyze counts")
    kgent.equal(got["by_path"][0], {"path": "world.house.transform", "count": 2, "errors": 1,
                                    "mean_ms": got["by_path"][0]["mean_ms"]}, "by path")
    got = result(host, "time.trace.diff", a="world.house", b="world.house.fly")
    kgent.equal((got["a"]["total"], got["b"]["total"], got["diff"]["total"], got["diff"]["errors"]), (4, 1, -3, -1), "diff")
    got = result(host, "time.trace.collect")
    kgent.equal((got["max"], {"observer": "ann", "count": 1} in got["observers"]), (1000, True), "collect")
    got = result(host, "time.trace.render", topic="world.house")
    kgent.equal((got["lines"], got["rendering"].count("\n"), "world.house.fly  403" in got["rendering"]),
                (4, 4, True), "render")
    kgent.equal(statuses(host, [("time.trace.query", {"limit": 0}), ("time.trace.query", {"limit": 1001}),
                                ("time.trace.query", {"since": "yesterday"}), ("time.trace.query", {"topic": 7})]),
                [400] * 4, "arguments are checked")
    kgent.equal(call(host, "time.trace.analyze", "alice").status, 200, "a key that reads may look")


def trace_stays(host):
    total = result(host, "time.trace.query")["total"]
    kgent.equal(host.stop(), 0, "it ends")
    host.start()
    kgent.equal(result(host, "time.trace.query")["total"], total + 1, "a clean end loses nothing of the trace")
    kgent.equal(result(host, "time.trace.query", topic="world.house")["total"], 4, "it is the same")
    for _ in range(100):
        result(host, "world.many.manifest")
    time.sleep(2.2)  # longer than it takes until it is written
    host.process.kill()
    host.process.wait()
    host.start()
    kgent.equal(result(host, "time.trace.query", topic="world.many")["total"], 100, "a SIGKILL loses a second at most")


def trace_bounded(host):
    for _ in range(1100):
        call(host, "world.flood.manifest")
    got = result(host, "time.trace.query", topic="world.flood", limit=1000)
    kgent.equal((got["total"], len(got["traces"])), (1000, 1000), "no more is kept than trace_max")


# ---- past ---------------------------------------------------------------------------


def past(host):
    before = now()
    result(host, "world.past.transform", changes={"a": 1, "b": 1})
    first = now()
    result(host, "world.past.transform", changes={"a": 2, "c": 3})
    second = now()
    result(host, "world.past.build")
    result(host, "world.past.transform", changes={"b": None})
    got = result(host, "time.past.project", target="world.past", timestamp=first)
    kgent.equal((got["state"], got["version"], got["exists"]), ({"a": 1, "b": 1}, 1, True), "project: as it was then")
    got = result(host, "time.past.project", target="world.past", timestamp=second)
    kgent.equal((got["state"], got["version"]), ({"a": 2, "b": 1, "c": 3}, 2), "and later")
    got = result(host, "time.past.project", target="world.past", timestamp=before)
    kgent.equal((got["state"], got["version"], got["exists"]), ({}, 0, False), "and before it was there")
    kgent.equal(result(host, "time.past.project", target="world.past")["version"], 3, "without a time: now")
    got = result(host, "time.past.compare", target="world.past", **{"from": first, "to": second})
    kgent.equal((got["same"], got["added"], got["removed"], got["changed"]),
                (False, {"c": 3}, {}, {"a": {"from": 1, "to": 2}}), "compare")
    got = result(host, "time.past.diff", target="world.past", from_version=2)
    kgent.equal((got["removed"], got["to"]["version"]), ({"b": 1}, 3), "diff, by version")
    got = result(host, "time.past.restore", target="world.past", timestamp=first)
    kgent.equal((got["restored"], got["from_version"], got["version"]), (True, 1, 4), "restore")
    kgent.equal(result(host, "time.past.project", target="world.past")["state"], {"a": 1, "b": 1}, "is what it was")
    kgent.equal(result(host, "world.past.witness")["history"][0]["aspect"], "restore", "and in its history")
    kgent.equal(result(host, "time.past.restore", target="world.past", version=2)["version"], 5, "by version")
    kgent.equal(call(host, "time.past.restore", "alice", target="world.past", version=1).status, 403,
                "a key that reads restores nothing")
    kgent.equal(statuses(host, [("time.past.project", {}), ("time.past.project", {"target": "self.memory"}),
                                ("time.past.project", {"target": "World"}), ("time.past.restore", {"target": "world.past"}),
                                ("time.past.project", {"target": "world.past", "timestamp": "then"}),
                                ("time.past.project", {"target": "world.past", "version": -1})]), [400] * 6,
                "arguments are checked")
    kgent.equal(statuses(host, [("time.past.project", {"target": "world.past", "version": 99}),
                                ("time.past.restore", {"target": "world.nothing", "version": 1})]), [404] * 2,
                "no such version")


def past_bounded(host):
    for n in range(30):
        result(host, "world.bounded.transform", changes={"n": n})
    answer = call(host, "time.past.project", target="world.bounded", version=9)
    kgent.equal((answer.status, "is not kept" in answer.json["detail"], "why" in answer.json), (404, True, True),
                "of 30 versions the oldest went")
    kgent.equal(result(host, "time.past.project", target="world.bounded", version=10)["state"], {"n": 9}, "20 are kept")


def rollback(host):
    result(host, "world.undo.transform", changes={"a": 1})
    answer = call(host, "world.undo.transform[rollback=true]", changes={"a": 2}).json
    kgent.equal(set(answer), {"path", "result", "tokens_used", "cached", "rollback_token"}, "a token")
    token = answer["rollback_token"]
    kgent.equal(result(host, "time.past.restore", token=token)["restored"], True, "undoes it")
    kgent.equal(result(host, "time.past.project", target="world.undo")["state"], {"a": 1}, "as before")
    answer = call(host, "time.past.restore", token=token)
    kgent.equal((answer.status, "suggestion" in answer.json), (409, True), "not twice, as it changed since")
    token = call(host, "world.undo.define[rollback=true]", name="wing").json["rollback_token"]
    got = result(host, "time.past.restore", token=token)
    kgent.equal((got["target"], got["removed"]), ("world.undo.wing", True), "what was defined goes again")
    kgent.equal(call(host, "world.undo.define", name="wing").status, 200, "and can be defined again")
    answer = call(host, "world.undo.manifest[rollback=true]")
    kgent.equal((answer.status, answer.json["rollback_token"]), (200, None), "what changes nothing needs no undoing")
    kgent.equal(call(host, "void.entropy.sip[rollback=true]").status, 501, "what cannot be undone says so")
    kgent.equal(statuses(host, [("time.past.restore", {"token": t}) for t in
                                ("", "x", "world.undo", "world.undo@", "world.undo@x", "world.undo@0", "self.x@1",
                                 "world.undo@99999999999999999999")]), [400] * 8, "tokens are checked")


# ---- schedule --------------------------------------------------------------------------


def ended(host, id_):
    return [d for d in result(host, "time.schedule.list", limit=1000)["scheduled"]
            if d["id"] == id_ and d["status"] == "done"]


def schedule(host):
    began = time.time()
    got = result(host, "time.schedule.defer", target="world.later.transform", delay=0.8,
                 kwargs={"changes": {"a": "b\n"}})
    kgent.equal((got["target"], got["status"], len(got["id"])), ("world.later.transform", "pending", 32), "defer")
    listed = result(host, "time.schedule.list")
    kgent.equal((listed["total"], listed["scheduled"][0]), (1, got), "list")
    kgent.equal(result(host, "time.past.project", target="world.later")["exists"], False, "not yet")
    kgent.ok(until(lambda: ended(host, got["id"])), "it is done")
    took = time.time() - began
    kgent.ok(0.8 <= took < 1.8, f"in time: {took:.3f} s")
    done = ended(host, got["id"])[0]
    kgent.equal((done["code"], done["attempts"], done["answer"]["result"]),
                (200, 1, {"transformed": True, "changes": {"a": "b\n"}, "version": 1}), "with its answer")
    kgent.equal(result(host, "world.later.witness")["total"], 1, "once")
    at = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=0.5)).isoformat()
    got = result(host, "time.schedule.defer", target="void.entropy.sip", at=at)
    kgent.ok(until(lambda: ended(host, got["id"])), "at a time")
    kgent.equal(result(host, "void.entropy.status")["drawn"], 0.1, "it drew")
    got = result(host, "time.schedule.defer", target="world.later.manifest", delay=0)
    kgent.ok(until(lambda: ended(host, got["id"])), "what only looks, too")
    paths = [t["path"] for t in result(host, "time.trace.query", topic="world.later")["traces"]]
    kgent.equal(paths[:2], ["world.later.manifest", "world.later.witness"], "it is in the trace")
    got = result(host, "time.schedule.defer", target="world.later.transform", delay=0)
    kgent.ok(until(lambda: ended(host, got["id"])), "what is refused ends, too")
    done = ended(host, got["id"])[0]
    kgent.equal((done["code"], "changes" in done["answer"]["detail"]), (400, True), "with what it was told")


def cancel(host):
    got = result(host, "time.schedule.defer", target="world.never.build", delay=1)
    kgent.equal(call(host, "time.schedule.cancel", "alice", id=got["id"]).status, 403, "not with a key that reads")
    kgent.equal(result(host, "time.schedule.cancel", id=got["id"])["status"], "cancelled", "cancel")
    answer = call(host, "time.schedule.cancel", id=got["id"])
    kgent.equal((answer.status, "is cancelled" in answer.json["detail"]), (409, True), "not twice")
    answer = call(host, "time.schedule.cancel", id="nobody")
    kgent.equal((answer.status, answer.json["related"]), (404, ["time.schedule.list"]), "no such one")
    result(host, "time.schedule.defer", target="world.later.build", delay=1)
    kgent.ok(until(lambda: result(host, "world.later.witness")["total"]), "one behind it is done")
    kgent.equal(result(host, "world.never.witness")["total"], 0, "it was not done")
    kgent.equal([d["id"] for d in result(host, "time.schedule.list", status="cancelled")["scheduled"]], [got["id"]],
                "list by status")


def defer_refused(host):
    rows = [({}, 400), ({"target": "world.x.build"}, 400), ({"target": "world.x.build", "delay": -1}, 400),
            ({"target": "world.x.build", "delay": "soon"}, 400),
            ({"target": "world.x.build", "delay": 1, "at": now()}, 400),
            ({"target": "world.x.build", "at": "tomorrow"}, 400), ({"target": "world.x.build", "delay": 1, "kwargs": 7}, 400),
            ({"target": "world.x", "delay": 1}, 400), ({"target": "nowhere.x.y", "delay": 1}, 404),
            ({"target": "world.x.fly", "delay": 1}, 403)]
    kgent.equal([call(host, "time.schedule.defer", **kwargs).status for kwargs, _ in rows], [s for _, s in rows],
                "what could not be invoked now is not deferred")
    kgent.equal(call(host, "time.schedule.defer", "alice", target="world.x.manifest", delay=1).status, 403,
                "to defer takes write")


def restarted(host):
    ids = [result(host, "time.schedule.defer", target=f"world.again{n}.build", delay=1.5)["id"] for n in range(5)]
    host.process.kill()
    host.process.wait()
    host.start()
    kgent.ok(until(lambda: all(ended(host, i) for i in ids)), "what was deferred is done after a SIGKILL")
    kgent.equal([result(host, f"world.again{n}.witness")["total"] for n in range(5)], [1] * 5, "once")


# ---- future -------------------------------------------------------------------------------


def future(host):
    for _ in range(6):
        call(host, "world.trend.manifest")
        call(host, "world.after.manifest")
    got = result(host, "time.future.forecast", target="world.trend", horizon="7d")
    kgent.equal((got["target"], got["horizon"], got["observed"]), ("world.trend", "7d", 6), "forecast")
    kgent.equal([(s["name"], s["probability"]) for s in got["forecast"]["scenarios"]],
                [("optimistic", 0.3), ("baseline", 0.4), ("pessimistic", 0.3)], "three scenarios")
    kgent.equal((got["forecast"]["trend"] in ("rising", "falling", "stable"), got["forecast"]["confidence"]),
                (True, 0.375), "from the history")
    got = result(host, "time.future.forecast", target="world.unheard")
    kgent.equal((got["horizon"], got["forecast"]["trend"], got["forecast"]["confidence"]), (3600, "unknown", 0.0),
                "without one it knows nothing")
    got = result(host, "time.future.simulate", target="world.trend", steps=1000, step=1, seed=3)
    kgent.equal((got["steps"], len(got["simulation"]), sum(got["simulation"])), (1000, 1000, got["total"]), "simulate")
    kgent.equal(len(result(host, "time.future.simulate", target="world.trend", steps=1)["simulation"]), 1, "one step")
    got = result(host, "time.future.predict", target="world.trend.manifest")["prediction"]
    kgent.equal((got["then"], got["probability"]), ("world.after.manifest", 1.0), "predict: what came after")
    kgent.equal(statuses(host, [("time.future.simulate", {"target": "world.trend", "steps": n}) for n in (0, 1001)]
                         + [("time.future.forecast", {"target": "world.trend", "horizon": h}) for h in (-1, "soon", 0)]
                         + [("time.future.forecast", {})]), [400] * 6, "arguments are checked")


# ---- tenants ---------------------------------------------------------------------------------


def tenants(host):
    """Nothing of one tenant is seen by another."""
    answer = host.post("/admin/v1/tenants", {"name": "Other", "slug": "other"}, local=True)
    kgent.equal(answer.status, 201, "another tenant")
    other = host.post("/admin/v1/keys", {"name": "k", "tenant": "other", "scopes": ["read", "write"],
                                         "tier": "ENTERPRISE"}, local=True).json["key"]
    kgent.equal(result(host, "void.entropy.status", other)["drawn"], 0.0, "a pool of its own")
    result(host, "void.entropy.sip", other, amount=50)
    kgent.equal(result(host, "void.entropy.status")["drawn"], 0.1, "which is not ours")
    kgent.equal(result(host, "void.entropy.witness", other)["total"], 1, "a history of its own")
    kgent.equal({t["path"] for t in result(host, "time.trace.query", other)["traces"]},
                {"void.entropy.status", "void.entropy.sip", "void.entropy.witness"}, "a trace of its own")
    kgent.equal(result(host, "time.past.project", other, target="world.past")["exists"], False, "a past of its own")
    kgent.equal(result(host, "time.schedule.list", other)["total"], 0, "a schedule of its own")
    got = result(host, "time.schedule.defer", target="world.mine.build", delay=100)
    kgent.equal(call(host, "time.schedule.cancel", other, id=got["id"]).status, 404, "in which ours is not")
    kgent.equal(result(host, "time.future.forecast", other, target="world.trend")["observed"], 0, "a future of its own")
    kgent.equal(call(host, "time.past.restore", other, token="world.past@4").status, 409, "a token of ours undoes nothing")


def windows(host):
    kgent.equal(call(host, "time.schedule.defer", target="world.x.build", delay=1000).status, 200, "one is deferred")
    kgent.equal(call(host, "time.schedule.defer", target="world.x.build", delay=1000).status, 200, "and another")
    answer = call(host, "time.schedule.defer", target="world.x.build", delay=1000)
    kgent.equal((answer.status, answer.json["violated_policies"]), (507, ["agentese.schedule"]), "then it is full")
    ids = [d["id"] for d in result(host, "time.schedule.list")["scheduled"]]
    result(host, "time.schedule.cancel", id=ids[0])
    kgent.equal(call(host, "time.schedule.defer", target="world.x.build", delay=1000).status, 200,
                "what ended makes room")
    kgent.equal(result(host, "time.schedule.list")["total"], 2, "by going")


with kgent.Host(["health", AUTH, "agentese"], options=["http.threads=2"]) as kgentd:
    for test in (trace, trace_stays, past, past_bounded, rollback, schedule, cancel, defer_refused, future, tenants,
                 restarted, trace_bounded):
        try:
            test(kgentd)
        except Exception as e:  # the others run
            kgent.ok(False, f"{test.__name__}: {e!r}")
with kgent.Host(["health", AUTH, 'load = "agentese"; schedule_max = 2;']) as kgentd:
    windows(kgentd)
kgent.done()
