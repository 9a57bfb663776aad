#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""The ten minutes of README, done: its commands are taken from there, run one after
the other in one shell against a host as `./dev run` starts it, and what they print is
compared with what README shows.

What differs each time (ids, keys, hashes, times, durations) may differ here too, but
must be of its kind; a line of README with "..." may have anything in its place, and a
line that is nothing else stands for any number of lines."""
import os
import re
import subprocess
import time

import kgent

SECTION = "## Ten minutes\n"
PLACES = {  # what differs, and what it may be
    "ID": r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    "KEY": r"kg_[a-z0-9]{5}_[A-Za-z0-9_-]{43}",
    "PREFIX": r"kg_[a-z0-9]{5}(?![a-z0-9_])",
    "HASH": r"[0-9a-f]{64}",
    "RECORD": r"[0-9a-z]{8}-[0-9a-f]{8}-[0-9a-f]{2}-[0-9a-f]{12}",
    "SIGNATURE": r"(?<=sig=\")\d+\.[0-9a-f]{32}",
    "TIME": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)",
    "DATE": r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT",
    "EPOCH": r"@?1\d{9}",
    "LATENCY": r"\d+ms",
    "REFILLED": r"\d of 600 used|600 +\d +\d+(?= )",
    "WINDOW": r"(?<=t=)\d+",
    "BUCKET": r"(?<=minute\";r=)\d+",
    "SPAN": r"(?:\d+[dhm] )?\d+[hms](?![a-z\w])",
    "FRACTION": r"\d+\.\d+(?![.\d])",
}
ANY = r"\.\.\."


def pattern(line):
    """A line of README as a regular expression."""
    kinds = "|".join(f"(?P<{name}>{place})" for name, place in PLACES.items())
    out, at = "", 0
    for found in re.finditer(f"{kinds}|{ANY}", line):
        out += literal(line[at:found.start()])
        out += f"(?:{PLACES[found.lastgroup]})" if found.lastgroup else ".*"
        at = found.end()
    return out + literal(line[at:])


def literal(text):
    """Columns are as wide as what stands in them."""
    return r"\s+".join(re.escape(part) for part in re.split(r" {2,}", text))


def commands(text):
    """The commands of a section, with the lines that each prints."""
    found, open_command = [], False
    for line in text.split(SECTION, 1)[1].split("\n## ", 1)[0].splitlines():
        if line and not line.startswith("    "):
            open_command = False
            continue
        line = line[4:]
        if line.startswith("$ "):
            found.append((line[2:], []))
            open_command = True
        elif open_command and line.startswith("> ") and not found[-1][1]:
            found[-1] = (found[-1][0] + "\n" + line[2:], [])
        elif open_command and found[-1][0].endswith(("\\", "|")) and not found[-1][1]:
            found[-1] = (found[-1][0] + "\n" + line, [])
        elif open_command:
            found[-1][1].append(line)
    return found


def matches(wanted, got):
    """Whether the lines are as wanted."""
    if not wanted:
        return not got
    if wanted[0].strip() == "...":
        return any(matches(wanted[1:], got[i:]) for i in range(len(got) + 1))
    return bool(got) and bool(re.fullmatch(pattern(wanted[0]), got[0].rstrip())) \
        and matches(wanted[1:], got[1:])


def run(host, folder, wanted):
    """Runs all commands in one shell; returns the output of each."""
    script = "exec 2>&1\n"
    for command, _ in wanted:
        command = command.replace("127.0.0.1:8000", f"127.0.0.1:{host.port}")
        command = command.replace("127.0.0.1:8001", f"127.0.0.1:{host.admin_port}")
        script += command + "\nprintf '\\n@@@@\\n'\n"
    env = {k: v for k, v in os.environ.items() if not k.startswith("KGENT_")}
    with open(os.path.join(folder, ".curlrc"), "w", encoding="utf-8") as f:
        f.write("silent\nshow-error\n")  # as on a terminal
    shell = subprocess.run(["bash", "-c", script], cwd=folder, stdout=subprocess.PIPE, text=True,
                           env={**env, "CURL_HOME": folder}, timeout=300)
    text = shell.stdout.replace(f"127.0.0.1:{host.port}", "127.0.0.1:8000")
    text = text.replace(f"127.0.0.1:{host.admin_port}", "127.0.0.1:8001")
    return [part.strip("\n").replace("\r", "") for part in text.split("\n@@@@\n")]


def checkout(host):
    """A folder that looks like the fresh clone in which README's reader stands."""
    folder = os.path.join(host.folder.name, "clone")
    os.makedirs(os.path.join(folder, "build"))
    for name, target in (("build/kgentd", kgent.KGENTD), ("build/kgentctl", kgent.KGENTCTL),
                         ("build/state", host.state), ("etc", os.path.join(kgent.SOURCE, "etc"))):
        os.symlink(os.path.abspath(target), os.path.join(folder, name))
    return folder


def readme():
    while time.time() % 86400 > 86400 - 60:  # the day of the limits ends
        time.sleep(1)
    with open(os.path.join(kgent.SOURCE, "README.md"), encoding="utf-8") as f:
        wanted = commands(f.read())
    kgent.ok(len(wanted) > 15, "README has the commands")
    host = kgent.Host()
    host.config = os.path.join(kgent.SOURCE, "etc/kgentd.conf")
    host.options = [f"http.listen=127.0.0.1:{host.port}",
                    f"admin.listen=127.0.0.1:{host.admin_port}", f"store.dir={host.state}",
                    "drain.grace=0"]
    with host:
        outputs = run(host, checkout(host), wanted)
        for (command, lines), output in zip(wanted, outputs):
            got = output.splitlines()
            while lines and not lines[-1].strip():
                lines.pop()
            if not kgent.ok(matches(lines, got), "README: " + command.replace("\n", " ")):
                kgent.note("README has\n" + "\n".join(lines) + "\nit is\n" + output)
        kgent.equal(len(outputs), len(wanted) + 1, "all commands were run")


kgent.main([readme])
