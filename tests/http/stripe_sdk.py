#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Stripe's own libraries, that for Node and Debian's for Python, on the other side: what
they sign is taken here, what is taken here they take, what this host asks of Stripe they
ask in the same words, and its answers, events and problems they can read."""
import datetime
import json
import os
import random
import subprocess
import sys

import fakestripe
import kgent
from stripe_tools import (AUTH, SECRET, checkout, deliver, event, header, mac, now, plugins, send,
                          settled, subscription, tenant_new, until)

# Both read a list of jobs and print a list of results.
NODE = r"""
const Stripe = require('stripe');
const jobs = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const one = async (j) => {
  try {
    if (j.op === 'sign') return Stripe.webhooks.generateTestHeaderString(j);
    if (j.op === 'check') {
      const e = Stripe.webhooks.constructEvent(j.payload, j.header, j.secret);
      return { event: e };
    }
    const s = new Stripe(j.key, { host: j.host || '127.0.0.1', port: j.port, protocol: 'http',
                                  apiVersion: j.version, maxNetworkRetries: 0, telemetry: false });
    if (j.op === 'raw') return await s.rawRequest(j.method, j.path, j.params);
    let at = s;
    for (const name of j.call.slice(0, -1)) at = at[name];
    return await at[j.call.at(-1)](...j.args);
  } catch (e) {
    return { error: e.type || e.name, status: e.statusCode, code: e.code, param: e.param,
             message: e.message, raw: e.rawType };
  }
};
(async () => {
  const results = [];
  for (const j of jobs) results.push(await one(j));
  console.log(JSON.stringify(results));
})();
"""
PYTHON = r"""
import json, sys, time
import stripe
def one(j):
    try:
        if j["op"] == "sign":
            t = j.get("timestamp", int(time.time()))
            return "t=%d,v1=%s" % (t, stripe.WebhookSignature._compute_signature(
                "%d.%s" % (t, j["payload"]), j["secret"]))
        if j["op"] == "check":
            return {"event": stripe.Webhook.construct_event(j["payload"], j["header"], j["secret"])}
        stripe.api_base, stripe.api_key = "http://127.0.0.1:%d" % j["port"], j["key"]
        stripe.max_network_retries, stripe.api_version = 0, j.get("version")
        if j["op"] == "raw":
            r, _ = stripe.api_requestor.APIRequestor(j["key"], api_base=stripe.api_base).request(
                j["method"].lower(), j["path"], j.get("params"))
            return r.data
        return getattr(stripe, j["call"][0]).create(**j["args"][0])
    except Exception as e:
        o = {"error": type(e).__name__, "message": str(e)}
        for name, there in (("status", "http_status"), ("code", "code"), ("param", "param")):
            o[name] = getattr(e, there, None)
        return o
print(json.dumps([one(j) for j in json.load(sys.stdin)]))
"""
LIBRARIES = {}


def find():
    """The libraries that are here; in CI both must be."""
    modules = kgent.node_modules("stripe")
    if modules:
        LIBRARIES["Node"] = (["node", "-e", NODE], {"NODE_PATH": modules})
    for python in (sys.executable, "/usr/bin/python3"):
        if "Python" not in LIBRARIES and not subprocess.run(
                [python, "-c", "import stripe"], capture_output=True, check=False,
                cwd="/").returncode:
            LIBRARIES["Python"] = ([python, "-c", PYTHON], {})
    for name in ("Node", "Python"):
        if name not in LIBRARIES and os.environ.get("CI"):
            kgent.ok(False, f"Stripe's library for {name} is not installed")
        elif name not in LIBRARIES:
            kgent.skip(f"Stripe's library for {name}", "it is not installed")


def ask(library, jobs):
    command, env = LIBRARIES[library]
    run = subprocess.run(command, input=json.dumps(jobs), capture_output=True, text=True,
                         env={**os.environ, **env}, timeout=120, check=False,
                         cwd="/")  # a stripe.py is here, too
    if run.returncode:
        raise RuntimeError(run.stderr)
    return json.loads(run.stdout)


# ---- Signatures ---------------------------------------------------------------

BODIES = [event("evt_plain"), event("evt_utf", café="żółć ☃ 🎈"),
          json.dumps({**json.loads(event("evt_raw")), "x": "☃ ü"}, ensure_ascii=False),
          json.dumps(json.loads(event("evt_indent")), indent=2) + "\n",
          event("evt_large", x="x" * 200000), event("evt_live", livemode=True),
          subscription("evt_sub", "created", "s", "active", amount=9007199254740993)]


def signs():
    """They sign, this host takes it; this host's tests sign, they take it."""
    two = plugins(secret='webhook_secret = ( "whsec_other_1", "%s" );' % SECRET)
    with kgent.Host(two) as host:
        n = len(BODIES)
        for name in LIBRARIES:
            jobs = [{"op": "sign", "payload": b, "secret": SECRET} for b in BODIES]
            jobs += [{**j, "secret": "whsec_not_this"} for j in jobs]
            jobs += [{**j, "timestamp": now() - 400} for j in jobs[:n]]
            jobs += [{"op": "check", "payload": b, "header": header(b), "secret": SECRET}
                     for b in BODIES]
            said = ask(name, jobs)
            got = [deliver(host, b, h).status for b, h in zip(BODIES * 3, said)]
            kgent.equal(got[:n], [200] * n, f"{name}'s library signs, it is taken here")
            kgent.equal(got[n:2 * n], [400] * n, f"{name}: not with another secret")
            kgent.equal(got[2 * n:], [400] * n, f"{name}: nor of long ago")
            kgent.equal([g.get("event", g).get("id") for g in said[3 * n:]],
                        [json.loads(b)["id"] for b in BODIES], f"{name}'s library takes ours")


