# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""What surrounds the process (FAULTS.md, C05, C11 and C12): secrets that must stay
inside, a wall clock that jumps, a processor that is hardly there."""
import email.utils
import os
import resource
import signal
import subprocess
import tempfile
import threading
import time

from wire import FaultHost, kgent, read_all, until

PLUGINS = ["health", "faulty", 'load = "auth"; dev_keys = true;', "agentese", "metering-openmeter"]
KEY = {"X-API-Key": "kg_dev_bob"}
HOUR, YEAR = 3600, 365 * 86400
SECRET = "whsec_fromTheEnvironment0123456789"


def unlimited():
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def inspected():
    """Whether the build has --enable-debug or a sanitizer, which want to see inside."""
    loader = os.path.join(kgent.BUILD, "tests", "abi", "loader")
    return kgent.sanitized() or subprocess.run([loader, "--debug"], check=False).returncode == 0


def inside():
    """C05: no core, nothing in the arguments."""
    try:
        control = subprocess.Popen(["sh", "-c", "kill -ABRT $$"], preexec_fn=unlimited, cwd=tempfile.gettempdir(),
                                   stderr=subprocess.DEVNULL)
    except (ValueError, subprocess.SubprocessError):
        kgent.skip("no core is written", "RLIMIT_CORE cannot be raised")
        return
    _, status = os.waitpid(control.pid, 0)
    control.returncode = 0
    plugins = ["health", 'load = "billing-stripe"; webhook_secret = "${env:KGENT_TEST_SECRET}";']
    host = FaultHost(plugins, options=["log.level=info"], env={"KGENT_TEST_SECRET": SECRET})
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    host.start()
    with open(f"/proc/{host.pid}/cmdline", "rb") as f:
        kgent.ok(SECRET.encode() not in f.read(), "C05: no secret in the arguments")
    os.kill(host.pid, signal.SIGABRT)
    _, ours = os.waitpid(host.pid, 0)
    host.process.returncode = 0
    kgent.ok(os.WIFSIGNALED(ours), "it crashes")
    if inspected():
        kgent.skip("C05: no core is written", "this build is for debugging")
    elif os.WCOREDUMP(status):
        kgent.ok(not os.WCOREDUMP(ours), "C05: and leaves no core")
    else:
        kgent.skip("C05: no core is written", "this system writes none at all")
    kgent.ok(SECRET not in host.logged(), "nor the secret in the log")
    host.log.close()
    host.folder.cleanup()


def jumps():
    """C11: durations don't see the wall clock; what is stamped by it does."""
    if kgent.sanitized():
        kgent.skip("C11: the wall clock jumps", "a sanitizer's library must come first")
        return
    clock = kgent.Clock()
    with FaultHost(PLUGINS, options=["http.threads=1", "http.handler_timeout=20"],
                   env=clock.env) as host:
        silent = host.connect()
        silent.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        silent.recv(4096)
        waits = host.connect()
        waits.sendall(b"GET /fault/wait?ms=2500&n=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        half = host.connect()
        half.sendall(b"GET /livez HTTP/1.1\r\n")
        for name, to in (("-1 h", -HOUR), ("+1 h", HOUR), ("+10 years", 10 * YEAR), ("into 2039", 13 * YEAR),
                         ("back", 0)):
            clock.jump(to)
            time.sleep(0.3)
            answer = host.post("/v1/agentese/invoke", {"path": "world.house.manifest"}, KEY)
            kgent.equal(answer.status, 200, f"C11: {name}: served")
            off = email.utils.parsedate_to_datetime(answer.headers["Date"]).timestamp() - time.time() - to
            kgent.ok(abs(off) < 5, f"the Date is that of the clock ({off:.1f} s off)")
            kgent.equal(host.get("/livez").status, 200, "alive")
        kgent.ok(read_all(waits, 8)[0].startswith(b"HTTP/1.1 200"), "who waits is not cut off")
        half.sendall(b"Host: x\r\nConnection: close\r\n\r\n")
        kgent.ok(read_all(half, 8)[0].startswith(b"HTTP/1.1 200"), "nor who sends a head")
        silent.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        kgent.ok(read_all(silent, 8)[0].startswith(b"HTTP/1.1 200"), "nor who is silent")
        kgent.contains(host.get("/metrics", admin=True).text, "\nkgent_store_events_total 5\n",
                       "five invocations, five records")
        page = host.get("/admin/v1/usage/events?limit=100", local=True).json
        ids = [e["id"] for e in page["events"]]
        kgent.equal((page["newest"], ids), (5, sorted(set(ids))), "their order is that of their ids")
        lines = [x["ts"] for x in host.lines()]
        kgent.ok(all(len(t) == len(lines[0]) for t in lines), "the log's times are well-formed")


def throttled():
    """C12: a twentieth of a processor is slow, and no reason to give up."""
    with FaultHost(options=["http.threads=1", "http.handler_timeout=2"]) as host:
        ending = threading.Event()

        def throttle():
            while not ending.is_set():
                host.process.send_signal(signal.SIGSTOP)
                time.sleep(0.095)
                host.process.send_signal(signal.SIGCONT)
                time.sleep(0.005)

        thread = threading.Thread(target=throttle)
        thread.start()
        worst = 0
        for _ in range(20):
            begin = time.monotonic()
            host.get("/livez")
            worst = max(worst, time.monotonic() - begin)
        ending.set()
        thread.join()
        kgent.ok(worst < 1, f"C12: probes are answered within 1 s ({worst:.2f} s)")
        host.process.send_signal(signal.SIGSTOP)
        time.sleep(3)
        host.process.send_signal(signal.SIGCONT)
        kgent.equal(host.get("/livez").status, 200, "alive right after a pause")
        until(lambda: False, 0.5)
        kgent.ok("blocked worker" not in host.logged(), "the watchdog took nobody for blocked")


kgent.main([inside, jumps, throttled])
