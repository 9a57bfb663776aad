#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""refetch: how a subscription is Stripe says when it is asked, whatever events say and in
which order; while it does not answer events wait, and are then taken as they are, aloud."""
import json
import random
import time

import fakestripe
import kgent
from billing_reconcile import SECRET, deliver, tenant_new, tier, until

SUBS = "/v1/subscriptions/"


def metric(host, name, labels=""):
    for line in host.get("/metrics", admin=True).text.splitlines():
        if line.startswith(f"{name}{labels} "):
            return float(line.split()[1])
    return 0.0


def outcome(host, name):
    return metric(host, "kgent_stripe_refetch_total", f'{{outcome="{name}"}}')


def reads(stripe):
    with stripe.lock:
        return len([1 for m, path, _, _ in stripe.seen if m == "GET" and path.startswith(SUBS)])


def subscription(host, tenant, name):
    found = host.get(f"/admin/v1/billing/subscriptions?tenant={tenant}", local=True).json
    return {s["id"]: s for s in found["subscriptions"]}.get(name, {})


def ledger(host):
    page = host.get("/admin/v1/usage/events?limit=1000", local=True).json
    return sorted(e["id"] for e in page["events"])


def health(host):
    return host.get("/health").json["components"]["stripe_refetch"]


def old(sub, **members):
    """The subscription as an event has it that is not of now."""
    return {**json.loads(json.dumps(sub)), **members}


def asked(host, stripe, pro, team):
    """An old event alone: what Stripe says counts, within a second."""
    acme = tenant_new(host, "acme")
    s = stripe.subscribe(stripe.add("customers", "cus")["id"], team, metadata={"tenant_id": acme})
    first = stripe.event("customer.subscription.created", old(s, status="incomplete"))
    deliver(host, first)
    start = time.monotonic()
    until(lambda: tier(host, acme), "TEAMS", "what Stripe has counts, not the event")
    kgent.ok(time.monotonic() - start < 1, "within a second")
    now = int(time.time())
    for i in range(4):  # past_due would win the tie
        deliver(host, stripe.event("customer.subscription.updated",
                                   old(s, status=("past_due", "active")[i % 2]), created=now))
    until(lambda: len(ledger(host)), 5, "each event is in the ledger")
    seen = subscription(host, acme, s["id"])
    kgent.equal((seen["status"], seen["ties"], seen["standing"]), ("active", 0, "paid"),
                "a tie is settled")
    deliver(host, first)
    kgent.equal(len(ledger(host)), 5, "and once")


def any_order(host, stripe, pro):
    """Lives in any order and twice: all end as Stripe says."""
    dice, wanted, sent = random.Random(7), {}, set()
    texts, ends = [], (("active", "PRO"), ("canceled", "FREE"), ("unpaid", "FREE"))
    for i in range(24):
        tenant = tenant_new(host, f"many{i}")
        status, wanted[tenant] = ends[i % 3]
        s = stripe.subscribe(stripe.add("customers", "cus")["id"], pro, status=status,
                             metadata={"tenant_id": tenant})
        at = int(time.time()) - 1000
        for k, past in enumerate(("incomplete", "active", "past_due", "active", status)):
            kind = "created" if not k else "deleted" if past == "canceled" else "updated"
            texts.append(stripe.event(f"customer.subscription.{kind}", old(s, status=past),
                                      created=at + k // 2))
            sent.add(f"started-{s['id']}" if not k else json.loads(texts[-1])["id"])
    texts += dice.choices(texts, k=40)
    dice.shuffle(texts)
    for text in texts:
        deliver(host, text)
    until(lambda: {t: tier(host, t) for t in wanted}, wanted, "all end as Stripe has them")
    until(lambda: sent <= set(ledger(host)), True, "and each event is in the ledger")
    kgent.equal(len(ledger(host)), 5 + len(sent), "once")
    kgent.ok(subscription(host, tenant, s["id"])["due_since"] is not None,
             "since when a payment is due is the event's time")


def waits(host, stripe, pro):
    tenant = tenant_new(host, "waits")
    s = stripe.subscribe(stripe.add("customers", "cus")["id"], pro, metadata={"tenant_id": tenant})
    stripe.fail("GET", SUBS, status=500, times=4)
    stripe.fail("GET", SUBS, status=500, headers={"Stripe-Should-Retry": "false"})
    stripe.fail("GET", SUBS, reset=True)
    stripe.fail("GET", SUBS, status=429, headers={"Retry-After": "1"})
    deliver(host, stripe.event("customer.subscription.created", old(s, status="incomplete")))
    until(lambda: outcome(host, "failed") > 0, True, "while Stripe fails")
    kgent.equal(tier(host, tenant), "FREE", "the event waits")
    kgent.contains(health(host), "degraded: Stripe does not tell", "which a component tells")
    until(lambda: tier(host, tenant), "PRO", "and is processed when Stripe answers", 25)
    kgent.equal(outcome(host, "fallback"), 0.0, "nothing was taken from events")


def falls_back(host, stripe, pro):
    """Not before refetch_wait, and not in silence."""
    tenant = tenant_new(host, "alone")
    s = stripe.subscribe(stripe.add("customers", "cus")["id"], pro, metadata={"tenant_id": tenant})
    stripe.fail("GET", SUBS, status=503, headers={"Stripe-Should-Retry": "false"}, times=500)
    start = time.monotonic()
    deliver(host, stripe.event("customer.subscription.created", s))
    until(lambda: tier(host, tenant), "PRO", "Stripe is silent, and the event counts", 30)
    kgent.ok(time.monotonic() - start > 2, "after it had waited")  # in whole seconds
    kgent.equal(outcome(host, "fallback"), 1.0, "which is counted")
    kgent.ok(host.says("1 subscriptions are taken from their events"), "and logged")
    stripe.failures.clear()
    late = tenant_new(host, "late")
    more = stripe.subscribe(stripe.add("customers", "cus")["id"], pro, metadata={"tenant_id": late})
    deliver(host, stripe.event("customer.subscription.created", old(more, status="incomplete")))
    until(lambda: tier(host, late), "PRO", "then Stripe is asked again")
    kgent.contains(health(host), "kgentctl billing reconcile compares them", "the cure is told")
    kgent.equal(host.ctl("billing", "reconcile")[0], 0, "all was compared")
    kgent.equal(health(host), "ok", "and all is well")


def missing(host, stripe, pro):
    tenant = tenant_new(host, "gone")
    s = stripe.subscribe("cus_x", pro, metadata={"tenant_id": tenant})
    text = stripe.event("customer.subscription.created", s)
    del stripe.objects["subscriptions"][s["id"]]
    deliver(host, text)
    until(lambda: tier(host, tenant), "PRO", "what Stripe does not have is as events say")
    path = SUBS + s["id"]  # asked for again when its step is begun again
    until(lambda: outcome(host, "missing") == len(stripe.asked("GET", path)) > 0, True,
          "which is counted")


def named(host, stripe, pro):
    """An event of before somebody wrote into the metadata whose it is."""
    tenant = tenant_new(host, "named")
    s = stripe.subscribe(stripe.add("customers", "cus")["id"], pro, metadata={"tenant_id": tenant})
    deliver(host, stripe.event("customer.subscription.created", old(s, metadata={})))
    until(lambda: tier(host, tenant), "PRO", "whose a subscription is Stripe says, too")
    until(lambda: f"started-{s['id']}" in ledger(host), True, "and the ledger has it")


def block(stripe, pro, team, more, key=True):
    key = f'api_key = "{stripe.key}";' if key else ""
    return (f'load = "billing-stripe"; webhook_secret = "{SECRET}"; api_base = "{stripe.url}"; {key}'
            f'refetch = true; {more} plans = ( {{ tier = "PRO"; prices = ( "{pro["id"]}" ); }}, '
            f'{{ tier = "TEAMS"; prices = ( "{team["id"]}" ); }} );')


def tests():
    with fakestripe.Stripe() as stripe:
        pro, team = stripe.price("PRO", 1900), stripe.price("TEAMS", 9900)
        plugins = ["health", 'load = "auth";', 'load = "metering-openmeter";']
        with kgent.Host(plugins=[*plugins, block(stripe, pro, team, "")]) as host:
            asked(host, stripe, pro, team)
            any_order(host, stripe, pro)
            waits(host, stripe, pro)
            missing(host, stripe, pro)
            named(host, stripe, pro)
        with (fakestripe.Stripe() as own, kgent.Host(plugins=[
                *plugins, block(own, own.price("PRO", 1), team, "refetch_wait = 3;")]) as host):
            falls_back(host, own, list(own.objects["prices"])[0])
        host = kgent.Host(plugins=[*plugins, block(stripe, pro, team, "", key=False)])
        try:
            host.start()
            kgent.ok(False, "without a key it does not start")
        except RuntimeError as e:
            kgent.contains(str(e), "billing-stripe.refetch: it needs api_key",
                           "without a key it does not start")


if __name__ == "__main__":
    kgent.main([tests])
