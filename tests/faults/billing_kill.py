# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Stripe's events, three of ten twice and a fifth out of order, over several connections
that come again until they are answered, while the host is killed at any moment, also while
it starts or hands over: in the end each event is in the inbox once, had its effect once,
and subscriptions, tiers, ledger and counters are those of a model that saw each event
once, in its order.

KGENT_EVENTS: how many deliveries (1,500); KGENT_KILLS: how often it is killed (8)."""
import os
import random
import signal
import subprocess
import sys
import time

from daemon import processes, resident_kib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../http"))
import kgent  # noqa: E402
import lifecycles  # noqa: E402

DELIVERIES = int(os.environ.get("KGENT_EVENTS", "1500"))
KILLS = int(os.environ.get("KGENT_KILLS", "8"))
SEED = int(os.environ.get("KGENT_SEED", str(random.SystemRandom().randrange(1 << 30))))
DUPLICATES = 0.3


def family(pid):
    """A process and all below it."""
    return [pid] + [p for child in processes(pid) for p in family(child)]


def alive(pid):
    """Whether one of its threads is; the first may be dead while others still end."""
    try:
        if len(os.listdir(f"/proc/{pid}/task")) > 1:
            return True
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
            return f.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def tell(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def kill(process):
    """Without a chance to say anything; also the process that it hands over to, which may
    be on its way: who is stopped makes no further one."""
    pids = []
    while set(pids) != set(family(process.pid)):
        pids = family(process.pid)
        for pid in pids:
            tell(pid, signal.SIGSTOP)
    for pid in pids:
        tell(pid, signal.SIGKILL)
    process.wait()
    while any(alive(pid) for pid in pids):
        time.sleep(0.001)


class Killer:
    """Kills after so many answers; every fifth time while it starts, too, and every seventh
    time in the middle of a handover."""

    def __init__(self, host, deliverer, dice):
        self.host, self.deliverer, self.dice = host, deliverer, dice
        self.starting = self.handovers = self.within = 0
        self.slowest, self.largest = 0.0, 0

    def wait(self, goal, seconds=300):
        end = time.monotonic() + seconds
        while self.deliverer.answered < goal:
            if time.monotonic() > end:
                raise RuntimeError(f"{self.deliverer.answered} answered, {goal} wanted")
            time.sleep(0.001)

    def run(self):
        total = self.deliverer.total
        for i in range(KILLS):
            self.wait(total * (i + self.dice.random()) / KILLS)
            time.sleep(self.dice.random() * 0.003)
            if i % 4 == 1:
                self.hand_over(i % 8 == 1)
            self.largest = max(self.largest, *(resident_kib(p) for p in
                                               family(self.host.process.pid)))
            kill(self.host.process)
            if i % 5 == 4:
                self.while_starting()
            begin = time.monotonic()
            self.host.log.close()
            self.host.start()
            self.slowest = max(self.slowest, time.monotonic() - begin)
            if i and i % max(1, KILLS // 10) == 0:
                kgent.note(f"{i} kills, {self.deliverer.answered} answered")
        self.hand_over(True)
        self.wait(total)

    def hand_over(self, whole):
        """All of it, or only its beginning."""
        if not whole:
            os.kill(self.host.process.pid, signal.SIGHUP)
            self.within += 1
            time.sleep(self.dice.random() * 0.3)
        elif self.host.hand_over():
            self.handovers += 1
        else:
            said = [line for line in self.host.logged().splitlines() if "audit" not in line]
            raise RuntimeError("nobody took over:\n" + "\n".join(said[-20:]))

    def while_starting(self):
        process = subprocess.Popen([kgent.KGENTD, "-c", self.host.config,
                                    *(x for o in self.host.options for x in ("-o", o))],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(self.dice.random() * 0.15)
        kill(process)
        self.starting += 1


def differences(got, wanted):
    """A few of them, and how many."""
    keys = [k for k in got.keys() | wanted.keys() if got.get(k) != wanted.get(k)]
    return len(keys), [(k, got.get(k), wanted.get(k)) for k in sorted(keys)[:3]]


def books(host, world, deliverer):
    """Compares with the model."""
    counts, begun = world.counts(), time.monotonic()
    kgent.equal(lifecycles.settled(host, counts), counts, f"{len(world.events)} distinct events: "
                f"each counted once, {time.monotonic() - begun:.1f} s later")
    kgent.equal(deliverer.wrong[:3], [], "no event was new twice, none a duplicate at first")
    inbox = lifecycles.pages(host, "/admin/v1/billing/inbox", "events")
    kgent.equal(sorted(e["id"] for e in inbox), sorted(e.id for e in world.events),
                "each is in the inbox once")
    kgent.equal({e["id"] for e in inbox if e["state"] == "parked"}, world.parked,
                f"{len(world.parked)} are parked, those that cannot be processed")
    kgent.equal({e["state"] for e in inbox} - {"done", "parked"}, set(), "and none waits")
    kgent.equal(differences(lifecycles.states_of(host), world.states()), (0, []),
                f"{len(world.subs)} subscriptions are what their newest events say")
    effects(host, world, "")


def effects(host, world, when):
    wanted = world.tiers()
    got = lifecycles.until(lambda: {t: v for t, v in lifecycles.tiers_of(host).items()
                                    if t in wanted}, wanted)
    kgent.equal(differences(got, wanted), (0, []), f"{len(wanted)} tenants have their tiers{when}")
    wanted = world.ledger()
    ids = lifecycles.until(lambda: len(lifecycles.ledger_of(host)), len(wanted))
    ledger = lifecycles.ledger_of(host)
    kgent.equal((ids, len({name for name, _, _ in ledger})), (len(wanted), len(wanted)),
                f"{len(wanted)} effects in the ledger, none twice{when}")
    kgent.equal(differences({name: (who, kind) for name, who, kind in ledger}, wanted), (0, []),
                f"each of its tenant and type{when}")


def late(host, world):
    """An operator says whose the customers are that nobody has named."""
    waiting = [s for s in world.subs if not s.owner()]
    for i, s in enumerate(waiting):
        answer = host.post("/admin/v1/billing/customers",
                           {"customer": s.customer, "tenant": s.tenant}, local=True)
        if answer.status != 200:
            raise RuntimeError(answer.text)
        s.named = "operator"
        if i == len(waiting) // 2:
            kill(host.process)
            host.start()
    effects(host, world, f", also of {len(waiting)} customers that waited")


def verified(host):
    status, out, err = kgent.ctl("-s", host.state, "verify")
    kgent.equal((status, err), (0, ""), "kgentctl verify finds nothing wrong")


def kills():
    dice = random.Random(SEED)
    kgent.note(f"KGENT_SEED={SEED}")
    host = kgent.Host(lifecycles.PLUGINS, ["log.level=info", "log.access=false"]).start()
    tenants = lifecycles.tenants_new(host, max(10, DELIVERIES // 20))
    world = fitting(dice, tenants)
    deliverer = lifecycles.Deliverer(host, world.deliveries(DELIVERIES)).start()
    killer = Killer(host, deliverer, dice)
    begin = time.monotonic()
    try:
        killer.run()
    finally:
        deliverer.stopping = True
        deliverer.join(40)
    kgent.note(f"{deliverer.answered} deliveries of {len(world.events)} events, "
               f"{deliverer.resent} sent again; {KILLS} kills, {killer.starting} more while "
               f"starting, {killer.handovers} handovers and {killer.within} that were killed; "
               f"{time.monotonic() - begin:.0f} s; slowest start {killer.slowest:.2f} s; "
               f"largest {killer.largest} KiB; answers {dict(deliverer.statuses)}")
    kgent.equal(deliverer.answered, DELIVERIES, "all deliveries are answered with 200")
    books(host, world, deliverer)
    late(host, world)
    kgent.equal(host.stop(), 0, "kgentd ends with 0")
    verified(host)
    host.folder.cleanup()


def fitting(dice, tenants):
    """As many subscriptions as make that many events."""
    wanted, number = int(DELIVERIES * (1 - DUPLICATES)), DELIVERIES // 10
    for _ in range(3):
        world = lifecycles.World(dice, tenants, number)
        number = max(1, number * wanted // len(world.events))
    return lifecycles.World(dice, tenants, number)


if __name__ == "__main__":
    kgent.main([kills])
