#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""What each node offers, row by row: to every archetype, in order, over each of the
routes that tell; what is offered can be invoked, and nothing else."""
import kgent
import rows

BASE = ["manifest", "witness", "affordances"]
WORLD = BASE + ["define", "relate", "transform"]
WORLD_VERBS = {
    "architect": "renovate measure blueprint demolish design",
    "poet": "describe metaphorize inhabit contemplate",
    "economist": "appraise forecast compare trade",
    "inhabitant": "enter exit furnish repair use",
    "scientist": "analyze measure experiment hypothesize",
    "developer": "build deploy debug test refactor",
    "admin": "configure monitor audit provision",
    "philosopher": "", "engineer": "", "nobody": "",
}
CONCEPT = BASE + ["define", "relate"]
CONCEPT_VERBS = {
    "philosopher": "refine dialectic synthesize analyze critique",
    "scientist": "hypothesize validate classify",
    "engineer": "implement decompose optimize validate",
    "artist": "interpret express transform inspire",
    "teacher": "explain simplify exemplify assess",
    "developer": "", "poet": "", "nobody": "",
}
PURGATORY = {a: "list resolve cancel inspect void_expired"
             for a in ("admin", "developer", "architect")}
PURGATORY.update({a: "list inspect" for a in ("poet", "economist", "inhabitant", "nobody")})
SAME = {
    "self.memory": "consolidate prune checkpoint recall forget crystallize resume cherish engram"
                   " store retrieve compress promote demote deposit sense play evaluate"
                   " inference_consolidate reap expiring_soon",
    "self.capabilities": "list acquire release",
    "self.state": "checkpoint restore inspect",
    "self.identity": "reflect evolve",
    "self.judgment": "taste surprise expectations calibrate critique refine",
    "self.semaphore": "pending yield status",
    "self.soul": "reflect advise challenge explore eigenvectors",
    "self.vitals.triad": "is_coherent can_persist can_recall can_associate",
    "self.vitals": "is_coherent can_persist can_recall can_associate",
    "self.vitals.synapse": "prometheus reset",
    "self.vitals.resonance": "update coherency",
    "self.vitals.circuit": "open close reset",
    "self.mirror": "inspect",
    "void.entropy": "sip pour sample status",
    "void.serendipity": "sip inspire tangent",
    "void.gratitude": "tithe thank acknowledge",
    "void.capital": "balance history tithe bypass",
    "void.pataphysics": "solve melt verify imagine",
    "void.metabolism": "pressure fever oblique dream tithe status",
    "void.hypnagogia": "status wake report patterns",
    "void.elsewhere": "sip tithe",
    "time.trace": "query replay analyze collect render diff",
    "time.past": "project compare diff restore",
    "time.future": "forecast simulate predict",
    "time.schedule": "defer cancel list",
    "time.elsewhere": "",
}
ALL_VERBS = sorted({v for t in (WORLD_VERBS, CONCEPT_VERBS) for vs in t.values()
                    for v in vs.split()} | {"transform"})


def table():
    """(path, archetype, what it offers)."""
    for archetype, verbs in WORLD_VERBS.items():
        yield "world.house", archetype, WORLD + verbs.split()
    for archetype, verbs in CONCEPT_VERBS.items():
        yield "concept.justice", archetype, CONCEPT + verbs.split()
    for archetype, verbs in PURGATORY.items():
        yield "world.purgatory", archetype, BASE + verbs.split()
    for path, verbs in SAME.items():
        for archetype in ("developer", "poet", "philosopher", "nobody"):
            yield path, archetype, BASE + verbs.split()


def told(caller):
    """The routes and the aspect tell the table."""
    for path, archetype, offers in table():
        got = caller.get(f"/v1/agentese/affordances?path={path}&archetype={archetype}")
        rows.check(got, 200, rows.Only(path=path, affordances=offers,
                                       observer_archetype=archetype), f"{path} for {archetype}")
        got = caller.invoke(f"{path}.affordances", archetype=archetype)
        same = got.status == 200 and (got.json["result"] == offers or
                                      got.json["result"].get("affordances") == offers)
        if not same:
            kgent.ok(False, f"{path}.affordances for {archetype}")
            kgent.note(got.text)


def resolved(caller):
    """resolve tells what the caller's default archetype is offered."""
    for path, archetype, offers in table():
        if archetype == "developer":
            rows.check(caller.get(f"/v1/agentese/resolve?path={path}"), 200, rows.Only(
                path=path, handle=path, context=path.split(".", maxsplit=1)[0],
                affordances=offers), f"resolve {path}")


def afforded(caller):
    """All that is offered can be invoked, and what others are offered cannot."""
    for path, archetype, offers in table():
        if path not in ("world.house", "concept.justice"):
            continue
        for verb in offers + ["constraints", "lineage"]:
            answer = caller.invoke(f"{path}.{verb}", archetype=archetype)
            if answer.status in (403, 404) and verb != "define":
                kgent.ok(False, f"{path}.{verb} can be invoked by {archetype}")
                kgent.note(answer.text)
        for verb in [v for v in ALL_VERBS if v not in offers] + ["fly"]:
            answer = caller.invoke(f"{path}.{verb}", archetype=archetype)
            wanted = rows.problem(403, rows.text(
                f"Affordance not available: Aspect '{verb}' not available to {archetype}"),
                available=offers, why=str)
            if answer.status != 403 or not rows.fits(answer.json, wanted):
                rows.check(answer, 403, wanted, f"{path}.{verb} by {archetype}")
        kgent.ok(True, f"{path} was tried by {archetype}")


