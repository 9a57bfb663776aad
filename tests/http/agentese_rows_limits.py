#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""What a tenant may keep, row by row: each limit is met, told as one, and harms nothing
that was there; and values of any kind are kept as they are."""
import json
import os
import random

import kgent
import rows

RANDOM = random.Random(int(os.environ.get("KGENT_SEED", "11")))
VALUES = int(os.environ.get("KGENT_VALUES", "60"))
SMALL = ('load = "agentese"; nodes_max = 20; node_bytes_max = 4096; bytes_max = 65536;'
         ' history_max = 5; versions_max = 3; trace_max = 50; schedule_max = 3;')
WIDE = 'load = "agentese"; nodes_max = 100000;'


def meets(caller, what, policy, call, most, again=None):
    """Calls until it is refused; the refusal names the policy, and the others still work."""
    count = 0
    answer = call(count)
    while answer.status == 200 and count <= most:
        count += 1
        answer = call(count)
    rows.check(answer, 507, rows.problem(507, violated_policies=lambda p: policy in p,
                                         detail=lambda d: len(d) > 20),
               f"{what}: {count} are kept, then {policy}")
    kgent.equal(call(count + 1).status, 507, f"{what}: and again")
    if again:
        kgent.equal(again().status, 200, f"{what}: what was there still works")
    return count


def small(caller):
    def state(n, size=1000):
        return caller.invoke("world.box.transform", {"changes": {f"m{n}": "x" * size}})

    meets(caller, "bytes of a node", "agentese.node_bytes", state, 10,
          lambda: caller.invoke("world.box.measure", {"metric": "m0"}, "architect"))
    kgent.equal(caller.invoke("world.box.transform", {"changes": {"m0": None}}).status, 200,
                "what is too big can be made smaller")
    kept = meets(caller, "nodes", "agentese.nodes",
                 lambda n: caller.invoke(f"world.n{n}.transform", {"changes": {"x": n}}), 30,
                 lambda: caller.invoke("world.n0.transform", {"changes": {"x": -1}}))
    kgent.ok(kept <= 20, "not more than nodes_max")
    kgent.equal(caller.invoke("world.fresh.manifest").status, 200, "looking takes no room")
    for n in range(8):
        caller.result("world.n0.build", {"changes": {"x": n}})
    got = caller.result("world.n0.witness")
    kgent.equal(len(got["history"]), 5, "history_max lines of the history")
    version = got["history"][0]["version"]
    kgent.equal(caller.invoke("time.past.project", {"target": "world.n0", "version": version - 2})
                .status, 200, "a version that is kept")
    answer = caller.invoke("time.past.project", {"target": "world.n0", "version": 1})
    kgent.ok(answer.status in (404, 410), f"one that is not: {answer.status}")
    kgent.ok(len(caller.result("time.trace.query", {"limit": 1000})["traces"]) <= 50,
             "trace_max lines of the trace")
    meets(caller, "deferred calls", "agentese.schedule", lambda n: caller.invoke(
        "time.schedule.defer", {"target": "world.n0.build", "delay": 3600}), 5,
        lambda: caller.invoke("time.schedule.list"))


def bytes_of_all(caller):
    meets(caller, "bytes of all", "agentese.bytes", lambda n: caller.invoke(
        f"world.b{n % 15}.transform", {"changes": {f"m{n // 15}": "y" * 1900}}), 60,
        lambda: caller.invoke("world.b0.measure", {"metric": "m0"}, "architect"))
    kgent.equal(caller.invoke("world.b0.transform", {"changes": {"m0": None}}).status, 200,
                "when it is full, one can make room")


def wide(caller):
    """Limits that are the same for all."""
    M = "self.memory."
    meets(caller, "members", "agentese.members", lambda n: caller.invoke(
        "world.wide.transform", {"changes": {f"m{n}_{i}": 1 for i in range(250)}}), 100)
    meets(caller, "relations", "agentese.relations", lambda n: caller.invoke(
        "world.hub.relate", {"target": f"world.spoke{n}"}), 1100)
    meets(caller, "capabilities", "agentese.capabilities", lambda n: caller.invoke(
        "self.capabilities.acquire", {"capability": f"c{n}"}), 70,
        lambda: caller.invoke("self.capabilities.release", {"capability": "c0"}))
    meets(caller, "expectations", "agentese.expectations", lambda n: caller.invoke(
        "self.judgment.refine", {"expect": f"idea {n}"}), 70)
    meets(caller, "checkpoints", "agentese.checkpoints", lambda n: caller.invoke(
        M + "checkpoint", {"label": f"l{n}"}), 20)
    meets(caller, "checkpoints of the state", "agentese.checkpoints", lambda n: caller.invoke(
        "self.state.checkpoint", {"label": f"l{n}", "state": {"n": n}}), 20)
    meets(caller, "traits", "agentese.members", lambda n: caller.invoke(
        "self.identity.evolve", {"traits": {f"t{n}_{i}": 1 for i in range(20)}}), 100)
    meets(caller, "actions that wait", "agentese.purgatory", lambda n: caller.invoke(
        "self.semaphore.yield", {"reason": f"r{n}"}), 300)
    for _ in range(5):
        caller.result("void.gratitude.acknowledge")
    meets(caller, "bypasses", "agentese.bypasses", lambda n: caller.invoke(
        "void.capital.bypass", {"check": f"c{n}", "cost": 0.001}), 40)
    kept = meets(caller, "engrams", "agentese.engrams", lambda n: caller.invoke(
        M + "engram", {"key": f"k{n}", "data": n}), 1100,
        lambda: caller.invoke(M + "recall", {"key": "k7"}))
    kgent.equal(kept, 1000, "as many as the page says")
    caller.result(M + "forget", {"key": "k7"})
    kgent.equal(caller.invoke(M + "engram", {"key": "k7", "data": 1}).status, 200,
                "one that goes makes room")


def deep(caller):
    """The lattice: generations, parents and names of one concept."""
    def generation(n):
        n = min(n, 64)
        return caller.invoke(f"concept.g{n}.define", {
            "definition": "d", "extends": ["concept" if n == 0 else f"concept.g{n - 1}"]})

    kept = meets(caller, "generations", "agentese.lattice", generation, 80)
    kgent.ok(60 <= kept <= 64, "about 64")
    names = [f"a{n}" for n in range(65)]
    for member in ("affordances", "constraints"):
        answer = caller.invoke("concept.wide.define", {"definition": "d", "extends": ["concept"],
                                                       member: names})
        kgent.ok(answer.status in (400, 422, 507), f"65 {member}: {answer.status}")
    answer = caller.invoke("concept.wide.define", {"definition": "d", "extends": [
        f"concept.g{n}" for n in range(17)]})
    kgent.ok(answer.status in (400, 422, 507), f"17 parents: {answer.status}")
    for n in range(5):
        caller.result(f"concept.part{n}.define", {
            "definition": "d", "extends": ["concept"],
            "affordances": [f"a{n}_{i}" for i in range(15)]})
    answer = caller.invoke("concept.whole.define", {
        "definition": "d", "extends": [f"concept.part{n}" for n in range(5)]})
    rows.check(answer, 507, rows.problem(507, violated_policies=["agentese.traits"]),
               "75 affordances of five parents")
    path = "world." + ".".join(["a" * 60] * 3)
    answer = caller.invoke(path + ".define", {"name": "b" * 60, "spec": {}})
    kgent.ok(answer.status in (400, 422), f"a child whose path is too long: {answer.status}")


# ---- Values -----------------------------------------------------------------------------


def value(depth=3):
    kind = RANDOM.randrange(12 if depth else 10)
    if kind == 10:
        return [value(depth - 1) for _ in range(RANDOM.randrange(5))]
    if kind == 11:
        return {RANDOM.choice("aé€\"\\/ .\n") + str(n): value(depth - 1)
                for n in range(RANDOM.randrange(5))}
    return (None, True, False, 0, RANDOM.randrange(-2**63, 2**63), RANDOM.random(),
            RANDOM.choice((1e300, -1e-300, 5e-324, 0.1, 1.0, -0.0, 1e22, 2**53 + 1)),
            "", "".join(chr(RANDOM.randrange(1, 0x800)) for _ in range(RANDOM.randrange(20))),
            RANDOM.choice(("ä€😀", "\u2028", "</script>", "\x7f", "\ufeff", "\\u0041", "%s%n")))[kind]


def same(one, other):
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def shelf(name):
    """A node for each 40 of them."""
    return f"world.shelf{int(name[1:]) // 40}"


def values(caller, host):
    """Any JSON value comes back as it was, also after a restart."""
    given = {f"v{n}": value() for n in range(VALUES)}
    for name, v in given.items():
        if v is not None:
            caller.result(shelf(name) + ".transform", {"changes": {name: v}})
        caller.result("self.memory.engram", {"key": name, "data": v})
        if not same(caller.result("world.echo.build", {"x": v})["kwargs"], {"x": v}):
            kgent.ok(False, f"{v!r} is echoed")
    for _ in range(2):
        for name, v in given.items():
            got = caller.result(shelf(name) + ".measure", {"metric": name}, "architect")["value"]
            if v is not None and not same(got, v):
                kgent.ok(False, f"{v!r} is kept in the state")
                kgent.note(repr(got))
            got = caller.result("self.memory.recall", {"key": name})
            if not any(same(v, g) for g in got.values()):
                kgent.ok(False, f"{v!r} is kept in the memory")
                kgent.note(repr(got))
        host.stop()
        host.start()
    kgent.ok(True, f"{VALUES} values were kept")


def tests():
    with kgent.Host(plugins=["health", rows.UNLIMITED, SMALL]) as host:
        small(rows.Caller(host))
        bytes_of_all(rows.Caller(host, rows.new_key(host, tenant=rows.new_tenant(host, "full"))))


def others():
    with kgent.Host(plugins=["health", rows.UNLIMITED, WIDE]) as host:
        caller = rows.Caller(host, rows.new_key(host, tenant=rows.new_tenant(host, "wide")))
        wide(caller)
        deep(caller)
        values(rows.Caller(host), host)


if __name__ == "__main__":
    kgent.main([tests, others])
