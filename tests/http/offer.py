#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""What a refusal offers: whose budget is spent learns which tier has more, what it costs,
and where to get it; the links are signed, end, and lead to Stripe's page."""
import http.client
import time

import fakestripe
import kgent

APP = "https://app.example.com/"
TIERS = '''tiers = ( { name = "FREE"; requests_per_minute = 1000; requests_per_month = 2; },
    { name = "PRO"; requests_per_minute = 1000; tokens_per_month = 9; },
    { name = "TEAMS"; requests_per_minute = 1000; tokens_per_month = 5; },
    { name = "HUGE"; requests_per_minute = 1; } );'''
MEMBERS = ("required_tier", "price", "checkout_url", "portal_url")


def billing(stripe, pro, team, more=""):
    return f'''load = "billing-stripe"; api_base = "{stripe.url}"; api_key = "{stripe.key}";
        success_url = "{APP}done"; return_url = "{APP}account"; {more}
        plans = ( {{ tier = "PRO"; prices = ( "{pro["id"]}" ); }},
                  {{ tier = "TEAMS"; lookup_keys = ( "", "{team["lookup_key"]}" ); }},
                  {{ tier = "HUGE"; prices = ( "" ); }} );'''


def tenant_new(host, name, tier):
    tenant = host.post("/admin/v1/tenants", {"name": name, "slug": name, "tier": tier},
                       local=True).json["id"]
    key = host.post("/admin/v1/keys", {"name": name, "tenant": tenant,
                                       "scopes": ["read", "write", "billing"]}, local=True).json
    return tenant, {"X-API-Key": key["key"]}


def follow(host, url, method="GET"):
    """Where a link leads: status and Location."""
    c = http.client.HTTPConnection("127.0.0.1", host.port, timeout=30)
    c.request(method, url[url.index("/billing/"):])
    r = c.getresponse()
    r.read()
    c.close()
    return r.status, r.headers.get("Location"), r.headers.get("Cache-Control")


def offered(answer):
    return {k: answer.json[k] for k in MEMBERS if k in answer.json}


def spend(host, key):
    """A refusal for want of requests."""
    for _ in range(20):
        answer = host.get("/v1/me", key)
        if answer.status != 200:
            return answer
    raise AssertionError("it is never enough")


def build(host, key):
    return host.post("/v1/agentese/invoke", {"path": "world.inn.manifest"}, key)


