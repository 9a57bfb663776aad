#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Keys and limits end to end: the operator makes a key, a client meets its limit,
a revoked key is refused at once, and counters survive a restart."""
import threading

import kgent

AUTH = 'load = "auth"; dev_keys = true;'
WRONG = "Invalid API key. Please check your credentials."


def me(host, key, method="GET"):
    return host.request(method, "/v1/me", headers={"X-API-Key": key})


def new(host, **body):
    return host.post("/admin/v1/keys", {"name": "test", **body}, local=True)


def credentials(host):
    answer = host.get("/v1/me")
    kgent.equal((answer.status, answer.json["detail"], answer.headers["WWW-Authenticate"]),
                (401, "API key required", 'ApiKey realm="kgent"'), "no credential")
    kgent.equal(answer.headers["Content-Type"], "application/problem+json", "a problem")
    kgent.equal(me(host, "sk_x").json["detail"],
                "Invalid API key format. Keys must start with 'kg_'", "not a key")
    kgent.equal(me(host, "kg_nobody").json["detail"], WRONG, "an unknown key")
    answer = host.get("/v1/me?api_key=kg_dev_alice")
    kgent.equal(answer.status, 400, "a key in the query")
    kgent.ok("alice" not in answer.text, "is not echoed")
    answer = host.get("/v1/me", {"X-API-Key": "kg_dev_alice",
                                 "Authorization": "Bearer kg_dev_bob"})
    kgent.equal(answer.status, 400, "two keys")
    kgent.equal(host.get("/v1/me", {"Authorization": "Bearer kg_dev_bob"}).json["user"],
                "user_bob", "a bearer")
    answer = me(host, "kg_dev_alice")
    kgent.equal((answer.json["tier"], answer.json["limits"]["requests_per_day"]), ("FREE", 100),
                "alice is FREE")
    kgent.ok("RateLimit-Policy" in answer.headers, "RateLimit-Policy")
    kgent.equal(host.get("/admin/v1/keys").status, 404, "no admin route in public")
    kgent.equal(host.get("/admin/v1/keys", {"X-API-Key": "kg_dev_bob"}, admin=True).status, 403,
                "the admin listener wants the scope")
    kgent.equal(host.get("/admin/v1/keys", {"X-API-Key": "kg_dev_carol"}, admin=True).status, 200,
                "carol has it")


def race(host, key, threads):
    """Statuses of that many requests at once."""
    got, barrier = [], threading.Barrier(threads)

    def one():
        barrier.wait()
        got.append(me(host, key).status)

    all_ = [threading.Thread(target=one) for _ in range(threads)]
    for t in all_:
        t.start()
    for t in all_:
        t.join()
    return got


def life(host):
    answer = new(host, limits={"requests_per_day": 10})
    kgent.equal(answer.status, 201, "the operator makes a key")
    key, ident = answer.json["key"], answer.json["id"]
    for _ in range(9):
        me(host, key)
    got = race(host, key, 64)
    kgent.equal((got.count(200), got.count(429)), (1, 63), "64 at the last request: one passes")
    answer = me(host, key)
    kgent.equal((answer.json["detail"], answer.json["violated_policies"]),
                ("Rate limit exceeded. 10 requests per day allowed.", ["day"]), "the refusal")
    kgent.ok(int(answer.headers["Retry-After"]) > 0, "has Retry-After")
    host.stop()
    host.start()
    kgent.equal(me(host, key).status, 429, "the limit survives a restart")
    kgent.equal(host.request("DELETE", f"/admin/v1/keys/{ident}", local=True).status, 204,
                "the operator revokes it")
    kgent.equal((me(host, key).status, me(host, key).json["detail"]), (401, WRONG), "at once")
    listed = host.get("/admin/v1/keys", local=True)
    kgent.equal([k["active"] for k in listed.json["keys"]], [False], "it is listed as revoked")
    kgent.ok(key not in listed.text and key not in host.logged(), "its secret is nowhere")
    kgent.equal(new(host, tier="GOLD").json["errors"][0]["type"], "enum", "an unknown tier: 422")


def guessing(host):
    for _ in range(25):
        answer = me(host, "kg_guess")
    kgent.equal(answer.status, 429, "25 guesses: wait")
    kgent.equal(me(host, "kg_dev_alice").status, 429, "a good key from there waits too")
    kgent.equal(host.get("/livez").status, 200, "probes don't")


def tests():
    with kgent.Host(plugins=["health", AUTH]) as host:
        credentials(host)
        life(host)
        guessing(host)


if __name__ == "__main__":
    kgent.main([tests])
