#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""The grammar of paths, rule by rule: what is a path, what is none, how the refusal
says so, and what each clause does."""
import urllib.parse

import kgent
import rows

PHASES = ("PLAN RESEARCH DEVELOP STRATEGIZE CROSS-SYNERGIZE IMPLEMENT QA TEST EDUCATE MEASURE"
          " REFLECT").split()
CLAUSES = ["phase", "entropy", "law_check", "rollback", "minimal_output"]
ANNOTATIONS = ["span", "phase", "law_check", "dot"]
M = "world.house.manifest"
LONG = "a" * 64
FULL = "world." + ".".join([LONG] * 3) + "." + "b" * 46 + ".manifest"

GOOD = [
    M, "world.h_9.manifest", "concept.justice.manifest", "self.memory.manifest",
    "void.entropy.manifest", "time.trace.manifest",
    f"world.{LONG}.manifest", "world.house.kitchen.table.manifest",
    M + "[entropy=0.0]", M + "[entropy=0]", M + "[entropy=0.001]", M + "[entropy=1.0]",
    M + "[entropy=1]",
    M + "[law_check=false]", M + "[law_check=FALSE]",
    M + "[rollback=false]", M + "[rollback=False]", M + "[minimal_output]",
    M + "[minimal_output=true]", M + "[minimal_output=TRUE]", M + "[minimal_output=True]",
    M + "[minimal_output=false]",
    M + "[ phase = PLAN ]", M + "[\tphase\t=\tPLAN\t]", M + "[ minimal_output ]",
    M + "@span=abc", M + "@dot=abc", M + "@law_check=false", M + "@phase=TEST@span=abc@dot=x",
    M + "[phase=PLAN][entropy=0]", M + "[entropy=0][phase=PLAN]",
    M + "[phase=PLAN]@span=abc", M + "@span=abc[phase=PLAN]", M + "@span=abc[phase=PLAN]@dot=x",
] + [f"{M}[phase={p}]" for p in PHASES] + [f"{M}@phase={p}" for p in PHASES]

# A path, and words that the refusal must have.
BAD = [
    ("", "incomplete"), ("world", "Path 'world' incomplete"), ("self", "Path 'self' incomplete"),
    ("world.house", "Path must include aspect: 'world.house'"),
    ("concept.justice", "Path must include aspect: 'concept.justice'"),
    ("world.", ""), (".house.manifest", ""), ("world..manifest", "holon"),
    ("world.house.", "aspect"), (".", ""), ("world.house..manifest", ""),
    (f"world.{LONG}a.manifest", "64"), (f"world.house.{LONG}a", "64"),
    ("world." + "a." * 130 + "manifest", "256"),
    ("world.House.manifest", "holon"), ("world.house.Manifest", "aspect"),
    ("world.9house.manifest", "holon"), ("world._house.manifest", "holon"),
    ("world.house.9", "aspect"), ("world.house._x", "aspect"), ("world.ho-use.manifest", "-"),
    ("world.house.mani-fest", "-"), ("world.hôuse.manifest", ""), ("world.house.manifest ", ""),
    (" world.house.manifest", ""), ("world.house .manifest", ""), ("world.ho use.manifest", ""),
    ("world/house/manifest", ""), ("world.house.manifest\n", ""), ("world.house.*", ""),
    ("world.house.manifest#x", "#"), ("world.house.manifest?x", "?"), ("world.\\x.manifest", ""),
    ("../etc/passwd", ""), ("world.house.manifest/..", "/"), ("world.>.manifest", ""),
    (M + "[phase=PLAN", "unclosed"), (M + "[", "unclosed"), (M + "[phase", "unclosed"),
    (M + "]", "unexpected"), (M + "[phase=PLAN]]", "unexpected"), (M + "[[phase=PLAN]]", ""),
    (M + "[phase=PLAN]x", "unexpected"), (M + "[phase=PLAN].x", "unexpected"),
    (M + "[]", "empty"), (M + "[=PLAN]", "unknown"), (M + "[ ]", "empty"),
    (M + "[colour=red]", "unknown"), (M + "[Phase=PLAN]", "unknown"),
    (M + "[span=abc]", "unknown"), (M + "[dot=abc]", "unknown"),
    (M + "@colour=red", "unknown"), (M + "@entropy=0.1", "unknown"),
    (M + "@rollback=true", "unknown"), (M + "@minimal_output=true", "unknown"),
    (M + "@span", "value"), (M + "@span=", "value"), (M + "@phase", "value"), (M + "@", ""),
    (M + "@=x", ""), (M + "@law_check", "value"),
    (M + "[phase=plan]", "unknown phase"), (M + "[phase=Plan]", "unknown phase"),
    (M + "[phase=SLEEP]", "unknown phase"), (M + "@phase=SLEEP", "unknown phase"),
    (M + "[phase=]", "phase"), (M + "[phase]", "'phase'"), (M + "[phase=PLAN=QA]", "phase"),
    (M + "[entropy=1.1]", "0.0 to 1.0"), (M + "[entropy=-0.1]", "0.0 to 1.0"),
    (M + "[entropy=2]", "0.0 to 1.0"), (M + "[entropy=abc]", "entropy"),
    (M + "[entropy=nan]", "entropy"), (M + "[entropy=inf]", "entropy"),
    (M + "[entropy=0x1]", "entropy"), (M + "[entropy=]", "entropy"), (M + "[entropy]", "'entropy'"),
    (M + "[entropy=0.5.5]", "entropy"), (M + "[entropy=0,5]", "entropy"),
    (M + "[law_check=maybe]", "law_check"), (M + "[rollback=yes]", "rollback"),
    (M + "[rollback=1]", "rollback"), (M + "[minimal_output=0]", "minimal_output"),
    (M + "[minimal_output=]", "minimal_output"), (M + "@law_check=maybe", "law_check"),
    (M + "[phase=PLAN][phase=QA]", "phase"), (M + "[phase=PLAN]@phase=QA", "phase"),
]

# Unknown contexts are well-formed: nothing is found there.
UNKNOWN = ["mind.house.manifest", "worlds.house.manifest", "w.house.manifest"]


def shape(problem, prefix):
    """The detail says the same as the members, in the fixed order."""
    head = problem["detail"].split("\n\n    ")[0]
    wanted = head
    for title, member in (("Why", "why"), ("Try", "suggestion"), ("Related", "related")):
        if problem.get(member):
            value = problem[member]
            wanted += f"\n\n    {title}: " + (", ".join(value) if member == "related" else value)
    return problem["detail"] == wanted and head.startswith(prefix) and wanted != head


def good(caller):
    kgent.equal(len(FULL), 256, "a path of 256 bytes")
    for path in GOOD + [FULL]:
        answer = caller.invoke(path)
        rows.check(answer, 200, {"path": path}, f"{path!r} is a path")


def bad(caller):
    for path, words in BAD:
        answer = caller.invoke(path)
        rows.check(answer, 400, rows.problem(
            400, lambda d: words.lower() in d.lower() and d.startswith("Invalid path: ")),
            f"{path!r} is none: {words}")
        if answer.status == 400 and not shape(answer.json, "Invalid path: "):
            kgent.ok(False, f"{path!r}: the detail is made of its members")
            kgent.note(answer.text)


def where(caller):
    """The refusal says at which character."""
    for path, place in ((M + "#x", len(M)), (M + "[phase=PLAN", len(M)), (M + "[phase=PLAN]x",
                        len(M) + 12), ("world.ho-use.manifest", 8)):
        detail = caller.invoke(path).json["detail"]
        kgent.ok(str(place) in detail or str(place + 1) in detail, f"{path}: at {place}")
    for path, known in ((M + "[colour=red]", CLAUSES), (M + "@colour=red", ANNOTATIONS)):
        detail = caller.invoke(path).text
        kgent.ok(all(k in detail for k in known), f"{path}: the valid ones are named")
    detail = caller.invoke(M + "[phase=SLEEP]").text
    kgent.ok(all(p in detail for p in PHASES), "the phases are named")


def unknown(caller):
    for path in UNKNOWN:
        context = path.split(".", maxsplit=1)[0]
        answer = caller.invoke(path)
        rows.check(answer, 404, rows.problem(404, rows.text(
            f"Path not found: Unknown context: '{context}'"), similar_paths=list), path)
        kgent.ok(shape(answer.json, "Path not found: "), f"{path}: the detail is as its members")


def resolve(caller):
    """Resolve takes the same paths, with or without the aspect."""
    for path, status in (("world.house", 200), (M, 200), ("self.memory", 200), ("world", 400),
                         ("world.House", 400), ("world.house[", 400), ("nowhere.x", 404),
                         ("world.house.kitchen.manifest", 200), ("void.entropy.sip", 200)):
        for route in ("resolve", "affordances"):
            answer = caller.get(f"/v1/agentese/{route}?path=" + urllib.parse.quote(path))
            kgent.equal(answer.status, status, f"{route} {path}: {status}")


def pool(caller):
    return caller.result("void.entropy.status")["remaining"]


def clauses(caller):
    before = pool(caller)
    caller.result(M + "[entropy=0.25]")
    kgent.equal(round(before - pool(caller), 6), 0.25, "[entropy=0.25] draws that much")
    before = pool(caller)
    kgent.equal(caller.invoke("world.house.fly[entropy=0.25]").status, 403, "refused")
    kgent.equal(caller.invoke("nowhere.x.y[entropy=0.25]").status, 404, "unknown")
    kgent.equal(pool(caller), before, "what cannot be invoked draws nothing")
    answer = caller.invoke("world.tower.transform[rollback=true][phase=IMPLEMENT]@span=span7",
                           {"changes": {"height": 3}})
    token = next((v for k, v in (*answer.json.items(), *answer.json["result"].items())
                  if k == "rollback_token"), None)
    kgent.ok(token, "[rollback=true] returns a token")
    line = caller.result("world.tower.witness")["history"][0]
    kgent.equal((line.get("phase"), line.get("span")), ("IMPLEMENT", "span7"),
                "phase and span are in the history")
    kgent.equal(caller.invoke("time.past.restore", {"token": token}).status, 200, "it undoes")
    kgent.equal(caller.result("world.tower.measure", {"metric": "height"},
                                "architect")["value"], "unmeasured",
                "the change")
    caller.result("world.tower.relate", {"target": "world.house"})
    kgent.ok(isinstance(caller.result("world.tower.relate"), list), "relate lists")
    answer = caller.invoke("world.tower.relate[minimal_output]")
    rows.check(answer, 422, rows.problem(422, law="minimal_output"), "an array is refused")
    kgent.equal(caller.invoke("world.tower.relate[minimal_output=false]").status, 200,
                "not with false")


def drained(caller):
    caller.result("void.entropy.sip", {"amount": pool(caller)})
    answer = caller.invoke(M + "[entropy=0.5]")
    rows.check(answer, 402, rows.problem(402, rows.text("void.entropy.pour")), "none is left")
    kgent.equal(caller.invoke(M + "[entropy=0.0]").status, 200, "0.0 is always there")


def tests():
    with kgent.Host(plugins=["health", rows.UNLIMITED, "agentese"]) as host:
        caller = rows.Caller(host)
        for test in (good, bad, where, unknown, resolve, clauses, drained):
            test(caller)


if __name__ == "__main__":
    kgent.main([tests])
