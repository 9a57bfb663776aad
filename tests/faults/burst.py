# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Many at once: clients that send at the same moment, pipelines, connections at the
limit, and no descriptors left (FAULTS.md, H37 and L10 to L12)."""
import os
import resource
import select
import socket
import struct
import time

from wire import FaultHost, cpu_seconds, kgent, read_all, together, until

HELLO = b"GET /fault/hello HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET /fault/hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def answers(clients, seconds=5.0):
    """How many of the sockets have an answer in time."""
    left, end = set(clients), time.monotonic() + seconds
    while left and time.monotonic() < end:
        poll = select.poll()
        for s in left:
            poll.register(s, select.POLLIN)
        by_fd = {s.fileno(): s for s in left}
        for fd, _ in poll.poll(200):
            if by_fd[fd].recv(65536):
                left.discard(by_fd[fd])
    return len(clients) - len(left)


def moments(host):
    for n in (127, 128, 129, 256, 384):
        clients = [host.connect() for _ in range(n)]
        for turn in range(3):
            for s in clients:
                s.sendall(HELLO)
            kgent.equal(answers(clients), n, f"{n} clients at the same moment, turn {turn + 1}")
        for s in clients:
            s.close()


def pipelines(host):
    for n in (64, 9999):
        s = host.connect()
        paths = [b"GET /fault/hello?%d HTTP/1.1\r\nHost: x\r\nX-Request-ID: n%d\r\n\r\n" % (i, i)
                 for i in range(n - 1)] + [LAST]
        data, sent = b"", 0
        text = b"".join(paths)
        s.setblocking(False)
        while sent < len(text):
            r, w, _ = select.select([s], [s], [], 5)
            if r:
                data += s.recv(1 << 20)
            if w:
                sent += s.send(text[sent:sent + 65536])
        s.setblocking(True)
        data += read_all(s, 10)[0]
        ids = [x.split(b"\r\n")[0] for x in data.split(b"X-Request-ID: n")[1:]]
        kgent.equal((data.count(b"HTTP/1.1 200"), ids == [b"%d" % i for i in range(n - 1)]),
                    (n, True), f"{n} requests in one go, answered in order")


def limited(host):
    """H37: 10,000 requests on one connection, then it is closed."""
    s = host.connect()
    s.setblocking(False)
    text, data, sent = HELLO * 10010, b"", 0
    while True:
        r, w, _ = select.select([s], [s] if sent < len(text) else [], [], 5)
        try:
            if w:
                sent += s.send(text[sent:sent + 65536])
            part = s.recv(1 << 20) if r else None
        except OSError:
            break
        if part == b"" or not r and not w:
            break
        data += part or b""
    kgent.equal((data.count(b"HTTP/1.1 200"), data.count(b"Connection: close")), (10000, 1),
                "the 10,000th request of a connection is its last")


def storm():
    """L13: connections that come and go; others are served."""
    with FaultHost(options=["log.access=false"]) as host:
        ending = time.monotonic() + 2
        made, good = [0, 0], [0, 0]

        def come_and_go(i):
            while time.monotonic() < ending:
                s = socket.create_connection(("127.0.0.1", host.port), timeout=5)
                if i:
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                s.close()
                made[i] += 1

        def ask():
            while time.monotonic() < ending:
                good[0] += host.get("/livez").status == 200
                good[1] += 1

        together([lambda: come_and_go(0), lambda: come_and_go(1), ask])
        kgent.ok(sum(made) > 1000, f"{sum(made)} connections in 2 s")
        kgent.equal(good[0], good[1], f"{good[1]} requests among them are answered")


def idle(host):
    """L10: many who are silent cost others nothing."""
    def resident():
        with open(f"/proc/{host.pid}/statm", encoding="ascii") as f:
            return int(f.read().split()[1]) * 4096
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    n = min(10000, hard - 200)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    before, clients = resident(), []
    for _ in range(n):
        s = host.connect()
        s.sendall(HELLO)
        s.recv(4096)
        clients.append(s)
    grown = resident() - before
    kgent.ok(grown < 60 << 20, f"{n} idle connections: {grown >> 20} MiB more")
    begin = time.monotonic()
    kgent.equal(host.get("/livez").status, 200, "/livez among them")
    kgent.ok(time.monotonic() - begin < 0.25, "is quick")
    for s in clients:
        s.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def everybody():
    with FaultHost(options=["http.connections=16384", "log.access=false"]) as host:
        moments(host)
        pipelines(host)
        limited(host)
        idle(host)


def limit():
    """L11: over the limit there is an answer, and the longest idle makes room."""
    with FaultHost(options=["http.threads=1", "http.connections=40"]) as host:
        clients = [host.connect() for _ in range(40)]
        for s in clients:
            s.sendall(HELLO)
        answers(clients)
        s = host.connect()
        data, closed = read_all(s, 3)
        kgent.ok(data.startswith(b"HTTP/1.1 503 ") and b"Retry-After" in data and closed,
                 "one too many gets 503 and Retry-After")
        time.sleep(1.2)
        s = host.connect()
        s.sendall(LAST)
        kgent.ok(read_all(s, 3)[0].startswith(b"HTTP/1.1 200"), "an idle one makes room")


def administered():
    """M03: the operators' listener has places of its own."""
    with FaultHost(options=["http.connections=20"]) as host:
        waits = b"GET /fault/wait?ms=1500&n=1 HTTP/1.1\r\nHost: x\r\n\r\n"
        clients = [host.connect() for _ in range(20)]
        for s in clients:
            s.sendall(waits)
        s = host.connect()
        kgent.ok(read_all(s, 3)[0].startswith(b"HTTP/1.1 503 "), "no place in public")
        kgent.equal(host.get("/metrics", admin=True).status, 200, "metrics are served")
        kgent.equal(answers(clients), 20, "and so is who has a place")


