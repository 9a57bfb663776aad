#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Concepts and their lattice, row by row: manifests, what define demands, what a child
has of its parents, and how a definition is refined."""
import kgent
import rows
from rows import Only

STANDARD = {"concept": 0, "concept.entity": 1, "concept.process": 1, "concept.relation": 1,
            "concept.property": 1}
PAIRS = [("mutable", "immutable"), ("sync", "async"), ("pure", "impure"),
         ("deterministic", "stochastic")]
DEFINED = Only(handle=str, name=str, definition=str, domain=str, extends=list, affordances=list,
               constraints=list, depth=int)


def manifests(caller):
    philosophical = Only(type="philosophical", concept="justice", definition=rows.ANY,
                         essence=rows.ANY, dialectic=Only(
                             thesis=rows.ANY, antithesis=rows.ANY, synthesis=rows.ANY),
                         related_concepts=[])
    rows.run(caller, [("concept.justice.manifest", None, "philosopher", 200, philosophical)] + [
        ("concept.justice.manifest", None, a, 200,
         Only(summary="Concept: justice", content=str, metadata={"domain": "general"}))
        for a in ("scientist", "engineer", "artist", "teacher", "developer", "nobody")])
    caller.result("concept.justice.relate", {"target": "concept.law"})
    got = caller.result("concept.justice.manifest", archetype="philosopher")
    kgent.ok("law" in str(got["related_concepts"]), "relations are related concepts")


def define(caller, handle, **kwargs):
    return caller.invoke(f"{handle}.define", kwargs)


def parents(caller):
    for parent, depth in STANDARD.items():
        name = "of_" + parent.split(".")[-1]
        answer = define(caller, f"concept.{name}", definition="d", extends=[parent])
        rows.check(answer, 200, rows.result(DEFINED), f"a child of {parent}")
        got = answer.json["result"]
        kgent.equal((got["handle"], got["definition"], got["depth"], got["domain"]),
                    (f"concept.{name}", "d", depth + 1, "general"), "its answer")
        kgent.ok(parent in got["extends"], f"{name} names its parent")
    for extends in ([], ["concept.nobody"], None, ["world.house"]):
        answer = define(caller, "concept.orphan", definition="d",
                        **({} if extends is None else {"extends": extends}))
        ok = answer.status in (400, 422)
        kgent.ok(ok, f"extends {extends}: refused")
        if extends in ([], ["concept.nobody"], None):
            rows.check(answer, 422, rows.problem(422, rows.text(
                "Cannot create 'concept.orphan': concepts cannot exist ex nihilo"),
                law=str), f"extends {extends}: not out of nothing")
    answer = define(caller, "concept.half", definition="d", extends=["concept", "concept.nobody"])
    kgent.ok(answer.status in (200, 422), "one known and one unknown parent")
    answer = define(caller, "concept.itself", definition="d", extends=["concept.itself"])
    rows.check(answer, 422, rows.problem(422, law=str), "no concept is its own parent")
    kgent.equal(caller.invoke("concept.orphan.define", {"name": "Bad Name", "definition": "d",
                                                        "extends": ["concept"]}).status,
                400, "a name that is none")


def inherited(caller):
    def made(name, **kwargs):
        answer = define(caller, f"concept.{name}", definition="d", **kwargs)
        rows.check(answer, 200, rows.result(DEFINED), f"{name} is defined")
        return answer.json["result"]

    made("bird", extends=["concept.entity"], affordances=["sing", "fly"],
         constraints=["pure", "sync"])
    made("machine", extends=["concept.entity"], affordances=["run", "fly"],
         constraints=["pure", "stochastic"])
    both = made("drone", extends=["concept.bird", "concept.machine"])
    kgent.equal(both["depth"], 3, "a grandchild is deeper")
    kgent.ok({"sing", "fly", "run"} <= set(both["affordances"]), "the union of affordances")
    kgent.equal(len(set(both["affordances"])), len(both["affordances"]), "each once")
    kgent.equal(both["constraints"], ["pure"], "the intersection of constraints")
    kgent.equal(define(caller, "concept.drone", definition="d", extends=["concept"]).status, 409,
                "defined once")
    got = caller.result("concept.drone.lineage")
    kgent.ok(all(n in str(got) for n in ("bird", "machine", "entity")), "its lineage")
    kgent.ok("pure" in str(caller.result("concept.drone.constraints")), "its constraints")


def conflicts(caller):
    for n, (a, b) in enumerate(PAIRS):
        answer = define(caller, f"concept.torn{n}", definition="d", extends=["concept"],
                        constraints=[a, b])
        rows.check(answer, 422, rows.problem(422, rows.text(a, b), law=str), f"{a} and {b}")
        kgent.equal(define(caller, f"concept.one{n}", definition="d", extends=["concept"],
                           constraints=[a]).status, 200, f"{a} alone")
        kgent.equal(define(caller, f"concept.other{n}", definition="d", extends=["concept"],
                           constraints=[b]).status, 200, f"{b} alone")
        answer = define(caller, f"concept.heir{n}", definition="d",
                        extends=[f"concept.one{n}", f"concept.other{n}"])
        rows.check(answer, 422, rows.problem(422, law=str), f"parents that are {a} and {b}")


def refined(caller):
    define(caller, "concept.truth", definition="what is the case", extends=["concept"])
    answered = Only(concept="truth", thesis=str, antithesis=str, synthesis=str, version=int,
                    source="rules")
    rows.run(caller, [
        ("concept.truth.refine", {"challenge": "who says so?"}, "philosopher", 200, answered),
        ("concept.truth.dialectic", {"thesis": "all is one", "antithesis": "all is many"},
         "philosopher", 200, dict(answered, thesis="all is one", antithesis="all is many")),
        ("concept.truth.dialectic", None, "philosopher", 200, answered),
        ("concept.truth.refine", None, "philosopher", 400, None),
        ("concept.truth.refine", {"challenge": 3}, "philosopher", 400, None),
        ("concept.truth.refine", {"challenge": "x"}, "teacher", 403, None),
        ("concept.truth.dialectic", {"thesis": 3}, "philosopher", 400, None),
    ])
    got = caller.result("concept.truth.refine", {"challenge": "how do you know?"}, "philosopher")
    kgent.equal(caller.result("concept.truth.manifest", archetype="philosopher")["definition"],
                got["synthesis"], "the refined definition is stored")
    again = caller.result("concept.truth.refine", {"challenge": "how do you know?"},
                          "philosopher")
    kgent.equal(again["version"], got["version"] + 1, "each is a version")
    lines = caller.result("concept.truth.witness")
    kgent.equal(lines["history"][0]["aspect"], "refine", "and in the history")


def tests():
    with kgent.Host(plugins=["health", rows.UNLIMITED, "agentese"]) as host:
        caller = rows.Caller(host)
        for test in (manifests, parents, inherited, conflicts, refined):
            test(caller)


if __name__ == "__main__":
    kgent.main([tests])
