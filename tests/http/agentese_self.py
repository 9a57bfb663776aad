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


# ---- capabilities, state, identity --------------------------------------------


def capabilities(host):
    got = result(host, "self.capabilities.acquire", capability="deploy", observer="ann")
    kgent.equal(got, {"capability": "deploy", "acquired": True, "holder": "ann",
                      "expires_at": None}, "acquire")
    got = refused(host, 409, "self.capabilities.acquire", capability="deploy", observer="ben")
    kgent.contains(got["detail"], "'deploy' is held by 'ann'", "one holds it at a time")
    refused(host, 409, "self.capabilities.release", capability="deploy", observer="ben")
    got = result(host, "self.capabilities.acquire", capability="deploy", observer="ann", ttl=3600)
    kgent.ok(got["expires_at"], "its holder may hold it longer")
    got = result(host, "self.capabilities.list", observer="ann")
    kgent.equal([(e["capability"], e["holder"], e["mine"]) for e in got["capabilities"]],
                [("deploy", "ann", True)], "list")
    kgent.equal(result(host, "self.capabilities.list")["capabilities"][0]["mine"], False,
                "list of another")
    kgent.equal(result(host, "self.capabilities.release", capability="deploy", observer="ann"),
                {"capability": "deploy", "released": True}, "release")
    refused(host, 404, "self.capabilities.release", capability="deploy", observer="ann")
    result(host, "self.capabilities.acquire", capability="deploy", observer="ben", ttl=0.1)
    end = time.monotonic() + 10
    while (result(host, "self.capabilities.list")["total"] and time.monotonic() < end):
        time.sleep(0.05)
    result(host, "self.capabilities.acquire", capability="deploy", observer="ann")
    refused(host, 400, "self.capabilities.acquire", capability="A b")
    refused(host, 400, "self.capabilities.acquire")
    kgent.equal(result(host, "self.capabilities.manifest")["total"], 1, "manifest")
    kgent.equal(result(host, "self.capabilities.witness")["history"][0]["aspect"], "acquire",
                "witness")


def state(host):
    kgent.equal(result(host, "self.state.inspect"),
                {"state": {}, "checkpoints": [], "version": 0}, "nothing yet")
    got = result(host, "self.state.checkpoint", label="one", state={"step": 1})
    kgent.equal((got["label"], got["checkpoints"], got["version"]), ("one", 1, 1), "checkpoint")
    result(host, "self.state.checkpoint", label="two", state={"step": 2})
    kgent.equal(result(host, "self.state.inspect")["state"], {"step": 2}, "inspect")
    kgent.equal(result(host, "self.state.restore", label="one"),
                {"label": "one", "restored": True, "state": {"step": 1}, "version": 3}, "restore")
    kgent.equal(result(host, "self.state.manifest")["state"], {"step": 1}, "it is so now")
    got = refused(host, 404, "self.state.restore", label="three")
    kgent.equal(got["related"], ["one", "two"], "unknown labels name the known")
    refused(host, 400, "self.state.checkpoint", label="x", state=[])
    for i in range(14):
        result(host, "self.state.checkpoint", label=f"l{i}")
    got = refused(host, 507, "self.state.checkpoint", label="l14")
    kgent.equal(got["violated_policies"], ["agentese.checkpoints"], "16 and no more")
    result(host, "self.state.checkpoint", label="l13")


def identity(host):
    got = result(host, "self.identity.reflect", observer="ann", archetype="poet")
    kgent.equal(got["observer"], {"name": "ann", "archetype": "poet"}, "reflect: the observer")
    kgent.ok("write" in got["scopes"] and got["tenant"] and got["subject"], "and the caller")
    kgent.equal(result(host, "self.identity.evolve", traits={"mood": "calm", "x": 1}),
                {"evolved": True, "traits": {"mood": "calm", "x": 1}, "version": 1}, "evolve")
    result(host, "self.identity.evolve", traits={"x": None})
    got = result(host, "self.identity.manifest")
    kgent.equal((got["traits"], got["evolutions"]), ({"mood": "calm"}, 2), "traits")
    refused(host, 400, "self.identity.evolve")


# ---- judgment -------------------------------------------------------------------


