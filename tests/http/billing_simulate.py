#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""kgentctl billing simulate of what is no list of events, or an odd one: what is wrong is said, with
the exit code that the manual says, and nothing is passed over in silence."""
import json
import os
import tempfile

import kgent
from stripe_tools import event, plugins, subscription

T = 1700000000
HEAD = "time"


def sub(name, what="created", at=T, status="active", number="x", **members):
    return json.loads(subscription(name, what, number, status, at, **members))


def run(host, folder, data, *args):
    path = os.path.join(folder, "events")
    with open(path, "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())
    status, out, err = host.ctl("billing", "simulate", path, *args)
    return status, out, err.replace(path, "FILE")


def without(name):
    e = sub("evt_1")
    del e[name]
    return json.dumps([e])


def no_events(host, folder):
    good = json.dumps([sub("evt_1")])
    cases = [
        ("an empty file", "", "FILE: it has no event"),
        ("blanks", " \n\t\n", "FILE: it has no event"),
        ("an empty list", "[]", "FILE: it has no event"),
        ("an empty list of Stripe's", '{"object":"list","data":[]}', "FILE: it has no event"),
        ("events that are none", '{"events":null}', 'FILE: what it has as "events" is no list'),
        ("events that are an object", '{"events":{}}', 'FILE: what it has as "events" is no list'),
        ("no JSON", "hello", "FILE:1: it is not JSON: "),
        ("cut", "\n\n" + good[:-5], "FILE:3: it is not JSON: "),
        ("something behind", good + "\nxyz", "FILE:2: it is not JSON: "),
        ("a comma too many", "[\n1,\n]", "FILE:3: it is not JSON: "),
        ("very deep", "[" * 5000 + "]" * 5000, "FILE:1: it is not JSON: nesting too deep"),
        ("not UTF-8", b"[\n\"\xff\"]", "FILE:2: it is not UTF-8"),
        ("not UTF-8, far behind", b"\n" * 1000000 + b"\xff", "FILE:1000001: it is not UTF-8"),
        ("half a pair", b'["\xed\xa0\x80"]', "FILE:1: it is not UTF-8"),
        ("NUL", good.encode() + b"\n\0[1]", "FILE:2: there is a NUL byte"),
        ("too much", b" " * 4000001, "FILE: it has more than 4000000 bytes; take fewer events at a time"),
    ]
    for name, data, what in cases:
        status, out, err = run(host, folder, data)
        if not kgent.ok((status, out) == (2, "") and err.startswith("kgentctl: " + what)
                        and err.count("\n") == 1, f"{name}: 2"):
            kgent.note(f"{status} {out!r} {err!r}")
    status, _, err = host.ctl("billing", "simulate", folder)
    kgent.ok(status == 2 and "Is a directory" in err, "a folder: 2")
    status, _, err = run(host, folder, good, "--until", "yesterday")
    kgent.ok(status == 2 and "--until" in err, "a time that is none: 2")


def malformed(host, folder):
    other = sub("evt_1", number="y")
    cases = [
        ("no id", without("id"), "event 1 is malformed: the event has no id or no type"),
        ("no type", without("type"), "event 1 is malformed: the event has no id or no type"),
        ("no created", without("created"), "event 1 is malformed: the event has no time"),
        ("no data", without("data"), "event 1 is malformed: the event has no data.object"),
        ("a time that is text", json.dumps([{**sub("evt_1"), "created": "now"}]),
         "event 1 is malformed: created is no integer"),
        ("a time before all", json.dumps([{**sub("evt_1"), "created": -5}]),
         "event 1 is malformed: the event has no time"),
        ("a time beyond all", json.dumps([{**sub("evt_1"), "created": 10 ** 30}]),
         "event 1 is malformed: the event has no time"),
        ("a number", "5", "event 1 is malformed: the event is no object"),
        ("null", "null", "event 1 is malformed: the event is no object"),
        ("the second one", json.dumps([sub("evt_1"), "x"]), "event 2 is malformed: the event is no"),
        ("two with one id", json.dumps([sub("evt_1"), other]),
         "event 2 is malformed: another event, which says something else, has its id"),
    ]
    for name, data, what in cases:
        status, out, err = run(host, folder, data)
        if not kgent.ok(status == 1 and out.startswith(HEAD) and err.startswith(what)
                        and err.count("\n") == 1, f"{name}: 1"):
            kgent.note(f"{status} {out!r} {err!r}")


def too_many(host, folder):
    lines = "\n".join(event(f"evt_{i}", "x", {}, T) for i in range(10000))
    status, out, err = run(host, folder, lines)
    kgent.ok(status == 1 and not out and "422: There are more than 4000 events" in err,
             "10,000 events: 1, and how many it may be")
    many = json.dumps([sub(f"evt_{i}", number=str(i)) for i in range(300)])
    status, out, err = run(host, folder, many)
    kgent.ok(status == 1 and not out and "422: There are more than 256 subscriptions" in err,
             "300 subscriptions: 1, and how many it may be")


def odd(host, folder):
    two = json.dumps([sub("evt_1"), sub("evt_2", number="y", at=T + 1)])
    status, out, err = run(host, folder, two)
    kgent.ok((status, err) == (0, "") and "sub_x" in out and "sub_y" in out,
             "subscriptions of two customers: each for itself")
    status, out, err = run(host, folder, json.dumps([sub("evt_1")] * 2))
    kgent.equal((status, err, out.count("evt_1")), (0, "", 1), "one that is there twice counts once")
    status, out, err = run(host, folder, json.dumps([sub("evt_1", currency="USD")]), "--json")
    kgent.ok((status, err) == (0, "") and json.loads(out)["timeline"][0]["tier"] == "PRO",
             "a currency in capitals changes no tier")
    mixed = [sub("evt_1"), json.loads(event("evt_2", "foo.bar", {"id": "x"}, T)),
             json.loads(event("evt_3", created=T))]
    status, out, err = run(host, folder, json.dumps(mixed))
    kgent.equal((status, err), (0, "2 of the events change no subscription and no tier\n"),
                "what nothing follows from is counted")
    kgent.equal(json.loads(run(host, folder, json.dumps(mixed), "--json")[1])["unused"], 2,
                "in JSON, too")
    answer = host.request("POST", "/admin/v1/billing/simulate", b'{"events":["\xff"]}',
                          {"Content-Type": "application/json"}, local=True)
    kgent.equal((answer.status, answer.json["detail"]),
                (400, "The body is no JSON object, or not UTF-8"), "the host says what is wrong, too")


def tests():
    with kgent.Host(plugins()) as host, tempfile.TemporaryDirectory(prefix="kgent-sim-") as folder:
        for part in (no_events, malformed, too_many, odd):
            part(host, folder)


kgent.main([tests])
