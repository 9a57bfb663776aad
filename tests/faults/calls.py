# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Requests without a connection (kg.calls/1) in the real program: a plugin's timer invokes
agents in somebody's name, under limits, through a SIGKILL, a drain and a handover."""
import collections
import json
import os
import random
import shutil
import signal
import tempfile
import threading

from wire import FaultHost, kgent, until

CALLER = os.path.join(kgent.BUILD, "tests", "faults", "caller.so")
CAROL, ALICE = {"X-API-Key": "kg_dev_carol"}, {"X-API-Key": "kg_dev_alice"}


class Host(FaultHost):
    def __init__(self, commit="power", options=(), tiers='tiers = ( { name = "ENTERPRISE"; } );'):
        self.notebook = tempfile.TemporaryDirectory(prefix="kgent-caller-")
        self.file = os.path.join(self.notebook.name, "notes")
        super().__init__(["health", f'load = "caller"; file = "{self.file}";',
                          f'load = "auth"; dev_keys = true; {tiers}', "agentese",
                          "metering-openmeter"],
                         options=[f"store.commit={commit}", "http.threads=2", *options])
        shutil.copy(CALLER, os.path.join(self.folder.name, "plugins"))

    def __exit__(self, *args):
        super().__exit__(*args)
        self.notebook.cleanup()

    def run(self, query, who=None):
        answer = self.post(f"/caller/run?{query}", "", headers=who or CAROL)
        kgent.equal(answer.status, 202, f"begun: {query}")

    def counts(self):
        return self.get("/caller/counts").json

    def told(self, n, seconds=30.0):
        return until(lambda: self.counts()["told"] >= n, seconds) is not None

    def notes(self):
        """Of each job: how often it was asked and taken, and what was told of it."""
        asked, told = collections.Counter(), collections.defaultdict(list)
        with open(self.file, encoding="utf-8") as f:
            for line in f:
                what, job, *rest = line.split()
                if what == "T":
                    told[int(job)].append(tuple(map(int, rest)))
                else:
                    asked[int(job)] += 1 if what == "A" else -1
        return {j for j, n in asked.items() if n}, told

    def inner_lines(self):
        lines = self.logged().splitlines(keepends=True)
        return [json.loads(t) for t in lines if '"listener":"inner"' in t and t.endswith("\n")]

    def recorded(self):
        """How often each job is in the usage records."""
        paths = [e["data"].get("path", "") for e in self.events()]
        return collections.Counter(int(p[9:p.index(".", 9)]) for p in paths
                                   if p.startswith("world.job"))


def invokes():
    """300 requests in carol's name: answered, metered, logged, counted."""
    with Host() as host:
        host.run("n=300")
        kgent.ok(host.told(300), "all are told")
        counts = host.counts()
        kgent.equal((counts["good"], counts["told"], counts["refused"]), (300, 300, 0), "each with 200, once")
        kgent.equal(host.recorded(), collections.Counter(range(300)), "each is recorded once")
        counted = 'kgent_inner_requests_total{endpoint="/v1/agentese/invoke",status="200"} 300\n'
        kgent.ok(until(lambda: counted in host.get("/metrics", admin=True).text),
                 "they have a metric of their own")
        metrics = host.get("/metrics", admin=True).text
        kgent.contains(metrics, 'kgent_inner_request_latency_seconds_count{endpoint="/v1/agentese/invoke"} 300\n',
                       "and a latency")
        kgent.ok('kgents_api_requests_total{method="POST",endpoint="/v1/agentese/invoke"' not in metrics,
                 "clients' requests are not mixed with them")
        kgent.ok(until(lambda: len(host.inner_lines()) == 300), "each has a line in the log")
        line = next(entry for entry in host.inner_lines() if entry["request_id"] == "job-7")
        kgent.equal((line["status"], line["route"], line["client"], bool(line["key_id"]), bool(line["tenant"])),
                    (200, "/v1/agentese/invoke", "inner", True, True), "which says what it was, and for whom")


def limits():
    """alice has 60 a minute and 4 at once: what is beyond is told so."""
    with Host(tiers="") as host:
        host.run("n=80", ALICE)
        kgent.ok(host.told(80), "all are told")
        statuses = collections.Counter(t[0] for told in host.notes()[1].values() for t in told)
        kgent.ok(set(statuses) == {200, 429} and statuses[429] >= 20, "some with 429")
        kgent.equal(sum(host.recorded().values()), statuses[200], "what is refused is not recorded")
        answers = [host.get("/v1/agentese/paths", headers=ALICE).status for _ in range(61)]
        kgent.ok(429 in answers, "her own requests are limited by the same count")


