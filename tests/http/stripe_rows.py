#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Deliveries at the webhook's door (FAULTS.md S01 to S05, S08, S13): each whole and in
pieces, with a length and in chunks, and through nginx and HAProxy."""
import json
import random
import re
import socket
import threading
import time

import kgent
from stripe_tools import (CHUNKED, FRAMINGS, SECRET, deliver, event, header, health, ids, mac,
                          metric, now, plugins, proxies, send, settled, until)

BODY = event("evt_door")
OLD, NEW = "whsec_old_" + "o" * 24, "whsec_new_" + "n" * 24


def refusal(answer, detail=None):
    """Why this is not the 400 that it should be, or None."""
    if answer.status != 400 or answer.headers["Content-Type"] != "application/problem+json":
        return f"{answer.status} {answer.headers['Content-Type']} {answer.text[:200]}"
    p = answer.json
    if p["status"] != 400 or not isinstance(p["detail"], str) or not p["request_id"]:
        return answer.text
    if p["instance"] != answer.headers["X-Request-ID"] or (detail and p["detail"] not in detail):
        return answer.text
    return None


def refused(host, name, body, signature, detail=("Invalid signature",), port=None, **more):
    flaws = {f: refusal(deliver(host, body, signature, f, port=port, **more), detail)
             for f in FRAMINGS}
    flaws = {f: flaw for f, flaw in flaws.items() if flaw}
    if not kgent.ok(not flaws, f"{name}: 400"):
        kgent.note(flaws)


def taken(host, name, body, signature, port=None, **more):
    answers = [deliver(host, body, signature, f, port=port, **more) for f in FRAMINGS]
    got = {(a.status, a.json.get("event_id")) for a in answers}
    kgent.equal(got, {(200, json.loads(body)["id"])}, f"{name}: 200")


# ---- S01: signatures that are none ------------------------------------------


def unsigned(at, good):
    """(name, header, details)"""
    missing = ("Missing Stripe-Signature header", "Invalid signature")
    return [
        ("wrong", f"t={at},v1={mac(BODY, at, 'whsec_other')}", None),
        ("missing", None, missing[:1]), ("empty", "", missing), ("blank", "   ", missing),
        ("no t", f"v1={good}", None), ("an empty t", f"t=,v1={good}", None),
        ("no v1", f"t={at}", None), ("an empty v1", f"t={at},v1=", None),
        ("t twice, the same", f"t={at},t={at},v1={good}", None),
        ("t twice, the second old", f"t={at},v1={good},t={at - 9000}", None),
        ("t twice, the first old", f"t={at - 9000},t={at},v1={good}", None),
        ("upper-case hex", f"t={at},v1={good.upper()}", None),
        ("mixed-case hex", f"t={at},v1={good[:32]}{good[32:].upper()}", None),
        ("an odd length", f"t={at},v1={good[:-1]}", None),
        ("two digits less", f"t={at},v1={good[:-2]}", None),
        ("one digit more", f"t={at},v1={good}0", None),
        ("two digits more", f"t={at},v1={good}00", None),
        ("twice as long", f"t={at},v1={good}{good}", None),
        ("a digit that is none", f"t={at},v1={good[:-1]}g", None),
        ("its own bytes", f"t={at},v1={'0' * 64}", None),
        ("V1", f"t={at},V1={good}", None), ("T", f"T={at},v1={good}", None),
        ("v11", f"t={at},v11={good}", None), ("a bare hash", good, None),
        ("semicolons", f"t={at};v1={good}", None), ("text", "hello", None),
        ("only commas", ",,,,", None), ("only signs", "=,=", None)]


def s01(host):
    at = now()
    good = mac(BODY, at)
    for name, signature, details in unsigned(at, good):
        if name != "upper-case hex" or good.upper() != good:
            refused(host, f"S01 {name}", BODY, signature, details or ("Invalid signature",))
    long_one = f"t={at},v1=" + "a" * 10240
    answer = deliver(host, BODY, long_one)
    kgent.equal(answer.status, 431, "S01 10 KiB: more than any header may be")
    refused(host, "S01 7 KiB", BODY, f"t={at},v1=" + "a" * 7000)
    refused(host, "S01 two headers", BODY, header(BODY), None,
            fields=[f"Stripe-Signature: {header(BODY)}"])


def s01_large():
    """Where headers may be so large, the signature is what is wrong."""
    with kgent.Host(plugins(), CHUNKED + ["http.header_max=32768"]) as host:
        at = now()
        for name, value in (("of one v1", "a" * 10240), ("of digits", "0" * 10240),
                            ("of commas", "," * 10240)):
            refused(host, f"S01 10 KiB {name}", BODY, f"t={at},v1={value}")
        refused(host, "S01 10 KiB of t", BODY, "t=" + "1" * 10240 + f",v1={mac(BODY, at)}")
        refused(host, "S01 10 KiB of others before it", BODY,
                "v0=" + "a" * 10240 + "," + header(BODY)[:20])


# ---- S02: times -------------------------------------------------------------


def s02(host):
    for off in (-301, -302, -3600, -86400 * 365, 301, 302, 3600, 86400 * 365):
        refused(host, f"S02 t is {off} s off", BODY, header(BODY, now() + off + (off > 0)))
    for off in (-295, -200, 0, 200, 295):
        taken(host, f"S02 t is {off} s off", BODY, header(BODY, now() + off))
    at = now()
    for name, t in (("2^63", 1 << 63), ("2^64", 1 << 64), ("2^64 + now", (1 << 64) + at),
                    ("2^32 + now", (1 << 32) + at), ("2^63 - 1", (1 << 63) - 1),
                    ("100 digits", "9" * 100), ("negative", -at), ("-1", -1), ("zero", 0),
                    ("-0", "-0"), ("-2^63", -(1 << 63)), ("-2^64 + now", at - (1 << 64)),
                    ("a plus", f"+{at}"), ("a blank before", f" {at}"), ("behind", f"{at} "),
                    ("hexadecimal", hex(at)), ("a fraction", f"{at}.0"), ("an exponent", "1e9"),
                    ("letters", f"{at}x"), ("a zero before", f"0{at}"), ("milliseconds", at * 1000)):
        refused(host, f"S02 t: {name}", BODY, f"t={t},v1={mac(BODY, t)}")


def s02_edges(host):
    """To the second, by asking until a second is not left meanwhile."""
    for off, status in ((-300, 200), (300, 200), (-301, 400), (301, 400)):
        for _ in range(50):
            at = now()
            got = deliver(host, BODY, header(BODY, at + off)).status
            if now() == at:
                break
        kgent.equal(got, status, f"S02 exactly {off} s: {status}")


# ---- S03: several signatures ------------------------------------------------


def s03(host):
    at = now()
    good, bad = mac(BODY, at), mac(BODY, at, "whsec_other")

    def of(*macs):
        return ",".join([f"t={at}"] + [f"v1={m}" for m in macs])

    for place in range(3):
        three = [bad] * 3
        three[place] = good
        taken(host, f"S03 three, the right one in place {place}", BODY, of(*three))
    refused(host, "S03 three, none right", BODY, of(bad, bad, bad))
    refused(host, "S03 only v0", BODY, f"t={at},v0={good}")
    refused(host, "S03 only v2", BODY, f"t={at},v2={good}")
    taken(host, "S03 v0 beside v1", BODY, f"t={at},v0={bad},v1={good}")
    taken(host, "S03 v1 before t", BODY, f"v1={good},t={at}")
    taken(host, "S03 eight, the last one right", BODY, of(*[bad] * 7, good))
    refused(host, "S03 nine, the last one right", BODY, of(*[bad] * 8, good))
    refused(host, "S03 a hundred, the last one right", BODY, of(*[bad] * 99, good))
    refused(host, "S03 a hundred, the first one right", BODY, of(good, *[bad] * 99))
    refused(host, "S03 a hundred, all right", BODY, of(*[good] * 100))


# ---- S04: rollover ----------------------------------------------------------


def s04():
    both = plugins(secret=f'webhook_secret = ( "{OLD}", "{NEW}" );')
    with kgent.Host(both, CHUNKED) as host:
        def matched(i):
            return metric(host, f'kgent_stripe_signatures_total{{secret="{i}"}}')

        taken(host, "S04 signed with the old secret", BODY, header(BODY, None, OLD))
        kgent.equal((until(lambda: matched(0), 4), matched(1)), (4, 0), "which is counted")
        taken(host, "S04 with the new one", BODY, header(BODY, None, NEW))
        kgent.equal((matched(0), until(lambda: matched(1), 4)), (4, 4), "and so is that")
        taken(host, "S04 with both, as Stripe does", BODY, header(BODY, None, OLD, NEW))
        taken(host, "S04 with the new one first", BODY, header(BODY, None, NEW, OLD))
        refused(host, "S04 with both as one text", BODY, header(BODY, None, OLD + NEW))
        refused(host, "S04 without its prefix", BODY, header(BODY, None, OLD[6:]))
        refused(host, "S04 with half of it", BODY, header(BODY, None, OLD[:-1]))
        refused(host, "S04 with nothing", BODY, header(BODY, None, ""))
        host.configure(plugins(secret=f'webhook_secret = ( "{NEW}" );'))
        kgent.ok(host.hand_over(), "S04 another secret is configured")
        until(lambda: deliver(host, BODY, header(BODY, None, OLD)).status, 400)
        refused(host, "S04 with the old one when it is gone", BODY, header(BODY, None, OLD))
        taken(host, "S04 and the new one goes on", BODY, header(BODY, None, NEW))
        kgent.ok(OLD not in host.logged() and NEW not in host.logged(), "S04 no secret is logged")


# ---- S05: raw bytes ---------------------------------------------------------


def s05(host):
    signature = header(BODY)
    body = BODY.encode()
    got = [deliver(host, body[:i] + bytes([body[i] ^ 1]) + body[i + 1:], signature).status
           for i in range(len(body))]
    kgent.equal(set(got), {400}, f"S05 each of {len(body)} bytes altered: 400")
    got = [deliver(host, body[:i] + body[i + 1:], signature).status for i in range(0, len(body), 7)]
    kgent.equal(set(got), {400}, "S05 a byte left out: 400")
    for name, text in (("compact", json.dumps(json.loads(BODY), separators=(",", ":"))),
                       ("sorted", json.dumps(json.loads(BODY), sort_keys=True)),
                       ("indented", json.dumps(json.loads(BODY), indent=2)),
                       ("with a line end", BODY + "\n"), ("with a blank before", " " + BODY)):
        refused(host, f"S05 re-serialised, {name}", text, signature)
        taken(host, f"S05 {name}, and signed so", text, header(text))
    for name, text in (("UTF-8", event("evt_utf", café="żółć ☃ 🎈")), ("CR LF", BODY.replace(" ", "\r\n"))):
        taken(host, f"S05 raw {name}", text, header(text))
    text = json.dumps({**json.loads(BODY), "id": "evt_raw", "x": "☃"}, ensure_ascii=False)
    taken(host, "S05 bytes above 127", text, header(text))
    refused(host, "S05 escaped where it was raw", json.dumps(json.loads(text)), header(text))
    dice = random.Random(5)
    signature = header(text)
    got = {deliver(host, text, signature, "chunks", dice=dice).status for _ in range(100)}
    kgent.equal(got, {200}, "S05 cut into chunks at 100 sets of places: 200")
    for size, status in ((262144, 200), (262145, 413)):
        text = BODY[:-1] + ',"x":"' + "x" * (size - len(BODY) - 7) + '"}'
        got = {deliver(host, text, header(text), f).status for f in FRAMINGS}
        kgent.equal(got, {status}, f"S05 {size} bytes in all framings: {status}")
    refused(host, "S05 signed over the chunks", BODY, header(b"%x\r\n%s\r\n0\r\n\r\n" % (
        len(body), body)))


def s05_plain():
    """Chunks are not taken unless they are allowed; then the length's rules stay."""
    with kgent.Host(plugins()) as host:
        kgent.equal(deliver(host, BODY, header(BODY), "chunks").status, 411,
                    "S05 chunks where none are allowed: 411")
        for size, status in ((262144, 200), (262145, 413)):
            text = BODY[:-1] + ',"x":"' + "x" * (size - len(BODY) - 7) + '"}'
            assert len(text) == size
            kgent.equal(deliver(host, text, header(text)).status, status, f"{size} bytes: {status}")


