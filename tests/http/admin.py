#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""The operator's changes end to end: each is there with its audit record, or
neither is, whatever happens in between: many at once, SIGKILL, a new process that
takes over, a disk that is full; and a record that was tampered with is found."""
import hashlib
import json
import os
import random
import resource
import signal
import sqlite3
import subprocess
import threading
import time

import kgent

KILLS = 12
ZERO = "0" * 64


def chain(host):
    """All records; the test fails when they don't hang together."""
    records, after, prev = [], 0, ZERO
    while after is not None:
        answer = host.get(f"/admin/v1/audit?limit=1000&after={after}", local=True).json
        records += answer["records"]
        after = answer["next"]
    for seq, record in enumerate(records, 1):
        if (record["seq"], record["prev"]) != (seq, prev):
            return None
        prev = hashlib.sha256(record["text"].encode()).hexdigest()
        if record["hash"] != prev:
            return None
    return records if (answer["head"]["seq"], answer["head"]["hash"]) == (len(records), prev) \
        else None


def pages(host, what):
    """All that a list has."""
    found, after = [], ""
    while after is not None:
        answer = host.get(f"/admin/v1/{what}?limit=100{after and '&after=' + after}",
                          local=True).json
        found += answer[what]
        after = answer["next"]
    return found


def consistent(host, answered, name):
    """What was confirmed is there, and all that is there is recorded."""
    records = chain(host)
    kgent.ok(records is not None, f"{name}: the records hang together")
    there = {t["id"] for t in pages(host, "tenants")}
    recorded = {r["target"] for r in records or [] if r["action"] == "tenant.create"}
    kgent.equal(there, recorded, f"{name}: each change has its record, each record its change")
    kgent.ok(set(answered) <= there, f"{name}: what was confirmed is there")


class Changing:
    """Threads that create tenants until they are told to stop."""

    def __init__(self, host, threads=4):
        self.host, self.answered, self.statuses, self.over = host, [], set(), False
        self.threads = [threading.Thread(target=self.work, args=(i,)) for i in range(threads)]
        for t in self.threads:
            t.start()

    def work(self, number):
        count = 0
        while not self.over:
            count += 1
            try:
                answer = self.host.post("/admin/v1/tenants", {"name": f"t {number} {count}"},
                                        local=True)
            except OSError:
                time.sleep(0.01)
                continue
            except Exception:  # half an answer
                continue
            self.statuses.add(answer.status)
            if answer.status == 201:
                self.answered.append(answer.json["id"])

    def stop(self):
        self.over = True
        for t in self.threads:
            t.join()


# ---- Cases -------------------------------------------------------------------


