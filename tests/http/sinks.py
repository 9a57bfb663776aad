#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Sinks of metering-openmeter.so: files and webhooks over any number of kills, what is
parked, and a far side that doesn't tell equal events."""
import base64
import glob
import http.server
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import urllib.parse

import kgent

sys.path.insert(0, os.path.join(kgent.SOURCE, "examples/receiver"))
import receiver  # noqa: E402

KILLS = int(os.environ.get("KGENT_KILLS", "12"))
AUTH = 'load = "auth"; dev_keys = true; enforce = "shadow";'
SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
OTHER = "whsec_" + base64.b64encode(b"another key, and as long as that").decode()


class Meter(http.server.BaseHTTPRequestHandler):
    """An OpenMeter that keeps every event it gets, and doesn't tell equal ones when
    `dedupes` is off."""
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        if not url.path.endswith("/query"):
            return self.say(200, b"[]")
        query = urllib.parse.parse_qs(url.query)
        self.server.queries.append(query)
        n = len([e for e in self.server.events if e["type"] == "kgent.canary"])
        return self.say(200, json.dumps({"data": [{"value": n, "subject": "kgent-canary"}]}).encode())

    def do_POST(self):
        batch = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server = self.server
        if any(server.refuses(e) for e in batch):
            return self.say(400)
        known = {(e["source"], e["id"]) for e in server.events} if server.dedupes else set()
        for event in batch:
            if (event["source"], event["id"]) not in known:
                server.events.append(event)
        if server.forgetful:  # stored, and then no answer
            self.close_connection = True
            return None
        return self.say(204)

    def say(self, status, body=b""):
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        pass  # the host was killed


def meter(dedupes=True):
    server = Server(("127.0.0.1", 0), Meter)
    server.events, server.queries, server.dedupes, server.forgetful = [], [], dedupes, False
    server.refuses = lambda event: False
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def wait_for(what, seconds=30):
    end = time.monotonic() + seconds
    while not what() and time.monotonic() < end:
        time.sleep(0.05)
    return what()


def use(host, path="world.thing.manifest"):
    try:
        return host.post("/v1/agentese/invoke", {"path": path}, {"X-API-Key": "kg_dev_bob"}).status
    except (OSError, kgent.http.client.HTTPException):
        return 0


def status(host, name):
    sinks = host.get("/admin/v1/meter/status", local=True).json["sinks"]
    return next(s for s in sinks if s["name"] == name)


def drained(host, *names):
    return wait_for(lambda: all(status(host, n)["lag_records"] == 0 for n in names))


def recorded(host):
    """Ids of all events that the log has."""
    return [e["id"] for e in host.events()]


def lines(pattern):
    found = []
    for name in sorted(glob.glob(pattern)):
        with open(name, encoding="utf-8") as f:
            found += [json.loads(line)["id"] for line in f]
    return found


def receive(path, port):
    env = {**os.environ, "WEBHOOK_SECRETS": SECRET}
    return subprocess.Popen([sys.executable, os.path.join(kgent.SOURCE,
                             "examples/receiver/receiver.py"), str(port), path], env=env)


def kills():
    """Each event is in the files once, and at the receiver once, whoever dies."""
    port = kgent.free_port()
    host = kgent.Host()
    folder = host.folder.name
    received = os.path.join(folder, "received.jsonl")
    host.configure([AUTH, "agentese", f"""load = "metering-openmeter"; sinks = (
        {{ name = "archive"; kind = "file"; dir = "{folder}/usage"; max_bytes = 5000L;
           flush_interval = 0.02; batch_size = 8; }},
        {{ name = "hook"; kind = "webhook"; url = "http://127.0.0.1:{port}/";
           secrets = [ "{OTHER}", "{SECRET}" ]; flush_interval = 0.02; batch_size = 8; }});"""])
    process = receive(received, port)
    answered = 0
    with host:
        for i in range(KILLS):
            end = time.monotonic() + random.uniform(0.05, 0.4)
            while time.monotonic() < end:
                answered += use(host) == 200
            host.stop(signal.SIGKILL)
            if i % 4 == 1:
                process.kill()
                process.wait()
                process = receive(received, port)
            host.start()
        answered += sum(use(host) == 200 for _ in range(20))
        kgent.ok(drained(host, "archive", "hook"), "sinks have all")
        truth = recorded(host)
        kgent.ok(len(truth) >= answered > KILLS, f"{len(truth)} events, {KILLS} kills")
        found = lines(f"{folder}/usage/archive-*.jsonl")
        kgent.equal(found == truth, True, "files have each event once, in order")
        kgent.equal(sorted(lines(received)), sorted(truth), "the receiver has each event once")
        kgent.ok(len(glob.glob(f"{folder}/usage/archive-*.jsonl")) > 1, "files were rotated")
        for name in ("archive", "hook"):
            wait_for(lambda n=name: status(host, n)["unaccounted"] == 0)
            kgent.equal(status(host, name)["unaccounted"], 0, f"{name} is accounted for")
    process.kill()
    process.wait()


