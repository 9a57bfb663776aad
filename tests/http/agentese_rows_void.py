#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""The nodes of void, row by row: pools and accounts, what each draw costs, and what it
must refuse."""
import kgent
import rows
from rows import ANY, NUMBER

E, C = "void.entropy.", "void.capital."
BAD = (0, -0.1, -1, "0.1", None, [], True, 1e300)


def near(number):
    return lambda v: rows.fits(v, NUMBER) and abs(v - number) < 1e-6


def pool(caller):
    return caller.result(E + "status")["remaining"]


def capital(caller):
    return caller.result(C + "balance")["balance"]


def entropy(caller):
    kgent.equal(pool(caller), 100.0, "the pool begins with 100")
    rows.run(caller, [
        (E + "sip", None, None, 200, rows.Only(amount=near(0.1), seed=rows.between(0, 1),
                                               source="accursed_share")),
        (E + "sip", {"amount": 9.9}, None, 200, {"amount": near(9.9)}),
        (E + "status", None, None, 200, {"remaining": near(90)}),
        (E + "pour", {"amount": 4}, None, 200, rows.Only(returned=near(4), recovered=near(2),
                                                         remaining=near(92))),
        (E + "pour", {"amount": 1000}, None, 200, {"remaining": near(100)}),
        (E + "sample", None, None, 200, ANY),
        (E + "status", None, None, 200, {"remaining": near(100)}),
    ])
    seeds = {caller.result(E + "sip")["seed"] for _ in range(20)}
    kgent.ok(len(seeds) == 20, "each seed is another")
    before = pool(caller)
    rows.run(caller, [(E + verb, {"amount": bad}, None, 400, None)
                      for verb in ("sip", "pour") for bad in BAD])
    kgent.equal(pool(caller), before, "what is refused takes nothing")
    rows.run(caller, [(E + "sip", {"amount": before + 0.1}, None, 402,
                       {"detail": rows.text("void.entropy.pour")})])
    kgent.equal(pool(caller), before, "nor does what is more than there is")
    story = caller.result(E + "witness")
    kgent.ok("sip" in str(story) and "pour" in str(story), "witness is the pool's history")


def prices(caller):
    """What each draw takes of the pool."""
    for path, kwargs, cost in (
            ("void.serendipity.sip", None, 0.05), ("void.serendipity.inspire", None, 0.03),
            ("void.pataphysics.solve", {"problem": "p"}, 0.08),
            ("void.pataphysics.imagine", None, 0.05), ("void.elsewhere.sip", None, 0.1),
            ("void.pataphysics.verify", {"problem": "p", "solution": "s", "seed": 0.5}, 0),
            ("void.metabolism.pressure", None, 0), ("void.metabolism.fever", None, 0),
            ("void.metabolism.oblique", {"seed": 7}, 0), ("void.metabolism.status", None, 0),
            ("void.gratitude.thank", {"for": "x"}, 0), ("void.hypnagogia.status", None, 0),
            ("void.gratitude.tithe", None, -0.1)):
        before = pool(caller)
        answer = caller.invoke(path, kwargs)
        if path != "void.pataphysics.verify":
            kgent.equal(answer.status, 200, f"{path}: 200")
        kgent.equal(round(before - pool(caller), 6), cost, f"{path} draws {cost}")
    one = caller.result("void.metabolism.oblique", {"seed": 7})
    kgent.equal(caller.result("void.metabolism.oblique", {"seed": 7}), one,
                "oblique with a seed is always the same")


def account(caller):
    kgent.equal(capital(caller), 0.5, "capital begins with 0.5")
    rows.run(caller, [
        (C + "tithe", None, None, 200, ANY),
        (C + "balance", None, None, 200, {"balance": near(0.4)}),
        (C + "bypass", {"check": "review", "cost": 0.2}, None, 200, ANY),
        (C + "balance", None, None, 200, {"balance": near(0.2)}),
        (C + "bypass", {"check": "review", "cost": 0.3}, None, 402, None),
        (C + "balance", None, None, 200, {"balance": near(0.2)}),
        (C + "history", None, None, 200, lambda r: "bypass" in str(r) and "tithe" in str(r)),
    ])
    rows.run(caller, [(C + "bypass", {"check": "c", "cost": bad}, None, 400, None)
                      for bad in (-0.1, "1", None, [])]
             + [(C + "bypass", {"cost": 0.1}, None, 400, None),
                (C + "tithe", {"amount": -0.1}, None, 400, None),
                (C + "balance", {"account": "somebody"}, None, 403, None),
                (C + "tithe", {"account": "somebody", "amount": 0.1}, None, 403, None)])
    kgent.equal(capital(caller), 0.2, "what is refused takes nothing")
    for _ in range(90):
        caller.result("void.gratitude.acknowledge", {"for": "it"})
    kgent.ok(capital(caller) == 1.0 or abs(capital(caller) - 1) < 1e-6, "1.0 at most")


def exhausted(caller):
    caller.result(E + "sip", {"amount": pool(caller)})
    kgent.equal(pool(caller), 0, "all of it")
    rows.run(caller, [(path, kwargs, None, 402, {"detail": rows.text("void.entropy.pour")})
                      for path, kwargs in (
        (E + "sip", None), ("void.serendipity.sip", None), ("void.serendipity.inspire", None),
        ("void.pataphysics.solve", {"problem": "p"}), ("void.pataphysics.imagine", None))])
    rows.run(caller, [("void.metabolism.pressure", None, None, 200, ANY),
                      ("void.metabolism.fever", None, None, 200, ANY),
                      ("void.gratitude.tithe", None, None, 200, ANY),
                      (E + "sip", {"amount": 0.1}, None, 200, ANY)])


def tests():
    with kgent.Host(plugins=["health", rows.UNLIMITED, "agentese"]) as host:
        caller = rows.Caller(host)
        for test in (entropy, prices, account, exhausted):
            test(caller)
        host.stop()
        host.start()
        kgent.equal((pool(caller), capital(caller)), (0, 1.0), "pools outlive the process")


if __name__ == "__main__":
    kgent.main([tests])
