#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""kgentctl as a client of the path language: what it sends, what it makes of answers and
refusals, its exit codes; against a server of the test's own."""
import errno
import json
import os
import pty
import subprocess

import kgent
from ctl_client import (HOUSE, INVOKE, KEY, URL, answers, ctl, environment, folder, refuses,
                        reset, sent, stub)


# ---- What is sent ----------------------------------------------------------------------------


def arguments():
    answers(None)
    status, out, err = ctl("invoke", HOUSE, "text=a=b:c", "n:=0.50", "list:=[1,\"\u00e4\"]",
                           "none:=null", "empty=", "--archetype", "poet", "--observer", "ann",
                           "--capability", "define,x")
    kgent.equal((status, out, err), (0, "null\n", ""), "an invocation")
    kgent.equal(sent(), {"path": HOUSE, "observer": {"archetype": "poet", "name": "ann",
                                                     "capabilities": ["define", "x"]},
                         "kwargs": {"text": "a=b:c", "n": 0.5, "list": [1, "\u00e4"], "none": None,
                                    "empty": ""}}, "texts and JSON, and who looks")
    kgent.contains(stub.seen[-1][3], "0.50", "a number goes as it was written")
    headers = stub.seen[-1][2]
    kgent.equal((headers.get("X-API-Key"), headers.get("Accept"), headers.get("Content-Type")),
                (KEY, "application/json", "application/json"), "with the key")
    for name in ("Kgent-Max-Cost", "Idempotency-Key", "Authorization"):
        kgent.ok(name not in headers, f"without {name}")
    ctl("invoke", HOUSE, "b=2", "--kwargs", '{"a":1,"b":1}', "--input", "[1]")
    kgent.equal(sent()["kwargs"], {"a": 1, "b": "2", "input": [1]},
                "--kwargs and --input; words replace")
    ctl("invoke", HOUSE, "--max-cost", "7", "--idempotency-key", 'a "b" \\')
    headers = stub.seen[-1][2]
    kgent.equal((headers.get("Kgent-Max-Cost"), headers.get("Idempotency-Key")),
                ("7", '"a \\"b\\" \\\\"'), "fields for costs, and to do it once")


def piped(text, *args):
    return subprocess.run([kgent.KGENTCTL, *args], input=text, stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.PIPE, env={**os.environ, **environment()}, timeout=60)


def standard_input():
    answers(None)
    run = piped('{"a": [1]}\n', "invoke", HOUSE, "--kwargs", "-")
    kgent.equal((run.returncode, sent()["kwargs"]), (0, {"a": [1]}), "--kwargs -")
    run = piped('"x"', "invoke", HOUSE, "--input", "-")
    kgent.equal((run.returncode, sent()["kwargs"]), (0, {"input": "x"}), "--input -")
    run = piped("x", "invoke", HOUSE, "--input", "-")
    kgent.equal((run.returncode, len(stub.seen)), (2, 2), "what is no JSON is not sent")
    kgent.contains(run.stderr, "--input: that is not JSON", "and told")
    run = piped("{}", "invoke", HOUSE, "--input", "-", "--kwargs", "-")
    kgent.equal((run.returncode, len(stub.seen)), (2, 2), "two cannot have standard input")
    kgent.contains(run.stderr, "only one of --kwargs, --input", "which is told")


def keys():
    answers(None)
    name = os.path.join(folder.name, "key")
    with open(name, "w", encoding="utf-8") as f:
        f.write("  kg_file \nsecond line\n")
    ctl("invoke", HOUSE, "--key-file", name)
    kgent.equal(stub.seen[-1][2].get("X-API-Key"), "kg_file", "a file's first line, before all")
    ctl("invoke", HOUSE, KGENT_API_KEY="eyJ.a.b")
    kgent.equal((stub.seen[-1][2].get("X-API-Key"), stub.seen[-1][2].get("Authorization")),
                (None, "Bearer eyJ.a.b"), "a signed token")
    ctl("invoke", HOUSE, KGENT_API_KEY="", KGENT_ADMIN_KEY="kg_admin")
    headers = stub.seen[-1][2]
    kgent.ok("kg_admin" not in str(headers), "the operator's key is not sent to strangers' routes")
    kgent.equal(piped("kg_in\n", "paths", "--key-file", "-", "-u", URL).returncode, 1, "from stdin")
    kgent.equal(stub.seen[-1][2].get("X-API-Key"), "kg_in", "as well")
    count = len(stub.seen)
    for args in (["--key", "kg_x", "paths"], ["paths", "-k", "kg_x"]):
        status, out, err = ctl(*args)
        kgent.ok(status == 2 and "KGENT_API_KEY" in err and "kg_x" not in err,
                 f"no key on a command line: {args}")
    kgent.equal(ctl("paths", "--key-file", "/dev/null/x")[0], 2, "no such file")
    kgent.equal(ctl("paths", "--key-file", "/dev/null")[0], 2, "an empty one")
    kgent.equal(ctl("paths", KGENT_API_KEY="kg_\u00e4")[0], 2, "what no field can carry")
    kgent.equal(len(stub.seen), count, "nothing of it was sent")


