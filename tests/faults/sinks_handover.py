# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Reloads while batches fly: one process hands its sinks to the next.  A file has each event
once and in order; a server gets each, and what it gets twice has the same id and says the
same.  Then a sink is taken out, comes back, is taken out and forgotten, and a new one begins
at the beginning.

KGENT_RELOADS: how many, every third of which is a SIGKILL instead (6)."""
import glob
import http.server
import json
import os
import random
import signal
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../http"))
import kgent  # noqa: E402

RELOADS = int(os.environ.get("KGENT_RELOADS", "6"))
SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"
AUTH = 'load = "auth"; dev_keys = true; enforce = "shadow";'
OPTIONS = "flush_interval = 0.02; batch_size = 8;"


class Far(http.server.BaseHTTPRequestHandler):
    """Takes its time, so that there are always batches under way."""
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        batch = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server = self.server
        for event in batch:
            with server.lock:
                server.times[event["id"]] = server.times.get(event["id"], 0) + 1
                if server.events.setdefault(event["id"], event) != event:
                    server.changed.append(event["id"])
        time.sleep(random.uniform(0, 0.2))
        self.say(random.choice([200, 202, 204]))

    def do_GET(self):
        self.say(200)

    def say(self, status):
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Far)
        self.lock, self.times, self.events, self.changed = threading.Lock(), {}, {}, []
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        pass  # the host was killed


class Load(threading.Thread):
    """Asks all the time; what was answered must arrive."""

    def __init__(self, host):
        super().__init__(daemon=True)
        self.host, self.answered, self.stopping = host, 0, False
        self.start()

    def run(self):
        while not self.stopping:
            try:
                self.answered += use(self.host) == 200
            except (OSError, kgent.http.client.HTTPException):
                time.sleep(0.02)  # it was killed
            time.sleep(0.002)


def use(host):
    return host.post("/v1/agentese/invoke", {"path": "world.thing.manifest"},
                     {"X-API-Key": "kg_dev_carol"}).status


def status(host):
    return host.get("/admin/v1/meter/status", local=True).json


def drained(host):
    return kgent.until(lambda: all(s["lag_records"] == 0 for s in status(host)["sinks"]), 60)


def recorded(host):
    return [e["id"] for e in host.events()]


def lines(folder, name):
    found = []
    for path in sorted(glob.glob(f"{folder}/{name}-*.jsonl")):
        with open(path, encoding="utf-8") as f:
            found += [json.loads(line)["id"] for line in f]
    return found


def sinks(folder, openmeter, webhook, names):
    kinds = {
        "meter": f'kind = "openmeter"; url = "{openmeter.url}";',
        "hook": f'kind = "webhook"; url = "{webhook.url}/in"; secrets = [ "{SECRET}" ];',
        "archive": f'kind = "file"; dir = "{folder}"; max_bytes = 20000L;',
        "second": f'kind = "file"; dir = "{folder}"; max_bytes = 20000L;'}
    blocks = ", ".join(f'{{ name = "{n}"; {kinds[n]} {OPTIONS} }}' for n in names)
    return ["health", AUTH, "agentese", f'load = "metering-openmeter"; sinks = ( {blocks} );']


def all_there(host, folder, openmeter, webhook, what):
    kgent.ok(drained(host), f"{what}: sinks have all")
    truth = recorded(host)
    found = lines(folder, "archive")
    if not kgent.ok(found == truth, f"{what}: files have each event once, in order"):
        kgent.note(f"{len(truth)} events, {len(found)} lines, {len(set(found))} of them different")
    for server, name in ((openmeter, "OpenMeter"), (webhook, "the webhook")):
        kgent.equal(sorted(server.events), sorted(truth), f"{what}: {name} has each")
        kgent.equal(server.changed, [], "what came again was the same")
    kgent.ok(kgent.until(lambda: [s["unaccounted"] for s in status(host)["sinks"]] == [0, 0, 0]),
             f"{what}: all are accounted for")
    return truth


def reloads(host, folder, openmeter, webhook):
    load, bad, kills = Load(host), 0, 0
    for i in range(RELOADS):
        time.sleep(random.uniform(0.1, 0.6))
        if i % 3 == 2:
            kill(host)
            kills += 1
        else:
            bad += not host.hand_over()
    load.stopping = True
    load.join()
    kgent.equal(bad, 0, f"{RELOADS - kills} reloads, {kills} kills")
    truth = all_there(host, folder, openmeter, webhook, "handed over")
    kgent.ok(len(truth) >= load.answered > RELOADS, f"{load.answered} requests were answered")
    kgent.note(f"{len(truth)} events; of the servers' {sum(openmeter.times.values())} and "
               f"{sum(webhook.times.values())} with those that came again")


def processes(host):
    """All that run with its configuration, also one that still drains."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/cmdline", "rb") as f:
                if host.config.encode() in f.read():
                    found.append(int(name))
        except OSError:
            pass
    return found


