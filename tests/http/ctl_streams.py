#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""kgentctl as a client of the path language: streams, lists and traces; against a server of
the test's own."""
import json
import os
import subprocess
import threading
import time

import kgent
from ctl_client import (HOUSE, INVOKE, LISTING, PATHS, answers, ctl, environment, folder, item,
                        refuses, reset, sent, stub)


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


# ---- Traces ----------------------------------------------------------------------------------


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


kgent.main([stream, stream_at_once, stream_whole, stream_steps, stream_broken, paths, paths_open,
            affordances, trace, trace_follow])
