#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Completion of kgentctl's lines: what it offers, and what bash makes of that."""
import json
import os
import pty
import select
import time

import kgent
from ctl_client import (CACHE, LISTING, PATHS, URL, complete, ctl, environment, folder, fresh,
                        reset, stub)


def candidates(*args, **env):
    return ctl("completion", *args, **env)[1].split()


def completion():
    reset()
    fresh()
    stub.table["GET", PATHS] = (200, {"paths": LISTING, "next": None})
    for prefix, wanted in (
            ("", ["self.", "world."]), ("wor", ["world."]), ("world.", ["world.translator."]),
            ("world.house.", ["world.house.manifest", "world.house.transform"]),
            ("world.a.b.t", ["world.a.b.transform"]), ("x", []),
            ("world.translator.", ["world.translator.translate"]),
            ("world.translator.m", []), ("self.judgment.taste", ["self.judgment.taste"])):
        kgent.equal(candidates("paths", prefix), wanted, f"paths from '{prefix}'")
    path = "world.translator.translate"
    kgent.equal(candidates("kwargs", path),
                ["text=", "to=", "count:=", "fast:=", "evil=", "both:=", "any="], "arguments")
    kgent.equal(candidates("kwargs", path + "[phase=TEST]", "to"), ["de", "en"], "and values")
    kgent.equal(candidates("kwargs", path, "fast"), ["true", "false"], "of a boolean")
    kgent.equal(candidates("kwargs", "world.house.manifest"), [], "a path that takes none")
    kgent.equal(json.loads(ctl("completion", "paths", "-j")[1]), {"paths": ["self.", "world."]},
                "as JSON")
    kgent.equal(len(stub.seen), 1, "the host was asked once")
    candidates("paths", KGENT_API_KEY="kg_other")
    kgent.equal(len(stub.seen), 2, "another key has a list of its own")
    names = os.listdir(os.path.join(CACHE, "kgentctl"))
    modes = {oct(os.stat(os.path.join(CACHE, "kgentctl", n)).st_mode & 0o777) for n in names}
    kgent.equal((len(names), modes), (2, {"0o600"}), "which others cannot read")
    old = time.time() - 61
    for name in names:
        os.utime(os.path.join(CACHE, "kgentctl", name), (old, old))
    candidates("paths")
    kgent.equal(len(stub.seen), 3, "after a minute it is asked again")


def completion_silent():
    fresh()
    away = f"http://127.0.0.1:{kgent.free_port()}"
    kgent.equal(ctl("completion", "paths", KGENT_URL=away), (0, "", ""), "a host that is away")
    fresh()
    reset()
    kgent.equal(ctl("completion", "paths"), (0, "", ""), "or refuses")
    ctl("completion", "paths")
    kgent.equal(len(stub.seen), 1, "is left alone for a while")
    kgent.equal(ctl("completion", "paths", XDG_CACHE_HOME="/dev/null/x")[:2], (0, ""),
                "a cache that cannot be")


def completion_bash():
    fresh()
    reset()
    stub.table["GET", PATHS] = (200, {"paths": LISTING, "next": None})
    path = "world.translator.translate"
    for words, wanted in (
            (["invoke", "wo"], ["world."]), (["paths", "self."], ["self.judgment."]),
            (["affordances", ""], ["self.", "world."]), (["invoke", path, "t"], ["text=", "to="]),
            (["invoke", path, "to", "="], ["de", "en"]), (["invoke", path, "to", "=", "d"], ["de"]),
            (["invoke", path, "fast", ":="], ["true", "false"]),
            (["invoke", path, "fast", ":=", "t"], ["true"]),
            (["invoke", path, "text", "=", "x", "c"], ["count:="]),
            (["invoke", "--pipeline", path, "se"], ["self."]),
            (["invoke", path, "--max"], ["--max-cost"]),
            (["invoke", "--archetype", "poet", "wo"], ["world."])):
        kgent.equal(complete(*words), wanted, f"bash: {words}")
    kgent.equal(complete("invoke", path, "evil", "="), ["\\$\\(touch\\ pwned\\)"],
                "what a host says is quoted")
    kgent.ok(not os.path.exists(os.path.join(folder.name, "pwned")), "and not run")
    away = f"http://127.0.0.1:{kgent.free_port()}"
    kgent.equal(complete("--url", "http", ":", "//127.0.0.1", ":", URL.rsplit(":", 1)[1], "invoke",
                         "wo", KGENT_URL=away), ["world."], "the host that the line names")
    kgent.ok("--kwargs" in complete("invoke", "", KGENT_URL=away), "else options are left")


def typed(keys, wanted, **env):
    """What bash makes of keys that are typed; read until it shows what is wanted."""
    pid, fd = pty.fork()
    if not pid:
        path = os.path.dirname(os.path.abspath(kgent.KGENTCTL)) + ":" + os.environ["PATH"]
        os.environ.update(environment(PATH=path, TERM="dumb", INPUTRC="/dev/null", **env))
        os.execvp("bash", ["bash", "--norc", "--noprofile", "-i"])
    os.write(fd, b"source <(kgentctl completion bash); bind 'set bell-style none'\n"
             b"PS1='rea''dy '\n")
    shown = read_until(fd, "ready ")
    os.write(fd, keys.encode())
    shown = read_until(fd, wanted)
    os.write(fd, b"\x03exit\n")
    os.close(fd)
    os.waitpid(pid, 0)
    return shown


def read_until(fd, wanted, seconds=30):
    out, end = "", time.monotonic() + seconds
    while wanted not in out and time.monotonic() < end:
        if select.select([fd], [], [], 0.2)[0]:
            out += os.read(fd, 65536).decode()
    return out


def completion_typed():
    """In a shell: it takes words apart by itself, and puts the rest behind what is typed."""
    fresh()
    reset()
    stub.table["GET", PATHS] = (200, {"paths": LISTING, "next": None})
    path = "world.translator.translate"
    for keys, wanted in (("invoke wo\t", "invoke world."), (f"invoke {path[:-5]}\t", path + " "),
                         (f"invoke {path} cou\t3", f"{path} count:=3"),
                         (f"invoke {path} to=d\t", f"{path} to=de "),
                         (f"invoke {path} fast:=t\t", f"{path} fast:=true "),
                         (f"--url {URL} invoke sel\t", "invoke self."),
                         ("tenant add x --tier=TE\t", "--tier=TEAMS ")):
        shown = typed("kgentctl " + keys, wanted)
        if not kgent.ok(wanted in shown, f"typed: {keys!r}"):
            kgent.note(shown)


kgent.main([completion, completion_silent, completion_bash, completion_typed])
