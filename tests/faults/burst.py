# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Many at once: clients that send at the same moment, pipelines, connections at the
limit, and no descriptors left (FAULTS.md, H37 and L10 to L12)."""
import resource
import select
import socket
import time

from wire import FaultHost, kgent, read_all, until

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


def descriptors():
    """L12: no descriptors left."""
    with FaultHost(options=["http.threads=1"]) as host:
        host.get("/fault/hello")
        _, hard = resource.prlimit(host.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(host.pid, resource.RLIMIT_NOFILE, (48, hard))
        clients = [host.connect() for _ in range(80)]
        begin, cpu = time.monotonic(), ticks(host)
        time.sleep(1.5)
        used = (ticks(host) - cpu) / 100 / (time.monotonic() - begin)
        kgent.ok(used < 0.05, f"the processor rests ({100 * used:.1f} %)")
        lines = host.logged().count("file descriptors are left")
        kgent.ok(1 <= lines <= 3, f"the log says so, {lines} times")
        resource.prlimit(host.pid, resource.RLIMIT_NOFILE, (hard, hard))
        for s in clients:
            s.close()
        kgent.ok(until(lambda: served(host), 2) is not None, "it recovers")


def ticks(host):
    with open(f"/proc/{host.pid}/stat", encoding="ascii") as f:
        part = f.read().rsplit(")", 1)[1].split()
    return int(part[11]) + int(part[12])


def served(host):
    try:
        return host.get("/fault/hello").status == 200
    except OSError:
        return False


kgent.main([everybody, limit, descriptors])
