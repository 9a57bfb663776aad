#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""All 720 orders of a lifecycle's six events, each with events that come again, over the
whole way from webhook to tier: each order has a subscription, a customer and a tenant of
its own in one host, and all end in the same state, with each event in the ledger once."""
import collections
import itertools
import json
import os
import random

import kgent
import lifecycles

SEED = int(os.environ.get("KGENT_SEED", str(random.SystemRandom().randrange(1 << 30))))
CLIENTS = 6
# One that goes on, and one that ends: what, seconds after the first, status, price.
GOES_ON = (("c", 0, "active", "price_pro"), ("*", 0, "incomplete", "price_pro"),
           ("i", 1, None, "price_pro"), ("+", 1, "active", "price_pro"),
           ("+", 1, "past_due", "price_pro"), ("+", 86400, "active", "price_teams"))
ENDS = (("c", 0, "active", "price_teams"), ("*", 0, "trialing", "price_teams"),
        ("+", 86400, "active", "price_teams"), ("f", 2 * 86400, None, "price_teams"),
        ("+", 2 * 86400, "past_due", "price_teams"), ("-", 2 * 86400, "canceled", "price_teams"))


class Order(lifecycles.Subscription):
    """A subscription whose events come in one order.  Its checkout alone says whose it is."""

    def __init__(self, name, tenant, story, order, dice, start):
        self.id, self.customer, self.tenant, self.events = f"sub_{name}", f"cus_{name}", tenant, []
        self.named = "checkout"
        for i, (what, after, status, price) in enumerate(story):
            self.add(f"evt_{name}_{i}", what, start + after, status, price)
        self.deliveries = []
        for n, i in enumerate(order):
            self.deliveries.append(self.events[i])
            while dice.random() < 0.25:
                self.deliveries.append(self.events[dice.choice(order[:n + 1])])

    def ledger(self):
        return [lifecycles.EFFECTS[e.what] for e in self.events]


def mixed(orders, dice):
    """All deliveries in one list, those of each order in its own order."""
    turns = [o for o in orders for _ in o.deliveries]
    dice.shuffle(turns)
    steps = {o.id: iter(o.deliveries) for o in orders}
    return [next(steps[o.id]) for o in turns]


def deliver(host, orders, dice):
    """Each client brings the events of some orders, one after the other."""
    clients = [lifecycles.Deliverer(host, mixed(orders[i::CLIENTS], dice), 1).start()
               for i in range(CLIENTS)]
    kgent.ok(all([c.join() for c in clients]), f"{sum(c.total for c in clients)} deliveries of "
             f"{6 * len(orders)} events in {len(orders)} orders are answered with 200")
    received = sum((c.received for c in clients), collections.Counter())
    kgent.equal(({sum(c.statuses[s] for c in clients) for c in clients for s in c.statuses
                  if s != 200}, set(received.values())), (set(), {1}),
                "each event was new once, and nothing refused")


def alike(o, order):
    """What is told of it, without its names."""
    text = json.dumps(o, sort_keys=True)
    for name in (order.id, order.customer, order.tenant):
        text = text.replace(name, "x")
    return text


def compare(host, orders, story, end):
    status, standing, served, price, tier, ties = end
    by_id = {o.id: o for o in orders}
    found = {s["id"]: s for s in lifecycles.pages(host, "/admin/v1/billing/subscriptions",
                                                  "subscriptions") if s["id"] in by_id}
    kgent.equal(len(found), len(orders), f"{len(orders)} subscriptions {story}")
    kgent.equal(len({alike(s, by_id[n]) for n, s in found.items()}), 1, "all in one state")
    s = found[orders[0].id]
    kgent.equal((s["status"], s["standing"], s["served"], s["price"], s["ties"]),
                (status, standing, served, price, ties), "which is the right one")
    kgent.equal([n for n, s in found.items() if s["tenant"] != by_id[n].tenant], [],
                "each its tenant's")
    tenants = {o.tenant for o in orders}
    got = lifecycles.until(lambda: {v for t, v in lifecycles.tiers_of(host).items()
                                    if t in tenants}, {tier})
    kgent.equal(got, {tier}, f"and all tenants have {tier}")


def effects(host, orders):
    wanted = {}
    for o in orders:
        for e, kind in zip(o.events, o.ledger()):
            name = f"started-{o.id}" if kind == "subscription.started" else e.id
            wanted[name] = (o.tenant, kind)
    lifecycles.until(lambda: len(lifecycles.ledger_of(host)), len(wanted))
    events = host.events()
    kgent.equal(len(events), len(wanted), f"{len(wanted)} effects in the ledger, none twice")
    kgent.equal({e["id"]: (e["subject"], e["type"]) for e in events}, wanted,
                "one of each event, checkout and creation being one start")
    by_sub = {o.id: o for o in orders}
    kinds = collections.defaultdict(set)
    for e in events:
        if "subscription_id" in e["data"] and e["type"] != "subscription.started":
            order = by_sub[e["data"]["subscription_id"]]
            data = {k: v for k, v in e["data"].items() if not k.endswith("_id")}
            kinds[order.events[0].price, e["type"], e["id"].rsplit("_", 1)[1]].add(
                alike([data, e["time"]], order))
    kgent.equal((len(kinds), [k for k, v in kinds.items() if len(v) > 1]), (8, []),
                "whose content does not depend on the order either")


def permutations():
    dice = random.Random(SEED)
    kgent.note(f"KGENT_SEED={SEED}")
    with kgent.Host(lifecycles.PLUGINS, ["log.level=warn", "log.access=false"]) as host:
        ways = list(itertools.permutations(range(6)))
        tenants = iter(lifecycles.tenants_new(host, 2 * len(ways)))
        start = lifecycles.now() - 10 * 86400
        on = [Order(f"on{n}", next(tenants), GOES_ON, way, dice, start)
              for n, way in enumerate(ways)]
        end = [Order(f"end{n}", next(tenants), ENDS, way, dice, start)
               for n, way in enumerate(ways)]
        deliver(host, on + end, dice)
        count = 6 * len(on + end)
        kgent.equal(lifecycles.until(lambda: lifecycles.counts_of(host), (count, 0, 0), 60),
                    (count, 0, 0), "each event is counted once")
        compare(host, on, "that go on", ("active", "paid", True, "price_teams", "TEAMS", 0))
        compare(host, end, "that end", ("canceled", "ended", False, "price_teams", "FREE", 0))
        effects(host, on + end)


if __name__ == "__main__":
    kgent.main([permutations])
