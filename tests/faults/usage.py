# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Handovers under metered load, then a SIGTERM and a start: each invocation that was
answered with 200 is recorded once, whoever served it, and their receipts have all
numbers from 1 on.  KGENT_RELOADS: how many (6)."""
import http.client
import json
import os
import re
import signal
import threading

from daemon import WAIT, Daemon, Tap, until

RELOADS = int(os.environ.get("KGENT_RELOADS", "6"))
CLIENTS = 4


class Invoker(threading.Thread):
    """A keep-alive client that invokes all the time, and counts what was answered."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.stopping, self.answered, self.failures = port, False, 0, []
        self.receipts = []

    def run(self):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT)
        headers = {"X-API-Key": "kg_dev_carol", "Content-Type": "application/json"}
        while not self.stopping:
            try:
                c.request("POST", "/v1/agentese/invoke", '{"path":"world.house.manifest"}', headers)
                r = c.getresponse()
                text = r.read()
                if r.status == 200:
                    self.answered += 1
                    self.receipts.append(r.headers["Kgent-Receipt"])
                else:
                    self.failures.append(f"{r.status} {text[:200]}")
            except (OSError, http.client.HTTPException) as e:
                self.failures.append(f"{type(e).__name__}: {e}")
                c.close()
            if len(self.failures) > 20:
                return


def recorded(d):
    """The ids of all recorded events, over all pages."""
    ids, after = [], 0
    while True:
        status, text = d.request("GET", f"/admin/v1/usage/events?limit=1000&after={after}")
        if status != 200:
            raise RuntimeError(text)
        page = json.loads(text)
        if not page["events"]:
            return ids
        ids += [e["id"] for e in page["events"]]
        after = page["next"]


def run(tap, commit):
    extra = f'store = {{ commit = "{commit}"; }};'
    with Daemon(timeout=5) as d:
        os.mkdir(os.path.join(d.dir, "conf.d"))
        with open(os.path.join(d.dir, "conf.d", "10.conf"), "w", encoding="utf-8") as f:
            f.write(extra + 'plugins = ( { load = "auth"; dev_keys = true; enforce = "shadow"; }, '
                            '{ load = "agentese"; }, '
                            '{ load = "metering-openmeter"; } );')
        d.start()
        clients = [Invoker(d.port) for _ in range(CLIENTS)]
        for c in clients:
            c.start()
        for _ in range(RELOADS):
            before = sum(c.answered for c in clients)
            until(lambda: sum(c.answered for c in clients) > before + 50)
            d.signal(signal.SIGHUP)
            tap.ok(d.wait_told("READY=1"), f"{commit}: handed over", d.log())
        for c in clients:
            c.stopping = True
        for c in clients:
            c.join(WAIT)
        answered = sum(c.answered for c in clients)
        failures = [f for c in clients for f in c.failures]
        tap.equal(failures[:5], [], f"{commit}: {answered} invocations, none failed")
        receipts = [r for c in clients for r in c.receipts]
        seqs = sorted(int(re.search("; seq=([0-9]+);", r).group(1)) for r in receipts)
        tap.equal(seqs, list(range(1, answered + 1)), f"{commit}: receipts of all numbers")
        tap.equal(d.stop(), 0, f"{commit}: exit 0")
        d.start()
        ids = recorded(d)
        tap.equal((len(ids), len(set(ids))), (answered, answered),
                  f"{commit}: each one is recorded once")
        tap.equal(sorted(re.match('id="([^"]+)"', r).group(1) for r in receipts), sorted(ids),
                  f"{commit}: under the id of its receipt")
        for receipt in receipts[::len(receipts) // 10]:
            body = json.dumps({"receipt": receipt})
            status, text = d.request("POST", "/admin/v1/receipts/verify", body)
            tap.ok('"verdict":"good"' in text, f"{commit}: good", f"{status} {text}")
        tap.equal(d.stop(), 0, f"{commit}: exit 0 again")


with Tap() as tap:
    run(tap, "process")
    run(tap, "power")
