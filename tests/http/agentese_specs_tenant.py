#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Specs that tenants make: at once, durable, counted, theirs alone."""
import signal
import threading
import time

import kgent

AGENTESE = 'load = "agentese"; nodes_max = 40;'
PLUGINS = ["health", 'load = "auth"; dev_keys = true; enforce = "shadow";', AGENTESE,
           "metering-openmeter"]
LAMP = """---
summary: A lamp.
archetypes:
  any: [shine]
  poet: [dream]
aspects:
  shine: Shines.
  dream:
    does: prompt
---
A lamp of {{colour|no colour}}.

## shine

{{colour|No}} light for {{whom}}.

## dream

Dream of {{colour|light}}.
"""
OTHER = LAMP.replace("A lamp.", "Another lamp.").replace("{{colour|No}} light", "Heat")
FACT = "---\naspects:\n  tell: Tells.\n---\n## tell\n```json\n{\"n\":{{n|0}}}\n```\n"


class Tenant:
    """A key of a new tenant."""

    def __init__(self, host, slug, scopes=("read", "write")):
        self.host = host
        host.post("/admin/v1/tenants", {"name": slug, "slug": slug}, local=True)
        self.key = self.new_key(slug, scopes)

    def new_key(self, slug, scopes, archetypes=("developer", "*")):
        body = {"name": "k", "tenant": slug, "tier": "ENTERPRISE", "archetypes": list(archetypes),
                "scopes": list(scopes)}
        return self.host.post("/admin/v1/keys", body, local=True).json["key"]

    def call(self, path, archetype=None, key=None, **kwargs):
        body = {"path": path, "kwargs": kwargs}
        if archetype:
            body["observer"] = {"archetype": archetype}
        return self.host.post("/v1/agentese/invoke", body, {"X-API-Key": key or self.key})

    def result(self, path, archetype=None, **kwargs):
        answer = self.call(path, archetype, **kwargs)
        return answer.json["result"] if answer.status == 200 else (answer.status, answer.json)

    def get(self, target, key=None):
        answer = self.host.get("/v1/agentese/" + target, {"X-API-Key": key or self.key})
        return answer.json if answer.status == 200 else (answer.status, answer.json)

    def paths(self, query="", key=None):
        return [p["path"] for p in self.get("paths?limit=1000" + query, key)["paths"]]


def made(host):
    north = Tenant(host, "north")
    before = north.paths()
    kgent.equal(north.result("world.house.define", name="lamp", spec=LAMP),
                {"handle": "world.house.lamp", "affordances":
                 ["manifest", "witness", "affordances", "shine", "define", "relate", "transform"]},
                "define makes a spec of a text with a front matter")
    kgent.equal(north.result("world.house.lamp.shine", whom="Bo"), "No light for Bo.",
                "which can be invoked at once")
    got = north.result("world.house.lamp.manifest", "poet")
    kgent.equal((got["summary"], got["content"], got["kind"], [a["aspect"] for a in got["aspects"]]),
                ("A lamp.", "A lamp of no colour.", "spec",
                 ["manifest", "witness", "affordances", "shine", "dream", "define", "relate", "transform"]),
                "and looked at")
    kgent.equal(north.get("affordances?path=world.house.lamp&archetype=poet")["affordances"],
                ["manifest", "witness", "affordances", "shine", "dream", "define", "relate", "transform"],
                "its affordances")
    for path in ("world.house.lamp", "world.house.lamp.shine"):
        kgent.equal(north.get("resolve?path=" + path)["handle"], "world.house.lamp", "resolve " + path)
    kgent.equal([p for p in north.paths() if p not in before],
                ["world.house.lamp." + a for a in ("affordances", "define", "dream", "manifest", "relate",
                                                   "shine", "transform", "witness")], "its paths")
    kgent.equal(north.paths("&prefix=world.house.lamp."), [p for p in north.paths() if "lamp" in p],
                "by prefix, once each")
    shine = north.get("paths?prefix=world.house.lamp.shine")["paths"][0]
    kgent.equal((shine["kind"], shine["category"], shine["input"]["properties"]),
                ("spec", "PERCEPTION", {"colour": {}, "whom": {}}), "with what it takes")
    kgent.equal(north.call("world.house.lamp.dream", "poet").status, 503, "a prompt waits for a model")
    kgent.equal(north.call("world.house.lamp.dream", "admin").status, 403, "and is the poet's")
    kgent.equal(north.call("world.house.lamp.metaphorize", "poet").status, 403,
                "it has no verbs of the open world")
    answer = north.call("world.house.lamp")
    kgent.equal((answer.status, "Path must include aspect" in answer.json["detail"]), (400, True),
                "a node without aspect")
    kgent.equal(north.result("world.house.lamp.lineage")["lineage"], ["world", "world.house"], "a lineage")
    return north