def same_for_all(caller):
    """Nodes that are the same for everybody: what they offer is there, or is 501 and
    says why; constraints and lineage are; other verbs are not."""
    for path, verbs in SAME.items():
        for verb in BASE + verbs.split() + ["constraints", "lineage"]:
            answer = caller.invoke(f"{path}.{verb}", archetype="poet")
            if answer.status in (403, 404, 405, 500):
                kgent.ok(False, f"{path}.{verb} is there")
                kgent.note(answer.text)
            if answer.status == 200 and isinstance(answer.json["result"], dict):
                if "error" in answer.json["result"]:
                    kgent.ok(False, f"{path}.{verb}: a 200 has no error member")
                    kgent.note(answer.text)
            if answer.status >= 500:
                rows.check(answer, answer.status, rows.problem(
                    answer.status, lambda d: len(d) > 20), f"{path}.{verb}: says why not")
        answer = caller.invoke(f"{path}.fly")
        rows.check(answer, 403, rows.problem(403, available=BASE + verbs.split()),
                   f"{path}.fly is not there")


def listed(caller):
    """paths lists all of it, sorted, with category and schema."""
    paths = caller.paths()
    names = [p["path"] for p in paths]
    kgent.equal(names, sorted(names), "paths are sorted")
    kgent.equal(len(set(names)), len(names), "each is listed once")
    for path in paths:
        if not rows.fits(path, {"path": str, "price": rows.ANY, "input": rows.ANY,
                                "category": lambda c: c in (
                                    "PERCEPTION", "INTROSPECTION", "MUTATION", "GENERATION",
                                    "ENTROPY", "COMPOSITION")}):
            kgent.ok(False, f"{path['path']} has category, schema and price")
            kgent.note(path)
    missing = [f"{n}.{v}" for n, vs in SAME.items() for v in BASE + vs.split()
               if f"{n}.{v}" not in names and n not in (
                   "self.mirror", "void.elsewhere", "time.elsewhere")]
    able = [m for m in missing if caller.invoke(m).status not in (501, 503)]
    kgent.equal(able, [], "all of the nodes that there are is listed, but for what is 501")
    offered = set(BASE + ["define", "relate", "transform"]) | {
        v for vs in WORLD_VERBS.values() for v in vs.split()}
    got = {p["path"].rsplit(".", 1)[1] for p in caller.paths(prefix="world.house.")}
    kgent.ok(offered <= got, "those of any node of the world")
    kgent.equal(got - offered - {"constraints", "lineage"}, set(), "and no other")


def archetypes(host):
    """A key's archetypes bind it; its default is the first."""
    one = rows.Caller(host, rows.new_key(host, archetypes=["poet", "economist"]))
    kgent.equal(one.get("/v1/agentese/resolve?path=world.house").json["affordances"],
                WORLD + WORLD_VERBS["poet"].split(), "the first is the default")
    kgent.equal(one.invoke("world.house.manifest", archetype="economist").status, 200,
                "another one of the key's")
    answer = one.invoke("world.house.manifest", archetype="admin")
    rows.check(answer, 403, rows.problem(403, available=["poet", "economist"]),
               "one that is not the key's")
    kgent.equal(one.invoke("world.house.manifest", archetype="nobody").status, 403,
                "nor an unknown one")
    answer = one.compose(pipeline="world.house.manifest", observer={"archetype": "admin"})
    kgent.equal(answer.status, 403, "nor in a composition")


def configured(host):
    caller = rows.Caller(host)
    for path, archetype, offers in (
            ("world.house", "surveyor", WORLD + WORLD_VERBS["architect"].split() + ["survey"]),
            ("world.house", "poet", WORLD + WORLD_VERBS["poet"].split() + ["sing"]),
            ("concept.justice", "surveyor", CONCEPT + ["plot"])):
        got = caller.get(f"/v1/agentese/affordances?path={path}&archetype={archetype}")
        kgent.equal(got.json["affordances"], offers, f"{path} for {archetype}, configured")
    kgent.equal(caller.result("world.house.manifest", archetype="surveyor")["type"], "blueprint",
                "an heir perceives the same")


def tests():
    with kgent.Host(plugins=["health", rows.UNLIMITED, "agentese"]) as host:
        caller = rows.Caller(host)
        for test in (told, resolved, afforded, same_for_all, listed):
            test(caller)
        archetypes(host)


def more():
    block = ('load = "agentese"; archetypes = ( { name = "surveyor"; inherits = "architect";'
             ' world = ["survey"]; concept = ["plot"]; }, { name = "poet"; world = ["sing"]; } );')
    with kgent.Host(plugins=["health", rows.UNLIMITED, block]) as host:
        configured(host)


if __name__ == "__main__":
    kgent.main([tests, more])
