#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""No tenant sees another (FAULTS.md A06).  The matrix is generated: every route of the API
document that wants a key, on both listeners, times the tenants, times ids of others and
ids of nobody, in the path, in each query parameter and in the body.  Both get the same
answer, nothing of another tenant is in any, and everybody's things are as they were.

KGENT_TENANTS: how many (50); KGENT_FOREIGN: of how many others each tries the ids (3;
49 is the whole matrix)."""
import json
import os
import random
import re
import socket
import sys
import urllib.parse
import uuid

import wire

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "http"))

import kgent  # noqa: E402  (found by the line above)

TENANTS = int(os.environ.get("KGENT_TENANTS", "50"))
FOREIGN = min(int(os.environ.get("KGENT_FOREIGN", "3")), TENANTS - 1)
METHODS = ("get", "put", "post", "delete", "patch")
UNLIMITED = {"requests_per_minute": 0, "requests_per_day": 0, "concurrent": 0}
# The request's own, and what the caller itself has used.
VARYING = {"x-request-id", "date", "x-response-time", "x-ratelimit-requests-today",
           "x-ratelimit-remaining", "x-ratelimit-reset", "ratelimit", "x-tokens-today",
           "x-tokens-month"}
dice = random.Random(6)


# ---- Tenants and what is theirs --------------------------------------------------


class Tenant:
    def __init__(self, host, number):
        self.number = number
        self.mark = f"canary-{number:02}"
        self.id = self.make(host, "tenants", name=f"{self.mark} Ltd", slug=self.mark,
                            limits=UNLIMITED)["id"]
        self.user = self.make(host, "users", tenant=self.id, email=f"{self.mark}@example.org",
                              role="owner")["id"]
        made = self.make(host, "keys", name=f"{self.mark} key", tenant=self.id, user=self.user,
                         scopes=["read", "write", "billing"], archetypes=["*"], limits=UNLIMITED)
        self.key, self.key_id = made["key"], made["id"]
        node = f"world.house.only_{number:02}"  # see settle()
        self.ids = [self.id, self.mark, self.user, self.key_id, node, node + ".manifest"]

    @staticmethod
    def make(host, what, **body):
        answer = host.post(f"/admin/v1/{what}", body, local=True)
        if answer.status != 201:
            raise RuntimeError(f"no {what}: {answer.status} {answer.text}")
        return answer.json

    def request(self, method, target, body=None):
        text = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {target} HTTP/1.1\r\nHost: x\r\nX-API-Key: {self.key}\r\n"
        if body is not None:
            head += "Content-Type: application/json\r\n"
        return (head + f"Content-Length: {len(text)}\r\n\r\n").encode() + text


def twin(ident):
    """What looks like this id, and is nobody's."""
    if re.fullmatch(r"canary-\d\d", ident):
        return "nobody-" + str(dice.randint(10, 99))
    if "only_" in ident:
        return re.sub(r"\d\d", "zz", ident)
    return str(uuid.UUID(int=dice.getrandbits(128), version=4))