def judgment(host):
    got = result(host, "self.judgment.taste", content="a b c d", prior="c d e f")
    kgent.equal(got, {"novelty": 0.5, "complexity": 1.0, "wundt_score": 1.0,
                      "verdict": "interesting", "is_acceptable": True}, "taste")
    got = result(host, "self.judgment.taste", content="A, b! a b.", prior=["b", "a"])
    kgent.equal((got["novelty"], got["complexity"], got["verdict"], got["is_acceptable"]),
                (0.0, 0.5, "boring", False), "nothing new")
    got = result(host, "self.judgment.taste", content="quite different", prior="words")
    kgent.equal((got["novelty"], got["wundt_score"], got["verdict"], got["is_acceptable"]),
                (1.0, 0.0, "chaotic", False), "nothing known")
    refused(host, 400, "self.judgment.taste")
    refused(host, 400, "self.judgment.taste", content=7)
    kgent.equal(result(host, "self.judgment.calibrate", low=0.6, high=0.9),
                {"low": 0.6, "high": 0.9, "version": 1}, "calibrate")
    kgent.equal(result(host, "self.judgment.taste", content="a b c d", prior="c d")["verdict"],
                "boring", "tastes differ")
    for low, high in ((0.9, 0.1), (0.5, 0.5), (-1, 1), (0, 2)):
        refused(host, 400, "self.judgment.calibrate", low=low, high=high)
    got = result(host, "self.judgment.refine", expect="the sun rises")
    kgent.equal((got["expectations"], got["version"]), (["the sun rises"], 2), "refine")
    result(host, "self.judgment.refine", expect="it rains")
    got = result(host, "self.judgment.surprise", content="the sun sets")
    kgent.equal((got["surprise"], got["expected"], got["is_surprising"]),
                (0.3333, "the sun rises", False), "surprise")
    kgent.equal(result(host, "self.judgment.surprise", content="money")["surprise"], 1.0,
                "a big one")
    kgent.equal(result(host, "self.judgment.expectations"),
                {"expectations": ["the sun rises", "it rains"], "total": 2, "low": 0.6,
                 "high": 0.9}, "expectations")
    kgent.equal(result(host, "self.judgment.taste", content="the sun")["novelty"], 0.0,
                "what is expected is not new")
    got = result(host, "self.judgment.critique", content="a a a a a a a a", prior="b")
    kgent.equal((got["source"], len(got["critique"]), got["complexity"]), ("rules", 2, 0.125),
                "critique")
    kgent.equal(result(host, "self.judgment.refine", without="it rains")["expectations"],
                ["the sun rises"], "refine without")
    refused(host, 400, "self.judgment.refine")
    kgent.equal(result(host, "self.judgment.manifest")["total"], 1, "manifest")


def handing_on(host):
    """What a step of a composition hands on is what the next one is about."""
    got = result(host, "self.judgment.taste", input={"a": ["b", "c"]}, prior="a b")
    kgent.equal(got["novelty"], 0.3333, "taste of a value")
    kgent.equal(result(host, "self.judgment.critique", input="b", prior="b")["verdict"], "boring",
                "critique")
    kgent.equal(result(host, "self.judgment.surprise", input="the sun rises")["surprise"], 0.0,
                "surprise")
    got = result(host, "self.memory.store", input={"handed": "on"})
    kgent.equal(result(host, "self.memory.recall", input="handed")["results"][0]["key"],
                got["key"], "store and recall")
    result(host, "self.memory.forget", key=got["key"])
    got = result(host, "concept.step.refine", archetype="philosopher", input="No.")
    kgent.equal(got["antithesis"], "No.", "refine")
    for path in ("concept.step.refine", "concept.step.dialectic"):
        refused(host, 400, path, archetype="philosopher", input=[1])


# ---- vitals, soul, others -----------------------------------------------------------


