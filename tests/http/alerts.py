#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Alerts of etc/prometheus/kgent.rules.yml: each is brought about in a host of its own.  What
its /metrics says, before and meanwhile, goes to promtool, which must raise that alert and no
other; and every metric that a rule names is one that a host has."""
import glob
import http.server
import json
import mmap
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import threading

import kgent

sys.path.append(os.path.join(kgent.SOURCE, "tests/faults"))
import disk_sweep  # noqa: E402

RULES = os.path.join(kgent.SOURCE, "etc/prometheus/kgent.rules.yml")
AUTH = 'load = "auth"; dev_keys = true; enforce = "shadow";'
METERING = 'load = "metering-openmeter"; flush_interval = 0.02; timeout = 1.0;'
SERIES = re.compile(r"^(kgent[a-z0-9_]*(?:\{[^}]*\})?) ([-+0-9.e]+|NaN|[-+]Inf)$", re.M)
RECEIPTS = b"gkrecpt2"  # at the start of their region
MINUTES = 75  # as long as the slowest alert takes


class Far(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        for event in json.loads(self.rfile.read(int(self.headers["Content-Length"]))):
            self.server.canaries += event["type"] == "kgent.canary"
        self.say(self.server.status)

    def do_GET(self):
        self.say(200, json.dumps({"data": [{"value": self.server.canaries}]}).encode())

    def say(self, status, body=b"{}"):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def far(status=200):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Far)
    server.status, server.canaries = status, 0
    server.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def use(host):
    return host.post("/v1/agentese/invoke", {"path": "world.thing.manifest"},
                     {"X-API-Key": "kg_dev_carol"}).status


def scraped(host):
    """Series and values."""
    return dict(SERIES.findall(host.get("/metrics", admin=True).text))


def gauge(host, series):
    return float(scraped(host).get(series, "nan"))


# ---- promtool ------------------------------------------------------------------------------------


def alerts():
    """Names of all alerts, and what their expressions name."""
    names, metrics = [], set()
    with open(RULES, encoding="utf-8") as f:
        for line in f:
            if match := re.search(r"- alert: (\w+)", line):
                names.append(match[1])
            elif match := re.search(r"expr: (.*)", line):
                metrics |= set(re.findall(r"kgents?_[a-z0-9_]+", match[1]))
    return names, metrics


def raised(before, after):
    """The alerts that these two scrapes, the second of which lasts, raise."""
    series = []
    for name in sorted(set(before) | set(after)):
        first, then = before.get(name, "_"), after.get(name, "_")
        if "NaN" in (first, then) or "_bucket" in name:
            continue
        series.append(f"      - series: {json.dumps(name)}\n"
                      f"        values: {json.dumps(f'{first}x5 {then}x{MINUTES}')}\n")
    tests = [f"      - eval_time: {minute}m\n        alertname: {alert}\n        exp_alerts: []\n"
             for alert in alerts()[0] for minute in (8, MINUTES)]
    with tempfile.NamedTemporaryFile("w", suffix=".yml", delete=False) as f:
        f.write(f"rule_files: [{json.dumps(os.path.abspath(RULES))}]\nevaluation_interval: 1m\n"
                "tests:\n  - interval: 1m\n    input_series:\n" + "".join(series)
                + "    alert_rule_test:\n" + "".join(tests))
    run = subprocess.run(["promtool", "test", "rules", f.name], stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True, timeout=60)
    os.unlink(f.name)
    names = set(re.findall(r"alertname: ?(\w+), time:", run.stdout))
    if not names and run.returncode:
        raise RuntimeError(run.stdout)  # it had another reason than an alert
    return names, run.stdout


def check(host, before, name, *wanted):
    found, text = raised(before, scraped(host))
    if not kgent.ok(found == set(wanted), f"{name}: {', '.join(sorted(wanted)) or 'no alert'}"):
        kgent.note(f"{found} {text[:2000]}")
    return text


# ---- States ---------------------------------------------------------------------------------------


def well():
    """Nothing is raised, and all that the rules speak of is there."""
    server = far()
    with make(server.url) as host:
        before = scraped(host)
        use(host)
        kgent.until(lambda: gauge(host, 'kgent_metering_sink_events_total{sink="openmeter"}') == 1)
        kgent.until(lambda: 'kgent_metering_unaccounted{sink="openmeter"}' in scraped(host))
        check(host, before, "all is well")
        there = {re.split("[{ ]", name)[0] for name in scraped(host)}
        kgent.equal(alerts()[1] - there, set(), "each metric of a rule is there")


def refuses(status, series, name, alert):
    server = far()
    with make(server.url) as host:
        before = scraped(host)
        server.status = status
        use(host)
        kgent.ok(kgent.until(lambda: gauge(host, series) == 1), f"{name}: {series} is 1")
        text = check(host, before, name, alert)
        kgent.contains(text, "openmeter of", f"{name}: it names the sink")


def stopped():
    refuses(401, 'kgent_metering_sink_stopped{sink="openmeter"}', "a refused key", "KgentSinkStopped")


def parked():
    refuses(400, 'kgent_metering_sink_parked{sink="openmeter"}', "a poison event", "KgentEventsParked")


def drift():
    """What was parked is gone from the store."""
    server = far(400)
    host = make(server.url).start()
    use(host)
    kgent.until(lambda: gauge(host, 'kgent_metering_sink_parked{sink="openmeter"}') == 1)
    kgent.equal(host.stop(), 0, "it ends")
    server.status = 200
    kgent.equal(entries(host, "DELETE FROM entry", "metering.parked"), 1, "a parked event is taken out of the store")
    with host:
        series = 'kgent_metering_unaccounted{sink="openmeter"}'
        kgent.ok(kgent.until(lambda: gauge(host, series) == 1), f"drift: {series} is 1")
        check(host, scraped(host), "drift", "KgentUsageDrifts")


def left():
    server = far()
    host = make(server.url).start()
    use(host)
    kgent.until(lambda: gauge(host, 'kgent_metering_sink_events_total{sink="openmeter"}') == 1)
    kgent.equal(host.stop(), 0, "it ends")
    host.configure(["health", AUTH, "agentese", METERING])
    with host:
        kgent.ok(kgent.until(lambda: gauge(host, "kgent_metering_cursors_left") == 1), "a sink is taken out")
        check(host, scraped(host), "a sink is taken out", "KgentCursorLeft")


def late():
    """Eleven minutes later by the clock, and nobody takes anything."""
    clock, server = kgent.Clock(), far(503)
    with make(server.url, **clock.env) as host:
        before = scraped(host)
        use(host)
        clock.jump(660)
        series = 'kgent_metering_sink_lag_seconds{sink="openmeter"}'
        kgent.ok(kgent.until(lambda: gauge(host, series) > 600), f"lag: {series} is {gauge(host, series):.0f}")
        check(host, before, "lag", "KgentSinkLags")


def entries(host, what, bucket, like="%"):
    """The statement's rows of a bucket, or how many it changed."""
    db = sqlite3.connect(glob.glob(host.state + "/*.db")[0])
    with db:
        made = db.execute(f"{what} WHERE bucket = (SELECT id FROM bucket WHERE name = ?) AND "
                          "CAST (key AS TEXT) LIKE ?", (bucket, like))
        result = made.fetchall() or made.rowcount
    db.close()
    return result


