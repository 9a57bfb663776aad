#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Times of invocations, and of GET /livez beside them, at a part of what the host can do.

The host has one processor, the clients the other.  First wrk says how much 64 clients get;
then requests come at random moments, 70 % as many, and their times count from these moments
(pace.c).  What the host's threads waited for the processor, though they could have run, is
the machine's part of it, and is told besides: on a busy machine it is most of the 99 %.

    make tests/bench/pace && KGENT_BUILD=$PWD .../tests/bench/pace.py [SECONDS [PART]]

`chrt -f 5` before it gives both a processor of their own on a machine that others use; the
kernel then stops them 50 ms in each second in which they take more than 95 % of it."""
import glob
import os
import subprocess
import sys

import measure
import servers

SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 10
PART = float(sys.argv[2]) if len(sys.argv) > 2 else 0.7
CLIENTS = 64


def waited(server):
    """Of each thread: nanoseconds on the processor, and waiting for it."""
    result = {}
    for path in glob.glob(f"/proc/{server.pid}/task/*"):
        try:
            with open(path + "/comm") as name, open(path + "/schedstat") as f:
                ran, wait, turns = map(int, f.read().split())
                result[path] = (name.read().strip(), ran, wait, turns)
        except OSError:
            pass
    return result


def pace(server, case, key, rate):
    before = waited(server)
    run = subprocess.run([os.path.join(servers.BUILD, "tests/bench/pace"), str(server.port), str(rate),
                          str(SECONDS), str(CLIENTS)], input=measure.request_bytes(case, key),
                         stdout=subprocess.PIPE, check=True, preexec_fn=servers.on_cpu(servers.CLIENT_CPU))
    after = waited(server)
    threads = sorted(((a[1] - before[p][1], a[2] - before[p][2], a[0]) for p, a in after.items() if p in before),
                     reverse=True)[:3]
    print(f"  {case.name:7} {rate:7.0f}/s: {run.stdout.decode().strip()}")
    print("          " + ", ".join(f"{name}: ran {ran / SECONDS / 1e7:.0f} %, waited to run {wait / SECONDS / 1e7:.1f} %"
                                   for ran, wait, name in threads))


def main():
    state, key, _ = servers.state_prepare()
    host = servers.Kgentd("pace", state=state).start()
    try:
        most = max(measure.wrk(host, measure.INVOKE, key, CLIENTS, 1)["rate"] for _ in range(2))
        print(f"{CLIENTS} clients get {most:.0f} invocations a second; load average {os.getloadavg()[0]:.1f}")
        for _ in range(3):  # what wrk left to be written is in the first round's times
            pace(host, measure.INVOKE, key, most * PART)
            pace(host, measure.LIVEZ, key, most * PART)
    finally:
        host.stop()


main()
