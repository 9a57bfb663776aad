# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""A Stripe of the tests' own, for what a mock of Stripe must be able to do badly.

    with fakestripe.Stripe() as stripe:
        price = stripe.price("PRO", 1900, "usd", lookup_key="pro_monthly")
        stripe.fail("POST", "/v1/checkout/sessions", status=429, headers={"Retry-After": "1"})
        ... a host with api_base = stripe.url, api_key = stripe.key ...
        events = stripe.complete(session_id)        # pays; the events that Stripe would send
        header = fakestripe.sign(body, secret)

Customers (with search), products, prices, checkout sessions, portal sessions,
subscriptions, meters, meter events and their summaries by day; Idempotency-Key, pages,
errors in Stripe's shape.  `failures` are taken in order by the requests that they match;
`seen` keeps what came.  As a program it serves a port: fakestripe.py PORT.
"""
import hashlib
import hmac
import http.server
import json
import re
import socket
import struct
import sys
import threading
import time
import urllib.parse

KEY = "sk_test_fake"


def sign(body, secret, at=None):
    """The Stripe-Signature of a body."""
    at = int(time.time()) if at is None else at
    text = f"{at}.".encode() + (body if isinstance(body, bytes) else body.encode())
    return f"t={at},v1={hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()}"


def unflatten(pairs):
    """a[b][0]=c as objects and lists."""
    top = {}
    for name, value in pairs:
        parts = re.findall(r"[^\[\]]+", name)
        at = top
        for i, part in enumerate(parts[:-1]):
            at = at.setdefault(part, {})
        if name.endswith("[]"):
            at.setdefault(parts[-1], {})[str(len(at.get(parts[-1], {})))] = value
        else:
            at[parts[-1]] = value

    def lists(o):
        if not isinstance(o, dict):
            return o
        o = {k: lists(v) for k, v in o.items()}
        if o and all(k.isdigit() for k in o):
            return [o[k] for k in sorted(o, key=int)]
        return o
    return lists(top)


class Refusal(Exception):
    def __init__(self, status, kind, message, code=None, param=None):
        super().__init__(message)
        self.status = status
        self.error = {"type": kind, "message": message}
        if code:
            self.error["code"] = code
        if param:
            self.error["param"] = param


def missing(what, name, param="id", status=404):
    return Refusal(status, "invalid_request_error", f"No such {what}: '{name}'",
                   "resource_missing", param)


class Stripe:
    def __init__(self, port=0, key=KEY):
        self.key, self.lock = key, threading.RLock()
        self.seen, self.failures = [], []
        self.replies = {}  # Idempotency-Key -> (request, status, object)
        self.keep = None  # a path: a POST to it fails, which is kept as every answer is
        self.objects = {k: {} for k in ("customers", "products", "prices", "sessions", "portals",
                                        "subscriptions", "invoices", "meters")}
        self.meter_events, self.identifiers = [], set()
        self.count = 0
        self.version = None
        server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        server.daemon_threads, server.stripe = True, self
        self.server, self.port = server, server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def __enter__(self):
        return self.start()

    def __exit__(self, *args):
        self.stop()

    # ---- For tests ---------------------------------------------------------

    def fail(self, method, path, status=None, body=None, headers=None, reset=False, delay=0,
             after=False, times=1, when=lambda parameters: True):
        """The next `times` requests whose path begins so, and whose parameters are so: a
        status, or a reset, after `delay` seconds; with `after` once what was asked is done."""
        self.failures += [dict(method=method, path=path, status=status, body=body,
                               headers=headers or {}, reset=reset, delay=delay,
                               after=after, when=when)] * times

    def asked(self, method, path):
        """The requests of this kind that came: (headers, parameters)."""
        with self.lock:
            return [(h, p) for m, where, h, p in self.seen if m == method and where == path]

    def new_id(self, prefix):
        with self.lock:
            self.count += 1
            return f"{prefix}_{self.count:06d}"

    def add(self, kind, prefix, **members):
        o = {"id": members.pop("id", None) or self.new_id(prefix), "object": kind.rstrip("s"),
             "created": int(time.time()), "livemode": False, **members}
        with self.lock:
            self.objects[kind][o["id"]] = o
        return o

    def price(self, tier, amount, currency="usd", lookup_key=None, **members):
        product = self.add("products", "prod", name=tier, metadata={"kgent_tier": tier},
                           default_price=None)
        price = self.add("prices", "price", active=True, unit_amount=amount, currency=currency,
                         product=product["id"], lookup_key=lookup_key, type="recurring",
                         recurring={"interval": "month", "interval_count": 1}, **members)
        product["default_price"] = price["id"]
        return price

    def event(self, kind, o, created=None, **members):
        """An event as Stripe sends it, as text."""
        return json.dumps({"id": self.new_id("evt"), "object": "event", "type": kind,
                           "created": int(time.time()) if created is None else created,
                           "livemode": False, "api_version": self.version, "pending_webhooks": 1,
                           "data": {"object": o}, **members})

    def subscribe(self, customer, price, status="active", metadata=None, quantity=1, **members):
        now = int(time.time())
        price = self.objects["prices"][price] if isinstance(price, str) else price
        return self.add("subscriptions", "sub", customer=customer, status=status,
                        metadata=metadata or {}, cancel_at_period_end=False, canceled_at=None,
                        ended_at=None, trial_end=None, current_period_start=now,
                        current_period_end=now + 30 * 86400, currency=price["currency"],
                        items={"object": "list", "data": [
                            {"id": self.new_id("si"), "object": "subscription_item",
                             "price": price, "quantity": quantity}]}, **members)

    def complete(self, session_id):
        """Pays: the texts of the events that come of it, in Stripe's usual order."""
        session = self.objects["sessions"][session_id]
        data = session.get("subscription_data") or {}
        item = session["line_items"][0]
        s = self.subscribe(session["customer"], item["price"], metadata=data.get("metadata"),
                           quantity=int(item.get("quantity", 1)))
        amount = s["items"]["data"][0]["price"]["unit_amount"]
        invoice = self.add("invoices", "in", customer=session["customer"], subscription=s["id"],
                           amount_paid=amount, amount_due=amount, currency=s["currency"],
                           billing_reason="subscription_create", attempt_count=1, status="paid")
        session.update(status="complete", payment_status="paid", subscription=s["id"], url=None)
        shown = {k: v for k, v in session.items() if k not in ("line_items", "subscription_data")}
        return [self.event("customer.subscription.created", s),
                self.event("invoice.paid", invoice),
                self.event("checkout.session.completed", shown)]

    # ---- The API -----------------------------------------------------------

    def get_object(self, kind, name, param="id", status=404):
        o = self.objects[kind].get(name)
        if not o or o.get("deleted"):
            raise missing(kind.rstrip("s"), name, param, status)
        return o

    def page(self, url, items, p):
        items = sorted(items, key=lambda o: o["id"], reverse=True)
        after, limit = p.get("starting_after"), int(p.get("limit", 10))
        if after:
            names = [o["id"] for o in items]
            if after not in names:
                raise missing("object", after, "starting_after", 400)
            items = items[names.index(after) + 1:]
        return {"object": "list", "url": url, "data": items[:limit],
                "has_more": len(items) > limit}

    def post_customers(self, p):
        return self.add("customers", "cus", email=p.get("email"), name=p.get("name"),
                        description=p.get("description"), metadata=p.get("metadata") or {})

    def get_customers_search(self, p):
        match = re.fullmatch(r"metadata\['(\w+)'\]:'([^']*)'", p.get("query", ""))
        if not match:
            raise Refusal(400, "invalid_request_error", "Bad query", param="query")
        name, value = match.groups()
        found = [o for o in self.objects["customers"].values()
                 if o.get("metadata", {}).get(name) == value and not o.get("deleted")]
        return {"object": "search_result", "url": "/v1/customers/search", "has_more": False,
                "data": found}

    def post_checkout_sessions(self, p):
        for name in ("mode", "success_url", "line_items"):
            if name not in p:
                raise Refusal(400, "invalid_request_error", f"Missing required param: {name}.",
                              "parameter_missing", name)
        self.get_object("customers", p.get("customer"), "customer", 400)
        self.get_object("prices", p["line_items"][0]["price"], "line_items[0][price]", 400)
        name = self.new_id("cs_test")
        return self.add("sessions", "cs_test", id=name, object="checkout.session", status="open",
                        payment_status="unpaid", expires_at=int(time.time()) + 86400,
                        subscription=None, url=f"{self.url}/pay/{name}", **p)

    def post_billing_portal_sessions(self, p):
        self.get_object("customers", p.get("customer"), "customer", 400)
        name = self.new_id("bps")
        return self.add("portals", "bps", id=name, object="billing_portal.session",
                        url=f"{self.url}/portal/{name}", **p)

    def get_prices(self, p):
        keys = p.get("lookup_keys") or []
        return self.page("/v1/prices", [o for o in self.objects["prices"].values()
                                        if not keys or o["lookup_key"] in keys], p)

    def get_subscriptions(self, p):
        status, customer = p.get("status"), p.get("customer")
        return self.page("/v1/subscriptions", [
            s for s in self.objects["subscriptions"].values()
            if (status == "all" or s["status"] == status or (not status
                                                             and s["status"] != "canceled"))
            and (not customer or s["customer"] == customer)], p)

    def post_billing_meter_events(self, p):
        at, now = int(p.get("timestamp") or time.time()), time.time()
        payload = p.get("payload") or {}
        if at < now - 35 * 86400 or at > now + 300:
            raise Refusal(400, "invalid_request_error", "The timestamp must be within the past 35 "
                          "calendar days and up to 5 minutes in the future.",
                          "timestamp_too_far_in_past" if at < now else "timestamp_in_future",
                          "timestamp")
        self.get_object("customers", payload.get("stripe_customer_id"),
                        "payload[stripe_customer_id]", 400)
        if not re.fullmatch(r"-?\d+", payload.get("value", "")):
            raise Refusal(400, "invalid_request_error", "Invalid value", "meter_event_value_invalid",
                          "payload[value]")
        if p.get("identifier") in self.identifiers:
            raise Refusal(400, "invalid_request_error", "An event already exists with identifier "
                          f"{p['identifier']}.", "duplicate_meter_event", "identifier")
        self.identifiers.add(p.get("identifier"))
        event = {"object": "billing.meter_event", "created": int(now), "livemode": False,
                 "event_name": p["event_name"], "identifier": p.get("identifier"),
                 "payload": payload, "timestamp": at}
        self.meter_events.append(event)
        return event

    def get_billing_meters(self, p):
        return self.page("/v1/billing/meters", list(self.objects["meters"].values()), p)

    def summaries(self, meter, p):
        name = self.get_object("meters", meter)["event_name"]
        sums = {}
        for e in self.meter_events:
            if (e["event_name"] == name and e["payload"]["stripe_customer_id"] == p["customer"]
                    and int(p["start_time"]) <= e["timestamp"] < int(p["end_time"])):
                day = e["timestamp"] // 86400 * 86400
                sums[day] = sums.get(day, 0) + int(e["payload"]["value"])
        return self.page("/v1/billing/meters", [
            {"id": f"mtrusg_{day}", "object": "billing.meter_event_summary", "start_time": day,
             "end_time": day + 86400, "aggregated_value": value, "meter": meter}
            for day, value in sums.items()], p)

    def answer(self, method, path, p):
        name = path[len("/v1/"):]
        function = getattr(self, f"{method.lower()}_{name.replace('/', '_')}", None)
        if function and not re.search(r"_\d", name):
            return function(p)
        match = re.fullmatch(r"billing/meters/(\w+)/event_summaries", name)
        if method == "GET" and match:
            return self.summaries(match.group(1), p)
        match = re.fullmatch(r"(customers|products|prices|subscriptions|invoices|checkout/sessions)"
                             r"/(\w+)", name)
        if not match:
            raise Refusal(404, "invalid_request_error",
                          f"Unrecognized request URL ({method}: {path}).")
        kind = match.group(1).rsplit("/", 1)[-1]
        o = self.get_object(kind, match.group(2))
        if method == "POST":
            o.update(p)
        elif method == "DELETE" and kind == "subscriptions":
            o.update(status="canceled", canceled_at=int(time.time()), ended_at=int(time.time()))
        elif method == "DELETE":
            o["deleted"] = True
        return o

    def decide(self, method, path, headers, p):
        """Status, object and further headers."""
        if headers.get("Authorization") != f"Bearer {self.key}":
            return 401, {"error": {"type": "invalid_request_error",
                                   "message": "Invalid API Key provided"}}, {}
        key = headers.get("Idempotency-Key") if method == "POST" else None
        with self.lock:
            if key in self.replies:
                asked, status, o = self.replies[key]
                if asked != (path, p):
                    return 400, {"error": {"type": "idempotency_error", "message":
                                           "Keys for idempotent requests can only be used with the "
                                           "same parameters they were first used with."}}, {}
                return status, o, {"Idempotent-Replayed": "true"}
            try:
                if key and path == self.keep:
                    raise Refusal(500, "api_error", "An unknown error occurred")
                status, o = 200, json.loads(json.dumps(self.answer(method, path, p)))
            except Refusal as refusal:
                status, o = refusal.status, {"error": refusal.error}
            if key:
                self.replies[key] = ((path, p), status, o)
        return status, o, {"Stripe-Should-Retry": "false"} if status == 500 else {}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *args):
        pass

    def reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def reply(self, status, body, headers):
        body = body if isinstance(body, str) else json.dumps(body)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Request-Id", self.server.stripe.new_id("req"))
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def failure(self, path, parameters):
        """The scripted failure that is this request's, or None."""
        stripe = self.server.stripe
        with stripe.lock:
            for i, f in enumerate(stripe.failures):
                if (f["method"] == self.command and path.startswith(f["path"])
                        and f["when"](parameters)):
                    return stripe.failures.pop(i)
        return None

    def serve(self):
        stripe = self.server.stripe
        path, _, query = self.path.partition("?")
        text = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        p = unflatten(urllib.parse.parse_qsl(text or query, keep_blank_values=True))
        with stripe.lock:
            stripe.seen.append((self.command, path, dict(self.headers), p))
            stripe.version = self.headers.get("Stripe-Version")
        f = self.failure(path, p)
        try:
            if not f or f["after"]:
                status, o, headers = stripe.decide(self.command, path, self.headers, p)
            if f:
                time.sleep(f["delay"])
            if f and f["reset"]:
                self.reset()
            elif f and f["status"]:
                body = f["body"] or {"error": {"type": "api_error", "message": "scripted"}}
                self.reply(f["status"], body, f["headers"])
            else:
                self.reply(status, o, headers)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_GET = do_POST = do_DELETE = serve


if __name__ == "__main__":
    Stripe(int(sys.argv[1]) if len(sys.argv) > 1 else 0).server.serve_forever()
