#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Usage over real sockets and a real disk: a query behind an answer sees it, kills lose
and double nothing, tenants don't see each other, and kgentctl shows it."""
import collections
import csv
import datetime
import http.server
import io
import json
import os
import random
import signal
import sqlite3
import subprocess
import threading
import time

import kgent

AUTH = 'load = "auth"; dev_keys = true; enforce = "shadow";'
METERING = 'load = "metering-openmeter"; api_requests = true;'
LIMITS = {"requests_per_minute": 1000000, "requests_per_day": 0, "tokens_per_month": 0}


def tenant_new(host, name):
    """A tenant's id, and a key of it."""
    tenant = host.post("/admin/v1/tenants", {"name": name, "slug": name}, local=True).json["id"]
    key = host.post("/admin/v1/keys", {"name": name, "tenant": tenant, "limits": LIMITS,
                                       "scopes": ["read", "write"]}, local=True).json["key"]
    return tenant, key


def invoke(host, key, path="world.house.manifest"):
    return host.post("/v1/agentese/invoke", {"path": path}, {"X-API-Key": key})


def query(host, key, params):
    answer = host.get("/v1/usage?" + params, {"X-API-Key": key})
    if answer.status != 200:
        raise AssertionError(f"{params}: {answer.status} {answer.text}")
    return answer.json["data"]


def total(host, key, meter="requests"):
    return query(host, key, f"meter={meter}")[0]["value"]


def everybody(host, params):
    answer = host.get("/admin/v1/usage?" + params, local=True)
    if answer.status != 200:
        raise AssertionError(f"{params}: {answer.status} {answer.text}")
    return answer.json["data"]


def until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def usage_rows(host, statement):
    db = sqlite3.connect(os.path.join(host.state, "kgent.db"))
    try:
        return db.execute(statement).fetchall()
    finally:
        db.close()


def rolled(host):
    """Until all meters have counted what the log has now, in each unit: as the store says,
    for a gauge tells how it was when a timer ran last.  How far that is."""
    (newest,), = usage_rows(host, "SELECT newest FROM log WHERE name = 'usage'")
    end = time.monotonic() + 60
    while time.monotonic() < end:
        found = usage_rows(host, "SELECT value FROM entry WHERE key = CAST ('state' AS BLOB) AND bucket ="
                                 " (SELECT id FROM bucket WHERE name = 'usage.meters')")
        at = [at for (text,) in found for units in json.loads(text).values() for at in units.values()]
        if at and min(at) >= [newest, 0]:
            return newest
        time.sleep(0.1)
    raise AssertionError(f"the rollup doesn't catch up: {newest}, {at}")


def logged(host):
    """Invocations in the log, by tenant and path."""
    return collections.Counter((e["subject"], e["data"]["path"]) for e in host.events()
                               if e["type"] == "agentese.invoke")


# ---- Behind each answer ------------------------------------------------------------------


def seen_at_once(host, key, commit):
    for n in range(1, 31):
        invoke(host, key)
        if total(host, key) != n:
            return kgent.equal(total(host, key), n, f"{commit}: seen behind its answer")
    kgent.ok(True, f"{commit}: each invocation is seen behind its answer")
    rolled(host)
    kgent.equal(total(host, key), 30, f"{commit}: and by rows")
    return None


