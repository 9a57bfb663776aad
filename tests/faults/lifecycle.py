# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Start and end: what is refused and how, and what signals do (FAULTS.md C01, C07, C08)."""
import os
import resource
import signal
import socket
import subprocess
import time

from daemon import KGENTD, Daemon, Tap, until


def refusals(tap):
    with Daemon() as d:
        status, text = d.run("-o", "store.dir=/nowhere/kgent")
        tap.equal(status, 73, "a missing state folder: exit 73")
        tap.ok("/nowhere/kgent" in text and text.count("\n") >= 1, "the folder is named", text)
        d.configure("httpx = { };")
        status, text = d.run()
        tap.equal(status, 78, "an unknown block: exit 78")
        tap.ok("httpx: unknown option; did you mean \"http\"?" in text and d.file + ":" in text,
               "with file, line and cure", text)
        d.configure()
        status, text = d.run("-o", "http.threads=many")
        tap.equal((status, text), (78, "kgentd: -o http.threads: http.threads: \"many\" is not an "
                                       "integer\n"), "a bad -o")
        status, text = d.run("--nonsense")
        tap.equal(status, 64, "an unknown option: exit 64")
        status, text = d.run("-o", "http.listen=192.0.2.1:80")
        tap.equal(status, 71, "an address that no interface has: exit 71")
        tap.ok("no interface has this address" in text, "with the cure", text)
        status, _ = d.run("-o", "http.listen=nonsense")
        tap.equal(status, 78, "an address that is none: exit 78")


def in_use(tap):
    with Daemon() as d, Daemon() as other, socket.socket() as s:
        s.bind(("127.0.0.1", d.port))
        s.listen()
        status, text = d.run()
        tap.equal(status, 75, "port in use: exit 75")
        tap.ok(f"http.listen: 127.0.0.1:{d.port}: in use by another process; stop it" in text,
               "with address and cure", text)
        other.start()
        status, text = other.run("-o", f"http.listen=127.0.0.1:{d.port + 1}")
        tap.ok(status == 75 and "another kgentd runs with this state folder" in text,
               "a second one on one state folder is refused", text)
        tap.equal(other.get(), 200, "the first one serves on")
        other.signal(signal.SIGKILL)
        other.wait()
        tap.ok(os.path.exists(os.path.join(other.state, "admin.sock")), "SIGKILL leaves a socket file")
        other.start()
        tap.equal(other.request("GET", "/admin/v1/version")[0], 200, "which the next start replaces")
        tap.equal(other.stop(), 0, "exit 0")
        tap.ok(not os.path.exists(os.path.join(other.state, "admin.sock")), "a proper end removes it")


def hold(d, path="/livez"):
    """A connection that has sent half of a request."""
    s = socket.create_connection(("127.0.0.1", d.port))
    s.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n".encode())
    return s


def drains(tap):
    with Daemon(grace=0.5, timeout=5) as d:
        d.start()
        idle = socket.create_connection(("127.0.0.1", d.port))
        idle.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        idle.recv(4096)
        half = hold(d)
        begin = time.monotonic()
        d.signal(signal.SIGTERM)
        tap.ok(d.wait_told("STOPPING=1"), "the service manager is told")
        tap.equal(d.get("/readyz"), 503, "not ready during the grace")
        tap.equal(d.get("/livez"), 200, "but served")
        until(lambda: time.monotonic() - begin > 0.7)
        half.sendall(b"\r\n")
        answer = half.recv(4096)
        tap.ok(answer.startswith(b"HTTP/1.1 200") and b"Connection: close" in answer,
               "what was under way is answered, and the connection closed", answer)
        tap.equal(d.wait(), 0, "exit 0")
        took = time.monotonic() - begin
        tap.ok(0.5 <= took < 5.5, "between the grace and the timeout", took)
        tap.equal(idle.recv(4096), b"", "idle connections are closed")


def crowd(tap):
    """C07: many requests under way and many silent connections."""
    with Daemon(timeout=8) as d:
        d.start()
        idle = [socket.create_connection(("127.0.0.1", d.port)) for _ in range(400)]
        half = [hold(d) for _ in range(200)]
        begin = time.monotonic()
        d.signal(signal.SIGTERM)
        d.wait_told("STOPPING=1")
        for s in half:
            s.sendall(b"\r\n")
        answers = [s.recv(4096) for s in half]
        good = sum(a.startswith(b"HTTP/1.1 200") for a in answers)
        tap.equal(good, 200, "200 requests under way are answered")
        tap.equal(d.wait(), 0, "exit 0")
        tap.ok(time.monotonic() - begin < 10, "within 10 s", time.monotonic() - begin)
        tap.ok(all(s.recv(1) == b"" for s in idle + half), "all connections are closed properly")


