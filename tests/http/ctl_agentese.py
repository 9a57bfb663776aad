#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""kgentctl as a client of the path language: what it sends, what it makes of answers,
refusals and streams, its exit codes, and completion; against a server of the test's own,
and against a host."""
import errno
import json
import os
import pty
import re
import select
import subprocess
import tempfile
import threading
import time

import kgent
from stub import TcpStub

INVOKE = ("POST", "/v1/agentese/invoke")
PATHS = "/v1/agentese/paths?limit=1000"
HOUSE = "world.house.manifest"
KEY = "kg_dev_bob"

folder = tempfile.TemporaryDirectory(prefix="kgent-")
stub = TcpStub()
URL = f"http://127.0.0.1:{stub.server_address[1]}"
CACHE = os.path.join(folder.name, "cache")
os.mkdir(CACHE)


def environment(**env):
    return {"KGENT_URL": URL, "KGENT_API_KEY": KEY, "XDG_CACHE_HOME": CACHE, **env}


def ctl(*args, **env):
    return kgent.ctl(*args, env=environment(**env))


def reset():
    stub.table.clear()
    stub.seen.clear()


def sent():
    """The body of the last request."""
    return json.loads(stub.seen[-1][3])


def answers(result, **members):
    reset()
    stub.table[INVOKE] = (200, {"path": HOUSE, "result": result, "tokens_used": 0,
                                "cached": True, **members})


def refuses(status, detail, headers=None, **members):
    reset()
    stub.table[INVOKE] = (status, {"status": status, "detail": detail, **members}, headers or {})


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


# ---- What is shown ---------------------------------------------------------------------------


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


# ---- Streams ---------------------------------------------------------------------------------


def event(name, data):
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()


def chunk(text, index=0):
    return event("chunk", {"text": text, "index": index})


COMPLETE = {"path": HOUSE, "result": "a\u00e4b", "text": "a\u00e4b", "chunks": 2, "tokens_used": 7,
            "cached": True, "receipt": "id=1"}


def streams(*parts, kind="text/event-stream"):
    reset()
    stub.table[INVOKE] = (200, list(parts), {"Content-Type": kind})


def stream():
    streams(b": hello\r\n\r\n", chunk("a\u00e4"), chunk("b", 1), event("complete", COMPLETE))
    name = os.path.join(folder.name, "stream-receipt")
    status, out, err = ctl("invoke", HOUSE, "x=1", "--stream", "--receipt", name)
    kgent.equal((status, out, err), (0, "a\u00e4b\n", "7 tokens\n"), "a stream")
    kgent.equal((stub.seen[0][2].get("Accept"), sent()["kwargs"]),
                ("text/event-stream", {"x": "1"}), "is asked for")
    with open(name, encoding="utf-8") as f:
        kgent.equal(f.read(), "id=1\n", "its receipt is kept")
    status, out, err = ctl("invoke", HOUSE, "--stream", "--json")
    kgent.equal([json.loads(line) for line in out.splitlines()],
                [{"event": "chunk", "data": {"text": "a\u00e4", "index": 0}},
                 {"event": "chunk", "data": {"text": "b", "index": 1}},
                 {"event": "complete", "data": COMPLETE}], "--json: each event is a line")
    whole = b"".join(stub.table[INVOKE][1])
    streams(*[whole[i:i + 1] for i in range(len(whole))])
    kgent.equal(ctl("invoke", HOUSE, "--stream")[1], "a\u00e4b\n", "byte by byte")
    streams(whole.replace(b"\n", b"\r"))
    kgent.equal(ctl("invoke", HOUSE, "--stream")[1], "a\u00e4b\n", "with other line ends")
    streams(b"\xef\xbb\xbfdata: {}\nid: 4\n\nevent:chunk\ndata:{\ndata:\"text\":\"x\"}\n\n",
            event("complete", {"tokens_used": 0}))
    kgent.equal(ctl("invoke", HOUSE, "--stream")[:2], (0, "x\n"), "lines of data are joined")


def stream_at_once():
    """A piece is shown before the next one is there."""
    more = threading.Event()
    streams(chunk("first "), lambda: more.wait(30), chunk("second"), event("complete", COMPLETE))
    with subprocess.Popen([kgent.KGENTCTL, "invoke", HOUSE, "--stream"], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, env={**os.environ, **environment()}) as run:
        kgent.equal(os.read(run.stdout.fileno(), 100), b"first ", "it is shown as it comes")
        more.set()
        kgent.equal((run.stdout.read(), run.wait(30)), (b"second\n", 0), "to the end")


def stream_whole():
    """An aspect that doesn't stream has one event, and a host may not stream at all."""
    streams(event("complete", {**COMPLETE, "result": {"a": 1}, "text": '{"a":1}', "chunks": 0}))
    kgent.equal(ctl("invoke", HOUSE, "--stream")[:2], (0, "a  1\n"), "one event, an object")
    answers({"a": 1}, tokens_used=2)
    kgent.equal(ctl("invoke", HOUSE, "--stream"), (0, "a  1\n", "2 tokens\n"), "no stream")
    refuses(403, "no\n\n    Why: so")
    kgent.equal(ctl("invoke", HOUSE, "--stream"),
                (1, "", f"kgentctl: {HOUSE}: 403: no\n  Why: so\n"), "a refusal before it")


