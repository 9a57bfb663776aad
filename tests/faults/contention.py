#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Many clients that change one node at the same time: none of their changes is lost, none of
them waits for ever, and what they cost in memory does not grow with how often they meet.
KGENT_SLOW: 20 times as many changes."""
import collections
import json
import os
import select
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "http"))

import kgent  # noqa: E402  (found by the line above)

CLIENTS = 64
EACH = 400 if os.environ.get("KGENT_SLOW") else 20
PATIENCE = float(os.environ.get("KGENT_PATIENCE", "1"))
SANITIZED = bool(os.environ.get("KGENT_WRAPPER") or os.environ.get("ASAN_OPTIONS"))
AUTH = 'load = "auth"; dev_keys = true; enforce = "shadow";'


def memory(host, name):
    """A figure of /proc/PID/status, in MiB."""
    with open(f"/proc/{host.process.pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith(name + ":")) / 1024


def request_of(path, kwargs):
    body = json.dumps({"path": path, "kwargs": kwargs})
    return (f"POST /v1/agentese/invoke HTTP/1.1\r\nHost: x\r\nX-API-Key: kg_dev_carol\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}").encode()


class Client:
    """Sends its next request when it has the answer to the one before."""

    def __init__(self, host, number, make):
        self.socket = socket.create_connection(("127.0.0.1", host.port))
        self.number, self.make, self.sent, self.data = number, make, 0, b""
        self.statuses, self.took = collections.Counter(), []

    def send(self):
        self.began = time.monotonic()
        self.socket.sendall(self.make(self.number, self.sent))
        self.sent += 1

    def receive(self):
        """Whether the answer is there."""
        self.data += self.socket.recv(65536)
        head, _, body = self.data.partition(b"\r\n\r\n")
        length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 1)
        if len(body) < length:
            return False
        self.statuses[int(head[9:12])] += 1
        self.took.append(time.monotonic() - self.began)
        self.data = b""
        return True


def run(host, make, each=EACH, clients=CLIENTS):
    """Statuses, all times that an answer took, changes a second."""
    all_of = {}
    began, poll = time.monotonic(), select.poll()
    for n in range(clients):
        c = Client(host, n, make)
        all_of[c.socket.fileno()] = c
        poll.register(c.socket, select.POLLIN)
        c.send()
    left, end = set(all_of), time.monotonic() + 120 * PATIENCE
    while left and time.monotonic() < end:
        for fd, _ in poll.poll(1000):
            c = all_of[fd]
            if c.receive() and c.sent < each:
                c.send()
            elif not c.data and c.sent == each:
                left.discard(fd)
    seconds = time.monotonic() - began
    statuses, took = collections.Counter(), []
    for c in all_of.values():
        statuses += c.statuses
        took += c.took
        c.socket.close()
    return dict(statuses), sorted(took), sum(statuses.values()) / seconds


def retries(host):
    text = host.get("/metrics", admin=True).text
    return sum(float(line.split()[1]) for line in text.splitlines() if line.startswith("kgent_agentese_retries_total "))


def one_case(name, make, check):
    with kgent.Host(["health", AUTH, "agentese"], options=["http.threads=2"]) as host:
        run(host, lambda n, i: request_of("world.warm%d.build" % n, {}), 5)
        before = memory(host, "VmRSS")
        statuses, took, rate = run(host, make)
        kgent.equal(statuses, {200: CLIENTS * EACH}, f"{name}: {CLIENTS} clients, {CLIENTS * EACH} changes")
        check(host)
        peak = memory(host, "VmHWM")
        kgent.note(f"{name}: {rate:.0f} a second; median {took[len(took) // 2] * 1e3:.1f} ms, "
                   f"99 % {took[int(len(took) * .99)] * 1e3:.1f} ms, most {took[-1] * 1e3:.1f} ms; "
                   f"memory {before:.0f}, at most {peak:.0f} MiB; {retries(host):.0f} run again")
        if not SANITIZED:
            kgent.ok(peak - before < 48, f"{name}: memory grows by less than 48 MiB")
        kgent.ok(took[-1] < max(2.0, 40 * took[len(took) // 2]) * PATIENCE, f"{name}: nobody is left behind")


def invoke(host, path, **kwargs):
    return host.post("/v1/agentese/invoke", {"path": path, "kwargs": kwargs}, {"X-API-Key": "kg_dev_carol"}).json["result"]


def one_node():
    def check(host):
        got = invoke(host, "world.hot.witness", limit=1)
        kgent.equal((got["total"], got["history"][0]["version"]), (CLIENTS * EACH,) * 2, "one node: each is in its history")
        last = invoke(host, "world.hot.manifest")
        kgent.ok(last, "one node: it can be looked at")
    one_case("one node", lambda n, i: request_of("world.hot.transform", {"changes": {f"client{n}": i}}), check)


def one_pool():
    def check(host):
        got = invoke(host, "void.entropy.status")
        kgent.equal(round(got["drawn"], 6), round(0.001 * CLIENTS * EACH, 6), "one pool: each took its part")
    one_case("one pool", lambda n, i: request_of("void.entropy.sip", {"amount": 0.001}), check)


def one_memory():
    """Engrams are nodes of their own, beside the index that all of them change."""
    def check(host):
        # Each client keeps one, and recalls what it kept.
        got = invoke(host, "self.memory.sense")
        kgent.equal(got["engrams"], CLIENTS, "one memory: one engram each")
        for n in range(CLIENTS):
            data = invoke(host, "self.memory.recall", key=f"k{n}")["data"]
            if data != {"n": n, "i": EACH - 1}:
                kgent.equal(data, {"n": n, "i": EACH - 1}, f"one memory: what client {n} kept last")
    one_case("one memory", lambda n, i: request_of("self.memory.engram", {"key": f"k{n}", "data": {"n": n, "i": i}}), check)


def many_nodes():
    def check(host):
        kgent.equal(invoke(host, "world.cool7.witness", limit=1)["total"], EACH, "many nodes: each has its own history")
    one_case("many nodes", lambda n, i: request_of("world.cool%d.transform" % n, {"changes": {"i": i}}), check)


kgent.main([one_node, one_pool, one_memory, many_nodes])
