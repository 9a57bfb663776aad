#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""The laws of composition, by property: random pipelines of pure functions, whichever way
they are grouped and wherever Id stands, say what a model of them says; what is not as
pure as it claims is caught, with its locus.  KGENT_PIPELINES=10000 tries as many, and
KGENT_SEED=... others."""
import http.server
import itertools
import json
import os
import random
import threading

import kgent
import rows
import sweep

PIPELINES = int(os.environ.get("KGENT_PIPELINES", "60"))
RANDOM = random.Random(int(os.environ.get("KGENT_SEED", "7")))
LAWS = ["left_identity", "right_identity", "associativity"]
PURE = {
    "wrap": lambda v: [v],
    "text": lambda v: json.dumps(v, sort_keys=True),
    "size": lambda v: len(json.dumps(v)),
    "kind": lambda v: type(v).__name__,
    "turn": lambda v: v[::-1] if isinstance(v, (str, list)) else v,
    "half": lambda v: v / 2 if isinstance(v, (int, float)) else {"of": v},
    "none": lambda v: None,
    "flag": lambda v: v is None,
}
ROLLS = itertools.count()
IMPURE = {"roll": lambda v: next(ROLLS),
          "order": lambda v: dict(reversed(v.items())) if isinstance(v, dict) else v,
          "rarely": lambda v: next(ROLLS) if v == "trap" else v}


class Agent(http.server.BaseHTTPRequestHandler):
    """Applies a function to the argument `input`."""

    def do_POST(self):
        call = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name = call["aspect"]
        value = call["kwargs"] if name == "args" else {**PURE, **IMPURE}[name](
            call["kwargs"].get("input"))
        text = json.dumps({"result": value}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args):
        pass


def value(depth=2):
    """Any JSON value."""
    kind = RANDOM.randrange(8 if depth else 6)
    if kind == 6:
        return [value(depth - 1) for _ in range(RANDOM.randrange(4))]
    if kind == 7:
        return {RANDOM.choice("abcdef"): value(depth - 1) for _ in range(RANDOM.randrange(4))}
    return (None, True, False, RANDOM.randrange(-10**9, 10**9), RANDOM.random(),
            RANDOM.choice(("", "words", "ä€😀", "\\\"\n")))[kind]


def same(one, other):
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def model(names, given):
    for name in names:
        given = PURE[name](given)
    return given


def says(caller, names, given, **more):
    """The result of a pipeline."""
    answer = caller.compose(paths=names, initial_input=given, **more)
    if answer.status != 200:
        raise RuntimeError(f"{names} {given!r}: {answer.status} {answer.text}")
    return answer.json


def paths(names):
    return [f"world.pure.{n}" for n in names]


def with_ids(steps):
    """The same with Id here and there."""
    mixed = []
    for step in steps:
        mixed += ["Id"] * RANDOM.randrange(2) + [step]
    return mixed + ["Id"] * RANDOM.randrange(2)


def one(caller, names, given):
    """What is wrong with a pipeline, or None."""
    wanted = model(names, given)
    steps = paths(names)
    whole = says(caller, steps, given)
    if not same(whole["result"], wanted):
        return f"says {whole['result']!r} instead of {wanted!r}"
    if whole["laws_verified"] != LAWS or [t["path"] for t in whole["pipeline_trace"]] != steps:
        return f"laws or trace: {whole}"
    cut = RANDOM.randrange(len(names) + 1)
    left = says(caller, steps[:cut] or ["Id"], given)["result"]
    right = says(caller, steps[cut:] or ["Id"], left)["result"]
    if not same(right, wanted):
        return f"cut at {cut}: {right!r} instead of {wanted!r}"
    mixed = with_ids(steps)
    if not same(says(caller, mixed, given)["result"], wanted):
        return f"{mixed} says something else"
    checked = list(steps)
    checked[RANDOM.randrange(len(steps))] += "[law_check=true]"
    got = says(caller, checked, given)
    if not same(got["result"], wanted) or got.get("laws_verified_by") != "evaluation":
        return f"{checked}: {got}"
    return None


def properties(caller):
    for n in range(PIPELINES):
        names = [RANDOM.choice(sorted(PURE)) for _ in range(RANDOM.randrange(1, 8))]
        given = value()
        wrong = one(caller, names, given)
        if wrong:
            kgent.ok(False, f"pipeline {n}: {names} of {given!r}")
            kgent.note(wrong)
    kgent.ok(True, f"{PIPELINES} random pipelines were tried")


def identity(caller):
    """With and without initial input, Id on either side changes nothing."""
    for given in ({}, {"initial_input": None}, {"initial_input": {"a": [1]}}):
        bare = caller.compose(paths=["world.pure.args"], **given).json["result"]
        for mixed in (["Id", "world.pure.args"], ["world.pure.args", "Id"],
                      ["Id", "Id", "world.pure.args", "Id"]):
            got = caller.compose(paths=mixed, **given).json.get("result")
            kgent.equal(got, bare, f"{mixed} of {given}")
    kgent.equal(caller.compose(paths=["world.pure.args"], initial_input=5).json["result"],
                {"input": 5}, "input is the only argument")


def impure(caller):
    for steps, locus in ((["world.pure.roll[law_check]"], "world.pure.roll"),
                         (["world.pure.wrap", "world.pure.roll", "world.pure.size[law_check]"],
                          "world.pure.roll"),
                         (["world.pure.none[law_check]", "Id", "world.pure.roll"],
                          "world.pure.roll")):
        answer = caller.compose(paths=steps, initial_input=1)
        rows.check(answer, 422, rows.problem(422, law=str, locus=rows.text(locus)),
                   f"{steps}: caught at {locus}")
    answer = caller.compose(paths=["world.pure.wrap", "world.pure.rarely[law_check]"],
                            initial_input="trap")
    kgent.equal(answer.status, 200, "what happens to be the same both times is not")
    answer = caller.compose(paths=["world.pure.rarely[law_check]"], initial_input="trap")
    kgent.equal((answer.status, answer.json.get("law") in LAWS), (422, True), "a law by name")
    got = says(caller, ["world.pure.order[law_check]"], {"a": 1, "b": 2})
    kgent.equal(got["laws_verified_by"], "evaluation", "the order of members is no difference")
    got = says(caller, ["world.pure.roll"], 1)
    kgent.equal(got["laws_verified_by"], "structure", "without law_check nobody looks")
    got = says(caller, ["world.pure.wrap[law_check]", "world.house.build"], 1)
    kgent.equal((got["laws_verified_by"], caller.result("world.house.witness")["total"]),
                ("structure", 1), "what changes something runs once")


def minimal(caller):
    for steps, at in ((["world.pure.wrap[minimal_output]"], 0),
                      (["world.pure.none", "world.pure.wrap[minimal_output]",
                        "world.pure.size"], 1)):
        answer = caller.compose(paths=steps, initial_input=1)
        rows.check(answer, 422, rows.problem(422, law="minimal_output", failed_step=at), f"{steps}")
    kgent.equal(says(caller, ["world.pure.wrap", "world.pure.size[minimal_output]"], 1)["result"],
                3, "an array on the way is none")


def built_in(caller):
    """Each aspect that says it only looks says the same twice, but for those that look at
    the trace, in which the first time is a line."""
    ids, wrong = sweep.furnished(caller), []
    for path, archetype, entry, _ in sweep.table(caller, ids):
        if entry["category"] in sweep.LOOKS and not path.startswith("world.pure."):
            answer = caller.compose(paths=[path + "[law_check]"], initial_input="words",
                                    observer={"archetype": archetype})
            if answer.status == 422 and "law" in answer.json:
                wrong.append(path)
            elif answer.status == 200 and answer.json["laws_verified_by"] != "evaluation":
                wrong.append(path)
    kgent.equal([p for p in wrong if not p.startswith(("time.trace.", "void.hypnagogia."))], [],
                "what is built in keeps the laws")


def tests():
    agent = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Agent)
    threading.Thread(target=agent.serve_forever, daemon=True).start()
    aspects = ", ".join(f'{{ name = "{n}"; category = "PERCEPTION"; idempotent = true; }}'
                        for n in (*PURE, *IMPURE, "args"))
    block = (f'load = "agentese"; nodes = ( {{ name = "world.pure"; private = true;'
             f' url = "http://127.0.0.1:{agent.server_port}/"; aspects = ( {aspects} ); }} );')
    with kgent.Host(plugins=["health", rows.UNLIMITED, block]) as host:
        caller = rows.Caller(host)
        for test in (properties, identity, impure, minimal, built_in):
            test(caller)


if __name__ == "__main__":
    kgent.main([tests])
