#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""kgentctl apply against a small model of the admin API: what it reads, what it
changes, and that a second time there is nothing to do."""
import json
import os
import re
import subprocess
import tempfile
import urllib.parse

import kgent
from stub import Stub

DEFAULT = "00000000-0000-0000-0000-000000000001"
SECRET = "kg_abcde_" + "s" * 43
PAGE = 2

folder = tempfile.TemporaryDirectory(prefix="kgent-")
stub = Stub(folder.name)


class Model:
    """Tenants, users and keys as the host has them."""

    def __init__(self):
        self.lists = {"tenants": [], "users": [], "keys": []}
        self.changes, self.count, self.refuse = [], 0, None

    def find(self, kind, name):
        return next((o for o in self.lists[kind] if name in (o["id"], o.get("slug"))), None)

    def page(self, kind, query):
        items = self.lists[kind]
        if "tenant" in query:
            items = [o for o in items if o.get("tenant") == query["tenant"][0]]
        start = next((i + 1 for i, o in enumerate(items) if o["id"] == query.get("after", [""])[0]), 0)
        part = items[start:start + PAGE]
        return 200, {kind: part, "next": part[-1]["id"] if start + PAGE < len(items) else None}

    def make(self, kind, body):
        self.count += 1
        o = {"id": f"id-{self.count}", "limits": {}, **body}
        o["limits"] = {k: v for k, v in o["limits"].items() if v is not None}
        if kind == "tenants":
            o = {"tier": "FREE", "status": "active", "anchor_day": 1, "metadata": {}, **o}
        else:
            o = {"active": True, **o}
            tenant = self.find("tenants", o.get("tenant"))
            o["tenant"] = tenant["id"] if tenant else DEFAULT
        if kind == "keys":
            o = {"tier": "", "scopes": ["read"], "archetypes": ["developer"], "cidrs": [],
                 "user": o["name"], "expires_at": None, "sunset_at": None, **o}
        self.lists[kind].append(o)
        return 201, {**o, "key": SECRET} if kind == "keys" else o

    def merge(self, o, patch):
        for name, value in patch.items():
            if isinstance(value, dict):
                self.merge(o.setdefault(name, {}), value)
            elif value is None:
                o.pop(name, None)
            else:
                o[name] = value

    def answer(self, method, path, body):
        url = urllib.parse.urlsplit(path)
        parts = urllib.parse.unquote(url.path).split("/")[3:]
        if method == "GET":
            return self.page(parts[0], urllib.parse.parse_qs(url.query))
        self.changes.append((method, "/".join(parts), json.loads(body) if body else None))
        if self.refuse and self.refuse in body:
            return 422, {"status": 422, "detail": f"it has {self.refuse}"}
        if method == "POST":
            return self.make(parts[0], json.loads(body))
        o = self.find(parts[0], parts[1])
        self.merge(o, {"active": False} if method == "DELETE" else json.loads(body))
        return (204, "") if method == "DELETE" else (200, o)


def model():
    m = Model()
    stub.otherwise = m.answer
    return m


def apply(text, *args):
    path = os.path.join(folder.name, "a.conf")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    status, out, err = kgent.ctl("-s", folder.name, "apply", "-f", path, *args)
    return status, out, err.replace(folder.name + "/", "")


FILE = """
tenants = (
  { slug = "acme"; name = "Acme Ltd"; tier = "PRO"; anchor_day = 15;
    metadata = { contract = "2026-17"; seats = 5; };
    limits = { requests_per_day = 5000; tokens_per_month = "unlimited"; }; },
  { slug = "b"; }
);
users = ( { id = "ann"; tenant = "acme"; role = "owner"; email = "ann@acme.example"; } );
keys = (
  { name = "ci"; tenant = "acme"; user = "ann"; scopes = ( "read", "write" );
    cidrs = [ "192.0.2.0/24" ]; expires_at = "2030-01-01T00:00:00Z";
    limits = { requests_per_day = 10; }; },
  { name = "plain"; }
);
"""


def from_nothing():
    m = model()
    status, out, err = apply(FILE, "--dry-run")
    wanted = ("+ tenant acme: name Acme Ltd; tier PRO; anchor_day 15; metadata.contract 2026-17; "
              "metadata.seats 5; limits.requests_per_day 5,000; limits.tokens_per_month unlimited\n"
              "+ tenant b: name b\n"
              "+ user ann: tenant acme; role owner; email ann@acme.example\n"
              "+ key acme/ci: user ann; scopes read,write; cidrs 192.0.2.0/24; "
              "expires_at 2030-01-01T00:00:00Z; limits.requests_per_day 10\n"
              "+ key plain\n")
    kgent.equal((status, out, err), (0, wanted + "dry run: 5 made, 0 changed, 0 removed; "
                                                 "0 as they should be\n", ""), "a dry run's diff")
    kgent.equal(m.changes, [], "a dry run changes nothing")
    status, out, err = apply(FILE)
    lines = out.splitlines()
    kgent.equal([line for line in lines[:-1] if line[0] != "!"], wanted.splitlines(),
                "the same lines when it is done")
    kgent.ok(lines[4] == f"! key acme/ci is {SECRET}, shown only now" and lines[6][0] == "!",
             "a new key is shown once")
    kgent.equal([change[:2] for change in m.changes],
                [("POST", "tenants"), ("POST", "tenants"), ("POST", "users"), ("POST", "keys"),
                 ("POST", "keys")], "tenants come first, keys last")
    kgent.equal(m.changes[3][2], {
        "name": "ci", "tenant": "acme", "user": "ann", "scopes": ["read", "write"],
        "cidrs": ["192.0.2.0/24"], "expires_at": "2030-01-01T00:00:00Z",
        "limits": {"requests_per_day": 10}}, "the members of a key")
    kgent.equal(m.lists["tenants"][0]["metadata"], {"contract": "2026-17", "seats": 5}, "metadata")
    m.changes.clear()
    status, out, err = apply(FILE)
    kgent.equal((status, out), (0, "nothing to do: all 5 are as they should be\n"),
                "the second time there is nothing to do")
    kgent.equal(m.changes, [], "and nothing is sent")


def changes():
    m = model()
    apply(FILE)
    m.changes.clear()
    m.lists["tenants"][0].update(tier="FREE", status="suspended")
    m.lists["tenants"][0]["limits"]["concurrent"] = 3
    m.lists["tenants"][0]["metadata"].update(contract="old", more=1)
    m.lists["keys"][0].update(scopes=["read"], expires_at="2030-01-01T01:00:00.000000+01:00")
    text = FILE.replace('role = "owner"', 'role = "member"').replace(
        "requests_per_day = 5000", 'requests_per_day = "inherit"')
    status, out, err = apply(text)
    kgent.equal((status, out), (0,
                "~ tenant acme: tier FREE -> PRO; metadata.contract old -> 2026-17; "
                "limits.requests_per_day 5,000 -> -\n"
                "~ user ann: role owner -> member\n"
                "~ key acme/ci: scopes read -> read,write\n"
                "0 made, 3 changed, 0 removed; 2 as they should be\n"),
                "what differs, and what the file names, is changed")
    kgent.equal(m.changes[0], ("PATCH", "tenants/id-1", {
        "tier": "PRO", "metadata": {"contract": "2026-17", "more": 1, "seats": 5},
        "limits": {"requests_per_day": None}}), "only that is sent; other metadata are kept")
    kgent.equal(m.lists["tenants"][0]["status"], "suspended", "what the file doesn't name stays")
    kgent.contains(apply(text)[1], "nothing to do", "then there is nothing to do")


def pruning():
    m = model()
    apply(FILE)
    m.make("tenants", {"slug": "old", "name": "Old"})
    m.make("users", {"id": "bob", "tenant": "acme"})
    for name, more in (("old", {}), ("gone", {"active": False}), ("root", {"scopes": ["admin"]}),
                       ("rotated", {"sunset_at": "2030-01-01T00:00:00Z"})):
        m.make("keys", {"name": name, "tenant": "acme", **more})
    m.changes.clear()
    kgent.contains(apply(FILE)[1], "nothing to do", "without --prune nothing is removed")
    status, out, err = apply(FILE, "--prune", "-n")
    wanted = "- key acme/old: revoke\n- user bob: deactivate\n- tenant old: cancel\n"
    kgent.equal(out, wanted + "dry run: 0 made, 0 changed, 3 removed; 5 as they should be\n",
                "what --prune removes: no admin's key, none that is out already")
    status, out, err = apply(FILE, "--prune")
    kgent.ok(status == 0 and out.startswith(wanted), "and it is done")
    kgent.equal([(method, path.split("/")[0], body) for method, path, body in m.changes],
                [("DELETE", "keys", None), ("PATCH", "users", {"active": False}),
                 ("PATCH", "tenants", {"status": "canceled"})], "keys first, tenants last")
    kgent.contains(apply(FILE, "--prune")[1], "nothing to do", "then there is nothing to do")
    kgent.contains(apply("keys = ();", "--prune", "-n")[1], "2 removed",
                   "an empty list names nothing; one that is absent removes nothing")


def names():
    m = model()
    apply(FILE)
    old = m.lists["keys"][0]
    old["sunset_at"] = "2030-01-01T00:00:00Z"
    m.make("keys", {**old, "id": "new", "sunset_at": None, "tenant": "acme", "scopes": ["read"]})
    status, out, err = apply(FILE, "-n")
    kgent.contains(out, "~ key acme/ci: scopes read -> read,write\n", "a rotated key's successor")
    m.make("keys", {**m.lists["keys"][-1], "id": "twin", "tenant": "acme"})
    status, out, err = apply(FILE, "-n")
    kgent.ok(status == 2 and "a.conf:10: key acme/ci: 2 keys have this name, new and twin" in err,
             "two keys of a name: the file must say which")
    text = FILE.replace('name = "ci";', 'name = "ci2"; id = "twin";')
    status, out, err = apply(text, "-n")
    kgent.contains(out, "~ key acme/ci2: name ci -> ci2; scopes", "a key by its id gets a new name")
    status, out, err = apply(FILE.replace('name = "ci";', 'name = "ci"; id = "x";'), "-n")
    kgent.contains(err, "has no key with the id x", "an id that isn't there")


def refused():
    m = model()
    m.refuse = "ann@acme"
    status, out, err = apply(FILE)
    kgent.equal((status, [line[:12] for line in out.splitlines()]),
                (1, ["+ tenant acm", "+ tenant b: "]), "it stops where the host refuses")
    kgent.contains(err, "a.conf:8: user ann is not applied", "says which entry")
    kgent.contains(err, "stopped: 2 of 5 changes are made", "and how far it came")
    m.refuse = None
    status, out, err = apply(FILE)
    kgent.ok(status == 0 and "3 made, 0 changed, 0 removed; 2 as" in out, "and goes on from there")


def as_json():
    model()
    status, out, err = apply(FILE, "--json")
    result = json.loads(out)
    kgent.equal({k: v for k, v in result.items() if k != "changes"}, {
        "dry_run": False, "created": 5, "changed": 0, "removed": 0, "unchanged": 0,
        "complete": True}, "the result as JSON")
    key = result["changes"][3]
    kgent.equal((key["action"], key["kind"], key["name"], key["key"], key["members"][1]),
                ("create", "key", "acme/ci", SECRET,
                 {"member": "scopes", "from": None, "to": ["read", "write"]}), "and a change")
    result = json.loads(apply(FILE.replace("PRO", "TEAMS"), "--json", "--dry-run")[1])
    kgent.equal((result["dry_run"], result["changes"][0]["id"], result["changes"][0]["members"]),
                (True, "id-1", [{"member": "tier", "from": "PRO", "to": "TEAMS"}]), "a dry run")


def wrong_files():
    m = model()
    apply(FILE)
    m.changes.clear()
    for name, old, new, message in (
            ("syntax", 'slug = "b";', "slug = ;", r"a\.conf:6: syntax error"),
            ("a list", "tenants =", "tenantz =", r':2: tenantz: unknown; did you mean "tenants"'),
            ("a member", "anchor_day", "anchor_dya",
             r':3: tenants\[0\]\.anchor_dya: unknown; did you mean "anchor_day"'),
            ("a limit", "requests_per_day = 5000", "request_per_day = 5000",
             r'tenants\[0\]\.limits\.request_per_day: unknown; did you mean "requests_per_day"'),
            ("a type", "anchor_day = 15", 'anchor_day = "x"', "anchor_day: should be a number"),
            ("a limit's value", '"unlimited"', '"many"', "'many' is not a number"),
            ("a choice", '"owner"', '"onwer"', "did you mean owner?"),
            ("a list's member", '"write" )', "7 )", "scopes: should be a list of texts"),
            ("a time from now", '"2030-01-01T00:00:00Z"', '"30d"', "expires_at: should be a time"),
            ("no group", '{ name = "plain"; }', '"plain"', r"keys\[1\]: should be a group"),
            ("no name", 'name = "plain";', "", r"keys\[1\]: it has no name, by which a key"),
            ("a tenant", 'name = "plain";', 'name = "p"; tenant = "nobody";',
             "the tenant 'nobody' is neither in this file nor known"),
            ("twice", 'slug = "b";', 'slug = "acme";', "tenant acme: it stands in line 3 already"),
            ("what is fixed", 'user = "ann"', 'user = "bob"',
             "key acme/ci: its user is 'ann', and cannot be changed")):
        status, out, err = apply(FILE.replace(old, new), "--prune")
        kgent.ok(status == 2 and not out and re.search(message, err), f"wrong: {name}: {err}")
    kgent.equal(m.changes, [], "nothing was changed")
    status, out, err = kgent.ctl("-s", folder.name, "apply", "-f", "/nonexistent")
    kgent.ok(status == 2 and "/nonexistent: No such file" in err, "a file that isn't there")
    apply("tenants = 1;")
    status, out, err = kgent.ctl("-s", "/nonexistent", "apply", "-f",
                                 os.path.join(folder.name, "a.conf"))
    kgent.equal(status, 2, "a wrong file is told before a missing host")


def included():
    model()
    with open(os.path.join(folder.name, "b.conf"), "w", encoding="utf-8") as f:
        f.write('keys = (\n  { name = "x"; teir = "PRO"; }\n);\n')
    status, out, err = apply('@include "b.conf"\n')
    kgent.ok(status == 2 and "b.conf:2: keys[0].teir: unknown" in err, "an included file is named")
    with open(os.path.join(folder.name, "b.conf"), "w", encoding="utf-8") as f:
        f.write('keys = ( { name = "x"; } );\n')
    kgent.contains(apply('@include "b.conf"\n', "-n")[1], "+ key x\n", "and read")
    run = subprocess.run([kgent.KGENTCTL, "-s", folder.name, "apply", "-n", "-f", "-"], text=True,
                         input='keys = ( { name = "y"; } );', stdout=subprocess.PIPE, check=True)
    kgent.contains(run.stdout, "+ key y\n", "- is standard input")


def real():
    """The same file and the real host: what it makes of values leaves nothing to do."""
    with kgent.Host(plugins=["health", "auth"]) as host:
        path = os.path.join(host.folder.name, "a.conf")
        text = FILE.replace('role = "owner"', 'role = "member"').replace(
            '"192.0.2.0/24"', '"127.0.0.0/8", "2001:DB8::/32"')

        def again(changed, *args):
            with open(path, "w", encoding="utf-8") as f:
                f.write(changed)
            status, out, err = host.ctl("apply", "-f", path, *args)
            kgent.ok(status == 0, f"applied: {err}")
            return out

        out = again(text)
        kgent.contains(out, "5 made, 0 changed, 0 removed; 0 as they should be\n", "it is made")
        key = re.search(r"! key acme/ci is (kg_\S+),", out)[1]
        kgent.equal(host.get("/v1/me", {"X-API-Key": key}).status, 200, "the key works")
        kgent.equal(again(text), "nothing to do: all 5 are as they should be\n", "and again")
        other = text.replace("seats = 5", "seats = 6").replace("5000", '"inherit"').replace(
            '"read", "write"', '"write"').replace('"2030-01-01T00:00:00Z"', '"never"')
        kgent.equal(again(other), "~ tenant acme: metadata.seats 5 -> 6; "
                    "limits.requests_per_day 5,000 -> -\n"
                    "~ key acme/ci: scopes read,write -> write; "
                    "expires_at 2030-01-01T00:00:00Z -> -\n"
                    "0 made, 2 changed, 0 removed; 3 as they should be\n", "changes")
        kgent.contains(again(other), "nothing to do", "and again")
        ids = {k["name"]: k["id"] for k in json.loads(host.ctl("key", "list", "-j")[1])["keys"]}
        host.ctl("key", "rotate", ids["ci"], "--grace", "1h")
        kgent.contains(again(other), "nothing to do", "a rotated key is what the old one was")
        host.ctl("init")
        kgent.equal(again('tenants = (); users = (); keys = ();', "--prune").splitlines()[-1],
                    "0 made, 0 changed, 5 removed; 0 as they should be", "all but the admin's key")
        kgent.equal(host.ctl("audit", "verify")[0], 0, "the audit log has all of it")


kgent.main([from_nothing, changes, pruning, names, refused, as_json, wrong_files, included,
            real])