def stream_steps():
    """A composition tells of each step that is done."""
    streams(event("step", {"path": "a.b.c", "duration_ms": 0.5}),
            event("complete", {"result": [1], "tokens_used": 0}))
    kgent.equal(ctl("invoke", "a.b.c >> d.e.f", "--stream"),
                (0, "1\n", "step 1: a.b.c, 0.5 ms\n"), "steps as they are done")


def stream_broken():
    streams(chunk("a"), event("error", {"error": "the agent broke off", "type": "upstream"}))
    status, out, err = ctl("invoke", HOUSE, "--stream")
    kgent.equal((status, out), (5, "a\n"), "an error event: exit code 5")
    kgent.contains(err, "the stream broke off: the agent broke off", "and its reason")
    streams(chunk("a"), event("error", {"status": 402, "error": "no tokens left"}))
    kgent.equal(ctl("invoke", HOUSE, "--stream")[0], 4, "one with a status has its code")
    streams(chunk("a"))
    status, out, err = ctl("invoke", HOUSE, "--stream")
    kgent.ok(status == 5 and "ended before" in err, "an end that is none")
    streams(chunk("a"), b"event: chunk\ndata: {\n\n", chunk("b"))
    status, out, err = ctl("invoke", HOUSE, "--stream")
    kgent.ok(status == 5 and out == "a\n" and "isn't JSON" in err, "an event that is no JSON")
    streams(chunk("a"), event("complete", COMPLETE), chunk("b"))
    kgent.equal(ctl("invoke", HOUSE, "--stream")[:2], (0, "a\n"), "nothing counts behind the end")
    pause = threading.Event()
    streams(chunk("a"), lambda: pause.wait(20))
    started = time.monotonic()
    status, out, err = ctl("invoke", HOUSE, "--stream", "-t", "1")
    pause.set()
    kgent.ok(status == 5 and "nothing more came within 1 s" in err
             and time.monotonic() - started < 15, "silence ends it")
    stub.table[INVOKE] = (200, [chunk("a")], {"Content-Type": "text/event-stream",
                                              "Content-Length": "1000"})
    status, out, err = ctl("invoke", HOUSE, "--stream")
    kgent.ok(status == 5 and out == "a\n" and "broke off" in err, "a connection that is lost")


# ---- Paths -----------------------------------------------------------------------------------


def item(path, category="PERCEPTION", **members):
    return {"path": path, "category": category, "summary": "What it does.", "streams": False,
            "scope": "read" if category in ("PERCEPTION", "INTROSPECTION") else "write",
            "price": {"requests": 1, "fixed": 0, "per_token": 0, "per_kb": 0, "max": 0, "money": 0},
            "input": None, **members}


SCHEMA = {"type": "object", "required": ["text"], "properties": {
    "text": {"type": "string", "description": "what to translate"}, "to": {"enum": ["de", "en"]},
    "count": {"type": "integer", "minimum": 1, "maximum": 9}, "fast": {"type": "boolean"},
    "evil": {"enum": ["$(touch pwned)"]}, "both": {"type": ["string", "array"]}, "any": {}}}
LISTING = [
    item("self.judgment.taste"), item("world.*.manifest"), item("world.*.transform", "MUTATION"),
    item("world.translator.translate", "GENERATION", input=SCHEMA, streams=True,
         price={"requests": 2, "fixed": 0, "per_token": 1, "per_kb": 0, "max": 2000, "money": 3})]