def where():
    answers(None)
    other = f"http://127.0.0.1:{kgent.free_port()}"
    for args in (["-u", URL, "invoke", HOUSE], ["invoke", HOUSE, "--url", URL + "/"]):
        kgent.equal(ctl(*args, KGENT_URL=other)[0], 0, f"--url before KGENT_URL: {args}")
    status, out, err = ctl("invoke", HOUSE, KGENT_URL=other)
    kgent.equal((status, out), (3, ""), "nobody there")
    kgent.contains(err, f"no host answers at {other}; say where", "it is told who, and the cure")
    kgent.equal(ctl("invoke", HOUSE, KGENT_URL="x")[0], 2, "no URL")


def usage():
    answers(None)
    for args in (["invoke"], ["invoke", HOUSE, "x"], ["invoke", HOUSE, "=x"],
                 ["invoke", HOUSE, ":=1"], ["invoke", HOUSE, "a:=x"], ["invoke", HOUSE, "a:="],
                 ["invoke", HOUSE, "--kwargs", "[1]"], ["invoke", HOUSE, "--kwargs", "null"],
                 ["invoke", HOUSE, "--idempotency-key", ""],
                 ["invoke", HOUSE, "--idempotency-key", "\u00e4"],
                 ["invoke", HOUSE, "--idempotency-key", "x" * 256],
                 ["invoke", HOUSE, "--max-cost", "-1"], ["affordances"],
                 ["invoke", "--pipeline", "a.b.c", "--kwargs", "1"], ["trace", "--limit", "0"],
                 ["trace", "--limit", "1001"], ["trace", "-f", "--every", "0"],
                 ["trace", "a", "b"]):
        status, out, err = ctl(*args)
        kgent.ok(status == 2 and not out and "kgentctl: " in err, f"wrong usage: {args}")
    kgent.equal(stub.seen, [], "nothing of it was sent")
    kgent.contains(ctl("invoke", "a.b.c", "d.e.f")[2], "--pipeline", "several paths")


def compositions():
    answers([1, 2], tokens_used=1, pipeline_trace=[{"path": "a.b.c"},
                                                   {"path": "d.e.f", "rollback_token": "t"}])
    status, out, err = ctl("invoke", "a.b.c >> d.e.f", "x=1", "--archetype", "poet")
    kgent.equal((status, out, err), (0, "1\n2\n", "1 token\nrollback_token t, of step 2\n"),
                "a composition, what it cost, and how to undo it")
    kgent.equal(sent(), {"observer": {"archetype": "poet"}, "path": "a.b.c >> d.e.f",
                         "kwargs": {"x": "1"}}, "the arguments are the first step's")
    ctl("invoke", "--pipeline", "a.b.c", "d.e.f[phase=TEST]", "--input", "[1]")
    kgent.equal(sent(), {"path": "a.b.c >> d.e.f[phase=TEST]", "kwargs": {"input": [1]}},
                "of words")
    refuses(403, "Step 2 of 2 ('d.e.f'): no\n\n    Why: so", failed_step=1, why="so",
            pipeline_trace=[{"path": "a.b.c", "duration_ms": 0.5}])
    status, out, err = ctl("invoke", "--pipeline", "a.b.c", "d.e.f")
    kgent.equal((status, out, err), (
        1, "", "kgentctl: a.b.c >> d.e.f: 403: Step 2 of 2 ('d.e.f'): no\n  Why: so\n"
        "  step 1 was done: a.b.c, 0.5 ms\n"), "the step that failed, and those before it")


# ---- What comes back -------------------------------------------------------------------------


