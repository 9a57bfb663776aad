#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Events of others over real sockets and a real disk: each way to send them, official
clients, each event once whoever sends it how often and whatever is killed, and what
meters make of late ones and corrections."""
import base64
import datetime
import gzip
import http.client
import json
import os
import random
import signal
import subprocess
import threading
import time

import kgent

AUTH = 'load = "auth"; dev_keys = true; enforce = "shadow";'
METERING = """load = "metering-openmeter"; ingest = { body_max = 100000; };
meters = ( { slug = "calls"; type = "call"; aggregation = "COUNT"; group_by = [ "region" ]; },
           { slug = "seconds"; type = "call"; value = "seconds"; } );"""
IDS = 5000  # of which senders send
LIMITS = {"requests_per_minute": 1000000, "requests_per_day": 0, "tokens_per_month": 0}
BATCH = "application/cloudevents-batch+json"


def key_new(host, tenant, *scopes):
    return host.post("/admin/v1/keys", {"name": "k", "tenant": tenant, "limits": LIMITS,
                                        "scopes": list(scopes)}, local=True).json["key"]


def tenant_new(host, name):
    """A tenant's id, and a key of it that sends."""
    tenant = host.post("/admin/v1/tenants", {"name": name, "slug": name}, local=True).json["id"]
    return tenant, key_new(host, tenant, "read", "meter:write")


def event(number, seconds=1, **members):
    return {"specversion": "1.0", "id": str(number), "source": "/switch", "type": "call",
            "data": {"seconds": seconds, "region": "eu"}, **members}


def send(host, key, body, kind=BATCH, target="/v1/events", headers=None):
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    return host.request("POST", target, body, {"X-API-Key": key, "Content-Type": kind,
                                               **(headers or {})})


def value(host, key, meter, params=""):
    answer = host.get(f"/v1/usage?meter={meter}{params}", {"X-API-Key": key})
    if answer.status != 200:
        raise AssertionError(f"{answer.status} {answer.text}")
    return [r["value"] for r in answer.json["data"]]


# ---- Ways ---------------------------------------------------------------------------------


def ways(host, tenant, key):
    kgent.equal(send(host, key, event("a"), "application/cloudevents+json").status, 204, "one")
    kgent.equal(send(host, key, [event("b"), event("c")]).status, 204, "many")
    kgent.equal(send(host, key, [event("d")], "application/json").status, 204, "as plain JSON")
    headers = {"ce-specversion": "1.0", "ce-id": "e%20e", "ce-source": "/switch",
               "ce-type": "call", "ce-subject": tenant, "Ce-Cell": "b7"}
    answer = send(host, key, {"seconds": 1, "region": "eu"}, "application/json", headers=headers)
    kgent.equal(answer.status, 204, "in headers")
    headers["ce-id"] = "f"
    answer = send(host, key, b"\x00\x01", "application/octet-stream", headers=headers)
    kgent.equal(answer.status, 204, "with any data")
    answer = send(host, key, [event("b"), event("g")], target="/api/v1/events?detail=1")
    kgent.equal((answer.status, [r["status"] for r in answer.json["results"]]),
                (200, ["duplicate", "accepted"]), "and told of each")
    kgent.equal(value(host, key, "calls"), [7], "each counts once, at once")
    events = {e["id"]: e for e in host.events()}
    kgent.equal(sorted(events), ["a", "b", "c", "d", "e e", "f", "g"], "and is listed")
    kgent.equal({(e["source"], e["originsource"], e["subject"]) for e in events.values()},
                {(f"kgents-api/{tenant}#/switch", "/switch", tenant)},
                "with its tenant in the source")
    kgent.equal(base64.b64decode(events["f"]["data_base64"]), b"\x00\x01", "with its bytes")
    kgent.equal(events["f"].get("cell"), "b7", "and its extension")


