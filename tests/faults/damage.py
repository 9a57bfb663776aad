#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Damage of the store, kind by kind, on copies of one that a killed host left: kgentctl
verify finds each and names its place and cure; and it finds nothing where nothing is,
also while a host works."""
import http.server
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../http"))
import kgent
from damage_kinds import KINDS, ring_waits
from damage_tools import USAGE, bucket, fetch

AUTH = 'load = "auth"; dev_keys = true; enforce = "shadow";'
METERING = ('load = "metering-openmeter"; url = "%s"; batch_size = 20; flush_interval = 0.02;'
            ' meters = ('
            '{ slug = "requests"; type = "agentese.invoke"; aggregation = "COUNT";'
            ' group_by = ("path", "aspect"); },'
            '{ slug = "tokens"; type = "agentese.invoke"; value = "$.tokens_used";'
            ' group_by = ("path", "aspect"); },'
            '{ slug = "mean"; type = "agentese.invoke"; aggregation = "AVG"; value = "tokens_used"; },'
            '{ slug = "most"; type = "agentese.invoke"; aggregation = "MAX"; value = "tokens_used"; },'
            '{ slug = "last"; type = "agentese.invoke"; aggregation = "LATEST"; value = "tokens_used"; },'
            '{ slug = "paths"; type = "agentese.invoke"; aggregation = "UNIQUE_COUNT"; value = "path"; }'
            ');')
LIMITS = {"requests_per_minute": 1000000, "requests_per_day": 0, "tokens_per_month": 0}
PATHS = ("world.house.manifest", "concept.b.manifest", "concept.a.manifest")


def verify(state, config=None, *more):
    command = [kgent.KGENTCTL, "verify", "--json", "--dir", state]
    if config:
        command += ["--config", config]
    run = subprocess.run(command + list(more), capture_output=True, text=True, timeout=300,
                         check=False)
    result = json.loads(run.stdout) if run.stdout.startswith("{") else None
    return run.returncode, result, run.stderr


def sound(state, config, name):
    code, result, error = verify(state, config)
    if not kgent.ok(code == 0 and result["valid"] and not result["findings"], name):
        kgent.note(f"exit code {code}: {json.dumps(result, indent=1)} {error}")
    return result


# ---- A store ------------------------------------------------------------------------------


class Sink(http.server.BaseHTTPRequestHandler):
    """Takes everything but batches with a word in it."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def say(self, status):
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self):
        self.say(200)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.say(400 if b"world.poison.manifest" in body else 204)


def sink_start():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    server.handle_error = lambda *a: None  # a killed host resets its connections
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}"


def ingest(host, key, count, name="e"):
    events = [{"specversion": "1.0", "id": f"{name}{i}" + "x" * 30 * i, "source": "/shop", "type": "agentese.invoke",
               "data": {"path": "x", "aspect": "y", "tokens_used": i}} for i in range(count)]
    answer = host.post("/v1/events", events, {
        "X-API-Key": key, "Content-Type": "application/cloudevents-batch+json"})
    kgent.equal(answer.status, 204, "events of others are taken")


def marked(host):
    """Until the marks are in a run, and nowhere else."""
    if not kgent.until(lambda: fetch(host.state, "SELECT id FROM mark_run") and not fetch(
            host.state, "SELECT 1 FROM meta WHERE name = 'marks_run'")):
        raise AssertionError("no run of marks comes")


def grants_make(host):
    for tenant, feature in (("acme", "requests"), ("umbrella", "requests"), ("acme", "budget.tokens")):
        tenant = host.get(f"/admin/v1/tenants/{tenant}", local=True).json["id"]
        answer = host.post(f"/admin/v1/tenants/{tenant}/grants",
                           {"feature": feature, "amount": 100000}, local=True)
        if answer.status != 201:
            raise AssertionError(answer.text)


def burnt(host):
    """Until the accounts are as far as the log is now, but for what is nobody's."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        rows = fetch(host.state, f"SELECT value FROM entry WHERE bucket = {bucket('usage.accounts')}"
                                 " AND CAST (key AS TEXT) LIKE '%/requests'")
        used = sum(float(p[1]) for r in rows for p in json.loads(r[0])["points"])
        log = fetch(host.state, f"SELECT newest FROM log WHERE id = {USAGE}")[0][0]
        state, = fetch(host.state, f"SELECT value FROM entry WHERE bucket = {bucket('usage.accounts')}"
                                   " AND CAST (key AS TEXT) = 'state'")
        if used > 100 and json.loads(state[0])["position"] == log:
            return
        time.sleep(0.1)
    raise AssertionError("the accounts don't catch up")


def sunk(host):
    """Until the sink is as far as the log, and what it cannot take is parked."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        sink, = host.get("/admin/v1/meter/status", local=True).json["sinks"]
        if sink["lag_records"] == 0 and sink["parked"] == 1:
            return
        time.sleep(0.1)
    raise AssertionError(f"the sink doesn't catch up: {sink}")



def tenant_new(host, name):
    tenant = host.post("/admin/v1/tenants", {"name": name, "slug": name}, local=True).json["id"]
    return host.post("/admin/v1/keys", {"name": name, "tenant": tenant, "limits": LIMITS,
                                        "scopes": ["read", "write", "meter:write"]}, local=True).json["key"]


def invoke(host, key, path=PATHS[0], headers=None):
    return host.post("/v1/agentese/invoke", {"path": path}, {"X-API-Key": key, **(headers or {})})


