#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Budgets under load and SIGKILL: what is recorded never exceeds what is allowed, no
reservation outlives its process, and after each restart what is left is the grant
minus what is recorded, exactly.

KGENT_CYCLES: how many kills (6; each fourth one in the middle of a handover, after each
third one the next process is killed while it starts)."""
import http.client
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../http"))
import kgent  # noqa: E402

CYCLES = int(os.environ.get("KGENT_CYCLES", "6"))
CLIENTS = 6
TOKENS, RESERVED, MONEY = 3, 50, 7  # of a call: used, reserved before, and its price
GRANT = 200                         # calls that are granted anew for each cycle
PLUGINS = ["health", 'load = "auth";',
           f'load = "agentese"; prices = ({{ path = "*"; tokens = {TOKENS}; '
           f"tokens_max = {RESERVED}; money = {MONEY}; }});",
           'load = "metering-openmeter"; enabled = false;']
FREE = {"requests_per_minute": 0, "requests_per_day": 0, "concurrent": 0}


class Client(threading.Thread):
    """Invokes all the time; counts what was answered, by status."""

    def __init__(self, host, key):
        super().__init__(daemon=True)
        self.host, self.key, self.stopping, self.statuses = host, key, False, {}

    def run(self):
        c = http.client.HTTPConnection("127.0.0.1", self.host.port, timeout=20)
        headers = {"X-API-Key": self.key, "Content-Type": "application/json"}
        while not self.stopping:
            try:
                c.request("POST", "/v1/agentese/invoke", '{"path":"world.house.manifest"}', headers)
                answer = c.getresponse()
                answer.read()
                self.statuses[answer.status] = self.statuses.get(answer.status, 0) + 1
            except (OSError, http.client.HTTPException):
                c.close()
                time.sleep(0.005)


def recorded(host, tenant):
    """Calls in the usage log, by this tenant."""
    return sum(e["type"] == "agentese.invoke" and e["subject"] == tenant for e in host.events())


def used(host, query):
    """What the counters say, by policy, of the subject itself."""
    answer = host.get(f"/admin/v1/limits?{query}", local=True)
    of = query.split("=")[0]
    return {p["name"]: p["used"] for p in answer.json["policies"] if p["of"] == of}


class Shop:
    """A tenant with a key, and what it was granted."""

    def __init__(self, host):
        tenant = host.post("/admin/v1/tenants", {
            "name": "shop", "tier": "FREE",
            "limits": {**FREE, "tokens_per_month": 1, "spend_per_month": 1}}, local=True).json
        key = host.post("/admin/v1/keys", {"name": "key", "tenant": tenant["id"]}, local=True).json
        self.tenant, self.id, self.key = tenant["id"], key["id"], key["key"]
        self.tokens = self.money = self.answered = 0

    def grant(self, host, calls):
        """So much that one of the two is used up first, and not evenly."""
        self.tokens = calls * TOKENS + RESERVED + random.randrange(TOKENS)
        self.money = calls * MONEY + random.randrange(3 * MONEY)
        answer = host.request("PATCH", f"/admin/v1/tenants/{self.tenant}", {
            "limits": {**FREE, "tokens_per_month": self.tokens, "spend_per_month": self.money}},
            local=True)
        if answer.status != 200:
            raise RuntimeError(answer.text)


def kill(host, in_handover):
    """The serving process and, where there is one, its successor."""
    pids = {host.process.pid}
    if in_handover:
        host.post("/admin/v1/reload", None, local=True)
        time.sleep(random.uniform(0, 0.3))
        pids |= {int(p) for p in os.listdir("/proc") if p.isdigit() and parent(p) in pids}
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            pass
    host.process.wait()
    until_gone(host.port)


def until_gone(port):
    """A successor dies with its ancestor, but not in the same instant."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)):
                return
        time.sleep(0.01)


def kill_starting(host):
    """One that is killed while it starts, maybe while it adds up what was spent."""
    command = [kgent.KGENTD, "-c", host.config]
    for option in host.options:
        command += ["-o", option]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(random.uniform(0, 0.1))
    process.kill()
    process.wait()


def parent(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
            return int(f.read().rsplit(")", 1)[1].split()[1])
    except OSError:
        return 0


def balance(host, shop, name):
    """After a restart, before any request."""
    calls = recorded(host, shop.tenant)
    want = (calls * TOKENS, calls * MONEY, 0)
    for query in (f"tenant={shop.tenant}", f"key={shop.id}"):
        have = used(host, query)
        got = (have["tokens"], have["money"], have.get("concurrent", 0))
        if got != want:
            kgent.equal(got, want, f"{name}: {query}: what is used is what is recorded")
            return calls, False
    good = calls * TOKENS <= shop.tokens and calls * MONEY <= shop.money
    if not good:
        kgent.ok(False, f"{name}: {calls} calls recorded, of {shop.tokens} tokens and "
                        f"{shop.money} units")
    if calls < shop.answered:
        good = kgent.ok(False, f"{name}: {shop.answered} answered, {calls} recorded")
    return calls, good


def cycle(host, shop, i):
    """Load, a kill, and a restart; whether all is well, and how the load was answered."""
    clients = [Client(host, shop.key) for _ in range(CLIENTS)]
    for c in clients:
        c.start()
    time.sleep(random.uniform(0.02, 0.5))
    kill(host, i % 4 == 3)
    for c in clients:
        c.stopping = True
    for c in clients:
        c.join()
        shop.answered += c.statuses.get(200, 0)
    if i % 3 == 1:
        kill_starting(host)
    host.start()
    calls, good = balance(host, shop, f"kill {i + 1}")
    return calls, good, {s for c in clients for s in c.statuses}


def to_the_end(host, shop):
    """Alone: each call that still fits is let in, and not one more."""
    calls = recorded(host, shop.tenant)
    while host.request("POST", "/v1/agentese/invoke", {"path": "world.house.manifest"},
                       {"X-API-Key": shop.key}).status == 200:
        calls += 1
        shop.answered += 1
    left = (shop.tokens - calls * TOKENS, shop.money - calls * MONEY)
    kgent.ok(0 <= left[0] < RESERVED or 0 <= left[1] < MONEY, f"used up: {left} left")
    kgent.ok(min(left) >= 0, "and not more than that")
    host.stop()
    host.start()
    kgent.equal(balance(host, shop, "a stop in good order"), (calls, True),
                "a stop in good order: what is used is what is recorded")


def kills():
    host = kgent.Host(plugins=PLUGINS, options=['store.commit=process'])
    host.start()
    shop, statuses, bad, calls = Shop(host), set(), 0, 0
    for i in range(CYCLES):
        shop.grant(host, calls + GRANT)
        calls, good, seen = cycle(host, shop, i)
        bad += not good
        statuses |= seen
    kgent.equal(bad, 0, f"{CYCLES} kills: {calls} calls recorded, {shop.answered} answered")
    kgent.ok(statuses <= {200, 402, 429}, f"answers were {sorted(statuses)}")
    shop.grant(host, calls + 20)
    to_the_end(host, shop)
    kgent.equal(host.stop(), 0, "kgentd ends with 0")
    host.folder.cleanup()


if __name__ == "__main__":
    kgent.main([kills])
