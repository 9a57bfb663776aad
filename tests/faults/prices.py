#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Prices from the call to the account: calls of agentese that cost tokens, of two keys of
one tenant, from many threads, while the program is killed again and again.  Nothing is overspent, nothing
stays reserved, and what is left is what was granted less what is recorded, exactly.

KGENT_CYCLES: how many lives (12; the long run has 1,000)."""
import collections
import http.client
import json
import os
import random
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "http"))

import kgent  # noqa: E402  (found by the line above)

CYCLES = int(os.environ.get("KGENT_CYCLES", "12"))
THREADS = 8
PRICE = 7
GRANT = PRICE * 150 * CYCLES + 3  # of the tenant; a key may have two thirds of it
UPGRADE = "https://example.org/upgrade"
FREE = {"requests_per_minute": 0, "requests_per_day": 0, "concurrent": 0}
PLUGINS = ["health", f'load = "auth"; upgrade_url = "{UPGRADE}";',
           'load = "agentese"; prices = ( { path = "world.*"; tokens = 5; tokens_per_kb = 2; '
           'tokens_max = 40; } );', "metering-openmeter"]
dice = random.Random(8)


class Caller(threading.Thread):
    """Calls until the host is gone; counts what was answered and for how much."""

    def __init__(self, host, key, answers):
        super().__init__(daemon=True)
        self.port, self.key, self.answers = host.port, key, answers

    def run(self):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        body = json.dumps({"path": "world.house.witness"})
        headers = {"X-API-Key": self.key, "Content-Type": "application/json"}
        try:
            while True:
                c.request("POST", "/v1/agentese/invoke", body, headers)
                answer = c.getresponse()
                text = answer.read()
                self.answers[answer.status] += 1
                if answer.status == 200:
                    self.answers["tokens"] += json.loads(text)["tokens_used"]
                else:
                    time.sleep(0.005)
        except (OSError, http.client.HTTPException):
            c.close()  # it was killed


def life(host, keys, answers):
    """One life that ends by SIGKILL."""
    callers = [Caller(host, keys[i % len(keys)], answers[i]) for i in range(THREADS)]
    for c in callers:
        c.start()
    time.sleep(dice.uniform(0.02, 0.25))
    host.stop(signal.SIGKILL)
    for c in callers:
        c.join()


def recorded(host):
    """Tokens of all usage records, and how many there are."""
    events = host.events()
    return sum(e["data"]["tokens_used"] for e in events), len(events)


def used(host, what, ident):
    policies = host.get(f"/admin/v1/limits?{what}={ident}", local=True).json["policies"]
    found = [p for p in policies if p["name"] == "tokens" and p["of"] == what]
    return found[0]["used"], found[0]["left"]


def make(host):
    tenant = host.post("/admin/v1/tenants", {"name": "T", "slug": "t", "limits": {
        **FREE, "tokens_per_month": GRANT}}, local=True).json["id"]
    keys = [host.post("/admin/v1/keys", {"name": "k", "tenant": "t", "limits": {
        **FREE, "tokens_per_month": GRANT * 2 // 3}}, local=True).json for _ in range(2)]
    return tenant, keys


def exhaust(host, keys):
    """Uses up what is left; the answer that says so."""
    last = None
    for key in keys:
        for _ in range(GRANT):
            last = host.post("/v1/agentese/invoke", {"path": "world.house.witness"},
                             {"X-API-Key": key})
            if last.status != 200:
                break
    return last


def balance(host, tenant, keys, name):
    tokens, count = recorded(host)
    spent, left = used(host, "tenant", tenant)
    of_keys = [used(host, "key", k["id"])[0] for k in keys]
    kgent.note(f"{name}: {count} records of {tokens} tokens, {GRANT} granted; spent {spent}, "
               f"left {left}, of the keys {of_keys}")
    kgent.equal((spent, left), (tokens, GRANT - tokens), f"{name}: balance = grant - recorded usage")
    kgent.equal(sum(of_keys), tokens, f"{name}: the keys' sum is the tenant's")
    kgent.ok(tokens <= GRANT and max(of_keys) <= GRANT * 2 // 3, f"{name}: nothing is overspent")
    return tokens


def tests():
    answers = [collections.Counter() for _ in range(THREADS)]
    with kgent.Host(PLUGINS) as host:
        tenant, keys = make(host)
        secrets = [k["key"] for k in keys]
        for _ in range(CYCLES):
            life(host, secrets, answers)
            host.start()
        total = sum(answers, collections.Counter())
        kgent.note(dict(total))
        tokens = balance(host, tenant, keys, f"after {CYCLES} kills")
        kgent.ok(total["tokens"] <= tokens <= total["tokens"] + CYCLES * THREADS * 40,
                 "what was answered is recorded")
        kgent.equal(set(total) - {"tokens", 200, 402}, set(), "calls are answered or too dear")
        answer = exhaust(host, secrets)
        kgent.equal((answer.status, answer.json.get("upgrade_url")), (402, UPGRADE),
                    "at the end: 402, and where to get more")
        left = GRANT - balance(host, tenant, keys, "used up")
        kgent.ok(left < 40, f"nothing stayed reserved: {left} are left of calls of up to 40")
        host.stop()
        host.start()
        balance(host, tenant, keys, "after a good end")


if __name__ == "__main__":
    kgent.main([tests])