def isolated(host, north):
    south = Tenant(host, "south")
    kgent.equal(south.call("world.house.lamp.shine", whom="x").status, 403, "another tenant has no such aspect")
    kgent.equal(south.result("world.house.lamp.manifest", "poet")["type"], "poetic", "but the open world's node")
    kgent.equal([p for p in south.paths() if "lamp" in p], [], "and no path of it")
    kgent.equal([p for p in south.paths("&prefix=world.house.lamp.") if "shine" in p], [], "nor by prefix")
    kgent.equal("shine" in south.get("affordances?path=world.house.lamp")["affordances"], False, "nor affordance")
    kgent.equal(south.get("resolve?path=world.house.lamp.shine")["handle"], "world.house.lamp.shine",
                "nor handle")
    south.result("world.house.define", name="lamp", spec=OTHER)
    kgent.equal((south.result("world.house.lamp.shine", whom="x"),
                 north.result("world.house.lamp.shine", whom="x")), ("Heat for x.", "No light for x."),
                "each has its own of the same name")
    document = host.get("/openapi.json").text
    kgent.equal("world.house.lamp" in document, False, "the public document tells of neither")


def changed(north):
    kgent.equal(north.call("world.house.define", name="lamp", spec=LAMP).status, 409, "it is defined once")
    answer = north.call("world.house.lamp.transform[rollback]", changes={"colour": "red"})
    kgent.equal((answer.status, north.result("world.house.lamp.shine", whom="Bo")),
                (200, "red light for Bo."), "its state fills holes")
    answer = north.call("world.house.lamp.transform[rollback]", changes={"spec": OTHER})
    kgent.equal(north.result("world.house.lamp.shine", whom="Bo"), "Heat for Bo.", "transform changes the text")
    north.call("time.past.restore", token=answer.json["rollback_token"])
    kgent.equal(north.result("world.house.lamp.shine", whom="Bo"), "red light for Bo.", "and it can be undone")
    kgent.equal(north.call("world.house.lamp.transform", "poet", changes={"spec": OTHER}).status, 403,
                "a poet changes no spec")
    kgent.equal(north.call("world.plain.transform", "poet", changes={"spec": OTHER}).status, 403,
                "nor makes one")
    kgent.equal(north.call("world.house.lamp.transform", "poet", changes={"colour": "blue"}).status, 200,
                "and changes the rest")
    answer = north.call("world.house.define[rollback]", name="brief", spec=LAMP)
    kgent.equal(north.call("world.house.brief.shine", whom="x").status, 200, "a spec")
    kgent.equal(north.call("time.past.restore", token=answer.json["rollback_token"]).status, 200, "is undone")
    kgent.equal((north.call("world.house.brief.shine", whom="x").status,
                 [p for p in north.paths() if "brief" in p]), (403, []), "and gone")
    north.call("world.house.lamp.transform", changes={"spec": None})
    kgent.equal((north.call("world.house.lamp.shine", whom="x").status,
                 north.call("world.house.lamp.build").status), (403, 200), "without its text it is like any other")
    north.call("world.house.lamp.transform", changes={"spec": LAMP})
    kgent.equal(north.result("world.house.lamp.shine", whom="Bo"), "blue light for Bo.", "and with it a spec again")


