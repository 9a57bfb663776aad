# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""A far side that cannot be trusted, found or believed (FAULTS.md O05, O08): certificates
that are expired, of another host or of nobody's authority; names that are not there, or are
looked up for ever; answers of a gigabyte.  Events are kept, the status,
the health and the log say why, requests go on, and once the cause is gone each arrives."""
import json
import os
import ssl
import struct
import subprocess
import sys
import tempfile
import time

from daemon import resident_kib
from disk_sweep import library
from ledger_sink import Listener

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../http"))
import kgent  # noqa: E402

AUTH = 'load = "auth"; dev_keys = true; enforce = "shadow";'
GIGABYTE = 1 << 30


class Server(Listener):
    """Keeps what it is sent, by id; answers what `script` says first."""

    def __init__(self, context=None):
        self.context, self.stored, self.script, self.asked, self.sent = context, {}, [], 0, 0
        super().__init__()

    def spoken(self, s):
        return self.context.wrap_socket(s, server_side=True) if self.context else s

    def one(self, s, line, body):
        if line.startswith(b"POST"):
            self.asked += 1
            events = json.loads(body)
            taken, more = self.script.pop(0) if self.script else (True, None)
            if taken:
                self.stored.update((e["id"], e) for e in events)
            if more:
                return more(self, s)
        s.sendall(b"HTTP/1.1 200 X\r\nContent-Length: 0\r\n\r\n")
        return True


# ---- The host --------------------------------------------------------------------------------


def make(url, env=None):
    return kgent.Host(["health", AUTH, "agentese", f'load = "metering-openmeter"; url = "{url}"; '
                       "timeout = 1.0; flush_interval = 0.02;"], env=env)


def use(host):
    answer = host.post("/v1/agentese/invoke", {"path": "world.thing.manifest"},
                       {"X-API-Key": "kg_dev_carol"})
    return answer.status == 200


def status(host):
    return host.get("/admin/v1/meter/status", local=True).json["sinks"][0]


def health(host):
    """What the health says of the sink, as operators see it."""
    text = host.get("/readyz?verbose", admin=True).text
    return next(line for line in text.splitlines() if line.split()[0] == "openmeter")


def kept(host, server, name, *words):
    """An event is kept, and everybody is told why."""
    kgent.ok(use(host), f"{name}: requests are answered")
    def said(text):
        return text and all(w in text for w in words)
    if not kgent.ok(kgent.until(lambda: said(status(host)["reason"])), f"{name}: the status says why"):
        kgent.note(status(host))
    kgent.ok(kgent.until(lambda: said(health(host))), f"{name}: the health does")
    kgent.contains(health(host), "degraded", f"{name}: which is degraded")
    kgent.equal(host.get("/readyz").status, 200, f"{name}: and ready all the same")
    kgent.ok(kgent.until(lambda: any(said(line) and "events are kept and sent again" in line
                                     for line in host.logged().splitlines())),
             f"{name}: the log does")
    kgent.equal((server.stored, status(host)["lag_records"]), ({}, 1), f"{name}: and it is kept")


def arrives(host, server, name):
    kgent.ok(kgent.until(lambda: len(server.stored) == 1 and status(host)["state"] == "ok"),
             f"{name}: it arrives once the cause is gone")


# ---- Certificates ------------------------------------------------------------------------------


def openssl(folder, *args):
    subprocess.run(["openssl", *args], cwd=folder, check=True, stderr=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL)


def certificate(folder, name, host, days, authority=True):
    """A server's context: for this host, so many days from now, by the authority or by itself."""
    with open(f"{folder}/{name}.ext", "w", encoding="utf-8") as f:
        f.write(f"subjectAltName=DNS:{host}\n")
    openssl(folder, "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", name + ".key", "-out", name + ".csr", "-subj", f"/CN={host}")
    by = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"] if authority else ["-signkey", name + ".key"]
    openssl(folder, "x509", "-req", "-in", name + ".csr", "-out", name + ".pem", "-days", str(days),
            "-extfile", name + ".ext", *by)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{folder}/{name}.pem", f"{folder}/{name}.key")
    return context