def exhausted(host, limit, hard):
    resource.prlimit(host.pid, resource.RLIMIT_NOFILE, (limit, hard))
    clients = [socket.create_connection(("127.0.0.1", host.port), timeout=5) for _ in range(60)]
    time.sleep(0.2)
    begin, cpu = time.monotonic(), cpu_seconds(host.pid)
    logged = host.logged().count("\n")
    time.sleep(1.5)
    used = (cpu_seconds(host.pid) - cpu) / (time.monotonic() - begin)
    logged = host.logged().count("\n") - logged
    kgent.ok(used < 0.05, f"the processor rests ({100 * used:.1f} %)")
    kgent.ok(logged <= 4, f"the log grows by {logged} lines")
    resource.prlimit(host.pid, resource.RLIMIT_NOFILE, (hard, hard))
    took = until(lambda: served(host), 3)
    kgent.ok(took is not None and took <= 1, f"it recovers ({took} s)")
    return clients


def descriptors():
    """L12: no descriptors left, for a few connections and for none."""
    with FaultHost(options=["http.threads=2", "log.access=false"]) as host:
        _, hard = resource.prlimit(host.pid, resource.RLIMIT_NOFILE)
        until(lambda: "serves at" in host.logged())  # all descriptors that it needs are there
        used = len(os.listdir(f"/proc/{host.pid}/fd"))
        clients = exhausted(host, used + 2, hard)
        told = sum(s in select.select(clients, [], [], 0)[0] and s.recv(12) == b"HTTP/1.1 503"
                   for s in clients)
        kgent.ok(told > 0, f"{told} of 60 are told 503")
        for s in clients:
            s.close()
        for s in exhausted(host, used, hard):
            s.close()
        for s in exhausted(host, 3, hard):
            s.close()
        kgent.contains(host.logged(), "no file descriptors are left", "the log says so")


def served(host):
    try:
        return host.get("/fault/hello").status == 200
    except OSError:
        return False


kgent.main([everybody, limit, storm, administered, descriptors])
