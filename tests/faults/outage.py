# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""The server that takes the usage is away for long: what waits lies on the disk and not in
memory, and once it is back all of it arrives, each event once, at 20,000 a second and more,
while requests are served.

KGENT_EVENTS: how many wait in the end (20,000; a day at 500 a second are 43,000,000, which
need 20 GB of disk).  KGENT_PATIENCE: by how much the bounds are stretched."""
import os
import re
import socket
import sys
import threading
import time

from daemon import resident_kib
from ledger_sink import Sink

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../http"))
import kgent  # noqa: E402

EVENTS = int(os.environ.get("KGENT_EVENTS", "20000"))
PATIENCE = float(os.environ.get("KGENT_PATIENCE", "1"))
WHOLE = EVENTS >= 200000  # less is over too soon to say how fast it is
PIPELINE, CLIENTS = 64, 3
RSS_MIB, PER_SECOND, RATE = 24, 20000, 200
BODY = '{"path":"world.house.manifest"}'
REQUEST = (f"POST /v1/agentese/invoke HTTP/1.1\r\nHost: x\r\nX-API-Key: kg_dev_carol\r\n"
           f"Content-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n{BODY}").encode()
ID = re.compile(rb'"id":"([^"]+)"')


class Counter(Sink):
    """Keeps of each event a number that stands for its id."""

    def __init__(self):
        super().__init__()
        self.numbers, self.first, self.last = set(), 0.0, 0.0

    def store(self, body, part):
        names = ID.findall(body)
        self.first = self.first or time.monotonic()
        self.numbers.update(map(hash, names))
        self.events += len(names)
        self.last = time.monotonic()


class Asker(threading.Thread):
    """Asks at a steady pace, or as fast as it can, several at once."""

    def __init__(self, port, number, pace=0.0):
        super().__init__(daemon=True)
        self.port, self.number, self.pace, self.stopping = port, number, pace, False
        self.answered, self.others, self.slowest, self.times = 0, [], 0.0, []

    def run(self):
        while not self.over():
            self.connection(1 if self.pace else PIPELINE)

    def over(self):
        return self.stopping or (not self.pace and self.answered >= self.number)

    def connection(self, batch):
        """The host ends one after 10,000 requests."""
        with socket.create_connection(("127.0.0.1", self.port), 60) as s:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for _ in range(9000 // batch):
                if self.over():
                    return
                begin = time.monotonic()
                s.sendall(REQUEST * batch)
                self.take(s, batch)
                took = time.monotonic() - begin
                self.times.append(took) if self.pace else None
                if self.pace:
                    time.sleep(max(0, self.pace - took))

    def take(self, s, batch):
        """Answers have the same form: heads are counted, and the last one is whole."""
        text = b""
        while text.count(b"\r\n\r\n") < batch or not text.endswith(b"}"):
            part = s.recv(262144)
            if not part:
                raise ConnectionError("closed")
            text += part
        good = text.count(b"HTTP/1.1 200 ")
        self.answered += good
        if good != batch:
            self.others.append(text[:200])


def fill(host, events):
    """So many answers, as fast as they come; the memory of the host before and after."""
    askers = [Asker(host.port, events // CLIENTS) for _ in range(CLIENTS)]
    begin, rss = time.monotonic(), 0
    for a in askers:
        a.start()
    while any(a.is_alive() for a in askers):
        time.sleep(0.05)
        if not rss and sum(a.answered for a in askers) > events // 5:
            rss = resident_kib(host.process.pid)
    seconds = time.monotonic() - begin
    answered = sum(a.answered for a in askers)
    kgent.equal([o for a in askers for o in a.others][:2], [], f"{answered} requests, all served")
    after = resident_kib(host.process.pid)
    kgent.note(f"{answered} events in {seconds:.1f} s; RSS {rss / 1024:.1f} MiB after a fifth, "
               f"{after / 1024:.1f} MiB at the end")
    kgent.ok(after - (rss or after) <= RSS_MIB * 1024 * PATIENCE,
             f"memory grows by {(after - rss) / 1024:.1f} MiB at most {RSS_MIB}")
    return answered


def waiting(host):
    """Records behind the log's end that were not delivered."""
    page = host.get("/admin/v1/usage/events?limit=16&after=999999999999", local=True).json
    return page["newest"] - page["delivered"]


def drain(host, sink, answered):
    asker = Asker(host.port, 0, pace=1 / RATE)
    asker.start()
    sink.down, begin = False, time.monotonic()
    end = begin + 120 + answered / 5000
    while len(sink.numbers) < answered and time.monotonic() < end:
        time.sleep(0.01)
    rate = len(sink.numbers) / max(0.001, sink.last - sink.first)
    rss = resident_kib(host.process.pid)
    asker.stopping = True
    asker.join(60)
    total = answered + asker.answered
    kgent.equal(asker.others[:2], [], f"{asker.answered} requests meanwhile, all served")
    kgent.ok(0 < sink.first - begin < 70 * PATIENCE, f"it begins after {sink.first - begin:.1f} s")
    slow = sorted(asker.times)[int(len(asker.times) * 0.99)] if asker.times else 0
    kgent.note(f"{rate:.0f} events/s while {RATE} requests/s are served, p99 {slow * 1000:.1f} ms; "
               f"RSS {rss / 1024:.1f} MiB")
    if WHOLE:
        kgent.ok(rate * PATIENCE >= PER_SECOND, f"{rate:.0f} events/s, at least {PER_SECOND}")
    until = time.monotonic() + 60
    while (len(sink.numbers) < total or waiting(host)) and time.monotonic() < until:
        time.sleep(0.05)
    kgent.equal((len(sink.numbers), waiting(host)), (total, 0), "all of them arrive, and no other")
    kgent.equal(sink.events, total, "each one once")


def away():
    sink = Counter()
    sink.down = True
    metering = (f'load = "metering-openmeter"; url = "{sink.url}"; batch_size = 500; '
                "flush_interval = 0.05;")
    with kgent.Host(["health", 'load = "auth"; dev_keys = true; enforce = "shadow";',
                     'load = "agentese";', metering],
                    ["store.commit=process", "log.level=warn", "log.access=false"]) as host:
        answered = fill(host, EVENTS)
        kgent.ok(kgent.until(lambda: sink.batches), f"{sink.batches} attempts were refused meanwhile")
        drain(host, sink, answered)


if __name__ == "__main__":
    kgent.main([away])
