# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""For tests that drive the real program: TAP, a running kgentd, HTTP.

    import kgent
    with kgent.Host(plugins=["health"]) as host:
        answer = host.get("/livez")
        kgent.equal(answer.status, 200, "livez is 200")
    kgent.done()
"""
import http.client
import json
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback

SOURCE = os.environ.get("top_srcdir") or os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("top_builddir") or os.path.join(SOURCE, "build")
KGENTD = os.path.join(BUILD, "kgentd")
KGENTCTL = os.path.join(BUILD, "kgentctl")
START_SECONDS = 30  # for a host under valgrind or a sanitizer too

count = 0
failed = 0


# ---- TAP -------------------------------------------------------------------


def ok(condition, name):
    """One result; returns whether it is good."""
    global count, failed
    count += 1
    failed += not condition
    print(f"{'ok' if condition else 'not ok'} {count} - {name}", flush=True)
    return bool(condition)


def equal(got, wanted, name):
    if not ok(got == wanted, name):
        note(f"got    {got!r}")
        note(f"wanted {wanted!r}")


def contains(text, part, name):
    if not ok(part in text, name):
        note(f"got    {text!r}")
        note(f"wanted something with {part!r}")


def skip(name, reason):
    global count
    count += 1
    print(f"ok {count} - {name} # SKIP {reason}", flush=True)


PEERS = os.path.join(BUILD, "peers/node_modules/.bin")


def peer(command, name):
    """The path of a peer program, or None: then the test is skipped, and in CI
    (where ./dev deps --test has installed it) failed."""
    places = os.environ["PATH"] + ":" + PEERS
    path = os.environ.get(command.upper()) or shutil.which(command, path=places)
    if not path and os.environ.get("CI"):
        ok(False, f"{name}: {command} is not installed")
    elif not path:
        skip(name, f"{command} is not installed")
    return path


def node_modules(package):
    """The folder of libraries of Node.js that has a package, or None: that of NODE_PATH, or
    beside the programs of one."""
    places = os.environ.get("NODE_PATH", "").split(":")
    places += [os.path.dirname(p) for p in os.environ["PATH"].split(":") + [PEERS]
               if p.endswith("node_modules/.bin")]
    return next((os.path.abspath(p) for p in places
                 if p and os.path.isdir(os.path.join(p, package))), None)


def note(text):
    for line in str(text).splitlines():
        print(f"# {line}", flush=True)


def thread_ended(what):
    """A thread of the test that ends with a mistake of its own is a failure; peers that are cut
    off are none."""
    if issubclass(what.exc_type, (TypeError, NameError)):
        ok(False, f"{what.thread.name if what.thread else 'a thread'} raised")
    note("".join(traceback.format_exception(what.exc_type, what.exc_value, what.exc_traceback)))


threading.excepthook = thread_ended


def done():
    """The plan; ends the test."""
    print(f"1..{count}", flush=True)
    sys.exit(1 if failed else 0)


def main(tests):
    """Runs functions; one that raises is a failure, and the next one runs."""
    for test in tests:
        try:
            test()
        except Exception:  # the test goes on with the next function
            ok(False, f"{test.__name__} raised")
            note(traceback.format_exc())
    done()


def until(what, seconds=30):
    """Asks until it is so, also over a host that is not there for a while; what it was at last."""
    end = time.monotonic() + seconds
    while True:
        try:
            found = what()
        except (OSError, http.client.HTTPException):
            found = None
        if found or time.monotonic() > end:
            return found
        time.sleep(0.02)


# ---- HTTP ------------------------------------------------------------------


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    @property
    def json(self):
        return json.loads(self.body)


class SocketConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=30)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(self.path)


def request(connection, method, target, body=None, headers=None):
    """One request on a connection of its own."""
    headers = dict(headers or {})
    if isinstance(body, (dict, list)):
        body = json.dumps(body)
        headers.setdefault("Content-Type", "application/json")
    try:
        connection.request(method, target, body=body, headers=headers)
        return Answer(connection.getresponse())
    finally:
        connection.close()


def free_port():
    """Below those that connections get by themselves: nobody takes it between two starts,
    and who tries to connect meanwhile does not meet itself."""
    while True:
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", random.SystemRandom().randrange(10240, 32768)))
                return s.getsockname()[1]
            except OSError:
                continue


# ---- The host --------------------------------------------------------------


def sanitized():
    """Whether kgentd has a sanitizer: its library comes before any that is preloaded, and has
    calls of its own."""
    with open(KGENTD, "rb") as f:
        program = f.read()
    return b"__asan_init" in program or b"__tsan_init" in program


class Clock:
    """The wall clock of a host that has its `env`: off by so many seconds."""

    def __init__(self):
        self.file = tempfile.NamedTemporaryFile(prefix="kgent-clock-")
        self.env = {"LD_PRELOAD": os.path.join(BUILD, "tests", "faults", "clock.so"),
                    "CLOCK_FILE": self.file.name}
        self.jump(0)

    def jump(self, seconds):
        os.pwrite(self.file.fileno(), struct.pack("=q", seconds), 0)


class Host:
    """A kgentd of the test's own, in a folder of its own.

    `plugins` are names, or texts of whole blocks ('load = "auth"; x = 1;');
    `options` are texts for -o."""

    def __init__(self, plugins=("health",), options=(), env=None, state=None):
        self.folder = tempfile.TemporaryDirectory(prefix="kgent-")
        self.state = state or os.path.join(self.folder.name, "state")
        os.makedirs(self.state, mode=0o700, exist_ok=True)
        self.port, self.admin_port = free_port(), free_port()
        self.config = os.path.join(self.folder.name, "kgentd.conf")
        self.options = list(options)
        self.env = {**os.environ, **(env or {})}
        self.process = None
        self.configure(plugins)

    def configure(self, plugins):
        blocks = [p if "=" in p else f'load = "{p}";' for p in plugins]
        with open(self.config, "w", encoding="utf-8") as f:
            f.write(f'http = {{ listen = "127.0.0.1:{self.port}"; }};\n'
                    f'admin = {{ listen = "127.0.0.1:{self.admin_port}"; }};\n'
                    f'store = {{ dir = "{self.state}"; }};\n'
                    "drain = { grace = 0.0; timeout = 10.0; };\n"
                    'log = { level = "debug"; };\n'
                    "plugins = (" + ", ".join(f"{{ {b} }}" for b in blocks) + ");\n")

    def start(self):
        self.log = open(os.path.join(self.folder.name, "log"), "w+", encoding="utf-8")
        command = [KGENTD, "-c", self.config]
        for option in self.options:
            command += ["-o", option]
        wrapper = os.environ.get("KGENT_WRAPPER", "").split()
        self.process = subprocess.Popen(wrapper + command, stdout=self.log, stderr=self.log,
                                        env=self.env)
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self.process.poll() is None:
            try:
                self.get("/", admin=True)
                return self
            except OSError:
                time.sleep(0.02)
        raise RuntimeError(f"kgentd does not serve:\n{self.logged()}")

    def stop(self, number=signal.SIGTERM, seconds=30):
        """Ends it; returns its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            status = "did not end"
        return status

    def logged(self, start=0):
        """What it wrote; over a descriptor of its own, for it writes where the shared one is."""
        with open(self.log.name, "rb") as f:
            f.seek(start)
            return f.read().decode("utf-8", "replace")

    def says(self, text, seconds=30):
        """Whether its log does: a line comes a moment later than what it is about."""
        return until(lambda: text in self.logged(), seconds)

    def hand_over(self, seconds=60):
        """Whether another process serves, after a SIGHUP.  The log tells: for a moment both
        accept, so that who is asked now may be the old one, and the new one before it."""
        start = os.path.getsize(self.log.name)
        self.process.send_signal(signal.SIGHUP)
        return until(lambda: "reloaded: process" in self.logged(start), seconds)

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, value, trace):
        status = self.stop()
        if status != 0 or kind:
            note(self.logged()[-4000:])
        if not kind:
            equal(status, 0, "kgentd ends with 0")
        self.log.close()
        self.folder.cleanup()

    def request(self, method, target, body=None, headers=None, admin=False, local=False):
        if local:
            connection = SocketConnection(os.path.join(self.state, "admin.sock"))
        else:
            connection = http.client.HTTPConnection(
                "127.0.0.1", self.admin_port if admin else self.port, timeout=30)
        return request(connection, method, target, body, headers)

    def get(self, target, headers=None, admin=False, local=False):
        return self.request("GET", target, headers=headers, admin=admin, local=local)

    def post(self, target, body, headers=None, admin=False, local=False):
        return self.request("POST", target, body, headers, admin, local)

    def events(self):
        """All that are recorded, in their order, as CloudEvents."""
        found, after = [], 0
        while True:
            answer = self.get(f"/admin/v1/usage/events?limit=1000&after={after}", local=True)
            if answer.status != 200:
                raise RuntimeError(answer.text)
            if not answer.json["events"]:
                return found
            found += answer.json["events"]
            after = answer.json["next"]

    def ctl(self, *args, env=None, seconds=60):
        """Runs kgentctl against it; returns exit status, output, errors."""
        return ctl("-s", self.state, *args, env=env, seconds=seconds)


def ctl(*args, env=None, seconds=60):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("KGENT_")}
    run = subprocess.run([KGENTCTL, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         text=True, env={**clean, **(env or {})}, timeout=seconds)
    return run.returncode, run.stdout, run.stderr
