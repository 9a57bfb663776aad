#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Grants in the real program: a budget that is spent is open again within a second of a
grant, stays so over SIGKILL, and is closed when the grant ends; each use is burnt once."""
import datetime
import json
import os
import random
import signal
import threading
import time

import kgent

TOKENS, RESERVED = 3, 50
PLUGINS = ["health", 'load = "auth";',
           f'load = "agentese"; prices = ({{ path = "*"; tokens = {TOKENS}; '
           f"tokens_max = {RESERVED}; }});",
           'load = "metering-openmeter"; enabled = false;']
FREE = {"requests_per_minute": 0, "requests_per_day": 0, "concurrent": 0}


def tenant_new(host, slug, tokens):
    tenant = host.post("/admin/v1/tenants", {
        "name": slug, "slug": slug, "limits": {**FREE, "tokens_per_month": tokens}},
        local=True).json["id"]
    key = host.post("/admin/v1/keys", {"name": "k", "tenant": tenant}, local=True).json["key"]
    return tenant, key


def invoke(host, key):
    return host.post("/v1/agentese/invoke", {"path": "world.house.manifest"},
                     {"X-API-Key": key}).status


def spend(host, key):
    """Calls until one is refused; how many weren't."""
    n = 0
    while True:
        status = invoke(host, key)
        if status in (402, 429):  # of what may be needed, or of what is spent
            return n
        if status != 200:
            raise AssertionError(status)
        n += 1


def seconds_until(seconds, condition):
    begun = time.monotonic()
    while time.monotonic() < begun + seconds:
        if condition():
            return time.monotonic() - begun
        time.sleep(0.01)
    return None


def value(host, key, feature="budget.tokens"):
    return host.get(f"/v1/entitlements/{feature}/value", {"X-API-Key": key}).json


def burnt(host, key, tokens):
    """Whether so many come to be burnt, and no more."""
    return seconds_until(5, lambda: value(host, key)["usage"] == tokens) is not None


def grants(host, tenant):
    answer = host.get(f"/admin/v1/tenants/{tenant}/grants", local=True).json
    return [g for e in answer["entitlements"] for g in e["grants"]]