def refusals(host, tenant, key):
    reader = key_new(host, tenant, "read")
    kgent.equal(send(host, reader, [event("x")]).status, 403, "a key that may not")
    kgent.equal(host.request("POST", "/v1/events", b"[]", {"Content-Type": BATCH}).status, 401,
                "and none")
    kgent.equal(send(host, key, [event("x", subject="else")]).status, 403, "for somebody else")
    kgent.equal(send(host, key, b" " * 100001).status, 413, "too many bytes")
    kgent.equal(send(host, key, b"[").status, 400, "no JSON")
    kgent.equal(send(host, key, b"[]", "text/plain").status, 415, "another type")
    for kind, headers in ((BATCH, {}), ("text/plain", {"ce-specversion": "1.0", "ce-id": "x",
                                                       "ce-source": "/switch", "ce-type": "call"})):
        answer = send(host, key, gzip.compress(b"[]"), kind, headers={**headers, "Content-Encoding": "gzip"})
        kgent.equal((answer.status, answer.headers.get("Accept-Encoding")), (415, "identity"),
                    f"compressed, as {kind}")
    answer = send(host, key, [event("x"), {"id": 7}])
    kgent.equal((answer.status, [e["index"] for e in answer.json["errors"]]), (422, [1]),
                "one that is wrong")
    kgent.equal(value(host, key, "calls"), [7], "nothing of these counts")
    agent = key_new(host, tenant, "read", "meter:write", "meter:any")
    kgent.equal(send(host, agent, [event("x", subject="else")]).status, 204,
                "a key that may for anybody")
    kgent.equal(value(host, key, "calls"), [7], "which isn't the sender's usage")
    answer = host.get("/admin/v1/usage?meter=calls&subject=else", local=True).json
    kgent.equal([r["value"] for r in answer["data"]], [1], "but the other's")


def windows(host):
    _, key = tenant_new(host, "late")
    now = datetime.datetime.now(datetime.timezone.utc)
    day = (now - datetime.timedelta(days=20)).replace(hour=12, minute=0, second=0, microsecond=0)
    since = f"&windowSize=DAY&from={day:%Y-%m-%dT00:00:00Z}"
    stamp = f"{day:%Y-%m-%dT%H:%M:%SZ}"
    kgent.equal(send(host, key, [event(1, 10.25, time=stamp)]).status, 204, "20 days late")
    kgent.equal((value(host, key, "seconds", since), value(host, key, "seconds", since[:1] +
                f"from={now:%Y-%m-%dT00:00:00Z}")), ([10.25], [0]), "counts in its own time")
    fix = event(2, -0.25, time=stamp, corrects="1")
    fix["data"]["count"] = -1
    send(host, key, [fix])
    send(host, key, [fix])
    kgent.equal((value(host, key, "seconds", since), value(host, key, "calls", since)),
                ([10], [0]), "a correction takes off, once")


# ---- Clients of others ---------------------------------------------------------------------


SDK = """
import { OpenMeter } from '@openmeter/sdk'
const om = new OpenMeter({ baseUrl: process.argv[1], apiKey: process.argv[2] })
const e = { type: 'call', subject: process.argv[3], source: 'sdk', id: 'sdk-1', time: new Date(),
  data: { seconds: 5, region: 'us' } }
await om.events.ingest(e)
await om.events.ingest([e, { ...e, id: 'sdk-2' }])
await om.events.ingest({ type: 'call', subject: process.argv[3], data: { seconds: 5 } })
const other = await om.events.ingest({ ...e, subject: 'else', id: 'sdk-3' }).catch(e => e.status)
const sum = await om.meters.query('seconds')
console.log(JSON.stringify({ other, sum: sum.data.map(r => r.value) }))
"""

PARSER = """
import { CloudEvent, HTTP, emitterFor, httpTransport, Mode } from 'cloudevents'
const [, url, key, subject] = process.argv
const send = async (message, headers) => (await fetch(url + '/v1/events', { method: 'POST',
  headers: { ...message.headers, ...headers, 'X-API-Key': key }, body: message.body })).status
const make = id => new CloudEvent({ id, source: '/js', type: 'call', subject, region: 'eu',
  data: { seconds: 3, region: 'eu' } })
const statuses = [await send(HTTP.structured(make('js-1'))), await send(HTTP.binary(make('js-2'))),
  await send(HTTP.binary(make('js-2')))]
let text = ''
for await (const part of process.stdin) text += part
const seen = JSON.parse(text).map(e => HTTP.toEvent({ headers: { 'content-type':
  'application/cloudevents+json' }, body: JSON.stringify(e) }).validate())
console.log(JSON.stringify({ statuses, seen: seen.length, good: seen.every(x => x) }))
"""


