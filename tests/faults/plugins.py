# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""What a plugin's handlers may do wrong without hurting anybody else (FAULTS.md, P05 to
P10; L06 and L09, whose clients leave or never read)."""
import signal
import time

from wire import FaultHost, exchange, kgent, read_all, replies, until

HELLO = b"GET /fault/hello HTTP/1.1\r\nHost: x\r\n\r\n"
BLOCK = b"GET /fault/block?ms=%d HTTP/1.1\r\nHost: x\r\n\r\n"
SHORT = ["http.threads=1", "http.handler_timeout=3", "http.write_timeout=2"]


LEAKS = {"ASAN_OPTIONS": "detect_leaks=0"}  # what a stuck handler holds is given up


def get(host, path):
    answer = host.get(path)
    return answer.status, answer.text


def blocked(host):
    """P05: the client hears of it at the deadline, and the worker's others go on."""
    begin = time.monotonic()
    data, _ = exchange(host.port, b"GET /fault/block?ms=8000 HTTP/1.1\r\nHost: x\r\n\r\n", seconds=10)
    took = time.monotonic() - begin
    kgent.ok(data.startswith(b"HTTP/1.1 504 "), "a handler that blocks: 504")
    kgent.ok(2.5 < took < 5, f"at the deadline ({took:.1f} s)")
    kgent.equal(get(host, "/fault/hello"), (200, "hello\n"), "the worker goes on")
    kgent.equal(get(host, "/livez")[0], 200, "and lives")
    kgent.contains(host.logged(), "blocked worker", "the log says who")
    time.sleep(max(0, 8.5 - (time.monotonic() - begin)))  # when the handler returns at last
    kgent.equal(get(host, "/fault/hello"), (200, "hello\n"), "the late return harms nobody")


def taken_over():
    """P05: nothing that came together with what blocks is lost, and the order stays."""
    with FaultHost(options=["http.threads=1", "http.handler_timeout=2"], env=LEAKS) as host:
        data, _ = exchange(host.port, HELLO + BLOCK % 4000, seconds=6)
        kgent.equal([r.status for r in replies(data)], [200, 504], "504 behind the answer before it")
        r = replies(data)[1]
        kgent.equal((r.json["request_id"], r.headers["connection"]), (r.headers["x-request-id"], "close"),
                    "a whole problem")
        clients = [host.connect() for _ in range(20)]
        for s in clients:
            s.sendall(HELLO)
            s.recv(4096)
        host.process.send_signal(signal.SIGSTOP)
        for i, s in enumerate(clients):
            s.sendall(BLOCK % 4000 if i == 3 else HELLO)
        host.process.send_signal(signal.SIGCONT)
        kgent.equal(statuses(clients), {b"200": 19, b"504": 1}, "others of the same moment are answered")
        clients = [host.connect() for _ in range(20)]
        for i, s in enumerate(clients):
            s.sendall(b"GET /fault/wait?ms=300&n=1&block=%d HTTP/1.1\r\nHost: x\r\n\r\n" % (4000 * (i == 3)))
        until(lambda: host.counts()["threads"] == 20)
        clients.append(host.connect())
        clients[-1].sendall(BLOCK % 800)
        kgent.equal(statuses(clients), {b"200": 20, b"504": 1}, "others that were resumed, too")
        kgent.equal(host.get("/livez").status, 200, "three stuck handlers are no reason to restart")
        text = host.get("/metrics", admin=True).text
        kgent.ok("\nkgent_stuck_handlers 3\n" in text, "a gauge counts them")


def statuses(clients):
    """What the clients are answered, each in time."""
    got = {}
    for s in clients:
        s.settimeout(6)
        try:
            code = s.recv(4096)[9:12]
        except OSError as e:
            code = str(e)
        got[code] = got.get(code, 0) + 1
    return got


def ended():
    """C07: a handler that blocks for ever does not keep the process."""
    with FaultHost(options=["http.threads=1", "drain.timeout=1"], env=LEAKS) as host:
        s = host.connect()
        s.sendall(BLOCK % 30000)
        time.sleep(0.2)
        begin = time.monotonic()
        kgent.equal(host.stop(), 0, "SIGTERM with a handler that blocks: exit 0")
        kgent.ok(time.monotonic() - begin < 10, f"within 10 s ({time.monotonic() - begin:.1f} s)")
        kgent.ok(read_all(s)[0].startswith(b"HTTP/1.1 504 "), "its client hears of it")