def priced(host, key):
    """The refusal, once the price was heard of."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        answer = spend(host, key)
        if "price" in answer.json:
            return answer
        time.sleep(0.05)
    return answer


def offers(host, stripe, pro, team):
    _, key = tenant_new(host, "free", "FREE")
    answer = priced(host, key)
    kgent.equal((answer.status, answer.json["violated_policies"]), (429, ["tenant-month"]),
                "the month's requests are spent")
    offer = offered(answer)
    kgent.equal((offer["required_tier"], offer["price"]),
                ("PRO", {"id": pro["id"], "unit_amount": 1900, "currency": "usd",
                         "interval": "month"}), "the next tier and its price")
    kgent.ok("portal_url" not in offer, "no portal for who is no customer")
    kgent.contains(offer["checkout_url"], "https://api.example.com/billing/go/", "a link")
    asked = len(stripe.seen)
    spend(host, key)
    kgent.equal(len(stripe.seen), asked, "a refusal asks nothing of Stripe")
    kgent.equal((follow(host, offer["checkout_url"], "HEAD")[0], len(stripe.seen)), (204, asked),
                "nor does who only looks at the link")
    status, where, cache = follow(host, offer["checkout_url"])
    session = list(stripe.objects["sessions"].values())[-1]
    kgent.equal((status, where, cache), (303, session["url"], "no-store"), "the link leads there")
    kgent.equal((session["line_items"][0]["price"], session["success_url"]),
                (pro["id"], APP + "done"), "for this plan")
    kgent.equal(follow(host, offer["checkout_url"])[1], where, "twice to the same page")
    offer = offered(spend(host, key))
    status, where, _ = follow(host, offer["portal_url"])
    portal = list(stripe.objects["portals"].values())[-1]
    kgent.equal((status, where, portal["return_url"]), (303, portal["url"], APP + "account"),
                "who has become a customer has a portal")
    stripe.complete(session["id"])
    status, where, _ = follow(host, offer["checkout_url"])
    kgent.equal((status, "/portal/" in where), (303, True),
                "who has a subscription by now comes to the portal")


def forged(host, stripe):
    _, key = tenant_new(host, "forger", "FREE")
    url = offered(spend(host, key))["checkout_url"]
    asked = len(stripe.seen)
    token = url.rsplit("/", 1)[1]
    bad = [token[:-1], token + "0", token + "00", "", "x", token.upper(), "0" * len(token),
           "00" * 40, "ff" * 400, token[:-2]]
    bad += [token[:i] + ("0" if token[i] != "0" else "1") + token[i + 1:]
            for i in range(0, len(token), 7)]
    kgent.equal({follow(host, "/billing/go/" + t)[0] for t in bad}, {404},
                f"{len(bad)} forged links lead nowhere")
    kgent.equal(len(stripe.seen), asked, "and nothing is asked of Stripe")


def budgets(host):
    _, key = tenant_new(host, "pro", "PRO")
    answer = host.post("/v1/agentese/invoke", {"path": "world.inn.build"}, key)
    answer = host.post("/v1/agentese/invoke", {"path": "world.inn.build"}, key)
    kgent.equal((answer.status, offered(answer).get("required_tier")), (402, "TEAMS"),
                "a 402 offers the tier above")
    kgent.equal(offered(answer)["price"]["unit_amount"], 9900, "and its price")
    _, key = tenant_new(host, "teams", "TEAMS")
    answer = host.post("/v1/agentese/invoke", {"path": "world.inn.build"}, key)
    kgent.equal((answer.status, offered(answer)), (402, {}), "above the last plan that has a price there is none")
    _, key = tenant_new(host, "huge", "HUGE")
    host.get("/v1/me", key)
    answer = spend(host, key)
    kgent.equal((answer.status, offered(answer)), (429, {}), "a minute's limit passes by itself")


def fails(host, stripe):
    _, key = tenant_new(host, "fails", "FREE")
    url = offered(spend(host, key))["checkout_url"]
    stripe.fail("POST", "/v1/checkout/sessions", status=429, headers={"Retry-After": "77"})
    kgent.equal(follow(host, url)[0], 503, "when Stripe is busy the link says so")
    kgent.equal(follow(host, url)[0], 303, "and works again")


def tests():
    with fakestripe.Stripe() as stripe:
        pro = stripe.price("PRO", 1900)
        team = stripe.price("TEAMS", 9900, "jpy", lookup_key="teams_monthly")
        block = billing(stripe, pro, team, 'public_url = "https://api.example.com/";')
        with kgent.Host(plugins=["health", 'load = "auth"; ' + TIERS, 'load = "agentese"; prices = '
                                 '( { path = "world.inn.build"; tokens = 7; } );',
                                 'load = "metering-openmeter";', block]) as host:
            offers(host, stripe, pro, team)
            forged(host, stripe)
            budgets(host)
            fails(host, stripe)


def loop():
    """From a refusal over its link and a payment to the next request, within a second."""
    with fakestripe.Stripe() as stripe:
        pro, team = stripe.price("PRO", 500), stripe.price("TEAMS", 900, lookup_key="t")
        with kgent.Host(plugins=['load = "auth"; ' + TIERS, 'load = "metering-openmeter";',
                                 billing(stripe, pro, team, 'webhook_secret = "whsec_x";')]) as host:
            _, key = tenant_new(host, "acme", "FREE")
            url = offered(spend(host, key))["checkout_url"]
            kgent.equal(follow(host, url)[0], 303, "the link leads to a page")
            events = stripe.complete(list(stripe.objects["sessions"])[-1])
            kgent.equal(host.get("/v1/me", key).status, 429, "until it is known, nothing changes")
            begun = time.monotonic()
            for text in events:
                host.post("/webhooks/stripe", text, {
                    "Stripe-Signature": fakestripe.sign(text, "whsec_x"),
                    "Content-Type": "application/json"})
            while host.get("/v1/me", key).status != 200 and time.monotonic() < begun + 10:
                time.sleep(0.02)
            took = time.monotonic() - begun
            kgent.ok(took < 1, f"it passes {took:.2f} s after the payment")


def alone():
    """Without a key there is nothing to offer; without a public URL links are relative."""
    with kgent.Host(plugins=['load = "auth"; ' + TIERS, 'load = "billing-stripe"; '
                             'success_url = "https://a.example/"; '
                             'plans = ( { tier = "PRO"; prices = ( "price_1" ); } );']) as host:
        _, key = tenant_new(host, "free", "FREE")
        kgent.equal(offered(spend(host, key)), {}, "no key, no offer")
        kgent.equal(follow(host, "/billing/go/" + "00" * 60)[0], 404, "and no link")
    with fakestripe.Stripe() as stripe:
        pro, team = stripe.price("PRO", 500), stripe.price("TEAMS", 900, lookup_key="t")
        with kgent.Host(plugins=['load = "auth"; ' + TIERS, billing(stripe, pro, team)]) as host:
            _, key = tenant_new(host, "free", "FREE")
            url = offered(spend(host, key))["checkout_url"]
            kgent.equal((url.startswith("/billing/go/"), follow(host, url)[0]), (True, 303),
                        "a relative link")
        nowhere = billing(stripe, pro, team).replace(f'success_url = "{APP}done";', "")
        with kgent.Host(plugins=['load = "auth"; ' + TIERS, nowhere]) as host:
            _, key = tenant_new(host, "free", "FREE")
            offer = offered(spend(host, key))
            offer.pop("price", None)  # it is there as soon as Stripe has told it
            kgent.equal(offer, {"required_tier": "PRO"},
                        "what it takes is said, too, where no page of ours comes after it")


if __name__ == "__main__":
    kgent.main([tests, loop, alone])
