#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""kgentctl meter: sinks and what is parked; and a reconciliation with an OpenMeter that
drops and doubles one event in a hundred, which names exactly those."""
import datetime
import http.server
import json
import threading
import time
import traceback
import urllib.parse

import kgent

AUTH = 'load = "auth"; dev_keys = true; enforce = "shadow";'
METERING = """load = "metering-openmeter"; url = "%s"; api_key = "sesame"; timeout = 2.0;
    batch_size = 50; flush_interval = 0.02;"""
EVENTS = 600
SECRET = {"OPENMETER_API_KEY": "sesame"}
PATHS = ("world.house.manifest", "concept.a.manifest", "world.garden.manifest")


class OpenMeter(http.server.ThreadingHTTPServer):
    """Stores what it is sent, but for what `fate` says: how often."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.stored, self.poison, self.lock, self.seen = [], None, threading.Lock(), 0
        self.dropped, self.doubled, self.changed, self.asked, self.fails = [], [], None, 0, 0
        self.odd = False  # answers an object where a list of events is asked for
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def take(self, batch):
        if self.poison and any(self.poison(e) for e in batch):
            return 400
        with self.lock:
            for e in batch:
                self.seen += 1
                times = {17: 0, 50: 2}.get(self.seen % 100, 1)
                if times == 0:
                    self.dropped.append(e["id"])
                if times == 2:
                    self.doubled.append(e["id"])
                self.stored += [e] * times
        return 204

    def events(self, query):
        """As OpenMeter does it: seconds, both ends included, the newest first, at most 100."""
        def second(text):
            return int(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp())
        first, last = second(query["from"]), second(query["to"])
        found = [e for e in self.stored if first <= second(e["time"]) <= last
                 and query.get("id", "") in e["id"]]
        found.sort(key=lambda e: e["time"], reverse=True)
        return [{"event": dict(e, time=e["time"][:19] + "Z"), "ingestedAt": e["time"]}
                for e in found[:min(100, int(query["limit"]))]]

    def meter(self, slug):
        days = {}
        for e in self.stored:
            value = {"requests": 1, "tokens": e["data"].get("tokens_used", 0)}[slug]
            days[e["time"][:10]] = days.get(e["time"][:10], 0) + value
        return {"data": [{"value": v, "windowStart": d + "T00:00:00Z", "subject": None,
                          "groupBy": {}} for d, v in days.items()]}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def say(self, status, body=None):
        text = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.say(self.server.take(json.loads(body)))

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        self.server.asked += 1
        if self.headers.get("Authorization") != "Bearer sesame":
            return self.say(401, {"detail": "no"})
        if self.server.fails:
            self.server.fails -= 1
            return self.say(503, {})
        if url.path == "/api/v1/events":
            return self.say(200, {} if self.server.odd else self.server.events(query))
        slug = url.path.split("/")[-2]
        if url.path.endswith("/query") and slug in ("requests", "tokens"):
            return self.say(200, self.server.meter(slug))
        return self.say(200 if url.path == "/api/v1/meters" else 404, [])


def wait_for(what, seconds=30):
    end = time.monotonic() + seconds
    while not what() and time.monotonic() < end:
        time.sleep(0.02)
    return what()


