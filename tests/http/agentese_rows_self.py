#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""The nodes of self and the purgatory, row by row."""
import kgent
import rows
from rows import ANY, NUMBER

M = "self.memory."


def keeps(caller):
    rows.run(caller, [
        (M + "engram", {"key": "sky", "data": {"colour": "blue", "n": [1, 2.5, None, True]}}, None,
         200, {"key": "sky"}),
        (M + "recall", {"key": "sky"}, None, 200,
         lambda r: "blue" in str(r) and "2.5" in str(r) and "error" not in r),
        (M + "retrieve", {"key": "sky"}, None, 200, lambda r: "blue" in str(r)),
        (M + "recall", {"query": "blue"}, None, 200, lambda r: "sky" in str(r)),
        (M + "recall", {"query": "nothing_like_it"}, None, 200, lambda r: "sky" not in str(r)),
        (M + "recall", {"key": "nobody"}, None, 404, None),
        (M + "recall", None, None, 400, None),
        (M + "recall", {"key": 3}, None, 400, None),
        (M + "engram", {"key": "bad key", "data": 1}, None, 400, None),
        (M + "engram", {"key": "1st", "data": 1}, None, 400, None),
        (M + "engram", {"key": "", "data": 1}, None, 400, None),
        (M + "engram", {"data": 1}, None, 400, None),
        (M + "engram", {"key": "k"}, None, 400, None),
        (M + "engram", {"key": "null_is_a_value", "data": None}, None, 200, None),
    ] + [(M + "engram", {"key": k, "data": d}, None, 200, {"key": k}) for k, d in (
        ("t_text", "x"), ("t_number", 1.5), ("t_list", [1]), ("_under", 1), ("Upper9", 1))])
    for key, data in (("t_text", "x"), ("t_number", 1.5), ("t_list", [1])):
        kgent.ok(data in caller.result(M + "recall", {"key": key}).values(), f"{key} comes back")
    rows.run(caller, [
        (M + "forget", {"key": "t_list"}, None, 200, ANY),
        (M + "recall", {"key": "t_list"}, None, 404, None),
        (M + "forget", {"key": "t_list"}, None, 404, None),
        (M + "forget", None, None, 400, None),
    ])


def snapshots(caller):
    rows.run(caller, [
        (M + "checkpoint", {"label": "before"}, None, 200, {"label": "before"}),
        (M + "engram", {"key": "later", "data": 1}, None, 200, ANY),
        (M + "forget", {"key": "sky"}, None, 200, ANY),
        (M + "resume", {"label": "before"}, None, 200, ANY),
        (M + "recall", {"key": "sky"}, None, 200, lambda r: "blue" in str(r)),
        (M + "recall", {"key": "later"}, None, 404, None),
        (M + "resume", {"label": "never"}, None, 404, None),
        (M + "checkpoint", {"label": 3}, None, 400, None),
    ])
    answer = caller.invoke(M + "restore", {"label": "before"})
    kgent.ok(answer.status in (200, 403), "restore is listed for the memory's aspects only")


def verbs(caller):
    """Each verb does what it says, or says 501."""
    rows.run(caller, [
        (M + "consolidate", None, None, 200, ANY),
        (M + "engram", {"key": "dear", "data": 1}, None, 200, ANY),
        (M + "cherish", {"key": "dear"}, None, 200, ANY),
        (M + "store", {"key": "longer", "data": [1]}, None, 200, ANY),
        (M + "deposit", {"data": {"a": 1}}, None, 200, ANY),
        (M + "promote", {"key": "dear"}, None, 200, ANY),
        (M + "demote", {"key": "dear"}, None, 200, ANY),
        (M + "evaluate", {"key": "dear"}, None, 200, ANY),
        (M + "sense", None, None, 200, ANY),
        (M + "play", None, None, 200, ANY),
        (M + "expiring_soon", None, None, 200, ANY),
        (M + "reap", None, None, 200, ANY),
        (M + "crystallize", {"key": "whole", "query": "blue"}, None, 200, ANY),
        (M + "prune", {"threshold": 0}, None, 200, ANY),
        (M + "recall", {"key": "dear"}, None, 200, ANY),
        (M + "prune", {"threshold": "x"}, None, 400, None),
        (M + "prune", {"threshold": -1}, None, 400, None),
        (M + "prune", {"threshold": 1}, None, 200, ANY),
        (M + "recall", {"key": "dear"}, None, 200, ANY),  # cherished
    ] + [(M + v, {"key": "nobody"}, None, 404, None)
         for v in ("cherish", "promote", "demote", "evaluate", "retrieve")])
    for verb in ("compress", "inference_consolidate"):
        answer = caller.invoke(M + verb, {"key": "dear"})
        if answer.status != 200:
            rows.check(answer, 501, rows.problem(501, lambda d: len(d) > 30), f"{verb}: says why")


def parts(caller):
    rows.run(caller, [
        ("self.capabilities.list", None, None, 200, ANY),
        ("self.capabilities.acquire", {"capability": "write_files"}, None, 200, ANY),
        ("self.capabilities.list", None, None, 200, lambda r: "write_files" in str(r)),
        ("self.capabilities.release", {"capability": "write_files"}, None, 200, ANY),
        ("self.capabilities.list", None, None, 200, lambda r: "write_files" not in str(r)),
        ("self.capabilities.acquire", None, None, 400, None),
        ("self.state.checkpoint", {"label": "one", "state": {"a": 1}}, None, 200, ANY),
        ("self.state.inspect", None, None, 200, lambda r: "'a': 1" in str(r)),
        ("self.state.checkpoint", {"label": "two", "state": {"a": 2}}, None, 200, ANY),
        ("self.state.restore", {"label": "one"}, None, 200, ANY),
        ("self.state.inspect", None, None, 200, lambda r: "'a': 1" in str(r)),
        ("self.state.restore", {"label": "never"}, None, 404, None),
        ("self.identity.reflect", None, None, 200, ANY),
        ("self.identity.evolve", {"traits": {"kind": True}}, None, 200, ANY),
        ("self.identity.reflect", None, None, 200, lambda r: "kind" in str(r)),
        ("self.identity.evolve", {"traits": 3}, None, 400, None),
        ("self.mirror.inspect", None, None, 200, ANY),
        ("self.soul.reflect", None, None, 503, None),
        ("self.vitals.is_coherent", None, None, 200, ANY),
        ("self.vitals.triad.can_persist", None, None, 200, ANY),
        ("self.vitals.synapse.prometheus", None, None, 200, ANY),
        ("self.vitals.resonance.coherency", None, None, 200, ANY),
        ("self.vitals.circuit.open", None, None, 501, None),
    ])