def variants(dice):
    """Headers for one body, right, nearly right and wrong."""
    body = BODIES[0]
    at = now()
    good, bad = mac(body, at), mac(body, at, "whsec_other")
    v1 = [good, bad, good.upper(), good[:-1], good + "0", "", "zz" * 32, good[:32] + bad[32:]]
    t = [at, at - 200, at - 310, f"0{at}", f"+{at}", f" {at}", -at, "", "x", 1 << 64]
    found = [header(body), f"v1={good},t={at}", f"t={at},v0={bad},v1={good}",
             f"t={at},v1={bad},v1={good}"]
    for _ in range(300):
        at_, parts = dice.choice(t), []
        ours = mac(body, at_) if dice.random() < 0.7 else None
        for _ in range(dice.randrange(1, 4)):
            parts.append(dice.choice(("v1", "v1", "v1", "v0", "V1", " v1")) + "="
                         + (ours if ours and dice.random() < 0.7 else dice.choice(v1)))
        for _ in range(dice.choice((1, 1, 1, 1, 0, 2))):
            parts.insert(dice.randrange(len(parts) + 1), f"t={at_}")
        found.append(",".join(parts).strip())  # as HTTP does
    return body, found


def agree():
    """Whatever is taken here the libraries take: strictness goes one way only."""
    seed = int(os.environ.get("KGENT_SEED", str(random.randrange(1 << 30))))
    kgent.note(f"KGENT_SEED={seed}")
    body, headers = variants(random.Random(seed))
    with kgent.Host(plugins("bad_per_minute = 0;")) as host:
        ours = [deliver(host, body, h).status == 200 for h in headers]
    kgent.equal(ours[:4], [True] * 4, "the good ones are taken")
    for name in LIBRARIES:
        theirs = ["event" in g for g in ask(name, [
            {"op": "check", "payload": body, "header": h, "secret": SECRET} for h in headers])]
        odd = [h for h, a, b in zip(headers, ours, theirs) if a and not b]
        kgent.equal(odd[:3], [], f"{name}: takes all {sum(ours)} of {len(headers)} that are taken here")
        kgent.note(f"{name} takes {sum(b and not a for a, b in zip(ours, theirs))} more")


# ---- Events -------------------------------------------------------------------


def billing(stripe, pro, more=""):
    return ["health", AUTH, 'load = "metering-openmeter"; enabled = false;',
            f'''load = "billing-stripe"; webhook_secret = "{SECRET}"; api_base = "{stripe.url}";
            api_key = "{stripe.key}"; redirects = ( "https://a.example/" );
            success_url = "https://a.example/done"; return_url = "https://a.example/"; {more}
            plans = ( {{ tier = "PRO"; prices = ( "{pro["id"]}" ); }} );''']


