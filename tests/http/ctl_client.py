# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""For tests of kgentctl as a client of the path language: a server of the test's own, and
what it answers."""
import json
import os
import subprocess
import tempfile

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


def fresh():
    for name in os.listdir(os.path.join(CACHE, "kgentctl")) if os.listdir(CACHE) else ():
        os.unlink(os.path.join(CACHE, "kgentctl", name))


def complete(*words, **env):
    """What bash offers for the last word; words are taken apart as bash does."""
    script = ('source <("$0" completion bash); COMP_WORDS=("$0" "$@"); COMP_CWORD=$#; '
              '_kgentctl; printf "%s\\n" "${COMPREPLY[@]}"')
    run = subprocess.run(["bash", "-c", script, os.path.abspath(kgent.KGENTCTL), *words],
                         stdout=subprocess.PIPE, text=True, check=True, cwd=folder.name,
                         env={**os.environ, **environment(**env)})
    return run.stdout.split("\n")[:-1]
