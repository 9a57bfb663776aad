# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""The store's file is locked, or gone, while requests want to be recorded (FAULTS.md D09,
D10): they are told in time to come again, are not charged, and those after it are served."""
import os
import signal
import sqlite3
import sys
import threading
import time

from daemon import until

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../http"))
import kgent  # noqa: E402

PLUGINS = ["health", 'load = "auth"; dev_keys = true; enforce = "shadow";', 'load = "agentese";',
           'load = "metering-openmeter"; enabled = false;']
HEADERS = {"X-API-Key": "kg_dev_carol"}


def invoke(host, key=None):
    headers = {**HEADERS, **({"Idempotency-Key": key} if key else {})}
    return host.post("/v1/agentese/invoke", {"path": "world.house.manifest"}, headers)


def recorded(host):
    page = host.get("/admin/v1/usage/events?limit=1000&after=0", admin=False, local=True).json
    return len(page["events"])


def statuses(host, n, key=""):
    """Of n requests at one time."""
    got = []

    def one(i):
        got.append(invoke(host, key and f"{key}{i}").status)

    threads = [threading.Thread(target=one, args=(i,)) for i in range(n)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(30)
    return got


def locked(commit, keys):
    """Another process holds the database; requests wait until their deadline."""
    name = f"locked, {commit}{', with keys' if keys else ''}"
    with kgent.Host(PLUGINS, [f"store.commit={commit}", "http.handler_timeout=1.0"]) as host:
        kgent.equal(invoke(host).status, 200, f"{name}: before")
        held = sqlite3.connect(os.path.join(host.state, "kgent.db"), isolation_level=None)
        held.execute("BEGIN IMMEDIATE")
        got = statuses(host, 8, "k" if keys else "")
        held.execute("ROLLBACK")
        held.close()
        wanted = {503} if commit == "power" or keys else {200}
        kgent.equal(set(got), wanted, f"{name}: {sorted(set(got))}")
        kgent.equal(host.process.poll(), None, f"{name}: the process lives")
        kgent.ok(until(lambda: invoke(host).status == 200, 5), f"{name}: served again")
        if keys:  # that answer may have been kept all the same: then it is this one
            got = statuses(host, 8, "k")
            kgent.equal(got, [200] * 8, f"{name}: answered when they come again")
        good = 2 + got.count(200)
        kgent.ok(until(lambda: recorded(host) >= good, 5), f"{name}: what was answered is recorded")
        kgent.equal(recorded(host), good, f"{name}: and nothing else")


def removed(commit):
    """The file is moved away, and comes back."""
    with kgent.Host(PLUGINS, [f"store.commit={commit}", "http.handler_timeout=2.0"]) as host:
        kgent.equal(invoke(host).status, 200, f"removed, {commit}: before")
        kgent.ok(until(lambda: recorded(host) == 1), f"removed, {commit}: recorded")
        path = os.path.join(host.state, "kgent.db")
        os.rename(path, path + ".aside")
        good, status, end = 0, 200, time.monotonic() + 10
        while status == 200 and time.monotonic() < end:  # until it is noticed
            good += 1  # what is in a ring is not lost
            status = invoke(host).status
        kgent.equal(status, 503, f"removed, {commit}: requests are told to come again")
        got = statuses(host, 8) + statuses(host, 4, "k")
        kgent.equal(set(got), {503}, f"removed, {commit}: all of them, {sorted(set(got))}")
        kgent.equal(host.get("/readyz", admin=True).status, 503, f"removed, {commit}: not ready")
        for at in ("/admin/v1/usage/events?after=0&limit=100", "/admin/v1/usage?meter=requests"):
            status = host.get(at, local=True).status  # a reader may have the file open
            kgent.ok(status in (200, 503), f"removed, {commit}: {at}: {status}")
        os.rename(path + ".aside", path)
        kgent.ok(until(lambda: invoke(host).status == 200, 5), f"removed, {commit}: served again")
        kgent.ok(until(lambda: recorded(host) >= good + 1, 5), f"removed, {commit}: nothing is lost")
        kgent.equal(recorded(host), good + 1, f"removed, {commit}: nor charged twice")


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    kgent.main([lambda: locked("power", False), lambda: locked("power", True),
                lambda: locked("process", False), lambda: removed("power"),
                lambda: removed("process")])
