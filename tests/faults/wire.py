# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Raw sockets against a kgentd with the plugin `faulty`: what really is on the wire."""
import json
import os
import re
import select
import shutil
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "http"))

import kgent  # noqa: E402  (found by the line above)

FAULTY = os.path.join(kgent.BUILD, "tests", "faults", "faulty.so")
SLOW = bool(os.environ.get("KGENT_SLOW"))  # the long run, with the deadlines as shipped
PATIENCE = float(os.environ.get("KGENT_PATIENCE", "1"))  # times that bounds are stretched by


class FaultHost(kgent.Host):
    """A kgentd that finds `faulty` besides the shipped plugins."""

    def __init__(self, plugins=("health", "faulty"), options=(), env=None, state=None):
        super().__init__(plugins, options, env, state)
        folder = os.path.join(self.folder.name, "plugins")
        os.mkdir(folder, 0o755)
        built = os.path.join(kgent.BUILD, "plugins")
        for path in [FAULTY] + [os.path.join(built, n) for n in os.listdir(built)
                                if n.endswith(".so")]:
            shutil.copy(path, folder)
            os.chmod(os.path.join(folder, os.path.basename(path)), 0o755)
        with open(self.config, "a", encoding="utf-8") as f:
            f.write(f'plugin_dir = "{folder}";\n')

    @property
    def pid(self):
        return self.process.pid

    def counts(self):
        return self.get("/fault/counts").json

    def connect(self, admin=False):
        s = socket.create_connection(("127.0.0.1", self.admin_port if admin else self.port),
                                     timeout=20)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return s

    def lines(self):
        """The log, line by line, as parsed JSON; ValueError when one is not."""
        return [json.loads(line) for line in self.logged().splitlines()]


def until(condition, seconds=5.0):
    """Asks until it is true; the seconds that it took, or None."""
    begin = time.monotonic()
    while not condition():
        if time.monotonic() - begin > seconds:
            return None
        time.sleep(0.002)
    return time.monotonic() - begin


# ---- Exchanges ---------------------------------------------------------------


def read_all(s, seconds=5.0):
    """What comes until the other side closes; and whether it did."""
    data, end = b"", time.monotonic() + seconds
    while True:
        s.settimeout(max(0.01, end - time.monotonic()))
        try:
            part = s.recv(1 << 16)
        except socket.timeout:
            return data, False
        except OSError:
            return data, True
        if not part:
            return data, True
        data += part
        if time.monotonic() > end:
            return data, False


def exchange(port, data, bytewise=False, seconds=5.0, patient=False):
    """Sends, whole or byte by byte (up to an answer, unless `patient`); what came, and
    whether the other side closed."""
    s = socket.create_connection(("127.0.0.1", port), timeout=seconds)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with s:
        try:
            if not bytewise:
                s.sendall(data)
            else:
                for i in range(len(data)):
                    if not patient and i % 64 == 63 and select.select([s], [], [], 0)[0]:
                        break  # answered already
                    s.sendall(data[i:i + 1])
        except OSError:
            pass  # it closed: what it said is there to read
        return read_all(s, seconds)


class Reply:
    """One response of a connection's bytes."""

    def __init__(self, head, body):
        lines = head.decode("latin-1").split("\r\n")
        self.line = lines[0]
        self.status = int(lines[0].split(" ")[1])
        self.fields = [tuple(x.split(": ", 1)) for x in lines[1:]]
        self.headers = {k.lower(): v for k, v in self.fields}
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)


def unchunk(data):
    """The body of a chunked response and what follows it."""
    body = b""
    while True:
        size, data = data.split(b"\r\n", 1)
        n = int(size, 16)
        body += data[:n]
        if data[n:n + 2] != b"\r\n":
            raise ValueError("a chunk without its end")
        data = data[n + 2:]
        if not n:
            return body, data


def replies(data, heads=0):
    """All responses in some bytes; ValueError for bytes that are none.  The first
    `heads` ones answer HEAD and have no body."""
    got = []
    while data:
        if not re.match(rb"HTTP/1\.1 [1-5]\d\d ", data) or b"\r\n\r\n" not in data:
            raise ValueError(f"no response: {data[:80]!r}")
        head, data = data.split(b"\r\n\r\n", 1)
        r = Reply(head, b"")
        if r.status >= 200 and r.status not in (204, 304) and len(got) >= heads:
            if r.headers.get("transfer-encoding") == "chunked":
                r.body, data = unchunk(data)
            else:
                n = int(r.headers["content-length"])
                if len(data) < n:
                    raise ValueError("a body that is cut short")
                r.body, data = data[:n], data[n:]
        got.append(r)
    return got


def refusal_flaw(data, closed, statuses):
    """What is wrong with a refusal that must be the only one and close; None when
    nothing is."""
    try:
        got = replies(data)
    except (ValueError, KeyError, IndexError) as e:
        return f"{e}: {data[:300]!r}"
    if len(got) != 1 or len(re.findall(rb"HTTP/1\.1 \d", data)) != 1:
        return f"{len(got)} heads: {data[:600]!r}"
    r = got[0]
    if r.status not in statuses:
        return f"{r.status} instead of {sorted(statuses)}: {r.body[:200]!r}"
    if not closed or r.headers.get("connection") != "close":
        return f"closed {closed}, Connection {r.headers.get('connection')}"
    if r.headers.get("content-type") != "application/problem+json":
        return f"Content-Type {r.headers.get('content-type')}"
    if r.json["status"] != r.status or not r.json["title"] or not r.json["detail"]:
        return f"problem {r.json}"
    if not r.headers.get("x-request-id") or r.json["request_id"] != r.headers["x-request-id"]:
        return f"request_id {r.json['request_id']}, header {r.headers.get('x-request-id')}"
    return None


# ---- The process -------------------------------------------------------------


def resident_kib(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS:"))


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
        rest = f.read().rsplit(")", 1)[1].split()
    return (int(rest[11]) + int(rest[12])) / os.sysconf("SC_CLK_TCK")


def together(functions):
    """Runs functions at the same time; raises the first exception."""
    errors = []

    def run(fn):
        try:
            fn()
        except Exception as e:
            errors.append(e)

    threads = [threading.Thread(target=run, args=(fn,)) for fn in functions]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if errors:
        raise errors[0]