def stuck():
    """Eleven minutes later rollups still stand in front of a row that is damaged."""
    clock = kgent.Clock()
    host = make(None, **clock.env).start()
    use(host)
    lag = "kgent_metering_rollup_lag_records"
    months = ("usage.rollups", "month/%")
    kgent.ok(kgent.until(lambda: entries(host, "SELECT count (*) FROM entry", *months) != [(0,)]
                         and gauge(host, lag) == 0), "rollups: there are rows")
    kgent.equal(host.stop(), 0, "it ends")
    damaged = entries(host, "UPDATE entry SET value = CAST ('{' AS BLOB)", *months)
    kgent.ok(damaged > 0, f"rollups: {damaged} rows are damaged")
    with host:
        kgent.until(lambda: gauge(host, lag) == 0)
        before = scraped(host)
        use(host)
        kgent.ok(kgent.until(lambda: gauge(host, lag) == 1), "rollups: they stop")
        clock.jump(660)
        series = "kgent_metering_rollup_lag_seconds"
        kgent.ok(kgent.until(lambda: gauge(host, series) > 600), f"rollups: {series} is {gauge(host, series):.0f}")
        check(host, before, "rollups", "KgentRollupLags")


def unsigned():
    """The number of the key that signs receipts is damaged in the memory that processes share."""
    with make(None) as host:
        before = scraped(host)
        for name in glob.glob(host.state + "/regions/*.map"):
            with open(name, "r+b", buffering=0) as f:
                if os.pread(f.fileno(), 8, 4096) == RECEIPTS:
                    os.pwrite(f.fileno(), b"\xff\xff\xff\x7f", 4096 + 36)
        kgent.equal(use(host), 200, "receipts: answers come")
        series = "kgent_metering_receipts_missing_total"
        kgent.ok(kgent.until(lambda: gauge(host, series) == 1), f"receipts: {series} is 1")
        check(host, before, "receipts", "KgentReceiptsMissing")


def disk():
    """The store's disk is full for eleven minutes."""
    with tempfile.TemporaryDirectory() as tools, tempfile.NamedTemporaryFile() as page:
        os.ftruncate(page.fileno(), 4096)
        plan = disk_sweep.Plan.from_buffer(mmap.mmap(page.fileno(), 4096))
        plan.kind = -1
        host = make(None, LD_PRELOAD=disk_sweep.library(tools), KGENT_DISK_PLAN=page.name)
        host.env["KGENT_DISK_DIR"] = host.state
        host.options.append("store.commit=power")
        with host:
            before = scraped(host)
            plan.at, plan.times, plan.error, plan.kind = 1, -1, 28, disk_sweep.KINDS.index("write")
            kgent.equal(use(host), 503, "disk: usage cannot be recorded")
            kgent.ok(kgent.until(lambda: use(host) == 503 and gauge(host, "kgent_metering_refused_total") > 0
                                 and gauge(host, "kgent_store_errors_total") > 0), "disk: both are counted")
            check(host, before, "disk", "KgentUsageRefused", "KgentStoreFails")
            plan.kind = -1
            kgent.ok(kgent.until(lambda: use(host) == 200), "and once there is room it goes on")


def doubles():
    """Begins early: the far side has ten seconds to count."""
    server = far()
    host = make(server.url, "canary = true;").start()
    use(host)
    yield
    series = 'kgent_metering_sink_dedupes{sink="openmeter"}'
    kgent.ok(kgent.until(lambda: gauge(host, series) == -1), f"a far side that doubles: {series} is -1")
    check(host, scraped(host), "a far side that doubles", "KgentSinkDoubles")
    kgent.equal(host.stop(), 0, "it ends")


def make(url, more="", **env):
    where = f' url = "{url}";' if url else ""
    return kgent.Host(["health", AUTH, "agentese", METERING + where + more], env=env)


def main():
    slow = doubles()
    next(slow)
    for test in [well, stopped, parked, drift, left, unsigned] + ([] if kgent.sanitized() else [late, stuck, disk]):
        test()
    next(slow, None)


if kgent.peer("promtool", "alerts"):
    kgent.main([main])
kgent.done()
