#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""The tables of kgentctl's commands and options, and what is made from them or says the same:
help, manual page, completion."""
import json
import os
import re
import subprocess

import kgent
from ctl_admin import ctl, folder

CLIENTS = {"invoke", "paths", "affordances", "trace", "completion paths", "completion kwargs"}


def commands():
    """The names of commands, from the overview."""
    text = ctl("--help")[1].split("Commands:\n")[1].split("\n\n")[0]
    return [re.split("  +", line.strip())[0] for line in text.splitlines()]


def options(text, title):
    part = text.split(f"\n{title}:\n")
    return set(re.findall(r"^  (?:-\w,|   ) --([a-z-]+)", part[1].split("\n\n")[0], re.M)) \
        if len(part) > 1 else set()


def meanings():
    """A general option stands behind commands, too: one of a command with its name or letter
    would be taken for it.  Where the host is, a client's listener is as well; `--key ID` is
    behind limits and explain as kgentctl(1) says."""
    spelled = re.compile(r"^  (?:-(\w), |    )--([a-z-]+)", re.M)
    shared = {"--url": CLIENTS, "-u": CLIENTS, "--key": {"limits", "explain"}}

    def spellings(text, title):
        part = text.split(f"\n{title}:\n")[1:]
        found = spelled.findall(part[0].split("\n\n")[0]) if part else ()
        return {f"-{c}" for c, _ in found if c} | {f"--{name}" for _, name in found}

    general = spellings(ctl("--help")[1], "Options for all commands")
    kgent.ok({"--state", "-s", "--version", "-V"} <= general, "the help has the general options")
    for name in commands():
        status, out, err = ctl(*name.split(), "--help")
        kgent.ok(status == 0 and not err and out.startswith(f"Usage: kgentctl {name}"),
                 f"{name} has a help")
        both = spellings(out, "Options") & general
        kgent.equal(both - {o for o in both if name in shared.get(o, ())}, set(),
                    f"{name} has no option that means another thing elsewhere")


def manual():
    with open(os.path.join(kgent.SOURCE, "docs/kgentctl.1"), encoding="utf-8") as f:
        page = f.read()
    names = commands()
    kgent.ok(len(names) > 25 and "key new" in names, "the overview lists the commands")
    body = page.split(".Sh COMMANDS\n")[1].split("\n.Sh ")[0]
    general = options(ctl("--help")[1], "Options for all commands") - {"key", "url"}
    items = {}
    for item in re.split(r"^\.It (?:Xo\n\.)?", body, flags=re.M)[1:]:
        words = re.match(r"Cm ((?:[a-z]+ ?)+)", item)
        if words:
            own = set(re.findall(r"Fl (?:\w , )?-([a-z-]+)", item)) - general
            items.setdefault(words[1].strip(), set()).update(own)
    kgent.equal(sorted(items), sorted(names), "the manual page has the commands, and no others")
    for name in names:
        own = options(ctl(*name.split(), "--help")[1], "Options")
        kgent.equal(items.get(name, set()) - ({"key", "url"} - own), own,
                    f"the manual page has the options of {name}")
    before = page.split(".Sh COMMANDS\n")[0]
    kgent.equal(set(re.findall(r"^\.It Fl \w , -([a-z]+)", before, re.M)), general | {"key", "url"},
                "the manual page has the general options")
    told = ctl("--help")[1].split("Exit codes: ")[1]
    kgent.equal(re.findall(r"\d", told),
                re.findall(r"^\.It (\d)", page.split(".Sh EXIT STATUS\n")[1], re.M),
                "the manual page has the exit codes")


def complete(line):
    """What bash would offer for the last word of a command line."""
    script = ('source <("$0" completion bash); COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); '
              '_kgentctl; printf "%s\\n" "${COMPREPLY[@]}"')
    run = subprocess.run(["bash", "-c", script, kgent.KGENTCTL, *line], stdout=subprocess.PIPE,
                         text=True, check=True, cwd=folder.name)
    return set(run.stdout.split())


def completion():
    with open(os.path.join(kgent.SOURCE, "etc/bash-completion/kgentctl"), encoding="utf-8") as f:
        kgent.equal(ctl("completion", "bash")[1], f.read(),
                    "etc/bash-completion/kgentctl is what `kgentctl completion bash` prints")
    kgent.ok("key" in complete(["kgentctl", ""]), "commands are completed")
    kgent.equal(complete(["kgentctl", "key", "r"]), {"rotate", "revoke"}, "and second words")
    kgent.equal(complete(["kgentctl", "-s", "x", "tenant", "add", "Acme", "--s"]),
                {"--slug", "--status", "--spend-per-month", "--state"}, "options of a command")
    kgent.equal(complete(["kgentctl", "user", "set", "ann", "--role", "o"]), {"owner"},
                "values of an option")
    kgent.equal(complete(["kgentctl", "audit", "v"]), {"verify"}, "a command that goes on")
    kgent.equal(complete(["kgentctl", "apply", "-f", "adm"]), {"admin.sock"}, "files")
    for line, words in ((["billing", "inbox", ""], {"list", "show", "replay"}),
                        (["meter", "parked", ""], {"list", "show", "retry", "drop"})):
        offered = {word for word in complete(["kgentctl", *line]) if word[0] != "-"}
        kgent.equal(offered, words, f"what may follow, and nothing else: {line}")
    groups = re.findall(r"^  ([a-z]+)\)$", ctl("completion", "bash")[1], re.M)
    kgent.equal(len(groups), len(set(groups)), "each group once")
    for name in commands():
        offered = complete(["kgentctl", *name.split(), "--"])
        wanted = options(ctl(*name.split(), "--help")[1], "Options")
        kgent.ok(wanted <= {o[2:] for o in offered}, f"options of {name} are completed")
    script = json.loads(ctl("completion", "bash", "--json")[1])
    kgent.equal(script["shell"], "bash", "completion as JSON")


kgent.main([meanings, manual, completion])