def paths():
    reset()
    stub.table["GET", PATHS] = (200, {"paths": LISTING[:2], "next": "world.*.manifest"})
    stub.table["GET", PATHS + "&after=world.%2A.manifest"] = (
        200, {"paths": LISTING[2:], "next": None})
    status, out, err = ctl("paths")
    kgent.equal((status, out.splitlines()), (0, [
        "path                        category    price",
        "self.judgment.taste         PERCEPTION  free",
        "world.*.manifest            PERCEPTION  free",
        "world.*.transform           MUTATION    free",
        "world.translator.translate  GENERATION  2 requests, 1 per token, at most 2,000, money 3"]),
        "paths: all pages as one table")
    kgent.equal(json.loads(ctl("paths", "--json")[1]), {"paths": LISTING}, "and as JSON")
    stub.table["GET", PATHS + "&prefix=world.t&archetype=poet"] = (
        200, {"paths": LISTING[3:], "next": None})
    status, out, err = ctl("paths", "world.t", "-l", "--archetype", "poet")
    kgent.equal(out, (
        "world.translator.translate\n  What it does.\n"
        "  kind     GENERATION, scope write, streams\n"
        "  price    2 requests, 1 per token, at most 2,000, money 3\n"
        "  text=    text, required: what to translate\n  to=      one of de,en\n"
        "  count:=  integer, from 1, at most 9\n  fast:=   boolean\n"
        "  evil=    one of $(touch pwned)\n  both:=   string or array\n  any=     any JSON\n"),
        "paths --long")


def paths_open():
    """A node that any name is one of is found by what one would write."""
    reset()
    empty = (200, {"paths": [], "next": None})
    house = [item("world.house.manifest"), item("world.house.measure"), item("world.house.use")]
    stub.otherwise = empty
    stub.table["GET", PATHS + "&prefix=world.house."] = (200, {"paths": house, "next": None})
    for prefix, wanted in (("world.house.", 3), ("world.house", 3), ("world.house.m", 2),
                           ("world.house.manifest", 1)):
        status, out, err = ctl("paths", prefix)
        kgent.equal((status, len(out.splitlines()) - 1), (0, wanted), f"paths {prefix}")
    for prefix in ("world.house.x", "x", "world"):
        status, out, err = ctl("paths", prefix)
        kgent.ok(status == 1 and not out and f"begins with '{prefix}'" in err, f"none: {prefix}")
    from stub import NOT_FOUND
    stub.otherwise = NOT_FOUND


def affordances():
    reset()
    offered = {"path": "world.house", "affordances": ["manifest", "fly"],
               "observer_archetype": "poet"}
    listed = {"paths": [item("world.house.manifest")], "next": None}
    target = PATHS + "&prefix=world.house.&archetype=poet"
    stub.table["GET", "/v1/agentese/affordances?path=world.house&archetype=poet"] = (200, offered)
    stub.table["GET", target] = (200, listed)
    args = ("affordances", "world.house", "--archetype", "poet")
    kgent.equal(ctl(*args)[:2], (0, (
        "aspect    category    price  summary\nmanifest  PERCEPTION  free   What it does.\n"
        "fly       -           -      -\n")), "affordances: what is offered, and may be done")
    kgent.equal(json.loads(ctl(*args, "--json")[1]), offered, "as JSON")
    stub.table["GET", target] = (403, {"detail": "API key may not claim archetype 'poet'"})
    kgent.equal(ctl(*args)[:2], (
        0, "aspect    category  price  summary\nmanifest  -         -      -\n"
        "fly       -         -      -\n"), "an archetype of others")
    kgent.equal(ctl("affordances", "x.y")[0], 1, "a refusal")


# ---- The trace -------------------------------------------------------------------------------


def line(second, path=HOUSE, status=200, observer="ann"):
    return {"at": f"2026-01-02T03:04:{second:02}.000000+00:00", "path": path, "status": status,
            "observer": observer, "duration_ms": 0.5, "units": 3, "span_id": f"{second:016x}"}


def traces(*lines):
    return (200, {"result": {"topic": None, "traces": list(reversed(lines)), "total": 9}})


