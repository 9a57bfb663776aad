#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Keys that may invoke some paths only, or claim some archetypes only: whichever way
round they go, through compositions, the schedule, the past, what waits for a human, they
get no further; and lists show them what they may."""
import time

import kgent
import rows

OTHER = "world.garden"


def key(host, *scopes, **body):
    return rows.Caller(host, rows.new_key(host, scopes=list(scopes), **body))


def narrow(host, full):
    """invoke:world.house.* covers that node's aspects."""
    caller = key(host, "read", "write", "invoke:world.house.*")
    rows.run(caller, [
        ("world.house.manifest", None, None, 200, None),
        ("world.house.transform", {"changes": {"a": 1}}, None, 200, None),
        ("world.house.relate", {"target": "world.garden"}, None, 200, None),
    ])
    for path in (OTHER + ".manifest", OTHER + ".transform", "self.memory.recall",
                 "time.schedule.defer", "time.past.restore", "self.semaphore.yield",
                 "void.entropy.sip", "world.houses.manifest", "world.house_2.manifest",
                 "concept.house.manifest"):
        answer = caller.invoke(path, {"changes": {"a": 1}})
        rows.check(answer, 403, rows.problem(403, required_scope=str), f"{path} is not covered")
    kgent.equal(caller.compose(paths=["world.house.manifest", OTHER + ".manifest"]).status, 403,
                "nor in a composition")
    listed = {p["path"] for p in caller.paths()}
    kgent.ok(all(p.startswith(("world.house.", "world.*.")) for p in listed),
             "the list has no other, but for what any node of the world offers")
    listed = {p["path"] for p in caller.paths(prefix="world.house.")}
    kgent.ok("world.house.transform" in listed, "but those of the node")
    kgent.equal(caller.paths(prefix=OTHER + "."), [], "and none of another")
    kgent.equal(full.result(OTHER + ".witness")["total"], 0, "nothing has changed there")


def exact(host):
    caller = key(host, "read", "write", "invoke:world.house.build")
    rows.run(caller, [("world.house.build", None, None, 200, None),
                      ("world.house.build[phase=PLAN]@span=x", None, None, 200, None),
                      ("world.house.test", None, None, 403, None),
                      ("world.house.manifest", None, None, 403, None),
                      ("world.house.attic.build", None, None, 403, None)])
    reader = key(host, "read", "invoke:world.house.*")
    rows.run(reader, [("world.house.manifest", None, None, 200, None),
                      ("world.house.build", None, None, 403, {"required_scope": "write"})])
    nothing = key(host, "write")
    kgent.equal(nothing.invoke("world.house.manifest").status, 403, "without read: nothing")
    two = key(host, "read", "write", "invoke:world.house.*", "invoke:void.*")
    rows.run(two, [("world.house.build", None, None, 200, None),
                   ("void.entropy.status", None, None, 200, None),
                   ("void.entropy.sip", None, None, 200, None),
                   ("time.trace.query", None, None, 403, None)])


def around(host, full):
    """Nodes that act for the caller act with the caller's scopes."""
    caller = key(host, "read", "write", "invoke:world.house.*", "invoke:time.*",
                 "invoke:self.semaphore.*", "invoke:world.purgatory.*")
    full.result(OTHER + ".build", {"changes": {"secret": "tulips"}})
    full.result(OTHER + ".build", {"changes": {"secret": "roses"}})
    total = full.result(OTHER + ".witness")["total"]
    rows.run(caller, [
        ("time.schedule.defer", {"target": OTHER + ".build", "delay": 0}, None, 403, None),
        ("time.schedule.defer", {"target": "world.house.build", "delay": 3600}, None, 200, None),
        ("time.past.restore", {"target": OTHER, "version": 1}, None, 403, None),
    ])
    for path, kwargs in (("time.past.project", {"target": OTHER, "version": 1}),
                         ("time.past.compare", {"target": OTHER, "from_version": 1,
                                                "to_version": 2}),
                         ("time.past.diff", {"target": OTHER, "from_version": 1,
                                             "to_version": 2})):
        answer = caller.invoke(path, kwargs)
        kgent.equal((answer.status, "tulips" in answer.text), (403, False), f"{path} of another")
    token = full.invoke(OTHER + ".build[rollback=true]",
                        {"changes": {"x": 1}}).json["rollback_token"]
    kgent.equal(caller.invoke("time.past.restore", {"token": token}).status, 403, "nor by a token")
    answer = caller.invoke("self.semaphore.yield", {"reason": "r", "target": OTHER + ".build"})
    if answer.status == 200:
        ident = answer.json["result"]["id"]
        kgent.equal(caller.invoke("world.purgatory.resolve", {"id": ident}).status, 403,
                    "what it cannot do it cannot let be done")
        kgent.equal(full.result("self.semaphore.status", {"id": ident})["status"], "pending",
                    "that one still waits")
        kgent.equal(full.invoke("world.purgatory.resolve", {"id": ident}).status, 200,
                    "for somebody who can")
        total += 1
    kgent.equal(full.result(OTHER + ".witness")["total"], total + 1, "nothing else was done")


def archetypes(host, full):
    """The same for archetypes."""
    poet = key(host, "read", "write", archetypes=["poet"])
    rows.run(poet, [
        ("world.house.describe", None, "poet", 200, None),
        ("world.house.build", None, "poet", 403, {"available": list}),
        ("world.house.build", None, "developer", 403, {"available": ["poet"]}),
        ("time.schedule.defer", {"target": "world.house.build", "delay": 0}, "poet", 403, None),
    ])
    kgent.equal(poet.compose(pipeline="world.house.describe >> world.house.build",
                             observer={"archetype": "poet"}).status, 403, "in a composition")
    kgent.equal(full.result("world.house.witness")["history"][0]["aspect"] == "build", False,
                "and the first step did not run")
    ident = full.result("self.semaphore.yield", {"reason": "r", "target": "world.house.build"},
                        )["id"]
    kgent.equal(poet.invoke("world.purgatory.resolve", {"id": ident}, "poet").status, 403,
                "a poet resolves nothing")
    listed = {p["path"] for p in poet.paths(prefix="world.house.")}
    kgent.ok("world.house.describe" in listed and "world.house.build" not in listed,
             "a poet's list")


def later(host):
    """What is deferred by a key that is revoked meanwhile is not done."""
    answer = host.post("/admin/v1/keys", {"name": "gone", "scopes": ["read", "write"]}, local=True)
    caller = rows.Caller(host, answer.json["key"])
    caller.result("time.schedule.defer", {"target": "world.late.build", "delay": 0.5})
    host.request("DELETE", f"/admin/v1/keys/{answer.json['id']}", local=True)
    full = rows.Caller(host)
    end = time.monotonic() + 10
    entry = {}
    while time.monotonic() < end and entry.get("status") != "done":
        entry = next(e for e in full.result("time.schedule.list")["scheduled"]
                     if e["target"] == "world.late.build")
        time.sleep(0.05)
    kgent.equal((entry["status"], entry["code"]), ("done", 401), "a revoked key's deferral")
    kgent.equal(full.result("world.late.witness")["total"], 0, "changes nothing")


def tests():
    with kgent.Host(plugins=["health", rows.UNLIMITED, "agentese"]) as host:
        full = rows.Caller(host)
        narrow(host, full)
        exact(host)
        around(host, full)
        archetypes(host, full)
        later(host)


if __name__ == "__main__":
    kgent.main([tests])
