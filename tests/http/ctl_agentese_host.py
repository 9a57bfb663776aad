#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""kgentctl as a client of the path language, against a host."""
import json
import os
import re
import subprocess
import time

import kgent
from ctl_client import HOUSE, complete, ctl, fresh


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


kgent.main([host])
