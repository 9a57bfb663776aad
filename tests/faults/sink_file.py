# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""The file sink on a bad disk: each call about its folder fails, once or until the cause is
gone; the disk is full; it is killed amid lines that are written by halves, and amid
rotations; the day changes; files and the folder are deleted under it.  Each event is one line,
and what is wrong is said.

KGENT_KILLS: how many (8)."""
import errno
import glob
import json
import mmap
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from disk_sweep import KINDS, Plan, library

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../http"))
import kgent  # noqa: E402

KILLS = int(os.environ.get("KGENT_KILLS", "8"))
AUTH = 'load = "auth"; dev_keys = true; enforce = "shadow";'
DAY = 86400
# (call, error; 0: it does half, how often; -1: until the cause is gone)
FAULTS = [("write", errno.ENOSPC, 1), ("write", errno.ENOSPC, -1), ("write", errno.EIO, -1),
          ("write", errno.EDQUOT, -1), ("write", errno.EINTR, 3), ("write", 0, 40),
          ("sync", errno.EIO, 1), ("sync", errno.EIO, -1), ("sync", errno.ENOSPC, -1),
          ("open", errno.EACCES, -1), ("open", errno.EROFS, -1), ("open", errno.EMFILE, 1)]


def use(host, times=1):
    done = 0
    for _ in range(times):
        try:
            done += host.post("/v1/agentese/invoke", {"path": "world.thing.manifest"},
                              {"X-API-Key": "kg_dev_carol"}).status == 200
        except (OSError, kgent.http.client.HTTPException):
            pass  # it was killed
    return done


def status(host):
    return host.get("/admin/v1/meter/status", local=True).json["sinks"][0]


def tries(host):
    """How many failed."""
    return sum(map(int, re.findall(r'\nkgent_metering_sink_errors_total{sink="archive"[^}]*} (\d+)',
                                   host.get("/metrics", admin=True).text)))


def drained(host):
    return kgent.until(lambda: status(host)["lag_records"] == 0)


def recorded(host):
    return [e["id"] for e in host.events()]


def names(folder):
    return sorted(glob.glob(f"{folder}/archive-*.jsonl"), key=lambda n: n[-12:])


def lines(folder):
    found = []
    for name in names(folder):
        with open(name, encoding="utf-8") as f:
            found += [json.loads(line)["id"] for line in f]
    return found


def make(folder=None, env=None, max_bytes=6000):
    host = kgent.Host(env=env)
    folder = folder or os.path.join(host.folder.name, "usage")
    host.configure(["health", AUTH, "agentese", 'load = "metering-openmeter"; sinks = ( { '
                    f'name = "archive"; kind = "file"; dir = "{folder}"; max_bytes = {max_bytes}L; '
                    "flush_interval = 0.02; batch_size = 8; } );"])
    return host, folder


def once(host, folder, name):
    drained(host)
    truth, found = recorded(host), lines(folder)
    if not kgent.ok(found == truth, f"{name}: each of {len(truth)} events is one line, in order"):
        kgent.note(f"{len(found)} lines, {len(set(found))} different; {status(host)}")


# ---- Calls that fail ---------------------------------------------------------------------


def one_fault(host, folder, plan, fault):
    kind, error, times = fault
    name = f"{kind}: {os.strerror(error) if error else 'half'}, {'once' if times > 0 else 'for a while'}"
    plan.count[KINDS.index(kind)] = plan.failed = 0
    plan.at, plan.times, plan.error = 1, times, error
    plan.kind = KINDS.index(kind)
    kgent.until(lambda: use(host, 8) and plan.failed)
    if times < 0:
        reason = f"{os.strerror(error)}: {folder}"
        kgent.ok(kgent.until(lambda: status(host)["reason"] == reason), f"{name}: the status says it")
        kgent.ok(host.says(f"archive: events are kept and sent again: {reason}"), "and the log")
    plan.kind = -1
    kgent.ok(kgent.until(lambda: status(host)["state"] == "ok" and not status(host)["lag_records"]),
             f"{name}: it goes on")


def faults():
    with tempfile.TemporaryDirectory() as tools, tempfile.NamedTemporaryFile() as page:
        os.ftruncate(page.fileno(), 4096)
        plan = Plan.from_buffer(mmap.mmap(page.fileno(), 4096))
        plan.kind = -1
        host, folder = make(env={"LD_PRELOAD": library(tools, "nodisk"), "KGENT_DISK_PLAN": page.name})
        host.env["KGENT_DISK_DIR"] = folder
        with host:
            use(host, 8)
            drained(host)
            for fault in FAULTS:
                one_fault(host, folder, plan, fault)
            once(host, folder, "after all faults")


def full_disk():
    """A disk of its own that somebody else fills."""
    disk = tempfile.mkdtemp(prefix="kgent-disk-")
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk],
                                      stderr=subprocess.DEVNULL).returncode:
        os.rmdir(disk)
        return kgent.skip("a full disk", "a disk can be mounted by root only")
    try:
        host, folder = make(disk + "/usage")
        with host:
            use(host, 20)
            drained(host)
            with open(disk + "/filler", "wb", buffering=0) as f:
                try:
                    while f.write(bytes(4096)):
                        pass
                except OSError:
                    pass
                f.truncate(max(0, f.seek(0, os.SEEK_END) - 8192))  # there is room for a few lines
            kgent.equal(use(host, 60), 60, "a full disk of the sink's is no request's")
            kgent.ok(kgent.until(lambda: status(host)["reason"] == f"No space left on device: {folder}"),
                     "it is said")
            before, tried = len(os.listdir(folder)), tries(host)
            kgent.ok(kgent.until(lambda: tries(host) >= tried + 2), "it goes on trying")
            kgent.ok(len(os.listdir(folder)) <= before, "nothing is left behind by tries")
            os.unlink(disk + "/filler")
            kgent.ok(kgent.until(lambda: status(host)["state"] == "ok"), "with room it goes on")
            once(host, folder, "a full disk")
    finally:
        subprocess.run(["umount", "-l", disk], check=True)
        os.rmdir(disk)


# ---- What else happens to files ------------------------------------------------------------


def kills():
    """Lines are written by halves, so that many are torn; files are short."""
    with tempfile.TemporaryDirectory() as tools, tempfile.NamedTemporaryFile() as page:
        os.ftruncate(page.fileno(), 4096)
        plan = Plan.from_buffer(mmap.mmap(page.fileno(), 4096))
        plan.at, plan.times, plan.error, plan.kind = 1, -1, 0, KINDS.index("write")
        host, folder = make(env={"LD_PRELOAD": library(tools, "nodisk"), "KGENT_DISK_PLAN": page.name},
                            max_bytes=4096)
        host.env["KGENT_DISK_DIR"] = folder
        cuts = 0
        with host:
            for _ in range(KILLS):
                end = time.monotonic() + random.uniform(0.02, 0.3)
                while time.monotonic() < end:
                    use(host)
                host.stop(signal.SIGKILL)
                cuts += "are written again" in host.logged() or "was never finished" in host.logged()
                host.start()
            use(host, 10)
            once(host, folder, f"{KILLS} kills")
            kgent.ok(plan.failed > KILLS, f"{plan.failed} writes did half, {cuts} tails were torn, "
                     f"{len(names(folder))} files")


def days():
    clock, wanted = kgent.Clock(), []
    host, folder = make(env=clock.env, max_bytes=1 << 30)
    with host:
        for days_on in (0, 1, 2, 1):  # and a clock that goes back
            clock.jump(days_on * DAY)
            wanted.append(time.strftime("%Y%m%d", time.gmtime(time.time() + days_on * DAY)))
            use(host, 5)
            drained(host)
        kgent.equal([n[-21:-13] for n in names(folder)], wanted, "each day has a file")
        kgent.equal([n[-12:-6] for n in names(folder)], [f"{i:06}" for i in (1, 2, 3, 4)],
                    "whose numbers go on")
        once(host, folder, "days")


def deleted():
    """What was in a deleted file is gone with it, and nothing else."""
    host, folder = make(max_bytes=1 << 30)
    with host:
        use(host, 10)
        drained(host)
        gone = lines(folder)
        os.unlink(names(folder)[0])
        use(host, 10)
        drained(host)
        kgent.equal(gone + lines(folder), recorded(host), "a deleted file: the next one has the rest")
        kgent.ok(host.says("is gone, and the next one is begun"), "and that is said")
        gone += lines(folder)
        shutil.rmtree(folder)
        use(host, 10)
        kgent.ok(kgent.until(lambda: status(host)["state"] == "ok" and drained(host)), "a deleted folder: it is made again")
        kgent.equal(gone + lines(folder), recorded(host), "and has the rest")
        os.rename(folder, folder + ".old")
        use(host, 10)
        kgent.until(lambda: status(host)["state"] == "ok" and drained(host))
        kgent.equal(gone + lines(folder + ".old") + lines(folder), recorded(host), "a folder that is moved: the same")
        kgent.ok(kgent.until(lambda: status(host)["unaccounted"] == 0), "all are accounted for")


tests = [full_disk, deleted] + ([] if kgent.sanitized() else [faults, kills, days])
if kgent.sanitized():
    kgent.skip("calls that fail", "a sanitizer has calls of its own")
kgent.main(tests)