def a_budget_is_raised():
    with kgent.Host(PLUGINS) as host:
        tenant, key = tenant_new(host, "acme", 60)
        kgent.equal(spend(host, key), 4, "what the tier allows")
        status, out, err = host.ctl("grant", "add", "acme", "budget.tokens", "90",
                                    "--priority", "3", "--expires", "30d", "--json")
        kgent.equal(status, 0, f"kgentctl grant add{err}")
        grant = json.loads(out)["id"]
        waited = seconds_until(1, lambda: invoke(host, key) == 200)
        kgent.ok(waited is not None, "a grant is in force within a second")
        kgent.note(f"after {waited} s")
        n = 5 + spend(host, key)
        kgent.equal(n, (60 + 90 - RESERVED) // TOKENS + 1, "exactly what tier and grant allow")
        tokens = (n - 4) * TOKENS
        kgent.ok(burnt(host, key, tokens), "what was used since is burnt")
        kgent.equal(value(host, key), {"hasAccess": True, "balance": 90 - tokens, "usage": tokens,
                                       "overage": 0}, "and told")
        host.stop(signal.SIGKILL)
        host.start()
        kgent.equal(invoke(host, key), 402, "after a kill it allows no more")
        host.ctl("grant", "add", tenant, "budget.tokens", str(TOKENS))
        waited = seconds_until(1, lambda: invoke(host, key) == 200)
        kgent.ok(waited is not None, "and no less")
        host.stop(signal.SIGKILL)
        host.start()
        host.ctl("grant", "add", "acme", "budget.tokens", "200")
        seconds_until(1, lambda: invoke(host, key) == 200)
        host.stop(signal.SIGKILL)
        host.start()
        kgent.equal(invoke(host, key), 200, "the first request after a kill is allowed")
        status, out, err = host.ctl("grant", "list", "acme")
        kgent.ok(status == 0 and grant in out and "budget.tokens" in out, f"grant list{err}")
        for g in grants(host, tenant):
            status, _, err = host.ctl("grant", "void", "acme", g["id"])
            kgent.equal(status, 0, f"grant void{err}")
        waited = seconds_until(1, lambda: invoke(host, key) == 402)
        kgent.ok(waited is not None, "without grants it is closed again")
        status, _, err = host.ctl("grant", "void", "acme", grant)
        kgent.ok(status != 0 and "ended before" in err, "a grant ends once")
        status, out, _ = host.ctl("audit", "--json")
        kgent.ok("grant.create" in out and "grant.void" in out, "all of it is in the audit log")


def kills():
    """Whatever is killed when: what was answered with 200 is burnt once."""
    cycles = int(os.environ.get("KGENT_CYCLES", "5"))
    with kgent.Host(PLUGINS) as host:
        tenant, key = tenant_new(host, "acme", 1)
        host.ctl("grant", "add", "acme", "budget.tokens", "1000000000")
        host.ctl("grant", "add", "acme", "requests", "1000000")
        seconds_until(1, lambda: invoke(host, key) == 200)
        served = 1
        for cycle in range(cycles):
            for _ in range(random.randrange(200)):
                served += invoke(host, key) == 200
            if cycle % 2:
                time.sleep(random.random() / 3)
            host.stop(signal.SIGKILL)
            host.start()
        served += invoke(host, key) == 200
        kgent.ok(burnt(host, key, served * TOKENS), f"{served} calls burn {served * TOKENS}")
        time.sleep(0.6)
        kgent.equal(value(host, key)["usage"], served * TOKENS, "and stay at that")
        kgent.equal(value(host, key, "requests")["usage"], served, "events count once, too")
        left = [g["balance"] for g in grants(host, tenant) if g["feature"] == "budget.tokens"]
        kgent.equal(left, [1000000000 - served * TOKENS], "the rest is left")


def the_clock_begins_and_ends():
    """A grant begins, and ends, without anybody's doing."""
    with kgent.Host(PLUGINS) as host:
        tenant, key = tenant_new(host, "acme", 1)
        kgent.equal(spend(host, key), 0, "the tier allows nothing")
        stamp = [datetime.datetime.fromtimestamp(time.time() + s, datetime.timezone.utc)
                 .isoformat().replace("+00:00", "Z") for s in (1.5, 3.5)]
        begun = time.monotonic()
        answer = host.post(f"/admin/v1/tenants/{tenant}/grants", {
            "feature": "budget.tokens", "amount": 100000, "effective": stamp[0],
            "expires": stamp[1], "recurrence": "DAY"}, local=True)
        kgent.equal(answer.status, 201, "a grant of later")
        kgent.ok(invoke(host, key) != 200, "is not there yet")
        seconds_until(5, lambda: invoke(host, key) == 200)
        waited = time.monotonic() - begun
        kgent.ok(1.4 < waited < 2.5, f"it begins within a second: {waited:.3f}")
        seconds_until(5, lambda: invoke(host, key) != 200)
        waited = time.monotonic() - begun
        kgent.ok(3.4 < waited < 4.5, f"it ends within a second: {waited:.3f}")
        kgent.equal(value(host, key)["balance"], 0, "nothing is left of it")


class Client(threading.Thread):
    """Invokes all the time; counts what was answered with 200."""

    def __init__(self, host, key):
        super().__init__(daemon=True)
        self.host, self.key, self.served, self.others, self.going = host, key, 0, set(), True

    def run(self):
        while self.going:
            try:
                status = invoke(self.host, self.key)
                self.served += status == 200
                self.others |= {status} - {200}
            except (OSError, ValueError, kgent.http.client.HTTPException):
                time.sleep(0.05)


def serving(host):
    return host.get("/admin/v1/version", local=True).json["pid"]


def handovers():
    """Two processes burn the same accounts for a while, and grants come meanwhile."""
    with kgent.Host(PLUGINS) as host:
        tenant, key = tenant_new(host, "acme", 1)
        host.ctl("grant", "add", "acme", "budget.tokens", "1000000")
        seconds_until(1, lambda: invoke(host, key) == 200)
        clients, done, added = [Client(host, key) for _ in range(3)], 0, 0
        for c in clients:
            c.start()
        for _ in range(3):
            before = serving(host)
            kgent.ok(seconds_until(60, lambda: host.post("/admin/v1/reload", None, local=True).status
                                   < 400) is not None, "the last handover is over")
            end = time.monotonic() + 20
            while serving(host) == before and time.monotonic() < end:
                added += host.post(f"/admin/v1/tenants/{tenant}/grants",
                                   {"feature": "requests", "amount": 1}, local=True).status == 201
                time.sleep(0.1)
            done += serving(host) != before
        for c in clients:
            c.going = False
        for c in clients:
            c.join()
        kgent.equal(done, 3, "3 handovers while invoking")
        kgent.equal(set().union(*(c.others for c in clients)), set(), "nothing is refused meanwhile")
        served = 1 + sum(c.served for c in clients)
        kgent.ok(burnt(host, key, served * TOKENS), f"{served} calls are burnt once")
        time.sleep(0.6)
        kgent.equal(value(host, key)["usage"], served * TOKENS, "and stay at that")
        kgent.equal(len([g for g in grants(host, tenant) if g["feature"] == "requests"]), added,
                    "each grant is there")


kgent.main([a_budget_is_raised, the_clock_begins_and_ends, kills, handovers])