def trace():
    reset()
    stub.table[INVOKE] = traces(line(1), line(2, "a.b.c", 403))
    status, out, err = ctl("trace", "world.house", "--limit", "5")
    kgent.equal((status, out), (0, (
        "time                  status   ms  tokens  path                  observer\n"
        "2026-01-02T03:04:01Z     200  0.5       3  world.house.manifest  ann\n"
        "2026-01-02T03:04:02Z     403  0.5       3  a.b.c                 ann\n")),
        "trace: the oldest first")
    kgent.equal((sent()["path"], sent()["kwargs"]),
                ("time.trace.query", {"limit": 5, "topic": "world.house"}), "what is asked")
    kgent.equal(json.loads(ctl("trace", "-j")[1])["total"], 9, "as JSON")
    stub.table[INVOKE] = (429, {"detail": "no"})
    kgent.equal(ctl("trace")[0], 4, "a refusal")


def trace_follow():
    reset()
    own = line(4, "time.trace.query", observer=sent_as())
    stub.table[INVOKE] = iter([
        traces(line(2), line(3)), traces(line(1), line(2), line(3), own, line(5)),
        (429, {"detail": "no"}, {"Retry-After": "1"}), traces(line(3), line(5)),
        traces(line(5), line(6, "a.b.c", 500)), (500, {"detail": "over"})])
    status, out, err = ctl("trace", "--follow", "--every", "1s", "--json")
    *lines, last = [json.loads(text) for text in out.splitlines()]
    kgent.equal([x["span_id"][-1] for x in lines], list("2356"),
                "trace --follow: each line once, without its own looks or older ones")
    kgent.equal((status, "500: over" in err, last), (5, True, {"detail": "over"}),
                "a failure ends it")
    since = [json.loads(body)["kwargs"].get("since") for _, _, _, body in stub.seen]
    kgent.equal(since[:2] + since[4:5], [None, "2026-01-02T03:03:53.000000+00:00",
                                         "2026-01-02T03:03:55.000000+00:00"],
                "it asks for the newest, and for what may come late")


def sent_as():
    """What `trace` calls itself."""
    stub.table[INVOKE] = traces()
    ctl("trace")
    name = sent()["observer"]["name"]
    reset()
    return name


# ---- Completion ------------------------------------------------------------------------------


def fresh():
    for name in os.listdir(os.path.join(CACHE, "kgentctl")) if os.listdir(CACHE) else ():
        os.unlink(os.path.join(CACHE, "kgentctl", name))


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


def complete(*words, **env):
    """What bash offers for the last word; words are taken apart as bash does."""
    script = ('source <("$0" completion bash); COMP_WORDS=("$0" "$@"); COMP_CWORD=$#; '
              '_kgentctl; printf "%s\\n" "${COMPREPLY[@]}"')
    run = subprocess.run(["bash", "-c", script, os.path.abspath(kgent.KGENTCTL), *words],
                         stdout=subprocess.PIPE, text=True, check=True, cwd=folder.name,
                         env={**os.environ, **environment(**env)})
    return run.stdout.split("\n")[:-1]


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


# ---- A host ----------------------------------------------------------------------------------

AGENTESE = """load = "agentese";
prices = ( { path = "world.house.test"; tokens = 10; tokens_max = 20; } );
nodes = ( { name = "world.translator"; url = "http://127.0.0.1:PORT/{aspect}"; private = true;
            aspects = ( { name = "speak"; category = "GENERATION"; streams = true; } ); } );"""


