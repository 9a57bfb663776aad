#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""concept.* over real sockets: each row of its table, the rules of the lattice, and
that what is defined survives a kill and stays with its tenant."""
import signal

import kgent

AUTH = 'load = "auth"; dev_keys = true; enforce = "shadow";'
BASE = ["manifest", "witness", "affordances", "define", "relate"]
VERBS = {
    "philosopher": ["refine", "dialectic", "synthesize", "analyze", "critique"],
    "scientist": ["hypothesize", "validate", "classify"],
    "engineer": ["implement", "decompose", "optimize", "validate"],
    "artist": ["interpret", "express", "transform", "inspire"],
    "teacher": ["explain", "simplify", "exemplify", "assess"],
    "economist": [],
}


def call(host, path, archetype="developer", key="carol", **kwargs):
    return host.post("/v1/agentese/invoke",
                     {"path": path, "observer": {"archetype": archetype}, "kwargs": kwargs},
                     {"X-API-Key": "kg_dev_" + key})


def result(host, path, archetype="developer", key="carol", **kwargs):
    answer = call(host, path, archetype, key, **kwargs)
    kgent.equal(answer.status, 200, f"{path} as {archetype}")
    return answer.json.get("result")


def verbs(host):
    """Every verb of every archetype does something, and is offered to nobody else."""
    for archetype, own in VERBS.items():
        kgent.equal(result(host, "concept.tree.affordances", archetype), BASE + own,
                    f"what {archetype} is offered")
    for archetype, own in VERBS.items():
        for verb in own:
            got = result(host, "concept.tree." + verb, archetype, challenge="It falls.")
            if verb in ("refine", "dialectic"):
                kgent.equal((got["concept"], got["source"], sorted(got)),
                            ("tree", "rules", ["antithesis", "concept", "source", "synthesis",
                                               "thesis", "version"]), verb + " by rules")
            else:
                kgent.equal(got, {"entity": "tree", "aspect": verb, "status": "acknowledged",
                                  "kwargs": {"challenge": "It falls."}}, verb + " is noted")
            kgent.equal(call(host, "concept.tree." + verb, "economist").status, 403,
                        verb + " is not for an economist")
    seen = [e["aspect"] for e in result(host, "concept.tree.witness")["history"]]
    kgent.equal(sorted(seen), sorted(sum(VERBS.values(), [])), "all of it is in the history")


def manifests(host):
    got = result(host, "concept.stone.manifest", "philosopher")
    kgent.equal(got, {"type": "philosophical", "concept": "stone",
                      "definition": "Nothing is said of stone yet; define it.", "essence": None,
                      "dialectic": {"thesis": None, "antithesis": None, "synthesis": None},
                      "related_concepts": []}, "a philosopher's view")
    got = result(host, "concept.stone.manifest")
    kgent.equal((got["summary"], got["metadata"]["domain"]), ("Concept: stone", "general"),
                "anybody's view")
    kgent.equal(sorted(got), ["content", "metadata", "summary"], "its members")
    kgent.equal(result(host, "concept.stone.relate", target="concept.tree"),
                {"source": "concept.stone", "target": "concept.tree", "relation": "related_to"},
                "relate")
    kgent.equal(result(host, "concept.stone.relate"),
                [{"target": "concept.tree", "relation": "related_to"}], "its relations")
    kgent.equal(result(host, "concept.stone.manifest", "philosopher")["related_concepts"],
                ["concept.tree"], "are in the manifest")


def lattice(host):
    answer = call(host, "concept.x.define", definition="x")
    kgent.equal(answer.status, 422, "without a parent")
    kgent.equal(answer.json["detail"].split("\n")[0],
                "Cannot create 'concept.x': concepts cannot exist ex nihilo", "it says why")
    for member in ("law", "why", "suggestion", "related"):
        kgent.ok(member in answer.json, f"the refusal has {member}")
    got = result(host, "concept.virtue.define", definition="What is good.", extends="concept",
                 constraints=["pure", "immutable"], affordances=["praise"], domain="ethics")
    kgent.equal(got, {"handle": "concept.virtue", "name": "virtue",
                      "definition": "What is good.", "domain": "ethics", "extends": ["concept"],
                      "affordances": BASE + ["praise"], "constraints": ["pure", "immutable"],
                      "depth": 1}, "define")
    result(host, "concept.any.define", name="habit", extends=["concept.process"],
           constraints=["pure", "sync"], affordances=["repeat"])
    got = result(host, "concept.any.define", name="courage",
                 extends=["concept.virtue", "concept.habit"])
    kgent.equal((got["affordances"], got["constraints"], got["depth"], got["domain"]),
                (BASE + ["praise", "repeat"], ["pure"], 3, "ethics"),
                "the union of affordances, the intersection of constraints")
    kgent.equal(result(host, "concept.courage.lineage")["depth"], 3, "lineage")
    kgent.equal(result(host, "concept.courage.constraints")["constraints"], ["pure"],
                "constraints")
    for a, b in (("mutable", "immutable"), ("sync", "async"), ("pure", "impure"),
                 ("deterministic", "stochastic")):
        answer = call(host, "concept.x.define", extends=["entity"], constraints=[a, b])
        kgent.equal((answer.status, answer.json["law"]), (422, "lineage"), f"{a} and {b}")
    answer = call(host, "concept.virtue.define", extends=["concept.courage"])
    kgent.equal(answer.status, 422, "a cycle")
    kgent.contains(answer.json["detail"], "its own ancestor", "says that it is one")
    kgent.equal(call(host, "concept.virtue.define", extends=["entity"]).status, 409, "twice")
    kgent.equal(call(host, "concept.entity.define", extends=["concept"]).status, 409, "a standard")
    kgent.equal(call(host, "concept.x.define", extends=[1]).status, 400, "a bad parent")
    kgent.equal(result(host, "concept.x.witness")["total"], 0, "refusals leave nothing behind")


def standing(host):
    """What was defined survives a kill, and is nobody else's."""
    host.stop(signal.SIGKILL)
    host.start()
    kgent.equal(result(host, "concept.courage.manifest")["metadata"]["depth"], 3, "after a kill")
    before = result(host, "concept.courage.refine", "philosopher", challenge="It may be rash.")
    kgent.equal(before["version"], 2, "refine counts on")
    for verb in ("define", "refine", "dialectic", "critique"):
        answer = call(host, "concept.courage." + verb, "philosopher", "alice", challenge="x",
                      extends=["entity"])
        kgent.equal((answer.status, answer.json["required_scope"]), (403, "write"),
                    f"a read key may not {verb}")


def main():
    with kgent.Host(plugins=[AUTH, "agentese"]) as host:
        verbs(host)
        manifests(host)
        lattice(host)
        standing(host)


kgent.main([main])