def shapes(host, key, tenant):
    day = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d")
    rows = query(host, key, f"meter=requests&windowSize=DAY&groupBy=path,aspect&from={day}")
    kgent.equal(rows, [{"value": 30, "windowStart": day + "T00:00:00Z",
                        "windowEnd": rows[0]["windowEnd"], "subject": tenant,
                        "groupBy": {"path": "world.house.manifest", "aspect": "manifest"}}], "a row")
    text = host.get("/v1/usage?meter=requests&groupBy=path&window=MONTH",
                    {"X-API-Key": key, "Accept": "text/csv"})
    table = list(csv.DictReader(io.StringIO(text.text)))
    kgent.equal([(r["path"], r["value"], r["subject"]) for r in table],
                [("world.house.manifest", "30", tenant)], "and as CSV")
    slugs = {m["slug"]: m for m in host.get("/api/v1/meters", {"X-API-Key": key}).json}
    kgent.equal(slugs["tokens"]["groupBy"], {"path": "$.path", "aspect": "$.aspect"},
                "meters, as OpenMeter lists them")
    same = [host.get("/api/v1/meters/" + slugs["tokens"][n], {"X-API-Key": key}).json
            for n in ("slug", "id")]
    kgent.equal(same, 2 * [slugs["tokens"]], "or one of them, by slug or id")
    kgent.equal(host.get("/api/v1/meters/toke", {"X-API-Key": key}).status, 404, "that there is")
    asked = host.get("/api/v1/meters/api_requests/query?windowSize=HOUR&groupBy=endpoint"
                     "&filterGroupBy%5Bendpoint%5D=/v1/agentese/invoke", {"X-API-Key": key}).json
    kgent.equal({r["groupBy"]["endpoint"] for r in asked["data"]}, {"/v1/agentese/invoke"},
                "a filter")
    kgent.equal(sum(r["value"] for r in asked["data"]), 30, "of what it answers to OpenMeter's clients")
    for target in ("/v1/usage", "/v1/meters", "/api/v1/meters/tokens/query"):
        kgent.equal(host.get(target).status, 401, f"{target} is nobody's without a key")
    kgent.equal(host.get("/admin/v1/usage", {"X-API-Key": key}).status, 404,
                "all usage is not on the public listener")


def isolation(host, mine, other):
    kgent.equal(total(host, other[1]), 0, "another tenant has used nothing")
    invoke(host, other[1])
    kgent.equal((total(host, mine[1]), total(host, other[1])), (30, 1), "each sees its own")
    kgent.equal(host.get(f"/v1/usage?subject={other[0]}", {"X-API-Key": mine[1]}).status, 403,
                "and may not name another")
    rows = everybody(host, "meter=requests&groupBy=subject")
    kgent.equal({r["subject"]: r["value"] for r in rows}, {mine[0]: 30, other[0]: 1},
                "the operator sees each")
    kgent.equal(everybody(host, "meter=requests")[0]["value"], 31, "and all together")


SDK = """
import { OpenMeter } from '@openmeter/sdk'
const om = new OpenMeter({ baseUrl: process.argv[1], apiKey: process.argv[2] })
const slugs = (await om.meters.list()).map(m => m.slug)
const found = await om.meters.query('requests', { from: new Date(Date.now() - 3600000),
  windowSize: 'HOUR', groupBy: ['path'], filterGroupBy: { aspect: 'manifest' } })
const all = await om.meters.query('requests')
const other = await om.meters.query('requests', { subject: ['another'] }).catch(e => e.status)
console.log(JSON.stringify({ slugs, found: found.data.map(r => [r.groupBy.path, r.value]),
  all: all.data.map(r => r.value), date: found.data[0].windowStart instanceof Date, other }))
"""


def official_client(host, key):
    peers = os.path.join(kgent.BUILD, "peers")
    name = "OpenMeter's own client"
    if not os.path.isdir(os.path.join(peers, "node_modules/@openmeter/sdk")):
        return kgent.skip(name, "@openmeter/sdk is not installed")
    node = kgent.peer("node", name)
    run = subprocess.run([node, "--input-type=module", "-e", SDK, f"http://127.0.0.1:{host.port}",
                          key], cwd=peers, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                         timeout=60)
    if run.returncode:
        kgent.note(run.stderr)
        return kgent.ok(False, name)
    got = json.loads(run.stdout)
    path = "world.house.manifest"
    kgent.ok("tokens" in got["slugs"], f"{name} lists meters")
    kgent.ok({p for p, _ in got["found"]} == {path} and sum(n for _, n in got["found"]) == 30
             and got["date"], f"{name} queries windows and groups")
    return kgent.equal((got["all"], got["other"]), ([30], 403), f"{name} asks for all, and for others")


