#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""kgentctl meter reconcile with much: two tenants send the same ids from the same source, of
several days and types, 10,000 and more of one day, many in one second, to an OpenMeter that
drops one in a hundred and doubles another.  Exactly those are named, by day and type.

KGENT_EVENTS: how many of the fullest day, for each tenant (6000)."""
import bisect
import calendar
import collections
import http.server
import json
import os
import threading
import time
import urllib.parse

import kgent

EVENTS = int(os.environ.get("KGENT_EVENTS", "6000"))
FEW, DAYS, BURST, PAGE = 300, 3, 150, 100
TYPES = ("llm.tokens", "call", "job.run")
SECRET = {"OPENMETER_API_KEY": "sesame"}
AUTH = 'load = "auth"; dev_keys = true; enforce = "shadow";'
METERING = ('load = "metering-openmeter"; url = "%s"; api_key = "sesame"; batch_size = 500; '
            "flush_interval = 0.02;")
BATCH = "application/cloudevents-batch+json"
LIMITS = {"requests_per_minute": 1000000, "requests_per_day": 0, "tokens_per_month": 0}
NOON = int(time.time()) // 86400 * 86400 - 43200  # of yesterday


class OpenMeter(http.server.ThreadingHTTPServer):
    """`seconds` and `stored` are sorted alike.  It tells events as the real one does, by source
    and id with a hyphen between them."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.known, self.raw, self.seen, self.asked, self.fair = set(), [], 0, 0, False
        self.dropped, self.doubled, self.lost = [], [], []
        self.seconds, self.stored = [], []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def take(self, batch):
        for e in batch:
            name = f"{e['source']}-{e['id']}"
            if name in self.known:
                self.lost.append(name)
                continue
            self.known.add(name)
            self.seen += 1
            times = 1 if self.fair else {17: 0, 50: 2}.get(self.seen % 100, 1)
            if times != 1:
                (self.doubled if times else self.dropped).append(e)
            self.raw += [e] * times

    def settle(self):
        self.raw.sort(key=lambda e: e["time"])
        self.stored = self.raw
        self.seconds = [second(e["time"]) for e in self.stored]

    def events(self, query):
        """Seconds, both ends included, the newest first, at most 100; ids by a part of them."""
        low = bisect.bisect_left(self.seconds, second(query["from"]))
        high = bisect.bisect_right(self.seconds, second(query["to"]))
        found = [e for e in reversed(self.stored[low:high]) if query.get("id", "") in e["id"]
                 and query.get("subject", "") in e["subject"]]
        return [{"event": e} for e in found[:min(100, int(query["limit"]))]]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def say(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_POST(self):
        self.server.take(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.say(200, {})

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        self.server.asked += 1
        if url.path == "/api/v1/events":
            return self.say(200, self.server.events(dict(urllib.parse.parse_qsl(url.query))))
        return self.say(200 if url.path == "/api/v1/meters" else 404, [])


def second(text):
    return calendar.timegm(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S"))


def until(what, seconds=60):
    end = time.monotonic() + seconds
    while not what() and time.monotonic() < end:
        time.sleep(0.05)
    return what()


def tenant_new(host, name):
    tenant = host.post("/admin/v1/tenants", {"name": name, "slug": name}, local=True).json["id"]
    return host.post("/admin/v1/keys", {"name": "k", "tenant": tenant, "limits": LIMITS,
                                        "scopes": ["read", "meter:write"]}, local=True).json["key"]


def events():
    """Of one day many, spread over it and some at once; of the days before fewer."""
    made = []
    for i in range(EVENTS):
        at = NOON if i < BURST else NOON - 43200 + i * 86400 // EVENTS
        made.append((at, i))
    for day in range(1, DAYS + 1):
        made += [(NOON - day * 86400 + i, f"{day}-{i}") for i in range(FEW)]
    return [{"specversion": "1.0", "id": f"e{name}", "source": "app-1", "type": TYPES[n % 3],
             "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at)), "data": {"n": n}}
            for n, (at, name) in enumerate(made)]


def send(host, key, made):
    bad = 0
    for i in range(0, len(made), 500):
        bad += host.request("POST", "/v1/events", json.dumps(made[i:i + 500]).encode(),
                            {"X-API-Key": key, "Content-Type": BATCH}).status != 204
    return bad


def reconcile(host, server, first):
    begin = time.monotonic()
    code, out, error = host.ctl("meter", "reconcile", "--openmeter", server.url, "--json",
                                "--from", first, env=SECRET)
    if error:
        kgent.note(error[:1000])
    return code, json.loads(out), time.monotonic() - begin


def rows(list_of):
    return collections.Counter((e["time"][:10], e["type"]) for e in list_of)


def crowd(host, server, key, first):
    """More in one second than the server lists for an id that is a part of theirs."""
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(NOON - 1800))
    made = [{"specversion": "1.0", "id": f"x{i}" if i else "x", "source": "app-1", "type": "call",
             "time": at, "data": {"n": i}} for i in range(PAGE + 2)]
    server.fair = True
    kgent.equal(send(host, key, made), 0, f"{len(made)} in one second, all with x")
    until(lambda: host.get("/admin/v1/meter/status", local=True).json["sinks"][0]["lag_records"] == 0)
    server.raw = [e for e in server.raw if e["id"] != "x7"]
    server.settle()
    code, result, _ = reconcile(host, server, first)
    kgent.equal((code, result["missing"], result["untold"], result["doubled"]), (1, ["x7"], ["x"], []),
                "one is missing; of one that cannot be told from them nothing is said")


def test():
    server = OpenMeter()
    with kgent.Host(["health", AUTH, METERING % server.url]) as host:
        made, keys = events(), [tenant_new(host, "one"), tenant_new(host, "two")]
        kgent.equal([send(host, key, made) for key in keys], [0, 0], f"{len(made)} events of each of two tenants")
        total = 2 * len(made)
        until(lambda: server.seen == total)
        until(lambda: host.get("/admin/v1/meter/status", local=True).json["sinks"][0]["lag_records"] == 0)
        kgent.equal((server.seen, server.lost), (total, []), "are as many there: none is taken for another")
        server.settle()
        first = time.strftime("%Y-%m-%d", time.gmtime(NOON - DAYS * 86400))
        code, result, took = reconcile(host, server, first)
        kgent.equal(code, 1, f"they differ ({took:.1f} s, {server.asked} requests)")
        for name, wanted in (("missing", server.dropped), ("doubled", server.doubled)):
            kgent.equal(sorted(result[name]), sorted(e["id"] for e in wanted),
                        f"{len(wanted)} are {name}, exactly those")
        kgent.equal([result[n] for n in ("changed", "refused", "unknown_here", "parked_and_there", "untold")],
                    [[]] * 5, "and nothing else")
        for name, wanted in (("missing", server.dropped), ("doubled", server.doubled)):
            kgent.equal({(r["day"], r["type"]): r[name] for r in result["events"] if r[name]},
                        dict(rows(wanted)), f"{name} by day and type")
        here = {(r["day"], r["type"]): r["here"] for r in result["events"]}
        kgent.equal(here, dict(rows(made + made)), "as what is here is")
        kgent.ok(max(sum(n for (d, _), n in here.items() if d == day) for day, _ in here) == 2 * EVENTS,
                 f"of which {2 * EVENTS} are of one day")
        server.raw = [e for i, e in enumerate(server.raw) if not i or e is not server.raw[i - 1]]
        server.raw += server.dropped
        server.settle()
        code, result, _ = reconcile(host, server, first)
        kgent.ok(code == 0 and result["equal"], "mended, both are equal")
        crowd(host, server, keys[0], first)


kgent.main([test])