# ---- S08 and S13 ------------------------------------------------------------


def s08():
    with kgent.Host(plugins(), CHUNKED) as host:
        kinds = ["charge.refunded", "a", "x" * 200, "invoice.paid.x", "Invoice.Paid", "kgent.\u2603"]
        for n, kind in enumerate(kinds):
            body = event(f"evt_k{n}", kind)
            got = [send(host, body, f) for f in FRAMINGS]
            kgent.equal([(a.status, a.json["status"], a.json["event_type"]) for a in got],
                        [(200, s, kind) for s in ("received",) + ("duplicate",) * 3],
                        f"S08 {kind[:20]}: 200")
        kgent.ok(settled(host, len(kinds)), "S08 the cursor passes them")
        kgent.equal(health(host), {"events_processed": 0, "events_skipped": len(kinds),
                                   "events_failed": 0, "idempotency_store_size": len(kinds)},
                    "S08 counted as skipped")
        for state in ("received", "processed"):
            name = f'kgents_stripe_webhooks_{state}_total{{event_type="other"}}'
            count = len(kinds) * (4 if state == "received" else 1)
            kgent.equal(until(lambda: metric(host, name), count), count, f"S08 {name}")
        listed = host.get("/admin/v1/billing/inbox?limit=100", local=True).json["events"]
        kgent.equal([e["type"] for e in listed], kinds, "S08 stored")
        kgent.equal(ids(host), [], "S08 no effect")


