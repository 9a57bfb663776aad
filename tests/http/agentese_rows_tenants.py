#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Two tenants, the same paths: whatever one of them does, the other perceives nothing
of it: no state, no history, no budget, no list, no id, and not by the clock either."""
import os
import statistics
import threading
import time

import kgent
import rows
import sweep

PAIRS = int(os.environ.get("KGENT_TIMING_PAIRS", "200"))
THREADS, ROUNDS = 3, int(os.environ.get("KGENT_ROUNDS", "10"))
# Each tenant has 1,000 tokens in the month, and this costs 10 of them.
AGENTESE = 'load = "agentese"; prices = ( { path = "world.till.build"; tokens = 10; } );'
EMPTY = {  # what a tenant that did nothing perceives
    "self.memory.recall": ({"key": "k"}, 404, None),
    "self.semaphore.pending": (None, 200, lambda r: "reason" not in str(r)),
    "world.purgatory.list": ({"status": "all"}, 200, lambda r: "reason" not in str(r)),
    "time.schedule.list": (None, 200, lambda r: "world.house" not in str(r)),
    "time.trace.query": ({"topic": "world.house"}, 200, {"total": 0, "traces": []}),
    "world.house.witness": (None, 200, {"total": 0, "history": []}),
    "concept.justice.witness": (None, 200, {"total": 0, "history": []}),
    "world.house.relate": (None, 200, []),
    "void.entropy.status": (None, 200, {"remaining": 100}),
    "void.capital.balance": (None, 200, {"balance": 0.5}),
    "self.capabilities.list": (None, 200, lambda r: "mine" not in str(r)),
    "self.identity.reflect": (None, 200, lambda r: "calm" not in str(r)),
    "self.judgment.expectations": (None, 200, lambda r: "known" not in str(r)),
    "self.state.inspect": (None, 200, lambda r: "'s'" not in str(r)),
    "concept.justice.lineage": (None, 200, rows.ANY),
}


def empty(other):
    """After one has furnished its world."""
    rows.run(other, [(path, kwargs, "developer", status, pattern)
                     for path, (kwargs, status, pattern) in EMPTY.items()])
    kgent.equal(other.invoke("world.house.define", {"name": "attic", "spec": {}}).status, 200,
                "a child that the other one has")
    kgent.equal(other.invoke("self.capabilities.acquire", {"capability": "mine"}).status, 200,
                "a capability that the other one holds")
    answer = other.invoke("concept.law.define", {"extends": ["concept.justice"],
                                                 "definition": "d"})
    kgent.equal(answer.status, 422, "a concept of the other's is no parent")


def ids(one, other, mine):
    """An id of one's is none of the other's, for each use of it."""
    token = one.invoke("world.house.transform[rollback=true]",
                       {"changes": {"colour": "green"}}).json["rollback_token"]
    for path, kwargs in (
            ("self.semaphore.status", {"id": mine["self.semaphore"]}),
            ("world.purgatory.inspect", {"id": mine["world.purgatory"]}),
            ("world.purgatory.resolve", {"id": mine["world.purgatory"], "decision": "approve"}),
            ("world.purgatory.cancel", {"id": mine["world.purgatory"]}),
            ("time.schedule.cancel", {"id": mine["time.schedule"]}),
            ("self.memory.resume", {"label": "l"}),
            ("self.state.restore", {"label": "l"})):
        got = other.invoke(path, kwargs)
        never = other.invoke(path, {k: v[:-6] + "aaaaaa" if k == "id" else "nobody"
                                    if k == "label" else v for k, v in kwargs.items()})
        kgent.ok(got.status in (400, 404) and got.status == never.status,
                 f"{path}: {got.status}, as of an id that never was")
    # A token names a version of a node: of the other's own, which has not as many.
    kgent.equal(other.invoke("time.past.restore", {"token": token}).status, 409, "nor a token")
    kgent.equal(one.result("world.house.measure", {"metric": "colour"}, "architect")["value"],
                "green", "and nothing is undone")


def everything(host, one, other, whose, mine):
    """All that can be invoked, by one; the other sees nothing of it."""
    looked = list(sweep.table(other))
    before, store = sweep.perceived(other, looked), sweep.kept(host, whose)
    listed = other.get("/v1/agentese/paths?limit=1000")
    pools = {p: other.result(p) for p in ("void.entropy.status", "void.capital.balance")}
    good = 0
    for path, archetype, _, kwargs in sweep.table(one, mine):
        good += one.invoke(path, kwargs, archetype).status == 200
    kgent.ok(good > 250, f"one has done {good} things")
    kgent.equal(sweep.others(before, sweep.perceived(other, looked)), {},
                "the other perceives the same")
    kgent.equal({p: other.result(p) for p in pools}, pools, "its pools are as they were")
    again = other.get("/v1/agentese/paths?limit=1000")
    kgent.equal((again.headers["ETag"], again.body), (listed.headers["ETag"], listed.body),
                "its list of paths, too")
    host.stop()
    kgent.equal(set(sweep.others(store, sweep.kept(host, whose))), set(),
                "and what is kept of it")
    host.start()


def budgets(one, other):
    one.result("void.entropy.sip", {"amount": one.result("void.entropy.status")["remaining"]})
    kgent.equal((one.invoke("void.entropy.sip").status, other.invoke("void.entropy.sip").status),
                (402, 200), "one has no entropy left, the other has")
    for _ in range(101):
        last = one.invoke("world.till.build")
    kgent.equal((last.status, last.json["violated_policies"]), (429, ["tokens"]),
                "one has spent its tokens")
    kgent.equal(other.invoke("world.till.build").status, 200, "the other has its own")
    kgent.equal([c.get("/v1/me").json["used"]["tokens_month"] for c in (one, other)], [1000, 10],
                "and is charged for those")


def timing(one, other):
    """The other's time for a node that one has filled is as for one that nobody has."""
    one.result("world.vault.transform", {"changes": {"x": "y" * 60000}})
    for _ in range(20):
        one.result("world.vault.build")
    for path in ("world.vault", "world.never"):
        kgent.equal(other.invoke(path + ".manifest").json["cached"], False,
                    f"{path} is new to the other")
    times = {"vault": [], "never": []}
    for _ in range(PAIRS):
        for name, taken in times.items():
            begun = time.perf_counter()
            other.invoke(f"world.{name}.witness")
            taken.append(time.perf_counter() - begun)
    there, never = (statistics.median(times[n]) for n in ("vault", "never"))
    kgent.note(f"medians: {there * 1e6:.0f} us for one's, {never * 1e6:.0f} us for nobody's")
    kgent.ok(abs(there - never) < max(0.25 * never, 50e-6), "takes no other time")


