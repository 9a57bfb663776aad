#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""void.* over HTTP: the pool of entropy, gratitude, capital, and what chance finds."""
import threading

import kgent

AUTH = 'load = "auth"; dev_keys = true; enforce = "shadow";'
INVOKE = "/v1/agentese/invoke"
TENANT = "00000000-0000-0000-0000-000000000001"


def call(host, path, key="carol", **kwargs):
    return host.post(INVOKE, {"path": path, "kwargs": kwargs}, {"X-API-Key": "kg_dev_" + key})


def result(host, path, key="carol", **kwargs):
    answer = call(host, path, key, **kwargs)
    if answer.status != 200:
        kgent.ok(False, f"{path}: {answer.status} {answer.text}")
    return answer.json.get("result")


def left(host):
    return result(host, "void.entropy.status")["remaining"]


def entropy(host):
    kgent.equal(result(host, "void.entropy.status"),
                {"remaining": 100.0, "total": 100.0, "drawn": 0.0, "returned": 0.0}, "a full pool")
    got = result(host, "void.entropy.sip")
    kgent.equal((set(got), got["amount"], got["source"], 0 <= got["seed"] < 1),
                ({"amount", "seed", "source"}, 0.1, "accursed_share", True), "sip: 0.1 by default")
    kgent.ok(result(host, "void.entropy.sip")["seed"] != got["seed"], "no seed comes twice")
    kgent.equal(result(host, "void.entropy.sip", amount=19.8)["amount"], 19.8, "sip an amount")
    kgent.equal(result(host, "void.entropy.pour", amount=10),
                {"returned": 10.0, "recovered": 5.0, "remaining": 85.0}, "pour: half is recovered")
    got = result(host, "void.entropy.sample", count=3)
    kgent.equal((len(got["samples"]), got["remaining"]), (3, 85.0), "sample draws nothing")
    kgent.equal([call(host, "void.entropy.sip", amount=a).status for a in (0, -1, -0.5, "x", None)],
                [400] * 5, "amounts are numbers above 0")
    kgent.equal([call(host, "void.entropy.pour", amount=a).status for a in (0, -1)], [400, 400],
                "also of pour")
    answer = call(host, "void.entropy.sip", amount=85.1)
    kgent.equal(answer.status, 402, "more than is left: 402")
    kgent.contains(answer.json["detail"], "void.entropy.pour", "which says what gives it back")
    kgent.contains(answer.json["related"], "void.entropy.pour", "as a member, too")
    kgent.equal(left(host), 85.0, "nothing was taken")
    kgent.equal(result(host, "void.entropy.sip", amount=85)["amount"], 85.0, "all of it")
    kgent.equal(call(host, "void.entropy.sip", amount=0.000001).status, 402, "it is never negative")
    kgent.equal(result(host, "void.entropy.pour", amount=1000),
                {"returned": 1000.0, "recovered": 100.0, "remaining": 100.0}, "it is never over 100")
    got = result(host, "void.shadow.sip", amount=1)
    kgent.equal((got["amount"], left(host)), (1.0, 99.0), "any other holon draws from the same pool")
    kgent.equal(result(host, "void.shadow.tithe")["remaining"], 99.1, "and gives to it")


def history(host):
    got = result(host, "void.entropy.witness", limit=3)
    kgent.equal((got["handle"], len(got["history"]), got["total"] > 3), ("void.entropy", 3, True),
                "witness: the newest 3")
    kgent.equal([(h["aspect"], h["entropy"]) for h in got["history"]],
                [("tithe", 0.1), ("sip", -1.0), ("pour", 100.0)], "what each did")
    kgent.equal(result(host, "void.gratitude.witness")["total"], got["total"], "one history for all")
    kgent.equal([call(host, "void.entropy.witness", limit=n).status for n in (0, 101)], [400, 400],
                "limit is 1 to 100")