def events():
    """What the inbox shows, and the events that reconcile makes, are events to them."""
    with fakestripe.Stripe() as stripe:
        pro = stripe.price("PRO", 1900, "jpy")
        with kgent.Host(billing(stripe, pro)) as host:
            tenant, _ = tenant_new(host, "acme")
            for body in BODIES[:4] + [checkout("evt_c", "1", tenant)]:
                send(host, body)
            s = stripe.subscribe(stripe.add("customers", "cus")["id"], pro,
                                 metadata={"tenant_id": tenant})
            kgent.equal(host.ctl("billing", "reconcile", "--fix")[0], 0, "reconcile makes an event")
            kgent.ok(settled(host, 6), "which is processed")
            listed = host.get("/admin/v1/billing/inbox?limit=100", local=True).json["events"]
            shown = [json.loads(host.ctl("billing", "inbox", "show", e["id"], "-j")[1])["event"]
                     for e in listed]
            texts = [json.dumps(e) for e in shown]
            for name in LIBRARIES:
                headers = ask(name, [{"op": "sign", "payload": t, "secret": SECRET} for t in texts])
                got = ask(name, [{"op": "check", "payload": t, "header": h, "secret": SECRET}
                                 for t, h in zip(texts, headers)])
                kgent.equal([g.get("event") for g in got], shown,
                            f"{name}: the inbox's {len(shown)} events are events")
                made = got[-1]["event"]
                kgent.equal((made["object"], made["data"]["object"]["id"],
                             made["data"]["object"]["items"]["data"][0]["price"]["unit_amount"]),
                            ("event", s["id"], 1900), f"{name}: and so is that of reconcile")
                again = [deliver(host, t, h) for t, h in zip(texts, headers)]
                kgent.equal([(a.status, a.json.get("status")) for a in again],
                            [(200, "duplicate")] * len(texts), f"{name}: known when they come back")


# ---- Requests -----------------------------------------------------------------


class Heard:
    """A Stripe that also keeps the pairs of each form, as they were sent."""

    def __init__(self):
        self.pairs, self.original = [], fakestripe.unflatten
        fakestripe.unflatten = self.unflatten
        self.stripe = fakestripe.Stripe()

    def unflatten(self, pairs):
        self.pairs.append(sorted(pairs))
        return self.original(pairs)

    def __enter__(self):
        return self, self.stripe.start()

    def __exit__(self, *args):
        self.stripe.stop()
        fakestripe.unflatten = self.original

    def last(self, path):
        """Path, headers, pairs and parameters of the last request there."""
        for (method, where, headers, p), pairs in reversed(list(zip(self.stripe.seen, self.pairs))):
            if where == path:
                return method, headers, pairs, p
        raise AssertionError(f"nothing came to {path}")


def call(stripe, headers, name, arguments, key=None):
    """A job that asks Stripe in the library's words."""
    options = [{"idempotencyKey": key}] if key else []
    return {"op": "call", "call": name, "args": [arguments] + options, "key": stripe.key,
            "port": stripe.port, "version": headers["Stripe-Version"]}


def same(heard, stripe, name, path, resource):
    """This host's last request there, and the same of Node's library: pair by pair."""
    method, headers, pairs, p = heard.last(path)
    kgent.equal(method, "POST", f"{name}: a POST")
    kgent.equal((headers["Content-Type"], headers["Authorization"]),
                ("application/x-www-form-urlencoded", f"Bearer {stripe.key}"), f"{name}: a form")
    kgent.ok(headers["Stripe-Version"] and 0 < len(headers["Idempotency-Key"]) <= 255,
             f"{name}: a version and a key")
    if "Node" in LIBRARIES:
        got, = ask("Node", [call(stripe, headers, resource, p, headers["Idempotency-Key"])])
        _, theirs, their_pairs, _ = heard.last(path)
        kgent.equal(pairs, their_pairs, f"{name}: Node's library sends the same form")
        kgent.equal([theirs[h] for h in ("Stripe-Version", "Idempotency-Key", "Content-Type")],
                    [headers[h] for h in ("Stripe-Version", "Idempotency-Key", "Content-Type")],
                    f"{name}: and the same headers")
        return got
    return None


def requests():
    with Heard() as (heard, stripe):
        pro = stripe.price("PRO", 1900, "kwd")
        usage = 'usage = ( { meter = "calls"; type = "llm"; value = "n"; } );'
        with kgent.Host(billing(stripe, pro, usage)) as host:
            tenant, key = tenant_new(host, "acme", "acme & sons=ü [x]")
            answer = host.post("/v1/billing/checkout", {
                "plan": "PRO", "quantity": 3, "success_url": "https://a.example/x?a=b&c=%20d%C3%BC#e",
                "cancel_url": "https://a.example/no"}, key)
            kgent.equal(answer.status, 200, "a checkout")
            got = same(heard, stripe, "customer", "/v1/customers", ["customers", "create"])
            if got:
                kgent.equal(got["id"], answer.json["customer"], "which is its customer")
            got = same(heard, stripe, "checkout", "/v1/checkout/sessions",
                       ["checkout", "sessions", "create"])
            if got:
                kgent.equal((got["id"], got["url"]), (answer.json["id"], answer.json["url"]),
                            "which is its session")
            portal = host.post("/v1/billing/portal", {}, key)
            got = same(heard, stripe, "portal", "/v1/billing_portal/sessions",
                       ["billingPortal", "sessions", "create"])
            if got:
                kgent.equal(got["url"], portal.json["url"], "which is its page")
            meters(host, heard, stripe)


