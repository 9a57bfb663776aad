#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Rollups that are damaged, and made anew from the log by kgentctl meter rebuild, while the
host serves and is killed; what the log has no longer stays, and it says so.  And verify
knows meters of conf.d."""
import json
import os
import re
import signal
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../http"))
import kgent
from damage import METERING, invoke, rolled, tenant_new, verify
from damage_tools import USAGE, batch_change, bucket, fetch, sql

AUTH = 'load = "auth"; dev_keys = true; enforce = "shadow";'
PLUGINS = ["health", AUTH, "agentese", METERING % ""]
DAY = 86400
STATE = f"SELECT value FROM entry WHERE bucket = {bucket('usage.meters')} AND key = CAST ('state' AS BLOB)"
ROWS = f"FROM entry WHERE bucket = {bucket('usage.rollups')} AND value IS NOT NULL"


def findings(host):
    code, result, error = verify(host.state, host.config)
    return [f for f in result["findings"] if f["check"] == "rollup"] if code in (0, 1) else [error]


def asked(host, key, params):
    answer = host.get("/v1/usage?" + params, {"X-API-Key": key})
    return answer.json["data"][0]["value"] if answer.status == 200 else answer.json["detail"]


def damage(state, like, value):
    sql(state, (f"UPDATE entry SET value = CAST (? AS BLOB) WHERE bucket = {bucket('usage.rollups')}"
                " AND CAST (key AS TEXT) LIKE ?", value, like))


def cured(host, key):
    for n in range(40):
        invoke(host, key)
    rolled(host)
    host.stop()
    damage(host.state, "hour/requests.%", '{"subject":"x')
    damage(host.state, "day/tokens.%", '{"subject":"acme","group":["p","m"],"count":1,"sum":"5"}')
    sql(host.state, (f"DELETE {ROWS} AND CAST (key AS TEXT) LIKE 'month/paths.%'",))
    host.start()
    found = findings(host)
    kgent.ok(found and all("kgentctl meter rebuild" in f["cure"] for f in found),
             f"verify finds damaged rollups, and names the cure: {len(found)}")
    kgent.contains(str(asked(host, key, "meter=requests&windowSize=HOUR")), "kgentctl meter rebuild",
                   "as does a query")
    status, out, err = host.ctl("meter", "rebuild")
    kgent.equal((status, err), (0, ""), "kgentctl meter rebuild")
    kgent.equal(out.split()[:2] + [line.split()[1] for line in out.splitlines()[1:]],
                ["meter", "state"] + ["done"] * 6, "which tells of each meter")
    rolled(host)
    kgent.equal(findings(host), [], "verify finds nothing any more")
    kgent.equal([asked(host, key, f"meter=requests&windowSize={w}") for w in ("HOUR", "DAY", "MONTH")],
                [40, 40, 40], "and queries say what the log has")
    status, out, err = host.ctl("meter", "rebuild", "none")
    kgent.ok(status == 1 and "meters" in err, f"a meter that is none: {err.strip()}")


def rebuilds(host, told, wrong):
    """Each is killed or handed over; behind that somebody is answered."""
    for n in range(int(os.environ.get("KGENT_REBUILDS", "6"))):
        status = host.post("/admin/v1/meter/rebuild", {}, local=True).status
        if status != 202:
            wrong.append(status)
        time.sleep(0.05 * (n % 5))
        if n % 3 == 2:
            host.post("/admin/v1/reload", None, local=True)
        else:
            host.stop(signal.SIGKILL)
            host.start()
        before = told[0]
        if not kgent.until(lambda n=before: told[0] > n):
            wrong.append("no answer any more")


def under_load(host, key):
    """Killed and handed over again and again in the middle of it: nobody gets a wrong number."""
    stop, wrong, told = threading.Event(), [], [0]

    def ask():
        last = 0
        while not stop.is_set():
            try:
                got = asked(host, key, "meter=requests&windowSize=MONTH")
            except (OSError, ValueError, kgent.http.client.HTTPException):
                continue
            if isinstance(got, str):
                if "made anew" not in got:
                    wrong.append(got)
                continue
            told[0] += 1
            if got < last:
                wrong.append((last, got))
            last = got

    def load():
        while not stop.is_set():
            try:
                invoke(host, key)
            except (OSError, ValueError, kgent.http.client.HTTPException):
                time.sleep(0.02)

    threads = [threading.Thread(target=f) for f in (ask, load, load)]
    for t in threads:
        t.start()
    rebuilds(host, told, wrong)
    stop.set()
    for t in threads:
        t.join()
    kgent.equal(wrong[:3], [], f"{told[0]} answers meanwhile, none of them wrong")
    kgent.ok(kgent.until(lambda: b"rebuild" not in fetch(host.state, STATE)[0][0], 60), "all is made anew")
    rolled(host)
    kgent.equal(findings(host), [], "and verify finds nothing behind it")


def no_longer_kept(host, key):
    """The first records are gone: what they counted stays, also when it is wrong."""
    host.stop()
    now = time.time()
    places = [p for (p,) in fetch(host.state, f"SELECT place FROM batch WHERE place >> 48 = {USAGE} ORDER BY place")]
    for i, place in enumerate(places):
        when = int((now - (6 if i < len(places) // 2 else 0) * DAY) * 1e9)

        def moved(records, when=when):
            for r in records:
                record = json.loads(r[2])
                record["time"] = when
                r[0], r[2] = when, json.dumps(record, separators=(",", ":")).encode()
        batch_change(host.state, moved, str(place))
    sql(host.state, (f"DELETE FROM entry WHERE bucket IN ({bucket('usage.rollups')}, {bucket('usage.meters')})",))
    host.start()
    rolled(host)
    old = time.strftime("%Y%m%d", time.gmtime(now - 6 * DAY))
    new = time.strftime("%Y%m%d", time.gmtime(now))
    host.stop()
    sql(host.state, ("DELETE FROM batch WHERE place = ?", places[0]))
    for day in (old, new):
        (key_, value), = fetch(host.state, f"SELECT key, value {ROWS} AND CAST (key AS TEXT) LIKE 'day/mean.%/{day}/%'")
        row = json.loads(value)
        row["sum"] = "1"
        damage(host.state, key_.decode(), json.dumps(row, separators=(",", ":")))
    host.start()
    status, out, err = host.ctl("meter", "rebuild", "mean")
    kgent.ok(status == 0 and "stay as they were" in err and "not all kept" in err,
             f"it says what cannot be made anew: {err.strip()} {out}")
    rolled(host)
    sums = {day: json.loads(fetch(host.state, f"SELECT value {ROWS} AND CAST (key AS TEXT) LIKE"
                                  f" 'day/mean.%/{day}/%'")[0][0])["sum"] for day in (old, new)}
    kgent.ok(sums[old] == "1" and sums[new] != "1", f"the old window stays, the new one is right: {sums}")
    given_up(host, key, old)


def given_up(host, key, day):
    """A row that cannot be read, and that the log cannot make anew: verify says what is left to do."""
    host.stop()
    like = f"day/requests.%/{day}/%"
    rows = fetch(host.state, f"SELECT key {ROWS} AND CAST (key AS TEXT) LIKE ?", like)
    damage(host.state, like, '{"subject')
    host.start()
    params = f"meter=requests&windowSize=DAY&from={day[:4]}-{day[4:6]}-{day[6:]}T00:00:00Z"
    kgent.contains(str(asked(host, key, params)), "kgentctl verify", "a query that needs such a row says so")
    status, _, err = host.ctl("meter", "rebuild", "requests")
    kgent.equal((status, "stay as they were" in err), (0, True), "rebuild leaves it")
    found = findings(host)
    kgent.equal((len(found), {f["what"] for f in found}), (len(rows), {"it is no JSON"}), "and verify finds it")
    cures = [f["cure"] for f in found]
    kgent.ok(all("leaves it as it is" in c and "is lost" in c for c in cures), f"it says why: {cures[:1]}")
    host.stop()
    for cure in cures:
        sql(host.state, (re.search(r'sqlite3 kgent.db "(.*)"$', cure)[1],))
    host.start()
    kgent.equal(findings(host), [], "and how it is given up")
    kgent.ok(isinstance(asked(host, key, params), (int, float)), "behind which queries are answered")


def conf_d(host):
    """The host's meters are known to verify wherever they were configured."""
    with tempfile.TemporaryDirectory() as folder:
        with open(host.config, encoding="utf-8") as f:
            text = f.read()
        at = text.index("plugins = ")
        os.mkdir(os.path.join(folder, "conf.d"))
        for name, part in (("k.conf", text[:at]), ("conf.d/10-plugins.conf", text[at:]), ("conf.d/.x.conf", "="),
                           ("conf.d/note.txt", "=")):
            with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
                f.write(part)
        code, result, error = verify(host.state, os.path.join(folder, "k.conf"))
        kgent.ok(code == 0 and not any("--config" in n for n in result["notes"]),
                 f"meters of conf.d are known: {error}{result and result['notes']}")
        with open(os.path.join(folder, "conf.d", "20-bad.conf"), "w", encoding="utf-8") as f:
            f.write("=")
        code, result, error = verify(host.state, os.path.join(folder, "k.conf"))
        kgent.ok(code == 2 and "20-bad.conf:1" in error, f"and a bad file is named: {error.strip()}")


def main():
    with kgent.Host(plugins=PLUGINS) as host:
        key = tenant_new(host, "acme")
        cured(host, key)
        conf_d(host)
        under_load(host, key)
        no_longer_kept(host, key)


if __name__ == "__main__":
    main()
    kgent.done()