def certificates():
    with tempfile.TemporaryDirectory() as folder:
        openssl(folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "30", "-subj", "/CN=authority")
        good = certificate(folder, "good", "localhost", 30)
        for name, context, word in (
                ("expired", certificate(folder, "expired", "localhost", -1), "expired"),
                ("another host's", certificate(folder, "other", "other.test", 30), "localhost"),
                ("self-signed", certificate(folder, "self", "localhost", 30, False), "self-signed")):
            server = Server(context)
            with make(f"https://localhost:{server.port}", {"SSL_CERT_FILE": f"{folder}/ca.pem"}) as host:
                kept(host, server, name, "certificate", word)
                kgent.equal(server.asked, 0, f"{name}: it is told nothing")
                server.context = good
                arrives(host, server, name)


# ---- Names ---------------------------------------------------------------------------------------


def names():
    with tempfile.TemporaryDirectory() as tools:
        path = os.path.join(tools, "names")

        def lookup(ms):
            with open(path, "wb") as f:
                f.write(struct.pack("q", ms))
        for name, ms, word in (("no such name", -1, "resolve"), ("a slow name", 10000, "timed out")):
            server = Server()
            lookup(ms)
            with make(f"http://far.test:{server.port}",
                      {"LD_PRELOAD": library(tools, "names"), "NAMES_FILE": path}) as host:
                kept(host, server, name, word)
                begin = time.monotonic()
                kgent.ok(all(use(host) for _ in range(50)) and time.monotonic() - begin < 5,
                         f"{name}: nobody waits for it")
                lookup(0)
                kgent.ok(kgent.until(lambda h=host: len(server.stored) == 51 and status(h)["state"] == "ok", 60),
                         f"{name}: all arrive once it is there")
                kgent.note(f"after {time.monotonic() - begin:.1f} s")
                lookup(ms)
                use(host)
                begin = time.monotonic()
                host.stop()
                took = time.monotonic() - begin
                kgent.ok(took < 5, f"{name}: the end doesn't wait for it ({took:.1f} s)")


# ---- Answers -------------------------------------------------------------------------------------


def huge(status_line):
    def answer(server, s):
        s.sendall(status_line + b"Content-Length: %d\r\n\r\n" % GIGABYTE)
        while server.sent < GIGABYTE:
            s.sendall(bytes(65536))
            server.sent += 65536
        return False
    return answer


def endless(server, s):
    """A gigabyte that nobody announced."""
    s.sendall(b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n")
    while server.sent < GIGABYTE:
        s.sendall(b"10000\r\n" + bytes(65536) + b"\r\n")
        server.sent += 65536
    return False


def answers():
    """The status counts, whatever comes behind it."""
    ok, no = huge(b"HTTP/1.1 200 X\r\n"), huge(b"HTTP/1.1 503 X\r\n")
    for name, script in (("a gigabyte and 200", [(True, ok)]), ("in chunks", [(True, endless)]),
                         ("a gigabyte and 503", [(False, no), (True, ok)])):
        server = Server()
        with make(f"http://127.0.0.1:{server.port}") as host:
            kgent.until(lambda h=host: status(h)["state"] == "ok")
            before = resident_kib(host.process.pid)
            asked = len(script)
            server.script = script
            use(host)
            arrives(host, server, name)
            use(host)
            kgent.ok(kgent.until(lambda s=server: len(s.stored) == 2), f"{name}: and what comes next")
            kgent.equal(server.asked, asked + 1, f"{name}: each once")
            kgent.ok(server.sent < 3 << 24, f"{name}: {server.sent >> 10} KiB of it were taken")
            grown = resident_kib(host.process.pid) - before
            kgent.ok(kgent.sanitized() or grown < 4096, f"{name}: {grown} KiB of memory more")


tests = [certificates, answers] + ([] if kgent.sanitized() else [names])
if kgent.sanitized():
    kgent.skip("names", "a sanitizer has calls of its own")
kgent.main(tests)
