#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""The disk is full, or broken, while Stripe delivers (FAULTS.md S11): 503 with Retry-After
and never 200; and what Stripe sends again later is taken, once."""
import errno
import mmap
import os
import signal
import subprocess
import tempfile
import threading

import kgent
from stripe_tools import (checkout, deliver, header, ids, invoice, metric, plugins, settled,
                          subscription, tenant_new, tier, until)
from disk_sweep import KINDS, Plan, library  # by stripe_tools' path

OPTIONS = ["http.handler_timeout=5.0"]
ERRORS = 'kgents_stripe_webhooks_errors_total{error_type="store"}'
PATIENCE = float(os.environ.get("KGENT_PATIENCE", "1"))


class Disk:
    """A host whose files can be made to fail."""

    def __init__(self, preload, options):
        fd, self.path = tempfile.mkstemp(prefix="kgent-plan-")
        os.ftruncate(fd, 4096)
        self.map = mmap.mmap(fd, 4096)
        os.close(fd)
        self.plan = Plan.from_buffer(self.map)
        self.plan.kind = -1
        self.host = kgent.Host(plugins(), OPTIONS + options,
                               {"LD_PRELOAD": preload, "KGENT_DISK_PLAN": self.path})
        self.host.env["KGENT_DISK_DIR"] = self.host.state

    def fail(self, kind, error, times=-1):
        """From now on."""
        self.plan.failed, self.plan.times, self.plan.error = 0, times, error
        self.plan.at = self.plan.count[KINDS.index(kind)] + 1
        self.plan.kind = KINDS.index(kind)

    def heal(self):
        self.plan.kind = -1

    def __enter__(self):
        self.host.start()
        return self

    def __exit__(self, *args):
        self.heal()
        self.host.__exit__(*args)
        os.unlink(self.path)


def purchase(host, name):
    """A tenant that buys: its id, the events, and the ids of what comes of them."""
    tenant, _ = tenant_new(host, name)
    return tenant, [checkout(f"evt_{name}_a", name, tenant),
                    subscription(f"evt_{name}_b", "created", name, "active"),
                    invoice(f"evt_{name}_c", "paid", name)], [f"evt_{name}_c", f"started-sub_{name}"]


def tried(host, bodies):
    """The answers to all at one time."""
    got = [None] * len(bodies)

    def one(i):
        got[i] = deliver(host, bodies[i], header(bodies[i]))

    threads = [threading.Thread(target=one, args=(i,)) for i in range(len(bodies))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return got


def refusals(name, answers):
    statuses = [a.status for a in answers]
    kgent.equal(set(statuses), {503}, f"{name}: 503, never 200")
    kgent.ok(all((a.headers["Retry-After"] or "").isdigit() for a in answers),
             f"{name}: with Retry-After")
    kgent.ok(all(a.headers["Content-Type"] == "application/problem+json" and a.json["request_id"]
                 for a in answers), f"{name}: as problems")


def component(host):
    """What the health page says of billing, in one word."""
    return host.get("/health").json["components"]["billing"].split(":")[0]


def broken(disk, name, kind, error, count):
    host = disk.host
    tenant, bodies, effects = purchase(host, name)
    errors = metric(host, ERRORS)
    disk.fail(kind, error)
    what = f"S11 {kind} {errno.errorcode[error]}"
    refusals(what, tried(host, bodies))
    refusals(what + ", again", tried(host, bodies))
    kgent.ok(disk.plan.failed > 0, f"{what}: calls failed")
    kgent.equal(component(host) != "ok", True, f"{what}: the component says so")
    stored = until(lambda: metric(host, ERRORS) - errors, lambda n: n >= 6)
    kgent.equal(stored, 6, f"{what}: counted")
    kgent.equal(host.get("/livez").status, 200, f"{what}: the process lives")
    disk.heal()
    got = until(lambda: [a.status for a in tried(host, bodies)], [200] * 3, 5 * PATIENCE)
    kgent.equal(got, [200] * 3, f"{what}: what is sent again later is taken")
    kgent.equal({a.json["status"] for a in tried(host, bodies)}, {"duplicate"}, f"{what}: once")
    kgent.ok(settled(host, count + 3), f"{what}: processed once")
    kgent.equal(until(lambda: component(host), "ok"), "ok", f"{what}: the component is well again")
    kgent.equal(until(lambda: tier(host, tenant), "PRO"), "PRO", f"{what}: and so is the tier")
    return effects


def failing():
    if kgent.sanitized():
        kgent.skip("S11 calls that fail", "a sanitizer has the calls")
        return
    with tempfile.TemporaryDirectory() as folder:
        preload = library(folder)
        for commit in ("power", "process"):
            with Disk(preload, [f"store.commit={commit}"]) as disk:
                wanted, kinds = [], [("write", errno.ENOSPC), ("write", errno.EIO),
                                     ("write", errno.EDQUOT)]
                kinds += [("sync", errno.EIO)] if commit == "power" else []  # else none is made
                for n, (kind, error) in enumerate(kinds):
                    wanted += broken(disk, f"{commit}{n}", kind, error, 3 * n)
                kgent.equal(ids(disk.host), sorted(wanted), f"S11 {commit}: one effect each")
                disk.host.stop(signal.SIGKILL)
                disk.host.start()
                kgent.ok(settled(disk.host, 3 * len(kinds)), f"S11 {commit}: a kill loses none")
                kgent.equal(ids(disk.host), sorted(wanted), f"S11 {commit}: behind a kill, too")


# ---- A disk that is really full -----------------------------------------------


class Small(kgent.Host):
    """A host with its state on a file system of its own, of a few MiB."""

    SIZE = 96 << 20

    def start(self):
        script = os.path.join(self.folder.name, "small")
        self.mounted = self.state
        with open(script, "w", encoding="utf-8") as f:
            f.write(f'mount -t tmpfs -o size={self.SIZE},mode=700 none "{self.state}"\nexec "$@"\n')
        old = os.environ.get("KGENT_WRAPPER")
        os.environ["KGENT_WRAPPER"] = f"unshare -rm sh {script}"
        try:
            super().start()
        finally:
            os.environ.pop("KGENT_WRAPPER")
            if old is not None:
                os.environ["KGENT_WRAPPER"] = old
        self.state = f"/proc/{self.process.pid}/root{self.mounted}"
        return self

    @property
    def filler(self):
        return os.path.join(self.state, "filler")

    def fill(self):
        """To the last byte."""
        with open(self.filler, "ab", buffering=0) as f:
            size = 1 << 16
            while size:
                try:
                    size = size if f.write(b"x" * size) == size else 0
                except OSError:
                    size //= 2

    def empty(self):
        os.unlink(self.filler)


def full():
    can = subprocess.run(["unshare", "-rm", "sh", "-c", "mount -t tmpfs none /mnt"],
                         capture_output=True, check=False)
    if can.returncode or os.environ.get("KGENT_WRAPPER"):
        kgent.skip("S11 a file system that is full", "there are no private mounts here")
        return
    with Small(plugins(), OPTIONS) as host:
        bought, wanted, tenants = [], [], []
        for n in range(40):
            tenant, bodies, effects = purchase(host, f"full{n}")
            bought, wanted, tenants = bought + bodies, wanted + effects, tenants + [tenant]
        host.fill()
        got, used = [], 0
        while used < len(bought) and (not got or got[-1].status != 503):
            got.append(deliver(host, bought[used], header(bought[used])))
            used += 1
            host.fill()  # what became free meanwhile
        kgent.ok(got[-1].status == 503, f"S11 a full file system: 503, behind {used - 1} deliveries")
        refusals("S11 a full file system", tried(host, bought[used:used + 30]))
        kgent.equal(host.get("/livez").status, 200, "S11 a full file system: the process lives")
        host.empty()
        left = list(bought)
        end = until(lambda: [a.status for a in tried(host, left[:6])], [200] * 6, 5 * PATIENCE)
        kgent.equal(end, [200] * 6, "S11 with space again they are taken")
        for i in range(6, len(left), 20):
            kgent.equal({a.status for a in tried(host, left[i:i + 20])}, {200},
                        f"S11 what Stripe sends again, from {i}")
        kgent.ok(settled(host, len(bought)), "S11 each is processed once")
        kgent.equal(until(lambda: ids(host), sorted(wanted)), sorted(wanted), "S11 one effect each")
        kgent.equal(until(lambda: {tier(host, t) for t in tenants}, {"PRO"}), {"PRO"},
                    "S11 and all tiers are right")


if __name__ == "__main__":
    kgent.main([failing, full])
