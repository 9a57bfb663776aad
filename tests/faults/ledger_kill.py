# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""SIGKILL at random moments, while clients that keep their own books invoke, and a server
that takes the usage answers with 429, 5xx, silence or a reset: in the end the ids that
clients were told, those of the log and those that the server has are the same; none is
lost, none is there twice.  Clients with an Idempotency-Key come again until they are
answered: each key is one record.

KGENT_REQUESTS: how many are answered (50,000); KGENT_KILLS: how often it is killed (100);
KGENT_MODES: with which store.commit ("process power")."""
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time

from ledger_sink import Sink

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../http"))
import kgent  # noqa: E402

REQUESTS = int(os.environ.get("KGENT_REQUESTS", "50000"))
KILLS = int(os.environ.get("KGENT_KILLS", "100"))
MODES = os.environ.get("KGENT_MODES", "process power").split()
CLIENTS, PIPELINE = 4, 16  # of each kind; requests that a client has under way
UNLIMITED = {"requests_per_minute": 0, "requests_per_day": 0, "concurrent": 0,
             "tokens_per_month": 0}
BODY = '{"path":"world.house.manifest"}'
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.I)
RECEIPT = re.compile(rb'\r\nkgent-receipt: id="([^"]+)"', re.I)
PLUGINS = ["health", 'load = "auth";', 'load = "agentese";']


class Client(threading.Thread):
    """Sends requests, several at once, and notes what was answered."""

    keyed = False

    def __init__(self, host, key, number):
        super().__init__(daemon=True)
        self.host, self.key, self.number, self.stopping = host, key, number, False
        self.answered, self.sent, self.statuses, self.socket = 0, 0, {}, None
        self.ids, self.wrong = [], []

    def run(self):
        while not self.stopping:
            try:
                if not self.socket:
                    self.socket = socket.create_connection(("127.0.0.1", self.host.port), 30)
                    self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self.file = self.socket.makefile("rb")
                self.turn()
            except OSError:
                if self.socket:
                    self.socket.close()
                self.socket = None
                time.sleep(0.01)

    def turn(self):
        batch = self.take()
        self.sent += len(batch)
        self.socket.sendall(b"".join(self.text(key) for key in batch))
        for key in batch:
            status, name = self.read()
            self.statuses[status] = self.statuses.get(status, 0) + 1
            if status == 200:
                self.answered += 1
                self.note(key, name)

    def read(self):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = self.file.readline()
            if not line:
                raise ConnectionError
            head += line
        length = int(LENGTH.search(head).group(1))
        if len(self.file.read(length)) < length:
            raise ConnectionError
        name = RECEIPT.search(head)
        return int(head[9:12]), name and name.group(1).decode()

    def take(self):
        return [None] * PIPELINE

    def text(self, key):
        field = f"Idempotency-Key: {key}\r\n" if key else ""
        return (f"POST /v1/agentese/invoke HTTP/1.1\r\nHost: x\r\n"
                f"X-API-Key: {self.key}\r\n{field}"
                f"Content-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n"
                f"{BODY}").encode()

    def note(self, _, name):
        self.ids.append(name)


class Insistent(Client):
    """With keys; comes again with those that were not answered."""

    keyed = True

    def __init__(self, host, key, number):
        super().__init__(host, key, number)
        self.count, self.due, self.names = 0, [], {}

    def take(self):
        while len(self.due) < PIPELINE and not self.stopping:
            self.count += 1
            self.due.append(f"{self.number}-{self.count}")
        old = random.randrange(self.count) + 1  # one that was answered, too
        again = [f"{self.number}-{old}"] if random.random() < 0.2 else []
        return self.due + [k for k in again if k in self.names]

    def note(self, key, name):
        if key in self.due:
            self.due.remove(key)
        if self.names.setdefault(key, name) != name:
            self.wrong.append(f"{key}: {self.names[key]} and then {name}")

    def finish(self):
        """Until each key is answered, of a host that lives."""
        self.stopping = True
        end = time.monotonic() + 60
        while self.due and time.monotonic() < end:
            try:
                self.socket = socket.create_connection(("127.0.0.1", self.host.port), 30)
                self.file = self.socket.makefile("rb")
                self.turn()
            except OSError:
                pass
        self.ids = list(self.names.values())


class Killer:
    """Kills the host after so many answers, at a moment that nobody chose."""

    def __init__(self, host, clients, requests, kills):
        self.host, self.clients, self.requests, self.kills = host, clients, requests, kills
        self.random, self.starting, self.slowest = random.Random(11), 0, 0.0

    def answered(self):
        return sum(c.answered for c in self.clients)

    def wait(self, goal, seconds=120):
        end = time.monotonic() + seconds
        while self.answered() < goal:
            if time.monotonic() > end:
                raise RuntimeError(f"{self.answered()} answered, {goal} wanted")
            time.sleep(0.001)

    def run(self):
        for i in range(self.kills):
            goal = self.requests * (i + self.random.random()) / self.kills
            self.wait(goal)
            time.sleep(self.random.random() * 0.003)
            self.kill(self.host.process)
            if i % 5 == 4:
                self.while_starting()
            begin = time.monotonic()
            self.host.start()
            self.slowest = max(self.slowest, time.monotonic() - begin)
            if i and i % max(1, self.kills // 10) == 0:
                kgent.note(f"{i} kills, {self.answered()} answered")
        self.wait(self.requests)

    @staticmethod
    def kill(process):
        process.send_signal(signal.SIGKILL)
        process.wait()

    def while_starting(self):
        command = [kgent.KGENTD, "-c", self.host.config]
        for option in self.host.options:
            command += ["-o", option]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(self.random.random() * 0.1)
        self.kill(process)
        self.starting += 1


def tenant(host, name):
    """Its id, and a key."""
    made = host.post("/admin/v1/tenants", {"name": name, "tier": "PRO", "limits": UNLIMITED},
                     local=True).json
    key = host.post("/admin/v1/keys", {"name": "key", "tenant": made["id"]}, local=True).json
    return made["id"], key["key"]


def log_read(host):
    """What is recorded: [(id, subject)]."""
    return [(e["id"], e["subject"]) for e in host.events()]


def until(condition, seconds):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.1)
    return condition()


def rolled_up(host):
    answer = host.get("/admin/v1/usage?meter=requests", local=True).json
    return sum(int(float(row["value"])) for row in answer["data"])


def books(host, mode, clients, sink, insistent):
    """Compares the three."""
    log = log_read(host)
    ids = [name for name, _ in log]
    logged = set(ids)
    told = [name for c in clients for name in c.ids]
    keys = sum(len(c.names) for c in clients if c.keyed)
    unanswered = sum(c.sent - c.answered for c in clients if not c.keyed)
    spare = len(logged - set(told))
    kgent.equal(len(ids) - len(logged), 0, f"{mode}: {len(ids)} records, none twice")
    kgent.equal(len(told) - len(set(told)), 0, f"{mode}: {len(told)} answers, no id twice")
    kgent.equal(len(set(told) - logged), 0, f"{mode}: no answered request is lost")
    kgent.ok(spare <= unanswered,
             f"{mode}: {spare} records of the {unanswered} requests whose answer was cut off")
    kgent.equal(sum(s == insistent for _, s in log), keys, f"{mode}: {keys} keys, each one record")
    kgent.equal([w for c in clients for w in c.wrong][:3], [], f"{mode}: a key has one answer")
    sink.rotten = 0
    until(lambda: len(sink.stored) >= len(logged), 240)
    have = set(sink.stored)
    kgent.equal((len(logged - have), len(have - logged)), (0, 0),
                f"{mode}: the server has the same {len(have)} ids, of {sink.events} sent")
    kgent.equal(sink.changed[:3], [], f"{mode}: what is sent again is the same")
    kgent.equal(rolled_up(host), len(ids), f"{mode}: the rollups say the same")
    statuses = {s for c in clients for s in c.statuses}
    kgent.ok(statuses <= {200, 409}, f"{mode}: answers were {sorted(statuses)}")


def kills(mode):
    sink = Sink()
    sink.rotten = 1
    metering = (f'load = "metering-openmeter"; url = "{sink.url}"; timeout = 1.0; '
                "flush_interval = 0.1;")
    host = kgent.Host(PLUGINS + [metering], [f"store.commit={mode}", "log.level=warn",
                                             "log.access=false"])
    host.start()
    _, key = tenant(host, "open")
    insistent, other = tenant(host, "insistent")
    clients = [c for i in range(CLIENTS) for c in (Client(host, key, i), Insistent(host, other, i))]
    for c in clients:
        c.start()
    killer = Killer(host, clients, REQUESTS // len(MODES), KILLS // len(MODES))
    begin = time.monotonic()
    try:
        killer.run()
    finally:
        for c in clients:
            c.stopping = True
        for c in clients:
            c.join(40)
    seconds = time.monotonic() - begin
    for c in clients:
        if c.keyed:
            c.finish()
    kgent.note(f"{mode}: {killer.answered()} answered, {killer.kills} kills and {killer.starting} "
               f"more while starting, {seconds:.0f} s; slowest start {killer.slowest:.2f} s; "
               f"the server's moods {json.dumps({str(k): v for k, v in sink.moods.items()})}")
    books(host, mode, clients, sink, insistent)
    kgent.equal(host.stop(), 0, f"{mode}: kgentd ends with 0")
    host.folder.cleanup()


def process():
    kills("process")


def power():
    kills("power")


if __name__ == "__main__":
    kgent.main([globals()[mode] for mode in MODES])
