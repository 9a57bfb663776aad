#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""From Stripe's events to the tenant's tier, the ledger and the operator's commands, in the
real program: in any order, with kills in between."""
import hashlib
import hmac
import json
import os
import random
import signal
import tempfile
import time

import kgent

SECRET = "whsec_billing"
NOW = int(time.time())
AUTH = '''load = "auth"; tiers = ( { name = "FREE"; requests_per_minute = 1000;
    requests_per_month = 2; }, { name = "PRO"; requests_per_minute = 10000; },
    { name = "TEAMS"; requests_per_minute = 10000; } );'''
BILLING = f'''load = "billing-stripe"; webhook_secret = "{SECRET}"; grace_days = 3;
    plans = ( {{ tier = "PRO"; prices = ( "price_pro" ); }},
              {{ tier = "TEAMS"; products = ( "prod_teams" ); }} );'''
PLUGINS = (AUTH, BILLING)


def event(name, kind, created, thing):
    return json.dumps({"id": name, "object": "event", "type": kind, "created": created,
                       "livemode": False, "data": {"object": thing}})


def checkout(name, number, tenant, created=NOW):
    return event(name, "checkout.session.completed", created, {
        "id": f"cs_{number}", "mode": "subscription", "customer": f"cus_{number}",
        "subscription": f"sub_{number}", "client_reference_id": tenant,
        "amount_total": 1900, "currency": "jpy"})


def subscription(name, what, number, status, created=NOW, **more):
    price = {"id": "price_pro", "product": "prod_pro", "unit_amount": 1900, "currency": "jpy"}
    return event(name, f"customer.subscription.{what}", created, {
        "id": f"sub_{number}", "customer": f"cus_{number}", "status": status, "currency": "jpy",
        "items": {"data": [{"quantity": 1, "price": price}]}, **more})


def send(host, body):
    at = int(time.time())
    mac = hmac.new(SECRET.encode(), f"{at}.".encode() + body.encode(), hashlib.sha256)
    return host.post("/webhooks/stripe", body,
                     {"Stripe-Signature": f"t={at},v1={mac.hexdigest()}",
                      "Content-Type": "application/json"}).status


def tenant_new(host, name):
    tenant = host.post("/admin/v1/tenants", {"name": name, "slug": name}, local=True).json["id"]
    key = host.post("/admin/v1/keys", {"name": name, "tenant": tenant,
                                       "scopes": ["read", "billing"]}, local=True).json["key"]
    return tenant, {"X-API-Key": key}


def tier(host, tenant):
    return host.get(f"/admin/v1/tenants/{tenant}", local=True).json["tier"]


def until(ask, wanted, seconds=10):
    """Asks until the answer is the wanted one; how long it took, and the answer."""
    start = time.monotonic()
    while True:
        got = ask()
        took = time.monotonic() - start
        if got == wanted or took > seconds:
            return took, got
        time.sleep(0.01)


def heard(host, count):
    """Whether the host comes to know what so many events say."""
    return until(lambda: host.get("/webhooks/stripe/health", admin=True)
                 .json["bridge_metrics"]["events_processed"], count)[1] == count


def paid():
    with kgent.Host(PLUGINS) as host:
        tenant, key = tenant_new(host, "acme")
        me = lambda: host.get("/v1/me", key).status
        kgent.equal([me() for _ in range(3)], [200, 200, 429], "the month's requests are spent")
        kgent.equal(send(host, checkout("evt_1", 1, tenant)), 200, "a checkout")
        kgent.equal(send(host, subscription("evt_2", "created", 1, "active")), 200,
                    "and its subscription")
        took, status = until(me, 200)
        kgent.ok(status == 200 and took < 1, f"the next request passes, after {took:.3f} s")
        own = host.get("/v1/billing/subscription", key).json
        kgent.equal((own["tenant"], own["tier"], own["subscriptions"][0]["standing"]),
                    (tenant, "PRO", "paid"), "the tenant sees it")
        audit = host.get("/admin/v1/audit?limit=1000", local=True).text
        kgent.ok('"actor":"billing-stripe"' in audit and "sub_1 is paid" in audit,
                 "the audit log says who and why")
        send(host, subscription("evt_3", "updated", 1, "past_due", NOW - 4 * 86400 + 5))
        kgent.ok(heard(host, 3), "it comes after a newer one")
        kgent.equal(tier(host, tenant), "PRO", "an older event changes nothing")
        send(host, subscription("evt_4", "deleted", 1, "canceled", NOW + 1))
        kgent.equal(until(lambda: tier(host, tenant), "FREE")[1], "FREE", "the end")


def dunning():
    with kgent.Host(PLUGINS) as host:
        tenant, _ = tenant_new(host, "late")
        send(host, checkout("evt_1", 1, tenant))
        send(host, subscription("evt_2", "created", 1, "active", NOW - 9 * 86400))
        until(lambda: tier(host, tenant), "PRO")
        send(host, subscription("evt_3", "updated", 1, "past_due", int(time.time()) - 3 * 86400 + 3))
        kgent.ok(heard(host, 3), "a payment is due")
        kgent.equal(tier(host, tenant), "PRO", "it is served")
        took, got = until(lambda: tier(host, tenant), "FREE")
        kgent.ok(got == "FREE" and took < 6, "the clock alone ends the grace")


def any_order():
    """Kills wherever they fall; each event comes several times; one effect each."""
    folder = tempfile.TemporaryDirectory(prefix="kgent-billing-")
    state = os.path.join(folder.name, "state")
    seed = int(os.environ.get("KGENT_SEED", str(random.randrange(1 << 30))))
    kgent.note(f"KGENT_SEED={seed}")
    dice = random.Random(seed)
    subs, kills = 20, 12
    with kgent.Host(PLUGINS, state=state) as host:
        tenants = [tenant_new(host, f"t{n}")[0] for n in range(subs)]
    events = []
    for n, tenant in enumerate(tenants):
        events += [checkout(f"evt_{n}_a", n, tenant), subscription(f"evt_{n}_b", "created", n,
                                                                   "incomplete"),
                   subscription(f"evt_{n}_c", "updated", n, "active"),
                   subscription(f"evt_{n}_d", "updated", n, "active", NOW + 1)]
        if n % 2:
            events.append(subscription(f"evt_{n}_e", "deleted", n, "canceled", NOW + 2))
    todo = events + dice.sample(events, len(events) // 3)
    dice.shuffle(todo)
    while todo:
        host = kgent.Host(PLUGINS, state=state).start()
        batch = todo[:max(1, len(events) // kills)]
        try:
            taken = [body for body in batch if send(host, body) == 200]
        finally:
            host.process.send_signal(signal.SIGKILL)
            host.process.wait()
            host.log.close()
            host.folder.cleanup()
        for body in taken:
            todo.remove(body)
    with kgent.Host(PLUGINS, state=state) as host:
        wanted = ["FREE" if n % 2 else "PRO" for n in range(subs)]
        kgent.equal(until(lambda: [tier(host, t) for t in tenants], wanted)[1], wanted,
                    "all tiers are right")
        kgent.equal(host.get("/webhooks/stripe/health", admin=True).json["bridge_metrics"]
                    ["idempotency_store_size"], len(events), "each event was processed once")
    ids = ledger(state)
    effects = sorted([f"started-sub_{n}" for n in range(subs)]
                     + [f"evt_{n}_{x}" for n in range(subs) for x in "cd"]
                     + [f"evt_{n}_e" for n in range(subs) if n % 2])
    kgent.equal(sorted(ids), effects, "each has one effect in the ledger")
    folder.cleanup()


def ledger(state):
    """Ids of the ledger's records, by the program's own reader of a copy of the store."""
    import sqlite3
    file = next(f for f in (os.path.join(state, n) for n in os.listdir(state))
                if os.path.isfile(f) and open(f, "rb").read(6) == b"SQLite")
    db = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    log, = db.execute("SELECT id FROM log WHERE name = 'usage'").fetchone()
    rows = db.execute("SELECT id FROM dedup WHERE log = ?", (log,)).fetchall()
    db.close()
    return [bytes(r[0]).decode() if not isinstance(r[0], str) else r[0] for r in rows]


def operators():
    with kgent.Host(PLUGINS) as host:
        tenant, _ = tenant_new(host, "acme")
        send(host, subscription("evt_1", "created", 1, "active"))
        send(host, event("evt_2", "invoice.paid", NOW, {"id": "in_1", "amount_paid": 1.5}))
        listed = lambda: host.ctl("billing", "inbox", "list", "--parked")[1]
        until(lambda: "evt_2" in listed(), True)
        status, out, err = host.ctl("billing", "inbox", "list")
        kgent.ok(status == 0 and "evt_1" in out and "an amount is no integer" in out,
                 "billing inbox list")
        kgent.ok("evt_1" not in listed(), "only what is parked")
        status, out, err = host.ctl("billing", "inbox", "show", "evt_2", "-j")
        kgent.equal(json.loads(out)["event"]["data"]["object"]["id"], "in_1", "billing inbox show")
        status, out, err = host.ctl("billing", "inbox", "replay", "evt_1")
        kgent.equal((status, out), (0, "replayed evt_1\n"), "billing inbox replay")
        status, out, err = host.ctl("billing", "inbox", "replay", "evt_2")
        kgent.ok(status == 1 and "an amount is no integer" in err, "what still cannot be")
        kgent.equal(tier(host, tenant), "FREE", "nobody knows whose customer it is")
        status, out, err = host.ctl("billing", "customers", "map", "cus_1", "acme")
        kgent.ok(status == 0 and tenant in out, "billing customers map")
        took, got = until(lambda: tier(host, tenant), "PRO")
        kgent.ok(got == "PRO" and took < 1, "and then the tier follows")
        status, out, err = host.ctl("billing", "customers", "list")
        kgent.ok(status == 0 and "cus_1" in out and "admin" in out, "billing customers list")
        status, out, err = host.ctl("billing", "list", "--tenant", "acme")
        kgent.ok(status == 0 and "sub_1" in out and "paid" in out and tenant in out, "billing list")
        kgent.equal(host.ctl("billing", "customers", "map", "cus_1")[0], 2, "wrong usage")
        status, _, err = host.ctl("billing", "inbox", "show", "a/b")
        kgent.ok(status == 2 and "event 'a/b'" in err, "an event has no such name")
        status, _, err = host.ctl("billing", "reconcile", "--from", "2026-01-01")
        kgent.ok(status == 2 and "--usage" in err, "an option that would be ignored is refused")
        status, _, err = host.ctl("billing", "usage", "list", "--open", "--waiting")
        kgent.ok(status == 2 and "--open" in err, "one list is shown")
        simulate(host)


def simulate(host):
    day = 86400
    events = [subscription("evt_c", "updated", 7, "past_due", NOW + day),
              subscription("evt_a", "created", 7, "incomplete", NOW),
              subscription("evt_d", "deleted", 7, "canceled", NOW + 30 * day),
              subscription("evt_b", "updated", 7, "active", NOW)]
    tables = set()
    for text in ("[" + ",".join(events) + "]", "\n".join(reversed(events)) + "\n",
                 '{"object":"list","data":[' + ",".join(events) + "]}"):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as f:
            f.write(text)
            f.flush()
            status, out, err = host.ctl("billing", "simulate", f.name)
            tables.add(out)
            kgent.equal((status, err), (0, ""), "billing simulate")
    rows = [line.split() for line in tables.pop().splitlines()[1:]]
    kgent.equal(len(tables), 0, "the same in any order")
    kgent.equal([(r[1], r[-3], r[-2]) for r in rows],
                [("evt_a", "open", "-"), ("evt_b", "paid", "PRO"), ("evt_c", "grace", "PRO"),
                 ("-", "overdue", "FREE"), ("evt_d", "ended", "FREE")], "the timeline")
    whole = {f"member_{i}": i for i in range(150)}  # as events of Stripe's have
    with tempfile.NamedTemporaryFile("w", suffix=".json") as f:
        json.dump([json.loads(subscription(f"evt_{i}", "updated", 7, "active", NOW + i, x=whole))
                   for i in range(200)], f)
        f.flush()
        status, out, err = host.ctl("billing", "simulate", f.name)
        kgent.equal((status, len(out.splitlines()), err), (0, 201, ""), "200 events of many values")


kgent.main([paid, dunning, any_order, operators])
