#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""The agents of examples/agents, as their README.md says to run them."""
import json
import os
import subprocess

import kgent
from sse import Stream

EXAMPLES = os.path.join(kgent.SOURCE, "examples", "agents")
AUTH = 'load = "auth"; dev_keys = true; enforce = "shadow";'
TOKEN = "sesame-open"


class Agent:
    """An example under way; `port` is where it listens."""

    def __init__(self, *command):
        self.process = subprocess.Popen(command + ("0",), stdout=subprocess.PIPE, text=True,
                                        stderr=subprocess.DEVNULL,
                                        env={**os.environ, "AGENT_TOKEN": TOKEN})
        self.port = int(self.process.stdout.readline().rsplit(":", 1)[1])

    def stop(self):
        self.process.terminate()
        self.process.wait(10)
        self.process.stdout.close()


def block(**ports):
    """The configuration's block in agents.conf, with other ports."""
    with open(os.path.join(EXAMPLES, "agents.conf"), encoding="utf-8") as f:
        text = "".join(line for line in f if not line.startswith("#"))
    for known, port in (("9000", ports["translator"]), ("9001", ports["letters"])):
        text = text.replace(f"127.0.0.1:{known}/", f"127.0.0.1:{port}/")
    return text.strip()[1:-1]


def call(host, path, key="carol", **kwargs):
    return host.post("/v1/agentese/invoke", {"path": path, "kwargs": kwargs},
                     {"X-API-Key": "kg_dev_" + key})


def result(answer):
    return answer.status, answer.json.get("result"), answer.json.get("tokens_used")


def translator(host):
    answer = call(host, "world.translator.translate", text="good day", to="de")
    kgent.equal(result(answer), (200, "guten Tag", 2), "a translation, and its tokens")
    answer = call(host, "world.translator.languages", "alice")
    kgent.equal(result(answer), (200, ["de", "fr"], 0), "a read-only key looks")
    answer = call(host, "world.translator.translate", "alice", text="good day", to="de")
    kgent.equal(answer.status, 403, "and has nothing generated")
    answer = call(host, "world.translator.translate", text="good day")
    kgent.equal((answer.status, answer.json["errors"][0]["loc"]), (422, ["body", "kwargs", "to"]),
                "the schema is checked before")
    answer = call(host, "world.translator.translate", text="good day", to="tlh")
    kgent.equal(answer.status, 422, "the agent refuses")
    kgent.contains(answer.json["detail"], "no such language: try de, fr", "and says why")
    answer = call(host, "world.translator.speak", text="good house", to="fr")
    kgent.equal(result(answer), (200, "bon maison", 0), "a stream is collected")


def streamed(host, path, **kwargs):
    """What a caller gets who asked for events: the pieces, and the last event."""
    s = Stream(host.port, {"path": path, "kwargs": kwargs}, {"X-API-Key": "kg_dev_carol"})
    events = s.rest()
    return [data["text"] for name, data, _ in events if name == "chunk"], events[-1]


def streams(host, path, kwargs, pieces):
    got, (name, last, _) = streamed(host, path, **kwargs)
    kgent.equal(got, pieces, f"{path}: piece by piece")
    kgent.equal((name, last["text"], last["result"], last["chunks"]),
                ("complete", "".join(pieces), "".join(pieces), len(pieces)), f"{path}: and the whole")


def letters(host):
    answer = call(host, "world.letters.count", text="ananas")
    kgent.equal(result(answer), (200, {"letters": 6, "different": 3}, 0), "letters are counted")
    answer = call(host, "world.letters.spell", text="a\u00e4\n\U0001f600")
    kgent.equal(result(answer), (200, "a-\u00e4-\n-\U0001f600", 0), "and spelt")
    answer = call(host, "world.letters.count")
    kgent.equal(answer.status, 422, "an agent without a schema checks for itself")


def listed(host):
    answer = host.get("/v1/agentese/paths?prefix=world.translator.t", {"X-API-Key": "kg_dev_carol"})
    kgent.equal([(p["path"], p["kind"], p["price"]["per_token"], p["price"]["max"])
                 for p in answer.json["paths"]],
                [("world.translator.translate", "http", 1, 1000)], "paths tells of it")
    answer = call(host, "world.translator.affordances")
    kgent.contains(json.dumps(answer.json["result"]), "translate", "and its affordances")
    text = host.get("/metrics", admin=True).text
    kgent.contains(text, 'kgent_agentese_agent_calls_total{node="world.translator",outcome="ok"} 4',
                   "metrics count its calls")
    kgent.equal(host.ctl("health")[0], 0, "health is good")


def stranger(ports):
    """A host that doesn't know the token."""
    with kgent.Host(plugins=["health", AUTH, "metering-openmeter", block(**ports)],
                    env={"AGENT_TOKEN": "wrong"}) as host:
        answer = call(host, "world.translator.languages")
        kgent.equal(answer.status, 502, "an agent that refuses the host has failed")
        code, out, _ = host.ctl("health")
        kgent.contains(out, "agent_world_translator", "health names it")
        printed = subprocess.run([kgent.KGENTD, "-c", host.config, "-T"], stdout=subprocess.PIPE,
                                 text=True, env={**os.environ, "AGENT_TOKEN": TOKEN})
        kgent.equal(TOKEN in printed.stdout, False, "the configuration is shown without secrets")
        kgent.contains(printed.stdout, 'name = "Authorization"', "but with their names")


def main():
    agents = {"translator": Agent("python3", os.path.join(EXAMPLES, "translator.py"))}
    node = kgent.peer("node", "examples/agents/letters.js")
    if node:
        agents["letters"] = Agent(node, os.path.join(EXAMPLES, "letters.js"))
    ports = {name: agents[name].port if name in agents else 1 for name in ("translator", "letters")}
    try:
        with kgent.Host(plugins=["health", AUTH, "metering-openmeter", block(**ports)],
                        env={"AGENT_TOKEN": TOKEN}) as host:
            translator(host)
            streams(host, "world.translator.speak", {"text": "good house", "to": "fr"}, ["bon", " maison"])
            if node:
                letters(host)
                streams(host, "world.letters.spell", {"text": "a\u00e4\n"}, ["a", "-\u00e4", "-\n"])
            listed(host)
        stranger(ports)
    finally:
        for agent in agents.values():
            agent.stop()


main()
kgent.done()