def hammer(caller, mark, errors):
    """Changes and looks, each of which may tell of this mark only."""
    for n in range(ROUNDS):
        for path, kwargs in (
                ("world.street.build", {"changes": {"sign": mark * 20, "n": n}}),
                ("world.street.measure", {"metric": "sign"}), ("world.street.witness", {}),
                ("self.memory.engram", {"key": f"k{n % 5}", "data": [mark * 10]}),
                ("self.memory.recall", {"query": mark * 10}), ("time.trace.query", {}),
                ("void.entropy.sip", {"amount": 0.001})):
            answer = caller.invoke(path, kwargs, "architect" if "measure" in path else None,
                                   name=mark * 3)
            other = "z" if mark == "w" else "w"
            if answer.status != 200 or other * 3 in answer.text:
                errors.append((path, answer.status, answer.text[:300]))


def together(one, other):
    """Both at once, with several callers each: nothing is lost, nothing is mixed."""
    errors = []
    threads = [threading.Thread(target=hammer, args=(caller, mark, errors))
               for caller, mark in ((one, "w"), (other, "z")) for _ in range(THREADS)]
    before = [c.result("void.entropy.status")["remaining"] for c in (one, other)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    kgent.equal(errors[:3], [], "each is answered from its own")
    for caller, was in zip((one, other), before):
        kgent.equal(caller.result("world.street.witness")["total"], THREADS * ROUNDS,
                    "no change is lost")
        drawn = was - caller.result("void.entropy.status")["remaining"]
        kgent.ok(abs(drawn - THREADS * ROUNDS * 0.001) < 1e-9, "the pool adds up")


def tests():
    with kgent.Host(plugins=["health", rows.UNLIMITED, "metering-openmeter", AGENTESE]) as host:
        tenants = [rows.new_tenant(host, n) for n in ("one", "other")]
        keys = [rows.new_key(host, tenant=t, user="same", limits={"tokens_per_month": 1000})
                for t in tenants]
        one, other = (rows.Caller(host, k) for k in keys)
        mine = sweep.furnished(one)
        empty(other)
        ids(one, other, mine)
        everything(host, one, other, tenants[1], mine)
        timing(one, other)
        together(one, other)
        budgets(one, other)


if __name__ == "__main__":
    kgent.main([tests])