def rolled(host):
    """Until the rollup is as far as the log is now."""
    newest, = fetch(host.state, f"SELECT newest FROM log WHERE id = {USAGE}")[0]
    end = time.monotonic() + 30
    while time.monotonic() < end:
        state = fetch(host.state, f"SELECT value FROM entry WHERE bucket = {bucket('usage.meters')}"
                                  " AND key = CAST ('state' AS BLOB)")
        if state and all(at[0] >= newest for units in json.loads(state[0][0]).values()
                         for at in units.values()):
            return
        time.sleep(0.1)
    raise AssertionError("the rollup doesn't catch up")


def load(host, keys, stop, errors):
    n = 0
    while not stop.is_set():
        try:
            headers = {"Idempotency-Key": f"load-{threading.get_ident()}-{n}"} if n % 5 == 0 else {}
            answer = invoke(host, keys[n % 2], PATHS[n % 3], headers)
            if answer.status != 200:
                errors.append(answer.text)
        except OSError as e:
            errors.append(str(e))
        n += 1


def while_it_works(host, keys):
    """Under load, in the middle of batches, rings and turns of the rollup."""
    stop, errors = threading.Event(), []
    threads = [threading.Thread(target=load, args=(host, keys, stop, errors)) for _ in range(4)]
    for t in threads:
        t.start()
    bad = []
    for _ in range(12):
        code, result, error = verify(host.state, host.config)
        if code:
            bad.append((code, result, error))
    stop.set()
    for t in threads:
        t.join()
    if not kgent.ok(not bad, "12 looks at the store of a host under load find nothing"):
        kgent.note(bad[0])
    kgent.equal(errors[:3], [], "and no request failed meanwhile")


def copy_make(state, to):
    """A copy whose holes are holes; without sockets."""
    shutil.rmtree(to, ignore_errors=True)
    os.mkdir(to)
    for name in ("kgent.db", "kgent.db-wal", "rings", "regions"):
        path = os.path.join(state, name)
        if os.path.exists(path):
            subprocess.run(["cp", "-r", "--sparse=always", path, to], check=True)


def store_make(folder):
    """A store as a killed host leaves it, with records in its rings."""
    with kgent.Host(plugins=["health", AUTH, "agentese", METERING % sink_start()],
                    options=("store.fresh_marks=4",)) as host:
        keys = [tenant_new(host, "acme"), tenant_new(host, "umbrella")]
        for i in range(60):
            invoke(host, keys[i % 2], PATHS[i % 3])
        for i in range(6):
            answer = invoke(host, keys[0], headers={"Idempotency-Key": f"key-{i}"})
            kgent.ok(answer.status == 200, f"a request with an idempotency key is {answer.status}")
        ingest(host, keys[0], 5)  # which make a run of marks
        marked(host)
        ingest(host, keys[0], 2, "f")
        invoke(host, keys[1], "world.poison.manifest")
        grants_make(host)
        while_it_works(host, keys)
        invoke(host, keys[0])  # the last record is one from a ring
        sunk(host)
        burnt(host)
        rolled(host)
        result = sound(host.state, host.config, "while it runs, nothing is found")
        kgent.ok(result["checked"]["rollup_rows"] > 20 and result["checked"]["kept_answers"] >= 6
                 and result["checked"]["receipts"] > 60 and result["checked"]["marks"] == 7
                 and result["checked"]["sinks"] == 1, "rows, answers, receipts, marks and sinks were checked")
        code, plain, _ = verify(host.state)
        kgent.equal(code, 0, "without the configuration, too")
        kgent.ok(any("--config" in n for n in plain["notes"]), "which says what it cannot count")
        text = subprocess.run([kgent.KGENTCTL, "verify", "-s", host.state], capture_output=True,
                              text=True, check=False)
        kgent.contains(text.stdout, ": sound", "as text")
        host.stop(signal.SIGKILL)
        copy_make(host.state, os.path.join(folder, "store"))
        shutil.copy(host.config, os.path.join(folder, "conf"))
        host.start()
        rolled(host)
        sound(host.state, host.config, "a host that has started behind it leaves it sound")


def damage(folder, kind):
    name, how, check, where, what = kind
    copy = os.path.join(folder, "copy")
    copy_make(os.path.join(folder, "store"), copy)
    how(copy)
    code, result, error = verify(copy, os.path.join(folder, "conf"))
    found = [f for f in (result or {}).get("findings", ())
             if f["check"] == check and where in f["place"] and what in f["what"] and f["cure"]]
    if not kgent.ok(code == 1 and found, f"{name}: found as {check}, with place and cure"):
        kgent.note(f"exit code {code} {error}")
        kgent.note(json.dumps(result, indent=1)[:3000])


def main():
    with tempfile.TemporaryDirectory(prefix="kgent-") as folder:
        store_make(folder)
        sound(os.path.join(folder, "store"), os.path.join(folder, "conf"),
              "what a killed host left is sound")
        copy = os.path.join(folder, "copy")
        copy_make(os.path.join(folder, "store"), copy)
        ring_waits(copy)
        result = sound(copy, os.path.join(folder, "conf"), "a record that waits is no damage")
        kgent.equal(result["checked"]["waiting_in_rings"], 1, "and is counted")
        for kind in KINDS:
            try:
                damage(folder, kind)
            except Exception as e:  # the next kinds are looked at, too
                kgent.ok(False, f"{kind[0]}: {e!r}")
        shutil.rmtree(copy)
        kgent.equal(verify(copy)[0], 2, "a store that is not there is 2")
        with open(os.path.join(folder, "text"), "w", encoding="utf-8") as f:
            f.write("meters = (")
        kgent.equal(verify(os.path.join(folder, "store"), os.path.join(folder, "text"))[0], 2,
                    "as is a configuration that is none")
    kgent.done()


if __name__ == "__main__":
    main()
