# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""The servers that are measured: each on a free loopback port, in a folder of the
build tree, on the processor that is the servers' own.  Only what was started here
is ended."""
import http.client
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import time

SOURCE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ.get("KGENT_BUILD") or os.path.join(SOURCE, "../../build")
HERE = os.path.join(BUILD, "bench")
SERVER_CPU, CLIENT_CPU = 0, max(os.sched_getaffinity(0))
UNLIMITED = 1_000_000_000
KEYS = 1000


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def on_cpu(cpu):
    return lambda: os.sched_setaffinity(0, {cpu})


class Server:
    """One process; `pid` is the one that serves."""

    def __init__(self, name, command, folder, port):
        self.name, self.command, self.folder, self.port = name, command, folder, port
        self.process = self.pid = None

    def spawn(self):
        self.log = open(os.path.join(self.folder, "log"), "ab")
        self.process = subprocess.Popen(self.command, stdout=self.log, stderr=self.log,
                                        preexec_fn=on_cpu(SERVER_CPU))
        self.pid = self.process.pid

    def start(self, wait="/"):
        self.spawn()
        self.await_answer(wait)
        return self

    def await_answer(self, target, seconds=60, pause=0.005):
        """Until it answers with 200, 401 or whatever an HTTP server says."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            try:
                c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
                c.request("GET", target)
                return c.getresponse().read()
            except OSError:
                time.sleep(pause)
        with open(os.path.join(self.folder, "log"), errors="replace") as f:
            raise SystemExit(f"bench: {self.name} does not serve:\n{f.read()[-2000:]}")

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    # ---- /proc

    def cpu_seconds(self):
        with open(f"/proc/{self.pid}/stat") as f:
            fields = f.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss(self):
        with open(f"/proc/{self.pid}/status") as f:
            return int(re.search(r"VmRSS:\s*(\d+)", f.read()).group(1)) * 1024


def folder_new(name):
    path = os.path.join(HERE, name)
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path, mode=0o700)
    return path


# ---- kgentd ----------------------------------------------------------------

KGENTD_CONF = """\
http = {{ listen = "127.0.0.1:{port}"; threads = 1; pipeline_max = 1000000; connections = 16384; }};
admin = {{ listen = "127.0.0.1:{admin}"; }};
store = {{ dir = "{state}"; commit = "{commit}"; }};
log = {{ file = "{folder}/access.log"; access = {access}; format = "json"; }};
drain = {{ grace = 0.0; timeout = 5.0; }};
plugins = ( {{ load = "health"; }}, {{ load = "auth"; }}, {{ load = "agentese"; }},
            {{ load = "metering-openmeter"; }}, {{ load = "billing-stripe"; }} );
"""


class Kgentd(Server):
    def __init__(self, name, commit="process", access=True, state=None, wrapper=()):
        folder = folder_new(name)
        self.state, self.admin = os.path.join(folder, "state"), free_port()
        self.conf = os.path.join(folder, "kgentd.conf")
        if state:
            shutil.copytree(state, self.state, ignore=shutil.ignore_patterns("*.sock"))
        else:
            os.makedirs(self.state, mode=0o700)
        command = [*wrapper, os.path.join(BUILD, "kgentd"), "-c", self.conf]
        super().__init__(name, command, folder, free_port())
        with open(self.conf, "w") as f:
            f.write(KGENTD_CONF.format(port=self.port, admin=self.admin, state=self.state,
                                       folder=folder, commit=commit,
                                       access="true" if access else "false"))

    def start(self, wait="/livez"):
        return super().start(wait)

    def metrics(self):
        """The store's counters: events, commits, fsyncs."""
        c = http.client.HTTPConnection("127.0.0.1", self.admin, timeout=10)
        c.request("GET", "/metrics")
        text = c.getresponse().read().decode()
        return {m[0]: float(m[1]) for m in
                re.findall(r"^(kgent_store_\w+?)(?:_total)? ([0-9.e+-]+)$", text, re.M)}


class LocalConnection(http.client.HTTPConnection):
    """HTTP over the operator's socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=30)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


def keys_fill(state, count):
    """More keys, so that the table is one of a real host; returns them."""
    c, keys = LocalConnection(os.path.join(state, "admin.sock")), []
    for i in range(count):
        body = json.dumps({"name": f"key {i}", "scopes": ["read"]})
        c.request("POST", "/admin/v1/keys", body, {"Content-Type": "application/json"})
        answer = json.loads(c.getresponse().read())
        if "key" not in answer:
            raise SystemExit(f"bench: a key could not be made: {answer}")
        keys.append(answer["key"])
    return keys


def state_prepare():
    """A state folder with KEYS keys, which every kgentd gets a copy of; the key
    that is used, and all of them in a file."""
    host = Kgentd("prepare").start()
    key = subprocess.run([os.path.join(BUILD, "kgentctl"), "-s", host.state, "key", "new", "bench",
                          "--tier", "ENTERPRISE", "--scope", "read,write",
                          "--requests-per-minute", str(UNLIMITED),
                          "--requests-per-day", str(UNLIMITED)],
                         check=True, capture_output=True, text=True).stdout.strip()
    keys = [key, *keys_fill(host.state, KEYS - 1)]
    host.stop()
    file = os.path.join(host.folder, "keys")
    with open(file, "w", opener=lambda p, f: os.open(p, f, 0o600)) as f:
        f.write("".join(k + "\n" for k in keys))
    return host.state, key, file


# ---- The others ------------------------------------------------------------


def epoll(name, keys=None, wrapper=()):
    port = free_port()
    command = [*wrapper, os.path.join(BUILD, "tests/bench/epoll"), str(port)]
    return Server(name, command + ([keys] if keys else []), folder_new(name), port)


class Nginx(Server):
    """A master, and the one worker that serves."""

    def __init__(self, name, template, keys="", wrapper=(), alone=False):
        folder, port = folder_new(name), free_port()
        conf = os.path.join(folder, "nginx.conf")
        with open(os.path.join(SOURCE, template)) as f:
            text = f.read()
        if alone:
            text += "master_process off;\n"
        user = "user root;" if os.getuid() == 0 else ""
        for word, value in (("USER", user), ("DIR", folder), ("PORT", port), ("KEYS", keys),
                            ("SOURCE", SOURCE)):
            text = text.replace(f"@{word}@", str(value))
        with open(conf, "w") as f:
            f.write(text)
        self.alone = alone
        super().__init__(name, [*wrapper, "/usr/sbin/nginx", "-p", "/usr/share/nginx", "-c", conf,
                                "-e", os.path.join(folder, "error.log")], folder, port)

    def start(self, wait="/"):
        super().start(wait)
        if not self.alone:
            with open(f"/proc/{self.pid}/task/{self.pid}/children") as f:
                self.pid = int(f.read().split()[0])
        return self


def limits_raise():
    """Descriptors for the test of idle connections; servers inherit them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65536 if hard == resource.RLIM_INFINITY else min(hard, 65536)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
