#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""What events of others cost: batches over kept connections, each answered when it is
durable.  ./ingest.py [EVENTS] [BATCH] [CONNECTIONS] prints events per second, and what
of a processor the host took for each, with the rollup and without a sink.

KNOWN=n first sends n events more, so that there are that many marks.  IDS=random sends
random UUIDs instead of numbers in their order.  IDS=both sends one run of each to two
hosts, and ends with 1 when an id at random costs more than RATIO (2) times one in order.  STATE=DIR: on that state folder."""
import os
import random
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "http"))
import kgent  # noqa: E402 (it lies elsewhere)

AUTH = 'load = "auth"; dev_keys = true; enforce = "shadow";'
LIMITS = {"requests_per_minute": 100000000, "requests_per_day": 0, "tokens_per_month": 0}
TICKS = os.sysconf("SC_CLK_TCK")


def cpu(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def name(number, ids):
    h = f"{random.getrandbits(128) if ids == 'random' else 0x0194b2c76d1e7f3a << 64 | number:032x}"
    return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"


def body(first, batch, ids):
    events = ('{"specversion":"1.0","id":"%s","source":"/gateway/eu-1",'
              '"type":"agentese.invoke","time":"%s","subject":"%s","data":{"path":'
              '"world.house.manifest","aspect":"manifest","tokens_used":%d}}'
              % (name(first + i, ids), NOW, TENANT, i) for i in range(batch))
    return ("[" + ",".join(events) + "]").encode()


def request(port, key, data):
    return (f"POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX-API-Key: {key}\r\n"
            "Content-Type: application/cloudevents-batch+json\r\n"
            f"Content-Length: {len(data)}\r\n\r\n").encode() + data


def run(port, requests):
    with socket.create_connection(("127.0.0.1", port)) as s:
        for r in requests:
            s.sendall(r)
            answer = b""
            while not answer.endswith(b"\r\n\r\n"):
                part = s.recv(65536)
                if not part:
                    break
                answer += part
            if not answer.startswith(b"HTTP/1.1 204"):
                raise RuntimeError(answer.decode())


def send(host, key, first, events, batch, connections, ids):
    """Seconds by the clock, and of a processor."""
    each = events // batch // connections
    prepared = [[request(host.port, key, body(first + (c * each + n) * batch, batch, ids))
                 for n in range(each)] for c in range(connections)]
    threads = [threading.Thread(target=run, args=(host.port, p)) for p in prepared]
    before, start = cpu(host.process.pid), time.monotonic()
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return each * batch * connections, time.monotonic() - start, cpu(host.process.pid) - before


def measure(ids, events, batch, connections):
    """Microseconds of a processor for each event."""
    global NOW, TENANT
    with kgent.Host(plugins=["health", AUTH, 'load = "metering-openmeter";'],
                    options=("log.level=info",), state=os.environ.get("STATE")) as host:
        TENANT = host.post("/admin/v1/tenants", {"name": "b", "slug": "b"}, local=True).json["id"]
        key = host.post("/admin/v1/keys", {"name": "b", "tenant": TENANT, "limits": LIMITS,
                                           "scopes": ["meter:write"]}, local=True).json["key"]
        NOW = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        known, first = int(os.environ.get("KNOWN", "0")), 1 << 44
        while known > 0:
            n, _, _ = send(host, key, first, min(known, events), batch, connections, ids)
            known -= n
            first += n
        n, wall, used = send(host, key, 0, events, batch, connections, ids)
        print(f"# {n} events with ids {ids}, in batches of {batch}, {connections} connections: "
              f"{n / wall:.0f} events/s, {used / n * 1e6:.2f} us of a processor for each: "
              f"{n / used:.0f} events/s and core", flush=True)
        return used / n


def main(events=200000, batch=100, connections=16):
    ids = os.environ.get("IDS", "ordered")
    cost = [measure(one, events, batch, connections)
            for one in (("ordered", "random") if ids == "both" else (ids,))]
    return cost[-1] > cost[0] * float(os.environ.get("RATIO", "2"))


if __name__ == "__main__":
    sys.exit(main(*(int(a) for a in sys.argv[1:])))
