#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""What a key costs: user-space instructions of a request that is authenticated, limited
and reserves of a budget, above those of one that anybody may send, by callgrind."""
import collections
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile

import wire

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "http"))

import kgent  # noqa: E402  (found by the line above)

TIMES = 2000
BOUND = 2500  # of auth.so, in a build with optimization
LIMITS = {"requests_per_minute": 6000000, "requests_per_day": 1000000,
          "tokens_per_month": 1000000, "concurrent": 256}


def optimized():
    """Whether the build can be held to the bound; a debug build checks a lot."""
    with open(os.path.join(kgent.BUILD, "config.log"), encoding="utf-8", errors="replace") as f:
        text = f.read()
    flags = re.search(r"^CFLAGS='(.*)'$", text, re.M).group(1).split()
    enabled = re.search(r"^ +\$ .*--enable-(debug|sanitizer)", text, re.M)
    return "-O0" not in flags and "-O1" not in flags and not enabled


def talk(port, target, key, times):
    head = f"GET {target} HTTP/1.1\r\nHost: x\r\n" + (f"X-API-Key: {key}\r\n" if key else "")
    data = (head + "\r\n").encode()
    with socket.create_connection(("127.0.0.1", port), timeout=60) as s:
        for _ in range(times):
            s.sendall(data)
            got = s.recv(65536)
            if not got.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(got)


def by_object(folder):
    """Instructions by program and library."""
    files = [os.path.join(folder, n) for n in os.listdir(folder)]
    text = subprocess.run(["callgrind_annotate", "--threshold=100", "--show-percs=no", *files],
                          capture_output=True, text=True, check=True).stdout
    counts = collections.Counter()
    for n, name in re.findall(r"^ *([\d,]+) +\S*?:\S+.*?\[(?:\S*/)?(\S+)\]", text, re.M):
        counts[name] += int(n.replace(",", ""))
    return counts


def life(target, times):
    """Instructions of a whole life with so many requests."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["KGENT_WRAPPER"] = ("valgrind -q --tool=callgrind --callgrind-out-file="
                                       + os.path.join(folder, "callgrind.%p"))
        host = wire.FaultHost(["health", 'load = "auth";', "faulty"],
                              options=["log.access=false", "log.level=warn", "http.threads=1"])
        try:
            host.start()
            key = host.post("/admin/v1/keys", {"name": "k", "limits": LIMITS}, local=True).json["key"]
            talk(host.port, target, key if "private" in target else None, times)
            host.stop()
        finally:
            del os.environ["KGENT_WRAPPER"]
            host.process.kill()
        return by_object(folder)


def costs(*targets):
    """Of one request for each target, by object."""
    idle = life("/fault/hello", 1)
    for target in targets:
        counts = life(target, TIMES)
        yield {name: (n - idle[name]) / TIMES for name, n in counts.items()}


def tests():
    public, limited, reserving = costs("/fault/hello", "/fault/private/hello",
                                       "/fault/private/spend")
    for what, cost in (("a key and its limits", limited), ("and a reservation", reserving)):
        more = {name: cost.get(name, 0) - public.get(name, 0) for name in cost}
        kgent.note(f"{what}: {more['auth.so']:.0f} instructions in auth.so, {more['kgentd']:.0f} "
                   f"more in the host; a public request: {sum(public.values()):.0f} in all")
    spent = reserving["auth.so"] - public["auth.so"]
    kgent.ok(0 < spent <= BOUND, f"authentication, limits and a reservation: at most {BOUND}")


if __name__ == "__main__":
    if not shutil.which("valgrind") or not shutil.which("callgrind_annotate"):
        kgent.skip("what a key costs", "valgrind is not installed")
    elif not optimized():
        kgent.skip("what a key costs", "this build is for debugging")
    else:
        kgent.main([tests])
    kgent.done()
