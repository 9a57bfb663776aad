#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Measures kgentd and its peers in one session, taking turns.

Servers run on one processor, wrk on another.  Prints every ratio against its bar
and writes table.md and plot.svg to build/bench.  It is a report: misses do not
make it fail, but for --check, which counts instructions only and is repeatable.
"""
import argparse
import os
import subprocess
import sys

import cases
import report
import servers

NOTE = """\
One server core, wrk on the other; contenders take turns, medians of {rounds} rounds of {seconds} s.
Load average before: {load:.1f}.  kgentd: one event loop, access log to a file (-quiet: none), usage
recorded durably, {keys:,} keys; commit = "process", -power: "power".  nginx: one worker, access_log
off.  epoll-job and nginx-lua keep no durable record."""


def arguments():
    p = argparse.ArgumentParser(description=__doc__, prog="./dev bench",
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--quick", action="store_true", help="c = 64 only, two short rounds")
    p.add_argument("--full", action="store_true", help="seven longer rounds; peers' instructions")
    p.add_argument("--check", action="store_true",
                   help="count kgentd's instructions only; fail when a bar is missed")
    p.add_argument("--no-callgrind", action="store_true", help="do not count instructions")
    p.add_argument("--rounds", type=int)
    p.add_argument("--seconds", type=int)
    p.add_argument("--clients", help="comma-separated [1,64,256]")
    p.add_argument("--idle", type=int, default=10000, help="idle connections [10000]")
    a = p.parse_args()
    a.rounds = a.rounds or (2 if a.quick else 7 if a.full else 3)
    a.seconds = a.seconds or (1 if a.quick else 5 if a.full else 2)
    a.clients = [int(c) for c in (a.clients or ("64" if a.quick else "1,64,256")).split(",")]
    return a


def measure_all(a, results, state, key, keys):
    if not a.no_callgrind:
        cases.instructions(results, state, key, keys, a.full)
    if a.check:
        return
    cases.host_alone(results, state, a.idle)
    running = {}
    try:
        running = cases.start_all(state, keys)
        cases.throughput(results, running, key, a.clients, a.rounds, a.seconds)
        cases.crowds(results, running, key)
        if not a.quick:
            cases.collapse(results, running, key, a.rounds, a.seconds)
        cases.resident(results, running)
    finally:
        for server in running.values():
            server.stop()


def main():
    a = arguments()
    subprocess.run(["make", "-s", "-C", servers.BUILD, "tests/bench/epoll"], check=True,
                   stdout=sys.stderr)
    servers.limits_raise()
    os.makedirs(servers.HERE, exist_ok=True)
    note = NOTE.format(rounds=a.rounds, seconds=a.seconds, load=os.getloadavg()[0],
                       keys=servers.KEYS).split("\n")
    results = cases.Results()
    measure_all(a, results, *servers.state_prepare())
    print(report.write(results, a.clients, note))
    if a.check and not all(bar.good for bar in report.bars(results)):
        sys.exit(1)


if __name__ == "__main__":
    main()
