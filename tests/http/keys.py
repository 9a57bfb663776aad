#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""A great many keys in the real program: how long it takes to start, how much memory
they take, and that each works, changes and goes.  KGENT_TEST_KEYS=1000000 has as many.

They are put into the store's file while nobody serves: over the API it would take long."""
import hashlib
import json
import os
import sqlite3
import time
import uuid

import kgent

KEYS = int(os.environ.get("KGENT_TEST_KEYS", "20000"))
AUTH = 'load = "auth"; tiers = ( { name = "FREE"; requests_per_minute = 1000; } );'
SPREAD = 0x9e3779b97f4a7c15f39cc0605cedc835  # ids in no order
FOUR = 0x4000 << 64 | 0x8000 << 48  # as random ones look
MASK = (1 << 128) - 1


def key_id(n):
    return str(uuid.UUID(int=n * SPREAD & MASK & ~(0xf000 << 64 | 0xc000 << 48) | FOUR))


def secret(n):
    return f"kg_aaaaa_{n:043d}"


def rows(bucket, template, revision):
    """1,000 tenants and 250,000 users when there are a million."""
    for n in range(1, KEYS + 1):
        value = {**template, "id": key_id(n), "prefix": secret(n)[:8],
                 "user": f"user-{n % 250000:06d}", "tenant": str(uuid.UUID(int=n % 1000 + 1)),
                 "hash": hashlib.sha256(secret(n).encode()).hexdigest()}
        yield (bucket, key_id(n).encode(), json.dumps(value, separators=(",", ":")).encode(),
               revision + n, 1700000000 * 10**9, 0)


def fill(state):
    """Writes keys like the one that is there."""
    file = next(f for f in (os.path.join(state, n) for n in os.listdir(state))
                if os.path.isfile(f) and open(f, "rb").read(6) == b"SQLite")
    db = sqlite3.connect(file)
    bucket, = db.execute("SELECT id FROM bucket WHERE name = 'auth.keys'").fetchone()
    value, = db.execute("SELECT value FROM entry WHERE bucket = ?", (bucket,)).fetchone()
    revision, = db.execute("SELECT max(revision) FROM entry").fetchone()
    db.executemany("INSERT INTO entry VALUES (?,?,?,?,?,?)",
                   rows(bucket, json.loads(value), revision))
    db.execute("UPDATE meta SET value = ? WHERE name = 'revision'", (revision + KEYS,))
    db.commit()
    db.close()


def resident(host):
    """Bytes of memory, files' pages not counted."""
    with open(f"/proc/{host.process.pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith("RssAnon"))


def measurable():
    """Not under valgrind, nor with a sanitizer."""
    return not (os.environ.get("KGENT_WRAPPER") or kgent.sanitized())


def me(host, n):
    return host.get("/v1/me", {"X-API-Key": secret(n)})


def lives(host):
    for n in range(1, KEYS + 1, max(1, KEYS // 20)):
        answer = me(host, n)
        if (answer.status, answer.json.get("user")) != (200, f"user-{n % 250000:06d}"):
            kgent.ok(False, f"key {n} works")
            kgent.note(answer.text)
    kgent.equal(me(host, 0).status, 401, "another one doesn't")
    kgent.equal(host.request("DELETE", f"/admin/v1/keys/{key_id(7)}", local=True).status, 204,
                "one is revoked")
    kgent.equal((me(host, 7).status, me(host, 8).status), (401, 200), "that one and no other")


def tests():
    with kgent.Host(plugins=["health", AUTH]) as host:
        answer = host.post("/admin/v1/keys", {"name": "first"}, local=True)
        kgent.equal(answer.status, 201, "a key")
        before = resident(host)
        host.stop()
        fill(host.state)
        begun = time.monotonic()
        host.start()
        taken = time.monotonic() - begun
        more = resident(host) - before
        kgent.note(f"{KEYS} keys: started in {taken:.2f} s, {more / 1e6:.1f} MB more")
        if measurable():
            kgent.ok(taken < 5 + KEYS / 100000, "soon")
            kgent.ok(more < 10e6 + KEYS * 140, "in little memory")
        lives(host)
        kgent.note(f"later: {(resident(host) - before) / 1e6:.1f} MB more")


if __name__ == "__main__":
    kgent.main([tests])
