#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Planted secrets of every kind (FAULTS.md M02, C05): keys, an administrator's key,
webhook secrets, OpenMeter's key, tokens; in the configuration, in headers, paths,
queries and bodies, and in what an upstream answers.  Nowhere are they found again: not in
the log, metrics, dumps, answers, the audit, the state folder, nor a core file."""
import base64
import hashlib
import hmac
import http.client
import http.server
import json
import mmap
import os
import random
import resource
import signal
import string
import subprocess
import sys
import tempfile
import threading
import time

import wire

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "http"))

import kgent  # noqa: E402  (found by the line above)

dice = random.SystemRandom()


def word(n):
    return "".join(dice.choice(string.ascii_letters + string.digits) for _ in range(n))


class Canaries(dict):
    """Secrets by name, and where they were found."""

    def forms(self, secret):
        """What it may look like: its distinctive part, in the usual codings."""
        core = secret.encode()[-24:]
        return [core, core.hex().encode(), base64.b64encode(core)[:30],
                base64.b64encode(b"x" + core)[3:30], base64.b64encode(b"xx" + core)[3:30]]

    def found(self, data):
        if isinstance(data, str):
            data = data.encode("utf-8", "replace")
        return sorted(name for name, secret in self.items()
                      if any(data.find(form) >= 0 for form in self.forms(secret)))


# ---- A server that says what it was told ------------------------------------------


class Upstream(http.server.BaseHTTPRequestHandler):
    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        text = ("refused: " + self.headers.get("Authorization", "")).encode()
        self.send_response_only(401, self.headers.get("Authorization", ""))
        self.send_header("WWW-Authenticate", self.headers.get("Authorization", ""))
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
        self.server.asked += 1

    do_GET = do_POST = answer

    def log_message(self, *args):
        pass


def upstream():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    server.asked = 0
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


# ---- Planting ----------------------------------------------------------------------


class Field:
    """The host and everything that it ever said to anybody."""

    def __init__(self, host, secrets):
        self.host, self.secrets = host, secrets
        self.leaks = []

    def ask(self, method, target, headers=None, body=None, admin=False, local=False,
            source="127.0.0.1"):
        if local:
            answer = self.host.request(method, target, body, headers, local=True)
        else:
            port = self.host.admin_port if admin else self.host.port
            c = http.client.HTTPConnection("127.0.0.1", port, timeout=30,
                                           source_address=(source, 0))
            answer = kgent.request(c, method, target, body, headers)
        return answer

    def heard(self, answer, what):
        """An answer in which no secret may be."""
        found = self.secrets.found(answer.text + str(answer.headers))
        if found:
            self.leaks.append(f"{what}: {found}")
        return answer

    def key(self, name, **body):
        answer = self.ask("POST", "/admin/v1/keys", None, {"name": name, **body}, local=True)
        self.secrets[name] = answer.json["key"]
        return answer.json["id"]


def operate(field):
    """Everything that an administrator does with keys, by the socket and by a key."""
    answer = field.ask("POST", "/admin/v1/init", None, {}, local=True)
    field.secrets["admin key"] = answer.json["key"]
    field.key("tenant key")
    rotated = field.key("rotated key")
    answer = field.ask("POST", f"/admin/v1/keys/{rotated}/rotate", None, {"grace_s": 60}, local=True)
    field.secrets["key after rotation"] = answer.json["key"]
    revoked = field.key("revoked key")
    field.heard(field.ask("DELETE", f"/admin/v1/keys/{revoked}", local=True), "revocation")
    admin = {"X-API-Key": field.secrets["admin key"]}
    for target in ("/admin/v1/keys", f"/admin/v1/keys/{rotated}", "/admin/v1/audit?limit=100",
                   "/admin/v1/tenants", "/admin/v1/plugins", "/admin/v1/usage/events",
                   f"/admin/v1/limits?key={rotated}", f"/admin/v1/explain?key={rotated}&path=/v1/me"):
        answer = field.heard(field.ask("GET", target, admin, admin=True), target)
        if answer.status not in (200, 404):
            raise RuntimeError(f"{target}: {answer.status} {answer.text}")
    field.heard(field.ask("POST", "/admin/v1/keys", admin, {"name": 7, "x": field.secrets["token"]},
                          admin=True), "a refused form")


def credentials(secrets):
    """Headers with a secret in each."""
    for name in ("tenant key", "rotated key", "key after rotation", "revoked key", "admin key",
                 "unknown key"):
        yield {"X-API-Key": secrets[name]}
        yield {"Authorization": "Bearer " + secrets[name]}
        yield {"X-API-Key": secrets[name] + "x"}
    yield {"Authorization": "Bearer " + secrets["token"]}
    basic = base64.b64encode(b"user:" + secrets["password"].encode()).decode()
    yield {"Authorization": "Basic " + basic}
    yield {"Cookie": "session=" + secrets["cookie"], "X-API-Key": secrets["tenant key"]}
    yield {"X-API-Key": secrets["stripe key"]}
    yield {"X-API-Key": secrets["tenant key"], "Authorization": "Bearer " + secrets["token"]}
    yield {"X-API-Key": secrets["tenant key"] + "\t" + secrets["token"]}


def call(field):
    """Good and bad requests with secrets wherever a client can put one."""
    secrets, n = field.secrets, 0
    key = {"X-API-Key": secrets["tenant key"]}
    invoke = {"path": "world.house.transform", "kwargs": {"changes": {"a": 1}}}
    for headers in credentials(secrets):
        for target, body in (("/v1/me", None), ("/v1/agentese/invoke", invoke), ("/nowhere", None),
                             ("/livez", None)):
            n += 1
            answer = field.ask("POST" if body else "GET", target, headers, body,
                               source=f"127.2.{n // 10}.1")
            field.heard(answer, target)
    for name in ("tenant key", "unknown key", "token", "stripe key"):
        secret = secrets[name]
        hidden = "".join(f"%{ord(c):02x}" for c in secret)
        for target in (f"/v1/me?api_key={secret}", f"/v1/me?access_token={secret}", f"/?{secret}",
                       f"/{secret}", f"/v1/{secret}/x", f"/{hidden}", f"/v1/me?x={hidden}",
                       f"/v1/me/{secret}?q=1"):
            field.heard(field.ask("GET", target, key), target[:12] + "...")
        for text in (secret, f'{{"path":"{secret}"}}', f'{{"path":"world.{secret}.manifest"',
                     json.dumps({"path": "world.a.manifest", "kwargs": secret}),
                     json.dumps({"path": "world.a.manifest", "observer": {"archetype": [secret]}})):
            field.heard(field.ask("POST", "/v1/agentese/invoke",
                                  {**key, "Content-Type": "application/json"}, text), "a bad body")
    field.heard(field.ask("BREW", "/" + secrets["token"], key), "a bad method")


def webhooks(field):
    body = json.dumps({"id": "evt_1", "object": "event", "type": "invoice.paid", "livemode": False,
                       "created": int(time.time()), "data": {"object": {"id": "in_1"}}})
    for secret in (field.secrets["webhook secret"], "whsec_" + word(30)):
        at = int(time.time())
        mac = hmac.new(secret.encode(), f"{at}.{body}".encode(), hashlib.sha256).hexdigest()
        answer = field.ask("POST", "/webhooks/stripe", {"Stripe-Signature": f"t={at},v1={mac}",
                                                        "Content-Type": "application/json"}, body)
        field.heard(answer, "webhook")
    field.heard(field.ask("POST", "/webhooks/stripe", {
        "Stripe-Signature": f"t={at},v1=" + field.secrets["token"],
        "Content-Type": "application/json"}, body), "a forged webhook")


# ---- Looking ------------------------------------------------------------------------


def scan(secrets, path):
    """Names of the secrets in a file."""
    if not os.path.getsize(path):
        return []
    with open(path, "rb") as f, mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return secrets.found(data)


def files(folder):
    return [os.path.join(d, n) for d, _, names in os.walk(folder) for n in names
            if os.path.isfile(os.path.join(d, n)) and not os.path.islink(os.path.join(d, n))]


def look(field, secrets):
    host = field.host
    kgent.equal(field.leaks[:5], [], "in no answer")
    kgent.equal(secrets.found(host.logged()), [], "nor in the log")
    for target in ("/metrics", "/health", "/health/saas", "/readyz?verbose", "/openapi.json", "/"):
        answer = host.get(target, {"Accept": "application/openmetrics-text"}, admin=True)
        kgent.equal(secrets.found(answer.text), [], f"nor in {target}")
    for args in (["-T"], ["-t"], ["--dump-plugin", "auth"], ["--dump-plugin", "billing-stripe"],
                 ["--dump-plugin", "metering-openmeter"]):
        run = subprocess.run([kgent.KGENTD, "-c", host.config, *args], capture_output=True,
                             check=False, env=host.env)
        kgent.equal((run.returncode, secrets.found(run.stdout + run.stderr)), (0, []),
                    f"nor in what kgentd {' '.join(args)} says")
    found = {os.path.relpath(p, host.state): scan(secrets, p) for p in files(host.state)}
    kgent.ok(len(found) > 2, "there are files of state")
    kgent.equal({k: v for k, v in found.items() if v}, {}, "nor in the state folder")
    for name in ("cmdline", "environ"):
        with open(f"/proc/{host.pid}/{name}", "rb") as f:
            kgent.equal(secrets.found(f.read()), [], f"nor in the process's {name}")


def core_pattern():
    with open("/proc/sys/kernel/core_pattern", encoding="utf-8") as f:
        return f.read().strip()


def crash(host, folder):
    """Where the core file of a crash lies, or None."""
    host.process.send_signal(signal.SIGABRT)
    host.process.wait()
    cores = [p for p in files(folder) if os.path.basename(p).startswith("core")]
    kgent.note(f"core files: {[(os.path.basename(p), os.path.getsize(p) >> 10) for p in cores]} KiB")
    return cores[0] if cores else None


def memory(host, secrets, folder):
    """The process crashes.  What it leaves behind, if that can be seen here."""
    pattern = core_pattern()
    path = None if pattern.startswith(("|", "/")) else crash(host, folder)
    if path:
        kgent.equal(scan(secrets, path), [], "nor in a core file")
        os.unlink(path)
        host.env["KGENT_CORE"] = "full"
        host.start()
        path = crash(host, folder)
        kgent.ok(path and "webhook secret" in scan(secrets, path), "but in one that is asked for")
    else:
        kgent.skip("nor in a core file", f"there is none (pattern {pattern})")
    host.start()


# ---- All -------------------------------------------------------------------------------


def plant():
    return Canaries({
        "unknown key": f"kg_{word(5).lower()}_{word(43)}", "token":
        "eyJhbGciOiJFZERTQSJ9." + base64.urlsafe_b64encode(word(60).encode()).decode() + "." + word(86),
        "webhook secret": "whsec_" + word(40), "old webhook secret": "whsec_" + word(40),
        "OpenMeter key": "om_" + word(40), "stripe key": "sk_live_" + word(40),
        "password": word(40), "cookie": word(40)})


def plugins(secrets, folder, port):
    path = os.path.join(folder, "openmeter")
    with open(path, "w", encoding="ascii", opener=lambda p, f: os.open(p, f, 0o600)) as f:
        f.write(secrets["OpenMeter key"] + "\n")
    return ["health", "faulty", 'load = "auth"; dev_keys = true;', "agentese",
            f'load = "billing-stripe"; webhook_secret = ( "{secrets["webhook secret"]}", '
            f'"{secrets["old webhook secret"]}" );',
            f'load = "metering-openmeter"; url = "http://127.0.0.1:{port}"; '
            f'api_key = "${{file:{path}}}"; flush_interval = 0.1;']


def tests():
    secrets, server = plant(), upstream()
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (most, most))
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        with wire.FaultHost(plugins(secrets, folder, server.server_port)) as host:
            field = Field(host, secrets)
            operate(field)
            call(field)
            webhooks(field)
            kgent.ok(wire.until(lambda: server.asked > 0), "the upstream was asked")
            look(field, secrets)
            memory(host, secrets, folder)
        os.chdir("/")


if __name__ == "__main__":
    kgent.main([tests])
