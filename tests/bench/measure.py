# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Single measurements.  Whoever compares them alternates and takes medians."""
import collections
import glob
import os
import re
import select
import socket
import statistics
import subprocess
import time

import servers

Case = collections.namedtuple("Case", "name method target body")
LIVEZ = Case("livez", "GET", "/livez", None)
INVOKE = Case("invoke", "POST", "/v1/agentese/invoke",
              '{"path":"world.house.manifest","observer":{"archetype":"developer"}}')


def request_bytes(case, key):
    head = f"{case.method} {case.target} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    if case.body:
        head += (f"X-API-Key: {key}\r\nContent-Type: application/json\r\n"
                 f"Content-Length: {len(case.body)}\r\n")
    return (head + "\r\n" + (case.body or "")).encode()


# ---- Load ------------------------------------------------------------------


def wrk(server, case, key, clients, seconds):
    """One run: requests per second, CPU microseconds per request, p50 and p99 in ms."""
    env = {**os.environ, "BENCH_METHOD": case.method, "BENCH_KEY": key}
    if case.body:
        env["BENCH_BODY"] = case.body
    before = server.cpu_seconds()
    run = subprocess.run(["wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "--timeout", "10s",
                          "-s", os.path.join(servers.SOURCE, "wrk.lua"),
                          f"http://127.0.0.1:{server.port}{case.target}"],
                         capture_output=True, text=True, env=env,
                         preexec_fn=servers.on_cpu(servers.CLIENT_CPU))
    after = server.cpu_seconds()
    result = re.search(r"^RESULT (\d+) (\d+) (\d+) (\d+) (\d+)", run.stdout, re.M)
    if not result:
        raise SystemExit(f"bench: wrk failed: {run.stdout}{run.stderr}")
    n, us, p50, p99, errors = map(int, result.groups())
    if errors or not n:
        raise SystemExit(f"bench: {server.name}, {case.name}, c = {clients}: {errors} of {n} "
                         "requests failed")
    return {"rate": n / (us / 1e6), "cpu": (after - before) * 1e6 / n, "p50": p50 / 1e3,
            "p99": p99 / 1e3, "requests": n}


# ---- The disk --------------------------------------------------------------


def fsync_seconds(folder, times=100):
    """The median of appending 4 KiB to a file and syncing it."""
    path, block, took = os.path.join(folder, "fsync"), os.urandom(4096), []
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        for _ in range(times):
            begin = time.perf_counter()
            os.write(fd, block)
            os.fdatasync(fd)
            took.append(time.perf_counter() - begin)
    finally:
        os.close(fd)
        os.unlink(path)
    return statistics.median(took)


# ---- Instructions ----------------------------------------------------------


def talk(port, data, times):
    """Requests one after the other on one connection; fails unless each gets 200."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(times):
            s.sendall(data)
            answer = s.recv(65536)
            while b"\r\n\r\n" not in answer:
                answer += s.recv(65536)
            head, _, body = answer.partition(b"\r\n\r\n")
            length = int(re.search(rb"content-length: *(\d+)", head, re.I).group(1))
            while len(body) < length:
                body += s.recv(65536)
            if not answer.startswith(b"HTTP/1.1 200"):
                raise SystemExit(f"bench: {answer!r}")


def functions(folder):
    """Instructions from a finished callgrind run: of all threads, of the event loop, and
    by function."""
    counts, whole, loop = collections.Counter(), 0, 0
    for file in glob.glob(os.path.join(folder, "callgrind.*-*")):  # one a thread
        text = subprocess.run(["callgrind_annotate", "--threshold=100", "--show-percs=no", file],
                              capture_output=True, text=True, check=True).stdout
        found = re.search(r"^ *([\d,]+) .*PROGRAM TOTALS", text, re.M)
        total = int(found.group(1).replace(",", ""))
        whole += total
        loop += total if re.search(r":loop_turn\b", text) else 0
        for count, name in re.findall(r"^ *([\d,]+) +\S*?:(\S+)", text, re.M):
            counts[name] += int(count.replace(",", ""))
    return whole, loop, counts


def instructions(make, case, key, few=2000, many=7000):
    """User-space instructions per request of all threads, of the event loop, and by
    function: two runs, so that starting and ending cancel out.  `make` makes a server
    behind a wrapper."""
    runs = []
    for times in (few, many):
        folder = servers.folder_new("callgrind")
        server = make(["valgrind", "-q", "--tool=callgrind", "--separate-threads=yes",
                       "--callgrind-out-file=" + os.path.join(folder, "callgrind.%p")])
        server.start()
        talk(server.port, request_bytes(case, key), times)
        server.stop()
        runs.append(functions(folder))
    per = many - few
    by = collections.Counter({name: n / per for name, n in runs[1][2].items()})
    by.subtract({name: n / per for name, n in runs[0][2].items()})
    return (runs[1][0] - runs[0][0]) / per, (runs[1][1] - runs[0][1]) / per, by


# ---- Start, idleness, crowds -----------------------------------------------


def cold_start(server):
    """Seconds from fork to the first 200."""
    begin = time.perf_counter()
    server.spawn()
    server.await_answer(LIVEZ.target, pause=0.0005)
    took = time.perf_counter() - begin
    server.stop()
    return took


def connect(server, count):
    return [socket.create_connection(("127.0.0.1", server.port), timeout=30)
            for _ in range(count)]


def idle_rss(server, count):
    """Resident bytes with so many clients that were answered and stay."""
    clients, data = connect(server, count), request_bytes(LIVEZ, None)
    for c in clients:
        c.sendall(data)
        c.recv(4096)
    rss = server.rss()
    for c in clients:
        c.close()
    return rss


def crowd(server, case, key, count):
    """How many of so many keep-alive clients that send at one moment are answered."""
    clients, data, answered = connect(server, count), request_bytes(case, key), 0
    for c in clients:  # all of them have been served before
        c.sendall(data)
        c.recv(4096)
    for c in clients:
        c.sendall(data)
    waiting, end = set(clients), time.monotonic() + 5
    while waiting and time.monotonic() < end:
        poll = select.poll()
        by_fd = {c.fileno(): c for c in waiting}
        for fd in by_fd:
            poll.register(fd, select.POLLIN)
        for fd, _ in poll.poll(500):
            answered += by_fd[fd].recv(4096).startswith(b"HTTP/1.1 200")
            waiting.discard(by_fd[fd])
    for c in clients:
        c.close()
    return answered
