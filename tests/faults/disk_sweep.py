# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Each write, sync, open, rename, truncation and mapping of a file of the state folder fails,
once or until the cause is gone (FAULTS.md D05 to D08), in a life of 200 requests: it refuses
to start with a reason, or answers 200 and 503 and serves again within a second; and what was
answered with 200 is recorded and exported, once, and nothing else is.

KGENT_TRIALS: how many failures are tried, spread over all (48; 0: all of them)."""
import ctypes
import errno
import json
import mmap
import os
import random
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time

from ledger_sink import Sink

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../http"))
import kgent  # noqa: E402

TRIALS = int(os.environ.get("KGENT_TRIALS", "48"))
PATIENCE = float(os.environ.get("KGENT_PATIENCE", "1"))
HERE = os.path.dirname(os.path.abspath(__file__))
REQUESTS, PIPELINE, WORKERS = 200, 20, 2
REFUSALS = (64, 70, 71, 73, 75, 78)
KINDS = ("write", "sync", "open", "rename", "truncate", "mmap")
SHORT = 0
MANNERS = {  # (error, how often; -1: until the cause is gone)
    "write": [(errno.ENOSPC, 1), (errno.ENOSPC, -1), (errno.EIO, 1), (errno.EIO, -1),
              (errno.EINTR, 3), (SHORT, 1), (SHORT, -1)],
    "sync": [(errno.EIO, 1), (errno.EIO, -1), (errno.ENOSPC, -1), (errno.EINTR, 1)],
    "open": [(errno.EMFILE, 1), (errno.EMFILE, -1), (errno.EIO, 1), (errno.ENOSPC, -1),
             (errno.EINTR, 1)],
    "rename": [(errno.EIO, 1), (errno.ENOSPC, -1)],
    "truncate": [(errno.ENOSPC, 1), (errno.ENOSPC, -1), (errno.EIO, -1), (errno.EINTR, 3)],
    "mmap": [(errno.ENOMEM, 1), (errno.ENOMEM, -1), (errno.EIO, 1)],
}
BODY = '{"path":"world.house.manifest"}'
REQUEST = (f"POST /v1/agentese/invoke HTTP/1.1\r\nHost: x\r\nX-API-Key: kg_dev_carol\r\n"
           f"Content-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n{BODY}").encode()
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.I)
RECEIPT = re.compile(rb'\r\nkgent-receipt: id="([^"]+)"', re.I)


class Plan(ctypes.Structure):
    """As nodisk.c knows it."""

    _fields_ = [(name, ctypes.c_int64) for name in ("kind", "at", "times", "error", "failed")] + [
        ("count", ctypes.c_int64 * len(KINDS))]


def library(folder, name="nodisk"):
    path = os.path.join(folder, name + ".so")
    cc = os.environ.get("CC", "cc").split()
    subprocess.run(cc + ["-shared", "-fPIC", "-O1", "-o", path, os.path.join(HERE, name + ".c")],
                   check=True)
    return path


def read(f):
    """An answer: its status, and its receipt's id."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = f.readline()
        if not line:
            raise ConnectionError("cut off")
        head += line
    f.read(int(LENGTH.search(head).group(1)))
    name = RECEIPT.search(head)
    return int(head[9:12]), name and name.group(1).decode()


