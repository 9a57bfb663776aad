#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Fills the option lists of manual pages from the option tables.

usage: docs/options.py [--check] KGENTD PAGE...

Between the lines '.\\" options: NAME' and '.\\" end' of a page stands what
`KGENTD --dump-plugin NAME --mdoc` prints.  --check changes nothing and tells
which pages are out of date.
"""
import subprocess
import sys


def table(kgentd, name):
    command = [kgentd, "--dump-plugin", name, "--mdoc"]
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if run.returncode:
        sys.exit(f"docs/options.py: {' '.join(command)}: exit status {run.returncode}")
    return run.stdout.splitlines()


def filled(kgentd, lines):
    out, inside = [], False
    for line in lines:
        if line == '.\\" end':
            inside = False
        if not inside:
            out.append(line)
        if line.startswith('.\\" options: '):
            inside = True
            out += table(kgentd, line.split(": ", 1)[1])
    return out


def main(args):
    check = args[:1] == ["--check"]
    args = args[check:]
    if len(args) < 2:
        sys.exit(__doc__)
    stale = 0
    for page in args[1:]:
        with open(page, encoding="utf-8") as f:
            before = f.read()
        after = "\n".join(filled(args[0], before.splitlines())) + "\n"
        if before == after:
            continue
        stale += 1
        if check:
            print(f"{page}: option lists are out of date; run docs/options.py {args[0]} {page}")
            continue
        with open(page, "w", encoding="utf-8") as f:
            f.write(after)
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