def refused(north):
    for spec, status, told in (
            ("---\nsummary x\n---\n", 422, "spec:2: 'summary x': this line has no key"),
            (FACT.replace("{{n|0}}", "{{n|x}}"), 422, "spec:7: with defaults"),
            (LAMP.replace("poet", "poeta"), 422, "spec:5: 'poeta': there is no such archetype"),
            (LAMP.replace("    does: prompt", "    does: prompt\n    tokens: 1"), 422, "prices are the operator's"),
            (LAMP.replace("    does: prompt", "    does: prompt\n    input: {}"), 422, "schemas belong to"),
            (LAMP + "x" * 40000, 422, "spec:1: it has more than 32768 bytes")):
        answer = north.call("world.house.define", name="bad", spec=spec)
        kgent.equal((answer.status, told in answer.json["detail"]), (status, True), "refused: " + told)
        answer = north.call("world.other.transform", changes={"spec": spec})
        kgent.equal((answer.status, told in answer.json["detail"]), (status, True), "by transform, too")
    kgent.equal(north.call("world.house.define", "poet", name="bad", spec=LAMP).status, 403, "a poet defines none")
    kgent.equal(north.call("world.house.bad.shine").status, 403, "nothing came of it")
    kgent.equal(north.result("world.house.define", name="text", spec="A text.")["affordances"][:4],
                ["manifest", "witness", "affordances", "define"], "a text without front matter is state")


def concepts(north):
    got = north.result("concept.entity.define", name="fact", definition="What is so.", extends="entity", spec=FACT)
    kgent.equal(got["handle"], "concept.fact", "a concept can be a spec")
    kgent.equal((north.result("concept.fact.tell"), north.result("concept.fact.tell", n=[1])),
                ({"n": 0}, {"n": [1]}), "with its texts")
    kgent.equal(north.result("concept.fact.lineage")["lineage"], ["concept", "concept.entity"], "and its lineage")
    kgent.equal(north.call("concept.fact.define", name="law", extends="fact").status, 200, "and heirs")
    answer = north.call("concept.entity.define", name="bad", extends="entity", spec="---\nx\n---\n")
    kgent.equal((answer.status, "spec:2" in answer.json["detail"]), (422, True), "or is refused")


def ordered(north):
    """Nodes below nodes, whose paths lie between those of the node above."""
    for parent, name in (("world.a", "b"), ("world.a.b", "c"), ("world.a.b", "shine"), ("world.a", "bc"),
                         ("world.a.b.c", "d")):
        kgent.equal(north.call(parent + ".define", name=name, spec=LAMP).status, 200, f"{parent}.{name}")
    whole = north.paths()
    kgent.equal(whole, sorted(set(whole)), "paths are sorted")
    pages, after = [], ""
    while after is not None:
        page = north.get("paths?limit=7" + (after and "&after=" + after))
        pages += [p["path"] for p in page["paths"]]
        after = page["next"]
    kgent.equal(pages, whole, "and come in pages")
    for prefix in ("world.a", "world.a.b", "world.a.b.", "world.a.b.c.d.", "world.a.b.s"):
        kgent.equal([p for p in north.paths("&prefix=" + prefix) if p in whole],
                    [p for p in whole if p.startswith(prefix)], "by prefix " + prefix)
    answer = north.call("world.a.b.shine")
    kgent.equal(answer.status, 422, "an aspect goes before a node of that name")
    scoped = north.new_key("north", ["read", "write", "invoke:world.a.b.*"])
    kgent.equal([p for p in north.paths("", scoped) if "*" not in p],
                [p for p in whole if p.startswith("world.a.b.")], "a narrow key sees what it may invoke")
    reader = north.new_key("north", ["read"])
    kgent.equal([p.split(".")[-1] for p in north.paths("&prefix=world.a.bc.", reader)],
                ["affordances", "manifest", "relate", "shine", "witness"], "a read-only key no changes")


def durable(host, north):
    whole = north.paths()
    host.stop(signal.SIGKILL)
    host.start()
    kgent.equal(north.paths(), whole, "a kill takes none of them")
    kgent.equal(north.result("world.house.lamp.shine", whom="Bo"), "blue light for Bo.", "nor what they say")


def uses(tenant, path, want):
    """What manifest says of uses, once the counts are there."""
    end = time.monotonic() + 20
    while True:
        got = tenant.result(path + ".manifest")
        if got["uses"] >= want or time.monotonic() > end:
            return got["uses"], got["successes"], got["promoted"], got["promoted_at"] is not None
        time.sleep(0.05)


