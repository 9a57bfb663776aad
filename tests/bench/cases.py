# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""What is measured, in which order: contenders take turns in every round, so that
a machine that grows slower does so for all of them."""
import statistics
import sys

import measure
import servers
from measure import INVOKE, LIVEZ

CROWDS = (128, 256, 384)
COLLAPSE = (64, 128, 256, 512, 1024)
CONTENDERS = {"livez": ("epoll", "nginx", "kgentd", "kgentd-quiet"),
              "invoke": ("epoll-job", "nginx-lua", "kgentd", "kgentd-quiet", "kgentd-power")}


class Results:
    """runs[case, contender, clients] is a list, one dict a round."""

    def __init__(self):
        self.runs, self.fsync, self.single, self.functions = {}, [], {}, {}
        self.events_per_fsync, self.commit_seconds = {}, {}

    def add(self, case, who, clients, run):
        self.runs.setdefault((case, who, clients), []).append(run)

    def median(self, case, who, clients, what):
        runs = self.runs.get((case, who, clients))
        return statistics.median(r[what] for r in runs) if runs else None

    def ratio(self, what, a, b):
        """Of two (case, contender, clients): the median of the rounds' ratios."""
        if a not in self.runs or b not in self.runs:
            return None
        return statistics.median(x[what] / y[what] for x, y in zip(self.runs[a], self.runs[b]))


def say(*words):
    print("bench:", *words, file=sys.stderr, flush=True)


def start_all(state, keys):
    """Every contender, by name."""
    return {s.name: s.start() for s in (
        servers.epoll("epoll"), servers.epoll("epoll-job", keys),
        servers.Nginx("nginx", "nginx.conf"),
        servers.Nginx("nginx-lua", "nginx-lua.conf", keys),
        servers.Kgentd("kgentd", state=state),
        servers.Kgentd("kgentd-quiet", access=False, state=state),
        servers.Kgentd("kgentd-power", commit="power", state=state))}


def run_metered(results, server, key, clients, seconds):
    """A run with the store's counters around it."""
    before = server.metrics()
    run = measure.wrk(server, INVOKE, key, clients, seconds)
    after = server.metrics()
    fsyncs = (after["kgent_store_fsync_seconds_count"]
              - before["kgent_store_fsync_seconds_count"])
    took = (after["kgent_store_fsync_seconds_sum"] - before["kgent_store_fsync_seconds_sum"])
    if fsyncs:
        results.events_per_fsync.setdefault((server.name, clients), []).append(
            run["requests"] / fsyncs)
        results.commit_seconds.setdefault((server.name, clients), []).append(took / fsyncs)
    return run


def throughput(results, running, key, clients, rounds, seconds):
    for number in range(rounds):
        for c in clients:
            say(f"round {number + 1} of {rounds}, c = {c}")
            results.fsync.append(measure.fsync_seconds(servers.HERE, 50))
            for case in (LIVEZ, INVOKE):
                for who in CONTENDERS[case.name]:
                    server = running[who]
                    if case is INVOKE and isinstance(server, servers.Kgentd):
                        run = run_metered(results, server, key, c, seconds)
                    else:
                        run = measure.wrk(server, case, key, c, seconds)
                    results.add(case.name, who, c, run)


def collapse(results, running, key, rounds, seconds):
    """Many clients: kgentd against itself."""
    for number in range(rounds):
        say(f"many clients, round {number + 1} of {rounds}")
        for case in (LIVEZ, INVOKE):
            for c in COLLAPSE:
                results.add(case.name + "-many", "kgentd", c,
                            measure.wrk(running["kgentd"], case, key, c, seconds))


def crowds(results, running, key):
    for n in CROWDS:
        for who in ("kgentd", "kgentd-power"):
            results.single[who, "crowd", n] = measure.crowd(running[who], INVOKE, key, n)


def resident(results, running):
    for who, server in running.items():
        results.single[who, "rss"] = server.rss()


def host_alone(results, state, idle):
    """Cold start, idle memory, idle connections: of a host of its own."""
    say("start-up and idleness")
    server = servers.Kgentd("kgentd-idle", state=state)
    results.single["cold"] = statistics.median(measure.cold_start(server) for _ in range(5))
    server.start()
    results.single["idle"] = server.rss()
    results.single["idle-connections"] = measure.idle_rss(server, idle), idle
    server.stop()


def instructions(results, state, key, keys, peers):
    """Per request, by callgrind; of the peers, too, when wanted."""
    def host(wrapper):
        return servers.Kgentd("kgentd-callgrind", state=state, wrapper=wrapper)

    jobs = [("livez", "kgentd", LIVEZ, host), ("invoke", "kgentd", INVOKE, host)]
    if peers:
        jobs += [
            ("livez", "epoll", LIVEZ, lambda w: servers.epoll("epoll-callgrind", wrapper=w)),
            ("livez", "nginx", LIVEZ, lambda w: servers.Nginx(
                "nginx-callgrind", "nginx.conf", wrapper=w, alone=True)),
            ("invoke", "epoll-job", INVOKE,
             lambda w: servers.epoll("epoll-callgrind", keys, wrapper=w)),
            ("invoke", "nginx-lua", INVOKE, lambda w: servers.Nginx(
                "nginx-callgrind", "nginx-lua.conf", keys, wrapper=w, alone=True))]
    for name, who, case, make in jobs:
        say(f"instructions of {name} by {who}")
        total, loop, by = measure.instructions(make, case, key)
        results.single[who, "instructions", name] = total
        results.single[who, "loop", name] = loop
        results.functions[name, who] = by