def routes(host):
    first = host.post("/admin/v1/init", {}, local=True)
    kgent.equal((first.status, first.headers["Cache-Control"]), (201, "no-store"), "init")
    boss = {"X-API-Key": first.json["key"]}
    kgent.equal(host.post("/admin/v1/init", {}, local=True).status, 409, "once")
    kgent.equal(host.post("/admin/v1/init", {}, boss, admin=True).status, 403,
                "and not over the network")
    answer = host.post("/admin/v1/tenants", {"name": "Acme"}, boss, admin=True)
    tenant = answer.json["id"]
    kgent.equal((answer.status, answer.headers["Location"]),
                (201, f"/admin/v1/tenants/{tenant}"), "a tenant")
    answer = host.post("/admin/v1/users", {"id": "ann", "tenant": "acme", "role": "readonly"},
                       boss, admin=True)
    kgent.equal((answer.status, answer.json["tenant"]), (201, tenant), "a user")
    answer = host.post("/admin/v1/keys", {"name": "k", "tenant": "acme", "user": "ann",
                                          "scopes": ["write"]}, boss, admin=True)
    kgent.equal((answer.status, answer.json["errors"][0]["loc"]), (422, ["body", "scopes"]),
                "a reader gets no key that writes")
    answer = host.post("/admin/v1/keys", {"name": "k", "tenant": "acme", "user": "ann"},
                       boss, admin=True)
    kgent.equal(answer.status, 201, "but one that reads")
    key, one = answer.json["key"], f"/admin/v1/keys/{answer.json['id']}"
    kgent.equal(host.get("/v1/me", {"X-API-Key": key}).json["tenant"], tenant, "which works")
    answer = host.post(one + "/rotate", {"grace_s": 3600}, boss, admin=True)
    kgent.equal(answer.status, 201, "it is rotated")
    both = [host.get("/v1/me", {"X-API-Key": k}).status for k in (key, answer.json["key"])]
    kgent.equal(both, [200, 200], "and both work")
    ident = one.rsplit("/", 1)[1]
    answer = host.get(f"/admin/v1/explain?key={ident}&path=/v1/me", boss, admin=True)
    kgent.equal((answer.status, answer.json["verdict"]), (200, "allow"), "explained")
    answer = host.get(f"/admin/v1/limits?key={ident}", boss, admin=True)
    kgent.equal([p["used"] for p in answer.json["policies"]
                 if (p["of"], p["name"]) == ("tenant", "day")], [3], "what was used")
    kgent.equal(host.request("DELETE", one, headers=boss, admin=True).status, 204, "revoked")
    kgent.equal(host.get("/v1/me", {"X-API-Key": key}).status, 401, "it works no more")
    answer = host.request("DELETE", f"/admin/v1/keys/{first.json['id']}", headers=boss, admin=True)
    kgent.equal(answer.status, 409, "the last admin key stays")
    records = chain(host)
    kgent.equal([r["action"] for r in records],
                ["init", "tenant.create", "user.create", "key.create", "key.rotate",
                 "key.revoke"], "all of it is recorded")
    kgent.equal((records[0]["actor"], records[1]["actor"], records[1]["key"]),
                ("local", "admin", first.json["id"]), "with who did it")
    paths = host.get("/openapi.json").json["paths"]
    kgent.ok("/admin/v1/keys/{id}/rotate" in paths or "/admin/v1/keys/{id}/rotate" in
             host.get("/openapi.json", admin=True).json["paths"], "the document has the routes")
    text = host.logged() + json.dumps(records)
    kgent.ok(key[9:] not in text and first.json["key"][9:] not in text, "no secret is told")


def unknown(host):
    """Foreign and unknown ids cannot be told apart."""
    body, seen = {"name": "x"}, set()
    for method, path in (("GET", "keys/{}"), ("PATCH", "keys/{}"), ("DELETE", "keys/{}"),
                         ("POST", "keys/{}/rotate"), ("GET", "tenants/{}"),
                         ("PATCH", "tenants/{}"), ("GET", "users/{}"), ("PATCH", "users/{}")):
        for ident in ("nobody", "11111111-1111-4111-8111-111111111111", "x" * 600, "%C3%A4"):
            answer = host.request(method, "/admin/v1/" + path.format(ident),
                                  body if method in ("PATCH", "POST") else None, local=True)
            problem = answer.json
            for member in ("instance", "request_id"):
                problem.pop(member, None)
            seen.add((path.split("/")[0], answer.status, json.dumps(problem)))
    kgent.equal(len(seen), 3, "one 404 for each kind")
    kgent.equal({s[1] for s in seen}, {404}, "and nothing else")