def promoted(host):
    east, west = Tenant(host, "east"), Tenant(host, "west")
    for tenant in (east, west):
        for name in ("good", "poor"):
            tenant.result("world.p.define", name=name, spec=LAMP)
    kgent.equal(uses(east, "world.p.good", 0), (0, 0, False, False), "a new spec was not used")
    for _ in range(99):
        east.call("world.p.good.shine", whom="x")
    kgent.equal(uses(east, "world.p.good", 99), (99, 99, False, False), "99 uses are counted")
    host.stop(signal.SIGKILL)
    host.start()
    kgent.equal(uses(east, "world.p.good", 99), (99, 99, False, False), "and durable")
    for path in ("manifest", "affordances", "relate", "fly"):
        east.call("world.p.good." + path)
    east.call("world.p.good.shine", key="kg_no_such_key", whom="x")
    east.call("world.p.good.shine", whom="x")
    kgent.equal(uses(east, "world.p.good", 100), (100, 100, True, True), "the 100th promotes")
    for i in range(100):
        east.call("world.p.poor.shine", **({"whom": "x"} if i % 4 else {}))
    kgent.equal(uses(east, "world.p.poor", 100), (100, 75, False, False), "three in four do not")
    for _ in range(25):
        east.call("world.p.poor.shine", whom="x")
    kgent.equal(uses(east, "world.p.poor", 125), (125, 100, True, True), "until four in five went well")
    kgent.equal(uses(west, "world.p.good", 0), (0, 0, False, False), "another tenant's is another's")
    answer = east.call("world.p.good.transform[rollback]", changes={"spec": OTHER})
    kgent.equal(uses(east, "world.p.good", 0), (0, 0, False, False), "another text begins anew")
    east.call("world.p.good.shine", whom="x")
    kgent.equal(uses(east, "world.p.good", 1), (1, 1, False, False), "and is counted for itself")
    kgent.equal(host.stop(), 0, "a clean end")
    host.start()
    kgent.equal(uses(east, "world.p.poor", 125), (125, 100, True, True), "stays")


def crowd(host):
    """Texts that change while others read them: every answer is that of one text or the other."""
    tenant = Tenant(host, "crowd")
    for name in ("a", "b"):
        tenant.result("world.c.define", name=name, spec=LAMP)
    strange, end = [], time.monotonic() + 3

    def change(name):
        while time.monotonic() < end:
            for spec in (OTHER, None, LAMP):
                answer = tenant.call(f"world.c.{name}.transform", changes={"spec": spec})
                if answer.status != 200:
                    strange.append(answer.text)

    def read(name):
        while time.monotonic() < end:
            answer = tenant.call(f"world.c.{name}.shine", whom="x")
            if (answer.json.get("result") not in ("No light for x.", "Heat for x.")
                    and answer.status != 403):
                strange.append(answer.text)

    def look(_):
        while time.monotonic() < end:
            got = [p for p in tenant.paths("&prefix=world.c.") if "*" not in p]
            if got != sorted(set(got)):
                strange.append(got)
            tenant.get("affordances?path=world.c.a")

    threads = [threading.Thread(target=f, args=(n,)) for f in (change, read, read, look) for n in "ab"]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    kgent.equal(strange[:3], [], "specs that change while they are read")


def counted(host):
    small = Tenant(host, "small")
    statuses = [small.call("world.x.define", name="n%d" % i, spec=LAMP).status for i in range(41)]
    kgent.equal(statuses.count(200) in (39, 40), True, "as many as nodes_max says")
    answer = small.call("world.x.define", name="more", spec=LAMP)
    kgent.equal((answer.status, answer.json["violated_policies"]), (507, ["agentese.nodes"]), "then no more")
    kgent.equal(len([p for p in small.paths("&prefix=world.x.n") if p.endswith(".shine")]),
                statuses.count(200), "and all of them are listed")


with kgent.Host(plugins=PLUGINS) as run:
    first = made(run)
    isolated(run, first)
    changed(first)
    refused(first)
    concepts(first)
    ordered(first)
    durable(run, first)
    promoted(run)
    crowd(run)
    counted(run)
kgent.done()