def script(host, key, tenant, name, package, text, stdin=""):
    """What a client's script says, or None."""
    peers = os.path.join(kgent.BUILD, "peers")
    if not os.path.isdir(os.path.join(peers, "node_modules", package)):
        return kgent.skip(name, f"{package} is not installed")
    node = kgent.peer("node", name)
    if not node:
        return None
    run = subprocess.run([node, "--input-type=module", "-e", text, f"http://127.0.0.1:{host.port}",
                          key, tenant], cwd=peers, input=stdin, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True, timeout=60)
    if run.returncode:
        kgent.note(run.stderr)
        kgent.ok(False, name)
        return None
    return json.loads(run.stdout)


def clients(host):
    tenant, key = tenant_new(host, "sdk")
    said = script(host, key, tenant, "OpenMeter's own client", "@openmeter/sdk", SDK)
    if said:
        kgent.equal(said, {"other": 403, "sum": [15]}, "OpenMeter's own client sends and asks")
    tenant, key = tenant_new(host, "js")
    events = json.dumps(host.events())
    said = script(host, key, tenant, "the CloudEvents client", "cloudevents", PARSER, events)
    if said:
        kgent.equal((said["statuses"], said["good"]), ([204, 204, 204], True),
                    f"the CloudEvents client sends, and takes all {said['seen']} that are listed")
        kgent.equal(value(host, key, "seconds"), [6], "and what it sent is counted")


# ---- Once -----------------------------------------------------------------------------------


class Senders:
    """Threads that send batches of events, which overlap, until each was acknowledged."""

    def __init__(self, host, key, threads, batches):
        self.host, self.key = host, key
        self.sent, self.odd = set(), []
        self.threads = [threading.Thread(target=self.run, args=(n, batches))
                        for n in range(threads)]
        for t in self.threads:
            t.start()

    def run(self, number, batches):
        rand = random.Random(number)
        for _ in range(batches):
            ids = rand.sample(range(IDS), 20)
            while not self.batch([f"o{i}" for i in ids], rand.random() < 0.3):
                time.sleep(0.01)

    def batch(self, ids, detail):
        """Whether it was acknowledged."""
        target = "/v1/events?detail=1" if detail else "/v1/events"
        try:
            answer = send(self.host, self.key, [event(i) for i in ids], target=target)
        except (OSError, http.client.HTTPException):
            return False
        if answer.status in (200, 204):
            self.sent.update(ids)
            return True
        if answer.status != 503:
            self.odd.append((answer.status, answer.text))
        return answer.status != 503

    def busy(self):
        return any(t.is_alive() for t in self.threads)


def once(host, kills, batches):
    _, key = tenant_new(host, f"once-{kills}")
    senders = Senders(host, key, 8, batches)
    rand = random.Random(1)
    done = 0
    while senders.busy():
        time.sleep(rand.random() * 0.3)
        if done < kills:
            host.stop(signal.SIGKILL)
            host.start()
            done += 1
    kgent.equal(senders.odd, [], f"{done} kills: no odd answers")
    ids = [e["id"] for e in host.events() if e["id"].startswith("o") and
           e["subject"] == listed_subject(host, key)]
    kgent.equal(len(ids), len(set(ids)), f"{done} kills: no event is there twice")
    kgent.equal(senders.sent - set(ids), set(), f"{done} kills: none that was acknowledged lacks")
    kgent.equal(value(host, key, "calls"), [len(ids)], f"{done} kills: the meter says so, too")


def listed_subject(host, key):
    answer = host.get("/v1/usage?meter=calls&groupBy=subject", {"X-API-Key": key}).json
    return answer["data"][0]["subject"]


def test():
    with kgent.Host(plugins=["health", AUTH, METERING],
                    options=("store.fresh_marks=1000",)) as host:
        tenant, key = tenant_new(host, "ways")
        ways(host, tenant, key)
        refusals(host, tenant, key)
        windows(host)
        clients(host)
        once(host, 0, 40)
        once(host, 8, 200)
        kgent.equal(host.ctl("verify", "--dir", host.state)[0], 0, "and verify finds nothing")


kgent.main([test])