def vitals(host):
    for node in ("self.vitals", "self.vitals.triad"):
        got = result(host, node + ".manifest")
        kgent.equal((got["is_coherent"], got["can_persist"], got["can_recall"],
                     got["can_associate"], got["host"]["live"], got["host"]["ready"]),
                    (True, True, True, False, True, True), node)
        kgent.equal(result(host, node + ".is_coherent")["components"]["down"], 0, "is_coherent")
        kgent.equal(result(host, node + ".can_persist"), {"can_persist": True}, "can_persist")
        kgent.equal(result(host, node + ".can_recall"), {"can_recall": True}, "can_recall")
        kgent.ok("reason" in result(host, node + ".can_associate"), "can_associate says why not")
    got = result(host, "self.vitals.synapse.prometheus")
    kgent.contains(got["text"], "kgent_live 1\n", "synapse.prometheus")
    got = result(host, "self.vitals.resonance.coherency")
    kgent.ok(0 < got["coherency"] <= 1, "resonance.coherency")
    for path in ("synapse.reset", "resonance.update", "circuit.open", "circuit.close",
                 "circuit.reset"):
        got = refused(host, 501, "self.vitals." + path)
        kgent.ok(got["detail"].startswith("Not implemented: ") and "why" in got, "it says why")
    for node in ("synapse", "resonance", "circuit"):
        kgent.equal(result(host, f"self.vitals.{node}.manifest")["handle"],
                    "self.vitals." + node, "manifest")


def others(host):
    for verb in ("manifest", "reflect", "advise", "challenge", "explore", "eigenvectors"):
        got = refused(host, 503, "self.soul." + verb)
        kgent.ok("why" in got and "suggestion" in got, verb + " says why")
    kgent.equal(result(host, "self.shadow.inspect"),
                {"handle": "self.shadow", "state": None, "version": 0, "changed": None}, "inspect")
    result(host, "self.memory.engram", key="seen", data=1)
    kgent.equal(result(host, "self.memory.seen.inspect")["state"]["data"], 1, "an engram is a node")
    kgent.equal(result(host, "self.shadow.manifest")["version"], 0, "manifest")


# ---- semaphore, purgatory ------------------------------------------------------------


def asking(host):
    """A question, its answer."""
    got = result(host, "self.semaphore.yield", reason="Red or blue?", options=["red", "blue"],
                 observer="bot")
    kgent.equal((got["status"], got["reason"], got["target"], got["observer"], got["options"]),
                ("pending", "Red or blue?", None, "bot", ["red", "blue"]), "yield")
    item = got["id"]
    kgent.equal(result(host, "self.semaphore.status", id=item)["status"], "pending", "status")
    kgent.equal(result(host, "self.semaphore.pending")["total"], 1, "pending")
    kgent.equal(result(host, "world.purgatory.list", archetype="poet")["items"][0]["id"], item,
                "list is for everybody")
    for verb in ("resolve", "cancel", "void_expired"):
        refused(host, 403, "world.purgatory." + verb, archetype="poet", id=item)
    host.stop(signal.SIGKILL)
    host.start()
    got = result(host, "world.purgatory.resolve", id=item, answer="blue", note="of course",
                 archetype="admin")
    kgent.equal((got["status"], got["answer"], got["note"]), ("resolved", "blue", "of course"),
                "resolve, after a kill")
    kgent.equal(result(host, "self.semaphore.status", id=item)["answer"], "blue",
                "the one who asked sees it")
    got = refused(host, 409, "world.purgatory.resolve", id=item)
    kgent.contains(got["detail"], "waits no more: it is resolved", "once only")
    refused(host, 409, "world.purgatory.cancel", id=item)
    got = refused(host, 404, "world.purgatory.inspect", id="y_none")
    kgent.ok("why" in got and "suggestion" in got, "an unknown one")


