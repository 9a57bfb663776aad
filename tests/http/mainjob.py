#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""The main job, end to end, on real processes.

A key made by kgentctl, 1,000 invocations over HTTP while kgentd is killed twice
with SIGKILL, and a server for the events that answers 503 to a third of the
batches (to half of those after it has stored them).  What was answered with 200
must be in the store once and at the server once, with the same ids, and each
event valid by the schema of OpenMeter's own client.

Every attempt invokes a path of its own, so that it can be told what became of
it: an attempt whose answer the kill cut off may have been recorded or not, but
never twice.
"""
import http.client
import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time

import kgent

CALLS, CLIENTS = 1000, 8
SDK = ["@openmeter/sdk@1.0.0-beta.232", "zod@4"]
TENANT = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
METERING = """load = "metering-openmeter"; url = "http://127.0.0.1:%d/"; api_key = "sesame";
    batch_size = 50; flush_interval = 0.05;"""
VALIDATE = """
import { IngestEventsBody } from '@openmeter/sdk/zod'
import { readFileSync } from 'node:fs'
let bad = 0
for (const e of JSON.parse(readFileSync(process.argv[2])))
  if (!IngestEventsBody.strict().safeParse(e).success) { console.log(JSON.stringify(e)); bad++ }
console.log(bad)
"""


def wait_for(what, seconds, *args):
    """Polls until what (*args) is true; False when time is up."""
    end = time.monotonic() + seconds
    while not what(*args):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


class Sink(http.server.ThreadingHTTPServer):
    """Takes batches of CloudEvents, but for every third, and none while it is closed."""
    daemon_threads = True
    closed = False

    def __init__(self):
        super().__init__(("127.0.0.1", 0), SinkHandler)
        self.lock = threading.Lock()
        self.events, self.batches, self.refused, self.again, self.faults = {}, 0, 0, 0, []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def take(self, body, headers):
        with self.lock:
            self.batches += 1
            refuse = self.closed or self.batches % 3 == 0
            self.refused += refuse
            if headers["Authorization"] != "Bearer sesame":
                self.faults.append("Authorization: %s" % headers["Authorization"])
            if headers["Content-Type"] != "application/cloudevents-batch+json":
                self.faults.append("Content-Type: %s" % headers["Content-Type"])
            if not refuse or self.batches % 2:
                self.store(json.loads(body))
            return 503 if refuse else 204

    def handle_error(self, request, client_address):
        pass  # kgentd was killed while it waited for the answer

    def store(self, batch):
        for event in batch:
            known = self.events.setdefault(event["id"], event)
            self.again += known is not event
            if known != event:
                self.faults.append("two events of id %s" % event["id"])


class SinkHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(self.server.take(body, self.headers) if self.path == "/api/v1/events" else 404)

    def do_GET(self):
        self.answer(200, b"[]")

    def answer(self, status, body=b""):
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class Host(kgent.Host):
    """kgentd, which is started again after every kill."""

    def kill(self):
        self.stop(signal.SIGKILL)
        self.start()

    def key(self):
        unlimited = ["--tier", "ENTERPRISE", "--requests-per-minute", "0", "--requests-per-day", "0"]
        status, out, err = self.ctl("tenant", "add", "Job", "--id", TENANT, *unlimited)
        if not kgent.ok(status == 0, "kgentctl makes a tenant"):
            kgent.note(err)
        status, out, err = self.ctl("key", "new", "job", "--tenant", TENANT, *unlimited)
        if not kgent.ok(status == 0 and out.startswith("kg_"), "kgentctl makes a key"):
            kgent.note(err)
        return out.strip()


class Clients:
    """So many threads that invoke until each call was answered with 200."""

    def __init__(self, host, key):
        self.host, self.key = host, key
        self.lock = threading.Lock()
        self.next, self.answered, self.cut, self.odd = 0, set(), set(), []
        self.refused = False  # the key is no good: no attempt will do
        self.threads = [threading.Thread(target=self.run) for _ in range(CLIENTS)]
        for t in self.threads:
            t.start()

    def run(self):
        connection = None
        while True:
            with self.lock:
                n, self.next = self.next, self.next + 1
            if n >= CALLS:
                return
            for attempt in range(1000):
                if self.refused:
                    return
                path = "world.job%d_try%d.manifest" % (n, attempt)
                connection, done = self.call(connection, path)
                if done:
                    break
                time.sleep(0.01)

    def call(self, connection, path):
        try:
            connected = connection is not None
            if not connected:
                connection = http.client.HTTPConnection("127.0.0.1", self.host.port, timeout=30)
                connection.connect()
                connected = True
            connection.request("POST", "/v1/agentese/invoke", json.dumps({"path": path}),
                               {"X-API-Key": self.key, "Content-Type": "application/json"})
            r = connection.getresponse()
            body = r.read()
            with self.lock:
                if r.status == 200:
                    self.answered.add(path)
                else:
                    self.odd.append((r.status, body))
                    self.refused = self.refused or r.status == 401
            return connection, r.status == 200
        except (OSError, http.client.HTTPException):
            with self.lock:
                if connected:
                    self.cut.add(path)
            return None, False

    def done(self):
        with self.lock:
            return len(self.answered)

    def wait(self):
        for t in self.threads:
            t.join()


def schema_faults(events, folder):
    """What OpenMeter's own schema says; installs the client into the build folder."""
    peers = os.path.join(kgent.BUILD, "peers", "openmeter")
    if not os.path.isdir(peers + "/node_modules/@openmeter/sdk"):
        os.makedirs(peers, exist_ok=True)
        with open(peers + "/package.json", "w") as f:
            f.write('{"private":true,"type":"module"}')
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund"] + SDK, cwd=peers,
                       check=True, stdout=subprocess.DEVNULL)
    with open(peers + "/validate.mjs", "w") as f:
        f.write(VALIDATE)
    with open(os.path.join(folder, "events.json"), "w") as f:
        json.dump(events, f)
    r = subprocess.run(["node", peers + "/validate.mjs", f.name], cwd=peers, check=True,
                       stdout=subprocess.PIPE, text=True)
    return r.stdout.strip()


