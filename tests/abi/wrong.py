#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Wrong plugins, each with the one line that refuses it.

Each is built from wrong.c and named in a configuration.  The loader leads it
through its life (`run`), or through a check in a child process (`check`).
DIR and CONF stand for the plugin folder and the configuration file."""
import os
import shutil
import signal
import subprocess
import sys
import tempfile

SRC = os.path.join(os.environ["top_srcdir"], "tests", "abi")
INCLUDE = os.path.join(os.environ["top_srcdir"], "include")
LOADER = os.path.join(os.environ["top_builddir"], "tests", "abi", "loader")
KGENTD = os.path.join(os.environ["top_builddir"], "kgentd")
CC = os.environ.get("CC", "cc").split()
FLAGS = ["-std=gnu17", "-D_GNU_SOURCE", "-w", "-fPIC", "-fvisibility=hidden", "-shared",
         "-I" + INCLUDE]

REBUILD = "rebuild it with the unchanged <kgent/plugin.h> and KG_PLUGIN (...)"
TABLE = "DIR/wrong.so: option table: "

# WRONG, what the line says behind "kgentd: CONF:3: "
LINES = [
    ("NO_ENTRY", "DIR/wrong.so: it exports no kg_plugin_1, so it is no kgent plugin (or hides it); define it with KG_PLUGIN (...)"),
    ("MAJOR", "DIR/wrong.so: built for plugin ABI 2.x, this host speaks 1.1 (upgrade the host, or rebuild with -DKG_ABI_TARGET='KG_ABI (1, 1)')"),
    ("MINOR", "DIR/wrong.so: built for plugin ABI 1.4, this host speaks 1.0 to 1.1 (upgrade the host, or rebuild with -DKG_ABI_TARGET='KG_ABI (1, 1)')"),
    ("NO_MACRO", "DIR/wrong.so: its descriptor carries no plugin ABI, this host speaks 1.0 to 1.1; define it with KG_PLUGIN (...)"),
    ("NOT_DATA", "DIR/wrong.so: kg_plugin_1 is not a descriptor; define it with KG_PLUGIN (...)"),
    ("SIZE", "DIR/wrong.so: its descriptor has 80 bytes (88 in the file), that of plugin ABI 1.0 has 88; " + REBUILD),
    ("OPT_SIZE", "DIR/wrong.so: its options have 80 bytes, those of plugin ABI 1.0 have 72; " + REBUILD),
    ("FLAGS", "DIR/wrong.so: it has flags 0x100, which plugin ABI 1.0 doesn't know"),
    ("NAME", "DIR/wrong.so: it calls itself \"other\"; rename the file to other.so"),
    ("NAME_BAD", "DIR/wrong.so: it calls itself \"Wrong Name\"; a name is 1 to 32 of [a-z0-9-]"),
    ("NAME_NULL", "DIR/wrong.so: it has no name; set .name in KG_PLUGIN"),
    ("VERSION", "DIR/wrong.so: it has no version; set .version in KG_PLUGIN"),
    ("NO_OPEN", "DIR/wrong.so: it has no `open`; set .open in KG_PLUGIN"),
    ("STOP_ALONE", "DIR/wrong.so: it has a `stop` that is never called; give it a `start`"),
    ("CONF_SIZE", "DIR/wrong.so: its configuration structure has 0 bytes; set .conf_size to its sizeof (at most 1048576)"),
    ("UNRESOLVED", "DIR/wrong.so: undefined symbol: nobody_has_this; link the plugin with what it uses, and -Wl,-z,defs"),
    ("OPT_TYPE", TABLE + "wrong.number: unknown type"),
    ("OPT_OFFSET", TABLE + "wrong.number: its offset is outside the configuration structure"),
    ("OPT_TWICE", TABLE + "text: the key is there twice"),
    ("OPT_DEFAULT", "DIR/wrong.so: wrong.number: 12 is out of range; 1 to 9 is allowed"),
    ("OPT_KEY", TABLE + "Number: a key is 1 to 64 of [a-z0-9_] and begins with a letter"),
    ("OPT_HELP", TABLE + "number: no help"),
    ("OPT_LOAD", TABLE + "load: the key belongs to the host"),
    ("ROUTE_TWICE", "DIR/wrong.so: open: route GET /twice: "),
    ("ROUTE_PATTERN", "DIR/wrong.so: open: route GET nowhere: "),
    ("ROUTE_METHOD", "DIR/wrong.so: open: route FETCH /x: "),
    ("ROUTE_FLAGS", "DIR/wrong.so: open: route GET /x: flags 0x8000, which this host doesn't know"),
    ("ROUTE_SIZE", "DIR/wrong.so: open: route: its size is not that of struct kg_route"),
    ("HOOK_PHASE", "DIR/wrong.so: open: hook: phase 3 has no hooks, or no function"),
    ("OPEN_FAILS", "DIR/wrong.so: open failed: Permission denied"),
    ("OPEN_TELLS", "wrong.text: \"x\" rhymes with nothing; write another"),
    ("OPEN_TELLS_MORE", "DIR/wrong.so: open: nothing fits"),
    ("NEED_MISSING", "DIR/wrong.so: it needs the service nobody/1, which nobody provides; load a plugin that does"),
    ("NEED_MAJOR", "DIR/wrong.so: it needs the service kg.health/2, but core provides kg.health/1; load versions that agree"),
    ("NEED_NAME", "DIR/wrong.so: open: need: \"health\" is not NAME/MAJOR with a slot"),
    ("PROVIDE_TAKEN", "DIR/wrong.so: open: the service kg.health/1 is provided by core already; load one of them"),
    ("LOCALE", "DIR/wrong.so: open: it changed the locale"),
    ("UMASK", "DIR/wrong.so: open: it changed the umask"),
    ("FOLDER", "DIR/wrong.so: open: it changed the working folder"),
    ("PIPE", "DIR/wrong.so: open: it changed what SIGPIPE does"),
    ("SIGMASK", "DIR/wrong.so: open: it changed the mask of blocked signals"),
    ("THREAD", "DIR/wrong.so: open: it started a thread"),
]

# These end the process; the line comes from where it happens.
CRASHES = [
    ("CONSTRUCTOR_CRASHES", "SIGABRT in a constructor, while it was loaded", -signal.SIGABRT),
    ("CONSTRUCTOR_EXITS", "it called exit while it was loaded or opened", 78),
    ("OPEN_CRASHES", "SIGSEGV in plugin wrong, open", -signal.SIGSEGV),
    ("OPEN_EXITS", "it called exit while it was loaded or opened", 78),
]
LOOPS = [
    ("CONSTRUCTOR_LOOPS", "loading and opening took over 5 s; its constructors and `open` must only declare"),
    ("OPEN_LOOPS", "loading and opening took over 5 s; its constructors and `open` must only declare"),
]

# [open] functions elsewhere: refused; debug builds end with the function's name.
TAGS = [
    ("LATE_ROUTE", "start failed: Operation not permitted"),
    ("FOREIGN_ROUTE", "open failed: Operation not permitted"),
]


class Bench:
    def __init__(self, root):
        self.root = root
        self.dir = os.path.join(root, "plugins")
        self.conf = os.path.join(root, "kgentd.conf")
        os.mkdir(self.dir, 0o755)
        self.state = os.path.join(root, "state")
        os.mkdir(self.state, 0o700)
        self.number = 0

    def build(self, wrong, name="wrong"):
        out = os.path.join(self.dir, name + ".so")
        subprocess.run(CC + FLAGS + ["-DWRONG=" + wrong, '-DWRONG_NAME="%s"' % name,
                                     os.path.join(SRC, "wrong.c"), "-o", out], check=True)
        os.chmod(out, 0o755)
        return out

    def start(self, mode="run", load="wrong"):
        with open(self.conf, "w") as f:
            f.write("store = { dir = \"%s\"; };\nplugins = (\n  { load = \"%s\"; }\n);\n"
                    % (self.state, load))
        env = dict(os.environ, PLUGIN_DIR=self.dir)
        command = [LOADER, self.conf, mode]
        if mode == "-t":
            command = [KGENTD, "-c", self.conf, "--plugin-dir", self.dir, "-t"]
        return subprocess.Popen(command, env=env, cwd=self.root, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)

    def finish(self, p):
        out, err = p.communicate(timeout=30)
        return p.returncode, err.replace(self.dir, "DIR").replace(self.conf, "CONF"), out

    def run(self, mode="run", load="wrong"):
        return self.finish(self.start(mode, load))

    def ok(self, name, good, detail=""):
        self.number += 1
        print("%s %d - %s" % ("ok" if good else "not ok", self.number, name))
        if not good:
            for line in str(detail).splitlines():
                print("# " + line)
        sys.stdout.flush()

    def expect(self, name, result, status, line, open_end=False):
        want = "kgentd: CONF:3: " + line
        code, err, _ = result
        if "Sanitizer" in err:  # its report follows, and its status
            err, code = err[:err.index("\n") + 1], status
        good = code == status and (err.startswith(want) if open_end else err == want + "\n")
        self.ok(name, good and err.count("\n") == 1, "%d\n%s\nwanted %d\n%s" % (code, err, status, want))


def descriptors(b):
    for wrong, line in LINES:
        b.build(wrong)
        b.expect(wrong, b.run(), 78, line, open_end=line.endswith(": "))
        b.expect(wrong + ", kgentd -t", b.run("-t"), 78, line, open_end=line.endswith(": "))
    b.build("NOTHING")
    b.ok("nothing wrong", b.run() == (0, "", ""), b.run())


def crashes(b):
    for wrong, line, status in CRASHES:
        b.build(wrong)
        b.expect(wrong, b.run(), status, "DIR/wrong.so: " + line)
        b.expect(wrong + ", checked", b.run("check"), 78, "DIR/wrong.so: " + line)
        b.expect(wrong + ", kgentd -t", b.run("-t"), 78, "DIR/wrong.so: " + line)
    b.build("CONSTRUCTOR_QUITS")
    code, err, _ = b.run("check")
    b.ok("CONSTRUCTOR_QUITS, checked", code == 78 and "ended the check with _exit" in err, err)


def loops(b):
    for wrong, line in LOOPS:
        b.build(wrong)
        b.expect(wrong + ", kgentd -t", b.run("-t"), 78, "DIR/wrong.so: " + line)


def tags(b):
    debug = subprocess.run([LOADER, "--debug"]).returncode == 0
    for wrong, line in TAGS:
        b.build(wrong)
        if debug:
            code, err, _ = b.run()
            b.ok(wrong, code == -signal.SIGABRT and "called route outside of its open\n" in err, err)
        else:
            b.expect(wrong, b.run(), 78, "DIR/wrong.so: " + line)


def files(b):
    so = b.build("NOTHING")
    os.chmod(so, 0o775)
    b.expect("writable for the group", b.run(), 78,
             "DIR/wrong.so: the file is writable for others (mode 0775); chmod go-w DIR/wrong.so")
    os.chmod(so, 0o755)
    os.chmod(b.dir, 0o757)
    b.expect("folder writable for all", b.run(), 78,
             "DIR/wrong.so: the folder is writable for others (mode 0757); chmod go-w DIR")
    os.chmod(b.dir, 0o755)
    if os.geteuid() == 0:
        os.chown(so, 12345, 12345)
        b.expect("another owner", b.run(), 78,
                 "DIR/wrong.so: the file belongs to user 12345, who could run code here; chown root DIR/wrong.so")
        os.chown(so, 0, 0)
    outside = os.path.join(b.root, "wrong.so")
    shutil.move(so, outside)
    b.expect("missing", b.run(), 78,
             "DIR/wrong.so: no such file; install the plugin, or correct its name")
    os.symlink(outside, so)
    b.expect("link out of the folder", b.run(), 78,
             "DIR/wrong.so: a link that leads out of its folder; copy the file")
    b.expect("path outside", b.run(load=outside), 78, outside
             + ": outside of the plugin folder DIR; put it there and load it by its name")
    os.unlink(so)
    shutil.move(outside, os.path.join(b.dir, "real.so"))
    os.symlink("real.so", so)
    b.ok("link inside the folder", b.run()[0] == 0, b.run())
    os.unlink(so)
    os.mkfifo(so, 0o600)
    b.expect("a pipe", b.run(), 78, "DIR/wrong.so: not a regular file")
    os.unlink(so)


def elf(b):
    so = b.build("NOTHING")
    with open(so, "rb") as f:
        good = f.read()
    for name, content, line in [
            ("text", b"plugin\n" * 9, "not a shared object (no ELF file); rebuild it"),
            ("empty", b"", "not a shared object (no ELF file); rebuild it"),
            ("cut", good[:40], "the file is cut short; rebuild it"),
            ("machine", good[:18] + b"\xf3\x00" + good[20:], "built for another machine (ELF class "),
            ("class", good[:4] + b"\x01" + good[5:], "built for another machine (ELF class "),
            ("program", good[:16] + b"\x02\x00" + good[18:], "not a shared object; link it with -shared")]:
        with open(so, "wb") as f:
            f.write(content)
        b.expect("ELF: " + name, b.run(), 78, "DIR/wrong.so: " + line, open_end=line.endswith("class "))


def main():
    with tempfile.TemporaryDirectory() as root:
        b = Bench(root)
        for part in (descriptors, crashes, loops, tags, files, elf):
            part(b)
        print("1..%d" % b.number)


main()
