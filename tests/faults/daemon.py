# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""A kgentd under test: its state folder, its configuration, its signals, its end.

Scripts print TAP: `with Tap() as tap: tap.ok(condition, "what")`.
"""
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

BUILD = os.environ.get("top_builddir", ".")
KGENTD = os.path.join(BUILD, "kgentd")
WAIT = float(os.environ.get("KGENT_TEST_WAIT", "30"))  # s, for anything that should come


class Tap:
    def __init__(self):
        self.count = 0
        self.bad = 0

    def ok(self, condition, what, detail=""):
        self.count += 1
        self.bad += not condition
        print(f"{'ok' if condition else 'not ok'} {self.count} - {what}", flush=True)
        if not condition and detail != "":
            for line in str(detail).splitlines():
                print(f"# {line}", flush=True)
        return condition

    def equal(self, have, want, what):
        return self.ok(have == want, what, f"have {have!r}\nwant {want!r}")

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None:
            self.ok(False, f"no exception: {kind.__name__}: {value}")
            sys.__excepthook__(kind, value, trace)
        print(f"1..{self.count}", flush=True)
        sys.exit(1 if self.bad else 0)


def until(condition, seconds=WAIT):
    """Asks until it is true; whether it became so."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class LocalConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=WAIT)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(WAIT)
        self.sock.connect(self.path)


class Daemon:
    """Start it with start(), which waits for READY=1 at a notify socket of ours."""

    def __init__(self, extra="", grace=0, timeout=5, listen=None, http=""):
        self.dir = tempfile.mkdtemp(prefix="kgent-test-")
        self.state = os.path.join(self.dir, "state")
        os.mkdir(self.state, 0o700)
        self.file = os.path.join(self.dir, "k.conf")
        self.port = free_port()
        self.listen = listen or f"127.0.0.1:{self.port}"
        self.grace, self.timeout, self.extra, self.http = grace, timeout, extra, http
        self.process = None
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(os.path.join(self.dir, "notify"))
        self.notify.settimeout(WAIT)
        self.told = []  # of the notify socket
        self.log_path = os.path.join(self.dir, "log")
        self.configure()

    def configure(self, more=""):
        text = f"""
http = {{ listen = "{self.listen}"; threads = 2; {self.http} }};
admin = {{ listen = ""; }};
store = {{ dir = "{self.state}"; }};
log = {{ format = "json"; access = false; }};
drain = {{ grace = {self.grace}; timeout = {self.timeout}; }};
plugins = ( {{ load = "health"; }} );
{self.extra}
{more}
"""
        with open(self.file + ".new", "w", encoding="utf-8") as f:
            f.write(text)
        os.rename(self.file + ".new", self.file)

    def command(self, *args):
        wrapper = os.environ.get("KGENT_WRAPPER", "").split()
        return wrapper + [KGENTD, "-c", self.file, *args]

    def run(self, *args, **kwargs):
        """Runs to the end: (exit status, standard error)."""
        p = subprocess.run(self.command(*args), capture_output=True, text=True, timeout=WAIT,
                           check=False, **kwargs)
        return p.returncode, p.stderr

    def spawn(self, *args, **kwargs):
        env = dict(os.environ, NOTIFY_SOCKET=os.path.join(self.dir, "notify"))
        env.update(kwargs.pop("env", {}))
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command(*args), stderr=log, env=env, **kwargs)
        return self.process

    def spawn_as(self, prefix, env, fd3):
        """Behind the command `prefix`, with a descriptor as number 3."""
        command, self.command = self.command, lambda *args: prefix + command(*args)
        saved = os.dup(3) if os.path.exists("/proc/self/fd/3") else None
        try:
            os.dup2(fd3, 3)
            return self.spawn(env=env, pass_fds=(3,))
        finally:
            self.command = command
            if saved is None:
                os.close(3)
            else:
                os.dup2(saved, 3)
                os.close(saved)

    def start(self, *args, **kwargs):
        self.spawn(*args, **kwargs)
        if not self.wait_told("READY=1"):
            raise RuntimeError("kgentd did not start:\n" + self.log())
        return self

    def wait_told(self, line, seconds=WAIT):
        """Waits for a line at the notify socket; whether it came."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.notify.settimeout(0.1)
            try:
                lines = self.notify.recv(4096).decode().splitlines()
            except TimeoutError:
                if self.process.poll() is not None:
                    return False
                continue
            self.told += lines
            if line in lines:
                return True
        return False

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, seconds=WAIT):
        return self.process.wait(seconds)

    def stop(self):
        self.signal(signal.SIGTERM)
        return self.wait()

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def request(self, method, path, body=None):
        """Over the operator's socket, with JSON or without: (status, body)."""
        c = LocalConnection(os.path.join(self.state, "admin.sock"))
        try:
            c.request(method, path, body, {"Content-Type": "application/json"} if body else {})
            r = c.getresponse()
            return r.status, r.read().decode()
        finally:
            c.close()

    def get(self, path="/livez"):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT)
        try:
            c.request("GET", path)
            r = c.getresponse()
            r.read()
            return r.status
        finally:
            c.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.notify.close()
        if "KGENT_TEST_LOG" in os.environ and os.path.exists(self.log_path):
            with open(os.environ["KGENT_TEST_LOG"], "a", encoding="utf-8") as f:
                f.write(self.log())
        shutil.rmtree(self.dir, ignore_errors=True)


def processes(parent):
    """The children of a process, zombies too: {pid: state}."""
    found = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as f:
                rest = f.read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(rest[1]) == parent:
            found[int(name)] = rest[0]
    return found


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def resident_kib(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as f:
        for line in f:
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
    return 0


class Load:
    """Keep-alive clients that ask for /livez all the time, strictly: every answer
    must be a complete 200, and a connection may end only after an answer that said
    so, or while it was silent."""

    def __init__(self, address, clients=4, rate=1000, path="/livez"):
        self.address, self.path = address, path
        self.pause = clients / rate
        self.answers = 0
        self.failures = []
        self.stopping = False
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(clients)]
        for t in self.threads:
            t.start()

    def connect(self):
        s = socket.create_connection(self.address, timeout=WAIT)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return s

    def exchange(self, s):
        """One request; whether the connection may be used again."""
        s.sendall(f"GET {self.path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        data = b""
        while b"\r\n\r\n" not in data:
            part = s.recv(65536)
            if not part:
                raise ConnectionError(f"closed after {len(data)} bytes of an answer")
            data += part
        head, body = data.split(b"\r\n\r\n", 1)
        lines = head.decode().lower().split("\r\n")
        length = int(next(h.split(":")[1] for h in lines if h.startswith("content-length:")))
        while len(body) < length:
            part = s.recv(65536)
            if not part:
                raise ConnectionError("closed inside a body")
            body += part
        if not lines[0].startswith("http/1.1 200"):
            raise ConnectionError(lines[0])
        return "connection: close" not in lines

    def run(self):
        s = None
        due = time.monotonic()
        while not self.stopping:
            due += self.pause
            try:
                s = s or self.connect()
                keep = self.exchange(s)
                with self.lock:
                    self.answers += 1
                if not keep:
                    s.close()
                    s = None
            except OSError as e:
                with self.lock:
                    self.failures.append(f"{time.monotonic():.3f} {type(e).__name__}: {e}")
                if s:
                    s.close()
                s = None
            time.sleep(max(0, due - time.monotonic()))
        if s:
            s.close()

    def stop(self):
        self.stopping = True
        for t in self.threads:
            t.join(WAIT)
        return self