def is_free(port):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False


def kill(host):
    """All of its processes at once, as a crash of the machine does.  One that is being started,
    or that is about to be gone, has no name, but the sockets."""
    while (found := processes(host)) or not (is_free(host.port) and is_free(host.admin_port)):
        for each in found:
            try:
                os.kill(each, signal.SIGKILL)
            except ProcessLookupError:
                pass
        host.process.poll()
        time.sleep(0.01)
    host.process.wait()
    host.start()


def taken_out(host, folder, openmeter, webhook):
    """By reloads, as an operator does it."""
    host.configure(sinks(folder, openmeter, webhook, ["meter", "hook"]))
    kgent.ok(host.hand_over(), "a sink is taken out")
    for _ in range(20):
        use(host)
    left = kgent.until(lambda: status(host)["left"])
    kgent.equal([item["cursor"] for item in left], ["sink.archive"], "it is seen what it left: its cursor")
    metric = "\nkgent_metering_cursors_left 1\n"
    kgent.ok(kgent.until(lambda: metric in host.get("/metrics", admin=True).text), "also in the metrics")
    kgent.ok(host.says("kgentctl meter forget sink.archive"), "and in the log")
    code, _, error = host.ctl("meter", "status")
    kgent.ok(code == 0 and "sink.archive" in error and "20 records" in error,
             f"kgentctl meter status names it: {error.strip()[:60]}...")
    host.configure(sinks(folder, openmeter, webhook, ["meter", "hook", "archive"]))
    kgent.ok(host.hand_over(), "it comes back")
    all_there(host, folder, openmeter, webhook, "come back")
    kgent.equal(host.ctl("meter", "forget", "sink.archive")[0], 1, "it is not forgotten while it is there")


def forgotten(host, folder, openmeter, webhook):
    host.configure(sinks(folder, openmeter, webhook, ["meter", "hook", "second"]))
    kgent.ok(host.hand_over(), "another one takes its place")
    kgent.ok(drained(host), "and has all")
    kgent.equal(lines(folder, "second"), recorded(host), "from the beginning, each once")
    kgent.ok(kgent.until(lambda: status(host)["left"]), "the cursor of the first one is left")
    code, out, error = host.ctl("meter", "forget", "sink.archive")
    kgent.equal((code, out), (0, "usage is no longer kept for sink.archive\n"), "it is forgotten")
    kgent.equal(status(host)["left"], [], "and gone")
    kgent.equal(host.ctl("meter", "forget", "sink.archive")[0], 1, "once")
    kgent.contains(host.get("/metrics", admin=True).text, "\nkgent_metering_cursors_left 0\n", "also there")
    use(host)
    drained(host)
    host.configure(sinks(folder, openmeter, webhook, ["meter", "hook", "archive"]))
    kgent.ok(host.hand_over(), "the first one comes back once more")
    all_there(host, folder, openmeter, webhook, "after all")


def test():
    openmeter, webhook, host = Server(), Server(), kgent.Host()
    folder = os.path.join(host.folder.name, "usage")
    host.configure(sinks(folder, openmeter, webhook, ["meter", "hook", "archive"]))
    with host:
        for each in (reloads, taken_out, forgotten):
            each(host, folder, openmeter, webhook)


kgent.main([test])