def s13():
    live, test = event("evt_live", livemode=True), event("evt_test", livemode=False)
    odd = [json.dumps({**json.loads(test), "id": f"evt_odd{n}", "livemode": v})
           for n, v in enumerate(("true", "false", 1, 0, None, [], {}))]
    for mode, good, bad in (("live", [live], [test]), ("test", [test], [live]),
                            ("any", [live, test], [])):
        with kgent.Host(plugins(f'livemode = "{mode}";'), CHUNKED) as host:
            for body in good:
                taken(host, f"S13 {json.loads(body)['id']} at {mode}", body, header(body))
            for body in bad:
                refused(host, f"S13 {json.loads(body)['id']} at {mode}", body, header(body), None)
                unsigned_too = deliver(host, body, header(body, None, "whsec_other")).json["detail"]
                kgent.equal(unsigned_too, "Invalid signature", "S13 the signature is looked at first")
            if mode != "any":
                for body in odd:
                    refused(host, f"S13 livemode {json.loads(body)['livemode']!r} at {mode}",
                            body, header(body), None)
            kgent.ok(settled(host, len(good)), f"S13 {mode}: what was refused is not stored")
            listed = host.get("/admin/v1/billing/inbox", local=True).json["events"]
            kgent.equal([e["id"] for e in listed], [json.loads(b)["id"] for b in good],
                        f"S13 {mode}: the inbox")


