# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Subscriptions of Stripe's, as events, and a model of what must come of them.

    world = lifecycles.World(random.Random(1), tenants, subscriptions=100)
    world.events        # [Event], in the order in which Stripe made them
    world.ledger()      # {id: (tenant, type)} that the ledger must have in the end
    world.states()      # {subscription: (status, standing, served, price, tenant)}
    world.tiers()       # {tenant: tier}

The model knows only what the manual says: of each subscription the newest event counts,
whatever the order in which they came.  Deliverer brings events to a host as Stripe does:
over several connections, again and again until it is answered with 200.
"""
import collections
import hashlib
import hmac
import json
import re
import socket
import threading
import time

SECRET = "whsec_lifecycles"
DAY = 86400
GRACE_DAYS = 3
RANKS = ["incomplete", "trialing", "active", "past_due", "unpaid", "paused",
         "incomplete_expired", "canceled"]
ENDS = ("incomplete_expired", "canceled")
PRICES = {"price_pro": ("prod_pro", "PRO", 1900), "price_teams": ("prod_teams", "TEAMS", 9900),
          "price_told": ("prod_told", "TEAMS", 7)}  # the last one's tier is told by an event
TIERS = ["FREE", "PRO", "TEAMS"]
AUTH = '''load = "auth"; tiers = ( { name = "FREE"; requests_per_minute = 1000; },
    { name = "PRO"; requests_per_minute = 10000; },
    { name = "TEAMS"; requests_per_minute = 10000; } );'''
BILLING = f'''load = "billing-stripe"; webhook_secret = "{SECRET}"; grace_days = {GRACE_DAYS};
    plans = ( {{ tier = "PRO"; prices = ( "price_pro" ); }},
              {{ tier = "TEAMS"; products = ( "prod_teams" ); }} );'''
PLUGINS = (AUTH, 'load = "metering-openmeter";', BILLING)

# What a subscription goes through; "+" is its update, "-" its deletion, "|" and ">" are a
# pause and its end, "i" and "f" are invoices paid and not, "c" its checkout; a word behind
# it is the status then, and "@" changes the price.
TALES = ["c *incomplete i +active", "*active c i +active@ i", "c *trialing +active i +past_due f f",
         "*active i +past_due f +active i +active", "c *incomplete +incomplete_expired",
         "*trialing c +active i -", "c *active |paused >active i", "*active f +past_due f +unpaid",
         "*trialing |paused", "c *active +active@ +active@ i -", "*incomplete f +incomplete",
         "*active i +active i +active i +past_due f +unpaid f -", "+active", "c i"]
LONG = "c *active " + "+active i " * 38 + "+active@"  # more than is remembered of one
KINDS = {"*": "customer.subscription.created", "+": "customer.subscription.updated",
         "-": "customer.subscription.deleted", "|": "customer.subscription.paused",
         ">": "customer.subscription.resumed", "c": "checkout.session.completed",
         "i": "invoice.paid", "f": "invoice.payment_failed"}
EFFECTS = {"*": "subscription.started", "+": "subscription.updated", "-": "subscription.ended",
           "c": "subscription.started", "i": "payment.success", "f": "payment.failed"}

Event = collections.namedtuple("Event", "id what created status price sub text")


def now():
    return int(time.time())


def sign(body):
    at = int(time.time())
    mac = hmac.new(SECRET.encode(), f"{at}.".encode() + body, hashlib.sha256)
    return f"t={at},v1={mac.hexdigest()}"


def text(name, kind, created, thing):
    return json.dumps({"id": name, "object": "event", "type": kind, "created": created,
                       "livemode": False, "data": {"object": thing}}).encode()


def order(e):
    """Of two events of one subscription the greater one counts."""
    return (e.status in ENDS, e.created, e.what != "*", RANKS.index(e.status), e.id)


class Subscription:
    """One, with its events.  `named` says what names its tenant."""

    def __init__(self, world, number, tenant, named, tale):
        self.id, self.customer = f"sub_{number}", f"cus_{number}"
        self.tenant, self.named, self.events = tenant, named, []
        dice, price, status = world.dice, dice_price(world.dice), None
        at = world.now - dice.randrange(20, 40) * DAY
        words = tale.split()
        for i, word in enumerate(words):
            what = word[0]
            status = "canceled" if what == "-" else word[1:].rstrip("@") or status
            price = dice_price(dice) if word.endswith("@") else price
            if i and dice.random() < 0.8:  # else in the same second
                at += dice.randrange(1, 3600)
            if i == len(words) - 2 and dice.random() < 0.3:
                at = world.now - dice.randrange(3600, 2 * DAY)  # in grace
            self.add(f"evt_{number}_{i}", what, at, status or "incomplete", price)
        if named == "customer":
            world.extra.append(Event(f"evt_{number}_who", "o", at, None, None, None, text(
                f"evt_{number}_who", "customer.created", at,
                {"id": self.customer, "metadata": {"tenant_id": tenant}})))

    def add(self, name, what, at, status, price):
        product, _, amount = PRICES[price]
        metadata = {"tenant_id": self.tenant} if self.named == "metadata" else {}
        thing = {"id": self.id, "customer": self.customer, "status": status, "currency": "jpy",
                 "metadata": metadata, "items": {"data": [{"quantity": 1, "price": {
                     "id": price, "product": product, "unit_amount": amount,
                     "currency": "jpy"}}]}}
        if what == "c":
            thing = {"id": f"cs_{name}", "mode": "subscription", "customer": self.customer,
                     "subscription": self.id, "amount_total": amount, "currency": "jpy",
                     "client_reference_id": self.tenant if self.named == "checkout" else None}
        elif what in "if":
            thing = {"id": f"in_{name}", "customer": self.customer, "subscription": self.id,
                     "amount_paid": amount, "amount_due": amount, "currency": "jpy"}
        self.events.append(Event(name, what, at, status, price, self, text(
            name, KINDS[what], at, thing)))

    def known(self):
        return any(e.what in "*+-|>" for e in self.events)

    def newest(self):
        return max((e for e in self.events if e.what in "*+-|>"), key=order)

    def standing(self, now):
        """How it is called, and whether the tenant has what it bought."""
        status = self.newest().status
        if status != "past_due":
            return {"incomplete": "open", "trialing": "trial", "active": "paid",
                    "unpaid": "overdue", "paused": "paused"}.get(status, "ended"), \
                status in ("trialing", "active")
        since = None
        for e in sorted((e for e in self.events if e.what in "*+-|>"), key=order, reverse=True):
            if e.status not in ("past_due", "unpaid"):
                break
            since = e.created
        grace = now < since + GRACE_DAYS * DAY
        return ("grace" if grace else "overdue"), grace

    def owner(self):
        """None until somebody knows."""
        there = {"metadata": self.known(), "nobody": False,
                 "checkout": any(e.what == "c" for e in self.events)}
        return self.tenant if there.get(self.named, True) else None


def dice_price(dice):
    return dice.choice(list(PRICES))


class World:
    def __init__(self, dice, tenants, subscriptions):
        self.dice, self.tenants, self.now, self.extra = dice, tenants, int(time.time()), []
        ways = ["metadata"] * 6 + ["checkout"] * 3 + ["customer"] * 2 + ["nobody"]
        self.subs = [Subscription(self, n, dice.choice(tenants), dice.choice(ways),
                                  LONG if n % 50 == 7 else dice.choice(TALES))
                     for n in range(subscriptions)]
        for n in range(max(1, subscriptions // 40)):
            self.other(n)
        self.events = sorted(self.extra + [e for s in self.subs for e in s.events],
                             key=lambda e: (e.created, e.id))
        self.parked = {e.id for e in self.events if e.what == "x"}

    def other(self, n):
        """Events without an effect of their own, and one that cannot be processed."""
        at = self.now - self.dice.randrange(30 * DAY)
        for what, kind, thing in (
                ("o", "charge.refunded", {"id": f"ch_{n}"}),
                ("x", "invoice.paid", {"id": f"in_x{n}", "customer": "cus_x", "amount_paid": 1.5}),
                ("o", "price.updated", {"id": "price_told", "metadata": {"kgent_tier": "TEAMS"}})):
            name = f"evt_{what}{n}_{kind}"
            self.extra.append(Event(name, what, at, None, None, None, text(name, kind, at, thing)))

    def ledger(self):
        found = {}
        for s in self.subs:
            for e in s.events:
                if e.what in EFFECTS and s.owner():
                    kind = EFFECTS[e.what]
                    name = f"started-{s.id}" if kind == "subscription.started" else e.id
                    found[name] = (s.owner(), kind)
        return found

    def counts(self):
        """Processed, skipped and failed, as GET /webhooks/stripe/health has them."""
        six = sum(e.what in "*+-cif" for e in self.events)
        return six, len(self.events) - six - len(self.parked), len(self.parked)

    def states(self):
        found = {}
        for s in self.subs:
            if s.known():
                e = s.newest()
                found[s.id] = (e.status, *s.standing(self.now), e.price, s.owner())
        return found

    def tiers(self):
        found = {t: "FREE" for t in self.tenants}
        for s in self.subs:
            if s.known() and s.owner() and s.standing(self.now)[1]:
                tier = PRICES[s.newest().price][1]
                found[s.tenant] = max(found[s.tenant], tier, key=TIERS.index)
        return found

    def deliveries(self, count, reordered=0.2):
        """All events and then some of them again, `count` in all, a part out of order."""
        again = [self.dice.choice(self.events) for _ in range(count - len(self.events))]
        queue = [(n, e) for n, e in enumerate(self.events)]
        queue += [(self.dice.randrange(len(self.events)), e) for e in again]
        far = len(self.events)
        queue = [(self.dice.randrange(far) if self.dice.random() < reordered else n, e)
                 for n, e in queue]
        return [e for _, e in sorted(queue, key=lambda pair: pair[0])]


# ---- What a host says --------------------------------------------------------


def pages(host, target, member):
    found, after = [], None
    while True:
        mark = "&" if "?" in target else "?"
        more = "" if after is None else f"&after={after}"
        page = host.get(f"{target}{mark}limit=1000{more}", local=True).json
        found += page[member]
        after = page["next"]
        if not page[member] or after is None:
            return found


def ledger_of(host):
    """[(id, tenant, type)]"""
    return [(e["id"], e["subject"], e["type"]) for e in host.events()]


def states_of(host):
    return {s["id"]: (s["status"], s["standing"], s["served"], s["price"], s["tenant"])
            for s in pages(host, "/admin/v1/billing/subscriptions", "subscriptions")
            if s["status"] != "unknown"}


def tiers_of(host):
    return {t["id"]: t["tier"] for t in pages(host, "/admin/v1/tenants", "tenants")}


def counts_of(host):
    o = host.get("/webhooks/stripe/health", admin=True).json["bridge_metrics"]
    return o["events_processed"], o["events_skipped"], o["events_failed"]


def tenants_new(host, count):
    return [host.post("/admin/v1/tenants", {"name": f"t{n}", "slug": f"t{n}"}, local=True)
            .json["id"] for n in range(count)]


def until(ask, wanted, seconds=30):
    """Asks until the answer is the wanted one: the last answer."""
    end = time.monotonic() + seconds
    while True:
        got = ask()
        if got == wanted or time.monotonic() > end:
            return got
        time.sleep(0.05)


def settled(host, counts, seconds=30):
    """Waits until so many events are processed, for as long as it goes on: what is counted."""
    got, end = None, 0
    while got != counts:
        now_, before = time.monotonic(), got
        got = counts_of(host)
        if got != before:
            end = now_ + seconds
        if now_ > end:
            break
        time.sleep(0.05)
    return got


# ---- Deliveries --------------------------------------------------------------


LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.I)


class Deliverer:
    """Clients that bring a list of events; one that is not answered with 200 comes again."""

    def __init__(self, host, deliveries, clients=6, pipeline=8):
        self.host, self.queue, self.pipeline = host, collections.deque(deliveries), pipeline
        self.lock, self.stopping, self.total = threading.Lock(), False, len(deliveries)
        self.answered, self.resent, self.statuses = 0, 0, collections.Counter()
        self.received = collections.Counter()  # by id: answers that it was new
        self.sent = collections.Counter()
        self.wrong = []
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(clients)]

    def start(self):
        for t in self.threads:
            t.start()
        return self

    def join(self, seconds=120):
        end = time.monotonic() + seconds
        for t in self.threads:
            t.join(max(0, end - time.monotonic()))
        return self.answered == self.total

    def take(self):
        with self.lock:
            n = min(self.pipeline, len(self.queue))
            batch = [self.queue.popleft() for _ in range(n)]
            self.sent.update(e.id for e in batch)
            return batch

    def run(self):
        s = file = None
        while not self.stopping and self.answered < self.total:
            batch, done = self.take(), 0
            if not batch:
                time.sleep(0.005)
                continue
            try:
                if not s:
                    s = socket.create_connection(("127.0.0.1", self.host.port), 30)
                    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    file = s.makefile("rb")
                s.sendall(b"".join(self.request(e) for e in batch))
                for e in batch:
                    if not self.read(file, e):
                        raise ConnectionError
                    done += 1
            except OSError:
                if s:
                    s.close()
                s = None
                with self.lock:
                    self.resent += len(batch) - done
                    self.queue.extendleft(reversed(batch[done:]))
                time.sleep(0.01)

    @staticmethod
    def request(e):
        return (f"POST /webhooks/stripe HTTP/1.1\r\nHost: x\r\nStripe-Signature: {sign(e.text)}\r\n"
                "Content-Type: application/json\r\n"
                f"Content-Length: {len(e.text)}\r\n\r\n").encode() + e.text

    def read(self, file, e):
        """Whether it was taken."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = file.readline()
            if not line:
                raise ConnectionError
            head += line
        length = int(LENGTH.search(head).group(1))
        body = file.read(length)
        if len(body) < length:
            raise ConnectionError
        status = int(head[9:12])
        with self.lock:
            self.statuses[status] += 1
            if status == 200:
                self.judge(e, json.loads(body))
        return status == 200

    def judge(self, e, o):
        self.answered += 1
        new = o["status"] == "received"
        self.received[e.id] += new
        if o["event_id"] != e.id or self.received[e.id] > 1 or (not new and self.sent[e.id] < 2):
            self.wrong.append((e.id, o))
