#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""kgent-plugin(3) says what the headers and the example say."""
import os
import re

TOP = os.environ["top_srcdir"]


def read(*path):
    with open(os.path.join(TOP, *path), encoding="utf-8") as f:
        return f.read()


def example(page):
    """The code between the first Bd that begins with a comment and its Ed."""
    code = re.search(r"\.Bd -literal\n(/\* A whole plugin.*?)\n\.Ed", page, re.S).group(1)
    return code.replace("\\e", "\\").replace("\\&", "")


def header_functions(header):
    """The members of struct kg_host with their tags, in order."""
    table = re.search(r"struct kg_host \{(.*?)\n\};", header, re.S).group(1)
    return re.findall(r"/\* \[(\w+)\].*?\*/\s*[^;]*?\(\*(\w+)\)", table, re.S)


def main():
    page, header = read("docs", "kgent-plugin.3"), read("include", "kgent", "plugin.h")
    code = read("examples", "hello", "hello.c")
    listed = [(tag, name) for name, tag in
              re.findall(r"^\.It Fn (\w+)[^\n]*\n\.Em (\w+) \.$", page, re.M)]
    defined = set(re.findall(r"^#define (KG_(?:GET|NUM|OPT)_\w+)", header, re.M))
    said = set()
    for prefix in ("GET", "NUM"):
        for group in re.findall(r"KG_%s_\w+(?:, _\w+)*" % prefix, page):
            first, *rest = group.split(", ")
            said.add(first)
            said.update("KG_%s%s" % (prefix, r) for r in rest)
    said.update(re.findall(r"KG_OPT_\w+", page))
    headers = {h for h in os.listdir(os.path.join(TOP, "include", "kgent")) if h.endswith(".h")}
    named = set(re.findall(r"\bIn kgent/(\w+\.h)", page))
    tests = [
        ("the example is examples/hello/hello.c", example(page).strip() == code.split("\n", 3)[3].strip(), ""),
        ("every function, in order, with its tag", listed == header_functions(header),
         (listed, header_functions(header))),
        ("every constant", defined == said, defined ^ said),
        ("every header", headers == named, headers ^ named),
    ]
    print("1..%d" % len(tests))
    for i, (title, good, detail) in enumerate(tests):
        print("%s %d - %s" % ("ok" if good else "not ok", i + 1, title))
        if not good:
            print("# %s" % (detail,))


main()