def signatures():
    """What the example takes, and what it doesn't."""
    keys = receiver.keys_of(SECRET)
    # the specification's own example
    spec = receiver.keys_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = {"webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp": "1614265330",
               "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="}
    body = b'{"test": 2432232314}'
    kgent.ok(receiver.verified(headers, body, spec, 1614265330), "the specification's example")
    kgent.ok(not receiver.verified(headers, body, keys, 1614265330), "another key")
    kgent.ok(not receiver.verified(headers, body + b" ", spec, 1614265330), "another body")
    kgent.ok(not receiver.verified(headers, body, spec, 1614265931), "too old")


def parked():
    """Operators see what is parked, have it sent again, and drop it."""
    server = meter()
    server.refuses = lambda e: e["data"].get("path") == "world.poison.manifest"
    url = f"http://127.0.0.1:{server.server_port}"
    with kgent.Host(["health", AUTH, "agentese", f'load = "metering-openmeter"; url = "{url}"; '
                     "flush_interval = 0.02; batch_size = 8;"]) as host:
        for i in range(20):
            use(host, "world.poison.manifest" if i % 10 == 3 else "world.thing.manifest")
        kgent.ok(wait_for(lambda: status(host, "openmeter")["parked"] == 2), "two are parked")
        kgent.ok(drained(host, "openmeter"), "and the others go on")
        kgent.equal(len(server.events), 18, "all of them")
        page = host.get("/admin/v1/meter/parked?sink=openmeter", local=True).json
        kgent.equal([(p["status"], p["event"]["data"]["path"]) for p in page["parked"]],
                    [(400, "world.poison.manifest")] * 2, "they are listed")
        first, second = (f"/admin/v1/meter/parked/openmeter/{p['place']}" for p in page["parked"])
        kgent.equal(host.get(first, local=True).json, page["parked"][0], "one is shown")
        tried = []
        server.refuses = lambda e: tried.append(e["id"]) or True
        kgent.equal(host.post(first, None, local=True).status, 202, "tried again")
        kgent.ok(wait_for(lambda: tried), "it is sent")
        kgent.equal(tried, [page["parked"][0]["event"]["id"]], "alone, and once")
        kgent.ok(wait_for(lambda: status(host, "openmeter")["parked"] == 2),
                 "refused again, it stays")
        server.refuses = lambda e: False
        kgent.equal(host.post(first, None, local=True).status, 202, "tried once more")
        kgent.ok(wait_for(lambda: status(host, "openmeter")["parked"] == 1), "it goes")
        kgent.equal(server.events[-1]["id"], page["parked"][0]["id"], "with its id")
        kgent.equal(host.request("DELETE", second, local=True).status, 204, "the other is dropped")
        kgent.equal(host.request("DELETE", second, local=True).status, 404, "once")
        wait_for(lambda: status(host, "openmeter")["parked"] == 0)
        seen = status(host, "openmeter")
        kgent.equal([seen[k] for k in ("confirmed", "dropped", "parked", "unaccounted")],
                    [19, 1, 0, 0], "all are accounted for")
        gauge = '\nkgent_metering_unaccounted{sink="openmeter"} 0\n'
        kgent.ok(wait_for(lambda: gauge in host.get("/metrics", admin=True).text, 5),
                 "also in the metrics")
        kgent.equal(host.get("/admin/v1/meter/status").status, 404, "not on the public side")


def canary():
    """O09: who doesn't tell equal events is found out, and then nothing that may have
    arrived is sent again."""
    for dedupes in (True, False):
        server = meter(dedupes)
        url = f"http://127.0.0.1:{server.server_port}"
        with kgent.Host([AUTH, "agentese", f'load = "metering-openmeter"; url = "{url}"; '
                         "flush_interval = 0.05; canary = true; timeout = 2.0;"]) as host:
            use(host)
            begun = time.monotonic()
            wait_for(lambda h=host: status(h, "openmeter")["dedupe"] != "unknown", 60)
            kgent.equal(status(host, "openmeter")["dedupe"], "yes" if dedupes else "no",
                        f"found out after {time.monotonic() - begun:.0f} s")
            sent = [e for e in server.events if e["type"] == "kgent.canary"]
            kgent.equal(len(sent), 1 if dedupes else 2, "an event, twice")
            kgent.equal({e["subject"] for e in sent}, {"kgent-canary"}, "of nobody")
            kgent.equal(server.queries[0]["subject"], ["kgent-canary"], "and the question")
            if dedupes:
                continue
            server.forgetful = True
            use(host)
            kgent.ok(wait_for(lambda: status(host, "openmeter")["parked"] == 1), "parked")
            server.forgetful = False
            use(host)
            kgent.ok(drained(host, "openmeter"), "the next ones go on")
            ids = [e["id"] for e in server.events if e["type"] != "kgent.canary"]
            kgent.equal(len(ids), len(set(ids)), "nothing is there twice")
            kgent.equal(sorted(ids), sorted(recorded(host)), "and everything once")
            kgent.equal(status(host, "openmeter")["state"], "doubling", "operators see it")


kgent.main([globals()[n] for n in sys.argv[1:]] or [signatures, kills, parked, canary])
