# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Each allocation between the program's begin and its end fails, once or from then on
(FAULTS.md C13): it refuses to start with a reason, or serves and ends properly; never a
crash.  KGENT_STRIDE: every how many-th allocation is tried (199; 1 takes an hour)."""
import os
import signal
import subprocess
import tempfile

from daemon import KGENTD, Daemon, Tap

STRIDE = int(os.environ.get("KGENT_STRIDE", "199"))
HERE = os.path.dirname(os.path.abspath(__file__))
REFUSALS = (64, 70, 71, 73, 75, 78)


def library(folder):
    path = os.path.join(folder, "nomemory.so")
    cc = os.environ.get("CC", "cc").split()
    subprocess.run(cc + ["-shared", "-fPIC", "-O1", "-o", path, os.path.join(HERE, "nomemory.c")],
                   check=True)
    return path


def usable(preload):
    """Not with a sanitizer, which has allocators of its own."""
    with open(KGENTD, "rb") as f:
        if b"__asan_init" in (text := f.read()) or b"__tsan_init" in text:
            return False
    env = dict(os.environ, LD_PRELOAD=preload)
    return subprocess.run([KGENTD, "--version"], env=env, capture_output=True,
                          check=False).returncode == 0


def life(d, env):
    """One start and, if it serves, one end: the exit status."""
    d.spawn(env=env)
    if d.wait_told("READY=1"):
        d.signal(signal.SIGTERM)
    return d.wait()


def sweep(tap, preload, ever):
    with Daemon() as d:
        path = os.path.join(d.dir, "count")
        life(d, {"LD_PRELOAD": preload, "KGENT_FAIL_COUNT": path})
        with open(path, encoding="utf-8") as f:
            total = int(f.read())
    bad, refused, served = [], 0, 0
    for at in range(0 if not ever else STRIDE // 2, total, STRIDE):
        with Daemon() as d:
            env = {"LD_PRELOAD": preload, "KGENT_FAIL_AT": str(at)}
            if ever:
                env["KGENT_FAIL_EVER"] = "1"
            status = life(d, env)
            served += status == 0
            refused += status in REFUSALS
            if status not in (0, *REFUSALS) or (status and "kgentd: " not in d.log()):
                bad.append(f"allocation {at} of {total}: {status}\n{d.log()[-600:]}")
    how = "from then on" if ever else "once"
    tap.ok(not bad, f"allocations fail {how}: {refused} refused to start, {served} served",
           "\n".join(bad[:3]))
    tap.ok(refused, "some did refuse")


if __name__ == "__main__":
    with Tap() as tap, tempfile.TemporaryDirectory() as folder:
        so = library(folder)
        if usable(so):
            sweep(tap, so, False)
            sweep(tap, so, True)
        else:
            print("ok 1 - # SKIP a sanitizer has the allocator", flush=True)
            tap.count += 1
