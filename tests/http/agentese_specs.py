#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Nodes that are texts: the folder spec_dir, with the examples and with what is wrong."""
import json
import os
import random
import shutil
import subprocess
import tempfile

import kgent

EXAMPLES = os.path.join(kgent.SOURCE, "examples", "specs")
AUTH = 'load = "auth"; dev_keys = true; enforce = "shadow";'
INVOKE = "/v1/agentese/invoke"

folder = tempfile.TemporaryDirectory(prefix="kgent-specs-")
SPECS = os.path.join(folder.name, "specs")
PLUGINS = ["health", AUTH, f'load = "agentese"; spec_dir = "{SPECS}";', "metering-openmeter"]


def new_tenant(host, slug):
    """A key that may do everything for a new tenant."""
    host.post("/admin/v1/tenants", {"name": slug, "slug": slug}, local=True)
    return host.post("/admin/v1/keys", {"name": "k", "tenant": slug, "tier": "ENTERPRISE",
                                        "archetypes": ["developer", "*"],
                                        "scopes": ["read", "write"]}, local=True).json["key"]


def header(key):
    return {"X-API-Key": key if key.startswith("kg_") else "kg_dev_" + key}


def call(host, path, key="carol", archetype=None, **kwargs):
    body = {"path": path, "kwargs": kwargs}
    if archetype:
        body["observer"] = {"name": 'Ann "the" B\\', "archetype": archetype}
    return host.post(INVOKE, body, header(key))


def result(host, path, key="carol", archetype=None, **kwargs):
    answer = call(host, path, key, archetype, **kwargs)
    return answer.json["result"] if answer.status == 200 else (answer.status, answer.json)


def get(host, target, key="carol"):
    return host.get("/v1/agentese/" + target, header(key)).json


# ---- The examples ---------------------------------------------------------------------


def texts(host):
    seen = result(host, "world.lighthouse.manifest")
    kgent.equal((seen["summary"], seen["kind"], seen["content"].split("\n")),
                ("A lighthouse that greets ships.", "spec",
                 ["# The lighthouse", "", "It has stood here since 1887, and its light is white."]),
                "a manifest is a text, with defaults in its holes")
    kgent.equal([a["aspect"] for a in seen["aspects"]],
                ["manifest", "witness", "affordances", "greet", "status"],
                "and lists what the observer is offered")
    kgent.equal(result(host, "world.lighthouse.greet", archetype="poet", ship="Aurora"),
                'Ann "the" B\\ greets the Aurora with nothing on board.', "a hole takes an argument")
    for value, shown in (('x"}],\n\t\\u0041 {{cargo}}', 'x"}],\n\t\\u0041 {{cargo}}'), (7, "7"),
                         (True, "true"), (None, "null"), ({"a": ['"', "\\"]}, '{"a":["\\"","\\\\"]}'),
                         ("\u00e9\u2028\U0001f6a2", "\u00e9\u2028\U0001f6a2")):
        kgent.equal(result(host, "world.lighthouse.greet", cargo=value, ship="A"),
                    "api_user greets the A%s." % shown, "a hole takes %r as a text" % value)
    answer = call(host, "world.lighthouse.greet")
    kgent.equal((answer.status, answer.json["detail"].split("\n")[0]),
                (422, "Argument 'ship' is required"), "a hole without a default needs its argument")
    answer = call(host, "world.lighthouse.greet", ship="x" * 270000)
    kgent.equal(answer.status, 422, "a text that would be too big is refused")
    kgent.equal(result(host, "concept.harbour.explain", ship="crab"),
                "A harbour is where a crab waits for better weather.", "concepts, too")


def json_texts(host):
    kgent.equal(result(host, "world.lighthouse.status", archetype="poet", keeper={"name": ["B"]}),
                {"light": "white", "lit": True, "keeper": {"name": ["B"]},
                 "asked_by": 'Ann "the" B\\'}, "a block of JSON is a value, with values in its holes")
    for evil in ('"', '","lit":"', "}", "\\", "\n"):
        kgent.equal(result(host, "world.lighthouse.status", keeper=evil, light=evil),
                    {"light": evil, "lit": True, "keeper": evil, "asked_by": "api_user"},
                    "and stays what it is with %r" % evil)
    kgent.equal(result(host, "world.lighthouse.status", keeper=1, light=[1, {"a": "b"}])["light"],
                '[1,{"a":"b"}]', "a value in a string is its text")


