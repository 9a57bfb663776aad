# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""For tests that try everything that can be invoked: each path of the list with
arguments that fit it, what a caller perceives of it all, and what the store keeps."""
import os
import sqlite3

STAR = {"world": "world.house", "concept": "concept.justice", "self": "self.mirror",
        "void": "void.elsewhere", "time": "time.elsewhere"}
ARCHETYPES = ("developer", "admin", "architect", "poet", "economist", "inhabitant", "scientist",
              "philosopher", "engineer", "artist", "teacher")
LOOKS = ("PERCEPTION", "INTROSPECTION")

# Arguments by their names.
HINTS = {
    "changes": {"touched": 1}, "name": "child", "spec": {"a": 1}, "definition": "d",
    "extends": ["concept"], "thesis": "one", "antithesis": "many", "challenge": "why?",
    "key": "k", "data": [1], "label": "l", "capability": "c", "traits": {"kind": 1}, "low": 0.3,
    "high": 0.8, "expect": "an idea", "reason": "r", "amount": 0.1, "check": "c",
    "target": "world.house", "delay": 3600, "content": "some words", "metric": "touched",
    "for": "it", "topic": "world.house", "problem": "p", "constraint": "c", "threshold": 0.2,
    "seed": 7, "solution": "s", "version": 1, "from_version": 1,
    "to_version": 2, "steps": 3, "state": {"s": 1}, "query": "words",
    "prior": "words",
}
# What changes by itself, or tells of each call; and what no two hosts say alike.
RESTLESS = ("time.trace.", "time.future.", "void.hypnagogia.", "self.vitals", "self.memory.play",
            "self.memory.sense", "self.memory.evaluate")


def arguments(path, entry, ids):
    """Arguments that fit: of the optional ones those that something is known for."""
    schema = entry["input"]
    if schema is None:
        return {"changes": {"touched": 1}, "target": "world.other"} if path.endswith(
            ".relate") else {"changes": {"touched": 1}}
    known = {**HINTS, "id": ids.get(path.rsplit(".", 1)[0], "none")}
    if path.startswith("concept."):
        del known["spec"]  # there it is a text, and another definition
    if path in ("self.semaphore.yield", "time.schedule.defer"):
        known.update(target="world.house.build")
    return {name: known[name] for name in schema.get("properties", {}) if name in known}


def table(caller, ids=None):
    """(path, archetype that is offered it, entry of the list, arguments) of all that
    the caller may invoke."""
    offers, entries = {}, caller.paths()
    for entry in entries:
        node, aspect = entry["path"].rsplit(".", 1)
        node = STAR[node[:-2]] if node.endswith(".*") else node
        if node not in offers:
            offers[node] = {a: caller.get(
                f"/v1/agentese/affordances?path={node}&archetype={a}").json["affordances"]
                for a in ARCHETYPES}
        archetype = next((a for a in ARCHETYPES if aspect in offers[node][a]), "developer")
        path = f"{node}.{aspect}"
        yield path, archetype, entry, arguments(path, entry, ids or {})


def perceived(caller, rows_):
    """All that a caller perceives by looking."""
    seen = {}
    for path, archetype, entry, kwargs in rows_:
        if entry["category"] in LOOKS and not path.startswith(RESTLESS):
            answer = caller.invoke(path, kwargs, archetype)
            seen[path] = (answer.status, answer.json.get("result"))
    return seen


def others(before, after):
    """What is not as it was."""
    return {k: (before.get(k), after.get(k)) for k in {*before, *after}
            if before.get(k) != after.get(k)}


def kept(host, tenant=""):
    """What the store keeps of a tenant's nodes, or of all: (bucket, key) -> value.  The
    trace, in which each call has a line, is left out."""
    file = os.path.join(host.state, "kgent.db")
    db = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    found = {}
    for bucket, name in db.execute("SELECT id, name FROM bucket").fetchall():
        if name.startswith("agentese.") and name not in ("agentese.calls", "agentese.trace"):
            for k, value in db.execute("SELECT key, value FROM entry WHERE bucket = ?", (bucket,)):
                if bytes(k).startswith(tenant.encode()):
                    found[name, bytes(k)] = bytes(value)
    db.close()
    return found


def furnished(caller):
    """Something in each part of a tenant; returns ids by node."""
    for path, kwargs in (
            ("world.house.build", {"changes": {"colour": "red"}}),
            ("world.house.transform", {"changes": {"colour": "blue"}}),
            ("world.house.relate", {"target": "world.garden"}),
            ("world.house.define", {"name": "attic", "spec": {"x": 1}}),
            ("concept.justice.define", {"extends": ["concept"], "definition": "d"}),
            ("self.memory.engram", {"key": "k", "data": "some words"}),
            ("self.memory.checkpoint", {"label": "l"}),
            ("self.state.checkpoint", {"label": "l", "state": {"s": 0}}),
            ("self.capabilities.acquire", {"capability": "mine"}),
            ("self.identity.evolve", {"traits": {"calm": True}}),
            ("self.judgment.refine", {"expect": "a known idea"}),
            ("void.entropy.sip", {"amount": 10}), ("void.capital.tithe", {"amount": 0.05})):
        caller.result(path, kwargs)
    item = caller.result("self.semaphore.yield", {"reason": "may I?", "target": "world.house.build",
                                                  "arguments": {"changes": {"done": 1}}})["id"]
    call = caller.result("time.schedule.defer", {"target": "world.house.build",
                                                 "delay": 3600})["id"]
    return {"self.semaphore": item, "world.purgatory": item, "time.schedule": call}
