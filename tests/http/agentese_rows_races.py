#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Many at once: what can happen once happens once, what adds up adds up, and versions
have no gap.  KGENT_ROUNDS=100 tries it as often."""
import os
import threading

import kgent
import rows

THREADS = 12
ROUNDS = int(os.environ.get("KGENT_ROUNDS", "3"))


def at_once(call, count=THREADS):
    """That many calls at the same time, each with its number; their answers."""
    answers, barrier = [None] * count, threading.Barrier(count)

    def one(n):
        barrier.wait()
        answers[n] = call(n)

    threads = [threading.Thread(target=one, args=(n,)) for n in range(count)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return answers


def once(what, call, others):
    """One of them goes well, the others are told so."""
    got = sorted(a.status for a in at_once(call))
    kgent.equal(got, [200] + [others] * (THREADS - 1), f"{what}: one of {THREADS}")


def single(caller, n):
    once("a child", lambda _: caller.invoke("world.town.define", {"name": f"c{n}", "spec": {}}), 409)
    once("a concept", lambda _: caller.invoke(f"concept.c{n}.define", {
        "definition": "d", "extends": ["concept"]}), 409)
    once("a capability", lambda i: caller.invoke("self.capabilities.acquire",
                                                 {"capability": f"c{n}"}, name=f"o{i}"), 409)
    item = caller.result("self.semaphore.yield", {"reason": "r", "target": f"world.once{n}.build",
                                                  "arguments": {"changes": {"x": 1}}})["id"]
    once("an action", lambda _: caller.invoke("world.purgatory.resolve", {"id": item}), 409)
    kgent.equal(caller.result(f"world.once{n}.witness")["total"], 1, "it was done once")
    caller.result("self.memory.engram", {"key": f"k{n}", "data": 1})
    once("an engram", lambda _: caller.invoke("self.memory.forget", {"key": f"k{n}"}), 404)
    ident = caller.result("time.schedule.defer", {"target": "world.never.build",
                                                  "delay": 3600})["id"]
    got = {a.status for a in at_once(lambda _: caller.invoke("time.schedule.cancel",
                                                             {"id": ident}))}
    kgent.ok(200 in got and got <= {200, 404, 409}, f"a deferral: {sorted(got)}")


def adds_up(caller, n):
    """Sums and versions."""
    node = f"world.sum{n}"
    answers = at_once(lambda i: caller.invoke(node + ".transform", {"changes": {f"m{i}": i}}))
    versions = sorted(a.json["result"]["version"] for a in answers)
    kgent.equal(versions, list(range(1, THREADS + 1)), "versions have no gap")
    state = caller.result("time.past.project", {"target": node, "version": THREADS})["state"]
    kgent.equal(state, {f"m{i}": i for i in range(THREADS)}, "no change is lost")
    lines = caller.result(node + ".witness")["history"]
    kgent.equal([h["version"] for h in lines], versions[::-1], "the history has each, in order")
    answers = at_once(lambda i: caller.invoke(node + ".transform", {"changes": {"last": i}}))
    last = max(answers, key=lambda a: a.json["result"]["version"]).json["result"]
    kgent.equal(caller.result(node + ".measure", {"metric": "last"}, "architect")["value"],
                last["changes"]["last"], "the last version is the state")
    at_once(lambda i: caller.invoke(node + ".relate", {"target": f"world.r{i}"}))
    kgent.equal(len(caller.result(node + ".relate")), THREADS, "no relation is lost")
    at_once(lambda i: caller.invoke("self.memory.engram", {"key": f"m{n}_{i}", "data": i}))
    got = [caller.result("self.memory.recall", {"key": f"m{n}_{i}"})["data"]
           for i in range(THREADS)]
    kgent.equal(got, list(range(THREADS)), "no engram is lost")


def mixed(caller, n):
    """Good and refused ones of the same node at once: the refused ones are told, and
    the good ones are none the worse."""
    node = f"world.mixed{n}"

    def call(i):
        if i % 3 == 0:
            return caller.invoke(node + ".transform", {"changes": {"big": "x" * 70000}})
        if i % 3 == 1:
            return caller.invoke(node + ".define", {"name": "same", "spec": {}})
        return caller.invoke(node + ".transform", {"changes": {f"m{i}": i}})

    got = [a.status for a in at_once(call)]
    kgent.equal(set(got[0::3]), {507}, "too big: 507")
    kgent.equal(sorted(got[1::3]), [200] + [409] * (len(got[1::3]) - 1), "the same child: one")
    kgent.equal(set(got[2::3]), {200}, "the others: 200")
    for i in range(2, THREADS, 3):
        value = caller.result(node + ".measure", {"metric": f"m{i}"}, "architect")["value"]
        if value != i:
            kgent.ok(False, f"change {i} is there")


def pools(host, n):
    """The last drop is drawn once, and nothing is ever below 0."""
    caller = rows.Caller(host, rows.new_key(host, tenant=rows.new_tenant(host, f"pool{n}")))
    caller.result("void.entropy.sip", {"amount": 95})
    got = [a.status for a in at_once(lambda _: caller.invoke("void.entropy.sip", {"amount": 1}))]
    kgent.equal((got.count(200), got.count(402)), (5, THREADS - 5), "5 sips of 1 are left")
    kgent.equal(caller.result("void.entropy.status")["remaining"], 0, "then nothing")
    got = [a.status for a in at_once(lambda _: caller.invoke("void.capital.bypass",
                                                             {"check": "c", "cost": 0.1}))]
    kgent.equal((got.count(200), got.count(402)), (5, THREADS - 5), "5 bypasses of 0.1")
    kgent.equal(caller.result("void.capital.balance")["balance"], 0, "then nothing")
    at_once(lambda _: caller.invoke("void.gratitude.tithe"))
    kgent.ok(abs(caller.result("void.entropy.status")["remaining"] - THREADS * 0.1) < 1e-9,
             "what is regenerated adds up")


def tests():
    with kgent.Host(plugins=["health", rows.UNLIMITED, "agentese"]) as host:
        caller = rows.Caller(host)
        for n in range(ROUNDS):
            single(caller, n)
            adds_up(caller, n)
            mixed(caller, n)
            pools(host, n)


if __name__ == "__main__":
    kgent.main([tests])
