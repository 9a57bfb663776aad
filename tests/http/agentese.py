#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""The three routes of agentese.so over real sockets: faults as clients send them,
and state that survives a kill."""
import signal
import threading

import kgent

AUTH = 'load = "auth"; dev_keys = true; enforce = "shadow";'
INVOKE = "/v1/agentese/invoke"


def call(host, path, key="carol", **body):
    return host.post(INVOKE, {"path": path, **body}, {"X-API-Key": "kg_dev_" + key})


def text(host, body, kind="application/json"):
    """Sends a body as it stands."""
    return host.request("POST", INVOKE, body.encode() if isinstance(body, str) else body,
                        {"X-API-Key": "kg_dev_carol", "Content-Type": kind})


def get(host, target):
    return host.get("/v1/agentese/" + target, {"X-API-Key": "kg_dev_bob"})


def first_answers(host):
    answer = call(host, "world.house.manifest", "alice")
    kgent.equal((answer.status, answer.json["result"]["type"], answer.json["cached"]),
                (200, "developer", False), "a manifest")
    kgent.equal(call(host, "world.house.manifest").json["cached"], True, "the node is known now")
    kgent.equal(host.post(INVOKE, {"path": "world.house.manifest"}).status, 401, "nobody")
    answer = call(host, "world.house.transform", "alice", kwargs={"changes": {}})
    kgent.equal((answer.status, answer.json["detail"], answer.json["required_scope"]),
                (403, "API key requires 'write' scope", "write"), "a read key changes nothing")
    answer = call(host, "world.house.manifest", observer={"archetype": "architect"})
    kgent.equal(answer.json["result"]["structural_analysis"],
                {"load_bearing": [], "stress_points": [], "integrity": 1.0}, "an architect's view")


def malformed_paths(host):
    bad = ["", "a" * 257, "world." + "a" * 65 + ".x", "..", "../../etc/passwd", "world/house/x",
           "world.%68ouse.manifest", "world.house.manifest" + "[rollback]" * 1000,
           "world.house.manifest[", "world.house.manifest@", "world.house.manifest@span=x@y=z",
           "world.h\u043euse.manifest", "world.house.>", "world.*.manifest", "world.a b.c",
           "Id>>world.house.manifest", "Id >> ", "Id"]
    got = [call(host, p).status for p in bad]
    kgent.equal(got, [400] * len(bad), "malformed paths are 400")
    kgent.equal(call(host, "nowhere.house.manifest").status, 404, "an unknown context is 404")
    answer = text(host, '{"path":"world.a\\u0000b.manifest"}')
    kgent.equal(answer.status, 400, "a NUL is 400")
    answer = call(host, "world.house.fly", observer={"archetype": "poet"})
    kgent.equal((answer.status, answer.json["detail"].split("\n")[0]),
                (403, "Affordance not available: Aspect 'fly' not available to poet"), "flying")
    kgent.contains(answer.json["detail"], "\n\n    Why: ", "why")
    kgent.contains(answer.json["detail"], "\n\n    Try: ", "what to try")
    kgent.contains(answer.json["detail"], "\n\n    Related: manifest, witness, ", "what is related")
    kgent.equal(answer.json["available"][:3], ["manifest", "witness", "affordances"], "available")


def malformed_bodies(host):
    for body, status in (("", 400), ("  ", 400), ("12", 422), ("null", 422), ("[]", 422),
                         ("{}", 422), ('{"path":7}', 422), ('{"path":"world.a.b","path":"x"}', 400),
                         ('{"path":"world.a.manifest","kwargs":[]}', 422),
                         ('{"path":"world.a.manifest"} x', 400),
                         ('{"path":"world.a.manifest","kwargs":{"x":NaN}}', 400)):
        kgent.equal(text(host, body).status, status, "body %s" % body)
    body = '{"path":"world.a.manifest"}'
    kgent.equal(text(host, body, "text/plain").status, 415, "another media type")
    kgent.equal(text(host, body, "application/json; charset=utf-8").status, 200, "a charset")
    answer = text(host, "{}")
    kgent.equal(answer.json["errors"],
                [{"loc": ["body", "path"], "type": "missing", "msg": "Field required"}], "errors")
    for name in ("path", "observer", "self", "aspect"):
        answer = call(host, "world.house.manifest", kwargs={name: 1})
        kgent.equal(answer.status, 400, "reserved argument " + name)


def naming(host):
    answer = get(host, "resolve?path=world.house")
    kgent.equal(answer.json, {
        "path": "world.house", "handle": "world.house", "context": "world",
        "affordances": ["manifest", "witness", "affordances", "define", "relate", "transform",
                        "build", "deploy", "debug", "test", "refactor"]}, "resolve")
    answer = get(host, "affordances?path=time.past&archetype=wizard")
    kgent.equal(answer.json, {
        "path": "time.past", "observer_archetype": "wizard",
        "affordances": ["manifest", "witness", "affordances", "project", "compare", "diff",
                        "restore"]}, "affordances")
    kgent.equal(get(host, "resolve").status, 422, "resolve without a path")
    kgent.equal(get(host, "resolve?path=%ff").status in (400, 422), True, "resolve of no UTF-8")


def paths(host):
    """What a caller may invoke: in pages, by prefix, with a tag; the same in the document."""
    whole = get(host, "paths?limit=1000").json
    names = [p["path"] for p in whole["paths"]]
    kgent.equal((names, whole["next"]), (sorted(set(names)), None), "paths are sorted")
    pages, after = [], ""
    while after is not None:
        page = get(host, "paths?limit=37" + (after and "&after=" + after)).json
        pages += [p["path"] for p in page["paths"]]
        after = page["next"]
    kgent.equal(pages, names, "and come in pages")
    measure = next(p for p in whole["paths"] if p["path"] == "world.*.measure")
    kgent.equal((measure["category"], measure["scope"], measure["kind"], measure["price"]),
                ("PERCEPTION", "read", "open_world",
                 {"requests": 1, "fixed": 0, "per_token": 0, "per_kb": 0, "max": 0, "money": 0}),
                "with category, scope and price")
    kgent.equal(measure["input"]["required"], ["metric"], "and schema")
    house = [p["path"] for p in get(host, "paths?prefix=world.house.").json["paths"]]
    kgent.equal("world.house.build" in house and all(p.startswith("world.house.") for p in house),
                True, "of one node")
    answer = get(host, "paths")
    again = host.get("/v1/agentese/paths", {
        "X-API-Key": "kg_dev_bob", "If-None-Match": answer.headers["ETag"]})
    kgent.equal((again.status, again.body), (304, b""), "not twice")
    alice = host.get("/v1/agentese/paths?limit=1000", {"X-API-Key": "kg_dev_alice"}).json
    kgent.equal({p["scope"] for p in alice["paths"]}, {"read"}, "a key that reads sees no changes")
    kgent.equal(get(host, "paths?limit=0").status, 422, "a limit that is none")
    document = host.get("/openapi.json").json["paths"]
    fixed = {n for n in names if "*" not in n}
    told = {p.split("#")[1] for p in document if "#" in p}
    kgent.equal(fixed, told, "the document has an operation for each")


def one_node(host):
    """Many change one node at once, and none is lost; a kill takes nothing."""
    statuses = []

    def change(n):
        for i in range(10):
            answer = call(host, "world.tower.transform",
                          kwargs={"changes": {"m%d_%d" % (n, i): i}})
            statuses.append(answer.status)

    threads = [threading.Thread(target=change, args=(n,)) for n in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    kgent.equal(statuses, [200] * 80, "80 changes at once")
    host.stop(signal.SIGKILL)
    host.start()
    answer = call(host, "world.tower.witness")
    kgent.equal(answer.json["result"]["total"], 80, "are 80 lines of history after a kill")
    kgent.equal([e["version"] for e in answer.json["result"]["history"]],
                list(range(80, 0, -1)), "with 80 versions, newest first")
    answer = call(host, "world.tower.transform", kwargs={"changes": {"m0_0": None}})
    kgent.equal(answer.json["result"]["version"], 81, "and it goes on")
    kgent.equal(call(host, "world.cellar.manifest").json["cached"], False, "a new node is new")


with kgent.Host(plugins=["health", AUTH, "agentese", "metering-openmeter"]) as run:
    for test in (first_answers, malformed_paths, malformed_bodies, naming, paths, one_node):
        test(run)
kgent.done()
