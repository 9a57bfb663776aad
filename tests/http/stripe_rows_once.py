#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""One event, once (FAULTS.md S06, S12): delivered fifty times at one time, behind a
restart, while one process hands over to another, weeks later, and by a Stripe that
heard no answer because the process was killed.

KGENT_KILLS: how often (8)."""
import json
import os
import random
import signal
import socket
import struct
import threading
import time

import kgent
from stripe_tools import (FRAMINGS, CHUNKED, SECRET, checkout, deliver, event, header, ids,
                          invoice, now, plugins, send, settled, subscription, tenant_new, tier,
                          until)

KILLS = int(os.environ.get("KGENT_KILLS", "8"))
DAY = 86400


def effect_each(host, wanted, name):
    """What came before its customer was known waits a little longer."""
    got = until(lambda: ids(host), sorted(wanted))
    if not kgent.ok(got == sorted(wanted), name):
        kgent.note(f"lost  {sorted(set(wanted) - set(got))[:9]}")
        kgent.note(f"more  {sorted(set(got) - set(wanted))[:9]}")
        kgent.note(f"twice {len(got) - len(set(got))}")


def together(jobs):
    threads = [threading.Thread(target=j) for j in jobs]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


def storm(host, body, times=50):
    """So many deliveries at one time, in all framings: how many said what."""
    said, gate = {}, threading.Barrier(times)

    def one(n):
        gate.wait()
        answer = deliver(host, body, header(body), FRAMINGS[n % 4])
        word = answer.json.get("status") if answer.status == 200 else answer.status
        said[word] = said.get(word, 0) + 1

    together([lambda n=n: one(n) for n in range(times)])
    return said


def start(name, tenant, at=None):
    """The three events of one purchase, and the ids of their effects."""
    return ([checkout(f"evt_{name}_a", name, tenant, at),
             subscription(f"evt_{name}_b", "created", name, "active", at),
             invoice(f"evt_{name}_c", "paid", name, at)],
            [f"evt_{name}_c", f"started-sub_{name}"])


def s06_restart():
    with kgent.Host(plugins(), CHUNKED) as host:
        tenant, _ = tenant_new(host, "acme")
        bodies, effects = start("one", tenant)
        for body in bodies:
            said = storm(host, body)
            kgent.equal(said, {"received": 1, "duplicate": 49}, "S06 fifty at one time: one is first")
        kgent.ok(settled(host, 3), "S06 each is processed once")
        kgent.equal(ids(host), effects, "S06 one effect each")
        for how in (signal.SIGTERM, signal.SIGKILL):
            host.stop(how)
            host.start()
            for body in bodies:
                said = storm(host, body)
                kgent.equal(said, {"duplicate": 50}, f"S06 behind {how.name}: 200, duplicates")
            kgent.ok(settled(host, 3), f"S06 behind {how.name}: nothing is processed again")
            kgent.equal(ids(host), effects, f"S06 behind {how.name}: one effect each")


def serving(host):
    return host.get("/admin/v1/version", local=True).json["pid"]


def s06_handover():
    """Two processes with one store take the same events meanwhile."""
    with kgent.Host(plugins(), CHUNKED) as host:
        tenant, _ = tenant_new(host, "acme")
        first, wrong, wanted, number, done = {}, [], [], 0, threading.Event()
        lock = threading.Lock()

        def client():
            while not done.is_set():
                with lock:
                    body = bodies[random.randrange(len(bodies))]
                try:
                    answer = deliver(host, body, header(body))
                except OSError as e:
                    wrong.append(str(e))
                    continue
                if answer.status != 200:
                    wrong.append((answer.status, answer.text))
                elif answer.json["status"] == "received":
                    with lock:
                        name = answer.json["event_id"]
                        first[name] = first.get(name, 0) + 1

        bodies, effects = start("h0", tenant)
        wanted += effects
        clients = [threading.Thread(target=client) for _ in range(8)]
        for c in clients:
            c.start()
        for n in range(1, 5):
            pid, number = serving(host), n
            until(lambda: host.post("/admin/v1/reload", None, local=True).status < 400, True, 60)
            with lock:  # new events, while both serve
                more, effects = start(f"h{n}", tenant)
                bodies += more
                wanted += effects
            until(lambda: serving(host) != pid, True, 60)
        done.set()
        for c in clients:
            c.join()
        for body in bodies:
            deliver(host, body, header(body))
        kgent.equal(number, 4, "S06 four processes, one behind the other")
        kgent.equal(wrong[:3], [], "S06 across processes: 200 every time")
        kgent.equal({n: c for n, c in first.items() if c != 1}, {}, "S06 none was first twice")
        kgent.ok(settled(host, len(bodies)), "S06 across processes: each is processed once")
        effect_each(host, wanted, "S06 across processes: one effect each")


def s06_day_29():
    if kgent.sanitized():
        kgent.skip("S06 day 29", "a sanitizer's library must come first")
        return
    clock = kgent.Clock()
    with kgent.Host(plugins(), CHUNKED, clock.env) as host:
        begun = now()
        tenant, _ = tenant_new(host, "acme")
        bodies, effects = start("old", tenant, begun)
        got = [deliver(host, b, header(b)).json["status"] for b in bodies]
        kgent.equal(got, ["received"] * 3, "S06 on the first day")
        settled(host, 3)
        for days in (1, 28, 29, 29.99):
            clock.jump(int(days * DAY))
            got = [later(host, b, days) for b in bodies]
            kgent.equal(got, [(200, "duplicate")] * 3, f"S06 day {days}: 200, duplicates")
        host.stop(signal.SIGKILL)
        host.start()
        got = [later(host, b, 29.99) for b in bodies]
        kgent.equal(got, [(200, "duplicate")] * 3, "S06 day 29, behind a kill: duplicates")
        kgent.equal(ids(host), sorted(effects), "S06 day 29: one effect each")
        beyond(host, clock, bodies, effects, tenant)


def later(host, body, days):
    answer = deliver(host, body, header(body, now() + int(days * DAY)))
    return answer.status, answer.json.get("status")


def beyond(host, clock, bodies, effects, tenant):
    """Ids are remembered for 30 days at least; what comes of an event comes once for ever."""
    ended = subscription("evt_old_d", "deleted", "old", "canceled", now() + 30 * DAY)
    clock.jump(31 * DAY)
    kgent.equal(later(host, ended, 31)[0], 200, "S06 day 31: the end of it")
    kgent.equal(until(lambda: tier(host, tenant), "FREE"), "FREE", "S06 day 31: it has ended")
    effects = effects + ["evt_old_d"]
    for days in (31, 45, 90):
        clock.jump(days * DAY)
        kgent.equal({later(host, b, days)[0] for b in bodies}, {200}, f"S06 day {days}: 200")
        probe = event(f"evt_probe{days}", "charge.updated")
        later(host, probe, days)
        until(lambda: host.get(f"/admin/v1/billing/inbox/evt_probe{days}", local=True)
              .json.get("state"), "done")
        got = ids(host)
        kgent.equal(got, sorted(effects), f"S06 day {days}: still one effect each")
        kgent.equal(tier(host, tenant), "FREE", f"S06 day {days}: what is over stays over")


# ---- S12: no answer -----------------------------------------------------------


def unheard(host, body):
    """A delivery whose client is gone before the answer comes."""
    text, signature = body.encode(), header(body)
    with socket.create_connection(("127.0.0.1", host.port), timeout=30) as s:
        s.sendall(b"POST /webhooks/stripe HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                  b"Stripe-Signature: %s\r\nContent-Length: %d\r\n\r\n%s"
                  % (signature.encode(), len(text), text))
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def s12_unheard():
    with kgent.Host(plugins()) as host:
        tenant, _ = tenant_new(host, "acme")
        bodies, effects = start("deaf", tenant)
        for body in bodies:
            for _ in range(5):
                unheard(host, body)
        got = [send(host, b) for b in bodies]
        kgent.equal({a.status for a in got}, {200}, "S12 who did not hear it asks again: 200")
        kgent.ok(settled(host, 3), "S12 unheard: each is processed once")
        effect_each(host, effects, "S12 unheard: one effect each")


class Courier:
    """Delivers events until each was confirmed, as Stripe does, some of them twice."""

    def __init__(self, host, bodies, dice):
        self.host, self.todo, self.dice = host, list(bodies), dice
        self.lock, self.refused, self.sent = threading.Lock(), [], 0
        self.kept = len(self.todo)  # so many wait until fewer are allowed to
        self.threads = [threading.Thread(target=self.run) for _ in range(6)]
        for t in self.threads:
            t.start()

    def run(self):
        while True:
            with self.lock:
                if not self.todo:
                    return
                body = (self.todo.pop(self.dice.randrange(len(self.todo)))
                        if len(self.todo) > self.kept else None)
            if not body:
                time.sleep(0.002)
            elif not self.confirmed(body) or self.dice.random() < 0.05:
                with self.lock:
                    self.todo.append(body)

    def confirmed(self, body):
        self.sent += 1
        try:
            answer = deliver(self.host, body, header(body))
        except (OSError, ValueError, kgent.http.client.HTTPException):
            time.sleep(0.002)
            return False  # it is dead, or has just died
        if answer.status != 200:
            self.refused.append(answer.status)
        return answer.status == 200

    def join(self):
        for t in self.threads:
            t.join()


def s12_killed():
    seed = int(os.environ.get("KGENT_SEED", str(random.randrange(1 << 30))))
    kgent.note(f"KGENT_SEED={seed}")
    dice = random.Random(seed)
    with kgent.Host(plugins()) as host:
        bodies, wanted, tenants = [], [], []
        for n in range(100 * max(1, KILLS // 4)):
            if n % 10 == 0:
                tenants.append(tenant_new(host, f"t{n}")[0])
            more, effects = start(f"k{n}", tenants[-1])
            bodies, wanted = bodies + more, wanted + effects
        courier = Courier(host, bodies, dice)
        for n in range(KILLS, 0, -1):
            before, courier.kept = courier.sent, len(bodies) * n // (KILLS + 1)
            until(lambda: courier.sent > before + 3, True)
            time.sleep(dice.uniform(0, 0.1))  # the moment is chance
            host.process.kill()
            host.process.wait()
            host.log.close()
            host.start()
        courier.kept = 0
        courier.join()
        kgent.note(f"{courier.sent} deliveries of {len(bodies)} events, {KILLS} kills")
        kgent.equal(courier.refused, [], "S12 200, whenever there is an answer")
        kgent.ok(settled(host, len(bodies)), "S12 each event is processed once")
        effect_each(host, wanted, "S12 one effect each")
        listed, after = [], 0
        while after is not None:
            page = host.get(f"/admin/v1/billing/inbox?limit=1000&after={after}", local=True).json
            listed, after = listed + page["events"], page["next"]
        kgent.equal(sorted(e["id"] for e in listed), sorted(json.loads(b)["id"] for b in bodies),
                    "S12 stored once each")
        kgent.equal(until(lambda: {tier(host, t) for t in tenants}, {"PRO"}), {"PRO"},
                    "S12 and all tiers are right")
        kgent.ok(SECRET not in host.logged(), "no secret is logged")


if __name__ == "__main__":
    kgent.main([s06_restart, s06_handover, s06_day_29, s12_unheard, s12_killed])
