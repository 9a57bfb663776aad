#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""The order in which plugins live: strict pairs, providers first, rollback."""
import os
import subprocess
import sys
import tempfile

SRC = os.path.join(os.environ["top_srcdir"], "tests", "abi", "life.c")
INCLUDE = os.path.join(os.environ["top_srcdir"], "include")
LOADER = os.path.join(os.environ["top_builddir"], "tests", "abi", "loader")
CC = os.environ.get("CC", "cc").split() + ["-std=gnu17", "-w", "-fPIC", "-fvisibility=hidden",
                                           "-shared", "-I" + INCLUDE]

# title, plugins in the order of the configuration with their macros, what they
# say (name initials, callbacks), exit status, the error line
ROWS = [
    ("pairs", [("alpha", {}), ("beta", {})],
     "alpha open, beta open, alpha start, beta start, beta stop, alpha stop, beta close, alpha close", 0, ""),
    ("providers start first",
     [("alpha", {"NEEDS": "b/1"}), ("beta", {"PROVIDES": "b/1"})],
     "alpha open, beta open, beta start, alpha start 7, alpha stop 7, beta stop, beta close, alpha close 7", 0, ""),
    ("provided before",
     [("beta", {"PROVIDES": "b/1"}), ("alpha", {"NEEDS": "b/1"})],
     "beta open, alpha open, beta start, alpha start 7, alpha stop 7, beta stop, alpha close 7, beta close", 0, ""),
    ("an optional need that nobody meets",
     [("alpha", {"NEEDS": "b/1", "OPTIONAL": 1})],
     "alpha open, alpha start, alpha stop, alpha close", 0, ""),
    ("a need that nobody meets",
     [("alpha", {}), ("beta", {"NEEDS": "b/1"})],
     "alpha open, beta open, beta close, alpha close", 78,
     "kgentd: CONF:4: DIR/beta.so: it needs the service b/1, which nobody provides; load a plugin that does"),
    ("a ring",
     [("alpha", {"NEEDS": "c/1", "PROVIDES": "a/1"}), ("beta", {"NEEDS": "a/1", "PROVIDES": "b/1"}),
      ("gamma", {"NEEDS": "b/1", "PROVIDES": "c/1"})],
     "alpha open, beta open, gamma open, gamma close 7, beta close 7, alpha close 7", 78,
     "kgentd: CONF:3: DIR/alpha.so: cannot start: plugins need each other in a ring, "
     "alpha -> gamma -> beta -> alpha; move what one of them provides to a plugin of its own"),
    ("a ring with a need that is met late",
     [("alpha", {"NEEDS": "b/1", "OPTIONAL": 2, "PROVIDES": "a/1"}),
      ("beta", {"NEEDS": "a/1", "PROVIDES": "b/1"})],
     "alpha open, beta open, alpha start 7, beta start 7, beta stop 7, alpha stop 7, "
     "beta close 7, alpha close 7", 0, ""),
    ("a ring without the first",
     [("alpha", {"NEEDS": "b/1"}), ("beta", {"NEEDS": "c/1", "PROVIDES": "b/1"}),
      ("gamma", {"NEEDS": "b/1", "PROVIDES": "c/1"})],
     "alpha open, beta open, gamma open, gamma close 7, beta close 7, alpha close 7", 78,
     "kgentd: CONF:4: DIR/beta.so: cannot start: plugins need each other in a ring, "
     "beta -> gamma -> beta; move what one of them provides to a plugin of its own"),
    ("open fails",
     [("alpha", {}), ("beta", {"FAIL": 1}), ("gamma", {})],
     "alpha open, beta open, alpha close", 78,
     "kgentd: CONF:4: DIR/beta.so: open failed: Input/output error"),
    ("start fails",
     [("alpha", {}), ("beta", {"FAIL": 2}), ("gamma", {})],
     "alpha open, beta open, gamma open, alpha start, beta start, alpha stop, gamma close, beta close, alpha close",
     78, "kgentd: CONF:4: DIR/beta.so: start failed: Input/output error"),
    ("the same service twice",
     [("alpha", {"PROVIDES": "a/1"}), ("beta", {"PROVIDES": "a/1", "FAIL": 1})],
     "alpha open, beta open, alpha close", 78,
     "kgentd: CONF:4: DIR/beta.so: open: the service a/1 is provided by alpha already; load one of them"),
]

DUMP = """name: alpha
version: 1.0
abi: 1.0
summary: Life of alpha
file: DIR/alpha.so
alpha open
routes:
  GET /alpha public quiet: Says alpha
hooks: LOG
provides: a/1
needs: c/1
alpha close
"""


def build(folder, name, macros):
    text = {"NAME", "PROVIDES", "NEEDS"}
    flags = ["-D%s=%s" % (k, '"%s"' % v if k in text else v)
             for k, v in dict(macros, NAME=name).items()]
    out = os.path.join(folder, name + ".so")
    subprocess.run(CC + flags + [SRC, "-o", out], check=True)
    os.chmod(out, 0o755)


def run(root, row):
    folder, conf = os.path.join(root, "plugins"), os.path.join(root, "kgentd.conf")
    for name, macros in row[1]:
        build(folder, name, macros)
    with open(conf, "w") as f:
        f.write("\nplugins = (\n%s\n);\n" % ",\n".join("{ load = \"%s\"; }" % n for n, _ in row[1]))
    env = dict(os.environ, PLUGIN_DIR=folder)
    p = subprocess.run([LOADER, conf, "run"], env=env, capture_output=True, text=True, timeout=30)
    err = p.stderr.replace(folder, "DIR").replace(conf, "CONF")
    return p.returncode, ", ".join(p.stdout.splitlines()), err


def dump(root):
    folder = os.path.join(root, "plugins")
    build(folder, "alpha", {"NEEDS": "c/1", "PROVIDES": "a/1"})
    p = subprocess.run([LOADER, "-", "dump", os.path.join(folder, "alpha.so")],
                       capture_output=True, text=True, timeout=30)
    return p.stdout.replace(folder, "DIR") + p.stderr


def report(number, title, good, got):
    print("%s %d - %s" % ("ok" if good else "not ok", number, title))
    if not good:
        print("\n".join("# " + line for line in str(got).splitlines()))
    sys.stdout.flush()


def main():
    with tempfile.TemporaryDirectory() as root:
        os.mkdir(os.path.join(root, "plugins"), 0o755)
        for i, row in enumerate(ROWS):
            got = run(root, row)
            report(i + 1, row[0], got == (row[3], row[2], row[4] + "\n" if row[4] else ""), got)
        got = dump(root)
        report(len(ROWS) + 1, "a dump", got == DUMP, got)
        print("1..%d" % (len(ROWS) + 1))


main()