def ask(host, tenant, requests, admin):
    """Answers to many requests of a tenant, (method, target, body) each."""
    got = []
    while len(got) < len(requests):
        part = requests[len(got):len(got) + 100]
        port = host.admin_port if admin else host.port
        with socket.create_connection(("127.0.0.1", port), timeout=30) as s:
            s.sendall(b"".join(tenant.request(*r) for r in part)
                      + b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            heads = sum(1 for r in part if r[0] == "HEAD")
            some = wire.replies(wire.read_all(s, 30)[0], heads)[:len(part)]
        if not some:
            raise RuntimeError(f"no answer to {part[0]}")
        got += some
    return got


# ---- The document ----------------------------------------------------------------------


class Operation:
    """One method of one route."""

    def __init__(self, pattern, method, spec):
        self.pattern, self.method = pattern, method.upper()
        self.admin = spec.get("x-kgent-listener") == "admin"
        self.params = re.findall(r"\{(\w+)\}", pattern)
        self.query = [p["name"] for p in spec.get("parameters", []) if p["in"] == "query"]
        content = spec.get("requestBody", {}).get("content", {})
        self.schema = content.get("application/json", {}).get("schema")
        self.name = f"{self.method} {pattern}"

    def requests(self, ident):
        """The ways in which the id can be said."""
        path = re.sub(r"\{\w+\}", urllib.parse.quote(ident, safe=""), self.pattern)
        path = path.split("#")[0]  # one of the paths that can be invoked
        body = None if self.schema is None else sample(self.schema, ident)
        ways = [path]
        ways += [f"{path}?{q}={urllib.parse.quote(ident, safe='')}" for q in self.query]
        if len(self.query) > 1:
            ways.append(path + "?" + "&".join(f"{q}={ident}" for q in self.query))
        if not self.params and not self.query and body is None:
            return [(self.method, path, None)]
        return [(self.method, way, body) for way in ways]


def sample(schema, ident):
    """A value of a JSON Schema, with the id wherever any text will do."""
    kind = schema.get("type", "object" if "properties" in schema else "string")
    kind = kind[0] if isinstance(kind, list) else kind
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    if kind == "object":
        return {k: sample(v, ident) for k, v in schema.get("properties", {}).items()
                if k in schema.get("required", ()) or v.get("type") == "string"}
    if kind == "array":
        return [sample(schema.get("items", {}), ident)]
    return {"string": ident, "integer": schema.get("minimum", 1), "number": 1.0,
            "boolean": True}.get(kind)


def operations(host):
    document = host.get("/openapi.json", admin=True).json
    return [Operation(pattern, method, spec)
            for pattern, item in sorted(document["paths"].items())
            for method, spec in item.items() if method in METHODS and spec.get("security")]


# ---- The matrix -----------------------------------------------------------------------------


def seen(reply, ident):
    """All that a client can tell apart, with the id that it said itself taken out."""
    text = reply.body.decode().replace(reply.headers["x-request-id"], "REQUEST")
    for said in (ident, *re.findall(r"only_\w\w", ident)):
        text = text.replace(said, "ID")
    fields = sorted((k.lower(), v.replace(ident, "ID")) for k, v in reply.fields
                    if k.lower() not in VARYING)
    text, counts = re.subn(r'"(used|left)":\{[^{}]*\}', "", text)
    if counts:  # whose digits grow
        fields = [f for f in fields if f[0] != "content-length"]
    return reply.status, fields, re.sub(r'"[0-9T:.+-]{32}"', '"TIME"', text)


def strangers(text, tenant):
    """Whose marks are in there besides the tenant's own."""
    return {m for m in re.findall(r"canary-(\d\d)", str(text)) if int(m) != tenant.number}


class Matrix:
    def __init__(self):
        self.cells, self.differ, self.leaks, self.statuses = 0, [], [], {}

    def compare(self, operation, tenant, pairs, got):
        """`pairs`: the ids of others and of nobody behind each two answers."""
        for (theirs, nobodys), a, b in zip(pairs, got[::2], got[1::2]):
            x, y = seen(a, theirs), seen(b, nobodys)
            self.cells += 1
            key = f"{operation.name} {a.status}"
            self.statuses[key] = self.statuses.get(key, 0) + 1
            # What ran may say a new thing each time, and what the caller draws from may be empty.
            ran = "#" in operation.pattern and x[0] == y[0] < 300
            drew = "#void." in operation.pattern and {x[0], y[0]} <= {200, 402}
            if x != y and not ran and not drew:
                self.differ.append(f"{operation.name} as {tenant.mark}: {theirs}\n {x}\n {y}")
            if strangers(x, tenant) or strangers(y, tenant):
                self.leaks.append(f"{operation.name} as {tenant.mark}: {x}")

    def row(self, host, operation, tenant, others, admin):
        pairs, requests = [], []
        for ident in (i for other in others for i in other.ids):
            nobody = twin(ident)
            for a, b in zip(operation.requests(ident), operation.requests(nobody)):
                pairs.append((ident, nobody))
                requests += [a, b]
        self.compare(operation, tenant, pairs, ask(host, tenant, requests, admin))

    def run(self, host, callers, tenants, operation, admin):
        for tenant in callers:
            others = dice.sample([t for t in tenants if t is not tenant], FOREIGN)
            self.row(host, operation, tenant, others, admin)


def matrix(host, tenants):
    m, all_ = Matrix(), operations(host)
    for operation in all_:
        callers = tenants[:3] if "#" in operation.pattern else tenants
        m.run(host, callers, tenants, operation, operation.admin)
        if operation.admin:  # nor where it isn't
            m.run(host, tenants[:5], tenants, operation, False)
    kgent.note(f"{len(all_)} routes, {len(tenants)} tenants, {m.cells} pairs of answers")
    for line in sorted(m.statuses):
        kgent.note(f"{line}: {m.statuses[line]}")
    kgent.ok(len(all_) > 10, "there are routes")
    kgent.equal(m.differ[:3], [], "ids of others and of nobody get the same answer")
    kgent.equal(m.leaks[:3], [], "nothing of others is in any answer")


# ---- Nodes: names that everybody may use --------------------------------------------------------


def invoke(host, tenant, path, **kwargs):
    body = {"path": path, "kwargs": kwargs}
    return ask(host, tenant, [("POST", "/v1/agentese/invoke", body)], False)[0]


def settle(host, tenants):
    """The same house for everybody, with something else in it."""
    for t in tenants:
        invoke(host, t, "world.house.transform", changes={"secret": t.mark, "language": t.mark})
        made = invoke(host, t, "world.house.define", name=f"only_{t.number:02}")
        if made.status != 200:
            raise RuntimeError(made.body)


def nodes(host, tenants):
    bad, differ = [], []
    for t in tenants:
        for path in ("world.house.manifest", "world.house.witness", "world.house.lineage"):
            answer = invoke(host, t, path)
            if answer.status != 200 or strangers(answer.body, t) or (
                    path.endswith("manifest") and t.mark.encode() not in answer.body):
                bad.append((t.mark, answer.body))
        for other in dice.sample([x for x in tenants if x is not t], FOREIGN):
            theirs, nobodys = f"only_{other.number:02}", "only_zz"
            for path in ("world.house.{}.manifest", "world.house.{}.witness"):
                a = seen(invoke(host, t, path.format(theirs)), theirs)
                b = seen(invoke(host, t, path.format(nobodys)), nobodys)
                if a != b or a[0] != 404:
                    differ.append((a, b))
    kgent.equal(bad[:2], [], "everybody sees his own house")
    kgent.equal(differ[:2], [], "nodes of others are as unknown as those that nobody has")


def untouched(host, tenants):
    """Whatever was tried, everything is as it was."""
    me = [ask(host, t, [("GET", "/v1/me", None)], False)[0] for t in tenants]
    kgent.equal([(r.status, r.json["tenant"]) for r in me], [(200, t.id) for t in tenants],
                "every key works, for its own tenant")
    found = [host.get(f"/admin/v1/{what}/{i}", local=True).json for t in tenants
             for what, i in (("tenants", t.id), ("users", t.user), ("keys", t.key_id))]
    text = json.dumps(found)
    kgent.ok(all(text.count(f'"{t.mark}') >= 3 for t in tenants), "and all things are there")
    kgent.ok("nobody-" not in text, "unchanged")
    house = [invoke(host, t, "world.house.manifest").json["result"]["language"] for t in tenants]
    kgent.equal(house, [t.mark for t in tenants], "the houses too")


def plugins(open_world):
    return ["health", 'load = "auth";', f'load = "agentese"; open_world = {open_world};',
            "metering-openmeter", "billing-stripe"]


def tests():
    with kgent.Host(plugins("true")) as host:
        tenants = [Tenant(host, n) for n in range(TENANTS)]
        settle(host, tenants)
        host.stop()
        host.configure(plugins("false"))  # where only what somebody defined exists
        host.start()
        nodes(host, tenants)
        matrix(host, tenants)
        untouched(host, tenants)


if __name__ == "__main__":
    kgent.main([tests])