def clause(host):
    before = left(host)
    answer = call(host, "world.house.manifest[entropy=0.5]")
    kgent.equal((answer.status, round(before - left(host), 6)), (200, 0.5), "a clause draws first")
    kgent.equal(call(host, "world.house.manifest[entropy=0.0]").status, 200, "0.0 draws nothing")
    answer = call(host, "world.house.manifest[entropy=0.5]", "alice")
    kgent.equal((answer.status, answer.json.get("required_scope")), (403, "write"),
                "a key that only reads draws nothing")
    kgent.equal(round(before - left(host), 6), 0.5, "and nothing was drawn")
    result(host, "void.entropy.sip", amount=left(host) - 0.2)
    answer = call(host, "world.clause.transform[entropy=0.5]", changes={"a": 1})
    kgent.equal(answer.status, 402, "a clause that cannot be drawn: 402")
    kgent.contains(answer.json["detail"], "void.entropy.pour", "which names void.entropy.pour")
    kgent.equal(result(host, "world.clause.witness")["total"], 0, "and nothing was done")
    result(host, "void.entropy.pour", amount=1000)


def gratitude(host):
    result(host, "void.entropy.sip", amount=1)
    before = left(host)
    kgent.equal(result(host, "void.gratitude.tithe"),
                {"tithed": True, "regenerated": 0.1, "remaining": round(before + 0.1, 6)}, "tithe")
    got = result(host, "void.gratitude.thank", **{"for": "the rain"})
    kgent.equal((got["thanked"], got["earned"]), ("the rain", 0.0), "thanks are free")
    got = result(host, "void.gratitude.acknowledge")
    kgent.equal((got["acknowledged"], got["earned"], got["capital"]), (None, 0.01, 0.51),
                "an acknowledgement earns capital")


def capital(host):
    got = result(host, "void.capital.balance")
    kgent.equal(got, {"balance": 0.51, "maximum": 1.0, "bypasses": []}, "the account")
    kgent.equal(result(host, "void.capital.tithe"), {"tithed": 0.1, "balance": 0.41}, "tithe: 0.1")
    got = result(host, "void.capital.bypass", check="review", cost=0.2)
    kgent.equal((len(got["token"]), got["check"], got["cost"], got["balance"], got["ttl_seconds"]),
                (32, "review", 0.2, 0.21, 60), "a bypass")
    open_ = result(host, "void.capital.balance")["bypasses"]
    kgent.equal([b["check"] for b in open_], ["review"], "which stands")
    kgent.equal([(h["aspect"], h["capital"]) for h in result(host, "void.capital.history")["history"]],
                [("bypass", -0.2), ("tithe", -0.1), ("acknowledge", 0.01)], "its history")
    answer = call(host, "void.capital.bypass", check="review", cost=0.22)
    kgent.equal((answer.status, "Capital exhausted" in answer.json["detail"]), (402, True), "no more than there is")
    kgent.equal([call(host, "void.capital.bypass", check="x", cost=c).status for c in (-1, 0)],
                [400, 400], "no negative cost")
    kgent.equal(call(host, "void.capital.tithe", amount=-0.1).status, 400, "no negative tithe")
    kgent.equal(call(host, "void.capital.bypass").status, 400, "a check is required")
    kgent.equal(call(host, "void.capital.balance", account="somebody").status, 403, "only one's own account")
    kgent.equal(call(host, "void.capital.tithe", account="somebody").status, 403, "also to give")
    kgent.equal(call(host, "void.capital.balance", account=TENANT).status, 200, "one's own may be named")
    for _ in range(90):
        result(host, "void.gratitude.acknowledge")
    kgent.equal(result(host, "void.capital.balance")["balance"], 1.0, "it is never over 1.0")


def chance(host):
    for path, amount, member in (("void.serendipity.sip", 0.05, "find"),
                                 ("void.serendipity.inspire", 0.03, "inspiration"),
                                 ("void.serendipity.tangent", 0.02, "tangent"),
                                 ("void.pataphysics.solve", 0.08, "solution"),
                                 ("void.pataphysics.melt", 0.05, "question"),
                                 ("void.pataphysics.imagine", 0.05, "imagined"),
                                 ("void.metabolism.dream", 0.05, "dream")):
        before = left(host)
        got = result(host, path)
        kgent.equal((got["amount"], bool(got[member]), round(before - left(host), 6)),
                    (amount, True, amount), f"{path} draws {amount}")
    got = result(host, "void.pataphysics.solve", problem="rain")
    verify = {"seed": got["seed"], "problem": "rain", "solution": got["solution"]}
    kgent.equal(result(host, "void.pataphysics.verify", **verify)["verified"], True, "it can be verified")
    verify["solution"] = "an umbrella"
    kgent.equal(result(host, "void.pataphysics.verify", **verify)["verified"], False, "and refuted")
    before = left(host)
    asked = [result(host, "void.metabolism.oblique", seed=n) for n in (1, 2, 3, 4, 5, 1, 2, 3, 4, 5)]
    kgent.equal((asked[:5] == asked[5:], len({a["strategy"] for a in asked}) > 1), (True, True),
                "oblique: the same for the same seed")
    kgent.equal(left(host), before, "which draws nothing")
    kgent.equal(result(host, "void.metabolism.oblique")["amount"], 0.01, "without a seed it does")


