#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""The routes, row by row: bodies, defaults, what each failure looks like, quotes and
the greatest cost, and what compositions answer."""
import http.client
import json

import kgent
import rows
from rows import ANY, NUMBER, Only

INVOKE = "/v1/agentese/invoke"
P = "world.house.manifest"
JSON = {"Content-Type": "application/json"}

# Members of a body, and the location and type of the first of the errors.
FAULTS = [
    ({}, ["body", "path"], "missing"), ({"kwargs": {}}, ["body", "path"], "missing"),
    ({"path": 3}, ["body", "path"], "string_type"),
    ({"path": None}, ["body", "path"], "string_type"),
    ({"path": [P]}, ["body", "path"], "string_type"),
    ({"path": P, "observer": "ann"}, ["body", "observer"], "dict_type"),
    ({"path": P, "observer": []}, ["body", "observer"], "dict_type"),
    ({"path": P, "observer": {"name": 3}}, ["body", "observer", "name"], "string_type"),
    ({"path": P, "observer": {"archetype": 3}}, ["body", "observer", "archetype"], "string_type"),
    ({"path": P, "observer": {"capabilities": "x"}}, ["body", "observer", "capabilities"], None),
    ({"path": P, "observer": {"capabilities": [3]}}, None, None),
    ({"path": P, "kwargs": []}, ["body", "kwargs"], "dict_type"),
    ({"path": P, "kwargs": "x"}, ["body", "kwargs"], "dict_type"),
    ({"path": P, "kwargs": 3}, ["body", "kwargs"], "dict_type"),
    ([], None, None), (3, None, None), ("x", None, None), (None, None, None),
]
DEEP = '{"path":"%s","kwargs":{"x":%s}}'
BROKEN = [  # texts that are no strict JSON
    "", "{", "{]", '{"path":"%s"' % P, '{"path":"%s"}x' % P, '{"path":"%s"}{}' % P,
    '{"path":"%s","path":"%s"}' % (P, P), "{'path':'x'}", '{"path":"%s",}' % P,
    DEEP % (P, "NaN"), DEEP % (P, "Infinity"), DEEP % (P, "-Infinity"), DEEP % (P, "1e999"),
    DEEP % (P, "9223372036854775808"), DEEP % (P, "-9223372036854775809"), DEEP % (P, "01"),
    DEEP % (P, '"\\u0000"'), DEEP % (P, '{"a\\u0000":1}'), DEEP % (P, '{"a":1,"a":2}'),
    DEEP % (P, "[" * 40 + "]" * 40), DEEP % (P, '"\\ud800"'), DEEP % (P, '"a\tb"'),
    '{"path":"%s","kwargs":{"x":"\xff"}}' % P, DEEP % (P, "tru"), DEEP % (P, "/* */ 1"),
]
FINE = ["9223372036854775807", "-9223372036854775808", "1e300", "-0.0", '"\\ud83d\\ude00"',
        "[" * 28 + "]" * 28]


def announced(caller, size):
    """The status of a body that is announced; whether it comes nobody waits for."""
    connection = http.client.HTTPConnection("127.0.0.1", caller.host.port, timeout=30)
    connection.putrequest("POST", INVOKE)
    for name, value in {**caller.headers, **JSON, "Content-Length": str(size)}.items():
        connection.putheader(name, value)
    connection.endheaders()
    status = connection.getresponse().status
    connection.close()
    return status


def bodies(caller):
    for body, loc, kind in FAULTS:
        answer = caller.post(INVOKE, json.dumps(body), JSON)
        wanted = rows.problem(422, errors=lambda e, loc=loc, kind=kind: rows.fits(
            e[0], {"loc": loc or list, "type": kind or str, "msg": str}))
        rows.check(answer, 422, wanted, f"422: {body}")
    for text in BROKEN:
        answer = caller.post(INVOKE, text.encode("latin-1"), JSON)
        rows.check(answer, 400, rows.problem(400), f"400: {text[-44:]!r}")
    for text in FINE:
        answer = caller.post(INVOKE, (DEEP % (P, text)).encode(), JSON)
        kgent.equal(answer.status, 200, f"200: {text[:30]!r}")
    answer = caller.post(INVOKE, '{"path":"%s"' % P, JSON)
    kgent.ok("json_invalid" in answer.text, "a text that is no JSON: json_invalid")
    for kind, status in (("text/plain", 415), ("", 415), ("application/x-www-form-urlencoded", 415),
                         ("application/json; charset=utf-8", 200), ("Application/JSON", 200)):
        answer = caller.post(INVOKE, json.dumps({"path": P}), {"Content-Type": kind})
        kgent.equal(answer.status, status, f"Content-Type {kind!r}: {status}")
    for member in ("extra", "Path", "result"):
        kgent.equal(caller.post(INVOKE, {"path": P, member: 1}).status, 200,
                    "unknown members are ignored")
    for size, status in ((1100000, 413), (2**63, 413), (-1, 400)):
        kgent.equal(announced(caller, size), status, f"a body of {size} bytes: {status}")
    kgent.equal(caller.post(INVOKE, {"path": P, "kwargs": {"x": "y" * 1000000}}).status, 200,
                "1 MiB is taken")


def defaults(caller, host):
    for observer in (None, {}, {"name": "x"}, {"capabilities": []}):
        body = {"path": "world.house.affordances"}
        if observer is not None:
            body["observer"] = observer
        got = caller.post(INVOKE, body)
        kgent.ok("refactor" in got.text, f"observer {observer}: a developer")
    caller.result("world.name.build")
    kgent.ok("api_user" in str(caller.result("world.name.witness")), "by the name of api_user")
    caller.invoke("world.name.build", name="ann")
    kgent.ok("ann" in str(caller.result("world.name.witness")["history"][0]["observer"]),
             "or another one")
    answer = caller.invoke("world.cached.manifest")
    again = caller.invoke("world.cached.manifest")
    kgent.equal((answer.json["cached"], again.json["cached"]), (False, True), "cached")
    kgent.equal(set(again.json), {"path", "result", "tokens_used", "cached"}, "members")
    path = "world.cached.manifest[ phase = PLAN ]"
    kgent.equal(caller.invoke(path).json["path"], path, "the path as it was sent")
    kgent.equal(host.post(INVOKE, {"path": P}).status, 401, "no key: 401")
    answer = caller.get(INVOKE)
    kgent.equal((answer.status, answer.headers["Allow"]), (405, "POST, OPTIONS"), "GET: 405")
    answer = caller.get("/v1/agentese/paths/?prefix=self")
    kgent.equal((answer.status, answer.headers["Location"]),
                (307, "/v1/agentese/paths?prefix=self"), "a slash behind it: 307")
    answer = caller.host.request("HEAD", "/v1/agentese/paths", headers=caller.headers)
    kgent.equal((answer.status, answer.body), (200, b""), "HEAD")


def failures(caller, reader):
    for path, status, prefix, message in (
            ("world", 400, "Invalid path: ", "Path 'world' incomplete"),
            ("world.x", 400, "Invalid path: ", "Path must include aspect: 'world.x'"),
            ("mind.x.y", 404, "Path not found: ", "Unknown context: 'mind'"),
            ("world.x.fly", 403, "Affordance not available: ",
             "Aspect 'fly' not available to poet")):
        detail = caller.invoke(path, archetype="poet").json["detail"]
        kgent.equal(detail.split("\n")[0], prefix + message, f"{path}: {status}")
    for word in ("path", "observer", "self", "aspect"):
        answer = caller.invoke(P, {word: "x"})
        rows.check(answer, 400, rows.problem(400, rows.text(word)), f"{word} is reserved")
    answer = reader.invoke("world.house.transform", {"changes": {"a": 1}})
    rows.check(answer, 403, rows.problem(403, "API key requires 'write' scope",
                                         required_scope="write"), "a reader changes nothing")
    kgent.equal(reader.invoke(P).status, 200, "and reads")
    for route in ("resolve", "affordances"):
        answer = caller.get(f"/v1/agentese/{route}")
        rows.check(answer, 422, rows.problem(422, errors=lambda e: e[0]["loc"] == [
            "query", "path"] and e[0]["type"] == "missing"), f"{route} without path")
    answer = caller.get("/v1/agentese/affordances?path=world.house&archetype=NoSuch")
    kgent.ok(answer.status in (200, 400, 422), "an archetype that is no name")


def composed(caller):
    step = Only(path=str, span_id=str, duration_ms=NUMBER, output_type=str)
    shape = {"result": ANY, "pipeline_trace": rows.each(step), "laws_verified": list,
             "tokens_used": int}
    for body in ({"paths": ["world.house.manifest", "self.judgment.critique"]},
                 {"pipeline": "world.house.manifest >> self.judgment.critique"},
                 {"pipeline": "Id >> world.house.manifest >> Id"}, {"paths": ["Id"]},
                 {"pipeline": "world.house.manifest"}):
        rows.check(caller.compose(**body), 200, shape, f"compose {body}")
    got = caller.compose(pipeline="world.house.manifest >> world.house.witness").json
    kgent.equal([s["path"] for s in got["pipeline_trace"]],
                ["world.house.manifest", "world.house.witness"], "a span of each step")
    kgent.equal(len({s["span_id"] for s in got["pipeline_trace"]}), 2, "of its own")
    kgent.ok({"left_identity", "right_identity", "associativity"} <= set(got["laws_verified"]),
             "laws are verified")
    kgent.equal(caller.compose(paths=["Id"], initial_input={"a": [1]}).json["result"],
                {"a": [1]}, "Id hands on the initial input")
    got = caller.compose(pipeline="self.memory.store >> world.house.debug",
                         initial_input="carried on").json["result"]
    kgent.ok("input" in got["kwargs"], "a result is the next one's input")
    for bad, status in (({}, 422), ({"paths": "x"}, 422), ({"paths": []}, None),
                        ({"pipeline": 3}, 422), ({"pipeline": ""}, 400),
                        ({"pipeline": "world.house"}, 400), ({"pipeline": "a >> >> b"}, 400),
                        ({"pipeline": P + " >>"}, 400), ({"pipeline": P + ">>" + P}, None),
                        ({"paths": [3]}, 422), ({"pipeline": P, "observer": 3}, 422),
                        ({"pipeline": P, "emit_law_check": "x"}, 422),
                        ({"pipeline": "mind.x.y"}, 404), ({"pipeline": "world.x.fly"}, 403),
                        ({"paths": [P], "pipeline": P}, None)):
        got = caller.compose(**bad).status
        kgent.ok(got == status or (status is None and got in (400, 422)),
                 f"compose {bad}: {got}")
    got = caller.compose(paths=[P], emit_law_check=False).json
    kgent.equal(got["laws_verified"], [], "emit_law_check false")


def fails(caller):
    """The first failure stops it and says where."""
    answer = caller.compose(paths=["world.stop.build", "self.memory.forget", "world.stop.test"])
    rows.check(answer, 400, rows.problem(400, pipeline_trace=lambda t: len(t) == 1),
               "the second step fails")
    kgent.ok("self.memory.forget" in answer.text, "it is named")
    kgent.equal([h["aspect"] for h in caller.result("world.stop.witness")["history"]], ["build"],
                "and the third one did not run")


def priced(caller, reader):
    shape = {"allowed": True, "cost": {"requests": int, "tokens": 7, "money": ANY}}
    for query, headers in (("?quote=1", {}), ("", {"Prefer": "quote"})):
        answer = caller.invoke("world.inn.build", {"changes": {"a": 1}}, query=query,
                               headers=headers)
        rows.check(answer, 200, shape, f"a quote {query} {headers}")
        answer = caller.post("/v1/agentese/compose" + query,
                             {"pipeline": "world.inn.build >> world.inn.test"}, headers)
        rows.check(answer, 200, {"allowed": True, "cost": {"tokens": 14}}, "of a composition")
    answer = caller.invoke("world.inn.fly", query="?quote=1")
    kgent.equal(answer.status, 403, "what is not offered has no price")
    answer = reader.invoke("world.inn.build", query="?quote=1")
    rows.check(answer, 200, {"allowed": False, "refusal": {"status": 403}}, "for a reader")
    kgent.equal(caller.result("world.inn.witness")["total"], 0, "a quote invokes nothing")
    for most, status in (("6", 402), ("7", 200), ("0", 402), ("1000", 200), ("x", 400),
                         ("-1", 400), ("", 400)):
        answer = caller.invoke("world.inn.build", headers={"Kgent-Max-Cost": most})
        kgent.equal(answer.status, status, f"Kgent-Max-Cost {most!r}: {status}")
        if status == 200:
            kgent.equal(answer.json["tokens_used"], 7, "tokens_used")
    kgent.equal(caller.result("world.inn.witness")["total"], 2, "what is refused did not run")
    me = caller.get("/v1/me").json
    kgent.ok("21" in json.dumps(me["used"]) or "14" in json.dumps(me), "what ran is charged")


def tests():
    block = ('load = "agentese"; prices = ( { path = "world.inn.build"; tokens = 7; },'
             ' { path = "world.inn.test"; tokens = 7; } );')
    with kgent.Host(plugins=["health", rows.UNLIMITED, block]) as host:
        caller = rows.Caller(host)
        bodies(caller)
        defaults(caller, host)
        reader = rows.Caller(host, rows.new_key(host, scopes=["read"]))
        failures(caller, reader)
        composed(caller)
        fails(caller)
        priced(caller, reader)


if __name__ == "__main__":
    kgent.main([tests])
