#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""kgentctl against a server of the test's own: what it sends, what it makes of the answers, and
its exit codes."""
import json
import os
import tempfile

import kgent
from ctl_admin import ctl, folder, reset, stub
from stub import TcpStub


def key_new():
    reset()
    stub.table["POST", "/admin/v1/keys"] = (201, {
        "key": "kg_abcde_secret", "id": "i-1", "tenant": "t-1", "tier": "PRO",
        "scopes": ["read", "write"]})
    status, out, err = ctl("key", "new", "--name", "bot", "--tier", "PRO", "--scope", "read,write",
                           "--scope", "invoke:world.*", "--archetype", "poet", "--user", "u",
                           "--tenant", "t-1", "--requests-per-day", "0", "--tokens-per-month", "9",
                           "--expires", "2030-01-01T00:00:00Z")
    kgent.equal(status, 0, "key new succeeds")
    kgent.equal(out, "kg_abcde_secret\n", "the key alone is on standard output")
    kgent.contains(err, "scopes read,write", "the rest is on standard error")
    method, path, headers, body = stub.seen[0]
    kgent.equal(json.loads(body), {
        "name": "bot", "tenant": "t-1", "user": "u", "tier": "PRO",
        "scopes": ["read", "write", "invoke:world.*"], "archetypes": ["poet"],
        "limits": {"requests_per_day": 0, "tokens_per_month": 9},
        "expires_at": "2030-01-01T00:00:00Z"}, "every option is sent")
    kgent.equal(headers.get("Content-Type"), "application/json", "as JSON")
    status, out, err = ctl("key", "new", "bot", "--json")
    kgent.equal(json.loads(out)["key"], "kg_abcde_secret", "--json shows the answer")
    kgent.equal(json.loads(stub.seen[1][3]), {"name": "bot"}, "what isn't given isn't sent")
    status, out, err = ctl("key", "new", "bot", "--expires", "30d")
    kgent.ok(json.loads(stub.seen[2][3])["expires_at"].endswith("+00:00"), "30d becomes a time")


def key_new_refused():
    reset()
    stub.table["POST", "/admin/v1/keys"] = (422, {"status": 422, "detail": "tier: no such"})
    status, out, err = ctl("key", "new", "x")
    kgent.equal((status, out), (1, ""), "a refusal is exit code 1 and no output")
    kgent.contains(err, "422: tier: no such", "the detail is told")
    stub.table["POST", "/admin/v1/keys"] = (422, {"status": 422, "detail": "a\x1b[2J\nb"})
    kgent.contains(ctl("key", "new", "x")[2], "a\\x1b[2J\\nb", "it cannot drive the terminal")
    stub.table["POST", "/admin/v1/keys"] = (422, {"status": 422, "detail": "tier: no such"})
    status, out, err = ctl("key", "new", "x", "--json")
    kgent.equal(json.loads(out)["status"], 422, "--json shows the problem")


def key_list():
    reset()
    page = {"id": "a", "prefix": "kg_aaaaa", "name": "one\x1b[2J", "tenant": "t", "user": None,
            "tier": "FREE", "scopes": ["read"], "active": True}
    stub.table["GET", "/admin/v1/keys?limit=1000"] = (200, {"keys": [page], "next": "a"})
    stub.table["GET", "/admin/v1/keys?limit=1000&after=a"] = (
        200, {"keys": [{**page, "id": "b", "active": False}], "next": None})
    status, out, err = ctl("key", "list")
    lines = out.splitlines()
    kgent.equal((status, len(lines)), (0, 3), "both pages are listed")
    kgent.ok(lines[1].startswith("a ") and lines[1].endswith("active"), "an active key")
    kgent.ok(lines[2].startswith("b ") and lines[2].endswith("revoked"), "a revoked key")
    kgent.ok("\x1b" not in out, "names cannot drive the terminal")
    status, out, err = ctl("key", "list", "--json")
    kgent.equal([k["id"] for k in json.loads(out)["keys"]], ["a", "b"], "--json joins the pages")


def key_revoke():
    reset()
    stub.table["DELETE", "/admin/v1/keys/a"] = (204, "")
    kgent.equal(ctl("key", "revoke", "a")[:2], (0, "revoked a\n"), "key revoke")
    status, out, err = ctl("key", "revoke", "a", "b")
    kgent.equal((status, out), (1, "revoked a\n"), "one of two fails: exit code 1")
    kgent.equal(ctl("key", "revoke", "../x")[0], 2, "an id cannot leave its path")
    stub.table["DELETE", "/admin/v1/keys/a?force=1"] = (204, "")
    kgent.equal(ctl("key", "revoke", "a", "--force")[0], 0, "key revoke --force")
    status, out, err = ctl("key", "revoke", "a", "--json")
    kgent.equal(json.loads(out), {"revoked": ["a"]}, "--json lists what is revoked")


def key_more():
    reset()
    key = {"id": "i-1", "name": "ci", "tier": "PRO", "scopes": ["read"], "limits":
           {"requests_per_day": 5000}, "expires_at": "2030-01-01T00:00:00.000000+00:00",
           "sunset_at": None, "active": True}
    stub.table["GET", "/admin/v1/keys/i-1"] = (200, key)
    stub.table["PATCH", "/admin/v1/keys/i-1"] = (200, key)
    status, out, err = ctl("key", "show", "i-1")
    kgent.equal((status, out.splitlines()[4:7]),
                (0, ["limits.requests_per_day  5,000", "expires_at               2030-01-01T00:00:00Z",
                     "sunset_at                -"]), "key show: readable numbers and times")
    kgent.equal(json.loads(ctl("key", "show", "i-1", "--json")[1]), key, "--json is the answer")
    status, out, err = ctl("key", "set", "i-1", "--scope", "read,write", "--cidr", "192.0.2.0/24",
                           "--expires", "never", "--tier", "", "--requests-per-day", "inherit",
                           "--concurrent", "unlimited", "--archetype", "")
    kgent.equal(json.loads(stub.seen[-1][3]), {
        "scopes": ["read", "write"], "cidrs": ["192.0.2.0/24"], "expires_at": None, "tier": None,
        "limits": {"requests_per_day": None, "concurrent": 0}, "archetypes": []},
        "key set sends what is given: never and inherit are null, '' an empty list")
    kgent.equal(ctl("key", "set", "i-1")[0], 2, "key set without an option is wrong usage")
    secret = "kg_abcde_" + "x" * 43
    status, out, err = ctl("key", "show", secret)
    kgent.ok(status == 2 and secret not in err and len(stub.seen) == 3,
             "a secret in the place of an id is neither sent nor shown")


def key_rotate():
    reset()
    answer = {"key": "kg_fghij_secret", "id": "i-2", "replaces": "i-1", "tenant": "t", "tier": "",
              "scopes": ["read"]}
    stub.table["POST", "/admin/v1/keys/i-1/rotate"] = (201, answer)
    status, out, err = ctl("key", "rotate", "i-1", "--grace", "36h")
    kgent.equal((status, out, json.loads(stub.seen[0][3])),
                (0, "kg_fghij_secret\n", {"grace_s": 129600}), "key rotate with grace")
    kgent.contains(err, "both work", "it says what becomes of the old one")
    ctl("key", "rotate", "i-1")
    ctl("key", "rotate", "i-1", "--grace", "0")
    ctl("key", "rotate", "i-1", "--sunset", "1h")
    ctl("key", "rotate", "i-1", "--expires", "2030-01-01T00:00:00Z")
    bodies = [json.loads(seen[3]) for seen in stub.seen[1:]]
    kgent.equal(bodies[3], {"expires_at": "2030-01-01T00:00:00Z"}, "an end of its own")
    kgent.equal(bodies[:2], [{}, {"grace_s": 0}], "without grace the host's default; 0 is 0")
    kgent.ok(3590 <= bodies[2]["grace_s"] <= 3600, "a sunset is a grace until then")
    for options in (["--grace", "1h", "--sunset", "2h"], ["--sunset", "2020-01-01T00:00:00Z"],
                    ["--grace", "soon"]):
        kgent.equal(ctl("key", "rotate", "i-1", *options)[0], 2, f"wrong usage: {options}")


def init():
    reset()
    stub.table["POST", "/admin/v1/init"] = iter([
        (201, {"key": "kg_first_secret", "id": "i-0", "tenant": "t", "tier": "",
               "scopes": ["admin", "read", "write", "billing"]}),
        (409, {"status": 409, "detail": "A key with the scope admin exists"})])
    status, out, err = ctl("init")
    kgent.equal((status, out), (0, "kg_first_secret\n"), "init prints the first key, once")
    status, out, err = ctl("init")
    kgent.equal((status, out), (1, ""), "and is refused the second time")
    kgent.contains(err, "409: A key with the scope admin exists", "with the reason")
    status, out, err = kgent.ctl("--url", "http://127.0.0.1:1", "init")
    kgent.ok(status == 2 and "socket" in err, "it works through the socket alone")


def tenants():
    reset()
    acme = {"id": "t-1", "slug": "acme", "name": "Acme", "tier": "PRO", "status": "active",
            "anchor_day": 15, "metadata": {"contract": "x"}, "limits": {},
            "created_at": "2026-11-24T19:32:13.123456+00:00"}
    stub.table["POST", "/admin/v1/tenants"] = (201, acme)
    stub.table["GET", "/admin/v1/tenants?limit=1000"] = (200, {"tenants": [acme], "next": "t-1"})
    stub.table["GET", "/admin/v1/tenants?limit=1000&after=t-1"] = (
        200, {"tenants": [{**acme, "slug": "b"}], "next": None})
    stub.table["GET", "/admin/v1/tenants/acme"] = (200, acme)
    stub.table["PATCH", "/admin/v1/tenants/acme"] = (200, {**acme, "status": "suspended"})
    status, out, err = ctl("tenant", "add", "Acme", "--slug=acme", "--tier", "PRO", "--anchor-day",
                           "15", "--metadata", '{"contract":"x"}', "--spend-per-month", "1000000")
    kgent.equal(json.loads(stub.seen[0][3]), {
        "name": "Acme", "slug": "acme", "tier": "PRO", "anchor_day": 15,
        "metadata": {"contract": "x"}, "limits": {"spend_per_month": 1000000}}, "tenant add")
    kgent.ok(status == 0 and "metadata.contract  x\n" in out, "and shows it")
    status, out, err = ctl("tenant", "list")
    kgent.equal([line.split() for line in out.splitlines()], [
        ["id", "slug", "name", "tier", "status", "created"],
        ["t-1", "acme", "Acme", "PRO", "active", "2026-11-24T19:32:13Z"],
        ["t-1", "b", "Acme", "PRO", "active", "2026-11-24T19:32:13Z"]], "tenant list, all pages")
    kgent.equal(len(json.loads(ctl("tenant", "list", "-j")[1])["tenants"]), 2, "as one document")
    kgent.equal(ctl("tenant", "show", "acme")[0], 0, "tenant show by its slug")
    kgent.equal(ctl("tenant", "suspend", "acme")[:2], (0, "suspended acme\n"), "tenant suspend")
    kgent.equal(json.loads(stub.seen[-1][3]), {"status": "suspended"}, "sets the status")
    kgent.equal(json.loads(ctl("tenant", "resume", "acme", "-j")[1]), {"resumed": ["acme"]},
                "tenant resume")
    kgent.equal(json.loads(stub.seen[-1][3]), {"status": "active"}, "sets it back")
    stub.table["GET", "/admin/v1/tenants/nobody"] = (404, {"status": 404,
                                                          "detail": "Tenant not found"})
    status, out, err = ctl("tenant", "show", "nobody")
    kgent.ok(status == 1 and "Tenant not found; see kgentctl tenant list" in err, "an unknown tenant")


def users():
    reset()
    ann = {"id": "a@b/c", "tenant": "t-1", "email": None, "role": "member", "active": False}
    stub.table["POST", "/admin/v1/users"] = (201, ann)
    stub.table["GET", "/admin/v1/users?tenant=acme&limit=1000"] = (200, {"users": [ann]})
    stub.table["PATCH", "/admin/v1/users/a%40b"] = (200, ann)
    ctl("user", "add", "ann", "--tenant", "acme", "--role", "member", "--email", "a@b.example")
    kgent.equal(json.loads(stub.seen[0][3]), {"id": "ann", "tenant": "acme", "role": "member",
                                              "email": "a@b.example"}, "user add")
    status, out, err = ctl("user", "list", "--tenant", "acme")
    kgent.equal(out.splitlines()[1].split(), ["a@b/c", "t-1", "-", "member", "no"], "user list")
    kgent.equal(ctl("user", "set", "a@b", "--active", "no")[0], 0, "an id is encoded")
    kgent.equal(json.loads(stub.seen[-1][3]), {"active": False}, "user set")
    status, out, err = ctl("user", "set", "ann", "--role", "admn")
    kgent.ok(status == 2 and "did you mean admin?" in err, "a mistyped role")
    kgent.equal(ctl("user", "show", "..")[0], 2, "an id cannot leave its path")


def limits():
    reset()
    stub.table["GET", "/admin/v1/limits?key=i-1"] = (200, {"policies": [
        {"name": "day", "of": "key", "limit": 1000000, "used": 1234, "left": 998766,
         "reset_s": 16067},
        {"name": "minute", "of": "tenant", "limit": 0, "used": 5, "left": 0, "reset_s": 0}]})
    stub.table["GET", "/admin/v1/limits"] = (200, {"tenants": [
        {"tenant": "t-1", "requests_today": 4321, "denied_today": 7, "concurrent": 2}]})
    status, out, err = ctl("limits", "--key", "i-1")
    kgent.equal(out, "of      policy      limit   used     left  resets in\n"
                     "key     day     1,000,000  1,234  998,766  4h 27m\n"
                     "tenant  minute  unlimited      5        -  0s\n", "limits, aligned")
    stub.table["GET", "/admin/v1/tenants/t-1"] = (200, {"id": "t-1", "slug": "acme"})
    kgent.contains(ctl("limits")[1], "acme             4,321             7          2",
                   "limits of the busiest tenants")
    kgent.equal(json.loads(ctl("limits", "--key", "i-1", "-j")[1])["policies"][1]["limit"], 0,
                "limits as JSON")
    kgent.equal(ctl("limits", "--key", "a", "--tenant", "b")[0], 2, "one subject at a time")
    kgent.equal(ctl("limits", "--key", "kg_abcde_secret")[0], 2, "a key's secret is no id")


def explain():
    reset()
    answer = {"verdict": "deny", "status": 429, "detail": "Rate limit exceeded.", "checks": [
        {"check": "key", "verdict": "pass", "detail": "active"},
        {"check": "day", "verdict": "deny", "detail": "3 of 3 used"}]}
    path = "/admin/v1/explain?key=i-1&path=%2Fv1%2Fme%3Fa%3Db&method=GET"
    stub.table["GET", path] = (200, answer)
    stub.table["GET", "/admin/v1/explain?key=i-1&path=world.house.manifest"] = (
        200, {"verdict": "allow", "checks": []})
    command = ["explain", "--key", "i-1", "--path", "/v1/me?a=b", "--method", "GET"]
    status, out, err = ctl(*command)
    kgent.equal((status, out), (1, "deny 429: Rate limit exceeded.\n\n"
                                   "check  verdict  detail\n"
                                   "key    pass     active\n"
                                   "day    deny     3 of 3 used\n"), "explain: a denial is 1")
    kgent.equal(json.loads(ctl(*command, "--json")[1]), answer, "explain as JSON")
    status, out, err = ctl("explain", "--key", "i-1", "--path", "world.house.manifest")
    kgent.ok(status == 0 and out.startswith("allow\n"), "explain: what is allowed is 0")
    kgent.equal(ctl("explain", "--path", "/v1/me")[0], 2, "explain needs a key")


def health():
    reset()
    stub.table["GET", "/health"] = (200, {"status": "degraded", "components": {"soul": "ok",
                                                                             "llm": "error: x"}})
    kgent.equal(ctl("health")[:2], (0, "status  degraded\nsoul    ok\nllm     error: x\n"),
                "health as a table")
    kgent.equal(json.loads(ctl("health", "--json")[1])["status"], "degraded", "health as JSON")
    stub.table["GET", "/health"] = (200, {"status": "error", "components": {}})
    kgent.equal(ctl("health")[0], 1, "error is exit code 1")
    stub.table["GET", "/health"] = (200, "<html>")
    status, out, err = ctl("health")
    kgent.equal(status, 1, "an answer that isn't JSON is exit code 1")
    kgent.contains(err, "isn't JSON", "and says so")


def orders():
    reset()
    stub.table["POST", "/admin/v1/reload"] = (202, {"status": "accepted"})
    stub.table["POST", "/admin/v1/drain"] = (202, {"status": "draining"})
    kgent.equal(ctl("reload")[0], 0, "reload")
    kgent.equal(ctl("drain")[0], 0, "drain")
    kgent.equal(json.loads(ctl("drain", "-j")[1]), {"status": "draining"}, "drain as JSON")
    stub.table["POST", "/admin/v1/reload"] = (422, {"detail": "refused: a:1: x",
                                                    "errors": ["a:1: x", "a:2: y"]})
    status, out, err = ctl("reload")
    kgent.equal(status, 1, "a bad configuration is exit code 1")
    kgent.contains(err, "\n  a:2: y\n", "every reason is told")


def about():
    reset()
    stub.table["GET", "/admin/v1/plugins"] = (200, {"plugins": [
        {"name": "health", "version": "1.0", "abi": "1.0", "summary": "Probes"}]})
    stub.table["GET", "/admin/v1/version"] = (200, {"version": "9.9", "abi": "1.0", "pid": 7})
    kgent.contains(ctl("plugins")[1], "health  1.0", "plugins")
    kgent.contains(ctl("version")[1], "kgentd 9.9, plugin ABI 1.0, process 7", "version")
    kgent.equal(json.loads(ctl("version", "--json")[1])["kgentd"]["version"], "9.9",
                "version as JSON")
    status, out, err = ctl("--version")
    kgent.ok(status == 0 and out.startswith("kgentctl "), "--version needs no host")


def top():
    reset()
    series = '{method="POST",endpoint="/v1/x",'
    first = (f'kgents_api_requests_total{series}status="200"}} 10\n'
             f'kgents_api_request_latency_seconds_bucket{series}le="0.001"}} 10\n'
             f'kgents_api_request_latency_seconds_bucket{series}le="+Inf"}} 10\n')
    second = (f'kgents_api_requests_total{series}status="200"}} 110\n'
              f'kgents_api_requests_total{series}status="429"}} 5\n'
              f'kgents_api_request_latency_seconds_bucket{series}le="0.001"}} 110\n'
              f'kgents_api_request_latency_seconds_bucket{series}le="+Inf"}} 115\n')
    stub.table["GET", "/metrics"] = iter([(200, first), (200, second), (200, second)])
    status, out, err = ctl("top", "0.2", "2", "--json")
    looks = [json.loads(line) for line in out.splitlines()]
    kgent.equal((status, len(looks)), (0, 2), "top looks as often as it is told")
    route = looks[0]["routes"][0]
    kgent.equal(round(route["requests_per_second"] * looks[0]["seconds"]), 105, "top: requests")
    kgent.equal(round(route["refused_per_second"] * looks[0]["seconds"]), 5, "top: refused")
    kgent.ok(0.4 < route["p50_ms"] < 0.6, "top: the median lies in its bucket")
    kgent.equal(route["p99_ms"], 1.0, "top: the last bucket counts from its beginning")
    kgent.equal(looks[1]["routes"][0]["requests_per_second"], 0, "top: differences, not sums")
    stub.table["GET", "/metrics"] = iter([(200, first), (200, second)])
    out = ctl("top", "0.1", "1")[1]
    kgent.contains(out, "POST /v1/x\n", "top as a table")
    kgent.contains(out, "no tenants: the auth plugin is not loaded", "and without auth")


def top_tenants():
    reset()
    stub.table["GET", "/metrics"] = (200, "")
    looks = [{"tenant": "t-1", "requests_today": n, "denied_today": d, "concurrent": 3}
             for n, d in ((10, 1), (110, 5), (4, 0))]
    stub.table["GET", "/admin/v1/limits"] = iter([(200, {"tenants": [t]}) for t in looks])
    stub.table["GET", "/admin/v1/tenants/t-1"] = (200, {"id": "t-1", "slug": "acme"})
    status, out, err = ctl("top", "0.1", "2", "--json")
    first, second = [json.loads(line) for line in out.splitlines()]
    tenant = first["tenants"][0]
    kgent.equal((tenant["tenant"], tenant["name"], tenant["in_flight"],
                 round(tenant["requests_per_second"] * first["seconds"]),
                 round(tenant["denied_per_second"] * first["seconds"])),
                ("t-1", "acme", 3, 100, 4), "top: what tenants do")
    kgent.equal(round(second["tenants"][0]["requests_per_second"] * second["seconds"]), 4,
                "top: a new day counts from 0")
    kgent.equal(sum(path.startswith("/admin/v1/tenants/") for _, path, _, _ in stub.seen), 1,
                "top: a name is asked for once")
    stub.table["GET", "/admin/v1/limits"] = iter([(200, {"tenants": [t]}) for t in looks])
    kgent.contains(ctl("top", "0.1", "1")[1], "in flight  tenant\n", "top: tenants as a table")


def usage():
    for args in (["top", "x"], ["top", "0"], ["top", "1", "0"], ["frob"], [], ["key"],
                 ["key", "frob"], ["health", "x"], ["key", "revoke"], ["health", "--tier", "PRO"],
                 ["--frob"], ["key", "new"], ["--timeout", "x", "health"],
                 ["key", "new", "x", "--requests-per-day", "-1"], ["--url", "x", "health"],
                 ["key", "new", "x", "--name", "y"], ["--tier", "PRO", "key", "new", "x"],
                 ["key", "new", "x", "--tier"], ["key", "list", "--json=1"], ["apply"],
                 ["tenant", "add", "x", "--metadata", "[1]"], ["completion", "zsh"],
                 ["key", "new", "x", "--expires", "tomorrow"], ["key", "new", b"\xff"],
                 ["audit", "--after", "1", "verify"], ["key", "new", "x", "--concurrent", "many"]):
        status, out, err = ctl(*args)
        kgent.ok(status == 2 and not out and "kgentctl: " in err, f"wrong usage: {args}: {err}")
    for args in (["--help"], ["key", "new", "--help"], ["health", "-h"], ["key", "--help"],
                 ["audit", "verify", "-h"]):
        status, out, err = ctl(*args)
        kgent.ok(status == 0 and "Usage: kgentctl" in out and not err, f"help: {args}")


def meant():
    """What was probably meant, and where an option belongs."""
    for args, part in ((["tennant", "list"], "did you mean 'tenant'?"),
                       (["key", "rotat", "x"], "did you mean 'key rotate'?"),
                       (["key"], "which? new, list, show, set, rotate, revoke"),
                       (["key", "new", "x", "--teir", "PRO"], "did you mean --tier?"),
                       (["--tier", "PRO", "key", "new", "x"], "stands behind it"),
                       (["health", "--tier", "PRO"], "'health' doesn't take it"),
                       (["tenant", "set", "x", "--status", "suspend"], "did you mean suspended?"),
                       (["audit", "verfy"], "did you mean 'audit verify'?")):
        kgent.contains(ctl(*args)[2], part, f"told: {args}")


def spelling():
    """Options may be written in all the usual ways."""
    reset()
    stub.table["GET", "/health"] = (200, {"status": "ok", "components": {}})
    for args in (["-s" + folder.name, "-j", "health"], ["health", "-js", folder.name],
                 ["--state=" + folder.name, "health", "--json"],
                 ["--json", "--state", folder.name, "--", "health"]):
        status, out, err = kgent.ctl(*args)
        kgent.ok(status == 0 and json.loads(out)["status"] == "ok", f"spelled: {args}")


def nobody():
    status, out, err = kgent.ctl("-s", "/nonexistent", "health")
    kgent.equal((status, out), (3, ""), "no socket: exit code 3")
    kgent.contains(err, "no kgentd answers at /nonexistent/admin.sock", "it names the socket")
    kgent.contains(err, "-s STATE-FOLDER or --url URL", "and the cure")
    status, out, err = kgent.ctl("--url", f"http://127.0.0.1:{kgent.free_port()}", "health")
    kgent.equal(status, 3, "nobody at the URL: exit code 3")
    status, out, err = kgent.ctl("-s", "/" + "x" * 200, "health")
    kgent.contains(err, "too long for a socket", "a path that no socket can have")
    with tempfile.TemporaryDirectory() as stale:
        with open(os.path.join(stale, "admin.sock"), "w", encoding="utf-8"):
            pass
        kgent.equal(kgent.ctl("-s", stale, "health")[0], 3, "a file that is no socket")
    for args in (["tenant", "list"], ["audit"], ["billing", "list"]):
        kgent.equal(kgent.ctl("-s", "/nonexistent", *args)[:2], (3, ""), f"no head alone: {args}")
    for args in (["key", "revoke", "a", "b"], ["billing", "inbox", "show", "a", "b"],
                 ["meter", "parked", "show", "a/1", "b/2"]):
        status, out, err = kgent.ctl("-s", "/nonexistent", *args)
        kgent.equal((status, err.count("no kgentd answers")), (3, 1), f"told once: {args}")
    status, out, err = kgent.ctl("verify", "--dir", "/nonexistent")
    kgent.ok(status == 2 and "/nonexistent/kgent.db" in err and "--dir DIR" in err, "no store")


def credentials():
    tcp = TcpStub()
    url = f"http://127.0.0.1:{tcp.server_address[1]}/"
    tcp.table["GET", "/health"] = (200, {"status": "ok", "components": {}})
    kgent.ctl("--url", url, "health", env={"KGENT_ADMIN_KEY": "kg_env"})
    kgent.ctl("--url", url, "--key", "kg_arg", "health", env={"KGENT_ADMIN_KEY": "kg_env"})
    keys = [headers.get("X-API-Key") for _, _, headers, _ in tcp.seen]
    kgent.equal(keys, ["kg_env", "kg_arg"], "the key goes to a URL; --key before KGENT_ADMIN_KEY")
    tcp.table["GET", "/admin/v1/plugins"] = (401, {"detail": "API key required"})
    status, out, err = kgent.ctl("--url", url, "plugins")
    kgent.equal(status, 1, "401 is a refusal")
    kgent.contains(err, "KGENT_ADMIN_KEY", "that says how to identify oneself")
    reset()
    stub.table["GET", "/health"] = (200, {"status": "ok", "components": {}})
    ctl("health", env={"KGENT_ADMIN_KEY": "kg_env"})
    kgent.ok("X-API-Key" not in stub.seen[0][2], "the socket is told no key")
    tcp.shutdown()


kgent.main([key_new, key_new_refused, key_list, key_revoke, key_more, key_rotate, init, tenants,
            users, limits, explain, health, orders, about, top, top_tenants, usage, meant,
            spelling, nobody, credentials])
