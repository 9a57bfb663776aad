#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""What entities of the world and concepts answer, row by row: the shape of each
manifest, what state does to it, and what each aspect says."""
import kgent
import rows
from rows import ANY, Only

TIME = rows.text("T", "+00:00")
SHAPES = {  # of an entity without state
    "architect": Only(type="blueprint", dimensions={}, materials=[], structural_analysis=Only(
        load_bearing=[], stress_points=[], integrity=1.0)),
    "poet": Only(type="poetic", description=str, metaphors=[], mood="contemplative"),
    "economist": Only(type="economic", market_value=0.0, comparable_sales=[],
                      appreciation_forecast={}),
    "scientist": Only(type="scientific", entity="barn", measurements={}, observations=[],
                      hypotheses=[], confidence=0.5),
    "developer": Only(type="developer", entity="barn", language="", dependencies=[], structure={},
                      build_status="unknown", test_coverage=0.0, issues=[]),
    "admin": Only(type="admin", entity="barn", status="unknown", health=1.0, metrics={},
                  config={}, alerts=[], last_updated=lambda v: v is None),
}
PLAIN = Only(summary="World_Entity: barn", content=str,
             metadata=lambda m: m["entity_type"] == "world_entity")
STATE = {  # state, and where it shows
    "dimensions": ({"width": 4}, "architect"), "materials": (["oak"], "architect"),
    "description": ("red", "poet"), "metaphors": (["a heart"], "poet"), "mood": ("glad", "poet"),
    "comparable_sales": ([100], "economist"), "appreciation_forecast": ({"y": 2}, "economist"),
    "measurements": ({"mass": 1.5}, "scientist"), "observations": (["warm"], "scientist"),
    "hypotheses": (["it burns"], "scientist"), "confidence": (0.75, "scientist"),
    "language": ("C", "developer"), "dependencies": (["libc"], "developer"),
    "structure": ({"src": 1}, "developer"), "build_status": ("passing", "developer"),
    "test_coverage": (0.9, "developer"), "issues": (["one"], "developer"),
    "status": ("open", "admin"), "health": (0.5, "admin"), "metrics": ({"rps": 3}, "admin"),
    "config": ({"a": True}, "admin"), "alerts": (["hot"], "admin"),
}
VERBS = {
    "architect": "renovate blueprint demolish design",
    "poet": "describe metaphorize inhabit contemplate",
    "economist": "appraise forecast compare trade",
    "inhabitant": "enter exit furnish repair use",
    "scientist": "analyze experiment hypothesize",
    "developer": "build deploy debug test refactor",
    "admin": "configure monitor audit provision",
}


def manifests(caller):
    rows.run(caller, [("world.barn.manifest", None, a, 200, s) for a, s in SHAPES.items()]
             + [("world.barn.manifest", None, a, 200, PLAIN)
                for a in ("inhabitant", "philosopher", "nobody")])
    for member, (value, archetype) in STATE.items():
        caller.result("world.barn.transform", {"changes": {member: value}})
        got = caller.result("world.barn.manifest", archetype=archetype)
        kgent.equal(got.get(member), value, f"{member} of the state shows to {archetype}")
    caller.result("world.barn.transform", {"changes": {"value": 125000.5}})
    kgent.equal(caller.result("world.barn.manifest", archetype="economist")["market_value"],
                125000.5, "value feeds market_value")
    caller.result("world.barn.transform", {"changes": {"structural_analysis": {
        "load_bearing": ["wall"], "stress_points": ["roof"], "integrity": 0.5}}})
    kgent.equal(caller.result("world.barn.manifest", archetype="architect")
                ["structural_analysis"]["integrity"], 0.5, "structural_analysis is of the state")
    for member, (value, archetype) in STATE.items():
        caller.result("world.barn.transform", {"changes": {member: None}})
    got = [a for a, s in SHAPES.items() if a not in ("architect", "economist")
           and not rows.fits(caller.result("world.barn.manifest", archetype=a), s)]
    kgent.equal([a for a in got if a != "admin"], [], "null takes it away again")


def changes(caller):
    first = caller.result("world.mill.transform", {"changes": {"a": 1, "b": {"c": [1, "x"]}}})
    kgent.ok(rows.fits(first, Only(transformed=True, changes={"a": 1, "b": {"c": [1, "x"]}},
                                   version=int)), "transform")
    second = caller.result("world.mill.transform", {"changes": {"a": None}})
    kgent.equal(second["version"], first["version"] + 1, "each change has the next version")
    rows.run(caller, [
        ("world.mill.measure", {"metric": "b"}, "architect", 200,
         Only(entity="mill", metric="b", value={"c": [1, "x"]})),
        ("world.mill.measure", {"metric": "a"}, "scientist", 200,
         Only(entity="mill", metric="a", value="unmeasured")),
        ("world.mill.measure", {"metric": 3}, "scientist", 400, None),
        ("world.mill.transform", {"changes": []}, None, 400, None),
        ("world.mill.transform", {"changes": "x"}, None, 400, None),
        ("world.mill.transform", {"changes": None}, None, 400, None),
        ("world.mill.transform", {}, None, 400, None),
    ])
    third = caller.result("world.mill.transform", {"changes": {"z": 1}})
    kgent.equal(third["version"], second["version"] + 1, "refused ones have no version")


def verbs(caller):
    """Each other verb takes changes, tells its arguments, and is in the history."""
    for archetype, names in VERBS.items():
        for verb in names.split():
            kwargs = {"changes": {verb: 1}, "why": [archetype]}
            rows.run(caller, [(f"world.{verb}.{verb}", kwargs, archetype, 200, Only(
                entity=verb, aspect=verb, status="acknowledged", kwargs=kwargs))])
            got = caller.result(f"world.{verb}.witness")
            wanted = {"handle": f"world.{verb}", "total": 1, "history": [
                {"at": TIME, "aspect": verb, "version": int, "observer": ANY}]}
            if not rows.fits(got, wanted) or "1" not in str(got):
                kgent.ok(False, f"{verb} is in the history")
                kgent.note(got)
        state = caller.result(f"world.{verb}.measure", {"metric": verb}, "architect")
        kgent.equal(state["value"], 1, f"{verb} has changed the state")


def history(caller):
    for n in range(5):
        caller.result("world.clock.transform", {"changes": {"n": n}})
    caller.result("world.clock.manifest")
    caller.invoke("world.clock.fly")
    got = caller.result("world.clock.witness")
    kgent.ok(rows.fits(got, Only(handle="world.clock", total=5, history=rows.each(
        {"at": TIME, "aspect": "transform", "observer": ANY, "version": int}))), "the history")
    versions = [line["version"] for line in got["history"]]
    kgent.equal((len(versions), versions), (5, sorted(versions, reverse=True)), "newest first")
    times = [line["at"] for line in got["history"]]
    kgent.equal(times, sorted(times, reverse=True), "in the order of time")
    kgent.equal(len(caller.result("world.clock.witness", {"limit": 2})["history"]), 2, "limit 2")
    for n, status in ((1, 200), (100, 200), (0, 400), (101, 400), (-1, 400), ("2", 400),
                      (1.5, 400), (None, 400), (True, 400)):
        kgent.equal(caller.invoke("world.clock.witness", {"limit": n}).status, status,
                    f"limit {n!r}: {status}")


def children(caller):
    """define makes a child, for those who may."""
    for archetype in ("architect", "developer", "admin"):
        rows.run(caller, [("world.town.define", {"name": f"by_{archetype}", "spec": {"x": 1}},
                           archetype, 200, {"handle": f"world.town.by_{archetype}",
                                            "affordances": list})])
    for archetype in ("poet", "economist", "inhabitant", "scientist", "nobody"):
        rows.run(caller, [("world.town.define", {"name": "no", "spec": {}}, archetype, 403, None)])
    answer = caller.invoke("world.town.define", {"name": "yes", "spec": {}}, "poet",
                           capabilities=["define"])
    kgent.equal(answer.status, 200, "a poet with the capability define")
    kgent.equal(caller.invoke("world.town.no.manifest", archetype="poet").status, 200,
                "the world is open")
    kgent.equal(caller.result("world.town.by_admin.measure", {"metric": "x"}, "architect")
                ["value"], 1, "the spec is the child's state")
    rows.run(caller, [("world.town.define", {"name": name, "spec": {}}, None, 400, None)
                      for name in ("", "Up", "a b", "../x", "a" * 65, 3, None)]
             + [("world.town.define", {"spec": {}}, None, 400, None),
                ("world.town.define", {"name": "x", "spec": 3}, None, 400, None)])
    rows.run(caller, [
        ("world.town.relate", {"target": "world.river", "relation": "beside"}, None, 200,
         Only(source="world.town", target="world.river", relation="beside")),
        ("world.town.relate", {"target": "world.hill"}, None, 200,
         Only(source="world.town", target="world.hill", relation=str)),
        ("world.town.relate", None, None, 200, rows.each({"target": str, "relation": str})),
        ("world.town.relate", {"target": "no path!"}, None, 400, None),
        ("world.town.relate", {"target": 3}, None, 400, None),
    ])
    kgent.equal(sorted(r["target"] for r in caller.result("world.town.relate")),
                ["world.hill", "world.river"], "the list of relations")


def bare(caller):
    """Without the open world."""
    answer = caller.invoke("world.hause.manifest")
    rows.check(answer, 404, rows.problem(404, rows.text(
        "Path not found: 'world.hause' not found"), similar_paths=list), "a closed world")
    kgent.equal(caller.invoke("concept.justice.manifest").status, 404, "concepts, too")
    kgent.equal(caller.invoke("world.purgatory.list").status, 200, "what is built in is there")
    answer = caller.invoke("self.memry.recall")
    kgent.ok(answer.status in (403, 404), "self has any node")
    answer = caller.invoke("world.purgatori.list")
    kgent.ok("world.purgatory" in str(answer.json["similar_paths"]), "similar paths are named")


def tests():
    with kgent.Host(plugins=["health", rows.UNLIMITED, "agentese"]) as host:
        caller = rows.Caller(host)
        for test in (manifests, changes, verbs, history, children):
            test(caller)


def closed():
    with kgent.Host(plugins=["health", rows.UNLIMITED,
                             'load = "agentese"; open_world = false;']) as host:
        bare(rows.Caller(host))


if __name__ == "__main__":
    kgent.main([tests, closed])
