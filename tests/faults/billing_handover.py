# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""One process hands over to the next while Stripe's events and usage come: each event has its
effect once, each tier is changed once and within a second, also where time alone changes it,
and each sum of usage is at Stripe once.  With and without asking Stripe for subscriptions.

KGENT_RELOADS: how many of each kind, every third of which is a SIGKILL instead (3)."""
import json
import os
import random
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../http"))
import fakestripe  # noqa: E402
import kgent  # noqa: E402
import usage_stripe  # noqa: E402
from billing_reconcile import SECRET  # noqa: E402

RELOADS = int(os.environ.get("KGENT_RELOADS", "3"))
GAP = 1.0  # seconds until a tier follows
FAULTS = (OSError, kgent.http.client.HTTPException)


def insist(function, good, seconds=60):
    """Over handovers and kills, until the answer is good: whether it was."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if good(function()):
                return True
        except FAULTS:
            pass
        time.sleep(0.005)
    return False


def deliver(host, text):
    """As Stripe does: again, until it is confirmed."""
    return insist(lambda: host.post("/webhooks/stripe", text, {
        "Stripe-Signature": fakestripe.sign(text, SECRET), "Content-Type": "application/json"}),
        lambda answer: answer.status == 200)


def kill(host):
    """The one that serves, and whoever else runs for it, until nobody does."""
    for _ in range(5):
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{name}/cmdline", "rb") as f:
                    ours = host.config.encode() in f.read()
                if ours:
                    os.kill(int(name), signal.SIGKILL)
            except (OSError, ProcessLookupError):
                pass
        host.process.poll()
        time.sleep(0.01)
    host.process.wait()


def tier(host, tenant):
    return host.get(f"/admin/v1/tenants/{tenant}", local=True).json["tier"]


class Sales(threading.Thread):
    """Subscriptions that begin, one after the other: how long each tier took."""

    def __init__(self, host, stripe, price, tenants):
        super().__init__(daemon=True)
        self.host, self.stripe, self.price, self.tenants = host, stripe, price, tenants
        self.effects, self.took, self.killed = set(), [], 0.0
        self.lost, self.stopping = 0, False
        self.start()

    def run(self):
        for tenant in self.tenants:
            if self.stopping:
                return
            self.sell(tenant)

    def sell(self, tenant):
        s = self.stripe.subscribe(self.stripe.add("customers", "cus")["id"], self.price,
                                  metadata={"tenant_id": tenant})
        texts = [self.stripe.event("customer.subscription.created", s)]
        texts.append(self.stripe.event("customer.subscription.updated", s))
        self.lost += not all(deliver(self.host, t) for t in texts + texts[:1])
        start = time.monotonic()
        self.lost += not insist(lambda: tier(self.host, tenant), lambda t: t == "PRO")
        self.took.append((time.monotonic() - start, start))
        self.effects |= {f"started-{s['id']}", json.loads(texts[1])["id"]}


class Usage(threading.Thread):
    """Events of some minutes; what was answered counts, and the others may."""

    def __init__(self, host, key):
        super().__init__(daemon=True)
        self.host, self.key, self.sums, self.stopping = host, key, {}, False
        self.start()

    def run(self):
        while not self.stopping:
            minute = usage_stripe.minute_ago(random.randrange(5, 25))
            number = next(usage_stripe.numbers)
            body = json.dumps([{"specversion": "1.0", "id": f"u{number}", "source": "test",
                                "type": "llm", "time": time.strftime(
                                    "%Y-%m-%dT%H:%M:%SZ", time.gmtime(minute + 7)),
                                "data": {"usage": {"tokens": number}}}])
            if insist(lambda: self.host.request("POST", "/v1/events", body, {
                    **self.key, "Content-Type": "application/cloudevents-batch+json"}),
                      lambda answer: answer.status == 204):
                self.sums[minute] = self.sums.get(minute, 0) + number
            time.sleep(0.02)


def overdue(host, stripe, price, tenant, in_s):
    """A payment is due, whose days of grace end soon."""
    s = stripe.subscribe(stripe.add("customers", "cus")["id"], price, status="past_due",
                         metadata={"tenant_id": tenant})
    at = int(time.time()) - 86400 + in_s
    text = stripe.event("customer.subscription.updated", s, created=at)
    deliver(host, text)
    insist(lambda: tier(host, tenant), lambda t: t == "PRO")
    return json.loads(text)["id"], at + 86400


def time_alone(host, tenants):
    """How late each was, by the time at which it had to change."""
    late = {}
    end = time.time() + 60
    while len(late) < len(tenants) and time.time() < end:
        for tenant, due in tenants.items():
            try:
                if tenant not in late and time.time() > due and tier(host, tenant) == "FREE":
                    late[tenant] = time.time() - due
            except FAULTS:
                pass
        time.sleep(0.02)
    return late


