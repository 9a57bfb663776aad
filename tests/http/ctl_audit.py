#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""kgentctl audit: how it lists, follows and verifies the chain of changes."""
import hashlib
import json
import subprocess
import urllib.parse

import kgent
from ctl_admin import ctl, folder, reset, stub

ZERO = "0" * 64


def chain(count):
    """Records as the host would answer them."""
    records, prev = [], ZERO
    for seq in range(1, count + 1):
        text = json.dumps({"seq": seq, "time": "2026-11-24T19:32:13.000000+00:00",
                           "actor": "local", "action": "tenant.update", "target": "t-1",
                           "before": {"tier": "FREE"}, "after": {"tier": "PRO"}, "prev": prev})
        prev = hashlib.sha256(text.encode()).hexdigest()
        records.append({**json.loads(text), "hash": prev, "text": text})
    return records


def serve_audit(records, page=2, head=None):
    def answer(method, path, body):
        end = head or records[-1]
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(path).query)
        after = int(query.get("after", ["0"])[0])
        rest = [r for r in records if r.get("seq", 99) > after]
        return 200, {"records": rest[:page], "head": {"seq": end["seq"], "hash": end["hash"]},
                     "next": rest[page - 1]["seq"] if len(rest) > page else None}
    stub.otherwise = answer


def audit():
    reset()
    serve_audit(chain(5))
    status, out, err = ctl("audit")
    kgent.equal((status, len(out.splitlines())), (0, 6), "audit lists all pages")
    kgent.equal(out.splitlines()[1], "  1  2026-11-24T19:32:13Z  local  tenant.update  t-1     "
                                     "tier FREE -> PRO", "with the change in words")
    kgent.equal([r["seq"] for r in json.loads(ctl("audit", "--after", "3", "-j")[1])["records"]],
                [4, 5], "audit --after")
    kgent.equal(len(json.loads(ctl("audit", "--limit", "3", "-j")[1])["records"]), 3,
                "audit --limit")
    kgent.equal(json.loads(ctl("audit", "--after", "5", "-j")[1]), {"records": []}, "none is []")
    lines = ctl("audit", "--follow", "--limit", "2", "-j")[1].splitlines()
    kgent.equal([json.loads(line)["seq"] for line in lines], [1, 2], "audit --follow: by lines")
    records = chain(1)
    serve_audit(records)
    follower = subprocess.Popen([kgent.KGENTCTL, "-s", folder.name, "audit", "-f", "-j"],
                                stdout=subprocess.PIPE, text=True)
    kgent.equal(json.loads(follower.stdout.readline())["seq"], 1, "following: what there is")
    records[:] = chain(2)
    kgent.equal(json.loads(follower.stdout.readline())["seq"], 2, "following: what comes")
    follower.terminate()
    follower.communicate()


def audit_verify():
    reset()
    good = chain(5)
    last = f"5:{good[4]['hash']}"
    serve_audit(good)
    status, out, err = ctl("audit", "verify")
    kgent.equal((status, out), (0, f"5 records, an unbroken chain\nlast: {last}\n"),
                "audit verify: a good chain")
    kgent.equal(json.loads(ctl("audit", "verify", "-j")[1]), {
        "valid": True, "records": 5, "hash": good[4]["hash"], "broken_at": None,
        "reason": None}, "as JSON")
    kgent.equal(ctl("audit", "verify", "--expect", last)[0], 0, "--expect of the last record")
    kgent.equal(ctl("audit", "verify", "--expect", "5:abc")[0], 2, "a malformed --expect")
    serve_audit(chain(4))
    status, out, err = ctl("audit", "verify", "--expect", last)
    kgent.ok(status == 1 and "ends before" in err, "a log that was cut")
    for name, at, reason, change in (
            ("a changed text", 3, "not the one that was hashed",
             lambda r: r[2].update(text=r[2]["text"].replace("PRO", "TEAMS"))),
            ("a changed text with its new hash", 4, "does not follow",
             lambda r: r[2].update(rehash(r[2]["text"].replace("PRO", "TEAMS")))),
            ("a missing record", 3, "missing", lambda r: r.pop(2)),
            ("a record twice", 3, "not the next", lambda r: r.insert(2, r[1])),
            ("a missing beginning", 1, "missing", lambda r: r.pop(0)),
            ("a damaged record", 2, "no record any more", damage)):
        bad = chain(5)
        change(bad)
        serve_audit(bad, page=100)
        status, out, err = ctl("audit", "verify")
        kgent.ok(status == 1 and f"record {at}: " in err and reason in err,
                 f"audit verify: {name}: {err}")
        kgent.equal(json.loads(ctl("audit", "verify", "--json")[1])["broken_at"], at, "as JSON")
    rewritten = chain(6)[1:]
    for seq, record in enumerate(rewritten, 1):  # a whole new chain, consistent in itself
        prev = rewritten[seq - 2]["hash"] if seq > 1 else ZERO
        record.update(rehash(json.dumps({"seq": seq, "prev": prev, "action": "x"})), seq=seq)
    serve_audit(rewritten)
    kgent.equal(ctl("audit", "verify")[0], 0, "a chain that was replaced is one")
    kgent.equal(ctl("audit", "verify", "--expect", last)[0], 1, "but not the one expected")


def audit_ends():
    """What the host says of the end."""
    reset()
    good = chain(5)
    serve_audit(chain(4), head=good[4])
    status, out, err = ctl("audit", "verify")
    kgent.ok(status == 1 and "record 5: it is missing" in err, "records that are cut off the end")
    serve_audit(chain(5), head={**good[4], "hash": ZERO})
    kgent.ok("record 5: it is not the one" in ctl("audit", "verify")[2], "a replaced end")
    growing, calls = chain(6), []

    def answer(method, path, body):  # a record comes while the others are read
        calls.append(path)
        part = growing[5:] if "after=5" in path else growing[:5]
        return 200, {"records": part, "next": None, "head": growing[5]}
    stub.otherwise = answer
    kgent.equal((ctl("audit", "verify")[0], len(calls)), (0, 2), "a log that grows meanwhile")
    damaged = chain(2)
    damage(damaged)
    serve_audit(damaged, head=good[1])
    kgent.contains(ctl("audit")[1].splitlines()[2], "damaged", "audit shows what is damaged")


def damage(records):
    """As the host tells of what it cannot read as a record."""
    records[1] = {"damaged": True, "hash": ZERO, "text": None}


def rehash(text):
    return {"text": text, "hash": hashlib.sha256(text.encode()).hexdigest()}


kgent.main([audit, audit_verify, audit_ends])