def scarce(tap):
    """C14: too few descriptors for a socket, a loop, a file: told, unwound, or served."""
    codes, bad = set(), []
    for limit in range(4, 80):
        with Daemon() as d:
            d.spawn(preexec_fn=lambda n=limit: resource.setrlimit(resource.RLIMIT_NOFILE, (n, n)))
            if d.wait_told("READY=1"):
                d.signal(signal.SIGTERM)
            code = d.wait()
            codes.add(code)
            if code not in (0, 71, 73, 78) or (code and "kgentd: " not in d.log()):
                bad.append((limit, code, d.log()))
            if os.listdir(d.state) == ["admin.sock"]:
                bad.append((limit, "admin.sock is left"))
    tap.equal(bad[:3], [], "a start with few descriptors fails with a reason, or serves")
    tap.ok(0 in codes and 71 in codes, "both happened", codes)


def stopped(tap):
    """C10: a pause of the whole process is no reason to fail."""
    with Daemon() as d:
        d.start()
        s = socket.create_connection(("127.0.0.1", d.port))
        d.signal(signal.SIGSTOP)
        time.sleep(2.5)
        d.signal(signal.SIGCONT)
        s.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = s.recv(4096)
        tap.ok(answer.startswith(b"HTTP/1.1 200"), "alive right after SIGSTOP and SIGCONT", answer)
        tap.equal(d.stop(), 0, "exit 0")


def again(tap):
    for first, second in ((signal.SIGTERM, signal.SIGTERM), (signal.SIGINT, signal.SIGINT)):
        with Daemon(grace=20, timeout=20) as d:
            d.start()
            half = hold(d)
            begin = time.monotonic()
            d.signal(first)
            d.wait_told("STOPPING=1")
            d.signal(second)
            tap.equal(d.wait(), 0, f"{second.name} while draining: exit 0")
            tap.ok(time.monotonic() - begin < 5, "at once", time.monotonic() - begin)
            half.close()


def while_starting(tap):
    """The signal is there before the program is: it waits, blocked, through exec."""
    def pending():
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        os.kill(os.getpid(), signal.SIGTERM)

    with Daemon() as d:
        d.spawn(preexec_fn=pending)
        tap.equal(d.wait(), 0, "SIGTERM while starting: exit 0")
        tap.ok("serves at" not in d.log(), "before it served", d.log())
        tap.ok(not os.path.exists(os.path.join(d.state, "admin.sock")), "nothing is left")


def watchdog(tap):
    with Daemon() as d:
        d.start(env={"WATCHDOG_USEC": "200000"})
        tap.ok(d.wait_told("WATCHDOG=1"), "the service manager's watchdog is fed")
        d.signal(signal.SIGHUP)
        tap.ok(d.wait_told("RELOADING=1") and d.wait_told("READY=1"), "reloading, ready")
        d.told.clear()
        tap.ok(d.wait_told("WATCHDOG=1"), "and fed after a handover")
        tap.equal(d.stop(), 0, "exit 0")


def checks(tap):
    with Daemon() as d:
        p = subprocess.run(d.command("-t"), capture_output=True, text=True, check=False)
        tap.equal((p.returncode, p.stdout), (0, f"kgentd: {d.file}: the configuration is good\n"), "-t")
        tap.equal(os.listdir(d.state), [], "-t writes nothing")
        p = subprocess.run(d.command("-T"), capture_output=True, text=True, check=False)
        tap.equal(p.returncode, 0, "-T")
        with open(d.file, "w", encoding="utf-8") as f:
            f.write(p.stdout)
        q = subprocess.run(d.command("-T"), capture_output=True, text=True, check=False)
        tap.equal(q.stdout, p.stdout, "what -T prints is a configuration that prints the same")
        p = subprocess.run([KGENTD, "--dump-plugin", "core"], capture_output=True, text=True,
                           check=False)
        tap.ok("listen: string, default 127.0.0.1:8000" in p.stdout, "--dump-plugin core", p.stdout)
        p = subprocess.run([KGENTD, "--dump-plugin", "health"], capture_output=True, text=True,
                           check=False)
        tap.ok(p.returncode == 0 and "GET /livez" in p.stdout, "--dump-plugin health",
               p.stdout + p.stderr)


with Tap() as tap:
    refusals(tap)
    in_use(tap)
    drains(tap)
    crowd(tap)
    scarce(tap)
    stopped(tap)
    again(tap)
    while_starting(tap)
    watchdog(tap)
    checks(tap)
