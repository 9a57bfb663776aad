#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Usage as Stripe's meter events: sums of minutes that are over, late ones as further
parts, sent again until Stripe has them, over failures and kills, and never twice."""
import datetime
import json
import signal
import time

import fakestripe
import kgent

METERS = '''usage = ( { meter = "tokens"; type = "llm"; value = "usage.tokens"; },
                      { meter = "calls"; type = "llm"; } );'''


def tenant_new(host, name):
    tenant = host.post("/admin/v1/tenants", {"name": name, "slug": name}, local=True).json["id"]
    key = host.post("/admin/v1/keys", {"name": name, "tenant": tenant, "scopes":
                                       ["read", "billing", "meter:write"],
                                       "limits": {"requests_per_minute": 1000000}}, local=True)
    return tenant, {"X-API-Key": key.json["key"]}


THIS_MINUTE = int(time.time()) // 60 * 60  # for all of it: so no two tests share a minute


def minute_ago(n):
    return THIS_MINUTE - 60 * n


numbers = iter(range(1, 1000000))


def send(host, key, minute, *values):
    """Events of a minute."""
    at = datetime.datetime.fromtimestamp(minute + 7, datetime.timezone.utc)
    events = [{"specversion": "1.0", "id": f"e{next(numbers)}", "source": "test", "type": "llm",
               "time": at.strftime("%Y-%m-%dT%H:%M:%SZ"), "data": {"usage": {"tokens": v}}}
              for v in values]
    answer = host.request("POST", "/v1/events", json.dumps(events), {
        **key, "Content-Type": "application/cloudevents-batch+json"})
    if answer.status != 204:
        raise AssertionError(f"{answer.status} {answer.text}")


def got(stripe, customer, meter="tokens"):
    """What Stripe has, by minute."""
    sums = {}
    for e in stripe.meter_events:
        if e["payload"]["stripe_customer_id"] == customer and e["event_name"] == meter:
            sums.setdefault(e["timestamp"], []).append(int(e["payload"]["value"]))
    return sums


def until(function, wanted, name, seconds=40):
    end = time.monotonic() + seconds
    while time.monotonic() < end and function() != wanted:
        time.sleep(0.1)
    kgent.equal(function(), wanted, name)


def metric(host, name):
    for line in host.get("/metrics", admin=True).text.splitlines():
        if line.startswith(name + " "):
            return float(line.split()[1])
    return None


def outcome(host, name):
    return metric(host, f'kgent_stripe_usage_total{{outcome="{name}"}}')


def arrives(host, stripe, key, customer):
    a, b = minute_ago(5), minute_ago(4)
    send(host, key, a, 1, 2, 3)
    send(host, key, b, 10)
    until(lambda: got(stripe, customer), {a: [6], b: [10]}, "sums by minute")
    until(lambda: got(stripe, customer, "calls"), {a: [3], b: [1]}, "and counts")
    send(host, key, a, 100)
    until(lambda: got(stripe, customer), {a: [6, 100], b: [10]}, "what comes late is a part")
    e = stripe.asked("POST", "/v1/billing/meter_events")[-1][1]
    kgent.ok(e["identifier"].startswith("kgent-") and len(e["identifier"]) == 38,
             "with an identifier of its own")
    kgent.equal({k: v for k, v in e["payload"].items() if k != "value"},
                {"stripe_customer_id": customer}, "for the customer")
    c = a - 60
    send(host, key, c, 1.5)
    until(lambda: outcome(host, "not_integer"), 1.0, "what is no integer is counted apart")
    until(lambda: got(stripe, customer, "calls"), {a: [3, 1], b: [1], c: [1]}, "and is a call")


def survives(host, stripe, key, customer):
    path, minute = "/v1/billing/meter_events", minute_ago(9)
    stripe.fail("POST", path, status=500, after=True)
    stripe.fail("POST", path, reset=True, after=True)
    stripe.fail("POST", path, status=429, headers={"Retry-After": "1"})
    send(host, key, minute, 5)
    until(lambda: got(stripe, customer).get(minute), [5], "failures double nothing")
    stripe.failures.clear()
    minutes = [minute_ago(20) - 60 * i for i in range(3)]
    for i, m in enumerate(minutes):
        stripe.fail("POST", path, status=500, after=True, headers={"Stripe-Should-Retry": "false"},
                    times=2)
        send(host, key, m, 7, 8)
        time.sleep(0.7 * i)
        host.stop(signal.SIGKILL)
        host.start()
    stripe.failures.clear()
    for meter, wanted in (("tokens", 15), ("calls", 2)):
        until(lambda: [sum(got(stripe, customer, meter).get(m, [])) for m in minutes],
              [wanted] * 3, f"nor do kills, and nothing is lost: {meter}")


def strangers(host, stripe, key, customer):
    minute = minute_ago(30)
    send(host, key, minute, 5)
    until(lambda: outcome(host, "no_customer"), 2.0, "who is no customer is not sent")
    kgent.equal({e["payload"]["stripe_customer_id"] for e in stripe.meter_events}, {customer},
                "nothing of it")


def by_operator(host, stripe):
    """Who never began a checkout here has the customer that events or operators name."""
    late, now, customer = minute_ago(60), minute_ago(2), stripe.add("customers", "cus")["id"]
    _, key = tenant_new(host, "known")
    send(host, key, now, 4)
    host.post("/admin/v1/billing/customers", {"customer": customer, "tenant": "known"}, local=True)
    send(host, key, late, 5)
    until(lambda: got(stripe, customer), {late: [5], now: [4]}, "a customer named by others pays")


def many(host, stripe, key, customer):
    """One record with more sums than a turn has room for."""
    first, before = minute_ago(1000), len(stripe.meter_events)
    events = [{"specversion": "1.0", "id": f"m{i}", "source": "test", "type": "llm",
               "time": datetime.datetime.fromtimestamp(first + 60 * i, datetime.timezone.utc)
               .strftime("%Y-%m-%dT%H:%M:%S.5+00:00"), "data": {"usage": {"tokens": 3}}}
              for i in range(300)]
    events[0]["data"]["usage"]["tokens"] = 2**63 - 1
    events.append({**events[0], "id": "over"})
    answer = host.request("POST", "/v1/events", json.dumps(events), {
        **key, "Content-Type": "application/cloudevents-batch+json"})
    kgent.equal(answer.status, 204, "many minutes at once")
    until(lambda: len(stripe.meter_events) - before, 600, "all arrive", 60)
    sums = got(stripe, customer)
    kgent.equal((sums[first], {sums[first + 60 * i][0] for i in range(1, 300)}),
                ([2**63 - 1], {3}), "a sum beyond 64 bits stays what it was")


def refused(host, stripe, key, customer):
    old, new = minute_ago(40), minute_ago(50)
    stripe.fail("POST", "/v1/billing/meter_events", status=400, times=2,
                when=lambda p: p["timestamp"] == str(old), body={"error": {
                    "type": "invalid_request_error", "code": "timestamp_too_far_in_past",
                    "message": "too old"}})
    send(host, key, old, 5)
    until(lambda: outcome(host, "parked"), 2.0, "what Stripe will never take is parked")
    send(host, key, new, 6)
    until(lambda: got(stripe, customer).get(new), [6], "and the others go on")
    kgent.ok(old not in got(stripe, customer), "without it")


def gone(host, stripe, key, customer, clock):
    """A meter that is missing at Stripe, and more of its sums than can be kept in mind: those of
    the others, whose names come behind, are sent all the same, and all once it is there."""
    first = minute_ago(2000)
    events = [{"specversion": "1.0", "id": f"g{i}", "source": "test", "type": "llm",
               "time": datetime.datetime.fromtimestamp(first + 60 * i, datetime.timezone.utc)
               .strftime("%Y-%m-%dT%H:%M:%SZ"), "data": {"usage": {"tokens": 3}}}
              for i in range(150)]
    stripe.fail("POST", "/v1/billing/meter_events", status=400, times=100000,
                when=lambda p: p["event_name"] == "calls", body={"error": {
                    "type": "invalid_request_error", "code": "resource_missing",
                    "param": "event_name", "message": "No active meter has this event_name"}})
    parked = outcome(host, "parked")
    answer = host.request("POST", "/v1/events", json.dumps(events), {
        **key, "Content-Type": "application/cloudevents-batch+json"})
    kgent.equal(answer.status, 204, "minutes with a meter that is gone")
    wanted = {first + 60 * i: [3] for i in range(150)}

    def those(meter):
        return {m: v for m, v in got(stripe, customer, meter).items() if m in wanted}

    until(lambda: those("tokens"), wanted, "the other meter's arrive")
    kgent.equal(outcome(host, "parked"), parked, "a meter can come back: nothing is parked")
    stripe.failures.clear()
    if clock:
        clock.jump(90)
    until(lambda: those("calls"), {m: [1] for m in wanted}, "and all, once it is there", 120)


def tests():
    clock = None if kgent.sanitized() else kgent.Clock()
    with fakestripe.Stripe() as stripe:
        pro = stripe.price("PRO", 1900)
        block = (f'load = "billing-stripe"; api_base = "{stripe.url}"; api_key = "{stripe.key}"; '
                 f'success_url = "https://a.example/"; {METERS} '
                 f'plans = ( {{ tier = "PRO"; prices = ( "{pro["id"]}" ); }} );')
        with kgent.Host(plugins=["health", 'load = "auth"; enforce = "shadow";',
                                 'load = "metering-openmeter";', block],
                        env=clock.env if clock else None) as host:
            _, key = tenant_new(host, "acme")
            _, stranger = tenant_new(host, "stranger")
            customer = host.post("/v1/billing/checkout", {"plan": "PRO"}, key).json["customer"]
            arrives(host, stripe, key, customer)
            strangers(host, stripe, stranger, customer)
            by_operator(host, stripe)
            many(host, stripe, key, customer)
            survives(host, stripe, key, customer)
            refused(host, stripe, key, customer)
            gone(host, stripe, key, customer, clock)
            kgent.ok(stripe.key not in host.logged(), "the key is not in the log")


if __name__ == "__main__":
    kgent.main([tests])
