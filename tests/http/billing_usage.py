#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Usage at Stripe, for operators: what it refused is listed, sent again or dropped; by day the
ledger, OpenMeter and Stripe are compared; a cursor that nobody needs is told of, and forgotten
without anything being counted twice."""
import datetime
import http.server
import json
import threading
import time
import urllib.parse

import fakestripe
import kgent
from usage_stripe import METERS, got, send, tenant_new, until

EVENTS = "/v1/billing/meter_events"
DAY = int(time.time()) // 86400 * 86400 - 86400  # yesterday
DATE = datetime.datetime.fromtimestamp(DAY, datetime.timezone.utc).strftime("%Y-%m-%d")
TO = datetime.datetime.fromtimestamp(DAY + 86400, datetime.timezone.utc).strftime("%Y-%m-%d")
SPAN = ("--usage", "--from", DATE, "--to", TO)


class OpenMeter(http.server.BaseHTTPRequestHandler):
    """Meters by day and subject."""
    sums, asked = {}, []

    def log_message(self, *args):
        pass

    def do_GET(self):
        path, _, query = self.path.partition("?")
        OpenMeter.asked.append(urllib.parse.parse_qs(query))
        meter = path.split("/")[4]
        status = 200 if meter in OpenMeter.sums else 404
        body = json.dumps({"data": [
            {"windowStart": DATE + "T00:00:00Z", "subject": s, "value": v}
            for s, v in OpenMeter.sums.get(meter, {}).items()]}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def ctl(host, *args):
    status, out, err = host.ctl("billing", *args)
    return status, out, err


def compare(host, *more):
    """What differs, by meter and tenant."""
    status, out, err = ctl(host, "reconcile", *SPAN, "--json", *more)
    if status not in (0, 1):
        raise AssertionError(f"{status} {out} {err}")
    o = json.loads(out)
    return status, {(r["meter"], r["tenant"]): r["lacks"] for r in o["days"] if r["lacks"]}, o


def parked(host):
    return json.loads(ctl(host, "usage", "list", "--json")[1])["parts"]


def refuses(host, stripe, tenant, key, customer):
    """Two parts of a minute that Stripe will never take, as it says."""
    stripe.fail("POST", EVENTS, status=400, times=2, when=lambda p: p["timestamp"] == str(DAY + 120),
                body={"error": {"type": "invalid_request_error", "message": "no such customer",
                                "code": "resource_missing"}})
    for minute, values in ((DAY, (1, 4)), (DAY + 60, (7,)), (DAY + 120, (9,))):
        send(host, key, minute, *values)
    until(lambda: (got(stripe, customer), len(parked(host))), ({DAY: [5], DAY + 60: [7]}, 2),
          "two minutes arrive, one is parked")
    kgent.equal({(p["meter"], p["tenant"], p["value"], p["customer"], p["error"])
                 for p in parked(host)},
                {("tokens", tenant, 9, customer, "no such customer"),
                 ("calls", tenant, 1, customer, "no such customer")}, "which says why")
    status, out, err = ctl(host, "usage", "status")
    kgent.equal((status, "2 sums are parked" in err), (1, True), "an operator is told")
    status, out, _ = ctl(host, "usage", "list")
    kgent.equal((status, out.count("no such customer")), (0, 2), "a table of them")
    kgent.equal(json.loads(ctl(host, "usage", "list", "--waiting", "--json")[1])["parts"],
                [], "nothing waits")


def differs(host, tenant, url):
    kgent.equal(compare(host)[:2], (1, {
        ("tokens", tenant): "Stripe lacks 9, of which 9 are parked",
        ("calls", tenant): "Stripe lacks 1, of which 1 are parked"}), "what Stripe lacks")
    OpenMeter.sums = {"tokens": {tenant: 21.0}, "calls": {tenant: 5, "stranger": 2}}
    status, found, o = compare(host, "--openmeter", url)
    kgent.equal((status, found[("tokens", tenant)], found[("calls", tenant)],
                 found[("calls", "stranger")]),
                (1, "Stripe lacks 9, of which 9 are parked",
                 "OpenMeter has more by 1; Stripe lacks 1, of which 1 are parked",
                 "OpenMeter has more by 2"), "and OpenMeter, which has a subject of its own")
    kgent.equal([(r["ledger"], r["openmeter"], r["stripe"]) for r in o["days"]
                 if r["tenant"] == tenant and r["meter"] == "tokens"], [(21, 21, 12)],
                "all three are told")
    status, out, _ = ctl(host, "reconcile", *SPAN, "--openmeter", url)
    kgent.equal((status, "3 sums of days compared, 3 differ" in out), (1, True), "a table")
    OpenMeter.sums = {"tokens": {tenant: 21}}
    kgent.contains(compare(host, "--openmeter", url)[2]["notes"], "OpenMeter has no meter calls",
                   "a meter that is not there")
    kgent.equal(ctl(host, "reconcile", "--usage", "--fix")[0], 2, "usage is not fixed")


def again(host, stripe, tenant, customer):
    names = {p["meter"]: p["name"] for p in parked(host)}
    before = {h["Idempotency-Key"] for h, p in stripe.asked("POST", EVENTS)
              if p["timestamp"] == str(DAY + 120)}
    kgent.equal(ctl(host, "usage", "retry", names["tokens"])[0], 0, "one is sent again")
    until(lambda: got(stripe, customer).get(DAY + 120), [9], "and arrives")
    h, p = [(h, p) for h, p in stripe.asked("POST", EVENTS) if p["timestamp"] == str(DAY + 120)][-1]
    first = [q["identifier"] for _, q in stripe.asked("POST", EVENTS)
             if q["timestamp"] == str(DAY + 120) and q["event_name"] == "tokens"]
    kgent.equal((set(first), h["Idempotency-Key"] in before), ({p["identifier"]}, False),
                "under its identifier, as a request of its own")
    kgent.equal(compare(host)[1], {("calls", tenant): "Stripe lacks 1, of which 1 are parked"},
                "the other one is lacking")
    kgent.equal(json.loads(ctl(host, "usage", "drop", names["calls"], "--json")[1])["dropped"], 1,
                "it is dropped")
    kgent.equal((parked(host), compare(host)[1]), ([], {("calls", tenant): "Stripe lacks 1"}),
                "for ever")
    status, _, err = ctl(host, "usage", "drop", names["calls"])
    kgent.equal((status, "No such part is parked" in err), (1, True), "and only once")
    kgent.equal(ctl(host, "usage", "retry")[1].strip(), "0 sums are sent again", "there is no other")
    kgent.equal(json.loads(ctl(host, "usage", "retry", "--json")[1]), {"retried": 0}, "as JSON, too")
    kgent.equal(ctl(host, "usage", "status")[0], 0, "and all is well")
    kgent.ok(host.says("was dropped by"), "who did it is logged")


def nobody(host, stripe, key, stranger):
    """A tenant without a customer."""
    send(host, key, DAY + 300, 2)
    until(lambda: compare(host)[1].get(("tokens", stranger)),
          "Stripe lacks 2, the tenant has no customer", "a tenant without a customer is told of")


def left(host, stripe, block, key, customer):
    """The configuration names no usage any more."""
    host.stop()
    host.configure(block(""))
    host.start()
    send(host, key, DAY + 600, 100)
    until(lambda: "usage is not sent to Stripe any more" in host.logged(), True, "it is logged")
    status, _, err = ctl(host, "usage", "status")
    kgent.equal((status, "kept for usage that is not configured" in err), (1, True),
                "the log is kept, which is told")
    kgent.equal(ctl(host, "reconcile", *SPAN)[0], 1, "there is nothing to compare")
    kgent.equal(ctl(host, "usage", "retry")[0], 1, "nor to send")
    kgent.equal(ctl(host, "usage", "forget")[0], 0, "it is forgotten")
    kgent.equal((ctl(host, "usage", "forget")[0], ctl(host, "usage", "status")[0]), (1, 0),
                "once, and all is well")
    host.stop()
    host.configure(block(METERS))
    host.start()
    kgent.equal(ctl(host, "usage", "forget")[0], 1, "what is needed is not forgotten")
    before = got(stripe, customer)
    send(host, key, DAY + 660, 200)
    until(lambda: DAY + 660 in got(stripe, customer), True, "when usage is configured again")
    now = got(stripe, customer)
    kgent.equal({m: v for m, v in now.items() if m < DAY + 600}, before,
                "what was counted is not counted again")


def tests():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), OpenMeter)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    with fakestripe.Stripe() as stripe:
        pro = stripe.price("PRO", 1900)
        for name in ("other", "tokens", "calls"):
            stripe.add("meters", "mtr", event_name=name)

        def block(usage):
            return ["health", 'load = "auth"; enforce = "shadow";', 'load = "metering-openmeter";',
                    f'load = "billing-stripe"; api_base = "{stripe.url}"; api_key = "{stripe.key}";'
                    f'success_url = "https://a.example/"; {usage} '
                    f'plans = ( {{ tier = "PRO"; prices = ( "{pro["id"]}" ); }} );']
        with kgent.Host(plugins=block(METERS)) as host:
            tenant, key = tenant_new(host, "acme")
            stranger, other = tenant_new(host, "stranger")
            customer = host.post("/v1/billing/checkout", {"plan": "PRO"}, key).json["customer"]
            refuses(host, stripe, tenant, key, customer)
            differs(host, tenant, url)
            again(host, stripe, tenant, customer)
            nobody(host, stripe, other, stranger)
            left(host, stripe, block, key, customer)


if __name__ == "__main__":
    kgent.main([tests])