def killed(commit):
    """A SIGKILL at any moment: what was told is recorded, nothing twice."""
    with Host(commit) as host:
        first = 0
        for _ in range(3):
            host.run(f"from={first}&n=5000")
            enough = random.randrange(20, 800)
            kgent.ok(host.told(enough), f"{commit}: {enough} are told")
            host.process.kill()
            host.process.wait()
            host.start()
            first += 5000
        asked, told = host.notes()
        recorded = host.recorded()
        kgent.ok(all(t == [(200, 0)] for t in told.values()), f"{commit}: {len(told)} were told, once")
        kgent.ok(set(told) <= set(recorded), f"{commit}: all of them are recorded")
        kgent.ok(set(recorded) <= asked, f"{commit}: nothing else is")
        kgent.equal(max(recorded.values()), 1, f"{commit}: nothing twice")


def keyed(commit):
    """All of them again behind a SIGKILL, with the same keys: each is recorded once."""
    count = 400
    with Host(commit) as host:
        host.run(f"n={count}&keyed=1")
        enough = random.randrange(20, 300)
        kgent.ok(host.told(enough), f"{commit}: {enough} are told")
        host.process.kill()
        host.process.wait()
        host.start()
        for _ in range(2):
            before = host.counts()["told"]
            host.run(f"n={count}&keyed=1")
            kgent.ok(host.told(before + count), f"{commit}: all are told once more")
        kgent.equal(host.recorded(), collections.Counter(range(count)), f"{commit}: recorded once")
        kgent.contains(host.get("/metrics", admin=True).text,
                       'kgent_idempotency_keys_total{outcome="replayed"} ', f"{commit}: replays")


def drains():
    """SIGTERM: what is under way is finished, and may ask for more."""
    with Host(options=["drain.grace=1"]) as host:
        answers = []
        host.run("n=60&nap=2500")
        kgent.ok(until(lambda: host.counts()["taken"] == 60), "60 are under way")
        client = threading.Thread(target=lambda: answers.append(
            host.get("/caller/chain?ms=2000", headers=CAROL)))
        client.start()
        host.process.send_signal(signal.SIGTERM)
        kgent.ok(until(lambda: host.get("/readyz").status == 503), "it drains")
        host.run("n=1&from=100&background=1")
        kgent.ok(until(lambda: host.counts()["refused"] == 1), "background work is for the next process")
        kgent.equal(host.process.wait(30), 0, "it ends with 0")
        client.join()
        told = host.notes()[1]
        kgent.equal([told.get(i) for i in range(60)], [[(200, 0)]] * 60, "all were finished")
        kgent.equal((answers[0].status, "world.chain.manifest" in answers[0].text), (200, True),
                    "so was a client's, whose inner request came late")


def ends():
    """drain.timeout is over: whoever waits is told."""
    with Host(options=["drain.timeout=0.5"]) as host:
        host.run("n=10&nap=20000")
        kgent.ok(until(lambda: host.counts()["taken"] == 10), "10 are under way")
        kgent.equal(host.stop(), 0, "it ends with 0")
        told = host.notes()[1]
        kgent.equal([told.get(i) for i in range(10)], [[(0, -108)]] * 10, "each is told -ESHUTDOWN, once")


def hands_over():
    """SIGHUP while the timer asks: all that were taken are told and recorded."""
    with Host() as host:
        host.run("n=3000")
        kgent.ok(host.told(100), "it asks")
        host.process.send_signal(signal.SIGHUP)
        kgent.ok(until(lambda: "handed over" in host.logged(), 30), "handed over")
        kgent.ok(until(lambda: set(host.notes()[1]) == host.notes()[0]), "each that was taken was told")
        asked, told = host.notes()
        statuses = collections.Counter(t for all_of in told.values() for t in all_of)
        kgent.equal(statuses, collections.Counter({(200, 0): len(asked)}), f"{len(asked)} with 200, once")
        kgent.ok(until(lambda: host.recorded() == collections.Counter(asked)), "and recorded, once")


kgent.main([invokes, limits, lambda: killed("power"), lambda: killed("process"), lambda: keyed("power"),
            lambda: keyed("process"), drains, ends, hands_over])
