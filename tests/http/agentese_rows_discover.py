#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""What there is, and what was done: lists of paths in pages and by prefix, the same each
time; the OpenAPI document; and each call in the trace and among the usage, once."""
import urllib.parse

import kgent
import rows

BLOCK = ('load = "agentese"; prices = ( { path = "world.inn.build"; tokens = 7; } );'
         ' nodes = ( { name = "world.robot"; url = "http://127.0.0.1:1/"; private = true;'
         ' summary = "A robot."; aspects = ( { name = "act"; summary = "Does it.";'
         ' input = "{\\"type\\":\\"object\\",\\"required\\":[\\"what\\"],\\"properties\\":'
         '{\\"what\\":{\\"type\\":\\"string\\"}}}"; tokens = 5; } ); } );')


def pages(caller):
    whole = caller.get("/v1/agentese/paths?limit=1000").json
    kgent.equal(whole["next"], None, "one page of 1,000")
    for limit in (1, 7, 100):
        listed, after, turns = [], None, 0
        while turns == 0 or (after and turns < 500):
            page = caller.get(f"/v1/agentese/paths?limit={limit}"
                              + (f"&after={urllib.parse.quote(after)}" if after else "")).json
            listed += page["paths"]
            after, turns = page["next"], turns + 1
            if len(page["paths"]) != limit and after:
                kgent.ok(False, "a page is as long as it was asked for")
        kgent.ok(listed == whole["paths"], f"pages of {limit} are the whole")
    for query, status in (("limit=0", 422), ("limit=1001", 422), ("limit=x", 422), ("limit=", 422),
                          ("limit=-1", 422), ("prefix=World", 422), ("after=zzz", 200),
                          ("limit=1", 200), ("archetype=poet", 200)):
        kgent.equal(caller.get("/v1/agentese/paths?" + query).status, status, f"{query}: {status}")


def prefixes(caller):
    whole = [p["path"] for p in caller.paths()]
    for prefix in ("", "self", "self.", "self.mem", "self.memory.", "time.past", "void.entropy.s",
                   "concept.entity.", "nothing"):
        got = [p["path"] for p in caller.paths(prefix=prefix)]
        kgent.equal(got, [p for p in whole if p.startswith(prefix)], f"prefix {prefix!r}")
    got = [p["path"] for p in caller.paths(prefix="world.house.")]
    kgent.ok(got and all(p.startswith("world.house.") for p in got) and got == sorted(got),
             "prefix of one node")
    got = {p["path"] for p in caller.paths(prefix="world.house.", archetype="poet")}
    kgent.equal("world.house.describe" in got and "world.house.build" not in got, True,
                "of what a poet is offered")


def tags(host, caller):
    first = caller.get("/v1/agentese/paths?limit=1000")
    tag = first.headers["ETag"]
    for value, status in ((tag, 304), ("W/" + tag, 304), ('"x", ' + tag, 304), ("*", 304),
                          ('"x"', 200), ("", 200)):
        answer = host.get("/v1/agentese/paths?limit=1000", {**caller.headers,
                                                            "If-None-Match": value})
        kgent.equal((answer.status, answer.body == b""), (status, status == 304),
                    f"If-None-Match {value}: {status}")
    reader = rows.Caller(host, rows.new_key(host, scopes=["read"]))
    kgent.ok(reader.get("/v1/agentese/paths?limit=1000").headers["ETag"] != tag,
             "another list has another one")
    host.stop()
    host.start()
    again = caller.get("/v1/agentese/paths?limit=1000")
    kgent.equal((again.body == first.body, again.headers["ETag"]), (True, tag),
                "the same after a restart")


def document(host, caller):
    api = host.get("/openapi.json").json
    kgent.equal(api["openapi"], "3.1.0", "OpenAPI")
    for route, method in (("invoke", "post"), ("compose", "post"), ("resolve", "get"),
                          ("affordances", "get"), ("paths", "get")):
        kgent.ok(method in api["paths"][f"/v1/agentese/{route}"], f"has {route}")
    concrete = [p for p in caller.paths() if "*" not in p["path"]]
    missing = [p["path"] for p in concrete
               if f"/v1/agentese/invoke#{p['path']}" not in api["paths"]]
    kgent.equal(missing, [], "each path has an entry")
    kgent.ok("what" in str(api["paths"]["/v1/agentese/invoke#world.robot.act"]),
             "with the schema of its arguments")
    names = [o.get("operationId") for p in api["paths"].values() for o in p.values()
             if isinstance(o, dict)]
    names = [n for n in names if n]
    kgent.equal(len(set(names)), len(names), "operations have names of their own")
    entry = next(p for p in caller.paths(prefix="world.robot.") if p["path"].endswith(".act"))
    rows_ = {"category": "GENERATION", "scope": "write", "kind": "http", "summary": "Does it.",
             "input": {"required": ["what"]}, "price": {"fixed": 5}}
    kgent.ok(rows.fits(entry, rows_), "an agent is listed with all that")


def similar(host):
    caller = rows.Caller(host)
    for path, near in (("world.purgatori.list", "world.purgatory"),
                       ("world.robbot.act", "world.robot")):
        got = caller.invoke(path)
        kgent.equal(got.status, 404, path)
        kgent.ok(any(near in s for s in got.json["similar_paths"]), f"{path}: {near} is similar")


def accounts(host):
    """Each call is a line of the trace; each that ran is a unit of usage."""
    caller = rows.Caller(host, rows.new_key(host, tenant=rows.new_tenant(host, "accounts")))
    reader = rows.Caller(host, rows.new_key(
        host, tenant=caller.get("/v1/me").json["tenant"], scopes=["read"]))
    ran = [("world.inn.build", 200, 7), ("world.inn.manifest", 200, 0),
           ("world.inn.build[phase=QA]", 200, 7)]
    refused = [("world.inn.fly", 403), ("nowhere.x.y", 404), ("bad path", 400),
               ("world.inn.transform", 400), ("self.memory.compress", 501),
               ("world.inn.relate[minimal_output]", 422), ("world.robot.act", 422)]
    for path, *_ in ran + refused:
        caller.invoke(path)
    reader.invoke("world.inn.build")
    caller.invoke("void.entropy.sip", {"amount": 1000})
    caller.invoke("world.inn.build", query="?quote=1")
    caller.compose(paths=["world.inn.build", "Id", "world.inn.test"])
    lines = caller.result("time.trace.query", {"limit": 100})["traces"]
    wanted = sorted([(p, s, u) for p, s, u in ran] + [(p, s, 0) for p, s in refused] + [
        ("world.inn.build", 403, 0), ("void.entropy.sip", 402, 0), ("world.inn.build", 200, 7),
        ("world.inn.test", 200, 0)])
    base = [(p.split("[")[0], s, u) for p, s, u in wanted]
    kgent.equal(sorted((t["path"].split("[")[0], t["status"], t["units"]) for t in lines),
                sorted(base), "the trace has each call, refused ones too, and no quote")
    usage = {m["meter"]: m["value"] for m in caller.get("/v1/usage").json["data"]}
    kgent.equal((usage["requests"], usage["tokens"]), (len(ran) + 1 + 2, 21),
                "and the usage each one that ran")
    kgent.equal(caller.get("/v1/me").json["of_tenant"]["used"]["tokens_month"], 21,
                "as the limits do")


def tests():
    with kgent.Host(plugins=["health", rows.UNLIMITED, "metering-openmeter", BLOCK]) as host:
        caller = rows.Caller(host)
        pages(caller)
        prefixes(caller)
        tags(host, caller)
        document(host, caller)
        accounts(host)


def closed():
    block = BLOCK.replace('"agentese";', '"agentese"; open_world = false;')
    with kgent.Host(plugins=["health", rows.UNLIMITED, block]) as host:
        similar(host)


if __name__ == "__main__":
    kgent.main([tests, closed])