def host():
    with subprocess.Popen(["python3", os.path.join(kgent.SOURCE, "examples/agents/translator.py"),
                           "0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          text=True) as agent:
        served(agent.stdout.readline().rsplit(":", 1)[1].strip())
        agent.terminate()


def served(port):
    plugins = ["health", 'load = "auth"; dev_keys = true;', AGENTESE.replace("PORT", port),
               "metering-openmeter"]
    with kgent.Host(plugins=plugins) as running:
        env = {"KGENT_URL": f"http://127.0.0.1:{running.port}"}
        used(env)
        refused(env)
        streamed(running, env)
        if not os.environ.get("KGENT_WRAPPER"):
            completed(env)


def used(env):
    status, out, err = ctl("invoke", HOUSE, "--archetype", "economist", **env)
    kgent.ok(status == 0 and out.startswith("type                   economic\n"), "host: invoke")
    status, out, err = ctl("invoke", "world.house.transform[rollback=true]",
                           'changes:={"color":"red"}', **env)
    token = re.search(r"rollback_token (\S+)", err)
    kgent.ok(status == 0 and token, "host: a change, and how to undo it")
    status, out, err = ctl("invoke", "time.past.restore", "target=world.house",
                           f"token={token[1]}", **env)
    kgent.equal(status, 0, "host: undone")
    status, out, err = ctl("invoke", "world.house.test", **env)
    kgent.ok(status == 0 and "10 tokens" in err, "host: what it cost")
    status, out, err = ctl("invoke", "world.house.test", "--quote", **env)
    kgent.ok(status == 0 and re.search(r"^tokens +20 +99,990$", out, re.M), "host: a quote")
    status, out, err = ctl("invoke", "world.house.manifest >> self.judgment.critique", **env)
    kgent.ok(status == 0 and "verdict" in out, "host: a composition")
    status, out, err = ctl("paths", "world.house.ma", **env)
    kgent.contains(out, "world.house.manifest  PERCEPTION", "host: paths")
    status, out, err = ctl("affordances", "world.house", **env)
    kgent.ok(status == 0 and re.search(r"^test +MUTATION +10 tokens, at most 20", out, re.M),
             "host: affordances")
    end = time.monotonic() + 20
    while time.monotonic() < end:
        status, out, err = ctl("trace", "world.house", **env)
        if "world.house.test" in out:
            break
    kgent.ok(re.search(r"^20\S+ +200 +\S+ +10 +world.house.test +api_user$", out, re.M),
             "host: the trace")


def streamed(running, env):
    args = ("invoke", "world.translator.speak", "text=good house", "--stream")
    bill = os.path.join(running.folder.name, "bill")
    status, out, err = ctl(*args, "to=fr", "--receipt", bill, **env)
    kgent.equal((status, out), (0, "bon maison\n"), "host: a stream")
    with open(bill, encoding="utf-8") as f:
        receipt = f.read().strip()
    kgent.equal(running.ctl("receipt", "verify", receipt)[0], 0, "host: its receipt is good")
    status, out, err = ctl(*args, "to=fr", "--json", **env)
    events = [json.loads(text) for text in out.splitlines()]
    kgent.equal(([e["data"]["text"] for e in events], [e["event"] for e in events]),
                (["bon", " maison", "bon maison"], ["chunk", "chunk", "complete"]),
                "host: its events")
    status, out, err = ctl(*args, "to=xx", **env)
    kgent.ok((status, out) == (1, "") and "422" in err, "host: what is refused before it begins")
    status, out, err = ctl("invoke", HOUSE, "--stream", **env)
    kgent.ok(status == 0 and out.startswith("type "), "host: what doesn't stream, as one event")


def refused(env):
    status, out, err = ctl("invoke", "world.house.fly", **env)
    kgent.ok(status == 1 and "  Why: " in err and "  Try: world.house.affordances\n" in err
             and "  Related: manifest, " in err, "host: a refusal")
    status, out, err = ctl("invoke", "world.house.test", "--max-cost", "5", **env)
    kgent.equal(status, 4, "host: more than one would pay")
    status, out, err = ctl("invoke", "void.entropy.sip", "amount=0.5", **env)
    kgent.ok(status == 1 and "Try: 'amount:=0.5'" in err, "host: a text that should be a number")
    status, out, err = ctl("invoke", HOUSE, **env, KGENT_API_KEY="")
    kgent.ok(status == 1 and "KGENT_API_KEY" in err, "host: no key")
    status, out, err = ctl("affordances", "world.house", **env, KGENT_API_KEY="kg_dev_alice")
    kgent.ok(re.search(r"^transform +- +- +-$", out, re.M), "host: what a key may not do")


def completed(env):
    fresh()
    kgent.equal(complete("invoke", "void.entropy.si", **env), ["void.entropy.sip"], "host: a path")
    kgent.equal(complete("invoke", "void.entropy.sip", "am", **env), ["amount:="],
                "host: an argument")


kgent.main([arguments, standard_input, keys, where, usage, compositions, results, receipts,
            refusals, misfits, quotes, colours, stream, stream_at_once, stream_whole,
            stream_steps, stream_broken, paths, paths_open, affordances, trace, trace_follow,
            completion, completion_silent, completion_bash, completion_typed, host])