def results():
    table = [{"at": "2026-01-02T03:04:05.123456+00:00", "n": 1234, "s": "x"}, {"n": 5, "t": True}]
    for result, wanted in (
            ("a\nb", "a\nb\n"), ("a\n", "a\n"), ("\x1b[2J", "\x1b[2J\n"), (1234, "1,234\n"),
            (True, "yes\n"), (None, "null\n"), ([], "[ ]\n"), ({}, "{ }\n"),
            ([1, "b c"], "1\nb c\n"),
            (table, "at                        n  s  t\n2026-01-02T03:04:05Z  1,234  x  -\n"
             "-                         5  -  yes\n"),
            ({"a": 1.50, "b": {"c": "", "d": [1, 2]}, "e": {}, "f": []},
             "a    1.5\nb.c  -\nb.d  1,2\ne    -\nf    -\n"),
            ({"text": "x" * 200, "n": 1}, "n  1\n\ntext:\n" + "x" * 200 + "\n"),
            ({"text": "a\nb"}, "text:\na\nb\n"),
            ({"said": ["so it is", "b"], "rows": [{"x": 1}]},
             "said:\nso it is\nb\n\nrows:\nx\n1\n"),
            ({"a": {"b": {"c": 1, "d": [{"x": 1}]}, "e": "f"}},
             "a.b.c  1\na.e    f\n\na.b.d:\nx\n1\n"),
            ({"n": list(range(200))}, "n:\n" + "".join(f"{i}\n" for i in range(200))),
            ([{"a": {"b": "x" * 3000}}], '{"a":{"b":"' + "x" * 3000 + '"}}\n'),
            ([[1], [2]], "[1]\n[2]\n"),
            ({"a": {"a": {"a": {"a": {"a": {"a": {"a": {"a": 1}}}}}}}},
             'a.a.a.a.a.a.a  {"a":1}\n'),
            ([{"long": "x" * 3000}], '{"long":"' + "x" * 3000 + '"}\n')):
        answers(result)
        status, out, err = ctl("invoke", HOUSE)
        kgent.equal((status, out, err), (0, wanted, ""), f"shown: {str(result)[:40]!r}")
    answers({"a": 1}, tokens_used=1234, rollback_token="world.house@3")
    status, out, err = ctl("invoke", HOUSE)
    kgent.equal((out, err), ("a  1\n", "1,234 tokens\nrollback_token world.house@3\n"),
                "what stands beside the result is on standard error")
    status, out, err = ctl("invoke", HOUSE, "--json")
    kgent.equal((json.loads(out), err), (stub.table[INVOKE][1], ""), "--json is the whole answer")
    answers("x" * 5000)
    kgent.equal(ctl("invoke", HOUSE)[1], "x" * 5000 + "\n", "nothing of a long text is cut off")
    deep = "[" * 40 + "]" * 40
    stub.table[INVOKE] = (200, '{"result":%s,"tokens_used":0}' % deep)
    kgent.equal(ctl("invoke", HOUSE)[0], 0, "a deep result is read")
    stub.table[INVOKE] = (200, "<html>")
    status, out, err = ctl("invoke", HOUSE)
    kgent.ok(status == 5 and "isn't JSON" in err, "another server's answer is told")


def receipts():
    name = os.path.join(folder.name, "receipt")
    answers(1)
    status, out, err = ctl("invoke", HOUSE, "--receipt", name)
    kgent.ok(status == 1 and "has none" in err and not os.path.exists(name), "no receipt")
    stub.table[INVOKE] += ({"Kgent-Receipt": 'id="1"; units=3', "Idempotent-Replayed": "true"},)
    status, out, err = ctl("invoke", HOUSE, "--receipt", name)
    with open(name, encoding="utf-8") as f:
        kgent.equal((status, out, f.read()), (0, "1\n", 'id="1"; units=3\n'), "a receipt is kept")
    kgent.contains(err, "replayed", "an answer that was sent before")
    count = len(stub.seen)
    status, out, err = ctl("invoke", HOUSE, "--receipt", "/dev/null/x")
    kgent.equal((status, out, len(stub.seen)), (1, "", count), "or cannot be, and nothing is paid")
    kgent.contains(err, "nothing was invoked", "which is told")
    with open(name, encoding="utf-8") as f:
        kgent.equal(f.read(), 'id="1"; units=3\n', "what is there already stays meanwhile")