def anything(numbers, depth=0):
    """Some JSON value."""
    kind = numbers.randrange(4 if depth > 3 else 6)
    if kind == 0:
        return "".join(numbers.choice('"\\{}[]|,:a \n\t\u00e9\u2028\U0001f6a2\x01\x7f/')
                       for _ in range(numbers.randrange(9)))
    if kind == 1:
        return numbers.choice((True, False, None))
    if kind == 2:
        return numbers.randrange(-9, 9999)
    if kind == 3:
        return numbers.choice((0.5, -1e3, 1e-7))
    if kind == 4:
        return [anything(numbers, depth + 1) for _ in range(numbers.randrange(4))]
    return {f'k{n}"\\': anything(numbers, depth + 1) for n in range(numbers.randrange(4))}


def any_value(host):
    numbers, strange = random.Random(7), []
    for _ in range(300):
        keeper, light = anything(numbers), anything(numbers)
        got = result(host, "world.lighthouse.status", keeper=keeper, light=light)
        if (not isinstance(got, dict) or set(got) != {"light", "lit", "keeper", "asked_by"}
                or got["keeper"] != keeper
                or (got["light"] if isinstance(light, str) else json.loads(got["light"])) != light):
            strange.append((keeper, light, got))
    kgent.equal(strange[:2], [], "300 values of any kind change no form")


def priced(host):
    answer = call(host, "void.kiosk.buy", word="yes")
    kgent.equal((answer.status, answer.json["result"], answer.json["tokens_used"]), (200, "yes: sold", 3),
                "a file may say what its aspects cost")
    kgent.equal(get(host, "paths?prefix=void.kiosk.buy")["paths"][0]["price"]["fixed"], 3, "lists tell it")
    answer = call(host, "void.kiosk.buy", word="no")
    kgent.equal((answer.status, answer.json["errors"][0]["loc"]), (422, ["body", "kwargs", "word"]),
                "and what they take")


def archetypes(host):
    kgent.equal(get(host, "affordances?path=world.lighthouse&archetype=poet")["affordances"],
                ["manifest", "witness", "affordances", "greet", "status", "sing"], "a poet's list")
    kgent.equal(call(host, "world.lighthouse.sing", archetype="admin").status, 403,
                "nobody else has the poet's aspect")
    answer = call(host, "world.lighthouse.sing", archetype="poet")
    kgent.equal((answer.status, "llm/1" in answer.json["why"]), (503, True),
                "a prompt has nobody to answer it")
    kgent.equal(call(host, "world.lighthouse.transform").status, 403, "no verbs of the open world")
    kgent.equal(call(host, "world.lighthouse.maintain", "alice", "admin").status, 403,
                "a read key notes nothing")


def state(host):
    answer = call(host, "world.lighthouse.maintain", archetype="admin",
                  changes={"light": "red", "keeper": "Bo"})
    kgent.equal(answer.json["result"]["status"], "acknowledged", "a note changes the state")
    kgent.equal(result(host, "world.lighthouse.status"),
                {"light": "red", "lit": True, "keeper": "Bo", "asked_by": "api_user"},
                "which fills holes")
    kgent.equal(result(host, "world.lighthouse.status", light="blue")["light"], "blue",
                "unless an argument does")
    kgent.equal(result(host, "world.lighthouse.witness")["total"], 1, "and is in the history")
    kgent.equal(result(host, "world.lighthouse.status", new_tenant(host, "north"), keeper=1)["light"],
                "white", "another tenant has its own")


