#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""self.* and world.purgatory over real sockets: each verb of each table does what it says
or says why it cannot, nothing is lost in a kill, and a read-only key changes nothing."""
import signal
import threading
import time

import kgent

AUTH = 'load = "auth"; dev_keys = true; enforce = "shadow";'


def call(host, path, who="carol", archetype="developer", observer="api_user", **kwargs):
    return host.post("/v1/agentese/invoke",
                     {"path": path, "observer": {"archetype": archetype, "name": observer},
                      "kwargs": kwargs}, {"X-API-Key": "kg_dev_" + who})


def result(host, path, **more):
    answer = call(host, path, **more)
    if answer.status != 200:
        kgent.note(answer.text)
    kgent.equal(answer.status, 200, path)
    return answer.json.get("result")


def refused(host, status, path, **kwargs):
    answer = call(host, path, **kwargs)
    if answer.status != status:
        kgent.note(answer.text)
    kgent.equal(answer.status, status, f"{path} is {status}")
    return answer.json


# ---- memory ------------------------------------------------------------------


def keeping(host):
    got = result(host, "self.memory.engram", key="colour", data={"name": "gr\u00fcn", "n": [1, 2]})
    kgent.equal((got["key"], got["stored"], got["reinforced"], got["tier"], got["expires_at"]),
                ("colour", True, False, "short", None), "engram")
    got = result(host, "self.memory.recall", key="colour")
    kgent.equal((got["key"], got["data"]), ("colour", {"name": "gr\u00fcn", "n": [1, 2]}), "recall")
    kgent.equal(result(host, "self.memory.retrieve", key="colour")["data"]["n"], [1, 2], "retrieve")
    got = result(host, "self.memory.engram", key="colour", data="blue")
    kgent.equal(got["reinforced"], True, "again: it is reinforced")
    kgent.equal(result(host, "self.memory.recall", key="colour")["data"], "blue", "and replaced")
    got = result(host, "self.memory.store", data="The sea is deep.")
    kgent.equal((got["key"][:2], got["tier"]), ("m_", "long"), "store makes a key")
    kgent.equal(result(host, "self.memory.store", data="The sea is deep.")["key"], got["key"],
                "the same data has the same")
    got = result(host, "self.memory.deposit", key="note", data="The SEA, \"gr\u00fcn\"\nand wide")
    kgent.equal((got["tier"], got["expires_at"] is None), ("working", False), "deposit")
    got = result(host, "self.memory.recall", query="gr\u00fcn sea")
    kgent.equal([(r["key"][:4], r["score"]) for r in got["results"]],
                [("note", 1.0), ("m_" + got["results"][1]["key"][2:4], 0.5)], "by words")
    kgent.equal(got["total"], 2, "how many")
    kgent.equal(result(host, "self.memory.recall", query="and", limit=1)["results"][0]["key"],
                "note", "a word behind a line's end")
    kgent.equal(result(host, "self.memory.recall", query="colour")["results"][0]["key"], "colour",
                "by its key's word")
    got = refused(host, 404, "self.memory.recall", key="color")
    kgent.equal(got["related"], ["colour"], "nearby keys are named")
    for member in ("why", "suggestion"):
        kgent.ok(member in got, f"the refusal has {member}")
    refused(host, 400, "self.memory.recall")
    refused(host, 400, "self.memory.recall", query="!?")
    refused(host, 400, "self.memory.engram", key="a b", data=1)
    refused(host, 400, "self.memory.engram", key="a")
    refused(host, 400, "self.memory.engram", data=1)
    refused(host, 507, "self.memory.engram", key="big", data="x" * 70000)


def shifting(host):
    kgent.equal(result(host, "self.memory.promote", key="note"),
                {"key": "note", "tier": "short", "was": "working"}, "promote")
    kgent.equal(result(host, "self.memory.demote", key="note"),
                {"key": "note", "tier": "working", "was": "short"}, "demote")
    kgent.equal(result(host, "self.memory.demote", key="note")["tier"], "working", "at the end")
    kgent.equal(result(host, "self.memory.cherish", key="note"),
                {"key": "note", "cherished": True}, "cherish")
    kgent.equal(result(host, "self.memory.cherish", key="note", cherished=False)["cherished"],
                False, "and no longer")
    for verb in ("promote", "demote", "cherish", "forget"):
        refused(host, 404, "self.memory." + verb, key="nothing")
    got = result(host, "self.memory.evaluate", key="colour")["engrams"]
    kgent.equal((len(got), got[0]["uses"], got[0]["strength"] > 0.99), (1, 1, True), "evaluate one")
    kgent.equal(len(result(host, "self.memory.evaluate")["engrams"]), 3, "evaluate all")
    refused(host, 404, "self.memory.evaluate", key="nothing")
    got = result(host, "self.memory.consolidate")
    kgent.equal((got["promoted"], got["expired"], got["engrams"]), (["colour"], 0, 3),
                "consolidate promotes what was reinforced")
    kgent.equal(result(host, "self.memory.evaluate", key="colour")["engrams"][0]["tier"], "long",
                "by one tier")


def passing(host):
    result(host, "self.memory.engram", key="brief", data=1, ttl=0.2)
    result(host, "self.memory.engram", key="hour", data=1, ttl=1800)
    got = result(host, "self.memory.expiring_soon", within=3600)
    kgent.ok("hour" in [e["key"] for e in got["engrams"]], "expiring_soon")
    end = time.monotonic() + 10
    while call(host, "self.memory.recall", key="brief").status == 200 and time.monotonic() < end:
        time.sleep(0.05)
    refused(host, 404, "self.memory.recall", key="brief")
    kgent.equal(result(host, "self.memory.sense")["expired"], 1, "sense")
    kgent.equal(result(host, "self.memory.reap"),
                {"reaped": 1, "keys": ["brief"], "remaining": 4}, "reap")
    kgent.equal(result(host, "self.memory.prune", threshold=0)["pruned"], 0, "prune nothing")
    result(host, "self.memory.cherish", key="colour")
    got = result(host, "self.memory.prune", threshold=1)
    kgent.equal((got["pruned"], got["remaining"]), (3, 1), "prune spares what is cherished")
    kgent.equal(result(host, "self.memory.forget", key="colour"),
                {"key": "colour", "forgotten": True}, "forget")
    refused(host, 404, "self.memory.recall", key="colour")
    got = result(host, "self.memory.play")
    kgent.equal((got["key"], got["data"]), (None, None), "play with nothing")
    refused(host, 404, "self.memory.crystallize", key="all")
    kgent.equal(result(host, "self.memory.manifest")["keys"], [], "nothing is left")


def points(host):
    for i in range(5):
        result(host, "self.memory.engram", key=f"k{i}", data={"n": i, "of": "tree"})
    kgent.equal(result(host, "self.memory.checkpoint", label="five")["engrams"], 5, "checkpoint")
    result(host, "self.memory.forget", key="k0")
    result(host, "self.memory.engram", key="k1", data="changed")
    result(host, "self.memory.engram", key="later", data="later")
    got = result(host, "self.memory.sense")
    kgent.equal((got["engrams"], got["checkpoints"][0]["label"]), (5, "five"), "it is listed")
    got = refused(host, 404, "self.memory.resume", label="four")
    kgent.equal(got["related"], ["five"], "unknown labels name the known")
    kgent.equal(result(host, "self.memory.resume", label="five"),
                {"label": "five", "engrams": 5, "dropped": 1}, "resume")
    kgent.equal(result(host, "self.memory.recall", key="k0")["data"]["n"], 0, "what was forgotten")
    kgent.equal(result(host, "self.memory.recall", key="k1")["data"]["n"], 1, "what was changed")
    refused(host, 404, "self.memory.recall", key="later")
    result(host, "self.memory.forget", key="k0")
    kgent.equal(result(host, "self.memory.restore", label="five")["engrams"], 5, "restore too")
    got = result(host, "self.memory.crystallize", key="trees", query="tree")
    kgent.equal((sorted(got["engrams"])), ["k0", "k1", "k2", "k3", "k4"], "crystallize")
    kgent.equal(len(result(host, "self.memory.recall", key="trees")["data"]), 5, "is one of many")
    kgent.ok(result(host, "self.memory.play")["key"] is not None, "play")
    for verb in ("compress", "inference_consolidate"):
        kgent.contains(refused(host, 501, "self.memory." + verb)["detail"], "language model",
                       verb + " says why")
    result(host, "self.memory.prune", threshold=0.5)
    host.stop(signal.SIGKILL)
    host.start()
    kgent.equal(result(host, "self.memory.recall", key="k4")["data"]["n"], 4, "after a kill")


def at_once(host):
    """Many keep at once, and none is lost."""
    got = []

    def keep(n):
        for i in range(10):
            got.append(call(host, "self.memory.engram", key=f"t{n}_{i}", data=i).status)

    threads = [threading.Thread(target=keep, args=(n,)) for n in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    kgent.equal(got, [200] * 80, "80 at once")
    keys = [e["key"] for e in result(host, "self.memory.evaluate")["engrams"]]
    kgent.equal(len([k for k in keys if k.startswith("t")]), 81, "are 80 engrams, and one before")
    result(host, "self.memory.resume", label="five")


def memory(host):
    keeping(host)
    shifting(host)
    passing(host)
    points(host)
    at_once(host)


def main():
    with kgent.Host(plugins=[AUTH, "agentese"]) as host:
        memory(host)


kgent.main([main])
