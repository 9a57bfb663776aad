#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""A plugin built with the headers of ABI 1.0 as released, in today's host."""
import http.client
import os
import re
import subprocess
import sys
import tempfile
import time

TOP, BUILD = os.environ["top_srcdir"], os.environ["top_builddir"]
SRC = os.path.join(TOP, "tests", "abi")
CC = os.environ.get("CC", "cc").split() + ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror",
                                           "-fPIC", "-fvisibility=hidden", "-shared",
                                           "-Wl,-z,defs", "-I" + os.path.join(SRC, "1.0")]
CONF = """
http = { listen = "127.0.0.1:0"; threads = 1; };
admin = { listen = ""; };
store = { dir = "%s"; };
drain = { grace = 0; };
plugins = ( { load = "frozen"; pieces = 2; } );
"""
ROWS = [  # title, method, path, headers, body, status, answer
    ("closed", "GET", "/frozen/of/a", {}, None, 401, None),
    ("scope", "GET", "/frozen/of/a", {"X-Frozen": "no"}, None, 403, None),
    ("handler", "GET", "/frozen/of/a?q=b", {"X-Frozen": "who"}, None, 200, "brr a b snow 1"),
    ("json and record", "POST", "/frozen/json", {}, '{"a":40}', 201, "42"),
    ("problem", "POST", "/frozen/json", {}, "{}", 422, None),
    ("waits", "GET", "/frozen/wait", {}, None, 200, "worked"),
    ("streams", "GET", "/frozen/stream", {}, None, 200, "data: x\n\ndata: x\n\n"),
    ("fails", "GET", "/frozen/fail", {}, None, 504, None),
    ("counted", "GET", "/frozen/count", {}, None, 200, "1 8"),
]
number = 0


def ok(title, good, detail=""):
    global number
    number += 1
    print("%s %d - %s" % ("ok" if good else "not ok", number, title))
    if not good:
        print("\n".join("# " + line for line in str(detail).splitlines()))
    sys.stdout.flush()


def fake(so):
    p = subprocess.run([os.path.join(BUILD, "tests", "abi", "driver"), so], capture_output=True, text=True)
    for line in p.stdout.splitlines():
        m = re.match(r"(not )?ok \d+ - (.*)", line)
        if m:
            ok("fake host: " + m.group(2), not m.group(1))
    ok("fake host: the end", p.returncode == 0, p.stderr)


def port_of(log, process):
    for _ in range(100):
        with open(log, encoding="utf-8") as f:
            m = re.search(r"127\.0\.0\.1:([1-9]\d*)", f.read())
        if m:
            return int(m.group(1))
        if process.poll() is not None:
            break
        time.sleep(0.1)
    with open(log, encoding="utf-8") as f:
        sys.exit("Bail out! kgentd doesn't serve: " + f.read())


def ask(port, row):
    _, method, path, headers, body, status, answer = row
    if body:
        headers = dict(headers, **{"Content-Type": "application/json"})
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    c.request(method, path, body, headers)
    r = c.getresponse()
    text = r.read().decode()
    good = r.status == status and (answer is None or answer == text)
    if answer is None:
        good = good and r.getheader("Content-Type") == "application/problem+json"
    ok("host: " + row[0], good, "%d %s" % (r.status, text))


def real(root, kgentd):
    conf, log = os.path.join(root, "kgentd.conf"), os.path.join(root, "log")
    os.mkdir(os.path.join(root, "state"), 0o700)
    with open(conf, "w", encoding="utf-8") as f:
        f.write(CONF % os.path.join(root, "state"))
    with open(log, "w", encoding="utf-8") as f:
        p = subprocess.Popen([kgentd, "-c", conf, "--plugin-dir", os.path.join(root, "plugins")], stderr=f)
    try:
        port = port_of(log, p)
        for row in ROWS:
            ask(port, row)
    finally:
        p.terminate()
        code = p.wait(timeout=30)
    with open(log, encoding="utf-8") as f:
        ok("host: ends well", code == 0, f.read())


def main():
    kgentd = os.path.join(BUILD, "kgentd")
    with tempfile.TemporaryDirectory() as root:
        os.mkdir(os.path.join(root, "plugins"), 0o755)
        so = os.path.join(root, "plugins", "frozen.so")
        subprocess.run(CC + [os.path.join(SRC, "frozen.c"), "-o", so], check=True)
        os.chmod(so, 0o755)
        fake(so)
        real(root, kgentd)
    print("1..%d" % number)


main()
