#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""The tenant's own routes to Stripe as their contract says it: who may, what is asked of
Stripe and with which keys, where pages may lead back to, what becomes of errors, and what
a start warns of."""
import json

import fakestripe
import kgent
from stripe_tools import (AUTH, SECRET, checkout, fits_problem, now, send, settled, subscription,
                          tenant_new, until)

APP = "https://app.example.com/back/"
ROUTES = (("POST", "/v1/billing/checkout"), ("POST", "/v1/billing/portal"),
          ("GET", "/v1/billing/subscription"))


def billing(stripe, pro, team, more=""):
    return ["health", AUTH, f'''load = "billing-stripe"; webhook_secret = "{SECRET}";
        api_base = "{stripe.url}"; api_key = "{stripe.key}"; redirects = ( "{APP}" ); {more}
        plans = ( {{ tier = "PRO"; prices = ( "{pro["id"]}" ); }},
                  {{ tier = "TEAMS"; prices = ( "{team["id"]}" ); }} );''']


class World:
    def __init__(self, more=""):
        self.stripe = fakestripe.Stripe().start()
        self.pro, self.team = self.stripe.price("PRO", 1900, "jpy"), self.stripe.price("TEAMS", 9)
        self.host = kgent.Host(billing(self.stripe, self.pro, self.team, more))

    def __enter__(self):
        self.host.start()
        return self

    def __exit__(self, *args):
        self.host.__exit__(*args)
        self.stripe.stop()

    def buy(self, key, **body):
        return self.host.post("/v1/billing/checkout",
                              {"plan": "PRO", "success_url": APP + "done", **body}, key)

    def posts(self):
        return [(path, h, p) for m, path, h, p in self.stripe.seen if m == "POST"]


def who_may():
    with World() as w:
        _, key = tenant_new(w.host, "acme")
        reader = w.host.post("/admin/v1/keys", {
            "name": "r", "tenant": tenant_new(w.host, "other")[0],
            "scopes": ["read", "write"]}, local=True).json["key"]
        for method, path in ROUTES:
            body = "{}" if method == "POST" else None
            json_type = {"Content-Type": "application/json"}
            ask = lambda headers: w.host.request(method, path, body, {**json_type, **headers})
            answer = ask({})
            fits_problem(answer, 401, f"{path} without a key", detail="API key required")
            kgent.ok((answer.headers["WWW-Authenticate"] or "").startswith("ApiKey"),
                     f"{path} says how")
            answer = ask({"X-API-Key": reader})
            fits_problem(answer, 403, f"{path} without the scope", required_scope="billing",
                         detail="API key requires 'billing' scope")
            kgent.ok(ask(key).status != 403, f"{path} with it")
            other = "DELETE" if method == "POST" else "POST"
            answer = w.host.request(other, path, headers=key)
            kgent.equal((answer.status, method in (answer.headers["Allow"] or "")), (405, True),
                        f"{path}: {other} is 405, with Allow")
            answer = w.host.request(method, path + "/", body, {**json_type, **key})
            kgent.equal((answer.status, answer.headers["Location"]), (307, path), f"{path}/: 307")
        kgent.equal(w.host.request("HEAD", ROUTES[2][1], headers=key).status, 200, "HEAD")
        for kind, status in (("text/plain", 415), ("application/x-www-form-urlencoded", 415)):
            for _, path in ROUTES[:2]:
                answer = w.host.post(path, "{}", {**key, "Content-Type": kind})
                fits_problem(answer, status, f"{path}: {kind}")
        for _, path in ROUTES[:2]:
            answer = w.host.post(path, '{"plan":', {**key, "Content-Type": "application/json"})
            fits_problem(answer, 400, f"{path}: no JSON")
        kgent.equal(w.posts(), [], "none of it asks Stripe")


INVALID = (  # what is sent, the member at fault, and the type of the fault
    ({}, "plan", "missing"), ({"plan": None}, "plan", "missing"), ({"plan": 1}, "plan", "string_type"),
    ({"plan": []}, "plan", "string_type"), ({"plan": ""}, "plan", "enum"),
    ({"plan": "GOLD"}, "plan", "enum"), ({"plan": "x" * 5000}, "plan", "enum"),
    ({"price": "price_no"}, "price", "enum"), ({"price": True}, "price", "string_type"),
    ({"plan": "PRO", "price": "price_no"}, "price", "enum"),
    ({"plan": "PRO", "quantity": "2"}, "quantity", "int_parsing"),
    ({"plan": "PRO", "quantity": 1.5}, "quantity", "int_parsing"),
    ({"plan": "PRO", "quantity": 0}, "quantity", "range"),
    ({"plan": "PRO", "quantity": -1}, "quantity", "range"),
    ({"plan": "PRO", "quantity": 10 ** 12}, "quantity", "range"),
    ({"plan": "PRO", "success_url": 7}, "success_url", "string_type"),
    ({"plan": "PRO", "cancel_url": {}}, "cancel_url", "string_type"))


def invalid():
    """Validation errors are 422 with `errors`."""
    with World() as w:
        _, key = tenant_new(w.host, "acme")
        for body, name, kind in INVALID:
            answer = w.host.post("/v1/billing/checkout", {"success_url": APP, **body}, key)
            if fits_problem(answer, 422, f"{str(body)[:60]}: {kind}"):
                kgent.equal([(e["loc"], e["type"], isinstance(e["msg"], str))
                             for e in answer.json.get("errors", [])],
                            [(["body", name], kind, True)], f"{str(body)[:60]}: of {name}")
        answer = w.host.post("/v1/billing/checkout", {"plan": "PRO"}, key)
        fits_problem(answer, 422, "nowhere to lead back to")
        kgent.equal([(e["loc"], e["type"]) for e in answer.json.get("errors", [])],
                    [(["body", "success_url"], "missing")], "which is named")
        answer = w.host.post("/v1/billing/portal", {"return_url": 7}, key)
        fits_problem(answer, 422, "a portal that leads to a number")
        kgent.equal(w.host.post("/v1/billing/checkout", {"plan": "GOLD", "success_url": APP}, key)
                    .json["plans"], ["PRO", "TEAMS"], "and what there is")
        kgent.equal(w.posts(), [], "none of it asks Stripe")


def leads_back():
    with World() as w:
        _, key = tenant_new(w.host, "acme")
        bad = ("https://evil.example/", "https://app.example.com/", "http://app.example.com/back/",
               "https://app.example.com/backx", "https://app.example.com/back/../admin",
               "https://app.example.com/back/%2e%2e/admin", "https://app.example.com:444/back/",
               "https://app.example.com.evil.example/back/", "javascript:alert(1)", "/back/",
               "//app.example.com/back/", "https://app.example.com@evil.example/back/",
               "https://app.example.com\\@evil.example/back/", " " + APP, "\u2603")
        for url in bad:
            for name in ("success_url", "cancel_url"):
                fits_problem(w.buy(key, **{name: url}), 400, f"{name} {url[:50]!r}")
            fits_problem(w.host.post("/v1/billing/portal", {"return_url": url}, key), 400,
                         f"return_url {url[:50]!r}")
        kgent.equal(w.posts(), [], "none of it asks Stripe")
        for url in (APP, APP + "x?y=1#z", APP + "a/b"):
            kgent.equal(w.buy(key, success_url=url, cancel_url=url).status, 200, f"to {url}")


def keys():
    """One version, and a key for each that changes something: of tenant, plan and hour."""
    until(lambda: now() % 3600 < 3560, True, 60)
    with World() as w:
        _, acme = tenant_new(w.host, "acme")
        _, other = tenant_new(w.host, "other")
        sessions = {}

        def buy(name, key, **body):
            before = len(w.posts())
            answer = w.buy(key, **body)
            kgent.equal(answer.status, 200, f"{name} is sold")
            sessions[name] = answer.json["id"]
            return {h["Idempotency-Key"] for p, h, _ in w.posts()[before:]
                    if p == "/v1/checkout/sessions"}

        first = buy("PRO", acme)
        kgent.equal(buy("PRO again", acme), first, "the same tenant and plan: the same key")
        kgent.equal(sessions["PRO"], sessions["PRO again"], "and the same session")
        team, foreign = buy("TEAMS", acme, plan="TEAMS"), buy("other's PRO", other)
        kgent.equal(len(first | team | foreign), 3, "another plan, another tenant: another key")
        w.host.stop()
        w.host.start()
        kgent.equal(buy("PRO behind a restart", acme), first, "a restart changes none")
        versions = {h.get("Stripe-Version") for _, _, h, _ in w.stripe.seen}
        kgent.ok(len(versions) == 1 and None not in versions, f"one version: {versions}")
        kgent.ok(all(h.get("Idempotency-Key") for _, h, _ in w.posts()), "each POST has a key")
        kgent.ok(not any(m == "GET" and h.get("Idempotency-Key") for m, _, h, _ in w.stripe.seen),
                 "no GET has one")
        kgent.ok(all(h["Authorization"] == f"Bearer {w.stripe.key}" for _, _, h, _ in w.stripe.seen),
                 "all are authorised")
        kgent.ok(w.stripe.key not in w.host.logged(), "the key is not in the log")
    with World('api_version = "2023-10-16";') as w:
        _, key = tenant_new(w.host, "acme")
        w.buy(key)
        kgent.equal({h["Stripe-Version"] for _, _, h, _ in w.stripe.seen}, {"2023-10-16"},
                    "another version, if it is configured")


def errors():
    """Stripe's errors as problems, without the key, and never as Stripe's own status alone."""
    rows = ((400, None, 502), (401, None, 502), (402, None, 402), (403, None, 502),
            (404, None, 502), (409, None, 503), (429, {"Retry-After": "7"}, 503),
            (500, {"Stripe-Should-Retry": "false"}, 503), (503, {"Stripe-Should-Retry": "false"}, 503))
    with World() as w:
        _, key = tenant_new(w.host, "acme")
        w.buy(key)
        for n, (status, headers, wanted) in enumerate(rows):
            for path, ask in (("/v1/checkout/sessions", lambda: w.buy(key, success_url=f"{APP}{n}")),
                              ("/v1/billing_portal/sessions", lambda: w.host.post(
                                  "/v1/billing/portal", {"return_url": APP}, key))):
                w.stripe.fail("POST", path, status, {"error": {
                    "type": "t", "code": "c", "message": f"m {w.stripe.key}"}},
                    {**(headers or {}), "Retry-After": "60", "Stripe-Should-Retry": "false"})
                answer = ask()
                w.stripe.failures.clear()
                fits_problem(answer, wanted, f"{status} of Stripe at {path}")
                if wanted == 503:
                    kgent.ok((answer.headers["Retry-After"] or "").isdigit(), "with Retry-After")
                kgent.ok(w.stripe.key not in w.host.logged(), "no key in the log")
    with World() as w:
        w.stripe.url, there = f"http://127.0.0.1:{kgent.free_port()}", w.stripe.url
        with kgent.Host(billing(w.stripe, w.pro, w.team)) as host:
            _, key = tenant_new(host, "acme")
            answer = host.post("/v1/billing/checkout", {"plan": "PRO", "success_url": APP}, key)
            fits_problem(answer, 503, "no Stripe there")
        w.stripe.url = there


def subscriptions():
    with World() as w:
        mine, key = tenant_new(w.host, "acme")
        _, other = tenant_new(w.host, "other")
        answer = w.host.get("/v1/billing/subscription", key)
        kgent.equal((answer.status, answer.json["tenant"], answer.json["tier"],
                     answer.json["subscriptions"]), (200, mine, "FREE", []), "none yet")
        send(w.host, checkout("evt_1", "1", mine))
        send(w.host, subscription("evt_2", "created", "1", "active",
                                  price={"id": w.pro["id"], "product": w.pro["product"]}))
        settled(w.host, 2)
        own = until(lambda: w.host.get("/v1/billing/subscription", key).json,
                    lambda o: o["tier"] == "PRO")
        s = own["subscriptions"][0]
        kgent.equal((own["tier"], s["id"], s["customer"], s["status"], s["standing"], s["amount"],
                     s["currency"], s["quantity"]),
                    ("PRO", "sub_1", "cus_1", "active", "paid", 1900, "usd", 1), "one's own")
        kgent.equal(w.host.get("/v1/billing/subscription", other).json["subscriptions"], [],
                    "and no other's")
        kgent.ok(all(type(v) is not float for v in json.loads(
            w.host.get("/v1/billing/subscription", key).text)["subscriptions"][0].values()),
            "no number has a fraction")


def offers():
    """S10: prices in refusals, whatever the currency, as Stripe has them."""
    for currency, amount in (("jpy", 1900), ("krw", 50000), ("kwd", 12345),
                             ("jpy", 9007199254740993)):
        with fakestripe.Stripe() as stripe:
            pro, team = stripe.price("PRO", amount, currency), stripe.price("TEAMS", 1)
            auth = """load = "auth"; tiers = ( { name = "FREE"; requests_per_minute = 1000;
                requests_per_month = 1; }, { name = "PRO"; }, { name = "TEAMS"; } );"""
            with kgent.Host([auth] + billing(stripe, pro, team,
                                             f'success_url = "{APP}";')[2:]) as host:
                _, key = tenant_new(host, "acme")
                answer = until(lambda: host.get("/v1/me", key),
                               lambda a: a.status != 200 and "price" in a.json)
                fits_problem(answer, 429, f"S10 {amount} {currency}: an offer", required_tier="PRO",
                             price={"id": pro["id"], "unit_amount": amount, "currency": currency,
                                    "interval": "month"})
                kgent.contains(answer.text, f'"unit_amount":{amount},', "to the last digit")


def warns():
    for key, base, wanted in (("sk_live_abc", "https://api.stripe.example", True),
                              ("rk_live_abc", "https://api.stripe.example", False),
                              ("sk_test_abc", "http://127.0.0.1:9", False)):
        with kgent.Host(["health", f'load = "billing-stripe"; webhook_secret = "{SECRET}"; '
                         f'api_key = "{key}"; api_base = "{base}";']) as host:
            def lines():
                return [json.loads(x) for x in host.logged().splitlines() if "restricted" in x]
            if wanted:
                until(lambda: bool(lines()), True)
            kgent.equal([x["level"] for x in lines()], ["warn"] * wanted, f"{key[:8]}: warned of"
                        if wanted else f"{key[:8]}: no warning")
            kgent.ok(key not in host.logged(), f"{key[:8]}: not in the log")


if __name__ == "__main__":
    kgent.main([who_may, invalid, leads_back, keys, errors, subscriptions, offers, warns])
