#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Stripe's webhook as its contract says it: in which order a delivery is decided, what is
answered, what each type is recorded as, and how subscriptions drive tiers."""
import datetime
import itertools
import json
import tempfile
import time

import kgent
from stripe_tools import (SECRET, checkout, deliver, event, header, health, invoice,
                          metric, now, plugins, send, settled, subscription, tenant_new, tier,
                          until)

T = now() - 100
GOOD = event("evt_good")
NOT_JSON = b'{"id":"evt_x",'
WRONG = "t=1,v1=" + "0" * 64


def without(*path, value=None):
    """The event without a member, or with another value of it."""
    o = json.loads(GOOD)
    at = o
    for name in path[:-1]:
        at = at[name]
    if value is None:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return json.dumps(o)


# ---- The order of decisions ---------------------------------------------------

STEPS = (  # what is wrong, and what is answered when it is the first thing wrong
    ("secret", 503, None), ("header", 400, "Missing Stripe-Signature header"),
    ("signature", 400, "Invalid signature"), ("payload", 400, "Invalid payload"))


def order():
    """All sets of faults: the first of the order is what is answered."""
    hosts = [kgent.Host(plugins(secret=s)).start() for s in ("", None)]
    try:
        for n in range(len(STEPS) + 1):
            for faults in itertools.combinations(STEPS, n):
                names = [f[0] for f in faults]
                if {"header", "signature"} <= set(names):
                    continue  # none, and a wrong one
                host = hosts["secret" not in names]
                body = NOT_JSON if "payload" in names else GOOD
                sign = None if "header" in names else WRONG if "signature" in names else header(body)
                answer = deliver(host, body, sign)
                first = faults[0] if faults else (None, 200, None)
                good = answer.status == first[1] and (not first[2] or answer.json["detail"] == first[2])
                if not kgent.ok(good, f"wrong are {names}: {first[1]} {first[2] or ''}"):
                    kgent.note(answer.text)
        parts = hosts[0].get("/health").json["components"]
        kgent.equal(parts["billing"], "not_configured", "without a secret the health page says so")
        kgent.equal(metric(hosts[0], 'kgents_stripe_webhooks_errors_total'
                                     '{error_type="not_configured"}') > 0, True, "and it is counted")
    finally:
        for host in hosts:
            host.__exit__(None, None, None)


def payloads():
    with kgent.Host(plugins()) as host:
        bad = [("no JSON", "hello"), ("cut off", GOOD[:-1]), ("behind it", GOOD + "x"), ("empty", ""),
               ("a list", "[]"), ("a number", "1"), ("null", "null"), ("a text", '"x"'), ("{}", "{}"),
               ("a byte order mark", "\ufeff" + GOOD), ("NaN", GOOD.replace("500", "NaN")),
               ("id twice", GOOD[:-1] + ',"id":"evt_y"}'), ("a NUL", GOOD.replace("evt_good", "a\\u0000b")),
               ("depth 33", GOOD[:-1] + ',"x":' + "[" * 32 + "]" * 32 + "}")]
        bad += [(f"no {'.'.join(p)}", without(*p)) for p in
                (("id",), ("type",), ("created",), ("data",), ("data", "object"))]
        bad += [(f"{'.'.join(p)} is {v!r}", without(*p, value=v)) for p, values in
                ((("id",), ("", 1, [], True)), (("type",), ("", 1, {})),
                 (("created",), ("1", 1.5, -1, [], True)), (("data",), ("x", [], 1)),
                 (("data", "object"), ("x", [], 1))) for v in values]
        for name, body in bad:
            answer = deliver(host, body, header(body))
            kgent.equal((answer.status, answer.json["detail"]), (400, "Invalid payload"), name)
        kgent.equal(host.get("/admin/v1/billing/inbox", local=True).json["events"], [],
                    "none of them is stored")


def answers():
    with kgent.Host(plugins()) as host:
        got = [send(host, GOOD) for _ in range(2)]
        for answer, word in zip(got, ("received", "duplicate")):
            kgent.equal((answer.status, answer.headers["Content-Type"], answer.json),
                        (200, "application/json", {"status": word, "event_id": "evt_good",
                                                   "event_type": "invoice.paid"}), word)
        odd = 'evt_"\\\u2603'
        body = event(odd, 'a"b\\c')
        kgent.equal(send(host, body).json, {"status": "received", "event_id": odd,
                                            "event_type": 'a"b\\c'}, "names are escaped")
        for kind in ("text/plain", "", "application/json", "application/json; charset=utf-8"):
            kgent.equal(deliver(host, GOOD, header(GOOD), kind=kind).status, 200,
                        f"Content-Type {kind!r}: what is signed counts")
        wrong = host.get("/webhooks/stripe")
        kgent.equal((wrong.status, "POST" in (wrong.headers["Allow"] or "")), (405, True),
                    "GET: 405 with Allow")
        slash = deliver(host, GOOD, header(GOOD), target="/webhooks/stripe/")
        kgent.equal((slash.status, slash.headers["Location"]), (307, "/webhooks/stripe"),
                    "with a slash: 307")


def counted():
    """Each refusal under its reason; each event under its type, once where it is repeated."""
    with kgent.Host(plugins('livemode = "test"; bad_per_minute = 2;')) as host:
        live = event("evt_live", livemode=True)
        for body, sign in ((GOOD, None), (GOOD, WRONG), (GOOD, "x"), (GOOD, WRONG),
                           (NOT_JSON, header(NOT_JSON)), (live, header(live)), (GOOD, header(GOOD)),
                           (GOOD, header(GOOD))):
            deliver(host, body, sign)
        settled(host, 1)
        for kind, count in (("missing_header", 1), ("signature", 2), ("limited", 1), ("payload", 1),
                            ("livemode", 1), ("store", 0), ("not_configured", 0), ("process", 0)):
            name = f'kgents_stripe_webhooks_errors_total{{error_type="{kind}"}}'
            kgent.equal(until(lambda: metric(host, name), count), count, name)
        for name, count in (("kgents_stripe_webhooks_received_total", 2),
                            ("kgent_stripe_webhooks_duplicate_total", 1),
                            ("kgents_stripe_webhooks_processed_total", 1)):
            name += '{event_type="invoice.paid"}'
            kgent.equal(until(lambda: metric(host, name), count), count, name)


def health_page():
    with kgent.Host(plugins()) as host:
        for body in (GOOD, event("evt_o", "charge.updated"), event("evt_p", "product.deleted")):
            send(host, body)
        settled(host, 3)
        page = host.get("/webhooks/stripe/health", admin=True)
        kgent.equal((page.status, page.json), (200, {
            "stripe_sdk": True, "billing_module": True, "webhook_secret_configured": True,
            "openmeter_connected": False, "bridge_metrics": {
                "events_processed": 1, "events_skipped": 2, "events_failed": 0,
                "idempotency_store_size": 3}}), "the health page")
        kgent.equal(host.get("/webhooks/stripe/health").status, 404, "not for the public")
        kgent.equal(host.request("HEAD", "/webhooks/stripe/health", admin=True).status, 200, "HEAD")
    with kgent.Host(plugins(secret="")) as host:
        kgent.equal(host.get("/webhooks/stripe/health", admin=True).json["webhook_secret_configured"],
                    False, "without a secret it says so")


# ---- What is recorded ---------------------------------------------------------

STARTED = {"subscription_id", "plan_id", "status", "quantity", "amount", "currency", "trial_end"}
RECORDED = (  # type, the event, the ledger's id and type, members and values of its data
    ("checkout.session.completed", lambda t: checkout("evt_1", "a", t, T), "started-sub_a",
     "subscription.started", STARTED, {"subscription_id": "sub_a", "amount": 1900, "currency": "usd"}),
    ("customer.subscription.created",
     lambda t: subscription("evt_2", "created", "b", "trialing", T + 1, trial_end=T + 999,
                            metadata={"tenant_id": t}), "started-sub_b", "subscription.started",
     STARTED, {"subscription_id": "sub_b", "plan_id": "price_pro", "status": "trialing",
               "quantity": 1, "amount": 1900, "currency": "usd", "trial_end": T + 999}),
    ("customer.subscription.updated",
     lambda t: subscription("evt_3", "updated", "b", "active", T + 2, cancel_at_period_end=True),
     "evt_3", "subscription.updated", STARTED | {"cancel_at_period_end"},
     {"subscription_id": "sub_b", "status": "active", "cancel_at_period_end": True}),
    ("customer.subscription.deleted",
     lambda t: subscription("evt_4", "deleted", "b", "canceled", T + 3, canceled_at=T + 2,
                            ended_at=T + 3), "evt_4", "subscription.ended",
     STARTED | {"canceled_at", "ended_at"}, {"canceled_at": T + 2, "ended_at": T + 3}),
    ("invoice.paid", lambda t: invoice("evt_5", "paid", "b", T + 4), "evt_5", "payment.success",
     {"invoice_id", "amount", "currency", "billing_reason"},
     {"invoice_id": "in_evt_5", "amount": 1900, "currency": "usd",
      "billing_reason": "subscription_cycle"}),
    ("invoice.payment_failed",
     lambda t: invoice("evt_6", "payment_failed", "b", T + 5, next_payment_attempt=T + 777,
                       attempt_count=3), "evt_6", "payment.failed",
     {"invoice_id", "amount", "currency", "attempt_count", "next_payment_attempt"},
     {"attempt_count": 3, "next_payment_attempt": T + 777}),
)


def recorded():
    with kgent.Host(plugins()) as host:
        tenant, _ = tenant_new(host, "acme")
        for n, (kind, make, _, _, _, _) in enumerate(RECORDED):
            body = make(tenant)
            kgent.equal(json.loads(body)["type"], kind, f"{kind}: is sent")
            send(host, body)
            settled(host, n + 1)
        events = {e["id"]: e for e in host.events()}
        kgent.equal(len(events), len(RECORDED), "each is one event of the ledger")
        for n, (kind, _, name, type_, members, values) in enumerate(RECORDED):
            e = events.get(name, {"data": {}})
            at = datetime.datetime.fromisoformat(e.get("time", "1970-01-01T00:00:00Z")
                                                 .replace("Z", "+00:00")).timestamp()
            kgent.equal((e.get("type"), e.get("source"), e.get("subject"), e.get("specversion"), at),
                        (type_, "kgents-api", tenant, "1.0", T + n), f"{kind}: {type_} of {name}")
            kgent.equal((members - set(e["data"]), {k: e["data"].get(k) for k in values}),
                        (set(), values), f"{kind}: its data")


def waits():
    """What belongs to nobody known yet is not dropped."""
    with kgent.Host(plugins()) as host:
        tenant, _ = tenant_new(host, "acme")
        bodies = [subscription("evt_a", "created", "w", "active", T),
                  invoice("evt_b", "paid", "w", T), subscription("evt_c", "updated", "w", "active", T + 1)]
        for body in bodies:
            send(host, body)
        kgent.ok(settled(host, 3), "events of nobody known are passed")
        kgent.equal((host.events(), tier(host, tenant)), ([], "FREE"), "and have no effect yet")
        host.stop()
        host.start()
        kgent.equal(until(lambda: metric(host, "kgent_stripe_waiting"), 3), 3, "they wait")
        kgent.equal(host.ctl("billing", "customers", "map", "cus_w", "acme")[0], 0, "it is acme's")
        got = until(lambda: sorted(e["id"] for e in host.events()), ["evt_b", "evt_c", "started-sub_w"])
        kgent.equal(got, ["evt_b", "evt_c", "started-sub_w"], "they come into the ledger, once")
        kgent.equal({e["subject"] for e in host.events()}, {tenant}, "as the tenant's")
        kgent.equal(until(lambda: tier(host, tenant), "PRO"), "PRO", "and its tier follows")


# ---- Tiers --------------------------------------------------------------------


def within(host, tenant, wanted, name):
    begun = time.monotonic()
    got = until(lambda: tier(host, tenant), wanted, 5)
    took = time.monotonic() - begun
    kgent.ok(got == wanted and took < 1, f"{name}: {wanted} after {took:.3f} s")


def tiers():
    with kgent.Host(plugins("grace_days = 2;")) as host:
        ways = (("a price", {"id": "price_pro"}, "PRO"),
                ("a lookup key", {"id": "price_x", "lookup_key": "pro_yearly"}, "PRO"),
                ("a product", {"id": "price_y", "product": "prod_teams"}, "TEAMS"),
                ("a product's metadata", {"id": "price_z", "product": {
                    "id": "prod_z", "metadata": {"kgent_tier": "TEAMS"}}}, "TEAMS"),
                ("a price's metadata", {"id": "price_m", "product": "prod_m",
                                        "metadata": {"kgent_tier": "PRO"}}, "PRO"))
        for n, (name, price, wanted) in enumerate(ways):
            tenant, key = tenant_new(host, f"t{n}")
            send(host, subscription(f"evt_{n}", "created", f"t{n}", "active", T, price=price,
                                    metadata={"tenant_id": tenant}))
            within(host, tenant, wanted, name)
            own = host.get("/v1/billing/subscription", key).json
            kgent.equal((own["tenant"], own["tier"], [s["id"] for s in own["subscriptions"]]),
                        (tenant, wanted, [f"sub_t{n}"]), f"{name}: its tenant sees it, and no other")
            send(host, subscription(f"evt_{n}_e", "deleted", f"t{n}", "canceled", T + 5))
            within(host, tenant, "FREE", f"{name}, deleted")
        tenant, _ = tenant_new(host, "due")
        send(host, subscription("evt_due", "created", "due", "active", now() - 9 * 86400,
                                metadata={"tenant_id": tenant}))
        within(host, tenant, "PRO", "before a payment is due")
        send(host, subscription("evt_due2", "updated", "due", "past_due", now() - 2 * 86400 + 3))
        within(host, tenant, "PRO", "past_due")
        kgent.equal(until(lambda: tier(host, tenant), "FREE"), "FREE", "past the grace")
        send(host, subscription("evt_due3", "updated", "due", "active", now()))
        within(host, tenant, "PRO", "paid after all")
        send(host, subscription("evt_due4", "updated", "due", "active", now() + 1,
                                price={"id": "price_unknown", "product": "prod_unknown"}))
        until(lambda: "price_unknown" in host.get("/health").json["components"]["billing_tiers"], True)
        kgent.contains(host.get("/health").json["components"]["billing_tiers"], "price_unknown",
                       "a price that nobody knows is named")
        kgent.equal(tier(host, tenant), "PRO", "and changes no tier")


def simulated():
    """The timeline is the same whoever asks, in whatever order, and nothing is stored."""
    with kgent.Host(plugins("grace_days = 2;")) as host:
        bodies = [subscription("evt_a", "created", "s", "trialing", T, trial_end=T + 86400),
                  subscription("evt_b", "updated", "s", "active", T + 86400),
                  subscription("evt_c", "updated", "s", "past_due", T + 2 * 86400),
                  subscription("evt_d", "deleted", "s", "canceled", T + 9 * 86400)]
        tables = set()
        for some in itertools.permutations(bodies):
            with tempfile.NamedTemporaryFile("w", suffix=".json") as f:
                f.write("[" + ",".join(some) + "]")
                f.flush()
                status, out, _ = host.ctl("billing", "simulate", f.name, "-j")
                rows = [(r["at"] if "at" in r else r.get("time"), r.get("standing"), r.get("tier"))
                        for r in json.loads(out)["timeline"]]
                tables.add((status, json.dumps(rows)))
        kgent.equal(len(tables), 1, "24 orders, one timeline")
        kgent.equal([(r[1], r[2]) for r in json.loads(tables.pop()[1])],
                    [("trial", "PRO"), ("paid", "PRO"), ("grace", "PRO"), ("overdue", "FREE"),
                     ("ended", "FREE")], "which is right")
        kgent.equal(health(host)["idempotency_store_size"], 0, "nothing is stored")
        kgent.ok(SECRET not in host.logged(), "no secret is logged")


if __name__ == "__main__":
    kgent.main([order, payloads, answers, counted, health_page, recorded, waits, tiers, simulated])