def ledger(host):
    return [e["id"] for e in host.events() if e["type"].startswith("subscription.")]


def changes(host):
    """Of tiers, by tenant."""
    found, after = {}, ""
    while True:
        page = host.get(f"/admin/v1/audit?limit=1000{after}", local=True).json
        for record in (json.loads(item["text"]) for item in page["records"]):
            if record["actor"] == "billing-stripe":
                found[record["target"]] = found.get(record["target"], 0) + 1
        if not page.get("next"):
            return found
        after = f"&after={page['next']}"


def handed_over(host, wait):
    """Reloads and kills: when each began, and whether it went wrong."""
    bad, times, kills = 0, [], []
    for i in range(RELOADS):
        time.sleep(random.uniform(*wait))
        times.append(time.monotonic())
        if i % 3 == 2:
            kill(host)
            host.start()
            kills.append((times[-1], time.monotonic()))
        else:
            bad += not host.hand_over()
    return bad, times, kills


def gaps(took, kills):
    """The slowest, without those that a kill fell into."""
    return max([t for t, start in took
                if not any(start < up and start + t > down for down, up in kills)] or [0])


def life(stripe, what, more):
    price = stripe.price("PRO", 1900)
    block = (f'load = "billing-stripe"; webhook_secret = "{SECRET}"; api_base = "{stripe.url}"; '
             f'api_key = "{stripe.key}"; success_url = "https://a.example/"; grace_days = 1; {more} '
             f'{usage_stripe.METERS} plans = ( {{ tier = "PRO"; prices = ( "{price["id"]}" ); }} );')
    with kgent.Host(plugins=["health", 'load = "auth"; enforce = "shadow";',
                             'load = "metering-openmeter";', block]) as host:
        user, key = usage_stripe.tenant_new(host, "user")
        customer = host.post("/v1/billing/checkout", {"plan": "PRO"}, key).json["customer"]
        names = [usage_stripe.tenant_new(host, f"t{i}")[0] for i in range(60 + 40 * RELOADS)]
        lates = [usage_stripe.tenant_new(host, f"late{i}")[0] for i in range(3)]
        sent, due = [], {}
        for i, tenant in enumerate(lates):
            name, due[tenant] = overdue(host, stripe, price, tenant, 3 + i)
            sent.append(name)
        sales, usage = Sales(host, stripe, price, names), Usage(host, key)
        late = {}
        watch = threading.Thread(target=lambda: late.update(time_alone(host, due)))
        watch.start()
        bad, _, kills = handed_over(host, (0.3, 1.2))
        watch.join()
        sales.stopping = usage.stopping = True
        sales.join()
        usage.join()
        judge(host, stripe, what, customer, sales, usage, (sent, late, due, bad, kills))


def judge(host, stripe, what, customer, sales, usage, rest):
    sent, late, due, bad, kills = rest
    kgent.equal((bad, sales.lost), (0, 0), f"{what}: {RELOADS} handovers, nothing was lost")
    slowest = gaps(sales.took, kills)
    kgent.ok(slowest < GAP, f"{what}: {len(sales.took)} tiers follow within a second")
    kgent.note(f"{what}: the slowest took {slowest * 1000:.0f} ms; with kills "
               f"{max(t for t, _ in sales.took) * 1000:.0f} ms")
    kgent.equal(len(late), len(due), f"{what}: time alone changes tiers")
    calm = [s for t, s in late.items() if not any(b - a > s - 1 for a, b in kills)] or [0]
    kgent.ok(max(calm) < 1 + GAP, f"{what}: at their time")
    wanted = sorted(sales.effects | set(sent))
    kgent.ok(insist(lambda: sorted(ledger(host)), lambda got: got == wanted),
             f"{what}: each event is in the ledger once")
    wanted = {t: 1 for t in sales.tenants[:len(sales.took)]} | {t: 2 for t in due}
    kgent.equal(changes(host), wanted, f"{what}: each tier was changed once")
    kgent.ok(insist(lambda: {m: sum(v) for m, v in usage_stripe.got(stripe, customer).items()},
                    lambda got: got == usage.sums), f"{what}: usage is at Stripe once")
    asked = len(stripe.asked("POST", "/v1/billing/meter_events"))
    kgent.note(f"{what}: {asked} requests for {len(stripe.meter_events)} sums")


def tests():
    for what, more in (("events", ""), ("refetch", "refetch = true;")):
        with fakestripe.Stripe() as stripe:
            life(stripe, what, more)


if __name__ == "__main__":
    kgent.main([tests])
