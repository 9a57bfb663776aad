#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""The nodes of time, row by row: the trace of what was invoked, the past of nodes, the
schedule, and forecasts."""
import datetime
import time

import kgent
import rows
from rows import ANY, NUMBER

LINE = {"at": rows.text("T", "+00:00"), "path": str, "observer": ANY, "duration_ms": NUMBER,
        "status": int, "units": ANY, "span_id": str}


def now(ahead=0):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=ahead)
    return at.isoformat()


def trace(caller):
    begun = now()
    caller.invoke("world.pond.manifest")
    caller.invoke("world.pond.build", {"changes": {"deep": 3}}, name="ann")
    caller.invoke("world.pond.fly")
    caller.invoke("world.pond.measure", {"metric": 3}, "architect")
    caller.invoke("world.pond.manifest@span=lily")
    got = caller.result("time.trace.query", {"topic": "world.pond"})
    kgent.ok(rows.fits(got, {"topic": "world.pond", "total": 5, "traces": rows.each(LINE)}),
             "each invocation, also a refused one, is in the trace")
    kgent.equal(sorted(t["status"] for t in got["traces"]), [200, 200, 200, 400, 403], "statuses")
    kgent.ok("lily" in [t["span_id"] for t in got["traces"]], "@span is the span's id")
    kgent.ok("ann" in str(got["traces"]), "and its observer")
    at = [t["at"] for t in got["traces"]]
    kgent.equal(at, sorted(at, reverse=True), "newest first")
    kgent.ok(min(at) >= begun[:19], "with the time")
    back = caller.result("time.trace.replay", {"topic": "world.pond"})
    kgent.ok("pond" in str(back), "replay")
    kgent.equal(caller.result("world.pond.witness")["total"], 1, "which invokes nothing")
    rows.run(caller, [
        ("time.trace.witness", {"topic": "world.pond"}, None, 200, {"total": 6}),
        ("time.trace.query", {"topic": "world.nothing"}, None, 200, {"total": 0, "traces": []}),
        ("time.trace.query", {"topic": "world.pond", "limit": 2}, None, 200,
         {"traces": [LINE, LINE]}),
        ("time.trace.query", {"topic": "world.pond", "status": 403}, None, 200, {"total": 1}),
        ("time.trace.query", {"limit": 0}, None, 400, None),
        ("time.trace.query", {"limit": 1001}, None, 400, None),
        ("time.trace.query", {"topic": 3}, None, 400, None),
        ("time.trace.analyze", {"topic": "world.pond"}, None, 200, ANY),
        ("time.trace.diff", {"a": "world.pond", "b": "world.lake"}, None, 200, ANY),
        ("time.trace.collect", None, None, 200, ANY),
        ("time.trace.render", {"topic": "world.pond"}, None, 200, lambda r: "pond" in str(r)),
    ])
    for name in ("a\nb", "c\x1b[2J", 'd"', "e\\"):
        caller.invoke("world.ink.manifest", name=name)
    got = caller.result("time.trace.render", {"topic": "world.ink"})
    kgent.equal((got["lines"], got["rendering"].count("\n"), got["rendering"].isprintable()),
                (4, 4, False), "one line each, whatever the observer is called")
    kgent.ok(all(line.isprintable() for line in got["rendering"].split("\n")), "of text")


def past(caller):
    first = now()
    caller.result("world.wall.transform", {"changes": {"colour": "red"}})
    time.sleep(0.01)
    red = now()
    time.sleep(0.01)
    caller.result("world.wall.transform", {"changes": {"colour": "blue"}})
    rows.run(caller, [
        ("time.past.project", {"target": "world.wall", "timestamp": red}, None, 200,
         lambda r: "red" in str(r) and "blue" not in str(r)),
        ("time.past.project", {"target": "world.wall", "timestamp": now()}, None, 200,
         lambda r: "blue" in str(r)),
        ("time.past.project", {"target": "world.wall", "timestamp": first}, None, 200,
         lambda r: "red" not in str(r) and "blue" not in str(r)),
        ("time.past.compare", {"target": "world.wall", "from": red, "to": now()}, None, 200,
         lambda r: "red" in str(r) and "blue" in str(r)),
        ("time.past.diff", {"target": "world.wall", "from": red, "to": now()}, None, 200,
         lambda r: "red" in str(r) and "blue" in str(r)),
        ("time.past.project", {"timestamp": red}, None, 400, None),
    ] + [("time.past.project", {"target": "world.wall", "timestamp": bad}, None, 400, None)
         for bad in ("2026-02-30T00:00:00Z", "2026-11-28T25:00:00Z", "2026-11-28", "", -1, 1e300,
                     "2300-01-01T00:00:00Z", "1970-01-01T00:00:00+23:59", None, True, [])] + [
        ("time.past.project", {"target": "world.wall", "timestamp": "yesterday"}, None, 400, None),
        ("time.past.project", {"target": "no path", "timestamp": red}, None, 400, None),
        ("time.past.restore", {"target": "world.wall", "timestamp": red}, None, 200, ANY),
        ("world.wall.measure", {"metric": "colour"}, "architect", 200, {"value": "red"}),
        ("world.wall.witness", None, None, 200, {"total": 3}),
    ])
    answer = caller.invoke("time.past.restore", {"token": "forged"})
    kgent.ok(answer.status in (400, 404), "a token that was never given")


def wait(caller, path, member, value, seconds):
    """Whether the state of a node gets a value in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if caller.result(path + ".measure", {"metric": member}, "architect")["value"] == value:
            return True
        time.sleep(0.05)
    return False