def listed(host):
    paths = {p["path"]: p for p in get(host, "paths?prefix=world.lighthouse.")["paths"]}
    kgent.equal(set(p.split(".")[2] for p in paths),
                {"manifest", "witness", "affordances", "greet", "status", "sing", "maintain"},
                "its aspects are listed")
    sing = paths["world.lighthouse.greet"]
    kgent.equal((sing["kind"], sing["category"], sing["scope"], sing["summary"],
                 list(sing["input"]["properties"])),
                ("spec", "PERCEPTION", "read", "Greets a ship by its name.", ["ship", "cargo"]),
                "with what they take")
    document = host.get("/openapi.json").json["paths"]
    kgent.ok("/v1/agentese/invoke#world.lighthouse.greet" in document, "and in the document")


def composed(host):
    answer = host.post("/v1/agentese/compose",
                       {"pipeline": "world.lighthouse.status[law_check] >> concept.harbour.explain",
                        "initial_input": 1}, {"X-API-Key": "kg_dev_carol"})
    kgent.equal((answer.status, answer.json.get("result")),
                (200, "A harbour is where a ship waits for better weather."), "in a composition")


# ---- What is wrong ----------------------------------------------------------------------

HEAD = "---\narchetypes:\n  any: [x]\n---\n"
WRONG = (
    ("", "1: it does not begin with a front matter; begin with a line ---"),
    ("---\nsummary: x\n", "2: the front matter does not end; write a line --- behind it"),
    ("---\nsummary: x\nsummary: y\n---\n", "3: 'summary': it is there twice"),
    ("---\nname: x\n---\n", "2: 'name': a spec has no such member; summary, archetypes or aspects"),
    ("---\nsummary: a: b\n---\n", "2: 'a: b': a text with ': ' or ' #' means something else in YAML"),
    ("---\nsummary: |\n  x\n---\n", "2: '|': a text cannot begin so; put it into double quotes"),
    ("---\nsummary: \"x\n---\n", "2: '\"x': the quote is not closed"),
    ("---\nsummary: 'x' y\n---\n", "2: ''x' y': something stands behind the quote"),
    ("---\nsummary:x\n---\n", "2: 'summary': a blank is missing behind the colon"),
    ("---\n- x\n---\n", "2: '- x': this line has no key"),
    ("---\n summary: x\n---\n", "2: the line is not indented as it must be; two blanks per level"),
    ("---\n  poet: [x]\n---\n", "2: 'poet': it is indented below what has no members"),
    ("---\narchetypes:\n  poet: x\n---\n", "3: 'poet': an archetype has a list of aspects"),
    ("---\narchetypes:\n  poet: [x, Y]\n---\n", "3: 'Y': this is no name"),
    ("---\narchetypes:\n  poet: [x\n---\n", "3: '[x': the list is not closed"),
    ("---\narchetypes:\n  poet: []\n---\n", "3: this is no name"),
    ("---\narchetypes:\n  poeta: [x]\n---\n## x\ny\n", "3: 'poeta': there is no such archetype"),
    ("---\narchetypes:\n  poet: [manifest]\n---\n", "3: 'manifest': every node has this aspect"),
    ("---\naspects:\n  x:\n    doe: text\n---\n", "4: 'doe': an aspect has no such member"),
    ("---\naspects:\n  x:\n    does: nothing\n---\n", "4: 'nothing': this cannot be said here"),
    ("---\naspects:\n  x:\n    tokens: -1\n---\n", "4: '-1': a text cannot begin so"),
    ("---\naspects:\n  x:\n    tokens: 1x\n---\n", "4: '1x': this is no cost"),
    ("---\naspects:\n  x:\n    input: yes\n---\n", "4: 'input': it needs a JSON Schema"),
    ("---\naspects:\n  x: One.\n  x: Two.\n---\n", "4: 'x': it is there twice"),
    ("---\naspects:\n  x:\n    does: note\n    category: PERCEPTION\n---\n",
     "3: 'x': what it does is of another category"),
    ("---\narchetypes:\n  poet: [x]\naspects:\n  y:\n    does: note\n---\n## x\nz\n",
     "5: 'y': nobody is offered this aspect"),
    (HEAD, "3: 'x': the aspect has no text; write a section ## with its name"),
    (HEAD + "## y\nz\n", "5: 'y': no aspect has the name of this heading"),
    (HEAD + "## x\nz\n## x\nz\n", "7: 'x': the aspect has a text already"),
    (HEAD + "{{name}}\n## x\ny\n", "5: 'name': manifest must answer without arguments"),
    (HEAD + "## x\n\nfirst\n{{name\n", "8: a hole {{ is not closed on its line"),
    (HEAD + "## x\n{{Na me}}\n", "6: 'Na me': this is no name of an argument"),
    (HEAD + "## x\n```json\n{\"a\":}\n```\n", "7: with defaults, or null, in its holes this is no JSON"),
    (HEAD + "## x\n```json\n{\"a{{b}}\":1}\n```\n", "7: the name of a member has a hole"),
    (HEAD + "## x\n```json\n[NaN]\n```\n", "7: this is no JSON"),
    (HEAD + "## x\n```json\n[1 2]\n```\n", "7: with defaults"),
    (HEAD + "## x\n```json\n[{{b|x}}]\n```\n", "7: with defaults"),
    (HEAD + "## x\ny\r\n", "6: the line ends as in DOS"),
    (HEAD + "## x\n\x01\n", "6: there is a control character"),
    (HEAD + "## x\n" + "{{a|}}" * 129, "6: 'a': there are more than 128 holes"),
    (HEAD + "## x\n" + "y" * 32768, "it is no file, or has more than 32768 bytes"),
    ("---\narchetypes:\n" + "".join("  any%d: [x]\n" % i for i in range(17)) + "---\n",
     "19: 'any16': it is named twice, or the 17th archetype"),
)