def at_once(host):
    answer = host.post("/admin/v1/keys", {"name": "n"}, local=True)
    one = f"/admin/v1/keys/{answer.json['id']}"
    before, statuses = len(chain(host)), []

    def patch(i):
        body = {"name": f"name {i}"} if i % 2 else {"limits": {"concurrent": i}}
        statuses.append(host.request("PATCH", one, body, local=True).status)

    threads = [threading.Thread(target=patch, args=(i,)) for i in range(32)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    kgent.equal(set(statuses), {200}, "32 changes of a key at once, one after the other")
    records = chain(host)[before:]
    kgent.equal(len(records), 32, "each with its record")
    state = {}
    for record in records:
        state.update(record["after"])
    now = host.get(one, local=True).json
    kgent.equal({k: now[k] for k in state}, state, "the last record is what it is")


def killed():
    state = None
    for i in range(KILLS):
        host = kgent.Host(plugins=["health", "auth"], state=state)
        state = host.state
        if i == 0:  # keep the folder that all of them use
            keeper = host.folder
        host.start()
        changing = Changing(host)
        time.sleep(random.uniform(0.05, 0.3))
        host.stop(signal.SIGKILL)
        changing.stop()
        host.start()
        if i == KILLS - 1 or i == 0:
            consistent(host, changing.answered, f"SIGKILL {i + 1}")
        else:
            kgent.ok(chain(host) is not None and set(changing.answered)
                     <= {t["id"] for t in pages(host, "tenants")}, f"SIGKILL {i + 1}")
        host.stop()
    keeper.cleanup()


def handed_over(host):
    reloads = 0
    changing = Changing(host)
    for _ in range(4):
        reloads += bool(host.hand_over())
    changing.stop()
    kgent.equal(reloads, 4, "4 handovers while changing")
    kgent.equal(changing.statuses, {201}, f"all {len(changing.answered)} changes were made")
    consistent(host, changing.answered, "handover")


def full():
    """A disk that takes nothing: the limit of a file's size, which can be lifted."""
    host = kgent.Host(plugins=["health", "auth"])
    popen = subprocess.Popen

    def start(*args, **kwargs):  # SIGXFSZ stays ignored, as Python has it
        return popen(*args, restore_signals=False, **kwargs)

    subprocess.Popen = start
    try:
        host.start()
    finally:
        subprocess.Popen = popen
    kgent.equal(host.post("/admin/v1/tenants", {"name": "one"}, local=True).status, 201,
                "there is room")
    soft, hard = resource.prlimit(host.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(host.process.pid, resource.RLIMIT_FSIZE, (1, hard))
    answer = host.post("/admin/v1/tenants", {"name": "two"}, local=True)
    kgent.equal(answer.status, 503, "there is none")
    kgent.equal(len(host.get("/admin/v1/tenants", local=True).json["tenants"]), 1,
                "and nothing was changed")
    resource.prlimit(host.process.pid, resource.RLIMIT_FSIZE, (soft, hard))
    end = time.monotonic() + 30
    while answer.status != 201 and time.monotonic() < end:
        answer = host.post("/admin/v1/tenants", {"name": "two"}, local=True)
        time.sleep(0.1)
    kgent.equal(answer.status, 201, "there is room again")
    consistent(host, [answer.json["id"]], "disk full")
    host.stop()
    host.folder.cleanup()


# ---- Tampering ---------------------------------------------------------------


def crc32c(data):
    """As the store checks its batches, with which it finds accidents."""
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def tamper(host, old, new, repair):
    """Changes a record on the disk; `repair`: as one would who knows the format."""
    db = sqlite3.connect(os.path.join(host.state, "kgent.db"))
    log, = db.execute("SELECT id FROM log WHERE name = 'auth.audit'").fetchone()
    done = 0
    for place, data in db.execute("SELECT place, data FROM batch WHERE place >> 48 = ?",
                                  (log,)).fetchall():
        if old not in data:
            continue
        changed = data.replace(old, new)
        db.execute("UPDATE batch SET data = ? WHERE place = ?", (changed, place))
        if repair:
            db.execute("UPDATE batch SET crc = ? WHERE place = ?", (crc32c(changed), place))
        done += 1
    db.commit()
    db.close()
    return done


def until_logged(host, text, seconds=10):
    end = time.monotonic() + seconds
    while text not in host.logged() and time.monotonic() < end:
        time.sleep(0.05)
    return text in host.logged()


def tampered():
    with kgent.Host(plugins=["health", "auth"]) as host:
        for i in range(5):
            host.post("/admin/v1/tenants", {"name": f"victim{i}"}, local=True)
        kgent.equal(host.ctl("audit", "verify")[0], 0, "the records are well")
        host.stop()
        kgent.equal(tamper(host, b'"name":"victim2"', b'"name":"culprit"', True), 1,
                    "a record is changed on the disk")
        host.start()
        kgent.ok(until_logged(host, "the chain is broken at record 3"), "the host says so")
        status, out, err = host.ctl("audit", "verify")
        kgent.equal(status, 1, "kgentctl audit verify says so")
        kgent.contains(out + err, "breaks at record 4", "and where")
        kgent.ok(chain(host) is None, "and so does anybody who looks")
        kgent.equal(host.post("/admin/v1/tenants", {"name": "later"}, local=True).status, 201,
                    "changes go on")
        host.stop()
        tamper(host, b'"name":"culprit"', b'"name":"victim2"', True)
        tamper(host, b'"name":"victim3"', b'"name":"victim9"', False)
        host.start()
        kgent.ok(until_logged(host, "the chain is broken at record 4: the record is missing"),
                 "a record that the store refuses to read is missed")


def tests():
    with kgent.Host(plugins=["health", "auth"]) as host:
        routes(host)
        unknown(host)
        at_once(host)
        handed_over(host)


if __name__ == "__main__":
    kgent.main([tests, killed, full, tampered])
