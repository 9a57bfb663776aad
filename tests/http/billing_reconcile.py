#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Events that never came: reconcile says where Stripe and this host differ, and --fix
takes over what Stripe says."""
import json
import resource
import time

import fakestripe
import kgent

SECRET = "whsec_test"


def deliver(host, text):
    answer = host.post("/webhooks/stripe", text, {
        "Stripe-Signature": fakestripe.sign(text, SECRET), "Content-Type": "application/json"})
    kgent.equal(answer.status, 200, "an event is taken")


def tier(host, tenant):
    return host.get(f"/admin/v1/tenants/{tenant}", local=True).json["tier"]


def until(function, wanted, name, seconds=10):
    end = time.monotonic() + seconds
    while time.monotonic() < end and function() != wanted:
        time.sleep(0.05)
    kgent.equal(function(), wanted, name)


def second_passes():
    """Events of one second have no order but their names."""
    now = int(time.time())
    while int(time.time()) == now:
        time.sleep(0.01)


def reconcile(host, *args):
    status, out, err = host.ctl("billing", "reconcile", "--json", *args)
    if status not in (0, 1):
        raise AssertionError(f"{status} {out} {err}")
    o = json.loads(out)
    return status, {(d["what"], d["stripe"], d["kgent"]) for d in o["differences"]}, o


def tenant_new(host, name):
    return host.post("/admin/v1/tenants", {"name": name, "slug": name}, local=True).json["id"]


def differs(host, stripe, pro, team):
    acme = tenant_new(host, "acme")
    kgent.equal(reconcile(host), (0, set(), {"differences": [], "checked": 0, "fixed": 0}),
                "nothing differs from nothing")
    s = stripe.subscribe(stripe.add("customers", "cus")["id"], pro, metadata={"tenant_id": acme})
    kgent.equal(reconcile(host)[:2], (1, {("missing", "active", None)}), "one that never came")
    kgent.equal(tier(host, acme), "FREE", "looking changes nothing")
    status, _, o = reconcile(host, "--fix")
    kgent.equal((status, o["fixed"]), (0, 1), "it is taken over")
    until(lambda: tier(host, acme), "PRO", "and the tenant has what it paid for")
    until(lambda: reconcile(host)[:2], (0, set()), "then nothing differs")
    s["items"]["data"][0]["price"] = team
    s["cancel_at_period_end"] = True
    kgent.equal(reconcile(host)[1], {("price", team["id"], pro["id"]),
                                     ("cancel_at_period_end", "true", "false")}, "what changed")
    second_passes()
    reconcile(host, "--fix")
    until(lambda: tier(host, acme), "TEAMS", "another plan is taken over")
    s.update(status="canceled", canceled_at=int(time.time()), ended_at=int(time.time()))
    kgent.equal(reconcile(host)[1], {("status", "canceled", "active")}, "its end")
    second_passes()
    reconcile(host, "--fix")
    until(lambda: tier(host, acme), "FREE", "its end is taken over")
    until(lambda: reconcile(host)[:2], (0, set()), "and all is well")


def others(host, stripe, pro):
    stripe.subscribe(stripe.add("customers", "cus")["id"], pro)
    kgent.equal(reconcile(host)[1], {("missing", "active", None), (
        "tenant", list(stripe.objects["customers"])[-1], None)}, "whose it is nobody knows")
    gone = stripe.subscribe("cus_gone", pro, metadata={"tenant_id": tenant_new(host, "gone")})
    deliver(host, stripe.event("customer.subscription.created", gone))
    del stripe.objects["subscriptions"][gone["id"]]
    until(lambda: ("unlisted", None, "known") in reconcile(host)[1], True,
          "one that Stripe does not list")
    tenants = [tenant_new(host, f"many{i}") for i in range(230)]  # three pages
    for t in tenants:
        stripe.subscribe(stripe.add("customers", "cus")["id"], pro, metadata={"tenant_id": t})
    o = reconcile(host)[2]
    kgent.equal((o["checked"], len([d for d in o["differences"] if d["tenant"] in tenants])),
                (232, 230), "page by page")
    reconcile(host, "--fix")
    until(lambda: {tier(host, t) for t in tenants}, {"PRO"}, "all of them are taken over")


def fails(host, stripe):
    stripe.fail("GET", "/v1/subscriptions", status=400,
                body={"error": {"type": "invalid_request_error", "message": "not today"}})
    status, _, err = host.ctl("billing", "reconcile")
    kgent.equal((status, ": 502: Stripe cannot be asked: not today (400)" in err), (5, True),
                "what Stripe says when it doesn't list")
    status, out, _ = host.ctl("billing", "reconcile")
    kgent.equal(status, 1, "a table")
    kgent.contains(out, "unlisted", "of differences")
    kgent.contains(out, "232 subscriptions compared", "and their number")


LIST = '{"object":"list","data":[%s],"has_more":%s}'
BAD = [  # what Stripe answers, on which page, and what is said of it
    (dict(status=401, body={"error": {"message": "Invalid API Key"}}), 1,
     "Stripe cannot be asked: Invalid API Key (401); see billing-stripe.api_key"),
    (dict(status=403, body={"error": {"message": "Not permitted"}}), 2,
     "Stripe cannot be asked: Not permitted (403); see billing-stripe.api_key"),
    (dict(status=429, body={"error": {"message": "Slowly"}}), 1, "Slowly (429)"),
    (dict(status=500, body={"error": {"message": "It broke"}}), 1, "It broke (500)"),
    (dict(status=500, body={"error": {"message": "It broke"}}), 2, "It broke (500)"),
    (dict(status=302, body=LIST % ("", "false"), headers={"Location": "/v1/customers"}), 1,
     "status 302 (tries: 1); it leads elsewhere: see billing-stripe.api_base"),
    (dict(status=301, body="{}", headers={"Location": "/v1/subscriptions?status=all"}), 2, "status 301"),
    (dict(reset=True), 1, "Connection reset by peer"),
    (dict(status=200, body='{"object":"list","data":[{"id":"sub_'), 1, "was no JSON object"),
    (dict(status=200, body=LIST % ('{"id":"sub_1"}', "true") + "x"), 2, "was no JSON object"),
    (dict(status=200, body="<html>Log in</html>"), 1, "was no JSON object"),
    (dict(status=200, body="[]"), 1, "was no JSON object"),
    (dict(status=200, body='{"data":{}}'), 1, "its list of subscriptions is none"),
    (dict(status=200, body='{"object":"list"}'), 2, "its list of subscriptions is none"),
    (dict(status=200, body=LIST % ("", "true")), 1, "list of subscriptions does not go on"),
    (dict(status=200, body=LIST % ("", "true")), 2, "list of subscriptions does not go on"),
    (dict(status=200, body=LIST % ("", '"false"')), 1, "list of subscriptions does not go on"),
    (dict(status=200, body='{"data":[%s]}' % ",".join(['{"id":"sub_1"}'] * 100)), 1,
     "list of subscriptions does not go on"),
]


def unanswered(host, stripe):
    """What is no whole list is never one without a difference."""
    for how, page, what in BAD:
        kgent.until(lambda: host.ctl("billing", "reconcile")[0] == 1)  # no breaker is open
        stripe.fail("GET", "/v1/subscriptions", times=20, **how,
                    when=lambda p, second=page == 2: ("starting_after" in p) == second)
        status, out, err = host.ctl("billing", "reconcile", "--fix")
        stripe.failures.clear()
        if not kgent.ok((status, out) == (5, "") and ": 502: Stripe" in err and what in err,
                        f"page {page}: {what}: 5"):
            kgent.note(f"{status} {out[-200:]} {err}")


def unwritten(host, stripe, pro):
    """A disk that takes no more: nothing counts as taken over."""
    def fix():
        return host.post("/admin/v1/billing/reconcile", {"fix": True}, local=True)

    late = tenant_new(host, "late")
    stripe.subscribe(stripe.add("customers", "cus")["id"], pro, metadata={"tenant_id": late})
    soft, hard = resource.prlimit(host.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(host.process.pid, resource.RLIMIT_FSIZE, (1, hard))
    kgent.equal(fix().status, 503, "a repair that could not be stored is told")
    resource.prlimit(host.process.pid, resource.RLIMIT_FSIZE, (soft, hard))
    until(lambda: fix().status, 200, "and can be asked for again")
    until(lambda: tier(host, late), "PRO", "which does it")


def tests():
    with fakestripe.Stripe() as stripe:
        pro, team = stripe.price("PRO", 1900), stripe.price("TEAMS", 9900)
        block = (f'load = "billing-stripe"; webhook_secret = "{SECRET}"; api_key = "{stripe.key}"; '
                 f'api_base = "{stripe.url}"; plans = '
                 f'( {{ tier = "PRO"; prices = ( "{pro["id"]}" ); }}, '
                 f'{{ tier = "TEAMS"; prices = ( "{team["id"]}" ); }} );')
        with kgent.Host(plugins=["health", 'load = "auth";', 'load = "metering-openmeter";',
                                 block]) as host:
            differs(host, stripe, pro, team)
            others(host, stripe, pro)
            fails(host, stripe)
            unanswered(host, stripe)
            unwritten(host, stripe, pro)


if __name__ == "__main__":
    kgent.main([tests])