def check(files):
    """What `kgentd -t` says of a folder with these files."""
    shutil.rmtree(SPECS, ignore_errors=True)
    for name, text in files.items():
        path = os.path.join(SPECS, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(text if isinstance(text, bytes) else text.encode())
    done = subprocess.run([kgent.KGENTD, "-t", "-c", host.config], capture_output=True, text=True,
                          check=False)
    return done.returncode, done.stdout + done.stderr


def refused():
    files = {"world/n%02d.md" % i: text for i, (text, _) in enumerate(WRONG)}
    status, told = check(files)
    kgent.equal(status != 0, True, "a wrong file is a start-up error")
    for i, (_, line) in enumerate(WRONG):
        at = ": " if line[0] not in "0123456789" else ":"
        kgent.contains(told, "spec_dir: %s/world/n%02d.md%s%s" % (SPECS, i, at, line),
                       "told with line and remedy: " + line[:60])
    good = HEAD + "## x\ny\n"
    for name, line in (("world/Big.md", "the file's name is no holon"),
                       ("world/a..b.md", "the file's name is no holon"),
                       ("house/x.md", "the folder is no context"),
                       ("self/memory.md", "there is a node of that name already"),
                       ("world/latin.md", "5: a character is no UTF-8")):
        status, told = check({name: HEAD.encode() + b"\xe9\n## x\ny\n" if "latin" in name else good})
        kgent.equal((status != 0, line in told), (True, True), f"{name}: {line}")
    status, told = check({"world/ok.md": good, "world/notes.txt": "x", "README.md": "x",
                          ".git/config": "x", "world/.hidden.md": "x"})
    kgent.equal(status, 0, "what is no spec is left alone")
    status, told = check({"void/well.md": '---\naspects:\n  x:\n    input: {"allOf":[]}\n---\n## x\ny\n'})
    kgent.equal((status != 0, "void/well.md" in told), (True, True), "a schema that cannot be checked")


KIOSK = """---
aspects:
  buy:
    tokens: 3
    input: {"type":"object","required":["word"],"properties":{"word":{"enum":["yes","maybe"]}}}
---
## buy
{{word}}: sold
"""
host = kgent.Host(plugins=PLUGINS)
refused()
shutil.rmtree(SPECS)
shutil.copytree(EXAMPLES, SPECS)
os.mkdir(os.path.join(SPECS, "void"))
with open(os.path.join(SPECS, "void", "kiosk.md"), "w", encoding="utf-8") as f:
    f.write(KIOSK)
with host:
    for test in (texts, json_texts, any_value, priced, archetypes, state, listed, composed):
        test(host)
kgent.done()
