#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Deferred invocations while the process is killed again and again: each is done once, by
what it leaves behind, and in time.  KGENT_SLOW: 1,000 of them, else 200."""
import collections
import os
import random
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "http"))

import kgent  # noqa: E402  (found by the line above)

SLOW = bool(os.environ.get("KGENT_SLOW"))
COUNT = 1000 if SLOW else 200
SPAN = 12.0 if SLOW else 5.0  # seconds over which they are due
PATIENCE = float(os.environ.get("KGENT_PATIENCE", "1"))
AUTH = 'load = "auth"; dev_keys = true; enforce = "shadow";'
METERING = 'load = "metering-openmeter"; enabled = false;'
INVOKE = "/v1/agentese/invoke"


def call(host, path, **kwargs):
    answer = host.post(INVOKE, {"path": path, "kwargs": kwargs}, {"X-API-Key": "kg_dev_carol"})
    if answer.status != 200:
        raise RuntimeError(f"{path}: {answer.status} {answer.text}")
    return answer.json["result"]


def job(n):
    """Each fourth leaves its mark in a pool that all of them share, each fourth none."""
    return (("world.job%d.build" % n, {}), ("world.job%d.transform" % n, {"changes": {"n": n}}),
            ("void.entropy.sip", {"amount": 0.01}), ("world.job%d.manifest" % n, {}))[n % 4]


def defer_all(host, first, count, span, least=0.5):
    """Defers from 8 threads; the number of each, by its id."""
    due, lock = {}, threading.Lock()

    def some(offset):
        for n in range(first + offset, first + count, 8):
            path, kwargs = job(n)
            got = call(host, "time.schedule.defer", target=path, delay=random.uniform(least, span), kwargs=kwargs)
            with lock:
                due[got["id"]] = n
    threads = [threading.Thread(target=some, args=(i,)) for i in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return due


def scheduled(host):
    return call(host, "time.schedule.list", limit=1000)["scheduled"]


def restart(host):
    host.process.kill()
    host.process.wait()
    host.start()


def all_done(host, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if all(d["status"] == "done" for d in scheduled(host)):
            return True
        time.sleep(0.05)
    return False


def seconds(text):
    import datetime
    return datetime.datetime.fromisoformat(text).timestamp()


def late_of(entries, starts):
    """Behind its time, or behind the last start before it was done."""
    late = []
    for d in entries:
        ended = seconds(d["ended"])
        began = max([seconds(d["due"])] + [s for s in starts if s <= ended])
        late.append(ended - began)
    return sorted(late)


def charged(host):
    """How often each path was charged."""
    return collections.Counter(e["data"]["path"] for e in host.events()
                               if e["type"] == "agentese.invoke")


def killed():
    kinds = collections.Counter(n % 4 for n in range(COUNT))
    with kgent.Host(["health", AUTH, "agentese", METERING], options=["http.threads=2"]) as host:
        due = defer_all(host, 0, COUNT, SPAN)
        kgent.equal(len(due), COUNT, f"{COUNT} are deferred")
        starts, end, kills = [], time.monotonic() + SPAN, 0
        while time.monotonic() < end:
            time.sleep(random.uniform(0.05, 0.9))
            restart(host)
            starts.append(time.time())
            kills += 1
        kgent.ok(all_done(host, 20 * PATIENCE), f"all are done, after {kills} SIGKILLs")
        entries = scheduled(host)
        kgent.equal((len(entries), {d["code"] for d in entries}), (COUNT, {200}), "each with 200")
        totals = collections.Counter(call(host, f"world.job{n}.witness")["total"] for n in range(COUNT) if n % 4 < 2)
        kgent.equal(dict(totals), {1: kinds[0] + kinds[1]}, "each node was changed once")
        pool = call(host, "void.entropy.status")
        kgent.equal((round(pool["drawn"], 6), call(host, "void.entropy.witness")["total"]),
                    (round(0.01 * kinds[2], 6), kinds[2]), "the pool gave each of them once")
        paths = charged(host)
        kgent.equal(collections.Counter(paths[job(n)[0]] for n in range(COUNT) if n % 4 == 3), {1: kinds[3]},
                    "what only looks is charged once")
        kgent.ok(all(paths[job(n)[0]] <= 1 for n in range(COUNT) if n % 4 < 2), "no change is charged twice")
        late = late_of(entries, starts)
        kgent.note(f"attempts {dict(collections.Counter(d['attempts'] for d in entries))}; behind their time, or a "
                   f"start: median {late[len(late) // 2]:.3f} s, 99 % {late[int(len(late) * .99)]:.3f} s, most {late[-1]:.3f} s")
        for line in host.logged().splitlines():
            if ": again" in line:
                kgent.note(line)
        kgent.ok(late[0] >= 0 and late[-1] < 1 * PATIENCE + 0.2, "none before its time, none a second behind it")


def overdue():
    """All are due when the host comes back: none waits for a second more."""
    with kgent.Host(["health", AUTH, "agentese"], options=["http.threads=2"]) as host:
        defer_all(host, 0, COUNT, 4.0, 3.5)
        end = time.time() + 4.0
        host.process.kill()
        host.process.wait()
        kgent.ok(end > time.time() + 0.5, f"{COUNT} are deferred before the first is due")
        time.sleep(max(0, end - time.time()))
        host.start()
        began = time.time()
        kgent.ok(all_done(host, 20 * PATIENCE), f"{COUNT} that are due at the start are done")
        ended = sorted(seconds(d["ended"]) - began for d in scheduled(host))
        kgent.note(f"after the start: median {ended[len(ended) // 2]:.3f} s, most {ended[-1]:.3f} s")
        kgent.ok(ended[-1] < 1 * PATIENCE, "within a second")


def handed_over():
    """SIGHUP: the next process goes on where this one stopped."""
    count = COUNT // 4
    with kgent.Host(["health", AUTH, "agentese"]) as host:
        defer_all(host, 0, count, 2.0)
        kgent.until(lambda: any(d["status"] == "done" for d in scheduled(host)))
        kgent.ok(host.hand_over(), "another process serves")
        kgent.ok(all_done(host, 20 * PATIENCE), f"{count} are done across a handover")
        totals = {call(host, f"world.job{n}.witness")["total"] for n in range(count) if n % 4 < 2}
        kgent.equal(totals, {1}, "each once")
        kgent.equal(call(host, "void.entropy.witness")["total"], count // 4, "also those of the pool")


def limited():
    """A tenant's limits hold for what is deferred: what is refused is done later."""
    with kgent.Host(["health", 'load = "auth"; dev_keys = true;', "agentese"]) as host:
        headers = {"X-API-Key": "kg_dev_bob"}
        for n in range(40):
            answer = host.post(INVOKE, {"path": "time.schedule.defer", "kwargs": {
                "target": f"world.job{n}.build", "delay": 0.3}}, headers)
            kgent.equal(answer.status, 200, "deferred") if answer.status != 200 else None
        before = int(host.get("/v1/agentese/paths", headers=headers).headers["X-RateLimit-Requests-Today"].split("/")[0])
        end = time.monotonic() + 20 * PATIENCE
        done = []
        while time.monotonic() < end and len(done) < 40:
            time.sleep(0.2)
            got = host.post(INVOKE, {"path": "time.schedule.list", "kwargs": {"status": "done"}}, headers).json
            done = got["result"]["scheduled"]
        kgent.equal((len(done), {d["code"] for d in done}), (40, {200}), "40 of a key with 16 at a time are done")
        after = int(host.get("/v1/agentese/paths", headers=headers).headers["X-RateLimit-Requests-Today"].split("/")[0])
        kgent.ok(after - before >= 40, "each counts as a request of the key")


kgent.main([killed, overdue, handed_over, limited])