def schedule(caller):
    rows.run(caller, [
        ("time.schedule.defer", {"target": "world.bell.build", "delay": 3600,
                                 "kwargs": {"changes": {"never": 1}}}, None, 200, {"id": str}),
        ("time.schedule.list", None, None, 200, lambda r: "world.bell.build" in str(r)),
        ("time.schedule.defer", {"target": "world.bell.build"}, None, 400, None),
        ("time.schedule.defer", {"delay": 1}, None, 400, None),
        ("time.schedule.defer", {"target": "world.bell.build", "delay": -1}, None, 400, None),
        ("time.schedule.defer", {"target": "world.bell.build", "delay": "1"}, None, 400, None),
        ("time.schedule.defer", {"target": "world.bell.build", "at": "soon"}, None, 400, None),
        ("time.schedule.defer", {"target": "world.bell", "delay": 1}, None, 400, None),
        ("time.schedule.defer", {"target": "world.bell.fly", "delay": 1}, None, 403, None),
        ("time.schedule.cancel", {"id": "nobody"}, None, 404, None),
        ("time.schedule.cancel", None, None, 400, None),
    ])
    ident = caller.result("time.schedule.defer", {
        "target": "world.bell.build", "delay": 0.1, "kwargs": {"changes": {"rung": 1}}})["id"]
    kgent.ok(wait(caller, "world.bell", "rung", 1, 10), "delay: it is executed")
    caller.result("time.schedule.defer", {"target": "world.bell.build", "at": now(0.1),
                                          "kwargs": {"changes": {"rung": 2}}})
    kgent.ok(wait(caller, "world.bell", "rung", 2, 10), "at: it is executed")
    kgent.equal(caller.result("world.bell.witness")["total"], 2, "each once")
    end = time.monotonic() + 10
    while time.monotonic() < end and caller.invoke(
            "time.schedule.cancel", {"id": ident}).status not in (404, 409):
        time.sleep(0.05)
    kgent.ok(caller.invoke("time.schedule.cancel", {"id": ident}).status in (404, 409),
             "what is done cannot be cancelled")
    late = caller.result("time.schedule.defer", {
        "target": "world.bell.build", "delay": 0.3, "kwargs": {"changes": {"late": 1}}})["id"]
    rows.run(caller, [("time.schedule.cancel", {"id": late}, None, 200, ANY)])
    caller.result("time.schedule.defer", {
        "target": "world.bell.build", "delay": 0.3, "kwargs": {"changes": {"last": 1}}})
    kgent.ok(wait(caller, "world.bell", "last", 1, 10), "one that is due behind it is")
    kgent.equal(caller.result("world.bell.measure", {"metric": "late"}, "architect")["value"],
                "unmeasured", "what is cancelled is not executed")


def future(caller):
    forecast = {"trend": ANY, "confidence": rows.between(0, 1), "scenarios": [
        {"name": "optimistic", "probability": 0.3}, {"name": "baseline", "probability": 0.4},
        {"name": "pessimistic", "probability": 0.3}]}
    rows.run(caller, [
        ("time.future.forecast", {"target": "world.pond", "horizon": 3600}, None, 200,
         {"target": "world.pond", "horizon": 3600, "forecast": forecast}),
        ("time.future.forecast", {"target": "world.never", "horizon": "12h"}, None, 200,
         {"target": "world.never", "horizon": "12h", "forecast": forecast}),
        ("time.future.forecast", None, None, 400, None),
        ("time.future.predict", {"target": "world.pond"}, None, 200, ANY),
    ] + [("time.future.simulate", {"target": "world.pond", "steps": steps}, None, status, None)
         for steps, status in ((0, 400), (1001, 400), (-1, 400), ("1", 400), (1.5, 400))])
    for steps in (1, 1000):
        kgent.equal(caller.invoke("time.future.simulate", {"target": "world.pond",
                                                           "steps": steps}).status, 200,
                    f"{steps} steps")
    kgent.ok(caller.result("time.future.forecast", {"target": "world.pond", "horizon": 60})
             != caller.result("time.future.forecast", {"target": "world.never", "horizon": 60}),
             "a node with a history has another forecast than one without")


def tests():
    with kgent.Host(plugins=["health", rows.UNLIMITED, "agentese"]) as host:
        caller = rows.Caller(host)
        for test in (trace, past, schedule, future):
            test(caller)
        caller.result("time.schedule.defer", {"target": "world.dawn.build", "delay": 1.5,
                                              "kwargs": {"changes": {"up": 1}}})
        host.stop()
        host.start()
        kgent.ok(wait(caller, "world.dawn", "up", 1, 10), "what is deferred outlives the process")
        kgent.equal(caller.result("time.trace.query", {"topic": "world.pond"})["total"], 6,
                    "so does the trace")


if __name__ == "__main__":
    kgent.main([tests])
