# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""SIGTERM and restart under load, the socket held by an activator as systemd does it:
no request fails.  KGENT_RESTARTS: how many (8)."""
import os
import signal
import socket

from daemon import Daemon, Load, Tap, until

RESTARTS = int(os.environ.get("KGENT_RESTARTS", "8"))
RATE = int(os.environ.get("KGENT_RATE", "1000"))


class Activator:
    """Hands one listening socket to one process after the other."""

    def __init__(self, name=""):
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.address = self.socket.getsockname()
        self.name = name

    def start(self, d):
        # Only the new process knows its id: a shell, which keeps it through exec.
        script = 'LISTEN_PID=$$ exec "$@"'
        env = {"LISTEN_FDS": "1", "LISTEN_FDNAMES": self.name}
        d.spawn_as(["sh", "-c", script, "sh"], env=env, fd3=self.socket.fileno())


def unit_section(name):
    """Lines of a section of the unit that is installed."""
    path = os.path.join(os.environ.get("top_srcdir", "."), "etc/systemd/kgentd.service.in")
    with open(path, encoding="utf-8") as f:
        return f.read().split(f"[{name}]\n")[1].split("\n[")[0].splitlines()


with Tap() as tap, Daemon(grace=0, timeout=5) as d:
    tap.ok("StartLimitIntervalSec=0" in unit_section("Unit"),
           "systemd starts it as often as it takes: a full disk ends by itself")
    activator = Activator("http")
    activator.start(d)
    tap.ok(d.wait_told("READY=1"), "an activated process serves", d.log())
    where = f"serves at 127.0.0.1:{activator.address[1]}"
    tap.ok(until(lambda: where in d.log()), "at the socket it was given", d.log())
    load = Load(activator.address, clients=8, rate=RATE)
    statuses = []
    for i in range(RESTARTS):
        answers = load.answers
        until(lambda: load.answers > answers + 50)
        d.signal(signal.SIGTERM)
        statuses.append(d.wait())
        activator.start(d)
        if not d.wait_told("READY=1"):
            statuses.append("not ready: " + d.log()[-500:])
    answers = load.stop().answers
    tap.equal(statuses, [0] * RESTARTS, f"{RESTARTS} times SIGTERM and start: exit 0")
    tap.equal(load.failures[:5], [], f"{answers} requests, none failed")
    tap.ok(answers > RESTARTS * 50, "there was load", answers)
    d.signal(signal.SIGHUP)
    tap.ok(d.wait_told("READY=1"), "an activated process hands over too")
    load = Load(activator.address, clients=2, rate=200)
    tap.ok(until(lambda: load.answers > 20), "and its successor serves the same socket")
    tap.equal(load.stop().failures, [], "without a failure")
    tap.equal(d.stop(), 0, "exit 0")
