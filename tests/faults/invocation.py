#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""What an invocation costs the event loop beyond a probe, in user-space instructions by
callgrind: of an aspect of the house, by a key, with limits, usage and a receipt."""
import collections
import glob
import os
import re
import shutil
import socket
import subprocess
import tempfile

import cost
import wire
from cost import kgent

FEW, MANY = 500, 3500
BEYOND_PROBE = 15000  # of an invocation
ONE_EVENT = 1500      # from the event's note to its place in the log
PLUGINS = ["health", 'load = "auth";', "agentese", "metering-openmeter", "billing-stripe"]
BODY = '{"path":"world.house.manifest","observer":{"archetype":"developer"}}'
LIMITS = {"requests_per_minute": 6000000, "requests_per_day": 1000000000}


def probe(_):
    return b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


def invocation(key):
    return (f"POST /v1/agentese/invoke HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: {key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n{BODY}").encode()


def talk(port, data, receipts, times):
    with socket.create_connection(("127.0.0.1", port), timeout=60) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(times):
            s.sendall(data)
            got = s.recv(65536)
            if not got.startswith(b"HTTP/1.1 200") or (b"Kgent-Receipt: " in got) != receipts:
                raise RuntimeError(got)


def loop_counts(folder):
    """Of the thread with the event loop: all instructions, and those of each function with
    all that it calls."""
    for file in glob.glob(os.path.join(folder, "callgrind.*-*")):  # one a thread
        text = subprocess.run(["callgrind_annotate", "--threshold=100", "--show-percs=no",
                               "--inclusive=yes", file], capture_output=True, text=True,
                              check=True).stdout
        if not re.search(r":loop_turn\b", text):
            continue
        counts = collections.Counter()
        for n, name in re.findall(r"^ *([\d,]+) +\S*?:(\w+)\S* \[\S+\]", text, re.M):
            counts[name] = max(counts[name], int(n.replace(",", "")))
        total = re.search(r"^ *([\d,]+) .*PROGRAM TOTALS", text, re.M).group(1)
        return counts + collections.Counter(total=int(total.replace(",", "")))
    raise RuntimeError("no thread has an event loop")


def life(make, times):
    with tempfile.TemporaryDirectory() as folder:
        os.environ["KGENT_WRAPPER"] = ("valgrind -q --tool=callgrind --separate-threads=yes "
                                       "--callgrind-out-file=" + folder + "/callgrind.%p")
        host = wire.FaultHost(PLUGINS, options=["http.threads=1", "http.pipeline_max=1000000",
                                                "log.level=info", "log.format=json",
                                                "store.commit=process"])
        try:
            host.start()
            wanted = {"name": "k", "tier": "ENTERPRISE", "limits": LIMITS}
            key = host.post("/admin/v1/keys", wanted, local=True).json["key"]
            talk(host.port, make(key), make is invocation, times)
            host.stop()
        finally:
            del os.environ["KGENT_WRAPPER"]
            host.process.kill()
        return loop_counts(folder)


def costs(make):
    """Of one request: two lives, so that beginning and end cancel out."""
    few, many = life(make, FEW), life(make, MANY)
    return {name: (n - few[name]) / (MANY - FEW) for name, n in many.items()}


def tests():
    livez, invoke = costs(probe), costs(invocation)
    beyond = invoke["total"] - livez["total"]
    event = (invoke["meter_note"] + invoke["mt_commit"] - livez["mt_commit"]
             - invoke["mt_receipt_number"] - invoke["budget_charged"])
    kgent.note(f"a probe: {livez['total']:.0f} instructions, an invocation: {beyond:.0f} more, "
               f"of which an event of usage: {event:.0f}, its receipt: "
               f"{invoke['mt_receipt_hook'] + invoke['mt_receipt_number']:.0f}")
    kgent.ok(0 < beyond <= BEYOND_PROBE, f"an invocation beyond a probe: at most {BEYOND_PROBE}")
    kgent.ok(0 < event <= ONE_EVENT, f"recording one event of usage: at most {ONE_EVENT}")


if __name__ == "__main__":
    if not shutil.which("valgrind") or not shutil.which("callgrind_annotate"):
        kgent.skip("what an invocation costs", "valgrind is not installed")
    elif not cost.optimized():
        kgent.skip("what an invocation costs", "this build is for debugging")
    else:
        kgent.START_SECONDS = 120  # everything is slow behind callgrind
        kgent.main([tests])
    kgent.done()
