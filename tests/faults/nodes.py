#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""A tenant that makes nodes until it may not: the limit holds to the node, also while 64
clients run into it at once and after a SIGKILL, what it costs in memory is in proportion,
and others do not notice.  KGENT_NODES: how many (2,000)."""
import os
import time

from crowd import CLIENTS, PATIENCE, SANITIZED, invoke, kgent, memory, request_of, run

NODES = int(os.environ.get("KGENT_NODES", "2000"))
PER_NODE = 1536  # bytes of memory, for a node with a state of 64 bytes and its history
SLACK = 24       # MiB besides
PLUGINS = ["health", 'load = "auth"; dev_keys = true; enforce = "shadow";',
           f'load = "agentese"; nodes_max = {NODES}; bytes_max = {2 << 30};']
TEXT = "x" * 48


def fill(host, first, count):
    """Makes `count` nodes, or asks for them."""
    each = (count + CLIENTS - 1) // CLIENTS
    return run(host, lambda n, i: request_of(f"world.n{first + n * each + i}.transform",
                                             {"changes": {"text": TEXT}}), each, seconds=600)


def figure(host, name):
    text = host.get("/metrics", admin=True).text
    return next(float(line.split()[1]) for line in text.splitlines() if line.startswith(name + " "))


def other_key(host):
    """That of another tenant."""
    tenant = host.post("/admin/v1/tenants", {"name": "other", "tier": "ENTERPRISE"}, local=True).json
    return host.post("/admin/v1/keys", {"name": "key", "tenant": tenant["id"],
                                        "scopes": ["read", "write"]}, local=True).json["key"]


def beyond(host, when, other):
    """One more is refused, what is there can be changed, and others have room."""
    answer = invoke(host, "world.onemore.build")
    kgent.equal((answer.status, answer.json["violated_policies"]), (507, ["agentese.nodes"]), f"{when}: 507")
    kgent.equal(invoke(host, "world.n7.transform", changes={"text": "y" * 48}).status, 200,
                f"{when}: what is there can be changed")
    kgent.equal(invoke(host, "world.never.manifest").status, 200, f"{when}: looking needs no room")
    answer = host.post("/v1/agentese/invoke", {"path": "world.mine.build"}, {"X-API-Key": other})
    kgent.equal(answer.status, 200, f"{when}: another tenant has room")


def main():
    with kgent.Host(PLUGINS, options=["http.threads=2"]) as host:
        other = other_key(host)
        run(host, lambda n, i: request_of("world.n0.manifest", {}), 10)
        before = memory(host, "VmRSS")
        statuses, took, rate = fill(host, 0, NODES * 9 // 10 // CLIENTS * CLIENTS)
        made = statuses.get(200, 0)
        kgent.equal(list(statuses), [200], f"{made} nodes")
        kgent.note(f"{rate:.0f} a second, 99 % within {took[int(len(took) * .99)] * 1e3:.1f} ms")
        statuses, _, _ = fill(host, made, (NODES - made) * 2)
        kgent.equal(statuses.get(200, 0), NODES - made, f"the rest of {NODES}, to the node")
        kgent.equal(set(statuses), {200, 507}, "the others are refused with 507")
        beyond(host, "full", other)
        statuses, _, rate = fill(host, 10 ** 6, max(CLIENTS * 20, NODES))
        kgent.equal(list(statuses), [507], f"whoever goes on is refused, {rate:.0f} times a second")
        after, most = memory(host, "VmRSS"), memory(host, "VmHWM")
        each = (after - before) * 1048576 / NODES
        kgent.note(f"memory {before:.0f}, then {after:.0f}, at most {most:.0f} MiB: {each:.0f} bytes a node")
        if not SANITIZED:
            kgent.ok(most - before < SLACK + NODES * PER_NODE / 1048576, f"less than {PER_NODE} bytes a node")
        host.process.kill()
        host.process.wait()
        began = time.monotonic()
        host.start()
        began = time.monotonic() - began
        kgent.note(f"it starts within {began:.2f} s, with {memory(host, 'VmRSS'):.0f} MiB")
        kgent.ok(began < (2 + NODES / 20000) * PATIENCE, "it starts in time")
        kgent.equal(figure(host, "kgent_agentese_nodes"), NODES + 1, "and knows how many there are")
        beyond(host, "after a SIGKILL", other)
        if not SANITIZED:
            kgent.ok(memory(host, "VmHWM") - before < SLACK + NODES * PER_NODE / 1048576, "and as little memory")


kgent.main([main])