def shape_faults(events):
    """What API.md says beyond the schema."""
    members = {"specversion", "id", "source", "type", "subject", "time", "datacontenttype", "data"}
    return [e for e in events if set(e) != members or e["specversion"] != "1.0"
            or e["source"] != "kgents-api" or e["type"] != "agentese.invoke"
            or e["subject"] != TENANT or e["datacontenttype"] != "application/json"
            or set(e["data"]) != {"path", "aspect", "tokens_used"}
            or e["data"]["aspect"] != "manifest" or e["data"]["tokens_used"] != 0]


def judge(commit, clients, stored, sink):
    def check(holds, what, more=""):
        if not kgent.ok(holds, "%s: %s" % (commit, what)):
            kgent.note(more)
    paths = [e["data"]["path"] for e in stored]
    kgent.note("%s: %d answered, %d cut off of which %d recorded; %d batches, %d refused, "
               "%d events sent again" % (commit, len(clients.answered), len(clients.cut),
                                         len(clients.cut & set(paths)), sink.batches,
                                         sink.refused, sink.again))
    check(not clients.odd, "no answer but 200", clients.odd[:3])
    check(len(clients.answered) == CALLS, "%d calls were answered" % CALLS)
    check(len(set(paths)) == len(paths), "no usage is recorded twice")
    check(clients.answered <= set(paths), "all answered usage is in the store",
          sorted(clients.answered - set(paths))[:5])
    check(set(paths) <= clients.answered | clients.cut, "nothing else is in the store")
    check(len({e["id"] for e in stored}) == len(stored), "ids are unique")
    check({e["id"]: e for e in stored} == sink.events,
          "the server has exactly what the store has",
          "%d there, %d here" % (len(sink.events), len(stored)))
    check(not sink.faults, "every request to the server is well-formed", sink.faults[:3])
    check(sink.refused >= 3 and sink.refused * 3 >= sink.batches - 2,
          "a third of the batches was refused")
    check(not shape_faults(stored), "every event has the documented shape",
          shape_faults(stored)[:2])


def job(commit):
    sink = Sink()
    plugins = ["health", "auth", "agentese", METERING % sink.server_port]
    with Host(plugins, options=["store.commit=" + commit, "log.level=warn"]) as host:
        clients = Clients(host, host.key())
        wait_for(lambda: clients.done() >= CALLS // 3, 60)
        host.kill()  # with requests in flight
        wait_for(lambda: clients.done() >= CALLS * 2 // 3, 60)
        sink.closed = True
        clients.wait()
        host.kill()  # with events that were not yet delivered
        sink.closed = False
        stored = host.events()
        wait_for(lambda: len(sink.events) >= len(stored), 60)
        judge(commit, clients, stored, sink)
        faults = schema_faults(list(sink.events.values()), host.folder.name)
        kgent.equal(faults, "0", commit + ": OpenMeter's schema accepts every event")
    sink.shutdown()
    sink.server_close()


for mode in sys.argv[1:] or ["process", "power"]:
    job(mode)
kgent.done()
