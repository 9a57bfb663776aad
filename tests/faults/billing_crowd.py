# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Many subscriptions: what they cost in memory, how long a start after a SIGKILL takes and
how long until all tiers are right, how fast one tenant's and all are shown, and compared
with Stripe's.  And another price list: how fast all tiers change at once, whom that keeps
waiting, and that none is lost, doubled or missing in the audit log when it dies meanwhile.

KGENT_SUBSCRIPTIONS: how many (500)."""
import bisect
import http.client
import json
import os
import random
import signal
import sys
import threading
import time

from daemon import resident_kib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../http"))
import fakestripe  # noqa: E402
import kgent  # noqa: E402
import lifecycles  # noqa: E402

COUNT = int(os.environ.get("KGENT_SUBSCRIPTIONS", "500"))
PATIENCE = float(os.environ.get("KGENT_PATIENCE", "1"))
LONG = 60 + COUNT / 50  # s, for what must come
BYTES = 2048  # of memory that a subscription may cost, its customer and tenant included


class Stripe(fakestripe.Stripe):
    """One that keeps its subscriptions in order."""

    def fill(self, subscriptions):
        self.all = {s["id"]: s for s in subscriptions}
        self.names = sorted(self.all)

    def get_subscriptions(self, p):
        at = bisect.bisect_right(self.names, p.get("starting_after", ""))
        names = self.names[at:at + int(p.get("limit", 10))]
        return {"object": "list", "url": "/v1/subscriptions", "data": [self.all[n] for n in names],
                "has_more": at + len(names) < len(self.names)}


def tenants_new(host, count, clients=4):
    """Tenants by number: several connections, since one waits for the disk each time."""
    found = [None] * count

    def make(first):
        c = kgent.SocketConnection(os.path.join(host.state, "admin.sock"))
        for n in range(first, count, clients):
            c.request("POST", "/admin/v1/tenants", json.dumps({"name": f"t{n}", "slug": f"t{n}"}),
                      {"Content-Type": "application/json"})
            found[n] = json.loads(c.getresponse().read())["id"]
        c.close()

    threads = [threading.Thread(target=make, args=(i,)) for i in range(clients)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return found


def thing(n, tenant, status):
    price = {"id": "price_pro", "product": "prod_pro", "unit_amount": 1900, "currency": "jpy"}
    return {"id": f"sub_{n:07d}", "object": "subscription", "customer": f"cus_{n:07d}",
            "status": status, "currency": "jpy", "metadata": {"tenant_id": tenant},
            "cancel_at_period_end": False,
            "items": {"data": [{"quantity": 1, "price": price}]}}


def events(tenants):
    """Two of each: it is made, and paid."""
    at = lifecycles.now() - 86400
    for n, tenant in enumerate(tenants):
        for what, status in (("created", "incomplete"), ("updated", "active")):
            name, kind = f"evt_{n}_{what}", f"customer.subscription.{what}"
            yield lifecycles.Event(name, what, at, status, None, None, lifecycles.text(
                name, kind, at, thing(n, tenant, status)))


def timed(function):
    begun = time.monotonic()
    result = function()
    return result, time.monotonic() - begun


def until_timed(ask, wanted):
    return timed(lambda: lifecycles.until(ask, wanted, LONG))


def mem(host):
    return resident_kib(host.process.pid)


def fill(host, tenants):
    before = mem(host)
    deliverer = lifecycles.Deliverer(host, list(events(tenants)))
    done, took = timed(lambda: deliverer.start().join(3600))
    kgent.ok(done, f"{2 * COUNT} events are taken: {2 * COUNT / took:.0f} in a second")
    wanted = 2 * COUNT, 0, 0
    got, took = timed(lambda: lifecycles.until(lambda: lifecycles.counts_of(host), wanted, LONG))
    kgent.equal(got, wanted, f"and processed {took:.2f} s later")
    got, took = timed(lambda: lifecycles.until(lambda: paid(host), COUNT, LONG))
    kgent.equal(got, COUNT, f"all have their tier {took:.2f} s later")
    grown = mem(host) - before
    kgent.ok(kgent.sanitized() or grown * 1024 < (32 << 20) + COUNT * BYTES,
             f"{grown} KiB more are in use, {mem(host)} in all")


def tiers_are(host, tier):
    return sum(v == tier for v in lifecycles.tiers_of(host).values())


def paid(host):
    return tiers_are(host, "PRO")


def shown(host, tenants, name):
    key = key_new(host, tenants[COUNT // 2])
    host.get("/v1/billing/subscription", key)
    times = []
    for _ in range(50):
        answer, took = timed(lambda: host.get("/v1/billing/subscription", key))
        times.append(took)
    kgent.equal([s["id"] for s in answer.json["subscriptions"]], [f"sub_{COUNT // 2:07d}"],
                f"{name}: a tenant sees its own")
    times.sort()
    kgent.ok(times[25] < 0.05 * PATIENCE, f"{name}: in {times[25] * 1000:.1f} ms, at worst "
             f"{times[-1] * 1000:.1f} ms")
    listed, took = timed(lambda: lifecycles.pages(host, "/admin/v1/billing/subscriptions",
                                                  "subscriptions"))
    kgent.equal(len({s["id"] for s in listed}), COUNT, f"{name}: all are listed")
    kgent.ok(took < (5 + COUNT / 2000) * PATIENCE, f"{name}: in {took:.2f} s")


# ---- All at once --------------------------------------------------------------


class Asker(threading.Thread):
    """A client that asks all the time, once at least."""

    def __init__(self, host, key):
        super().__init__(daemon=True)
        self.host, self.key, self.times = host, key, []
        self.stopping, self.wrong = threading.Event(), 0

    def run(self):
        c = http.client.HTTPConnection("127.0.0.1", self.host.port, timeout=60)
        ended = False
        while not ended:
            answer, took = timed(lambda: kgent.request(c, "GET", "/v1/me", headers=self.key))
            self.times.append(took)
            self.wrong += answer.status != 200
            ended = self.stopping.wait(0.002)  # between two requests, so that others have a turn
        c.close()

    def end(self, name):
        self.stopping.set()
        self.join()
        self.times.sort()
        p99 = self.times[len(self.times) * 99 // 100]
        kgent.equal(self.wrong, 0, f"{name}: {len(self.times)} requests are answered meanwhile")
        kgent.ok(p99 < 0.2 * PATIENCE, f"{name}: p99 is {p99 * 1000:.1f} ms, at worst "
                 f"{self.times[-1] * 1000:.1f} ms")


def records(host):
    """How many the audit log has."""
    return host.get("/admin/v1/audit?limit=1", local=True).json["head"]["seq"]


def key_new(host, tenant):
    return {"X-API-Key": host.post("/admin/v1/keys", {
        "name": "k", "tenant": tenant, "scopes": ["billing", "read"]}, local=True).json["key"]}


def repriced(host, stripe, tier):
    """Another tier for a price that all have, from the next start on."""
    others = lifecycles.BILLING.replace('tier = "PRO"; prices', f'tier = "{tier}"; prices')
    host.stop()
    host.configure(plugins(stripe, others))
    host.start()


def upgraded(host, stripe, tenants):
    key = key_new(host, tenants[0])
    before = records(host)
    repriced(host, stripe, "TEAMS")
    asker = Asker(host, key)
    asker.start()
    got, took = until_timed(lambda: records(host), before + COUNT)
    kgent.equal(got, before + COUNT, f"all tiers change in {took:.2f} s: {COUNT / took:.0f} in a "
                "second")
    asker.end("a change of all tiers")
    kgent.note(f"then {mem(host)} KiB are in use")
    kgent.ok(took < (3 + COUNT / 1000) * PATIENCE, "which is soon")
    kgent.equal(tiers_are(host, "TEAMS"), COUNT, "and right")


def told(host, n, tenant, name, status, at):
    kind = "customer.subscription.updated"
    e = lifecycles.Event(name, "updated", at, status, None, None,
                         lifecycles.text(name, kind, at, thing(n, tenant, status)))
    return lifecycles.Deliverer(host, [e]).start().join(60)


def tier_of(host, tenant):
    return host.get(f"/admin/v1/tenants/{tenant}", local=True).json["tier"]


def downgraded(host, stripe, tenants):
    """Dies in the middle; one tenant does not pay, and is not to wait for all the others."""
    before, last = records(host), tenants[-1]
    repriced(host, stripe, "PRO")
    kgent.until(lambda: records(host) > before + COUNT // 4)
    os.kill(host.process.pid, signal.SIGKILL)
    host.process.wait()
    host.start()
    kgent.note(f"it died when less than {records(host) - before} were changed")
    at = lifecycles.now() - 80000
    done = told(host, COUNT - 1, last, "evt_unpaid", "unpaid", at)
    got, took = until_timed(lambda: tier_of(host, last), "FREE")
    others = COUNT - 1 - (records(host) - before)
    kgent.equal((done, got), (True, "FREE"), f"one that does not pay has its tier {took:.3f} s later, "
                f"before {max(others, 0)} others")
    kgent.ok(took < 1 * PATIENCE, "within a second")
    kgent.equal(until_timed(lambda: tiers_are(host, "PRO"), COUNT - 1)[0], COUNT - 1,
                "and all others have theirs")
    told(host, COUNT - 1, last, "evt_paid", "active", at + 10)
    kgent.equal(until_timed(lambda: tier_of(host, last), "PRO")[0], "PRO", "it pays again")


def audited(host, tenants):
    """Each change is there once, and follows from the one before."""
    (status, out, err), took = timed(lambda: host.ctl("-t", "900", "audit", "verify", seconds=900))
    kgent.equal((status, err), (0, ""), f"the chain is whole, {records(host)} records in {took:.1f} s")
    found = {t: [] for t in tenants}
    for r in lifecycles.pages(host, "/admin/v1/audit", "records"):
        if r["action"] == "tenant.tier":
            found[r["target"]].append((r["before"]["tier"], r["after"]["tier"]))
    wanted = [("FREE", "PRO"), ("PRO", "TEAMS"), ("TEAMS", "PRO")]
    wrong = [t for t in tenants[:-1] if found[t] != wanted]
    kgent.equal(wrong[:3], [], "each change of a tier is in it once")
    last = [before for before, _ in found[tenants[-1]]] + ["PRO"]
    kgent.equal([after for _, after in found[tenants[-1]]], last[1:], "in their order")


# ---- From the start -----------------------------------------------------------


def killed(host, tenants):
    """Dies, with the tiers of some being wrong; how long until it serves, and all is right."""
    for t in random.sample(tenants, min(20, COUNT)):
        host.request("PATCH", f"/admin/v1/tenants/{t}", {"tier": "FREE"}, local=True)
    os.kill(host.process.pid, signal.SIGKILL)
    host.process.wait()
    _, took = timed(host.start)
    kgent.ok(took < (2 + COUNT / 20000) * PATIENCE, f"after a SIGKILL it serves in {took:.2f} s, with "
             f"{mem(host)} KiB")
    got, took = timed(lambda: lifecycles.until(lambda: paid(host), COUNT, LONG))
    kgent.equal(got, COUNT, f"and {took:.2f} s later all tiers are right")
    kgent.note(f"then {mem(host)} KiB are in use")


def reconciled(host, stripe, tenants):
    stripe.fill([thing(n, t, "active") for n, t in enumerate(tenants)])
    before = mem(host)
    (status, out, err), took = timed(lambda: host.ctl("-t", "900", "billing", "reconcile", "-j",
                                                      seconds=900))
    kgent.equal((status, err), (0, ""), f"reconcile finds nothing, in {took:.2f} s")
    kgent.equal(json.loads(out)["checked"], COUNT, "of all of them")
    kgent.ok(mem(host) - before < (64 << 10) + COUNT // 2, f"with {mem(host) - before} KiB more")
    for s in list(stripe.all.values())[:10]:
        s["status"] = "past_due"
    status, out, _ = host.ctl("-t", "900", "billing", "reconcile", "-j", seconds=900)
    kgent.equal((status, len(json.loads(out)["differences"])), (1, 10), "or what differs")


def plugins(stripe, billing):
    return [lifecycles.AUTH, 'load = "metering-openmeter";',
            billing + f'api_base = "{stripe.url}"; api_key = "{stripe.key}";']


def crowd():
    with Stripe() as stripe:
        with kgent.Host(plugins(stripe, lifecycles.BILLING), ["log.level=error", "log.access=false"]) as host:
            tenants, took = timed(lambda: tenants_new(host, COUNT))
            kgent.note(f"{COUNT} tenants in {took:.1f} s: {mem(host)} KiB")
            fill(host, tenants)
            shown(host, tenants, "warm")
            upgraded(host, stripe, tenants)
            downgraded(host, stripe, tenants)
            audited(host, tenants)
            killed(host, tenants)
            shown(host, tenants, "after a start")
            reconciled(host, stripe, tenants)


if __name__ == "__main__":
    kgent.main([crowd])
