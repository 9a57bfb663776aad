#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Stripe's webhook end to end: events signed by hand and checked by Stripe's own
library where it is installed, a good restart and a SIGKILL, never lost, never
counted twice."""
import hashlib
import hmac
import json
import signal
import subprocess
import sys
import threading
import time

import kgent

OLD, NEW = "whsec_test_old", "whsec_test_new"
BLOCK = f'load = "billing-stripe"; webhook_secret = ( "{OLD}", "{NEW}" );'


def event(number, kind="invoice.paid"):
    return json.dumps({"id": f"evt_{number}", "object": "event", "type": kind,
                       "created": 1700000000, "livemode": False,
                       "data": {"object": {"id": "in_1", "amount_paid": 500}}})


def sign(body, secret=OLD, at=None):
    at = int(time.time()) if at is None else at
    mac = hmac.new(secret.encode(), f"{at}.".encode() + body.encode(), hashlib.sha256)
    return f"t={at},v1={mac.hexdigest()}"


def deliver(host, body, signature):
    return host.post("/webhooks/stripe", body, {"Stripe-Signature": signature,
                                                "Content-Type": "application/json; charset=utf-8"})


def totals(host):
    return host.get("/webhooks/stripe/health", admin=True).json["bridge_metrics"]


def settled(host, count):
    """Waits for the cursor to have passed `count` events."""
    end = time.monotonic() + 10
    while time.monotonic() < end and totals(host)["idempotency_store_size"] < count:
        time.sleep(0.05)
    return totals(host)


# Stripe's library lives with the distribution's Python, which may not be ours.
CONSTRUCT = """
import sys, stripe
body, signature, secret = sys.argv[1:]
print(stripe.Webhook.construct_event(body, signature, secret).id)
"""
GENERATE = """
import sys, time, stripe
body, secret = sys.argv[1:]
at = int(time.time())
print("t=%d,v1=%s" % (at, stripe.WebhookSignature._compute_signature("%d.%s" % (at, body), secret)))
"""


def library(program, *args):
    """What Stripe's library says; None when it isn't installed."""
    for python in (sys.executable, "/usr/bin/python3"):
        try:
            subprocess.run([python, "-c", "import stripe"], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            continue
        run = subprocess.run([python, "-c", program, *args], check=True, capture_output=True,
                             text=True)
        return run.stdout.strip()
    return None


def door(host):
    body = event(1)
    answer = deliver(host, body, sign(body))
    kgent.equal((answer.status, answer.json), (200, {"status": "received", "event_id": "evt_1",
                                                     "event_type": "invoice.paid"}), "received")
    answer = deliver(host, body, sign(body, NEW))
    kgent.equal((answer.status, answer.json["status"]), (200, "duplicate"),
                "again, signed with the other secret: a duplicate")
    for name, signature in (("wrong secret", sign(body, "whsec_other")),
                            ("too old", sign(body, at=int(time.time()) - 302)),
                            ("too new", sign(body, at=int(time.time()) + 302)),
                            ("another body's", sign(body + " ")), ("nonsense", "t=,v1=")):
        answer = deliver(host, body, signature)
        kgent.equal((answer.status, answer.json["detail"]), (400, "Invalid signature"), name)
    answer = host.post("/webhooks/stripe", body, {"Content-Type": "application/json"})
    kgent.equal((answer.status, answer.json["detail"]), (400, "Missing Stripe-Signature header"),
                "no signature")
    answer = deliver(host, "[]", sign("[]"))
    kgent.equal((answer.status, answer.json["detail"]), (400, "Invalid payload"), "no event")
    big = event(2)[:-1] + ',"x":"' + "x" * 262144 + '"}'
    kgent.equal(deliver(host, big, sign(big)).status, 413, "over 256 KiB")


def official(host):
    body = event("lib")
    signature = library(GENERATE, body, OLD)
    if signature is None:
        kgent.skip("Stripe's library signs and we verify", "python3-stripe is not installed")
        return
    kgent.equal(deliver(host, body, signature).status, 200, "Stripe's library signs, we verify")
    kgent.equal(library(CONSTRUCT, body, sign(body), OLD), "evt_lib",
                "what we take Stripe's library takes")


def burst(host, numbers, answers):
    threads = [threading.Thread(target=lambda n=n: answers.append(
        deliver(host, event(n), sign(event(n))).json["status"])) for n in numbers]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


def tests():
    with kgent.Host(plugins=["health", BLOCK]) as host:
        door(host)
        official(host)
        answers = []
        burst(host, ["same"] * 50, answers)
        kgent.equal((len(answers), answers.count("received")), (50, 1),
                    "one event 50 times at once: received once")
        burst(host, [f"k{i}" for i in range(40)], [])
        host.process.send_signal(signal.SIGKILL)
        host.process.wait()
        host.start()
        answers = []
        burst(host, [f"k{i}" for i in range(40)], answers)
        kgent.equal(answers, ["duplicate"] * 40, "what was confirmed has survived SIGKILL")
        body = event("other", "charge.refunded")
        kgent.equal(deliver(host, body, sign(body)).status, 200, "an unknown type is kept")
        distinct = 1 + (library(GENERATE, "{}", OLD) is not None) + 1 + 40
        kgent.equal(settled(host, distinct + 1),
                    {"events_processed": distinct, "events_skipped": 1, "events_failed": 0,
                     "idempotency_store_size": distinct + 1}, "each event counts once")
        kgent.equal(host.get("/webhooks/stripe/health").status, 404,
                    "its health is on the admin listener only")
        kgent.ok(OLD not in host.logged() and NEW not in host.logged(), "no secret in the log")


if __name__ == "__main__":
    kgent.main([tests])