def use(host, count):
    def work(n):
        for i in range(n):
            answer = host.post("/v1/agentese/invoke", {"path": PATHS[i % 3]}, {"X-API-Key": "kg_dev_bob"})
            if answer.status != 200:
                raise AssertionError(answer.text)
    threads = [threading.Thread(target=work, args=(count // 4,)) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


def status(host):
    code, out, _ = host.ctl("meter", "status", "--json")
    return code, json.loads(out)


def delivered(host):
    return wait_for(lambda: status(host)[1]["sinks"][0]["lag_records"] == 0)


def reconcile(host, server, *more):
    code, out, error = host.ctl("meter", "reconcile", "--openmeter", server.url, "--json", *more,
                                env=SECRET)
    return code, json.loads(out) if out.startswith("{") else None, error


# ---- Sinks -----------------------------------------------------------------------------------


def states(host, server):
    use(host, 20)
    kgent.ok(delivered(host), "all is delivered")
    code, s = status(host)
    kgent.equal((code, s["sinks"][0]["name"], s["sinks"][0]["state"]), (0, "openmeter", "ok"),
                "a sink that is well")
    wait_for(lambda: status(host)[1]["sinks"][0]["confirmed"] == 20)
    code, out, _ = host.ctl("meter", "status")
    kgent.ok(code == 0 and "openmeter" in out and "20" in out, "as a table")


def parked(host, server):
    server.poison = lambda e: e["data"].get("path") == "world.bad.manifest"
    for _ in range(2):
        host.post("/v1/agentese/invoke", {"path": "world.bad.manifest"}, {"X-API-Key": "kg_dev_bob"})
    wait_for(lambda: status(host)[1]["sinks"][0]["parked"] == 2)
    code, out, _ = host.ctl("meter", "parked", "list", "--json")
    items = json.loads(out)["parked"]
    kgent.equal((code, [i["status"] for i in items]), (0, [400, 400]), "parked events are listed")
    names = [f"{i['sink']}/{i['place']}" for i in items]
    _, out, _ = host.ctl("meter", "parked", "list", "--sink", "openmeter")
    kgent.ok(all(n in out for n in names) and "agentese.invoke" in out, "as a table of one sink")
    code, out, _ = host.ctl("meter", "parked", "show", names[0], "--json")
    kgent.equal((code, json.loads(out)["event"]["data"]["path"]), (0, "world.bad.manifest"), "one is shown")
    code, out, _ = host.ctl("meter", "parked", "show", names[0])
    kgent.ok(code == 0 and "world.bad.manifest" in out, "as lines")
    kgent.equal(host.ctl("meter", "parked", "drop", names[0])[:2], (0, f"dropped {names[0]}\n"),
                "one is dropped")
    code, _, error = host.ctl("meter", "parked", "show", names[0])
    kgent.ok(code == 1 and error, "and is gone")
    server.poison = None
    kgent.equal(host.ctl("meter", "parked", "retry", "openmeter")[0], 0, "the others are sent again")
    kgent.ok(wait_for(lambda: status(host)[1]["sinks"][0]["parked"] == 0), "and taken")
    for words in (("parked", "remove"), ("parked", "drop"), ("parked", "drop", "openmeter"),
                  ("parked", "list", "openmeter"), ("parked",)):
        kgent.equal(host.ctl("meter", *words)[0], 2, f"meter {' '.join(words)} is a wrong command line")


# ---- Reconciliation ----------------------------------------------------------------------------


def differences(host, server):
    use(host, EVENTS)
    kgent.ok(delivered(host), "all is delivered")
    kgent.ok(len(server.dropped) >= 5 and len(server.doubled) >= 5, "some are dropped, some doubled")
    code, result, error = reconcile(host, server)
    if not kgent.equal(code, 1, "they differ"):
        kgent.note(error)
    kgent.equal(sorted(result["doubled"]), sorted(server.doubled), "the doubled ones, by id")
    gone = set(result["missing"]) - set(server.dropped)
    kgent.equal(set(server.dropped) - set(result["missing"]), set(), "the dropped ones, by id")
    kgent.equal(gone, set(result["missing"]) & set(given_up(host, server)),
                "beside them only what an operator gave up")
    kgent.equal((result["changed"], result["unknown_here"], result["refused"]), ([], [], []),
                "and nothing else")
    row, = [r for r in result["events"] if r["type"] == "agentese.invoke"]
    kgent.equal((row["missing"], row["doubled"]), (len(result["missing"]), len(result["doubled"])),
                "counted by day and type")
    kgent.equal(row["there"], len(server.stored), "and how many are there")
    kgent.equal({m["meter"] for m in result["meters"]} >= {"requests"}, True,
                "and the meters that it changes")
    code, out, error = host.ctl("meter", "reconcile", "--openmeter", server.url, "--ids", "2", env=SECRET)
    kgent.ok(code == 1 and "agentese.invoke" in out and server.doubled[0] in error
             and "more; --json" in error, "as a table and lists")


def given_up(host, server):
    """Ids that the host has and that never were stored nor dropped by the server."""
    there = {e["id"] for e in server.stored}
    return [e["id"] for e in host.events() if e["id"] not in there and e["id"] not in server.dropped]


def mended(host, server):
    """With what was dropped, and nothing twice."""
    seen = {e["id"]: e for e in server.stored}
    for e in host.events():
        seen.setdefault(e["id"], e)
    server.stored = list(seen.values())
    code, result, error = reconcile(host, server)
    if not kgent.ok(code == 0 and result["equal"], "mended, both are equal"):
        kgent.note(f"{code} {json.dumps(result)[:2000]} {error}")
    kgent.contains(host.ctl("meter", "reconcile", "--openmeter", server.url, env=SECRET)[1],
                   "both are equal", "as text")
    server.fails = 2
    kgent.equal(reconcile(host, server)[0], 0, "a 503 is asked again")
    first = server.stored[0]
    server.stored[0] = dict(first, data={**first["data"], "tokens_used": 999})
    code, result, _ = reconcile(host, server)
    kgent.equal((code, result["changed"]), (1, [first["id"]]), "an event that is not the same there")
    kgent.equal([(m["meter"], m["there"] > m["here"]) for m in result["meters"]], [("tokens", True)],
                "and the meter that it changes")
    server.stored[0] = first
    yesterday = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=1)
    alone = yesterday.strftime("%Y-%m-%dT12:00:00Z")  # in a full second they aren't listed
    server.stored.append(dict(first, id="nobody's", time=alone))
    code, result, _ = reconcile(host, server)
    kgent.equal((code, result["unknown_here"]), (1, ["nobody's"]), "an event that the log doesn't have")
    server.stored[-1] = dict(first, id="another", source="elsewhere", time=alone)
    code, result, _ = reconcile(host, server)
    kgent.equal((result["unknown_here"], result["of_other_sources"]), ([], 1), "and one of somebody else")
    server.stored.pop()
    code, result, _ = reconcile(host, server, "--from", "2020-01-01", "--to", "2020-01-02")
    kgent.equal((code, result["events"]), (0, []), "another day has nothing")


def refusals(host, server):
    code, _, error = host.ctl("meter", "reconcile", "--openmeter", server.url, env={"OPENMETER_API_KEY": "x"})
    kgent.ok(code == 1 and "OPENMETER_API_KEY" in error, "a wrong key is told")
    for words in ((), ("--openmeter", "ftp://x"), ("--openmeter", server.url, "--from", "soon"),
                  ("--openmeter", server.url, "--from", "2026-01-02", "--to", "2026-01-01")):
        kgent.equal(host.ctl("meter", "reconcile", *words)[0], 2, f"{' '.join(words)} is a wrong command line")
    kgent.equal(host.ctl("meter", "reconcile", "--openmeter", server.url, "--sink", "x", env=SECRET)[0], 1,
                "a sink that is none")
    server.odd = True
    code, out, error = host.ctl("meter", "reconcile", "--openmeter", server.url, env=SECRET)
    kgent.ok((code, out) == (5, "") and "no list of events" in error, "another server's answer is no difference")
    server.odd = False
    kgent.equal(host.ctl("meter", "reconcile", "--openmeter", "http://127.0.0.1:1", env=SECRET)[0], 3,
                "nobody there")


def without():
    with kgent.Host(plugins=["health", AUTH, "agentese", 'load = "metering-openmeter";']) as host:
        code, out, _ = host.ctl("meter", "status")
        kgent.ok(code == 0 and "no sink" in out, "a host without a sink says so")


def main():
    server = OpenMeter()
    with kgent.Host(plugins=["health", AUTH, "agentese", METERING % server.url]) as host:
        for test in (states, parked, differences, mended, refusals):
            try:
                test(host, server)
            except Exception:  # the next test runs
                kgent.ok(False, f"{test.__name__} raised")
                kgent.note(traceback.format_exc())
    without()
    kgent.done()


main()