def judgment(caller):
    shape = rows.Only(novelty=rows.between(0, 1), complexity=rows.between(0, 1),
                      wundt_score=rows.between(0, 1), verdict=str, is_acceptable=bool)

    def taste(**kwargs):
        answer = caller.invoke("self.judgment.taste", kwargs)
        rows.check(answer, 200, rows.result(shape), f"taste {kwargs}")
        got = answer.json["result"]
        n = got["novelty"]
        kgent.ok(abs(got["wundt_score"] - 4 * n * (1 - n)) < 1e-6, f"Wundt of {n} is 4n(1-n)")
        kgent.equal(got["is_acceptable"], 0.15 < n < 0.95, f"whether {n} is acceptable")
        return n

    same = taste(content="the cat sat on the mat", prior="the cat sat on the mat")
    new = taste(content="quantum teapots sing", prior="the cat sat on the mat")
    half = taste(content="the cat quantum teapots", prior="the cat sat on the mat")
    kgent.ok((same, new) == (0, 1) and 0 < half < 1, "known, new, and half of it")
    taste(content="x")
    rows.run(caller, [
        ("self.judgment.taste", None, None, 400, None),
        ("self.judgment.taste", {"content": 3}, None, 400, None),
        ("self.judgment.surprise", {"content": "a new thing"}, None, 200, ANY),
        ("self.judgment.expectations", None, None, 200, ANY),
        ("self.judgment.critique", {"content": "a new thing"}, None, 200, ANY),
        ("self.judgment.calibrate", {"low": 0.6, "high": 0.4}, None, 400, None),
        ("self.judgment.calibrate", {"low": -1, "high": 0.4}, None, 400, None),
        ("self.judgment.calibrate", {"low": 0.4, "high": 1.1}, None, 400, None),
        ("self.judgment.calibrate", {"low": 0.4, "high": 0.45}, None, 200,
         {"low": NUMBER, "high": NUMBER}),
    ])
    got = caller.result("self.judgment.taste", {"content": "the cat quantum teapots",
                                                "prior": "the cat sat on the mat"})
    kgent.equal(got["is_acceptable"], 0.4 < got["novelty"] < 0.45, "calibrate holds")


def waits(caller):
    """yield creates what waits, resolve lets it go on."""
    got = caller.result("self.semaphore.yield", {"reason": "may I?", "target": "world.gate.build",
                                                 "arguments": {"changes": {"open": True}}})
    ident = got["id"]
    rows.run(caller, [
        ("self.semaphore.pending", None, None, 200, lambda r: ident in str(r)),
        ("self.semaphore.status", {"id": ident}, None, 200, ANY),
        ("world.purgatory.list", None, "poet", 200, lambda r: ident in str(r)),
        ("world.purgatory.inspect", {"id": ident}, "poet", 200, ANY),
        ("world.purgatory.resolve", {"id": ident, "decision": "approve"}, "poet", 403, None),
        ("world.purgatory.cancel", {"id": ident}, "poet", 403, None),
        ("world.purgatory.void_expired", None, "poet", 403, None),
        ("world.purgatory.resolve", {"id": ident, "decision": "perhaps"}, "admin", 400, None),
        ("world.purgatory.resolve", {"id": "nobody", "decision": "approve"}, "admin", 404, None),
        ("world.gate.measure", {"metric": "open"}, "architect", 200, {"value": "unmeasured"}),
        ("world.purgatory.resolve", {"id": ident, "decision": "approve"}, None, 200, ANY),
        ("world.gate.measure", {"metric": "open"}, "architect", 200, {"value": True}),
        ("world.purgatory.resolve", {"id": ident, "decision": "approve"}, None, 409, None),
        ("world.purgatory.cancel", {"id": ident}, None, 409, None),
        ("world.purgatory.list", None, None, 200, lambda r: ident not in str(r)),
        ("self.semaphore.yield", {"reason": 3}, None, 400, None),
    ])
    ident = caller.result("self.semaphore.yield", {"reason": "r", "target": "world.gate.build",
                                                   "arguments": {"changes": {"gone": 1}}})["id"]
    rows.run(caller, [
        ("world.purgatory.resolve", {"id": ident, "decision": "reject"}, None, 200, ANY),
        ("world.gate.measure", {"metric": "gone"}, "architect", 200, {"value": "unmeasured"}),
    ])


def tests():
    with kgent.Host(plugins=["health", rows.UNLIMITED, "agentese"]) as host:
        caller = rows.Caller(host)
        for test in (keeps, snapshots, verbs, parts, judgment, waits):
            test(caller)
        host.stop()
        host.start()
        kgent.ok("blue" in str(caller.result(M + "recall", {"key": "dear"}))
                 or caller.invoke(M + "recall", {"key": "dear"}).status == 200,
                 "memory outlives the process")


if __name__ == "__main__":
    kgent.main([tests])
