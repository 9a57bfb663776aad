#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Refunds and disputes in the ledger: each event once, in any order and however often it comes;
whose they are only the charge tells, which may come later."""
import itertools

import kgent
from stripe_tools import (checkout, event, ids, metric, now, plugins, send, settled, tenant_new,
                          until)

T = now() - 1000
TYPES = {"payment.refund_updated", "payment.disputed", "payment.dispute_withdrawn",
         "payment.dispute_closed", "payment.dispute_reinstated"}


def charge(n, kind="charge.succeeded", **members):
    return event(f"evt_{n}_h", kind, {"id": f"ch_{n}", "object": "charge",
                                      "customer": f"cus_{n}", "amount": 5000, "currency": "jpy",
                                      **members}, T + 1)


def dispute(n, what, status, **members):
    return event(f"evt_{n}_{what}", f"charge.dispute.{what}", {
        "id": f"dp_{n}", "object": "dispute", "charge": f"ch_{n}", "payment_intent": f"pi_{n}",
        "amount": 5000, "currency": "jpy", "reason": "fraudulent", "status": status,
        "evidence_details": {"due_by": T + 86400}, **members}, T + 2)


def refund(n, status="failed", **members):
    return event(f"evt_{n}_r", "refund.updated", {
        "id": f"re_{n}", "object": "refund", "charge": f"ch_{n}", "amount": 1200,
        "currency": "jpy", "status": status, "reason": "requested_by_customer",
        "failure_reason": "expired_or_canceled_card", **members}, T + 3)


def sent(host, bodies):
    got = {send(host, b).status for b in bodies}
    assert got == {200}, got


def any_order():
    """Checkout (whose customer), charge (whose charge), a dispute and a refund."""
    with kgent.Host(plugins()) as host:
        orders, count, wanted, names = list(itertools.permutations("chdr")), 0, [], {}
        for n, order in enumerate(orders):
            tenant, _ = tenant_new(host, f"t{n}")
            names[tenant] = n
            one = {"c": checkout(f"evt_{n}_c", str(n), tenant, T), "h": charge(n),
                   "d": dispute(n, "created", "needs_response"), "r": refund(n)}
            sent(host, [one[x] for x in order] + [one[x] for x in reversed(order)])
            sent(host, [dispute(n, "funds_withdrawn", "needs_response"),
                        dispute(n, "closed", "won"), dispute(n, "funds_reinstated", "won")] * 2)
            count += 7
            wanted += [f"started-sub_{n}"] + [f"evt_{n}_{x}" for x in (
                "created", "r", "funds_withdrawn", "closed", "funds_reinstated")]
        kgent.ok(settled(host, count), "all are processed")
        wanted.sort()
        kgent.equal(until(lambda: ids(host), wanted), wanted,
                    f"{len(orders)} orders, everything twice: each once")
        paid = [e for e in host.events() if e["type"].startswith("payment.")]
        kgent.equal([e for e in paid if e["data"]["charge_id"] != f"ch_{names[e['subject']]}"], [],
                    "and each has its own tenant")
        kgent.equal({e["type"] for e in paid}, TYPES, "their types")
        kgent.equal(until(lambda: metric(host, "kgent_stripe_waiting"), 0.0), 0.0, "none waits")


def data():
    with kgent.Host(plugins()) as host:
        tenant, _ = tenant_new(host, "acme")
        sent(host, [checkout("evt_c", "7", tenant, T), charge(7), refund(7),
                    dispute(7, "created", "needs_response"), dispute(7, "closed", "lost"),
                    charge(7, "charge.refunded", amount_refunded=300, invoice="in_7").replace(
                        "evt_7_h", "evt_7_x")])
        settled(host, 6)
        by_id = {e["id"]: e for e in host.events()}
        got = {e["type"] for e in by_id.values()} - {"subscription.started"}
        kgent.equal(got, {"payment.refunded", "payment.refund_updated", "payment.disputed",
                          "payment.dispute_closed"}, "their types")
        kgent.equal(by_id["evt_7_created"]["data"], {
            "dispute_id": "dp_7", "charge_id": "ch_7", "amount": 5000, "currency": "jpy",
            "status": "needs_response", "reason": "fraudulent", "due_by": T + 86400}, "a dispute")
        kgent.equal(by_id["evt_7_closed"]["data"]["status"], "lost", "how one ended")
        kgent.equal(by_id["evt_7_r"]["data"], {
            "refund_id": "re_7", "charge_id": "ch_7", "amount": 1200, "currency": "jpy",
            "status": "failed", "reason": "requested_by_customer",
            "failure_reason": "expired_or_canceled_card"}, "a refund that failed")
        kgent.equal(by_id["evt_7_x"]["data"], {
            "charge_id": "ch_7", "invoice_id": "in_7", "amount": 300, "currency": "jpy"},
            "a charge that was refunded")
        kgent.equal({e["subject"] for e in by_id.values()}, {tenant}, "the tenant's")
        health = host.get("/webhooks/stripe/health", admin=True).json["bridge_metrics"]
        kgent.equal((health["events_processed"], health["events_skipped"]), (1, 5),
                    "they are none of the six types")


def told_otherwise():
    """By an invoice, by a payment intent, by an operator; and by none."""
    with kgent.Host(plugins()) as host:
        tenant, _ = tenant_new(host, "acme")
        sent(host, [dispute(1, "created", "x"), dispute(2, "created", "x"), refund(3),
                    refund(4, charge=None), dispute(5, "created", "x", charge={
                        "id": "ch_5", "customer": "cus_5"}), checkout("evt_c", "1", tenant, T)])
        settled(host, 6)
        kgent.equal(metric(host, "kgent_stripe_waiting"), 4.0, "what has no charge does not wait")
        sent(host, [event("evt_i", "invoice.paid", {"id": "in_1", "customer": "cus_1",
                                                    "charge": "ch_1", "amount_paid": 5,
                                                    "currency": "jpy"}, T)])
        kgent.equal(until(lambda: "evt_1_created" in ids(host), True), True, "an invoice told")
        sent(host, [event("evt_p", "payment_intent.succeeded", {
            "id": "pi_2", "customer": "cus_1", "latest_charge": "ch_2"}, T)])
        kgent.equal(until(lambda: "evt_2_created" in ids(host), True), True,
                    "a payment intent told")
        for customer in ("ch_3", "cus_5"):
            host.post("/admin/v1/billing/customers", {"customer": customer, "tenant": tenant},
                      local=True)
        wanted = ["evt_1_created", "evt_2_created", "evt_3_r", "evt_5_created", "evt_i",
                  "started-sub_1"]
        kgent.equal(until(lambda: ids(host), wanted), wanted, "an operator told")
        kgent.equal(until(lambda: metric(host, "kgent_stripe_waiting"), 0.0), 0.0, "none waits")


def malformed():
    with kgent.Host(plugins()) as host:
        sent(host, [dispute(1, "created", "x", amount=1.5), refund(2, currency=7),
                    dispute(3, "closed", "x", charge=12)])
        settled(host, 3)
        parked = host.get("/admin/v1/billing/inbox?state=parked", local=True).json["events"]
        kgent.equal([e["reason"] for e in parked], [
            "an amount is no integer", "a currency is no text", "a charge's id is no text"],
            "parked, with the reason")


kgent.main([any_order, data, told_otherwise, malformed])