# ---- kgentctl ------------------------------------------------------------------------------


def shown(host):
    status, out, err = host.ctl("usage", env={"LANG": "C.UTF-8", "LC_ALL": ""})
    lines = [line.split() for line in out.splitlines()]
    kgent.equal((status, err, lines[0][:2]), (0, "", ["meter", "value"]), "kgentctl usage")
    requests = next(line for line in out.splitlines() if line.startswith("requests"))
    kgent.ok(" 31 " in requests and "\u2588" in requests, f"its value and its course: {requests}")
    status, out, err = host.ctl("usage", "usage-b", "--meter", "requests", "--by", "path,subject",
                                env={"LANG": "C", "LC_ALL": ""})
    kgent.equal([line.split()[:4] for line in out.splitlines()],
                [["path", "subject", "value", "day"], ["world.house.manifest", "usage-b", "1", "@"]],
                "of one tenant, by path")
    status, out, err = host.ctl("usage", "--meter=requests", "--window", "month", "--json")
    kgent.equal([r["value"] for r in json.loads(out)["data"]], [31], "as JSON")
    status, out, err = host.ctl("usage", "--meter=requests", "--window", "hour")
    kgent.ok(status == 0 and out.splitlines()[0].split() == ["window", "value"], "by windows")
    status, out, err = host.ctl("usage", "nobody")
    kgent.ok(status == 0 and "no tenant is called nobody" in err, "a subject that is no tenant")
    status, out, err = host.ctl("usage", "--meter=none")
    kgent.ok(status == 1 and "there is none" in err, "a meter that is none")


HUGE = ["9223372036854775806", "9223372036854775807", "9223372036854775808", "18446744073709551616",
        "-9223372036854775808", "-9223372036854775809", "170141183460469231731687303",
        "-170141183460469231731687303.715884105727", "100000000000000000000.5", "-0.5", "-1000", "999", "0"]


class Huge(http.server.BaseHTTPRequestHandler):
    """A host with sums of over 64 bits."""

    def do_GET(self):
        rows = ",".join('{"value":%s,"windowStart":"2026-11-01T00:00:00Z","subject":"1%s\\""}' % (n, "0" * 20)
                        for n in HUGE)
        body = f'{{"data":[{rows}]}}'.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def grouped(number):
    whole, point, fraction = number.partition(".")
    return ("-0" if whole == "-0" else f"{int(whole):,}") + point + fraction


def huge_shown(host):
    server = http.server.HTTPServer(("127.0.0.1", 0), Huge)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    _, out, _ = host.ctl("--url", url, "usage", "--meter=huge", "--window", "month")
    kgent.equal([line.split("  ")[-1].strip() for line in out.splitlines()[1:]],
                [grouped(n) for n in HUGE], "each number is shown with all its digits")
    _, out, _ = host.ctl("--json", "--url", url, "usage", "--meter=huge", "--window", "month")
    rows = json.loads(out, parse_int=str, parse_float=str)["data"]
    kgent.equal([r["value"] for r in rows], HUGE, "and as JSON")
    kgent.equal({r["subject"] for r in rows}, {"1" + "0" * 20 + '"'}, "and so are texts")
    server.shutdown()


# ---- Many at once --------------------------------------------------------------------------


