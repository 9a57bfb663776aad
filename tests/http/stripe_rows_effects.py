#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""What comes of Stripe's events (FAULTS.md S07, S09, S10): in any order one end, one start
for one subscription, and amounts as Stripe has them, to the last digit, wherever they are
shown."""
import itertools
import json
import tempfile

import kgent
from stripe_tools import (SECRET, checkout, deliver, event, header, ids, invoice, metric,
                          now, plugins, send, settled, subscription, tenant_new, tier, until)

T = now() - 1000


def shown(host, sub):
    """A subscription as the operator sees it."""
    listed = host.get("/admin/v1/billing/subscriptions", local=True).json["subscriptions"]
    return {s["id"]: s for s in listed}.get("sub_" + sub)


def sent(host, bodies):
    got = {send(host, b).status for b in bodies}
    assert got == {200}, got


# ---- S07: out of order --------------------------------------------------------


def lifecycle(sub, tenant):
    return [subscription(f"evt_{sub}_a", "created", sub, "incomplete", T, metadata={"tenant_id": tenant}),
            subscription(f"evt_{sub}_b", "updated", sub, "active", T + 10),
            subscription(f"evt_{sub}_c", "updated", sub, "past_due", T + 20),
            subscription(f"evt_{sub}_d", "deleted", sub, "canceled", T + 30, ended_at=T + 30)]


def s07():
    """All orders of four events, each a subscription and a tenant of its own."""
    with kgent.Host(plugins()) as host:
        orders = list(itertools.permutations(range(4)))
        tenants = []
        for n, order in enumerate(orders):
            tenants.append(tenant_new(host, f"t{n}")[0])
            bodies = lifecycle(str(n), tenants[n])
            sent(host, [bodies[i] for i in order])
        kgent.ok(settled(host, 4 * len(orders)), "S07 all are processed")
        ends = {json.dumps({k: v for k, v in shown(host, str(n)).items()
                            if k not in ("id", "customer", "tenant")}, sort_keys=True)
                for n in range(len(orders))}
        kgent.equal(len(ends), 1, f"S07 {len(orders)} orders end in one state")
        end = json.loads(ends.pop())
        kgent.equal((end["status"], end["standing"], end["served"]), ("canceled", "ended", False),
                    "S07 it has ended")
        until(lambda: {tier(host, t) for t in tenants}, {"FREE"})
        kgent.equal({tier(host, t) for t in tenants}, {"FREE"}, "S07 and so has the tier")
        wanted = sorted(i for n in range(len(orders)) for i in
                        [f"started-sub_{n}"] + [f"evt_{n}_{x}" for x in "bcd"])
        kgent.equal(until(lambda: ids(host), wanted), wanted, "S07 each has one effect, whatever its order")


def s07_deleted_first():
    with kgent.Host(plugins()) as host:
        tenant, _ = tenant_new(host, "acme")
        a, b, c, d = lifecycle("x", tenant)
        sent(host, [d])
        settled(host, 1)
        sent(host, [checkout("evt_x_e", "x", tenant, T), a, b])
        settled(host, 4)
        kgent.equal((shown(host, "x")["status"], tier(host, tenant)), ("canceled", "FREE"),
                    "S07 deleted before created: it stays ended")
        sent(host, [c])
        settled(host, 5)
        late = subscription("evt_x_f", "updated", "x", "active", T + 60)
        sent(host, [late])
        settled(host, 6)
        kgent.equal((shown(host, "x")["status"], tier(host, tenant)), ("canceled", "FREE"),
                    "S07 and does not rise again")


def s07_ties():
    """Two in one second: both are kept, the tie is flagged, the end is the same."""
    with kgent.Host(plugins()) as host:
        ends = []
        for n, order in enumerate(itertools.permutations(range(3))):
            tenant, _ = tenant_new(host, f"tie{n}")
            bodies = [subscription(f"evt_tie{n}_a", "created", f"tie{n}", "incomplete", T,
                                   metadata={"tenant_id": tenant}),
                      subscription(f"evt_tie{n}_b", "updated", f"tie{n}", "active", T),
                      subscription(f"evt_tie{n}_c", "updated", f"tie{n}", "past_due", T)]
            sent(host, [bodies[i] for i in order])
            settled(host, 3 * n + 3)
            s = shown(host, f"tie{n}")
            ends.append((s["status"], s["standing"], s["price"], s["amount"]))
            kgent.ok(s["ties"] >= 1, f"S07 a tie is flagged, order {order}")
            wanted = [f"evt_tie{n}_b", f"evt_tie{n}_c", f"started-sub_tie{n}"]
            got = until(lambda: [i for i in ids(host) if f"tie{n}" in i], wanted)
            kgent.equal(got, wanted, "S07 both sides of a tie are in the ledger")
        kgent.equal(len(set(ends)), 1, f"S07 ties end the same in any order: {ends[0]}")
        listed = {e["id"] for e in host.get("/admin/v1/billing/inbox?limit=1000",
                                            local=True).json["events"]}
        kgent.equal(len(listed), 18, "S07 and all stay in the inbox")


# ---- S09: one start -----------------------------------------------------------


def s09():
    with kgent.Host(plugins()) as host:
        count = 0
        for n, order in enumerate(("cs", "sc", "ccss", "scsc", "c", "s")):
            sub = f"nine{n}"
            tenant, key = tenant_new(host, sub)
            one = {"c": checkout(f"evt_{sub}_c", sub, tenant, T),
                   "s": subscription(f"evt_{sub}_s", "created", sub, "active", T,
                                     metadata={"tenant_id": tenant})}
            sent(host, [one[x] for x in order])
            count += len(set(order))
            settled(host, count)
            mine = [e for e in host.events() if e["subject"] == tenant]
            kgent.equal([(e["id"], e["type"]) for e in mine],
                        [(f"started-sub_{sub}", "subscription.started")],
                        f"S09 {order}: one subscription.started, named by the subscription")
            data = mine[0]["data"]
            kgent.equal((data["subscription_id"], data["amount"], data["currency"]),
                        (f"sub_{sub}", 1900, "usd"), f"S09 {order}: of this subscription")
            if "s" in order:
                s = shown(host, sub)
                kgent.equal((s["status"], s["price"], s["quantity"], s["amount"]),
                            ("active", "price_pro", 1, 1900), f"S09 {order}: what is known of it")
                kgent.equal(until(lambda: tier(host, tenant), "PRO"), "PRO", f"S09 {order}: its tier")
        tenant, _ = tenant_new(host, "two")
        sent(host, [checkout("evt_two_a", "twoa", tenant, T), checkout("evt_two_b", "twob", tenant, T)])
        settled(host, count + 2)
        kgent.equal(sorted(e["id"] for e in host.events() if e["subject"] == tenant),
                    ["started-sub_twoa", "started-sub_twob"], "S09 two subscriptions start twice")
        again = checkout("evt_two_c", "twoa", tenant, T + 5)
        sent(host, [again])
        settled(host, count + 3)
        kgent.equal(len([e for e in host.events() if e["subject"] == tenant]), 2,
                    "S09 another event for one that has started")
        payment = event("evt_pay", "checkout.session.completed", {
            "id": "cs_pay", "mode": "payment", "customer": "cus_pay", "subscription": None,
            "client_reference_id": tenant, "amount_total": 5, "currency": "usd"}, T)
        sent(host, [payment])
        settled(host, count + 4)
        kgent.equal(len([e for e in host.events() if e["subject"] == tenant]), 2,
                    "S09 a checkout without a subscription starts none")


# ---- S10: amounts -------------------------------------------------------------

AMOUNTS = [("jpy", 1900), ("krw", 50000), ("kwd", 12345), ("usd", 1999), ("jpy", 1), ("krw", 0),
           ("kwd", 999999999999), ("jpy", 9007199254740993), ("krw", 9223372036854775807),
           ("bhd", 1001), ("vnd", 2500000)]


def s10():
    with kgent.Host(plugins()) as host:
        for n, (currency, amount) in enumerate(AMOUNTS):
            sub = f"ten{n}"
            tenant, key = tenant_new(host, sub)
            sent(host, [subscription(f"evt_{sub}_a", "created", sub, "active", T, amount, currency,
                                     metadata={"tenant_id": tenant}),
                        subscription(f"evt_{sub}_b", "updated", sub, "active", T + 1, amount, currency),
                        invoice(f"evt_{sub}_c", "paid", sub, T + 2, amount, currency),
                        invoice(f"evt_{sub}_d", "payment_failed", sub, T + 3, amount, currency)])
            settled(host, 4 * n + 4)
            money(host, sub, tenant, key, amount, currency)
        refused_amounts(host, 4 * len(AMOUNTS))


def money(host, sub, tenant, key, amount, currency):
    """One amount everywhere where it is shown, as text, so that no reader rounds it."""
    name, text = f"S10 {amount} {currency}", f'"amount":{amount},"currency":"{currency}"'
    events = [e for e in host.events() if e["subject"] == tenant]
    kgent.equal([(e["type"], e["data"]["amount"], e["data"]["currency"]) for e in events],
                [(t, amount, currency) for t in ("subscription.started", "subscription.updated",
                                                 "payment.success", "payment.failed")],
                f"{name}: in the ledger")
    kgent.ok(all(type(e["data"]["amount"]) is int for e in events), f"{name}: integers")
    page = host.get("/admin/v1/usage/events?limit=1000&after=0", local=True).text
    kgent.ok(page.count(f'"amount":{amount},') >= 4, f"{name}: as text, too")
    kgent.contains(host.get("/v1/billing/subscription", key).text, text, f"{name}: for its tenant")
    kgent.contains(host.get(f"/admin/v1/billing/subscriptions?tenant={tenant}", local=True).text,
                   text, f"{name}: for the operator")
    status, out, _ = host.ctl("billing", "list", "--tenant", sub, "-j")
    kgent.ok(status == 0 and text in out, f"{name}: by kgentctl")
    status, out, _ = host.ctl("billing", "inbox", "show", f"evt_{sub}_c", "-j")
    kgent.ok(status == 0 and json.loads(out)["event"]["data"]["object"]["amount_paid"] == amount,
             f"{name}: in the inbox")
    with tempfile.NamedTemporaryFile("w", suffix=".json") as f:
        f.write(subscription("evt_sim", "created", sub, "active", T, amount, currency))
        f.flush()
        kgent.equal(host.ctl("billing", "simulate", f.name)[0], 0, f"{name}: simulated")


def refused_amounts(host, count):
    """What is no integer of 64 bits becomes none: never rounded, never a money event."""
    before = len(host.events())
    odd = ["19.0", "19.5", "1e3", '"1900"', "true", "[]", "{}", "1900.00", "-0.0"]
    for n, text in enumerate(odd):
        sent(host, [event(f"evt_odd{n}", "invoice.paid", {"id": "in_1", "customer": "cus_ten0",
                                                          "amount_paid": 77, "currency": "jpy"}, T)
                    .replace("77", text)])
        settled(host, count + n + 1)
    listed = {e["id"]: e for e in host.get("/admin/v1/billing/inbox?state=parked",
                                           local=True).json["events"]}
    kgent.equal(set(listed), {f"evt_odd{n}" for n in range(len(odd))},
                "S10 no integer: parked, each of them")
    kgent.equal({e["reason"] for e in listed.values()}, {"an amount is no integer"}, "S10 and why")
    kgent.equal(until(lambda: metric(host, "kgent_stripe_parked"), len(odd)), len(odd), "S10 counted")
    for n, text in enumerate(("9223372036854775808", "-9223372036854775809", "1" + "0" * 39)):
        body = event(f"evt_big{n}", "invoice.paid", {"id": "in_1", "customer": "cus_ten0",
                                                     "amount_paid": 77, "currency": "jpy"},
                     T).replace("77", text)
        answer = deliver(host, body, header(body))
        kgent.equal((answer.status, answer.json["detail"]), (400, "Invalid payload"),
                    f"S10 {text[:12]}... is beyond 64 bits: 400")
    kgent.equal(len(host.events()), before, "S10 none of them is in the ledger")
    kgent.ok(SECRET not in host.logged(), "no secret is logged")


if __name__ == "__main__":
    kgent.main([s07, s07_deleted_first, s07_ties, s09, s10])
