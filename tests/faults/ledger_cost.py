# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""What the ledger costs: user-space instructions of the request's thread for recording one
event, by callgrind, and the committer's time for an event, in the kernel too, when they come
as fast as they can."""
import os
import re
import shutil
import sys
import tempfile
import time

from cost import optimized
from outage import Asker

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "http"))
import kgent  # noqa: E402

TIMES = 2000
# All that a request with usage runs more than one without: the event's data, the note, what it
# is charged, and the record.  1,500 is the aim for it.
BOUND, COMMITTER_NS, EVENTS = 1650, 1000, 200000
PATIENCE = float(os.environ.get("KGENT_PATIENCE", "1"))
PLUGINS = ["health", 'load = "auth"; dev_keys = true; enforce = "shadow";', 'load = "agentese";']
METERING = 'load = "metering-openmeter"; enabled = false; '
OPTIONS = ["store.commit=process", "log.access=false", "log.level=warn"]


def thread_cost(folder):
    """Instructions of the thread that serves."""
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as f:
            text = f.read()
        if "worker_main" in text and (total := re.search(r"^totals: (\d+)", text, re.M)):
            return int(total.group(1))
    raise RuntimeError("no such thread")


def life(plugins, times):
    with tempfile.TemporaryDirectory() as folder:
        os.environ["KGENT_WRAPPER"] = ("valgrind -q --tool=callgrind --separate-threads=yes "
                                       f"--callgrind-out-file={folder}/callgrind.%p")
        host = kgent.Host(plugins, OPTIONS + ["http.threads=1"])
        try:
            host.start()
            asker = Asker(host.port, 0, pace=0.00001)
            asker.start()
            while asker.answered < times and asker.is_alive():
                time.sleep(0.001)
            asker.stopping = True
            asker.join(60)
            host.stop()
        finally:
            del os.environ["KGENT_WRAPPER"]
            host.process.kill()
        cost = thread_cost(folder)
        host.folder.cleanup()
        return cost, asker.answered


def request_cost(plugins):
    """Of one request; what a life costs besides is in a short one, too."""
    short, few = life(plugins, 50)
    long, many = life(plugins, TIMES)
    return (long - short) / (many - few)


def recording():
    without = request_cost(PLUGINS)
    for receipts in ("off", "mac"):
        cost = request_cost(PLUGINS + [METERING + f'receipts = "{receipts}";']) - without
        kgent.note(f"recording, receipts {receipts}: {cost:.0f} instructions of the request's "
                   f"thread, of {without:.0f} without")
        if receipts == "off":
            kgent.ok(0 < cost <= BOUND, f"recording one event: {cost:.0f} at most {BOUND}")


def committer_ns(pid):
    """The time that the committer's thread had a processor."""
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/comm", encoding="utf-8") as f:
            if f.read().strip() == "kg-committer":
                with open(f"/proc/{pid}/task/{task}/schedstat", encoding="utf-8") as g:
                    return int(g.read().split()[0])
    raise RuntimeError("no such thread")


def committing():
    with kgent.Host(PLUGINS + [METERING], OPTIONS) as host:
        askers = [Asker(host.port, EVENTS // 2) for _ in range(2)]
        before, begin = committer_ns(host.process.pid), time.monotonic()
        for a in askers:
            a.start()
        for a in askers:
            a.join(60)
        seconds = time.monotonic() - begin
        events = sum(a.answered for a in askers)
        while host.get("/admin/v1/usage/events?limit=16&after=999999999",
                       local=True).json["newest"] < events:
            time.sleep(0.02)
        each = (committer_ns(host.process.pid) - before) / events
        kgent.note(f"{events} events at {events / seconds:.0f}/s: {each:.0f} ns of the committer's "
                   "thread for each")
        kgent.ok(each <= COMMITTER_NS * PATIENCE, f"{each:.0f} ns, at most {COMMITTER_NS}")


if __name__ == "__main__":
    if not optimized():
        kgent.skip("what the ledger costs", "this build is for debugging")
    elif not shutil.which("valgrind"):
        kgent.skip("what the ledger costs", "valgrind is not installed")
    else:
        kgent.START_SECONDS = 120  # everything is slow behind callgrind
        kgent.main([recording, committing])
    kgent.done()