class Life:
    """One kgentd, and what its clients were told."""

    def __init__(self, preload, commit):
        self.commit, self.sink, self.told, self.statuses = commit, Sink(), [], {}
        self.unnamed = 0
        fd, self.path = tempfile.mkstemp(prefix="kgent-plan-")
        os.ftruncate(fd, 4096)
        self.map = mmap.mmap(fd, 4096)
        os.close(fd)
        self.plan = Plan.from_buffer(self.map)
        self.heal()
        self.host = kgent.Host(
            ["health", 'load = "auth"; dev_keys = true; enforce = "shadow";', 'load = "agentese";',
             f'load = "metering-openmeter"; url = "{self.sink.url}"; flush_interval = 0.05; '
             "timeout = 1.0;"],
            [f"store.commit={commit}", "http.handler_timeout=5.0", "log.access=false",
             "http.threads=2"],
            env={"LD_PRELOAD": preload, "KGENT_DISK_PLAN": self.path})
        self.host.env["KGENT_DISK_DIR"] = self.host.state

    def arm(self, kind, at, error, times):
        self.plan.at, self.plan.times, self.plan.error = at, times, error
        self.plan.kind = KINDS.index(kind)

    def heal(self):
        self.plan.kind = -1

    def client(self):
        with socket.create_connection(("127.0.0.1", self.host.port), 30) as s, \
                s.makefile("rb") as f:
            for _ in range(REQUESTS // WORKERS // PIPELINE):
                s.sendall(REQUEST * PIPELINE)
                for _ in range(PIPELINE):
                    self.note(*read(f))
                if self.commit == "process":
                    time.sleep(0.06)  # else all of them go into one transaction

    def note(self, status, name):
        self.statuses[status] = self.statuses.get(status, 0) + 1
        if status == 200 and name:
            self.told.append(name)
        elif status == 200:
            self.unnamed += 1  # there was no memory for its receipt
        return status

    def script(self):
        """The requests; why it isn't well, or None."""
        why = []

        def one():
            try:
                self.client()
            except OSError as e:
                why.append(str(e))

        threads = [threading.Thread(target=one) for _ in range(WORKERS)]
        for t in threads:
            t.start()
        for t in threads:
            t.join(60)
        if self.host.process.poll() is not None:
            return f"it ended with {self.host.process.returncode}"
        return why[0] if why else None

    def again(self):
        """The seconds until it serves."""
        begin = time.monotonic()
        while time.monotonic() - begin < 20:
            with socket.create_connection(("127.0.0.1", self.host.port), 30) as s, \
                    s.makefile("rb") as f:
                s.sendall(REQUEST)
                if self.note(*read(f)) == 200:
                    break
            time.sleep(0.01)
        return time.monotonic() - begin

    def close(self):
        if self.host.process and self.host.process.poll() is None:
            self.host.process.kill()
            self.host.process.wait()
        self.host.folder.cleanup()
        self.sink.listener.close()
        os.unlink(self.path)


def books(life, unknown=0):
    """After a start without faults: what is wrong, or None; of so many requests the client
    does not know what became of them."""
    host = life.host
    try:
        host.start()
    except RuntimeError as e:
        return f"it does not start without the fault: {e}"
    ids = [e["id"] for e in host.events()]
    end = time.monotonic() + 30
    while len(life.sink.stored) < len(ids) and time.monotonic() < end:
        time.sleep(0.01)
    status = host.stop()
    told, have = set(life.told), set(life.sink.stored)
    more = len(set(ids) - told) - life.unnamed
    if len(ids) != len(set(ids)) or told - set(ids) or not 0 <= more <= unknown:
        return (f"{len(ids)} recorded, {len(told) + life.unnamed} answered, "
                f"{len(told - set(ids))} lost, {more} of refused requests, "
                f"{len(ids) - len(set(ids))} twice")
    if have != set(ids):
        return f"{len(ids)} recorded, {len(have)} exported"
    return None if status == 0 else f"the next one ends with {status}"


def trial(preload, commit, kind, at, error, times):
    """(what came of it, why that is wrong or None)."""
    life = Life(preload, commit)
    try:
        life.arm(kind, at, error, times)
        try:
            life.host.start()
        except RuntimeError:
            status = life.host.stop(9) if life.host.process.poll() is None else \
                life.host.process.returncode
            told = "kgentd: " in life.host.logged()
            life.heal()
            wrong = None if status in REFUSALS and told else f"it starts to end with {status}"
            return "refused", wrong or books(life)
        why = life.script()
        if not why and set(life.statuses) - {200, 503}:
            why = f"answers {life.statuses}"
        failed = life.plan.failed
        if failed:
            life.heal()
            late = 0 if why else life.again()
            if late > 1.0 * PATIENCE:
                why = f"{late:.1f} s until it serves again"
        status = life.host.stop()
        if not why and not (status == 0 or (not failed and status in REFUSALS)):
            why = f"it ends with {status}"
        log = life.host.logged()[-1500:]
        ended = life.plan.failed and not failed
        life.heal()
        why = why or books(life)
        return "at the end" if ended else "served" if failed else "not met", \
            why and f"{why}\n{log}"
    finally:
        life.close()


def measure(preload, commit):
    """How many calls of each kind a life has."""
    life = Life(preload, commit)
    try:
        life.host.start()
        begun = list(life.plan.count)
        life.script()
        served = list(life.plan.count)
        life.host.stop()
        kgent.note(f"{commit}: calls at the start {begun}, then {served}, in all "
                   f"{list(life.plan.count)} of {', '.join(KINDS)}")
        kgent.equal(books(life), None, f"{commit}: a life without a fault")
        return dict(zip(KINDS, life.plan.count))
    finally:
        life.close()


def sweep(preload, commit):
    counts = measure(preload, commit)
    every = [(kind, at, *manner) for kind in KINDS for at in range(1, counts[kind] + 1)
             for manner in MANNERS[kind]]
    if TRIALS and TRIALS // 2 < len(every):
        chosen = random.Random(3)
        some = [t for kind in KINDS for t in chosen.sample(
            [e for e in every if e[0] == kind],
            min(TRIALS // 2 // len(KINDS), sum(e[0] == kind for e in every)))]
    else:
        some = every
    came, wrong, lock, todo = {}, [], threading.Lock(), list(reversed(some))

    def work():
        while True:
            with lock:
                if not todo:
                    return
                t = todo.pop()
            what, why = trial(preload, commit, *t)
            with lock:
                came[what] = came.get(what, 0) + 1
                if why:
                    wrong.append(f"{t[0]} {t[1]}, {errno.errorcode.get(t[2], 'short')} "
                                 f"{'once' if t[3] > 0 else 'for ever'}: {why}")
                    kgent.note(wrong[-1])
                if sum(came.values()) % 250 == 0:
                    kgent.note(f"{sum(came.values())} of {len(some)}: {json.dumps(came)}")

    threads = [threading.Thread(target=work) for _ in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    kgent.equal(len(wrong), 0, f"{commit}: {len(some)} of {len(every)} failures: "
                               f"{json.dumps(came)}")


def main():
    if kgent.sanitized():
        kgent.skip("disk sweep", "a sanitizer has the calls")
        return
    with tempfile.TemporaryDirectory() as folder:
        preload = library(folder)
        for commit in ("power", "process"):
            sweep(preload, commit)


if __name__ == "__main__":
    kgent.main([main])
