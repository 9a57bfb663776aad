# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""For tests that are Stripe: events, signatures by hand, deliveries on the wire in every
framing, and what came of them."""
import hashlib
import hmac
import http.client
import json
import os
import random
import socket
import sys
import time

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "faults"))
import kgent  # noqa: E402
import proxies  # noqa: E402,F401

SECRET = "whsec_rows_0123456789abcdef"
AUTH = '''load = "auth"; enforce = "shadow"; tiers = ( { name = "FREE"; }, { name = "PRO"; },
    { name = "TEAMS"; } );'''
PLANS = '''plans = ( { tier = "PRO"; prices = ( "price_pro" ); lookup_keys = ( "pro_yearly" ); },
    { tier = "TEAMS"; products = ( "prod_teams" ); } );'''
FRAMINGS = ("whole", "split", "chunked", "chunks")
CHUNKED = ["http.allow_chunked=true"]


def plugins(more="", secret=None):
    """Billing with what it works with."""
    secret = f'webhook_secret = "{SECRET}";' if secret is None else secret
    return ["health", AUTH, 'load = "metering-openmeter"; enabled = false;',
            f'load = "billing-stripe"; {secret} {PLANS} {more}']


# ---- Events ----------------------------------------------------------------


def event(name, kind="invoice.paid", thing=None, created=None, livemode=False, **members):
    return json.dumps({"id": name, "object": "event", "type": kind, "livemode": livemode,
                       "created": int(time.time()) if created is None else created,
                       "data": {"object": thing or {"id": "in_" + name, "amount_paid": 500,
                                                    "currency": "usd"}}, **members})


def checkout(name, sub, tenant, created=None, **members):
    return event(name, "checkout.session.completed", {
        "id": "cs_" + sub, "object": "checkout.session", "mode": "subscription",
        "customer": "cus_" + sub, "subscription": "sub_" + sub, "client_reference_id": tenant,
        "amount_total": 1900, "currency": "usd", **members}, created)


def subscription(name, what, sub, status, created=None, amount=1900, currency="usd", price=None,
                 **members):
    price = {"id": "price_pro", "product": "prod_pro", "unit_amount": amount,
             "currency": currency, **(price or {})}
    return event(name, f"customer.subscription.{what}", {
        "id": "sub_" + sub, "object": "subscription", "customer": "cus_" + sub, "status": status,
        "currency": currency, "items": {"object": "list", "data": [
            {"id": "si_1", "quantity": 1, "price": price}]}, **members}, created)


def invoice(name, what, sub, created=None, amount=1900, currency="usd", **members):
    return event(name, f"invoice.{what}", {
        "id": "in_" + name, "object": "invoice", "customer": "cus_" + sub,
        "subscription": "sub_" + sub, "amount_paid": amount, "amount_due": amount,
        "currency": currency, "billing_reason": "subscription_cycle", "attempt_count": 1,
        "next_payment_attempt": None, **members}, created)


# ---- Signatures ------------------------------------------------------------


def raw(body):
    return body if isinstance(body, bytes) else body.encode()


def mac(body, at, secret=SECRET):
    """The hexadecimal signature of a body at a time, which may be any text."""
    return hmac.new(secret.encode(), f"{at}.".encode() + raw(body), hashlib.sha256).hexdigest()


def now():
    return int(time.time())


def header(body, at=None, *secrets):
    at = now() if at is None else at
    return ",".join([f"t={at}"] + ["v1=" + mac(body, at, s) for s in secrets or (SECRET,)])


# ---- Deliveries ------------------------------------------------------------


def pieces(data, framing, dice):
    """What goes over the wire, segment by segment."""
    if framing in ("whole", "split"):
        data, step = data, len(data) if framing == "whole" else max(1, len(data) // 7)
        return [data[i:i + step] for i in range(0, len(data), step or 1)]
    parts = [data]
    if framing == "chunks":
        cuts = sorted(dice.sample(range(1, len(data)), min(9, len(data) - 1)))
        parts = [data[a:b] for a, b in zip([0] + cuts, cuts + [len(data)])]
    parts = [b"%x\r\n%s\r\n" % (len(p), p) for p in parts] + [b"0\r\n\r\n"]
    return parts if framing == "chunks" else [b"".join(parts)]


def deliver(host, body, signature, framing="whole", fields=(), port=None, dice=random,
            kind="application/json; charset=utf-8", target="/webhooks/stripe"):
    """One delivery on a connection of its own.  The signature may be None: no header."""
    body = raw(body)
    lines = [f"POST {target} HTTP/1.1", "Host: kgent", "User-Agent: Stripe/1.0", *fields]
    lines += [f"Content-Type: {kind}"] if kind else []
    lines += [f"Stripe-Signature: {signature}"] if signature is not None else []
    lines += ["Transfer-Encoding: chunked" if framing.startswith("chunk")
              else f"Content-Length: {len(body)}"]
    head = "\r\n".join(lines).encode() + b"\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port or host.port), timeout=30) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for part in [head] + pieces(body, framing, dice) if body else [head]:
                s.sendall(part)
                if framing in ("split", "chunks"):
                    time.sleep(0.001)  # so that they come apart
        except OSError:
            pass  # refused at its head: the answer is there
        response = http.client.HTTPResponse(s)
        response.begin()
        return kgent.Answer(response)


def send(host, body, framing="whole"):
    return deliver(host, body, header(body), framing)


# ---- What came of it -------------------------------------------------------


def until(ask, good, seconds=10):
    """Asks until the answer is good, or equal to it; the last answer."""
    end = time.monotonic() + seconds
    while True:
        got = ask()
        if (good(got) if callable(good) else got == good) or time.monotonic() > end:
            return got
        time.sleep(0.01)


def health(host):
    return host.get("/webhooks/stripe/health", admin=True).json["bridge_metrics"]


def settled(host, count):
    """Once the cursor has passed so many events."""
    got = until(lambda: health(host)["idempotency_store_size"], count, 30)
    if got != count:
        kgent.note(f"of {count} events: {health(host)}")
    return got == count


def ids(host):
    return sorted(e["id"] for e in host.events())


def tenant_new(host, slug, name=None):
    tenant = host.post("/admin/v1/tenants", {"name": name or slug, "slug": slug},
                       local=True).json["id"]
    key = host.post("/admin/v1/keys", {"name": slug, "tenant": tenant,
                                       "scopes": ["read", "billing"]}, local=True).json["key"]
    return tenant, {"X-API-Key": key}


def tier(host, tenant):
    return host.get(f"/admin/v1/tenants/{tenant}", local=True).json["tier"]


def metric(host, name):
    for line in host.get("/metrics", admin=True).text.splitlines():
        if line.startswith(name + " "):
            return float(line.split()[1])
    return 0.0


def fits_problem(answer, status, name, **members):
    """One result: a problem with this status and these members."""
    good = (answer.status == status
            and answer.headers["Content-Type"] == "application/problem+json"
            and answer.json["status"] == status and isinstance(answer.json["detail"], str)
            and answer.json["instance"] == answer.headers["X-Request-ID"]
            and all(answer.json.get(k) == v for k, v in members.items()))
    if not kgent.ok(good, f"{name}: {status}"):
        kgent.note(f"{answer.status} {answer.headers['Content-Type']} {answer.text[:500]}")
    return good