def acting(host):
    """An action waits and is carried out once."""
    def wait(target, **arguments):
        return result(host, "self.semaphore.yield", reason="May I?", target=target,
                      arguments=arguments)["id"]

    item = wait("world.shed.transform", changes={"roof": "gone"})
    kgent.equal(call(host, "world.shed.witness").json["result"]["total"], 0, "nothing happens yet")
    got = result(host, "world.purgatory.resolve", id=item)
    kgent.equal((got["status"], got["result"]["transformed"], got["target"]),
                ("resolved", True, "world.shed.transform"), "resolve carries it out")
    kgent.equal(call(host, "world.shed.witness").json["result"]["total"], 1, "it happened")
    got = result(host, "world.purgatory.inspect", id=item)
    kgent.equal((got["outcome"]["version"], got["arguments"]), (1, {"changes": {"roof": "gone"}}),
                "its outcome is kept")
    item = wait("world.shed.transform", changes={"roof": "new"})
    got = result(host, "world.purgatory.resolve", id=item, decision="reject", note="no")
    kgent.equal((got["status"], got["note"]), ("rejected", "no"), "reject")
    kgent.equal(call(host, "world.shed.witness").json["result"]["total"], 1, "nothing happened")
    item = wait("world.shed.renovate")
    refused(host, 403, "world.purgatory.resolve", id=item)
    kgent.equal(result(host, "self.semaphore.status", id=item)["status"], "pending",
                "who may not do it does not use it up")
    got = result(host, "world.purgatory.resolve", id=item, archetype="architect")
    kgent.equal(got["result"]["status"], "acknowledged", "one who may does it")
    item = wait("world.shed.transform", changes=7)
    got = refused(host, 400, "world.purgatory.resolve", id=item)
    kgent.contains(got["detail"], "'changes' must be an object", "its refusal is told")
    got = result(host, "world.purgatory.inspect", id=item)
    kgent.equal((got["status"], got["outcome"]["status"]), ("failed", 400), "and kept")
    item = wait("world.shed.manifest")
    got = result(host, "world.purgatory.cancel", id=item, note="never mind")
    kgent.equal((got["status"], got["note"]), ("cancelled", "never mind"), "cancel")
    for target in ("world.shed", "World.x.y", "world.purgatory.resolve", "self.semaphore.yield"):
        refused(host, 400, "self.semaphore.yield", reason="x", target=target)
    refused(host, 400, "self.semaphore.yield")
    refused(host, 400, "self.semaphore.yield", reason="x", arguments={})


