# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Requests that are framed or spelt wrongly (FAULTS.md, H01 to H45): each sent whole
and byte by byte, directly and through nginx and HAProxy.

Directly, a refusal is one status head, a problem, and the end of the connection; no
handler runs.  Through a proxy, which may mend or refuse it by itself, what holds is
that kgentd and the proxy agree about where requests end: the proxies let nobody pass
to /fault/smuggled, so when its handler runs, a request was smuggled."""
import re
import time

from framing_rows import CHUNKED, REFUSED, SERVED
from wire import FaultHost, exchange, kgent, refusal_flaw, replies, together
import proxies

OPTIONS = ["http.threads=1"]
CLIENTS = 24


def ways(name, data):
    yield name, data, False
    yield name + ", byte by byte", data, True


def refused(host, rows):
    """4xx!: one head, the status, the end; no handler entry."""
    for row in rows:
        for name, data, bytewise in ways(row[0], row[1]):
            flaw = refusal_flaw(*exchange(host.port, data, bytewise), row[2])
            if not kgent.ok(flaw is None, name):
                kgent.note(flaw)
    counts = host.counts()
    kgent.equal((counts["entered"], counts["smuggled"]), (0, 0), "no handler was entered")


def served(host):
    """What is answered, with these statuses, and then the end."""
    for name, data, whole, slow, heads in SERVED:
        for name_, data_, bytewise in ways(name, data):
            got, closed = exchange(host.port, data_, bytewise, patient=True)
            try:
                have = [r.status for r in replies(got, heads) if r.status != 100]
            except (ValueError, KeyError) as e:
                have = str(e)
            statuses = slow if bytewise and have == slow else whole  # or it came in one piece
            kgent.equal((have, closed), (statuses, True), name_)
    kgent.equal(host.counts()["smuggled"], 0, "nothing was smuggled")


def logged(host, number, seconds):
    """Every refusal is a WARN line, or counted in the next one; one line a second."""
    lines = [x for x in host.lines() if "refused a request" in x["msg"]]
    hidden = sum(int(re.search(r"; (\d+) more", x["msg"]).group(1)) for x in lines)
    kgent.ok(lines and all(x["level"] == "warn" for x in lines), "refusals are warnings")
    kgent.ok(0 < len(lines) <= seconds + 1 and len(lines) + hidden <= number,
             f"{len(lines)} lines for {number} refusals in {seconds:.1f} s")


def flood(port):
    """All rows, many at once: proxies wait for what never comes."""
    rows = [(data, bytewise) for _, data, *_ in REFUSED + CHUNKED + SERVED
            for bytewise in (False, True) if len(data) < 600 or not bytewise]

    def run(part):
        for data, bytewise in part:
            exchange(port, data, bytewise, 0.2)

    together([lambda i=i: run(rows[i::CLIENTS]) for i in range(CLIENTS)])


def proxied(host, proxy):
    with proxy:
        flood(proxy.port)
        kgent.equal(host.counts()["smuggled"], 0, f"{proxy.name}: nothing is smuggled")
        failures = re.findall(r'kgents_api_requests_total\{.*status="50[0234]".* [1-9].*',
                              host.get("/metrics", admin=True).text)
        kgent.equal(failures, [], f"{proxy.name}: kgentd answers all that gets through")
        got, _ = exchange(proxy.port, b"GET /fault/hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        kgent.ok(got.startswith(b"HTTP/1.1 200") and got.endswith(b"hello\n"), f"{proxy.name}: serves")


def direct():
    with FaultHost(options=OPTIONS) as host:
        begin = time.monotonic()
        refused(host, REFUSED)
        logged(host, 2 * len(REFUSED), time.monotonic() - begin)
        served(host)


def chunked():
    """The rows about chunks where chunks are allowed: 400, not 411."""
    with FaultHost(options=OPTIONS + ["http.allow_chunked=true"]) as host:
        refused(host, [(n, d, s) for n, d, _, s in CHUNKED if s])
        for name, data, _, statuses in CHUNKED:
            for n, d, bytewise in ways(name, data):
                if not statuses:
                    got, _ = exchange(host.port, d, bytewise, patient=True)
                    kgent.equal([r.status for r in replies(got)], [200], n + ": taken")
        kgent.equal(host.counts()["smuggled"], 0, "nothing was smuggled")


def refused_chunks():
    with FaultHost(options=OPTIONS) as host:
        refused(host, [(n, d, s) for n, d, s, _ in CHUNKED])


def through_proxies():
    for kind in (proxies.Nginx, proxies.HAProxy):
        for allow in ("false", "true"):
            if not proxies.program(kind.program):
                kgent.peer(kind.program, kind.name)
                continue
            with FaultHost(options=OPTIONS + [f"http.allow_chunked={allow}"]) as host:
                proxied(host, kind(host))


kgent.main([direct, chunked, refused_chunks, through_proxies])
