# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Responses that stream while their request waits (stream2): when the head leaves, what the
handler may still answer, what the last word is, and who is told of clients that leave."""
import os
import shutil
import signal
import socket
import time

from wire import FaultHost, exchange, kgent, read_all, until

STREAMER = os.path.join(kgent.BUILD, "tests", "faults", "streamer.so")
HEAD = b"HTTP/1.1 200 OK"


class Streamer(FaultHost):
    def __init__(self, options=()):
        super().__init__(("streamer",), options)
        folder = os.path.join(self.folder.name, "plugins")
        shutil.copy(STREAMER, folder)
        os.chmod(os.path.join(folder, "streamer.so"), 0o755)

    def seen(self):
        """What the last request was to its plugin; forgotten by that."""
        return self.get("/s/seen").json


def ask(query, version="1.1", close=True):
    return (f"GET /s/run?{query} HTTP/{version}\r\nHost: x\r\n"
            + ("Connection: close\r\n" if close else "") + "\r\n").encode()


def get(host, query, version="1.1"):
    """Status line, whole body (its chunks joined), whether it ended well."""
    data, _ = exchange(host.port, ask(query, version))
    head, _, body = data.partition(b"\r\n\r\n")
    if b"Transfer-Encoding" not in head:
        return head, body, b"Content-Length" in head
    text, good = b"", False
    while body:
        size, _, body = body.partition(b"\r\n")
        if not size:
            break
        n = int(size, 16)
        good = n == 0
        text, body = text + body[:n], body[n + 2:]
    return head, text, good


def pick(seen, *names):
    return tuple(seen[n] for n in names)


class Total:
    """What was seen since it was made, looked at again and again."""

    def __init__(self, host):
        self.host, self.now = host, {}

    def look(self):
        for name, n in self.host.seen().items():
            summed = name in ("over", "lasts", "rooms", "gones", "drops", "logs", "sent")
            self.now[name] = self.now.get(name, 0) + n if summed else n
        return self.now


def reset(s):
    """Leaves, with bytes unread."""
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    s.close()


def unread(host, query):
    """A client that does not read."""
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.settimeout(20)
    s.connect(("127.0.0.1", host.port))
    s.sendall(ask(query))
    return s


def heads(host):
    """The head leaves with the first bytes."""
    head, body, good = get(host, "do=cwcr")
    kgent.ok(head.startswith(HEAD) and b"X-Accel-Buffering: no" in head, "chunks while it waits")
    kgent.equal((body, good), (b"chunkchunklast200", True), "and the last word behind COMMIT")
    kgent.equal(pick(host.seen(), "over", "lasts", "gones", "logs", "ended", "taken"),
                (1, 1, 0, 1, [200, 0], 10), "it is settled once, and knows how much was taken")
    head, body, good = get(host, "do=wp")
    kgent.ok(head.startswith(b"HTTP/1.1 422") and b"problem+json" in head
             and b"X-Accel" not in head, "before the first chunk a problem is a plain one")
    kgent.equal(pick(host.seen(), "over", "lasts", "ended"), (1, 0, [422, 0]), "without last word")
    head, body, good = get(host, "do=cp")
    kgent.equal((head[:15], body, good), (HEAD, b"chunklast422", True), "behind it the last word tells")
    kgent.equal(pick(host.seen(), "ended", "log"), ([422, 0], 422), "and the log has it")
    head, body, good = get(host, "do=wx")
    kgent.ok(head.startswith(b"HTTP/1.1 503"), "so it is with an errno: before")
    kgent.equal(get(host, "do=cx")[1:], (b"chunklast503", True), "and behind")
    host.seen()
    kgent.equal(get(host, "do=r")[1:], (b"last200", True), "no chunk at all: the last word is the body")
    kgent.equal(get(host, "now=cc")[1:], (b"chunkchunklast200", True), "chunks of the handler itself")
    kgent.ok(get(host, "")[0].startswith(b"HTTP/1.1 422"), "which may refuse, too")
    kgent.equal(get(host, "do=cl")[1:], (b"chunklast200", True), "an end before the ticket is resumed")
    kgent.equal(get(host, "do=cr", "1.0")[1], b"chunklast200", "HTTP/1.0")
    kgent.equal(get(host, "do=BBr")[1], b"b" * 200000 + b"last200", "more than the high-water mark in two")
    seen = host.seen()
    kgent.equal(pick(seen, "over", "logs"), (6, 6), "each settled once, logged once")


def commits(host):
    head, body, good = get(host, "do=cr&commit=wait")
    kgent.equal((body, good), (b"chunklast200", True), "COMMIT may wait")
    kgent.equal(get(host, "do=cr&commit=fail")[1:], (b"chunklast503", True), "when it fails the last word says so")
    kgent.ok(get(host, "do=r&commit=fail")[0].startswith(b"HTTP/1.1 503"), "a plain one before any chunk")
    kgent.equal(get(host, "do=cr&last=1")[1:], (b"chunk", False), "a last word that fails is a body cut off")
    begin = time.monotonic()
    head, body, good = get(host, "do=WWr")
    kgent.ok(head.startswith(b"HTTP/1.1 504") and time.monotonic() - begin < 1.5, "no first chunk in time: 504")
    until(lambda: not host.get("/s/seen").json["threads"])
    kgent.equal(get(host, "do=cWcr")[1:], (b"chunkchunklast200", True), "the time holds for the first one only")
    host.seen()


def leaves(host):
    """Clients that leave at any point."""
    for query, wanted in (("do=cWcr", (1, 0, 1, 1, [200, 1], 200)), ("do=WWr", (1, 0, 1, 1, [499, 1], 499))):
        s = host.connect()
        s.sendall(ask(query))
        if query == "do=cWcr":
            kgent.contains(s.recv(4096), b"chunk", "a chunk is there at once")
        else:
            time.sleep(0.1)
        reset(s)
        total = Total(host)
        kgent.ok(until(lambda: total.look()["drops"]), f"{query}: the ticket comes back")
        kgent.equal(pick(total.now, "over", "lasts", "gones", "logs", "ended", "log"), wanted,
                    f"{query}: gone once, settled once, no last word")
    kgent.equal(get(host, "do=cr")[1], b"chunklast200", "others are served")


def late():
    """A client that leaves when its ticket is on its way back: the stream that begins then."""
    with Streamer(["http.threads=1"]) as host:
        holds, stalls, wakes = host.connect(), host.connect(), host.connect()
        stalled = os.path.join(host.folder.name, "stalled")
        holds.sendall(b"GET /s/hold HTTP/1.1\r\nHost: x\r\n\r\n")
        kgent.ok(until(lambda: host.seen()["held"]), "a request waits")
        stalls.sendall(f"GET /s/stall?file={stalled} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        kgent.ok(until(lambda: os.path.exists(stalled)), "the worker is busy")
        wakes.sendall(b"GET /s/wake HTTP/1.1\r\nHost: x\r\n\r\n")
        reset(holds)
        os.unlink(stalled)
        kgent.contains(stalls.recv(4096) + wakes.recv(4096), b"200 OK", "both in one turn of the worker")
        seen = host.seen()
        kgent.equal((seen["ended"][1], seen["epipes"]), (1, 1), "its producer hears at once that nobody is there")


def produced(seen):
    return seen["sent"] > 0 and not seen["threads"]


def slow(host):
    """A client that does not read."""
    host.seen()
    s, seen = unread(host, "do=fr"), Total(host)
    kgent.ok(until(lambda: produced(seen.look())), "its producer is done")
    kgent.equal(seen.look()["over"], 0, "but the end waits until it has read")
    data, _ = read_all(s, 60)
    kgent.ok(b"last200" in data, "then it gets all, and the last word")
    until(lambda: seen.look()["logs"])
    kgent.ok(seen.now["rooms"] > 0, "its producer heard of room")
    kgent.equal(seen.now["taken"], seen.now["sent"], "all of it was taken")
    host.seen()
    s, seen = unread(host, "do=fr"), Total(host)
    until(lambda: produced(seen.look()))
    reset(s)
    kgent.ok(until(lambda: seen.look()["logs"]), "one that leaves unread")
    kgent.equal(seen.now["ended"], [200, 1], "is gone")
    kgent.ok(0 < seen.now["taken"] < seen.now["sent"], "and was not given all")


def ends():
    with Streamer() as host:
        s = host.connect()
        s.sendall(ask("do=cWcr"))
        s.recv(4096)
        host.process.send_signal(signal.SIGTERM)
        data, _ = read_all(s)
        kgent.ok(b"event: drain" in data and data.endswith(b"last200\r\n0\r\n\r\n"),
                 "a drain lets it end, and says so before")
    with Streamer(["drain.timeout=0.2"]) as host:
        s = host.connect()
        s.sendall(ask("do=cWWWr"))
        s.recv(4096)
        host.process.send_signal(signal.SIGTERM)
        data, _ = read_all(s)
        kgent.ok(not data.endswith(b"0\r\n\r\n"), "when the time is over it is cut off")
    with Streamer(["http.stream_timeout=1"]) as host:
        kgent.equal(get(host, "do=cWWWr")[1:], (b"chunklast504", True), "http.stream_timeout")
        host.process.send_signal(signal.SIGTERM)


def main():
    with Streamer(["http.stream_buffer=262144"]) as host:
        heads(host)
        commits(host)
        leaves(host)
        slow(host)
    late()
    ends()


main()
kgent.done()