# ---- All of it --------------------------------------------------------------


def warned(host, seconds):
    """Refusals are warnings, at most one in each second of the clock, which counts those between;
    4 s may lie in 6 of these."""
    lines = [json.loads(x) for x in host.logged().splitlines()]
    lines = [x for x in lines if x["source"] == "billing-stripe" and "refused" in x["msg"]]
    kgent.ok(lines and all(x["level"] == "warn" for x in lines), "refusals are warned of")
    kgent.ok(len(lines) <= int(seconds) + 2, f"{len(lines)} lines in {seconds:.1f} s")
    kgent.ok(any(re.search(r"; [1-9]\d* more", x["msg"]) for x in lines), "with what was left out")
    kgent.ok(any(": Invalid signature, " in x["msg"] for x in lines), "and why")


def rows():
    with kgent.Host(plugins("bad_per_minute = 0;"), CHUNKED) as host:
        begin = time.monotonic()
        for row in (s01, s02, s02_edges, s03, s05):
            row(host)
        warned(host, time.monotonic() - begin)
        kgent.equal(ids(host), [], "nothing refused was recorded")
        listed = host.get("/admin/v1/billing/inbox", local=True).json["events"]
        kgent.equal({e["id"] for e in listed}, {"evt_door", "evt_utf", "evt_raw"},
                    "nor stored")


