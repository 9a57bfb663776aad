# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Many clients of one thread, each with one invocation at a time."""
import collections
import json
import os
import select
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "http"))

import kgent  # noqa: E402,F401  (found by the line above)

CLIENTS = 64
PATIENCE = float(os.environ.get("KGENT_PATIENCE", "1"))
SANITIZED = bool(os.environ.get("KGENT_WRAPPER") or os.environ.get("ASAN_OPTIONS")
                 or os.environ.get("TSAN_OPTIONS"))
KEY = "kg_dev_carol"


def memory(host, name):
    """A figure of /proc/PID/status, in MiB."""
    with open(f"/proc/{host.process.pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith(name + ":")) / 1024


def request_of(path, kwargs, key=KEY):
    body = json.dumps({"path": path, "kwargs": kwargs})
    return (f"POST /v1/agentese/invoke HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\n"
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


def run(host, make, each, clients=CLIENTS, seconds=120):
    """Statuses, all times that an answer took, answers a second; `make` has a client's
    number and how many it has sent."""
    all_of = {}
    began, poll = time.monotonic(), select.poll()
    for n in range(clients):
        c = Client(host, n, make)
        all_of[c.socket.fileno()] = c
        poll.register(c.socket, select.POLLIN)
        c.send()
    left, end = set(all_of), time.monotonic() + seconds * PATIENCE
    while left and time.monotonic() < end:
        for fd, _ in poll.poll(1000):
            c = all_of[fd]
            if c.receive() and c.sent < each:
                c.send()
            elif not c.data and c.sent == each:
                left.discard(fd)
    took_all = time.monotonic() - began
    statuses, took = collections.Counter(), []
    for c in all_of.values():
        statuses += c.statuses
        took += c.took
        c.socket.close()
    return dict(statuses), sorted(took), sum(statuses.values()) / took_all


def invoke(host, path, **kwargs):
    return host.post("/v1/agentese/invoke", {"path": path, "kwargs": kwargs}, {"X-API-Key": KEY})
