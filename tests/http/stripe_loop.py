#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""The loop, closed: a tenant whose budget is spent is refused with a link, which leads to a
checkout; its payment comes as events that Stripe's own library signs, and the next request
passes; each step, and the whole, within its time.  Also while the host hands over, when the
events come before Stripe's answer, and back again when the subscription ends, or when time
alone ends the grace of an unpaid one.

Customers, products, prices and subscriptions are those of stripe-stateful-mock where it is
installed; checkout and portal are fakestripe's."""
import contextlib
import http.client
import json
import os
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import fakestripe
import kgent

SECRET = "whsec_loop_0123456789"
APP = "https://app.example.com/"
PATIENCE = float(os.environ.get("KGENT_PATIENCE", "1"))
STEP_S = 1.0 * PATIENCE
GRACE_DAYS = 2
TIERS = '''tiers = ( { name = "FREE"; requests_per_minute = 0; tokens_per_month = 10; },
    { name = "PRO"; requests_per_minute = 0; tokens_per_month = 1000000; },
    { name = "TEAMS"; requests_per_minute = 0; tokens_per_month = 9000000; } );'''
FORWARDED = (("POST", "customers"), ("GET", "customers"), ("POST", "products"),
             ("GET", "products"), ("POST", "prices"), ("GET", "prices"),
             ("POST", "subscriptions"), ("GET", "subscriptions"))


# ---- Stripe ------------------------------------------------------------------


def flatten(o, prefix=""):
    """Objects and lists as a[b][0]=c."""
    items = o.items() if isinstance(o, dict) else enumerate(o)
    pairs = []
    for k, v in items:
        name = f"{prefix}[{k}]" if prefix else str(k)
        pairs += flatten(v, name) if isinstance(v, (dict, list)) else [(name, v)]
    return pairs


class Both(fakestripe.Stripe):
    """A Stripe that asks the mock for what that knows: `base` is its address."""

    def __init__(self, base):
        super().__init__()
        self.base, self.forwarded = base, 0
        self.plans = {}  # that the mock wants beside a price

    def ask(self, method, path, p, key=None):
        form = urllib.parse.urlencode(flatten(p))
        headers = {"Authorization": f"Bearer {self.key}",
                   "Content-Type": "application/x-www-form-urlencoded"}
        if key:
            headers["Idempotency-Key"] = key
        url = self.base + path + (f"?{form}" if form and method == "GET" else "")
        request = urllib.request.Request(url, form.encode() if method == "POST" else None, headers,
                                         method=method)
        self.forwarded += 1
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as answer:
            return answer.code, json.loads(answer.read())

    def decide(self, method, path, headers, p):
        kind, _, name = path[len("/v1/"):].partition("/")
        if (method, kind) not in FORWARDED or name == "search" or "lookup_keys" in p:
            return super().decide(method, path, headers, p)
        status, o = self.ask(method, path, p, headers.get("Idempotency-Key"))
        if status == 200 and o.get("object") in ("customer", "product", "price"):
            self.objects[kind][o["id"]] = o
        return status, o, {}

    def make(self, kind, **members):
        status, o = self.ask("POST", f"/v1/{kind}", members)
        if status != 200:
            raise RuntimeError(o)
        self.objects.setdefault(kind, {})[o["id"]] = o
        return o

    def price(self, tier, amount, currency="usd", lookup_key=None, **members):
        product = self.make("products", name=tier, metadata={"kgent_tier": tier})
        price = self.make("prices", unit_amount=amount, currency=currency, product=product["id"],
                          recurring={"interval": "month"}, **members)
        self.plans[price["id"]] = self.make("plans", amount=amount, currency=currency,
                                            product=product["id"], interval="month")["id"]
        return price

    def subscribe(self, customer, price, status="active", metadata=None, quantity=1, **members):
        price = price if isinstance(price, str) else price["id"]
        s = self.make("subscriptions", customer=customer, metadata=metadata or {},
                      items=[{"price": price, "plan": self.plans[price], "quantity": quantity}])
        s["currency"] = s["items"]["data"][0]["price"]["currency"]  # the mock has none
        return s