def refusals():
    refuses(403, "Affordance not available: no\n\n    Why: so\n\n    Try: x.y\n\n    Related: a, b",
            why="so", suggestion="x.y", related=["a", "b"])
    status, out, err = ctl("invoke", HOUSE)
    kgent.equal((status, out, err), (
        1, "", f"kgentctl: {HOUSE}: 403: Affordance not available: no\n  Why: so\n  Try: x.y\n"
        "  Related: a, b\n"), "message, why, try, related")
    status, out, err = ctl("invoke", HOUSE, "--json")
    kgent.equal((status, json.loads(out)["related"]), (1, ["a", "b"]), "--json is the problem")
    for status, code in ((400, 1), (401, 1), (402, 4), (403, 1), (404, 1), (409, 1), (422, 1),
                         (429, 4), (500, 5), (501, 1), (502, 5), (503, 5), (504, 5), (507, 4)):
        refuses(status, "no")
        kgent.equal(ctl("invoke", HOUSE)[:2], (code, ""), f"the exit code of {status}")
    refuses(429, "Rate limit exceeded.", {"Retry-After": "12"})
    kgent.contains(ctl("invoke", HOUSE)[2], "  Try: again in 12 s\n", "when to try again")
    refuses(401, "API key required")
    kgent.contains(ctl("invoke", HOUSE, KGENT_API_KEY="")[2], "by KGENT_API_KEY or --key-file",
                   "how to give a key")
    reset()
    kgent.contains(ctl("invoke", HOUSE)[2], "is this the public listener", "another listener")
    refuses(403, "a\x1b[2J\r\n\n    Why: \x1b[2J")
    kgent.ok("\x1b" not in ctl("invoke", HOUSE)[2], "a refusal cannot drive the terminal")


def misfits():
    """Who writes n=1 and is refused is told how to write a number."""
    refuses(422, "body.kwargs.n: Input should be a valid integer; body.kwargs.t: Field required",
            errors=[{"loc": ["body", "kwargs", "n"], "msg": "x"},
                    {"loc": ["body", "kwargs", "t"], "msg": "x"}])
    kgent.equal(ctl("invoke", HOUSE, "n=1", "s=x")[2], (
        f"kgentctl: {HOUSE}: 422: n: Input should be a valid integer; t: Field required\n"
        "  Try: 'n:=1', which is JSON; with = it is a text\n"
        f"  Related: kgentctl paths {HOUSE} --long\n"), "n=1 is a text")
    kgent.ok("Try" not in ctl("invoke", HOUSE, "n=x")[2], "n=x would be no JSON")
    kgent.ok("Try" not in ctl("invoke", HOUSE, "n:=1.5")[2], "n:=1.5 is JSON already")


def quotes():
    reset()
    quote = {"path": HOUSE, "allowed": True, "cost": {"requests": 1, "tokens": 2000, "money": 0},
             "left": {"requests": None, "tokens": 5000, "money": 3}, "refusal": None}
    stub.table["POST", INVOKE[1] + "?quote=1"] = (200, quote)
    status, out, err = ctl("invoke", HOUSE, "--quote", "--stream")
    kgent.equal((status, out, err), (
        0, "cost      at most       left\nrequests        1  unlimited\n"
        "tokens      2,000      5,000\nmoney           0          3\n", ""), "a quote")
    kgent.equal(ctl("invoke", "a.b.c >> d.e.f", "--quote")[0], 0, "of a composition")
    kgent.equal(json.loads(ctl("invoke", HOUSE, "--quote", "-j")[1]), quote, "as JSON")
    quote["allowed"], quote["refusal"] = False, {"status": 402, "detail": "no\n\n    Why: so"}
    status, out, err = ctl("invoke", HOUSE, "--quote")
    kgent.equal((status, err), (4, f"kgentctl: {HOUSE}: 402: no\n  Why: so\n"),
                "one that would be refused has that exit code")


def terminal(*args, **env):
    """What a person sees."""
    pid, fd = pty.fork()
    if not pid:
        os.environ.update(environment(**{"TERM": "xterm", **env}))
        os.execv(kgent.KGENTCTL, [kgent.KGENTCTL, *args])
    out = b""
    while True:
        try:
            part = os.read(fd, 65536)
        except OSError as error:  # all of it was read
            if error.errno != errno.EIO:
                raise
            break
        if not part:
            break
        out += part
    os.close(fd)
    os.waitpid(pid, 0)
    return out.decode().replace("\r\n", "\n")


def colours():
    os.environ.pop("NO_COLOR", None)
    refuses(403, "no\n\n    Why: so")
    kgent.contains(terminal("invoke", HOUSE), "  \x1b[1mWhy:\x1b[0m so", "labels stand out")
    for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        kgent.ok("\x1b" not in terminal("invoke", HOUSE, **env), f"no colours with {env}")
    answers("a\x1b[2J\tb\n\u00e4" + "\u20ac" * 400 + "\u009b")
    kgent.equal(terminal("invoke", HOUSE).replace("        ", "\t"),
                "a\\x1b[2J\tb\n\u00e4" + "\u20ac" * 400 + "\\u009b\n",
                "a result cannot drive the terminal, and loses nothing")


kgent.main([arguments, standard_input, keys, where, usage, compositions, results, receipts,
            refusals, misfits, quotes, colours])
