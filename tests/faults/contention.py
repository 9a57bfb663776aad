#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Many clients that change one node at the same time: none of their changes is lost, none of
them waits for ever, and what they cost in memory does not grow with how often they meet.
KGENT_SLOW: 20 times as many changes."""
import os

from crowd import CLIENTS, PATIENCE, SANITIZED, invoke, kgent, memory, request_of, run

EACH = 400 if os.environ.get("KGENT_SLOW") else 20
AUTH = 'load = "auth"; dev_keys = true; enforce = "shadow";'


def retries(host):
    text = host.get("/metrics", admin=True).text
    return sum(float(line.split()[1]) for line in text.splitlines() if line.startswith("kgent_agentese_retries_total "))


def one_case(name, make, check):
    with kgent.Host(["health", AUTH, "agentese"], options=["http.threads=2"]) as host:
        run(host, lambda n, i: request_of("world.warm%d.build" % n, {}), 5)
        before = memory(host, "VmRSS")
        statuses, took, rate = run(host, make, EACH)
        kgent.equal(statuses, {200: CLIENTS * EACH}, f"{name}: {CLIENTS} clients, {CLIENTS * EACH} changes")
        check(host)
        peak = memory(host, "VmHWM")
        kgent.note(f"{name}: {rate:.0f} a second; median {took[len(took) // 2] * 1e3:.1f} ms, "
                   f"99 % {took[int(len(took) * .99)] * 1e3:.1f} ms, most {took[-1] * 1e3:.1f} ms; "
                   f"memory {before:.0f}, at most {peak:.0f} MiB; {retries(host):.0f} run again")
        if not SANITIZED:
            kgent.ok(peak - before < 48, f"{name}: memory grows by less than 48 MiB")
        kgent.ok(took[-1] < max(2.0, 40 * took[len(took) // 2]) * PATIENCE, f"{name}: nobody is left behind")


def result(host, path, **kwargs):
    return invoke(host, path, **kwargs).json["result"]


def one_node():
    def check(host):
        got = result(host, "world.hot.witness", limit=1)
        kgent.equal((got["total"], got["history"][0]["version"]), (CLIENTS * EACH,) * 2, "one node: each is in its history")
        last = result(host, "world.hot.manifest")
        kgent.ok(last, "one node: it can be looked at")
    one_case("one node", lambda n, i: request_of("world.hot.transform", {"changes": {f"client{n}": i}}), check)


def one_pool():
    def check(host):
        got = result(host, "void.entropy.status")
        kgent.equal(round(got["drawn"], 6), round(0.001 * CLIENTS * EACH, 6), "one pool: each took its part")
    one_case("one pool", lambda n, i: request_of("void.entropy.sip", {"amount": 0.001}), check)


def one_memory():
    """Engrams are nodes of their own, beside the index that all of them change."""
    def check(host):
        # Each client keeps one, and recalls what it kept.
        got = result(host, "self.memory.sense")
        kgent.equal(got["engrams"], CLIENTS, "one memory: one engram each")
        for n in range(CLIENTS):
            data = result(host, "self.memory.recall", key=f"k{n}")["data"]
            if data != {"n": n, "i": EACH - 1}:
                kgent.equal(data, {"n": n, "i": EACH - 1}, f"one memory: what client {n} kept last")
    one_case("one memory", lambda n, i: request_of("self.memory.engram", {"key": f"k{n}", "data": {"n": n, "i": i}}), check)


def many_nodes():
    def check(host):
        kgent.equal(result(host, "world.cool7.witness", limit=1)["total"], EACH, "many nodes: each has its own history")
    one_case("many nodes", lambda n, i: request_of("world.cool%d.transform" % n, {"changes": {"i": i}}), check)


kgent.main([one_node, one_pool, one_memory, many_nodes])
