# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Reloads under load, good and bad configurations in turn (FAULTS.md C06): no request
fails, nothing grows, a bad one changes nothing.  KGENT_RELOADS: how many (12)."""
import json
import os
import signal

from daemon import Daemon, Load, Tap, descriptors, processes, resident_kib, until

RELOADS = int(os.environ.get("KGENT_RELOADS", "12"))
RATE = int(os.environ.get("KGENT_RATE", "1000"))


def serving(d):
    return json.loads(d.request("GET", "/admin/v1/version")[1])["pid"]


def reload(d, i, tap_errors):
    """The i-th reload, by signal or request, good or bad."""
    before = serving(d)
    good = i % 2 == 0
    d.configure("" if good else "httpx = { };")
    lines = d.log().count("nothing has changed")
    if i % 4 < 2:
        status, text = d.request("POST", "/admin/v1/reload")
        if status != (202 if good else 422):
            tap_errors.append(f"reload {i}: {status} {text}")
    else:
        d.signal(signal.SIGHUP)
    if good:
        if not until(lambda: serving(d) != before):
            tap_errors.append(f"reload {i}: no new process serves")
        return
    if not until(lambda: d.log().count("nothing has changed") == lines + 1):
        tap_errors.append(f"reload {i}: not one ERROR line")
    if serving(d) != before:
        tap_errors.append(f"reload {i}: a bad configuration changed the process")


with Tap() as tap, Daemon(timeout=5) as d:
    d.start()
    pid = d.process.pid
    load = Load(("127.0.0.1", d.port), clients=8, rate=RATE)
    errors = []
    for i in range(4):
        reload(d, i, errors)
    until(lambda: len(processes(pid)) == 1)
    fds, memory = descriptors(pid), resident_kib(pid)
    for i in range(4, RELOADS):
        reload(d, i, errors)
    tap.ok(until(lambda: len(processes(pid)) == 1), "one successor is left, no zombie", processes(pid))
    answers = load.stop().answers
    tap.equal(errors, [], f"{RELOADS} reloads did what they should")
    tap.equal(load.failures[:5], [], f"{answers} requests, none failed")
    tap.ok(answers > RELOADS * 10, "there was load", answers)
    tap.equal(descriptors(pid), fds, "no descriptor more")
    tap.ok(resident_kib(pid) <= memory + 256, "no memory more", (memory, resident_kib(pid)))
    tap.ok(serving(d) != pid, "the first process serves no more")
    d.signal(signal.SIGTERM)
    tap.equal(d.wait(), 0, "SIGTERM goes to the successor, its status comes back")
    tap.ok(until(lambda: not processes(pid)), "nobody is left")
