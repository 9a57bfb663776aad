#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Checkout and portal against a Stripe that can do badly: what is asked of it, who may
be led where, what is asked twice, and what its errors become."""
import threading
import time

import fakestripe
import kgent

APP = "https://app.example.com/"
LIMITS = {"requests_per_minute": 1000000, "requests_per_day": 0, "tokens_per_month": 0}


def block(stripe, more=""):
    return f'''load = "billing-stripe"; webhook_secret = "whsec_x"; api_base = "{stripe.url}";
        api_key = "{fakestripe.KEY}"; redirects = ( "{APP}", "https://exact.example.com" );
        return_url = "{APP}account"; {more}'''


def plans(pro, team):
    return f'''plans = ( {{ tier = "PRO"; prices = ( "{pro["id"]}" ); }},
        {{ tier = "TEAMS"; lookup_keys = ( "{team["lookup_key"]}" ); }},
        {{ tier = "ENTERPRISE"; products = ( "{team["product"]}" ); }} );'''


def tenant_new(host, name, scopes=("read", "billing")):
    tenant = host.post("/admin/v1/tenants", {"name": name, "slug": name}, local=True).json["id"]
    key = host.post("/admin/v1/keys", {"name": name, "tenant": tenant, "limits": LIMITS,
                                       "scopes": list(scopes)}, local=True).json["key"]
    return tenant, {"X-API-Key": key}


def checkout(host, key, **body):
    return host.post("/v1/billing/checkout", {"success_url": APP + "done", **body}, key)


def portal(host, key, **body):
    return host.post("/v1/billing/portal", body, key)


class World:
    """A host, its Stripe, and what is sold."""

    def __init__(self):
        self.stripe = fakestripe.Stripe().start()
        self.pro = self.stripe.price("PRO", 1900)
        self.team = self.stripe.price("TEAMS", 9900, "jpy", lookup_key="teams_monthly")
        self.host = kgent.Host(plugins=["health", 'load = "auth"; enforce = "shadow";',
                                        block(self.stripe, plans(self.pro, self.team))])

    def __enter__(self):
        self.host.start()
        return self

    def __exit__(self, *args):
        self.host.__exit__(*args)
        self.stripe.stop()


def metric(host, name):
    for line in host.get("/metrics", admin=True).text.splitlines():
        if line.startswith(name + " "):
            return float(line.split()[1])
    return None


def sells(w):
    tenant, key = tenant_new(w.host, "acme")
    answer = checkout(w.host, key, plan="PRO", cancel_url=APP + "left?x=1")
    kgent.equal(answer.status, 200, "a checkout of a plan")
    session = w.stripe.objects["sessions"][answer.json["id"]]
    kgent.equal((answer.json["url"], answer.json["expires_at"], answer.json["customer"]),
                (session["url"], session["expires_at"], session["customer"]),
                "its answer has the page, its end and the customer")
    kgent.equal((session["mode"], session["client_reference_id"], session["success_url"],
                 session["cancel_url"], session["line_items"], session["metadata"],
                 session["subscription_data"]),
                ("subscription", tenant, APP + "done", APP + "left?x=1",
                 [{"price": w.pro["id"], "quantity": "1"}],
                 {"tenant_id": tenant, "kgent_price": w.pro["id"]},
                 {"metadata": {"tenant_id": tenant}}), "Stripe was told whose it is, and what")
    customer = w.stripe.objects["customers"][session["customer"]]
    kgent.equal(customer["metadata"], {"tenant_id": tenant}, "the customer knows its tenant")
    headers, _ = w.stripe.asked("POST", "/v1/checkout/sessions")[0]
    kgent.equal(headers["Stripe-Version"], "2024-12-18.acacia", "the version is pinned")
    kgent.contains(headers["Idempotency-Key"], "kgent-checkout-", "it may be sent again")
    again = checkout(w.host, key, plan="PRO", cancel_url=APP + "left?x=1")
    kgent.equal(again.json, answer.json, "asked again within the hour it is the same session")
    other = checkout(w.host, key, plan="PRO", cancel_url=APP + "left?x=2")
    kgent.ok(other.json["id"] != answer.json["id"], "what differs is another one")
    answer = checkout(w.host, key, plan="TEAMS", quantity=3)
    kgent.equal(w.stripe.objects["sessions"][answer.json["id"]]["line_items"],
                [{"price": w.team["id"], "quantity": "3"}], "by lookup key, three of it")
    answer = checkout(w.host, key, plan="ENTERPRISE")
    kgent.equal(w.stripe.objects["sessions"][answer.json["id"]]["line_items"][0]["price"],
                w.team["id"], "by product, its default price")
    answer = checkout(w.host, key, price=w.pro["id"])
    kgent.equal(answer.status, 200, "by price")
    kgent.equal(len(w.stripe.objects["customers"]), 1, "all with one customer")
    w.stripe.complete(answer.json["id"])
    answer = checkout(w.host, key, plan="TEAMS")
    kgent.equal((answer.status, answer.json["subscription"]),
                (409, list(w.stripe.objects["subscriptions"])[0]),
                "who has a subscription buys no second one")
    w.stripe.objects["subscriptions"][answer.json["subscription"]]["status"] = "canceled"
    again = checkout(w.host, key, price=w.pro["id"])
    kgent.equal((again.status, w.stripe.objects["sessions"][again.json["id"]]["status"]),
                (200, "open"), "who has canceled it gets a new session, within the hour, too")


def leads_back(w):
    _, key = tenant_new(w.host, "paths")
    good = ("https://app.example.com/", "https://app.example.com/a?b=c#d",
            "https://exact.example.com", "https://exact.example.com/x",
            "https://app.example.com/done?s={CHECKOUT_SESSION_ID}", "https://app.example.com/..a/")
    bad = ("https://app.example.com.evil.example/", "https://app.example.com@evil.example/",
           "https://exact.example.com.evil.example", "https://exact.example.com@evil.example",
           "https://exact.example.com:8443/", "http://app.example.com/", "//app.example.com/",
           "https://app.example.com/../x", "https://app.example.com/a/%2e%2E/x",
           "https://app.example.com/.%2e", "https://app.example.com/\\evil.example",
           "https://app.example.com/a b", "https://app.example.com/\x01", "javascript:alert(1)",
           "https://app.example.com/" + "x" * 2048, "HTTPS://APP.EXAMPLE.COM/", "", 7, [])
    for url in good:
        kgent.equal(checkout(w.host, key, plan="PRO", success_url=url).status, 200,
                    f"leads to {url}")
    for url in bad:
        answer = checkout(w.host, key, plan="PRO", success_url=url)
        kgent.equal(answer.status, 400 if isinstance(url, str) else 422, f"does not lead to {str(url)[:60]!r}")
    kgent.equal(checkout(w.host, key, plan="PRO", cancel_url="https://evil.example/").status, 400,
                "nor when it is left")
    checkout(w.host, key, plan="PRO")
    kgent.equal(portal(w.host, key, return_url="https://evil.example/").status, 400,
                "nor from the portal")


def refuses(w):
    _, key = tenant_new(w.host, "wrong")
    for name, body in (("no plan", {}), ("an unknown plan", {"plan": "GOLD"}),
                       ("a price that is not sold", {"price": "price_other"}),
                       ("plan and price", {"plan": "PRO", "price": w.pro["id"]}),
                       ("a plan that is a number", {"plan": 1}),
                       ("none of it", {"plan": "PRO", "quantity": 0}),
                       ("half of it", {"plan": "PRO", "quantity": 1.5})):
        kgent.equal(checkout(w.host, key, **body).status, 422, name)
    kgent.equal(checkout(w.host, key, plan="GOLD").json["plans"], ["PRO", "TEAMS", "ENTERPRISE"],
                "the problem says what there is")
    answer = host_post(w.host, {"plan": "PRO"}, key)
    kgent.equal(answer.status, 422, "nowhere to lead to")
    _, reader = tenant_new(w.host, "reader", ["read"])
    kgent.equal(checkout(w.host, reader, plan="PRO").status, 403, "without the scope billing")
    kgent.equal(checkout(w.host, {}, plan="PRO").status, 401, "without a key")
    kgent.equal(portal(w.host, key).status, 404, "a portal without a customer")


def host_post(host, body, key):
    return host.post("/v1/billing/checkout", body, key)


def portals(w):
    _, key = tenant_new(w.host, "portal")
    checkout(w.host, key, plan="PRO")
    answer = portal(w.host, key)
    made = w.stripe.objects["portals"][answer.json["id"]]
    kgent.equal((answer.status, answer.json["url"], made["return_url"]),
                (200, made["url"], APP + "account"), "a portal, back to where it is configured")
    answer2 = portal(w.host, key, return_url=APP + "x")
    kgent.equal(w.stripe.objects["portals"][answer2.json["id"]]["return_url"], APP + "x",
                "or where the request says")
    kgent.ok(portal(w.host, key).json["id"] != answer.json["id"], "each time another session")


def customers(w):
    tenant, key = tenant_new(w.host, "lost")
    old = w.stripe.add("customers", "cus", metadata={"tenant_id": tenant})
    kgent.equal(checkout(w.host, key, plan="PRO").json["customer"], old["id"],
                "a customer is found at Stripe before one is made")
    old["deleted"] = True
    new = checkout(w.host, key, plan="PRO", success_url=APP + "new").json["customer"]
    kgent.ok(new != old["id"], "one that was deleted is made anew")
    kgent.equal(checkout(w.host, key, plan="PRO").json["customer"], new, "and kept")
    tenant, key = tenant_new(w.host, "giver")
    given = checkout(w.host, key, plan="PRO").json["customer"]
    taker, taking = tenant_new(w.host, "taker")
    w.host.post("/admin/v1/billing/customers", {"customer": given, "tenant": taker}, local=True)
    new = checkout(w.host, key, plan="PRO", success_url=APP + "new").json["customer"]
    kgent.ok(new != given, "nor is one sold to that was given away, whatever Stripe has of it")
    kgent.equal(checkout(w.host, taking, plan="PRO").json["customer"], given, "but by its taker")
    kgent.equal(checkout(w.host, key, plan="PRO").json["customer"], new, "and both are kept")
    tenant, key = tenant_new(w.host, "often")
    often = checkout(w.host, key, plan="PRO").json["customer"]
    held = w.stripe.subscribe(often, w.pro)
    for _ in range(130):
        w.stripe.subscribe(often, w.pro, status="canceled")
    kgent.equal(checkout(w.host, key, plan="PRO").json.get("subscription"), held["id"],
                "one that is held is found behind many that have ended")
    for body in ({}, {"data": {}}, {"data": [held], "has_more": "no"}, {"data": [], "has_more": True}):
        w.stripe.fail("GET", "/v1/subscriptions", status=200, body=body)
        answer = checkout(w.host, key, plan="PRO")
        kgent.equal((answer.status, "url" in answer.json), (502, False),
                    f"of what is no list nobody knows whether it has one: {list(body)}")
    tenant, key = tenant_new(w.host, "searchless")
    w.stripe.fail("GET", "/v1/customers/search", status=404)
    kgent.equal(checkout(w.host, key, plan="PRO").status, 200, "without a search one is made")
    tenant, key = tenant_new(w.host, "crowd")
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(checkout(w.host, key, plan="PRO")))
               for _ in range(16)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    kgent.equal((len({a.json.get("customer") for a in answers}), {a.status for a in answers}),
                (1, {200}), "16 at once make one customer")
    kgent.equal(len({a.json.get("id") for a in answers}), 1, "and one session")


def fails(w):
    _, key = tenant_new(w.host, "failing")
    path = "/v1/checkout/sessions"
    kgent.equal(checkout(w.host, key, plan="PRO").status, 200, "it works at first")

    def asks(name, wanted, count=None, **fail):
        before = len(w.stripe.asked("POST", path))
        w.stripe.fail("POST", path, **fail)
        answer = checkout(w.host, key, plan="PRO", success_url=f"{APP}{name.replace(' ', '-')}")
        kgent.equal(answer.status, wanted, name)
        came = len(w.stripe.asked("POST", path)) - before
        if count:
            kgent.equal(came, count, f"{name}: asked {count} times")
        w.stripe.failures.clear()
        return answer

    asks("a 500 passes", 200, 2, status=500)
    asks("a reset passes", 200, 2, reset=True)
    sessions = len(w.stripe.objects["sessions"])
    asks("a reset behind the work", 200, 2, reset=True, after=True)
    asks("a 500 behind the work", 200, 2, status=500, after=True)
    kgent.equal(len(w.stripe.objects["sessions"]), sessions + 2, "which is not done twice")
    asks("a 429 passes", 200, 2, status=429, headers={"Retry-After": "1"})
    answer = asks("a 429 for long", 503, status=429, headers={"Retry-After": "99"})
    kgent.equal(answer.headers["Retry-After"], "99", "the wait is passed on")
    asks("a 500 that must not be repeated", 503, 1, status=500,
         headers={"Stripe-Should-Retry": "false"})
    asks("a 409 that may be repeated", 200, 2, status=409, headers={"Stripe-Should-Retry": "true"})
    answer = asks("a refusal", 502, 1, status=400, body={"error": {
        "type": "invalid_request_error", "code": "resource_missing",
        "message": "No such price: 'price_x'", "param": "line_items[0][price]"}})
    kgent.equal(answer.json["stripe"],
                {"status": 400, "type": "invalid_request_error", "code": "resource_missing",
                 "param": "line_items[0][price]", "message": "No such price: 'price_x'"},
                "Stripe's reason is in the problem")
    kgent.contains(answer.json["detail"], "No such price", "and in its text")
    asks("no JSON", 502, status=200, body="<html>")
    answer = asks("a page that is no URL", 502, status=200,
                  body={"id": "cs_1", "url": "javascript:alert(1)"})
    kgent.equal(w.host.get("/health", admin=True).status, 200, "the host is well")
    w.stripe.key, old = "sk_test_other", w.stripe.key
    answer = checkout(w.host, key, plan="PRO", success_url=APP + "key")
    kgent.equal((answer.status, "stripe" in answer.json), (502, False),
                "of a refused key tenants hear nothing more")
    w.stripe.key = old
    kgent.ok(metric(w.host, 'kgent_stripe_api_requests_total{outcome="denied"}') >= 1,
             "it is counted")
    kgent.ok(fakestripe.KEY not in w.host.logged(), "the key is not in the log")


def keeps_failures(w):
    """Stripe answers an Idempotency-Key for a day with what it said first, failures too."""
    tenant, key = tenant_new(w.host, "kept")
    for quantity, path in enumerate(("/v1/customers", "/v1/checkout/sessions"), 1):
        body = {"plan": "PRO", "quantity": quantity}
        w.stripe.keep = path
        kgent.equal(checkout(w.host, key, **body).status, 503, f"a failure: {path}")
        w.stripe.keep = None
        kgent.equal(checkout(w.host, key, **body).status, 200, "is none the next time")
    kgent.equal(len([c for c in w.stripe.objects["customers"].values()
                     if c["metadata"].get("tenant_id") == tenant]), 1, "and one customer is made")


def given(w):
    tenant, key = tenant_new(w.host, "given")
    first = checkout(w.host, key, plan="PRO").json["customer"]
    other = w.stripe.add("customers", "cus", metadata={})["id"]
    held = w.stripe.subscribe(other, w.pro)
    w.host.post("/admin/v1/billing/customers", {"customer": other, "tenant": tenant}, local=True)
    kgent.equal(portal(w.host, key).json["customer"], other, "what the operator gives is the portal's")
    answer = checkout(w.host, key, plan="PRO")
    kgent.equal((answer.status, answer.json.get("subscription")), (409, held["id"]),
                "and what that has is not sold again")
    w.host.post("/admin/v1/billing/customers", {"customer": other, "tenant": None}, local=True)
    kgent.equal(portal(w.host, key).json["customer"], first, "taken back it is nobody's portal")


def restarts(w):
    _, key = tenant_new(w.host, "again")
    first = checkout(w.host, key, plan="PRO").json
    w.host.stop()
    w.host.start()
    searches = len(w.stripe.asked("GET", "/v1/customers/search"))
    kgent.equal(checkout(w.host, key, plan="PRO").json, first, "a restart changes nothing")
    kgent.equal(len(w.stripe.asked("GET", "/v1/customers/search")), searches,
                "the customer is known")


def keyless():
    with kgent.Host(plugins=["health", 'load = "auth";',
                             'load = "billing-stripe"; success_url = "https://a.example/"; '
                             'plans = ( { tier = "PRO"; prices = ( "price_1" ); } );']) as host:
        _, key = tenant_new(host, "acme")
        answer = host_post(host, {"plan": "PRO"}, key)
        kgent.equal(answer.status, 501, "without a key of the API: 501")
        kgent.contains(answer.json["detail"], "api_key", "which says why")


def logged(host, text):
    """What the host has written, once `text` is in it, or after 10 s."""
    end = time.monotonic() + 10
    while text not in host.logged() and time.monotonic() < end:
        time.sleep(0.01)
    return host.logged()


def starts():
    for name, options, wanted in (
            ("a live key over http", 'api_key = "rk_live_x"; api_base = "http://stripe.example";',
             "https:// only"),
            ("no URL to lead back to", 'redirects = ( "app.example.com" );', "no URL")):
        host = kgent.Host(plugins=["health", f'load = "billing-stripe"; {options}'])
        try:
            host.start()
            kgent.ok(False, f"{name}: refused at the start")
            host.stop()
        except RuntimeError as e:
            kgent.contains(str(e), wanted, f"{name}: refused at the start")
    with kgent.Host(plugins=["health", 'load = "billing-stripe"; api_key = "sk_live_x"; '
                             'livemode = "test";']) as host:
        kgent.contains(logged(host, "use a restricted one"), "use a restricted one",
                       "a secret live key is warned of")
        kgent.contains(logged(host, "no key of livemode"), "no key of livemode",
                       "so is a key of the other mode")


def tests():
    with World() as w:
        for test in (sells, leads_back, refuses, portals, customers, fails, keeps_failures, given,
                     restarts):
            test(w)


if __name__ == "__main__":
    kgent.main([tests, keyless, starts])