def many(host, key):
    """Queries never go back while others ask and invoke."""
    results, back = [], []

    def run():
        last = 0
        for _ in range(25):
            invoke(host, key)
            value = query(host, key, "meter=requests&windowSize=MONTH")[-1]["value"]
            if value < last:
                back.append((last, value))
            last = value
            results.append(value)
    before = total(host, key)
    threads = [threading.Thread(target=run) for _ in range(16)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    kgent.equal((len(results), back), (400, []), "400 queries, 16 at a time, none goes back")
    kgent.equal(total(host, key) - before, 400, "and all is counted")


# ---- Kills ------------------------------------------------------------------------------------


def agrees(host, keys, what):
    """Every way to ask gives what the log has."""
    log = logged(host)
    for tenant, key in keys:
        mine = {path: n for (t, path), n in log.items() if t == tenant}
        for window in ("MINUTE", "HOUR", "DAY", "MONTH"):
            rows, got = query(host, key, f"meter=requests&groupBy=path&windowSize={window}"), {}
            for r in rows:
                got[r["groupBy"]["path"]] = got.get(r["groupBy"]["path"], 0) + r["value"]
            if got != mine:
                return kgent.equal(got, mine, f"{what}: {window} is what the log has")
        if total(host, key) != sum(mine.values()):
            return kgent.equal(total(host, key), sum(mine.values()), f"{what}: the sum of all")
    return kgent.ok(True, f"{what}: minutes, hours, days, months and all together are the log")


class Clients:
    """Threads that invoke until they are told to stop, and count what was answered."""

    def __init__(self, host, keys):
        self.host, self.going, self.answered = host, True, 0
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.run, args=(key,)) for _, key in keys * 2]
        for t in self.threads:
            t.start()

    def run(self, key):
        while self.going:
            try:
                answer = invoke(self.host, key, random.choice(["world.house.manifest", "self.vitals.manifest"]))
                with self.lock:
                    self.answered += answer.status == 200
            except (OSError, ValueError, kgent.http.client.HTTPException):
                time.sleep(0.05)

    def more(self, n):
        """Whether so many more were answered."""
        enough = self.answered + n
        return until(lambda: self.answered >= enough)

    def stop(self):
        self.going = False
        for t in self.threads:
            t.join()


def reload(host):
    """Whether another process serves.  The log tells: for a moment both accept, so that who
    is asked now may be the old one, and the new one before it."""
    before = host.logged().count("reloaded: process")
    return (until(lambda: host.post("/admin/v1/reload", None, local=True).status < 400)
            and until(lambda: host.logged().count("reloaded: process") > before))


def handovers(host, keys, commit):
    """Two processes roll up the same log for a while."""
    before = sum(logged(host).values())
    clients, done = Clients(host, keys), 0
    for _ in range(3):
        done += reload(host) and clients.more(100)
    clients.stop()
    kgent.equal(done, 3, f"{commit}: 3 handovers while invoking, and on they go")
    # What an old process answered last is in the log a moment later.
    kgent.ok(until(lambda: sum(logged(host).values()) >= before + clients.answered),
             f"{commit}: {clients.answered} were answered, and are recorded")
    agrees(host, keys, f"{commit}, behind handovers")
    rolled(host)
    agrees(host, keys, f"{commit}, behind handovers and rolled up")


def kills(host, keys, commit):
    before = sum(logged(host).values())
    clients = Clients(host, keys)
    for _ in range(int(os.environ.get("KILLS", "5"))):
        time.sleep(random.uniform(0.5, 2.0))
        host.stop(signal.SIGKILL)
        host.start()
    kgent.ok(clients.more(50), f"{commit}: on they go behind kills")
    clients.stop()
    agrees(host, keys, f"{commit}, behind kills")
    rolled(host)
    agrees(host, keys, f"{commit}, rolled up")
    recorded = sum(logged(host).values()) - before
    kgent.ok(clients.answered <= recorded <= clients.answered + 4 * 6 and clients.answered > 50,
             f"{commit}: {clients.answered} were answered, {recorded} are recorded")


def main(commit):
    with kgent.Host(plugins=["health", AUTH, "agentese", METERING],
                    options=[f"store.commit={commit}"]) as host:
        keys = [tenant_new(host, "usage-a"), tenant_new(host, "usage-b")]
        seen_at_once(host, keys[0][1], commit)
        if commit == "process":
            shapes(host, keys[0][1], keys[0][0])
            official_client(host, keys[0][1])
            isolation(host, *keys)
            shown(host)
            huge_shown(host)
            many(host, keys[1][1])
        kills(host, keys, commit)
        handovers(host, keys, commit)


main("process")
main("power")
kgent.done()
