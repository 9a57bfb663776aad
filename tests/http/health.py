#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""health.so on the running host: exact shapes, and documents that the tools of
others accept."""
import json
import os
import subprocess

import kgent

SHIPPED = ("health", "auth", "agentese", "metering-openmeter", "billing-stripe")


def bare(host):
    """A host with nothing but this plugin."""
    answer = host.get("/health")
    kgent.equal(answer.status, 200, "/health is 200")
    kgent.equal(answer.headers["Content-Type"], "application/json", "/health is JSON")
    kgent.ok(answer.text.startswith('{"status":"degraded","version":"v1","has_llm":false,'
                                    '"components":{"soul":"not_configured",'
                                    '"llm":"not_configured","auth":"not_configured",'
                                    '"metering":"not_configured"'), "/health without plugins")
    kgent.equal(host.get("/health/saas").text,
                '{"status":"ok","started":true,"openmeter":{"configured":false,'
                '"status":"disabled"},"nats":{"configured":false,"status":"disabled"}}',
                "/health/saas without plugins")
    kgent.equal(host.get("/").json["endpoints"],
                {"soul": {}, "agentese": {}, "kgent": {}, "webhooks": {}}, "/ without plugins")


def probes(host):
    for path in ("/livez", "/readyz", "/live", "/ready"):
        answer = host.get(path)
        kgent.equal((answer.status, answer.text), (200, "ok\n"), f"{path} is ok")
        head = host.request("HEAD", path)
        kgent.equal((head.status, head.body, head.headers["Content-Length"]), (200, b"", "3"),
                    f"HEAD {path}")
    answer = host.request("POST", "/livez")
    kgent.equal(answer.status, 405, "POST /livez is 405")
    kgent.contains(answer.headers["Allow"] or "", "GET", "with Allow")
    kgent.equal(host.get("/readyz?verbose").text, "ok\n", "components are not for the public")
    kgent.contains(host.get("/readyz?verbose", admin=True).text, "ago)\n",
                   "they are for the admin listener")


def everything(host):
    """All shipped plugins."""
    answer = host.get("/health")
    body = answer.json
    kgent.equal(list(body), ["status", "version", "has_llm", "components"], "/health members")
    kgent.equal(list(body["components"])[:4], ["soul", "llm", "auth", "metering"],
                "the four names come first")
    kgent.equal(body["components"]["auth"], "ok", "auth is ok")
    kgent.equal(body["components"]["metering"], "ok", "metering is ok")
    kgent.equal(body["components"]["llm"], "not_configured", "there is no LLM")
    saas = host.get("/health/saas").json
    kgent.equal((saas["status"], saas["openmeter"]),
                ("ok", {"configured": False, "status": "disabled"}), "OpenMeter is disabled")
    index = host.get("/").json
    kgent.equal((index["name"], index["version"], index["docs"], index["health"]),
                ("kgents SaaS API", "v1", "/docs", "/health"), "/ tells what it is")
    kgent.equal(index["endpoints"]["agentese"]["invoke"], "/v1/agentese/invoke", "where invoke is")
    kgent.equal(index["endpoints"]["webhooks"], {"stripe": "/webhooks/stripe"},
                "where webhooks are")


def metrics(host):
    kgent.equal(host.get("/metrics").status, 404, "/metrics is not public")
    host.get("/no/such/route")
    plain = host.get("/metrics", admin=True)
    kgent.equal((plain.status, plain.headers["Content-Type"]),
                (200, "text/plain; version=0.0.4; charset=utf-8"), "/metrics as text 0.0.4")
    newer = host.get("/metrics", {"Accept": "application/openmetrics-text; version=1.0.0"},
                     admin=True)
    kgent.equal(newer.headers["Content-Type"],
                "application/openmetrics-text; version=1.0.0; charset=utf-8", "or OpenMetrics")
    kgent.ok(newer.text.endswith("# EOF\n"), "which ends in EOF")
    promtool = kgent.peer("promtool", "promtool check metrics")
    if promtool:
        run = subprocess.run([promtool, "check", "metrics"], input=plain.text, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if not kgent.ok(run.returncode == 0, "promtool check metrics"):
            kgent.note(run.stdout)


def document(host):
    """The document tells what the host does, and tools accept it."""
    redocly = kgent.peer("redocly", "redocly lint")
    for admin in (False, True):
        answer = host.get("/openapi.json", admin=admin)
        body = answer.json
        kgent.equal((answer.status, body["openapi"]), (200, "3.1.0"), "/openapi.json")
        kgent.equal("/admin/v1/keys" in body["paths"], admin, "admin routes: admin listener only")
        again = host.get("/openapi.json", {"If-None-Match": answer.headers["ETag"]}, admin=admin)
        kgent.equal((again.status, again.body), (304, b""), "it isn't sent twice")
        if redocly:
            lint(host, redocly, answer.text, "admin" if admin else "public")
    declared(host, host.get("/openapi.json").json)


def lint(host, redocly, text, name):
    path = os.path.join(host.folder.name, f"{name}.json")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    run = subprocess.run([redocly, "lint", "--format=json", path], text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         env={**os.environ, "REDOCLY_TELEMETRY": "off"})
    try:
        totals = json.loads(run.stdout)["totals"]
    except ValueError:
        totals = run.stdout + run.stderr
    if not kgent.ok(run.returncode == 0 and totals == {"errors": 0, "warnings": 0, "ignored": 0},
                    f"redocly lint: {name}"):
        kgent.note(run.stdout[:6000])


def declared(host, body):
    """Each route answers strangers with a status that the document has."""
    for path, item in body["paths"].items():
        for method, operation in item.items():
            target = path.replace("{id}", "00000000-0000-0000-0000-000000000000")
            answer = host.request(method.upper(), target, headers={"Content-Length": "0"})
            if not kgent.ok(str(answer.status) in operation["responses"],
                            f"{method.upper()} {path} answers as declared"):
                kgent.note(f"{answer.status} {answer.text[:300]}")


def page(host):
    answer = host.get("/docs")
    kgent.equal((answer.status, answer.headers["Content-Type"]),
                (200, "text/html; charset=utf-8"), "/docs")
    kgent.contains(answer.headers["Content-Security-Policy"], "default-src 'none'", "has a policy")
    kgent.ok(answer.headers["X-Content-Type-Options"] == "nosniff", "nosniff")


def operator(host):
    status, out, err = host.ctl("health")
    kgent.equal(status, 0, "kgentctl health")
    kgent.contains(out, "status", "shows the status")
    status, out, err = host.ctl("plugins", "--json")
    kgent.equal([p["name"] for p in json.loads(out or '{"plugins":[]}')["plugins"]],
                list(SHIPPED), "kgentctl plugins, in order")
    status, out, err = host.ctl("key", "new", "bot", "--tier", "PRO", "--scope", "read,write")
    kgent.ok(status == 0 and out.startswith("kg_"), "kgentctl key new")
    me = host.get("/v1/me", {"X-API-Key": out.strip()})
    kgent.equal((me.status, me.json.get("tier")), (200, "PRO"), "the key is good at once")
    key = json.loads(host.ctl("key", "list", "--json")[1])["keys"][0]
    kgent.equal((key["name"], "key" in key, "hash" in key), ("bot", False, False),
                "kgentctl key list has no secrets")
    kgent.equal(host.ctl("key", "revoke", key["id"])[0], 0, "kgentctl key revoke")
    kgent.equal(host.get("/v1/me", {"X-API-Key": out.strip()}).status, 401, "the key is void")
    kgent.equal(host.get("/admin/v1/plugins", admin=True).status, 401,
                "the admin listener wants a key")
    status, out, err = kgent.ctl("--url", f"http://127.0.0.1:{host.admin_port}", "plugins")
    kgent.equal(status, 1, "and so kgentctl --url is refused without one")
    status, admin_key, err = host.ctl("key", "new", "ops", "--scope", "admin")
    status, out, err = kgent.ctl("--url", f"http://127.0.0.1:{host.admin_port}", "plugins",
                                 env={"KGENT_ADMIN_KEY": admin_key.strip()})
    kgent.equal(status, 0, "with one it isn't")
    kgent.contains(host.ctl("version")[1], "kgentd ", "kgentctl version")


def drains():
    host = kgent.Host(options=["drain.grace=3.0"]).start()
    status, out, err = host.ctl("drain")
    kgent.equal(status, 0, "kgentctl drain")
    while host.process.poll() is None:  # the order is carried out by another thread
        answer = host.get("/readyz")
        if answer.status != 200:
            break
    kgent.equal((answer.status, answer.text), (503, "unready\n"), "/readyz goes red at once")
    kgent.equal(host.get("/livez").status, 200, "/livez doesn't")
    kgent.equal(host.stop(), 0, "it ends with 0")


def alone():
    with kgent.Host() as host:
        bare(host)
        probes(host)
        page(host)


def together():
    with kgent.Host(plugins=SHIPPED) as host:
        for part in (everything, metrics, document, operator):
            part(host)


def public_metrics():
    with kgent.Host(plugins=['load = "health"; public_metrics = true; docs = false;']) as host:
        kgent.equal(host.get("/metrics").status, 200, "public_metrics")
        kgent.equal(host.get("/metrics", admin=True).status, 200, "and on the admin listener")
        kgent.equal(host.get("/docs").status, 404, "docs = false")


kgent.main([alone, together, public_metrics, drains])