class Mock:
    """The mock, as a process of its own."""

    def __init__(self, program):
        self.port = kgent.free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = subprocess.Popen([program], env={**os.environ, "PORT": str(self.port)},
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 30
        while time.monotonic() < end:
            try:
                urllib.request.urlopen(self.url, timeout=5).close()
                return
            except urllib.error.HTTPError:
                return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError("the mock does not serve")

    def end(self):
        self.process.terminate()
        self.process.wait()


class Signer:
    """Stripe's library for Node; without it we sign ourselves."""

    PROGRAM = """
const stripe = require('stripe');
require('readline').createInterface({ input: process.stdin }).on('line', (line) => {
  console.log(stripe.webhooks.generateTestHeaderString(JSON.parse(line)));
});"""

    def __init__(self):
        folder = kgent.node_modules("stripe")
        self.process = None
        if folder:
            self.process = subprocess.Popen(["node", "-e", self.PROGRAM], text=True,
                                            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            env={**os.environ, "NODE_PATH": folder})
            self.sign("{}")  # it has started

    def sign(self, body):
        if not self.process:
            return fakestripe.sign(body, SECRET)
        self.process.stdin.write(json.dumps({"payload": body, "secret": SECRET}) + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def end(self):
        if self.process:
            self.process.stdin.close()
            self.process.wait()


signer = None


# ---- The host ----------------------------------------------------------------


def plugins(stripe, prices):
    plans = ", ".join(f'{{ tier = "{tier}"; prices = ( "{p["id"]}" ); }}'
                      for tier, p in zip(("PRO", "TEAMS"), prices))
    return [f'load = "auth"; {TIERS}', 'load = "agentese"; prices = '
            '( { path = "world.inn.build"; tokens = 7; } );', 'load = "metering-openmeter";',
            f'''load = "billing-stripe"; webhook_secret = "{SECRET}"; api_base = "{stripe.url}";
            api_key = "{stripe.key}"; success_url = "{APP}done"; return_url = "{APP}account";
            grace_days = {GRACE_DAYS}; plans = ( {plans} );''']


class Tenant:
    def __init__(self, host, name):
        self.host = host
        self.id = host.post("/admin/v1/tenants", {"name": name, "slug": name}, local=True).json["id"]
        self.key = {"X-API-Key": host.post("/admin/v1/keys", {
            "name": name, "tenant": self.id, "scopes": ["read", "write", "billing"]},
            local=True).json["key"]}

    def build(self):
        return self.host.post("/v1/agentese/invoke", {"path": "world.inn.build"}, self.key)

    def tier(self):
        return self.host.get("/v1/billing/subscription", self.key).json["tier"]

    def spent(self):
        """The refusal, when the budget is spent and the price is known."""
        kgent.ok(self.build().status != 402, "the first request is within the budget")
        end = time.monotonic() + 10
        answer = self.build()
        while "price" not in answer.json and time.monotonic() < end:
            time.sleep(0.02)
            answer = self.build()
        return answer


def follow(host, url):
    """Where a link leads."""
    c = http.client.HTTPConnection("127.0.0.1", host.port, timeout=30)
    c.request("GET", url[url.index("/billing/"):])
    r = c.getresponse()
    r.read()
    c.close()
    return r.status, r.headers.get("Location")


def headers(text):
    return {"Stripe-Signature": signer.sign(text), "Content-Type": "application/json"}


def deliver(host, texts):
    kgent.equal({host.post("/webhooks/stripe", t, headers(t)).status for t in texts}, {200},
                f"{len(texts)} events are taken")


def timed(name, function):
    begun = time.monotonic()
    result = function()
    took = time.monotonic() - begun
    kgent.ok(took < STEP_S, f"{name}: {took * 1000:.0f} ms")
    return result


def until(ask, wanted, name, seconds=STEP_S):
    """It becomes so within a second."""
    begun = time.monotonic()
    while (got := ask()) != wanted and time.monotonic() < begun + 10 * seconds:
        time.sleep(0.005)
    took = time.monotonic() - begun
    kgent.ok(got == wanted and took < seconds, f"{name}: {took * 1000:.0f} ms")
    if got != wanted:
        kgent.note(f"got {got!r}, wanted {wanted!r}")


def session_of(stripe, where):
    return next(s for s in stripe.objects["sessions"].values() if s["url"] == where)


def subscription_of(stripe, events):
    return next(o for o in (json.loads(t)["data"]["object"] for t in events)
                if o["object"] == "subscription")


# ---- Tests -------------------------------------------------------------------


def offered(tenant, price):
    answer = tenant.spent()
    o = answer.json
    kgent.equal((answer.status, o["required_tier"], o["price"]),
                (402, "PRO", {"id": price["id"], "unit_amount": 1900, "currency": "usd",
                              "interval": "month"}),
                "402, with the tier that has more, and its price")
    return o["checkout_url"]


def loop(host, stripe, prices):
    tenant = Tenant(host, "acme")
    url = offered(tenant, prices[0])
    status, where = timed("the link leads to a checkout", lambda: follow(host, url))
    kgent.equal(status, 303, "by 303")
    session = session_of(stripe, where)
    kgent.equal((session["client_reference_id"], session["line_items"][0]["price"]),
                (tenant.id, prices[0]["id"]), "of this tenant and plan")
    answer = timed("a refusal", tenant.build)
    kgent.equal((answer.status, "portal_url" in answer.json), (402, True),
                "the customer that there is now has a portal")
    status, where = timed("the portal's link", lambda: follow(host, answer.json["portal_url"]))
    kgent.equal((status, "/portal/" in where), (303, True), "leads to the portal")
    events = stripe.complete(session["id"])
    timed("the payment's events", lambda: deliver(host, events))
    until(lambda: tenant.build().status, 200, "the next request passes after them")
    kgent.equal(tenant.tier(), "PRO", "the tier is PRO")
    back(host, stripe, tenant, subscription_of(stripe, events))


def back(host, stripe, tenant, s):
    """The subscription ends: so does what it was for."""
    deliver(host, [stripe.event("customer.subscription.deleted",
                                {**s, "status": "canceled", "ended_at": int(time.time())})])
    until(tenant.tier, "FREE", "deleted: the tier falls")
    answer = tenant.build()
    kgent.equal((answer.status in (402, 429), answer.json.get("required_tier"),
                 "checkout_url" in answer.json), (True, "PRO", True),
                "more is used than its budget allows, and there is an offer again")


def first(host, stripe, prices):
    """The payment's events come before Stripe's answer to the request for its page."""
    tenant = Tenant(host, "hasty")
    url = offered(tenant, prices[0])
    stripe.fail("POST", "/v1/checkout/sessions", delay=2, after=True)
    before, found = set(stripe.objects["sessions"]), []
    page = threading.Thread(target=lambda: found.append(follow(host, url)))
    page.start()
    session, = kgent.until(lambda: set(stripe.objects["sessions"]) - before)
    deliver(host, stripe.complete(session))
    until(lambda: tenant.build().status, 200, "events before the answer: the next request passes")
    kgent.ok(page.is_alive(), "which is still to come")
    page.join()
    kgent.equal(found, [(303, stripe.objects["sessions"][session]["url"]
                         or f"{stripe.url}/pay/{session}")], "and then leads to the page")
    kgent.equal((tenant.tier(), tenant.build().status), ("PRO", 200), "nothing is taken back")
    customers = host.get("/admin/v1/billing/customers", local=True).json["customers"]
    kgent.equal(len([c for c in customers if c["tenant"] == tenant.id]), 1, "and there is one customer")


def other(host, stripe, prices):
    """Events out of order, and twice."""
    tenant = Tenant(host, "twice")
    _, where = follow(host, offered(tenant, prices[0]))
    events = stripe.complete(session_of(stripe, where)["id"])
    deliver(host, list(reversed(events)) + events)
    until(lambda: tenant.build().status, 200, "backwards and twice: the next request passes")


class Kept:
    """A connection that the process which has it now keeps."""

    def __init__(self, host):
        self.c = http.client.HTTPConnection("127.0.0.1", host.port, timeout=30)
        self.ask("GET", "/livez")

    def ask(self, method, target, body=None, fields=None):
        self.c.request(method, target, body, fields or {})
        r = self.c.getresponse()
        r.read()
        return r.status


def handover(host, stripe, prices):
    """Two processes: what one of them hears counts in the other."""
    for name, through_old in (("old", True), ("new", False)):
        tenant = Tenant(host, f"handover-{name}")
        _, where = follow(host, offered(tenant, prices[0]))
        events = stripe.complete(session_of(stripe, where)["id"])
        held = held_open(host, tenant)
        kept = [Kept(host) for _ in events]
        kgent.ok(host.hand_over(), f"{name}: another process serves")
        if through_old:
            got = {k.ask("POST", "/webhooks/stripe", t, headers(t)) for k, t in zip(kept, events)}
            kgent.equal(got, {200}, "the process before takes events")
        else:
            deliver(host, events)
        until(lambda t=tenant: t.build().status, 200,
              f"heard by the {name} process of two: the next request passes in the new one")
        held.close()


def held_open(host, tenant):
    """Half a request, which the process that has it waits for."""
    c = http.client.HTTPConnection("127.0.0.1", host.port, timeout=30)
    c.putrequest("POST", "/v1/agentese/invoke")
    for name, value in {**tenant.key, "Content-Type": "application/json",
                        "Content-Length": "30"}.items():
        c.putheader(name, value)
    c.endheaders(b"{")
    return c


def served(stripe, *tests):
    prices = stripe.price("PRO", 1900), stripe.price("TEAMS", 9900)
    with kgent.Host(plugins(stripe, prices)) as host:
        for test in tests:
            test(host, stripe, prices)


def against_the_mock():
    program = kgent.peer("stripe-stateful-mock", "the loop with stripe-stateful-mock")
    if not program:
        return
    mock = Mock(program)
    try:
        with Both(mock.url) as stripe:
            served(stripe, loop, other)
            kgent.ok(stripe.forwarded > 8, f"the mock was asked {stripe.forwarded} times")
    finally:
        mock.end()


def against_the_fake():
    with fakestripe.Stripe() as stripe:
        served(stripe, loop, first, other, handover)


def dunning():
    """Past due: the tier stays for the days of grace, and falls by the clock alone."""
    if kgent.sanitized():
        kgent.skip("dunning", "a sanitizer's library must come first")
        return
    with fakestripe.Stripe() as stripe, contextlib.ExitStack() as stack:
        prices = stripe.price("PRO", 1900), stripe.price("TEAMS", 9900)
        clock = kgent.Clock()
        host = stack.enter_context(kgent.Host(plugins(stripe, prices), env=clock.env))
        tenant = Tenant(host, "late")
        customer = stripe.add("customers", "cus")["id"]
        s = stripe.subscribe(customer, prices[0], metadata={"tenant_id": tenant.id})
        deliver(host, [stripe.event("customer.subscription.created", s)])
        until(tenant.tier, "PRO", "a subscription")
        late = {**s, "status": "past_due"}
        at = int(time.time())
        deliver(host, [stripe.event("customer.subscription.updated", late, at + 1)])
        shown = lambda: [x["standing"] for x in host.get(  # noqa: E731
            "/v1/billing/subscription", tenant.key).json["subscriptions"]]
        until(shown, ["grace"], "a payment that is due")
        clock.jump(GRACE_DAYS * 86400 - 60)
        time.sleep(1.5)  # nothing may happen
        kgent.equal((tenant.tier(), shown()), ("PRO", ["grace"]), "a minute before the end of grace")
        clock.jump(GRACE_DAYS * 86400 + 5)
        until(tenant.tier, "FREE", "the clock alone ends it", 5 * STEP_S)
        kgent.equal(shown(), ["overdue"], "which shows")
        clock.jump(0)  # what follows is of now
        deliver(host, [stripe.event("customer.subscription.updated", s, at + 2)])
        until(tenant.tier, "PRO", "paid at last: the tier is back")


if __name__ == "__main__":
    signer = Signer()
    if not signer.process:
        (kgent.ok(False, "Stripe's library is not installed") if os.environ.get("CI")
         else kgent.skip("Stripe's own library signs", "it is not installed"))
    try:
        kgent.main([against_the_mock, against_the_fake, dunning])
    finally:
        signer.end()