def racing(host):
    """Ten resolve at once: it is done once."""
    item = result(host, "self.semaphore.yield", reason="May I?", target="world.race.transform",
                  arguments={"changes": {"won": True}})["id"]
    got = []
    threads = [threading.Thread(target=lambda: got.append(
        call(host, "world.purgatory.resolve", id=item).status)) for _ in range(10)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    kgent.equal(sorted(got), [200] + [409] * 9, "one of ten wins")
    kgent.equal(call(host, "world.race.witness").json["result"]["total"], 1, "it is done once")


def expiring(host):
    item = result(host, "self.semaphore.yield", reason="Now?", ttl=0.1)["id"]
    end = time.monotonic() + 10
    while (result(host, "self.semaphore.status", id=item)["status"] == "pending"
           and time.monotonic() < end):
        time.sleep(0.05)
    got = refused(host, 409, "world.purgatory.resolve", id=item)
    kgent.contains(got["detail"], "it is expired", "too late")
    kgent.equal(result(host, "world.purgatory.void_expired"), {"voided": 1, "ids": [item]},
                "void_expired")
    kgent.equal(result(host, "world.purgatory.list", status="void")["total"], 1, "it is void")
    kgent.equal(result(host, "world.purgatory.list")["total"], 0, "nothing waits")
    kgent.ok(result(host, "world.purgatory.list", status="all")["total"] > 5, "all of them")
    seen = [e["aspect"] for e in result(host, "world.purgatory.witness")["history"]]
    for verb in ("yield", "resolve", "cancel", "void_expired"):
        kgent.ok(verb in seen, f"{verb} is in the history")
    kgent.equal(seen, [e["aspect"] for e in result(host, "self.semaphore.witness")["history"]],
                "which both nodes show")


def killed(host):
    """The host is killed while it resolves: nothing is done twice, or done and denied."""
    items = {}
    for i in range(40):
        items[i] = result(host, "self.semaphore.yield", reason="May I?",
                          target=f"world.killed{i}.transform",
                          arguments={"changes": {"n": i}})["id"]
    answered = set()

    def work(part):
        for i in part:
            try:
                if call(host, "world.purgatory.resolve", id=items[i]).status == 200:
                    answered.add(i)
            except OSError:
                return

    threads = [threading.Thread(target=work, args=(range(n, 40, 4),)) for n in range(4)]
    for t in threads:
        t.start()
    end = time.monotonic() + 10
    while len(answered) < 10 and time.monotonic() < end:
        time.sleep(0.001)
    host.stop(signal.SIGKILL)
    for t in threads:
        t.join()
    host.start()
    wrong = []
    for i, item in items.items():
        status = call(host, "self.semaphore.status", id=item).json["result"]["status"]
        done = call(host, f"world.killed{i}.witness").json["result"]["total"]
        if (status, done) not in (("pending", 0), ("continuing", 0), ("continuing", 1),
                                  ("resolved", 1)) or (i in answered and status != "resolved"):
            wrong.append((i, status, done, i in answered))
    kgent.equal(wrong, [], f"killed with {len(answered)} of 40 resolved")
    for item in items.values():
        call(host, "world.purgatory.cancel", id=item)


# ---- what is offered ---------------------------------------------------------------------

BASE = ["manifest", "witness", "affordances"]
OFFERED = {
    "self.memory": "consolidate prune checkpoint recall forget crystallize resume cherish engram "
                   "store retrieve compress promote demote deposit sense play evaluate "
                   "inference_consolidate reap expiring_soon",
    "self.capabilities": "list acquire release",
    "self.state": "checkpoint restore inspect",
    "self.identity": "reflect evolve",
    "self.judgment": "taste surprise expectations calibrate critique refine",
    "self.semaphore": "pending yield status",
    "self.soul": "reflect advise challenge explore eigenvectors",
    "self.vitals": "is_coherent can_persist can_recall can_associate",
    "self.vitals.triad": "is_coherent can_persist can_recall can_associate",
    "self.vitals.synapse": "prometheus reset",
    "self.vitals.resonance": "update coherency",
    "self.vitals.circuit": "open close reset",
    "self.shadow": "inspect",
}


def offers(host):
    for node, verbs in OFFERED.items():
        for archetype in ("developer", "poet", "wizard"):
            kgent.equal(result(host, node + ".affordances", archetype=archetype),
                        BASE + verbs.split(), f"{node} as {archetype}")
    for archetype in ("admin", "developer", "architect", "poet", "wizard"):
        verbs = ["list", "inspect"] if archetype in ("poet", "wizard") else \
            ["list", "resolve", "cancel", "inspect", "void_expired"]
        kgent.equal(result(host, "world.purgatory.affordances", archetype=archetype),
                    BASE + verbs, f"world.purgatory as {archetype}")


# ---- a read-only key, other tenants ------------------------------------------------------


def listed(host):
    got = host.get("/v1/agentese/paths?limit=1000&prefix=self.", {"X-API-Key": "kg_dev_carol"})
    return got.json["paths"]


def read_only(host):
    """Whatever changes something is refused to a key that may only read."""
    before = result(host, "self.memory.sense"), result(host, "world.purgatory.list", status="all")
    paths = [(p["path"], p["category"]) for p in listed(host)]
    changing = [p for p, c in paths if c not in ("PERCEPTION", "INTROSPECTION")]
    changing += ["self.memory.restore", "world.purgatory.resolve", "world.purgatory.cancel",
                 "world.purgatory.void_expired"]
    kgent.ok(len(changing) > 25, f"{len(changing)} paths change something")
    got = {p: call(host, p, who="alice", key="seen", data=1, id="y", label="five").status
           for p in changing}
    kgent.equal({p: s for p, s in got.items() if s != 403}, {}, "a read key invokes none of them")
    looking = [p for p, c in paths if c in ("PERCEPTION", "INTROSPECTION")]
    got = {p: call(host, p, who="alice").status for p in looking}
    kgent.equal({p: s for p, s in got.items() if s not in (200, 400, 503)}, {},
                "and looks at all others")
    kgent.equal((result(host, "self.memory.sense"),
                 result(host, "world.purgatory.list", status="all")), before, "nothing changed")


def main():
    with kgent.Host(plugins=[AUTH, "agentese"]) as host:
        memory(host)
        capabilities(host)
        state(host)
        identity(host)
        judgment(host)
        handing_on(host)
        vitals(host)
        others(host)
        asking(host)
        acting(host)
        racing(host)
        expiring(host)
        killed(host)
        offers(host)
        read_only(host)


kgent.main([main])