def meters(host, heard, stripe):
    key = host.post("/admin/v1/keys", {"name": "m", "scopes": ["meter:write"], "tenant": next(
        t["id"] for t in host.get("/admin/v1/tenants", local=True).json["tenants"]
        if t["name"].startswith("acme"))}, local=True).json["key"]
    at = datetime.datetime.fromtimestamp(now() - 180, datetime.timezone.utc)
    host.request("POST", "/v1/events", json.dumps([{
        "specversion": "1.0", "id": "u1", "source": "test", "type": "llm", "data": {"n": 7},
        "time": at.strftime("%Y-%m-%dT%H:%M:%SZ")}]),
        {"X-API-Key": key, "Content-Type": "application/cloudevents-batch+json"})
    until(lambda: bool(stripe.meter_events), True, 30)
    kgent.equal([e["payload"]["value"] for e in stripe.meter_events], ["7"], "usage is sent")
    method, headers, pairs, p = heard.last("/v1/billing/meter_events")
    if "Node" not in LIBRARIES:
        return
    got, = ask("Node", [call(stripe, headers, ["billing", "meterEvents", "create"],
                             {**p, "timestamp": int(p["timestamp"])})])
    kgent.equal((heard.last("/v1/billing/meter_events")[2], got["code"]),
                (pairs, "duplicate_meter_event"), "Node's library sends the same, which is there")


# ---- Errors, and this host's routes -------------------------------------------


def errors():
    """A problem has of Stripe's error what the libraries have of it."""
    with fakestripe.Stripe() as stripe:
        pro = stripe.price("PRO", 1900)
        with kgent.Host(billing(stripe, pro)) as host:
            _, key = tenant_new(host, "acme")
            for status, error in ((400, {"type": "invalid_request_error", "code": "resource_missing",
                                         "param": "line_items[0][price]", "message": "No such price"}),
                                  (402, {"type": "card_error", "code": "card_declined",
                                         "param": None, "message": "Declined"})):
                stripe.fail("POST", "/v1/checkout/sessions", status, {"error": error})
                ours = host.post("/v1/billing/checkout", {"plan": "PRO"}, key)
                kgent.equal(ours.status, 502 if status == 400 else 402, f"{status} of Stripe")
                ours = ours.json["stripe"]
                if "Node" in LIBRARIES:
                    stripe.fail("POST", "/v1/checkout/sessions", status, {"error": error})
                    got, = ask("Node", [{"op": "call", "call": ["checkout", "sessions", "create"],
                                         "args": [{"mode": "payment"}], "key": stripe.key,
                                         "port": stripe.port}])
                    kgent.equal([ours.get(n) for n in ("status", "type", "code", "param", "message")],
                                [got.get(n) for n in ("status", "raw", "code", "param", "message")],
                                f"{status}: as Node's library has it")


def routes():
    """The libraries' clients, with a key of this host's, at its routes."""
    with fakestripe.Stripe() as stripe:
        with kgent.Host(billing(stripe, stripe.price("PRO", 5))) as host:
            tenant, key = tenant_new(host, "acme")
            send(host, checkout("evt_1", "1", tenant))
            settled(host, 1)
            for name in LIBRARIES:
                jobs = [{"op": "raw", "method": m, "path": p, "key": k, "port": host.port}
                        for m, p, k in (("GET", "/v1/billing/subscription", key["X-API-Key"]),
                                        ("GET", "/v1/billing/subscription", "kg_wrong"),
                                        ("GET", "/v1/billing/nothing", key["X-API-Key"]),
                                        ("POST", "/v1/billing/portal", key["X-API-Key"]))]
                got = ask(name, jobs)
                kgent.equal((got[0].get("tenant"), [s["id"] for s in got[0]["subscriptions"]]),
                            (tenant, ["sub_1"]), f"{name}: reads the subscription")
                kgent.equal([g.get("status") for g in got[1:]], [401, 404, 415],
                            f"{name}: sees refusals as errors")


if __name__ == "__main__":
    find()
    kgent.main([signs, agree, events, requests, errors, routes])
