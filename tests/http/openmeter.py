#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""metering-openmeter.so against a server that misbehaves in every way we know:
each event arrives all the same, with the id that it had at first, and only what
the server cannot take is set aside."""
import gzip
import json
import os
import socket
import ssl
import subprocess
import threading
import time

import kgent

METERING = """load = "metering-openmeter"; url = "%s"; api_key = "sesame"; timeout = 1.0;
    batch_size = 8; flush_interval = 0.02;"""
AUTH = 'load = "auth"; dev_keys = true; enforce = "shadow";'


class Server:
    """Speaks HTTP by hand, so that it can stop at any byte.  `script` is what the
    next batches get: a status, (status, headers), or a function of the socket."""

    def __init__(self, context=None):
        self.listener = socket.create_server(("127.0.0.1", 0))
        if context:
            self.listener = context.wrap_socket(self.listener, server_side=True)
        self.port = self.listener.getsockname()[1]
        self.script, self.batches, self.stored = [], [], {}
        self.poison = None
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                s, _ = self.listener.accept()
            except ssl.SSLError:
                continue
            except OSError:
                return
            threading.Thread(target=self.serve, args=(s,), daemon=True).start()

    def serve(self, s):
        try:
            with s, s.makefile("rb") as f:
                while self.one(s, f):
                    pass
        except OSError:
            pass

    def one(self, s, f):
        line = f.readline()
        if not line:
            return False
        length = 0
        while (header := f.readline().strip()):
            name, _, value = header.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        body = f.read(length)
        if len(body) < length:
            return False
        if line.startswith(b"GET"):
            return self.say(s, 200)
        batch = json.loads(body)
        self.batches.append([e["id"] for e in batch])
        step = self.script.pop(0) if self.script else 204
        if self.poison and any(self.poison(e) for e in batch):
            step = 400
        if callable(step):
            return step(self, s, batch)
        status, headers = step if isinstance(step, tuple) else (step, "")
        if 200 <= status < 300:
            self.store(batch)
        return self.say(s, status, headers)

    def store(self, batch):
        for e in batch:
            self.stored[e["id"]] = e

    def say(self, s, status, headers=""):
        end = "" if status == 204 else "Content-Length: 0\r\n"
        s.sendall(("HTTP/1.1 %d X\r\n%s%s\r\n" % (status, headers, end)).encode())
        return True


def hang(server, s, batch):
    server.store(batch)
    time.sleep(3)
    return False


def reset(server, s, batch):
    server.store(batch)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    return False


def drip(server, s, batch):
    for c in b"HTTP/1.1 204 No Content\r\n":
        s.sendall(bytes([c]))
        time.sleep(0.2)
    return False


def flood(server, s, batch):
    s.sendall(b"HTTP/1.1 503 X\r\nContent-Length: 1000000000\r\n\r\n")
    for _ in range(4000):
        s.sendall(b"x" * 65536)
    return False


def bomb(server, s, batch):
    """64 MiB of zeros in a few KiB, said to be gzip: nobody unpacks it."""
    body = gzip.compress(bytes(1 << 26))
    s.sendall(b"HTTP/1.1 503 X\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body))
    s.sendall(body)
    return True


def partly(server, s, batch):
    server.store(batch[:len(batch) // 2])
    return server.say(s, 500)


def garbage(server, s, batch):
    s.sendall(b"\x16\x03\x01 what is this\r\n\r\n")
    return False


def wait_for(what, seconds=30):
    end = time.monotonic() + seconds
    while not what() and time.monotonic() < end:
        time.sleep(0.02)
    return what()


calls = 0


def use(host):
    """One billable request; returns the path that its event will carry."""
    global calls
    calls += 1
    path = "world.thing%d.manifest" % calls
    answer = host.post("/v1/agentese/invoke", {"path": path}, {"X-API-Key": "kg_dev_bob"})
    if answer.status != 200:
        kgent.equal(answer.status, 200, "a request is answered whatever the server does")
    return path


def arrived(server, path):
    return [e for e in list(server.stored.values()) if e["data"]["path"] == path]


def saas(host):
    return host.get("/health/saas").json["openmeter"]


def success(host, server):
    for status in (200, 201, 202, 204):
        before = len(server.batches)
        server.script = [status]
        path = use(host)
        wait_for(lambda: arrived(server, path))
        time.sleep(0.1)
        kgent.equal(len(server.batches), before + 1, "%d is success" % status)
    wait_for(lambda: saas(host)["status"] == "healthy")
    health = saas(host)
    kgent.equal((health["configured"], health["status"]), (True, "healthy"), "health")
    kgent.equal({k: health["metrics"][k] for k in ("events_sent", "events_failed", "running")},
                {"events_sent": 4, "events_failed": 0, "running": True}, "figures")
    kgent.ok(health["metrics"]["last_flush"].endswith("+00:00"), "last_flush")


def again(host, server, name, *steps):
    """The same ids go again until they are taken, and are one event there."""
    server.script = list(steps)
    before = len(server.batches)
    path = use(host)
    kgent.ok(wait_for(lambda: len(server.batches) > before + len(steps)), name + ": sent again")
    wait_for(lambda: arrived(server, path))
    sent = [ids for ids in server.batches[before:] if ids]
    kgent.equal([ids[0] for ids in sent], [sent[0][0]] * len(sent), name + ": with the same id")
    kgent.equal(len(arrived(server, path)), 1, name + ": and is one event")


def temporary(host, server):
    again(host, server, "429", 429)
    again(host, server, "429 for 1 s", (429, "Retry-After: 1\r\n"))
    again(host, server, "429 with garbage", (429, "Retry-After: soon\r\n"))
    again(host, server, "429 with a past date", (429, "Retry-After: Mon, 01 Jan 2001 00:00:00 GMT\r\n"))
    again(host, server, "500, 502, 503, 504", 500, 502, 503, 504)
    again(host, server, "timeout after storing", hang)
    again(host, server, "reset after storing", reset)
    again(host, server, "garbage", garbage)
    again(host, server, "a drip", drip)
    again(host, server, "a flood", flood)
    again(host, server, "a bomb", bomb)
    again(host, server, "a part and 500", partly)
    for status in (301, 302, 307, 308):
        again(host, server, "redirect %d" % status,
              (status, "Location: http://169.254.169.254/latest\r\n"))


def poison(host, server):
    marked = "world.thing%d.manifest" % (calls + 13)
    server.poison = lambda e: e["data"]["path"] == marked
    paths = [use(host) for _ in range(24)]
    kgent.ok(wait_for(lambda: all(arrived(server, p) for p in paths if p != marked)),
             "all but the poison arrive")
    kgent.equal(arrived(server, marked), [], "the poison does not")
    server.poison = None
    parked = "\nkgent_metering_parked_total 1\n"
    wait_for(lambda: parked in host.get("/metrics", admin=True).text)
    kgent.contains(host.get("/metrics", admin=True).text, parked, "it is parked")


def refused(host, server):
    server.script = [401]
    before = len(server.batches)
    paths = [use(host) for _ in range(5)]
    wait_for(lambda: saas(host)["status"] == "unhealthy")
    kgent.equal(saas(host)["status"], "unhealthy", "a refused key is unhealthy")
    kgent.contains(saas(host)["error"], "401", "and says why")
    paths += [use(host) for _ in range(5)]
    time.sleep(0.5)
    kgent.equal(len(server.batches), before + 1, "nothing is sent meanwhile")
    kgent.equal(host.stop(), 0, "it ends")
    host.start()  # as after an operator mended the key
    kgent.ok(wait_for(lambda: all(arrived(server, p) for p in paths)), "nothing was dropped")


def tls(host, folder):
    """O08: certificates that are not good; what is sent to them stays here."""
    for name, subject in (("self-signed", "localhost"), ("wrong name", "other")):
        key, cert = os.path.join(folder, "key.pem"), os.path.join(folder, "cert.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", cert,
                        "-days", "30", "-subj", f"/CN={subject}"], check=True,
                       stderr=subprocess.DEVNULL)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        server = Server(context)
        host.configure(["health", AUTH, "agentese", METERING % f"https://localhost:{server.port}"])
        host.stop()
        host.start()
        use(host)
        kgent.ok(wait_for(lambda: saas(host)["status"] == "degraded"), f"{name}: degraded")
        kgent.ok(wait_for(lambda: "certificate" in host.logged()), f"{name}: and says why")
        kgent.equal(server.batches, [], f"{name}: nothing is told")
        kgent.ok(wait_for(lambda: saas(host)["metrics"]["events_buffered"] > 0), f"{name}: it is kept")


def nobody(host):
    host.configure(["health", AUTH, "agentese", METERING % "http://nowhere.invalid"])
    host.stop()
    host.start()
    for _ in range(3):
        use(host)
    kgent.ok(wait_for(lambda: saas(host)["status"] == "degraded"), "an unknown name is degraded")
    kgent.equal(host.get("/health/saas").json["status"], "degraded", "and shown as such")
    kgent.equal(host.get("/readyz").status, 200, "but gates no readiness")


sink = Server()
with kgent.Host(["health", AUTH, "agentese", METERING % ("http://127.0.0.1:%d" % sink.port)]) as run:
    success(run, sink)
    temporary(run, sink)
    poison(run, sink)
    refused(run, sink)
    tls(run, run.folder.name)
    nobody(run)
kgent.done()