def metabolism(host):
    result(host, "void.entropy.pour", amount=1000)
    kgent.equal(result(host, "void.metabolism.pressure"), {"pressure": 0.0}, "no pressure")
    result(host, "void.entropy.sip", amount=90)
    kgent.equal(result(host, "void.metabolism.fever"), {"pressure": 0.9, "fever": True, "threshold": 0.8}, "a fever")
    got = result(host, "void.metabolism.status")
    kgent.equal((got["pressure"], got["remaining"]), (0.9, 10.0), "status")
    kgent.equal(result(host, "void.metabolism.tithe")["remaining"], 10.1, "tithe cools")


def hypnagogia(host):
    got = result(host, "void.hypnagogia.status")
    kgent.equal((got["state"], got["woken"], got["idle_seconds"] < 60), ("awake", None, True), "status")
    kgent.equal(result(host, "void.hypnagogia.wake")["awake"], True, "wake")
    for _ in range(3):
        result(host, "world.house.manifest")
        result(host, "world.garden.manifest")
    got = result(host, "void.hypnagogia.report")
    kgent.equal((got["total"], got["by_status"]), (7, {"200": 7}), "the report begins there")
    got = result(host, "void.hypnagogia.patterns")["patterns"]
    kgent.contains(got, {"first": "world.house.manifest", "then": "world.garden.manifest", "count": 3},
                   "what follows what")


def read_only(host):
    """A key that only reads changes nothing, whatever it tries."""
    before = result(host, "void.entropy.witness")["total"]
    for holon, verbs in (("entropy", "sip pour sample"), ("serendipity", "sip inspire tangent"),
                         ("gratitude", "tithe thank acknowledge"), ("capital", "tithe bypass"),
                         ("pataphysics", "solve melt imagine"), ("metabolism", "oblique dream tithe"),
                         ("hypnagogia", "wake"), ("shadow", "sip tithe")):
        for verb in verbs.split():
            kwargs = {"check": "x"} if verb == "bypass" else {}
            answer = call(host, f"void.{holon}.{verb}", "alice", **kwargs)
            kgent.equal((answer.status, answer.json.get("required_scope")), (403, "write"),
                        f"void.{holon}.{verb} takes write")
    looks = ("entropy.status", "entropy.witness", "entropy.manifest", "entropy.affordances",
             "capital.balance", "capital.history", "metabolism.pressure", "metabolism.fever",
             "metabolism.status", "hypnagogia.status", "hypnagogia.report", "hypnagogia.patterns")
    kgent.equal([call(host, "void." + look, "alice").status for look in looks], [200] * len(looks),
                "looking does not")
    kgent.equal(result(host, "void.entropy.witness")["total"], before, "nothing was changed")


def at_once(host):
    """64 clients sip at once: the sum is exact."""
    result(host, "void.entropy.pour", amount=1000)
    got, begin = [], threading.Barrier(64)

    def client():
        begin.wait()
        for _ in range(3):
            got.append(call(host, "void.entropy.sip", amount=0.7).status)
    threads = [threading.Thread(target=client) for _ in range(64)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    done = got.count(200)
    kgent.equal((len(got), set(got)), (192, {200, 402}), "192 sips of 0.7: those that it cannot pay are 402")
    kgent.equal((done, left(host)), (142, round(100 - 0.7 * 142, 6)), "142 were paid, and the rest is exact")


def restarted(host):
    before = left(host)
    host.process.kill()
    host.process.wait()
    host.start()
    kgent.equal((left(host), result(host, "void.capital.balance")["balance"]), (before, 1.0),
                "a SIGKILL loses nothing")


with kgent.Host(["health", AUTH, "agentese"], options=["http.threads=2"]) as kgentd:
    def run(test):
        return lambda: test(kgentd)
    tests = [run(t) for t in (entropy, history, clause, gratitude, capital, chance, metabolism,
                              hypnagogia, read_only, at_once, restarted)]
    for test in tests:
        test()
kgent.done()