def limited():
    """Who only guesses is told to wait; good events of the same address are always taken."""
    with kgent.Host(plugins("bad_per_minute = 20;"), CHUNKED) as host:
        got = [deliver(host, BODY, f"t={now()},v1=" + "0" * 64).status for _ in range(60)]
        kgent.equal((got[:20], set(got[20:])), ([400] * 20, {429}), "guesses are limited")
        statuses = []

        def guess():
            for _ in range(25):
                deliver(host, BODY, f"t={now()},v1=" + "0" * 64)

        guessers = [threading.Thread(target=guess) for _ in range(4)]
        for t in guessers:
            t.start()
        while any(t.is_alive() for t in guessers):
            statuses.append(send(host, BODY).status)
            time.sleep(0.002)
        kgent.equal(set(statuses), {200}, f"{len(statuses)} good ones meanwhile are all taken")


def proxied():
    """The rows that can pass a proxy."""
    at = now()
    good, bad = mac(BODY, at), mac(BODY, at, "whsec_other")
    for kind in (proxies.Nginx, proxies.HAProxy):
        if not proxies.program(kind.program):
            kgent.peer(kind.program, kind.name)
            continue
        with kgent.Host(plugins("bad_per_minute = 0;"), CHUNKED) as host, kind(host) as proxy:
            for name, signature, details in unsigned(at, good):
                refused(host, f"{proxy.name}: S01 {name}", BODY, signature,
                        details or ("Invalid signature",), proxy.port)
            for name, value in (("S02 old", header(BODY, at - 400)), ("S03 only v0", f"t={at},v0={good}"),
                                ("S03 a hundred", ",".join([f"t={at}"] + [f"v1={bad}"] * 100)),
                                ("S05 altered", header(BODY + " "))):
                refused(host, f"{proxy.name}: {name}", BODY, value, port=proxy.port)
            taken(host, f"{proxy.name}: S03 one of three", BODY, f"t={at},v1={bad},v1={good},v1={bad}",
                  proxy.port)


def bytewise():
    """Byte by byte, all of the request."""
    import socket
    with kgent.Host(plugins(), CHUNKED) as host:
        body = BODY.encode()
        text = (b"POST /webhooks/stripe HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                b"Stripe-Signature: %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"
                % (header(body).encode(), len(body), body))
        with socket.create_connection(("127.0.0.1", host.port), timeout=20) as s:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for i in range(len(text)):
                s.sendall(text[i:i + 1])
            got = b""
            while part := s.recv(65536):
                got += part
        kgent.ok(got.startswith(b"HTTP/1.1 200 ") and b"evt_door" in got, "S05 byte by byte: 200")
        kgent.ok(SECRET not in host.logged(), "no secret is logged")


if __name__ == "__main__":
    kgent.main([rows, s01_large, s04, s05_plain, s08, s13, limited, proxied, bytewise])
