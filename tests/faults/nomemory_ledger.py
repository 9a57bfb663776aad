# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Each allocation from the first request to the end fails, once or from then on (FAULTS.md
C13): no crash; requests are answered or told to come again; what was answered with 200 is
recorded and exported, once, and nothing else is.

KGENT_STRIDE: every how many-th allocation is tried (397)."""
import json
import os
import socket
import sys
import tempfile

from disk_sweep import PIPELINE, REFUSALS, REQUEST, Life, books, read
from nomemory import library, usable

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../http"))
import kgent  # noqa: E402

STRIDE = int(os.environ.get("KGENT_STRIDE", "397"))
ROUNDS = 4


def requests(life):
    """Some, of which a connection may be refused: how often one was."""
    cut = 0
    for _ in range(ROUNDS):
        try:
            with socket.create_connection(("127.0.0.1", life.host.port), 20) as s, \
                    s.makefile("rb") as f:
                s.sendall(REQUEST * PIPELINE)
                for _ in range(PIPELINE):
                    life.note(*read(f))
        except OSError:
            cut += 1
    return cut


def count(preload, commit, serve):
    """Allocations of a life."""
    life = Life(preload, commit)
    path = os.path.join(life.host.folder.name, "count")
    life.host.env["KGENT_FAIL_COUNT"] = path
    try:
        life.host.start()
        if serve:
            requests(life)
        life.host.stop()
        with open(path, encoding="utf-8") as f:
            return int(f.read())
    finally:
        life.close()


def trial(preload, commit, at, ever):
    """(whether it served, why that is wrong or None)."""
    life = Life(preload, commit)
    life.host.env["KGENT_FAIL_AT"] = str(at)
    if ever:
        life.host.env["KGENT_FAIL_EVER"] = "1"
    try:
        try:
            life.host.start()
        except RuntimeError:
            status = life.host.stop()
            wrong = None if status in REFUSALS else f"it starts to end with {status}"
            return "refused", wrong
        cut = requests(life)
        status = life.host.stop()
        log = life.host.logged()[-1500:]
        for name in ("LD_PRELOAD", "KGENT_FAIL_AT", "KGENT_FAIL_EVER"):
            life.host.env.pop(name, None)
        why = None
        if status not in (0, *REFUSALS):
            why = f"it ends with {status}"
        elif set(life.statuses) - {200, 500, 503}:
            why = f"answers {life.statuses}"
        else:
            why = books(life, cut * PIPELINE)
        kind = "all answered" if life.statuses == {200: ROUNDS * PIPELINE} else \
            "cut off" if cut else "some refused"
        return kind, why and f"{why}\n{log}"
    finally:
        life.close()


def sweep(preload, commit, ever):
    begin, end = count(preload, commit, False), count(preload, commit, True)
    begin = min(begin, end) * 9 // 10  # threads that work beside make it vary
    came, wrong = {}, []
    for at in range(begin + (STRIDE // 2 if ever else 0), end + STRIDE, STRIDE):
        what, why = trial(preload, commit, at, ever)
        came[what] = came.get(what, 0) + 1
        if why:
            wrong.append(f"allocation {at} of {end}: {why}")
            kgent.note(wrong[-1])
    kgent.equal(len(wrong), 0, f"{commit}: allocations {begin} to {end} fail "
                               f"{'from then on' if ever else 'once'}: {json.dumps(came)}")


def main():
    with tempfile.TemporaryDirectory() as folder:
        preload = library(folder)
        if not usable(preload):
            kgent.skip("no memory", "a sanitizer has the allocator")
            return
        for commit in ("power", "process"):
            sweep(preload, commit, False)
            sweep(preload, commit, True)


if __name__ == "__main__":
    kgent.main([main])