def tickets(host):
    """P07: never, late, twice, and both."""
    kgent.equal(get(host, "/fault/wait?ms=20&n=1"), (200, "resumed\n"), "resumed once")
    kgent.equal(get(host, "/fault/wait?ms=20&n=2"), (200, "resumed\n"), "resumed twice: once")
    kgent.equal(get(host, "/fault/soon?ms=0&n=0")[0], 504, "never resumed: 504")
    dropped = host.counts()["dropped"]
    kgent.equal(get(host, "/fault/soon?ms=600&n=1")[0], 504, "resumed late: 504")
    kgent.ok(until(lambda: host.counts()["dropped"] == dropped + 1), "and its argument is dropped")
    kgent.equal(host.counts()["gone"], 2, "both were told that they are too late")
    kgent.equal(get(host, "/fault/both")[1] in ("both\n", "resumed\n"), True, "answered and resumed")
    for _ in range(100):
        get(host, "/fault/wait?ms=0&n=2")
    kgent.equal(get(host, "/fault/hello"), (200, "hello\n"), "and everybody else is served")
    kgent.contains(host.logged(), "used a ticket twice", "the log says so")


def nonsense(host):
    """P10: what no host can send."""
    kgent.equal(get(host, "/fault/wrong/header"), (200, "fine\n"), "bad headers are refused")
    counts = host.counts()
    kgent.equal((counts["refused"], counts["accepted"]), (10, 0), "all of them")
    for n in (0, 99, 100, 199, 600, 999, -1):
        kgent.equal(get(host, f"/fault/wrong/status?n={n}")[0], 500, f"status {n}: 500")
    kgent.equal(get(host, "/fault/wrong/length")[0], 500, "negative length: 500")
    kgent.equal(get(host, "/fault/wrong/type")[0], 500, "a type with line ends: 500")
    kgent.equal(get(host, "/fault/wrong/early"), (200, "e" * 100000), "a body freed early was copied")
    kgent.equal(get(host, "/fault/wrong/nothing")[0], 500, "no answer at all: 500")
    kgent.equal(get(host, "/fault/wrong/verdict?n=77")[0], 500, "an unknown verdict: 500")
    kgent.equal(get(host, "/fault/wrong/verdict?n=-12")[0], 503, "-ENOMEM: 503")
    kgent.equal(get(host, "/fault/wrong/verdict?n=-110")[0], 504, "-ETIMEDOUT: 504")


def leaks(host):
    """P07: memory of a request is the host's to free."""
    def resident():
        with open(f"/proc/{host.pid}/statm", encoding="ascii") as f:
            return int(f.read().split()[1]) * 4096
    for _ in range(300):
        get(host, "/fault/alloc")
    before = resident()
    for _ in range(6000):
        get(host, "/fault/alloc")
    grown = resident() - before
    kgent.ok(grown < 3 << 20, f"6,000 requests that free nothing: {grown >> 10} KiB more")


def leavers(host):
    """L09: a client that leaves while its request waits, or while it streams."""
    gone = host.counts()["gone"]
    s = host.connect()
    s.sendall(b"GET /fault/wait?ms=2500&n=1 HTTP/1.1\r\nHost: x\r\n\r\n")
    time.sleep(0.1)
    s.close()
    took = until(lambda: host.counts()["gone"] == gone + 1)
    kgent.ok(took is not None and took <= 1.2, f"a waiting client that left is noticed ({took} s)")
    kgent.ok(until(lambda: host.counts()["logs_499"] >= 1), "and logged as 499")
    epipe = host.counts()["epipe"]
    s = host.connect()
    s.sendall(b"GET /fault/stream?ms=10 HTTP/1.1\r\nHost: x\r\n\r\n")
    s.recv(100)
    s.close()
    kgent.ok(until(lambda: host.counts()["epipe"] == epipe + 1, 2), "a producer hears of it")
    data, _ = exchange(host.port, b"GET /fault/stream?n=3&size=10 HTTP/1.1\r\nHost: x\r\n"
                       b"Connection: close\r\n\r\n")
    kgent.ok(data.endswith(b"0\r\n\r\n") and data.count(b"pppppppppp") == 3, "a stream ends well")


def readers(host):
    """L06: clients that never read."""
    s = host.connect()
    s.sendall(b"GET /fault/stream?size=4096 HTTP/1.1\r\nHost: x\r\n\r\n")
    kgent.ok(until(lambda: host.counts()["eagain"] > 10), "a producer is held back")
    kgent.ok(host.counts()["most_held"] < 16 << 20, "what waits is bounded")
    epipe = host.counts()["epipe"]
    kgent.ok(until(lambda: host.counts()["epipe"] > epipe, 6), "no progress: cut at the deadline")
    s.close()
    s = host.connect()
    s.sendall(b"GET /fault/big?n=50000000 HTTP/1.1\r\nHost: x\r\n\r\n")
    time.sleep(3.5)
    data, closed = read_all(s, 3)
    kgent.ok(closed and len(data) < 50000000, "a big answer that nobody reads is cut, too")
    kgent.equal(get(host, "/fault/hello"), (200, "hello\n"), "everybody else is served")


def run():
    with FaultHost(options=SHORT, env=LEAKS) as host:
        for part in (tickets, nonsense, leaks, leavers, readers, blocked):
            part(host)


kgent.main([run, taken_over, ended])
