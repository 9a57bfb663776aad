#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""A handler that crashes ends the process with a line that names it; the next
process serves again."""
import http.client
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

TOP, BUILD = os.environ["top_srcdir"], os.environ["top_builddir"]
CC = os.environ.get("CC", "cc").split() + ["-std=gnu17", "-fPIC", "-fvisibility=hidden", "-shared",
                                           "-pthread", "-I" + os.path.join(TOP, "include")]
CONF = """http = { listen = "127.0.0.1:0"; threads = 1; };
admin = { listen = ""; };
drain = { grace = 0; };
store = { dir = "%s"; };
plugins = ( { load = "crash"; } );
"""


class Host:
    def __init__(self, root):
        self.log = open(os.path.join(root, "log"), "w+", encoding="utf-8")
        self.process = subprocess.Popen(
            [os.path.join(BUILD, "kgentd"), "-c", os.path.join(root, "kgentd.conf"),
             "--plugin-dir", os.path.join(root, "plugins")], stderr=self.log)
        self.port = self.find_port()

    def said(self):
        self.log.seek(0)
        return self.log.read()

    def find_port(self):
        for _ in range(200):
            m = re.search(r"127\.0\.0\.1:([1-9]\d*)", self.said())
            if m:
                return int(m.group(1))
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        sys.exit("Bail out! kgentd doesn't serve: " + self.said())

    def get(self, how):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            c.request("GET", "/crash/" + how, headers={"X-Request-ID": "test-" + how})
            return c.getresponse().status
        except (http.client.HTTPException, OSError):
            return 0

    def end(self):
        code = self.process.wait(timeout=30)
        said = self.said()
        self.log.close()
        return code, said


def crash(root, how, sig, line):
    host = Host(root)
    status = host.get(how)
    code, said = host.end()
    died = code == -sig or "Sanitizer" in said
    place = how == "thread" or re.search(
        r"^kgentd: it was at (\S+\+0x[0-9a-f]+ < )*crash\.so\+0x[0-9a-f]+", said, re.M)
    return (status == 0 and died and place and line + "\n" in said,
            "%d %d\n%s" % (status, code, said))


def alive(root):
    host = Host(root)
    status = host.get("not")
    host.process.terminate()
    code, said = host.end()
    return status == 200 and code == 0, "%d %d\n%s" % (status, code, said)


def main():
    debug = subprocess.run([os.path.join(BUILD, "tests", "abi", "loader"), "--debug"]).returncode == 0
    rows = [("fault", signal.SIGSEGV, "kgentd: SIGSEGV in plugin crash, /crash/{how}, request test-fault"),
            ("overflow", signal.SIGSEGV, "kgentd: SIGSEGV in plugin crash, /crash/{how}, request test-overflow"),
            ("abort", signal.SIGABRT, "kgentd: SIGABRT in plugin crash, /crash/{how}, request test-abort")]
    if debug:
        rows.append(("thread", signal.SIGABRT, "kgentd: a plugin called get on a thread that does not run a hook of it"))
    print("1..%d" % (len(rows) + 1))
    with tempfile.TemporaryDirectory() as root:
        os.mkdir(os.path.join(root, "plugins"), 0o755)
        os.mkdir(os.path.join(root, "state"), 0o700)
        so = os.path.join(root, "plugins", "crash.so")
        subprocess.run(CC + [os.path.join(TOP, "tests", "abi", "crash.c"), "-o", so], check=True)
        os.chmod(so, 0o755)
        with open(os.path.join(root, "kgentd.conf"), "w", encoding="utf-8") as f:
            f.write(CONF % os.path.join(root, "state"))
        results = [(row[0],) + crash(root, *row) for row in rows] + [("serves again",) + alive(root)]
    for i, (title, good, detail) in enumerate(results):
        print("%s %d - %s" % ("ok" if good else "not ok", i + 1, title))
        if not good:
            print("\n".join("# " + line for line in detail.splitlines()))


main()
