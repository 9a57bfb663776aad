# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Marks of events, which are fresh in memory and go to the disk in runs: whatever call of the
disk or allocation fails, and whatever process is killed, each event that was acknowledged is
there once, and is known when it is sent again; kgentctl verify finds nothing.

KGENT_TRIALS: how many failures are tried of each sort (3)."""
import errno
import http.client
import json
import mmap
import os
import random
import signal
import sys
import tempfile
import threading
import time
import uuid

import nomemory
from disk_sweep import KINDS, REFUSALS, Plan, library

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../http"))
import kgent  # noqa: E402

TRIALS = int(os.environ.get("KGENT_TRIALS", "3"))
BATCHES, EACH, RUN = 40, 5, 20
AUTH = 'load = "auth"; dev_keys = true; enforce = "shadow";'
LIMITS = {"requests_per_minute": 1000000, "requests_per_day": 0, "tokens_per_month": 0}
FAULTS = [(kind, error, times) for kind in ("write", "sync", "open", "truncate")
          for error in (errno.EIO, errno.ENOSPC) for times in (1, -1)]


class Life:
    """A host with a key, whose next start is the one that fails."""

    def __init__(self, folder, commit):
        self.plan_path = os.path.join(folder, "plan")
        with open(self.plan_path, "wb") as f:
            f.truncate(4096)
        with open(self.plan_path, "r+b") as f:
            self.map = mmap.mmap(f.fileno(), 4096)
        self.plan = Plan.from_buffer(self.map)
        self.plan.kind = -1
        self.host = kgent.Host(
            ["health", AUTH, 'load = "metering-openmeter";'],
            [f"store.commit={commit}", f"store.fresh_marks={RUN}", "log.access=false"])
        self.host.start()
        tenant = self.host.post("/admin/v1/tenants", {"name": "m", "slug": "m"}, local=True).json["id"]
        self.key = self.host.post("/admin/v1/keys", {
            "name": "m", "tenant": tenant, "limits": LIMITS, "scopes": ["meter:write"]},
            local=True).json["key"]
        self.batches = [[str(uuid.uuid4()) for _ in range(EACH)] for _ in range(BATCHES)]
        self.odd, self.met = [], True

    def send(self, ids, detail=False):
        events = [{"specversion": "1.0", "id": i, "source": "/s", "type": "call", "data": {}}
                  for i in ids]
        return self.host.post("/v1/events" + "?detail=1" * detail, events, {
            "X-API-Key": self.key, "Content-Type": "application/cloudevents-batch+json"})

    def take(self, ids, seconds=20):
        """Until they are acknowledged; whether they were."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                answer = self.send(ids)
            except (OSError, http.client.HTTPException):
                answer = None
            if answer and answer.status == 204:
                return True
            if answer and answer.status not in (500, 503):
                self.odd.append((answer.status, answer.text))
            if self.host.process.poll() is not None:
                return False
            self.plan.kind = -1  # the cause is gone
            time.sleep(0.01)
        return False

    def check(self):
        """What is wrong at the end, or None."""
        for ids in self.batches:
            if not self.take(ids):
                return "it takes no events any more"
        for ids in self.batches:
            results = {e["status"] for e in self.send(ids, detail=True).json["results"]}
            if results != {"duplicate"}:
                return f"sent again, they are {results}"
        listed = [e["id"] for e in self.host.events()]
        if sorted(listed) != sorted(i for ids in self.batches for i in ids):
            return f"{len(listed)} events are there, {len(set(listed))} different ones"
        status, out, err = self.host.ctl("verify", "--json", "--dir", self.host.state)
        if status or json.loads(out)["checked"]["marks"] != BATCHES * EACH:
            return f"verify: {status} {out} {err}"
        return str(self.odd) if self.odd else None

    def again(self, **env):
        self.host.env.update(env)
        self.host.start()

    def close(self):
        if self.host.process.poll() is None:
            self.host.stop(signal.SIGKILL)
        self.host.log.close()
        self.host.folder.cleanup()


def finish(life, status, allowed):
    """Behind the faults: a start without them; what is wrong, or None."""
    if status not in allowed:
        return f"it ended with {status}"
    for name in ("LD_PRELOAD", "KGENT_FAIL_AT", "KGENT_FAIL_EVER", "KGENT_DISK_PLAN"):
        life.host.env.pop(name, None)
    life.again()
    return life.check()


def killed(life, _, rand):
    life.host.stop()
    life.again()
    at = rand.randrange(BATCHES)
    for ids in life.batches[:at]:
        life.take(ids)
    return finish(life, life.host.stop(signal.SIGKILL), (-signal.SIGKILL,))


def disk_fails(life, preload, rand):
    """In one of the calls of a kind that come behind the start."""
    life.host.stop()
    life.again(LD_PRELOAD=preload, KGENT_DISK_PLAN=life.plan_path, KGENT_DISK_DIR=life.host.state)
    kind, life.plan.error, life.plan.times = rand.choice(FAULTS)
    at = KINDS.index(kind)
    life.plan.at = life.plan.count[at] + 1 + rand.randrange(60 if kind == "write" else 10)
    life.plan.kind = at
    for ids in life.batches:
        life.take(ids)
    life.plan.kind = -1
    life.met = life.plan.failed > 0
    return finish(life, life.host.stop(), (0, *REFUSALS))


def memory_fails(life, preload, rand):
    path = os.path.join(life.host.folder.name, "count")
    life.host.stop()
    life.again(LD_PRELOAD=preload, KGENT_FAIL_COUNT=path)
    life.host.stop()
    with open(path, encoding="utf-8") as f:
        begun = int(f.read())
    life.host.env.pop("KGENT_FAIL_COUNT")
    try:
        life.again(KGENT_FAIL_AT=str(begun + rand.randrange(4000)))
        for ids in life.batches:
            life.take(ids)
    except RuntimeError:
        pass  # it refused to start
    return finish(life, life.host.stop(), (0, *REFUSALS))


def sender(life, todo):
    while True:
        try:
            ids = todo.pop()
        except IndexError:
            return
        life.take(ids, 60)


def handed_over(life, _, rand):
    """Half of the batches are sent twice, by several, while one process follows another."""
    todo = life.batches + rand.sample(life.batches, BATCHES // 2)
    rand.shuffle(todo)
    threads = [threading.Thread(target=sender, args=(life, todo)) for _ in range(4)]
    handovers = 0
    for t in threads:
        t.start()
    while any(t.is_alive() for t in threads) or handovers < 2:
        if not life.host.hand_over():
            return "no other process comes"
        handovers += 1
    return life.check()


def sweep(what, preload):
    wrong, met = [], 0
    for commit in ("power", "process"):
        for n in range(TRIALS):
            with tempfile.TemporaryDirectory() as folder:
                life = Life(folder, commit)
                try:
                    why = what(life, preload, random.Random(n))
                    met += life.met
                    if why:
                        wrong.append(why)
                        kgent.note(f"{commit}, trial {n}: {why}\n{life.host.logged()[-1500:]}")
                finally:
                    life.close()
    kgent.equal((len(wrong), met > 0), (0, True),
                f"{2 * TRIALS} lives, {what.__name__.replace('_', ' ')}: {met} times")


def main():
    sweep(killed, None)
    sweep(handed_over, None)
    with tempfile.TemporaryDirectory() as folder:
        disk, memory = library(folder), nomemory.library(folder)
        if not kgent.sanitized() and nomemory.usable(memory):
            sweep(disk_fails, disk)
            sweep(memory_fails, memory)
        else:
            kgent.skip("faults", "a sanitizer has the calls")


if __name__ == "__main__":
    kgent.main([main])
