#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""All that can be invoked, with arguments that make no sense: each answer is one that the
page names, none is a failure of the host, and each is strict JSON.  KGENT_CALLS=100 tries
each path as often, and KGENT_SEED=... other arguments."""
import json
import os
import random

import kgent
import rows
import sweep

CALLS = int(os.environ.get("KGENT_CALLS", "4"))
RANDOM = random.Random(int(os.environ.get("KGENT_SEED", "3")))
STATUSES = {200, 400, 402, 403, 404, 409, 413, 422, 501, 503, 507}
TEXTS = ("", " ", "k", "l", "world.house", "world.house.build", "concept", "self.memory", "x" * 300,
         "ä€😀", "../..", "%s%n", "\u0001", "a.b.c", "2026-11-28T00:00:00Z", "-1", "12h", "all",
         "approve", "world.house@1", "Id", "world.x.build[entropy=1]", "void.entropy.sip", "'\"\\")
NUMBERS = (0, 1, -1, 2, 3.5, 1e-9, 1e300, -1e300, 2**63 - 1, -2**63, 100, 1000, 4102444800, 0.1)
CLAUSES = ("", "", "", "[rollback]", "[entropy=0.01]", "[minimal_output]")
FIRST = ("changes", "target", "key", "data", "limit", "amount", "input", "id", "label", "name")


def any_value(depth=2):
    kind = RANDOM.randrange(8)
    if kind == 0:
        return RANDOM.choice((None, True, False))
    if kind in (1, 2) or (kind > 5 and not depth):
        return RANDOM.choice(NUMBERS)
    if kind in (3, 4, 5):
        return RANDOM.choice(TEXTS)
    if kind == 6:
        return [any_value(depth - 1) for _ in range(RANDOM.randrange(4))]
    return {RANDOM.choice(FIRST + TEXTS): any_value(depth - 1) for _ in range(RANDOM.randrange(4))}


def some_arguments(entry, fitting):
    """Some of those that fit, some of another kind, and some that nobody knows."""
    known = list((entry["input"] or {}).get("properties", {})) or list(FIRST)
    kwargs = {k: v for k, v in fitting.items() if RANDOM.random() < 0.6}
    for _ in range(RANDOM.randrange(4)):
        kwargs[RANDOM.choice(known if RANDOM.random() < 0.8 else FIRST)] = any_value()
    return kwargs


def strict(text):
    def refuse(name):
        raise ValueError(name)
    return json.loads(text, parse_constant=refuse)


def wrong(answer):
    """What is wrong with an answer, or None."""
    if answer.status not in STATUSES:
        return f"status {answer.status}"
    try:
        body = strict(answer.body)
    except ValueError as e:
        return f"no strict JSON: {e}"
    if answer.status == 200:
        return None if set(body) >= {"path", "result"} or "pipeline_trace" in body else "members"
    if answer.headers["Content-Type"] != "application/problem+json":
        return "not a problem"
    return None if isinstance(body.get("detail"), str) and body["status"] == answer.status \
        else "detail or status"


def tries(caller, table):
    counts = {}
    for path, archetype, entry, fitting in table:
        for _ in range(CALLS):
            kwargs = some_arguments(entry, fitting)
            if RANDOM.random() < 0.15:
                what = {"paths": [path, RANDOM.choice(table)[0]], "initial_input": any_value(),
                        "observer": {"archetype": archetype}}
                answer = caller.compose(**what)
            else:
                what = (path + RANDOM.choice(CLAUSES), kwargs)
                answer = caller.invoke(*what, archetype)
            counts[answer.status] = counts.get(answer.status, 0) + 1
            fault = wrong(answer)
            if fault:
                kgent.ok(False, f"{what}: {fault}")
                kgent.note(f"{answer.status} {answer.text[:800]}")
    kgent.note(dict(sorted(counts.items())))
    kgent.ok(counts.get(200, 0) > 100 and counts.get(400, 0) > 100, "good ones and bad ones")


def tests():
    with kgent.Host(plugins=["health", rows.UNLIMITED, "agentese"]) as host:
        caller = rows.Caller(host)
        ids = sweep.furnished(caller)
        tries(caller, list(sweep.table(caller, ids)))
        kgent.equal(host.get("/health").json["components"]["agentese"], "ok", "it is well")
        host.stop()
        host.start()
        kgent.equal(caller.invoke("world.house.manifest").status, 200, "what it has kept it reads")
        fine = {p: caller.invoke(p).status for p in (
            "self.memory.sense", "time.schedule.list", "world.purgatory.list", "void.entropy.status",
            "self.state.inspect", "time.trace.query", "self.judgment.expectations")}
        kgent.equal(set(fine.values()), {200}, "all of it")


if __name__ == "__main__":
    kgent.main([tests])
