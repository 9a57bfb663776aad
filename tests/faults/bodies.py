# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Bodies that are no JSON, or not ours (FAULTS.md, J01 to J17), against invoke."""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "http"))

import kgent  # noqa: E402  (found by the line above)

KEY = {"X-API-Key": "kg_dev_bob", "Content-Type": "application/json"}
GOOD = b'{"path":"world.house.manifest"}'


def kwargs(value):
    return b'{"path":"world.house.manifest","kwargs":{"x":' + value + b"}}"


ROWS = [
    ("J01 depth 33", kwargs(b"[" * 31 + b"]" * 31)),
    ("J01 depth 100,000", b"[" * 100000 + b"]" * 100000),
    ("J02 duplicate keys", b'{"path":"world.house.manifest","path":"world.x.manifest"}'),
    ("J02 duplicate keys, one escaped", b'{"path":"world.house.manifest","\\u0070ath":"x"}'),
    ("J03 NUL in a key", b'{"path":"world.house.manifest","kwargs":{"a\\u0000b":1}}'),
    ("J04 NUL in a string", kwargs(b'"a\\u0000b"')),
    ("J05 NaN", kwargs(b"NaN")), ("J05 Infinity", kwargs(b"Infinity")), ("J05 -Infinity", kwargs(b"-Infinity")),
    ("J06 2^63", kwargs(b"9223372036854775808")), ("J06 2^64", kwargs(b"18446744073709551616")),
    ("J06 -2^63-1", kwargs(b"-9223372036854775809")), ("J06 100,000 digits", kwargs(b"1" * 100000)),
    ("J06 41 digits behind the point", kwargs(b"0." + b"1" * 41)),
    ("J07 1e999", kwargs(b"1e999")),
    ("J08 a raw control character", kwargs(b'"a\x01b"')), ("J08 a raw line end", kwargs(b'"a\nb"')),
    ("J09 invalid UTF-8", kwargs(b'"\xff"')), ("J09 overlong", kwargs(b'"\xc0\xaf"')),
    ("J09 a surrogate", kwargs(b'"\xed\xa0\x80"')), ("J09 over U+10FFFF", kwargs(b'"\xf4\x90\x80\x80"')),
    ("J10 a lone surrogate", kwargs(b'"\\ud800"')), ("J10 a lone second half", kwargs(b'"\\udc00"')),
    ("J11 trailing bytes", GOOD + b"x"), ("J11 two documents", GOOD + GOOD),
    ("J11 a comment", b"/* */" + GOOD), ("J11 single quotes", b"{'path':'world.house.manifest'}"),
    ("J11 [1,]", kwargs(b"[1,]")), ("J11 [01]", kwargs(b"[01]")), ("J11 TRUE", kwargs(b"TRUE")),
    ("J11 a byte order mark", b"\xef\xbb\xbf" + GOOD),
    ("J12 empty", b""), ("J12 blanks", b" \n\t"),
    ("J13 200,000 keys", b"{" + b",".join(b'"%d":1' % i for i in range(100000)) + b"}"),
]


def refused(host):
    for name, body in ROWS:
        answer = host.post("/v1/agentese/invoke", body, KEY)
        good = answer.status == 400 and answer.headers["Content-Type"] == "application/problem+json"
        if not kgent.ok(good and answer.json["status"] == 400, name):
            kgent.note(f"{answer.status} {answer.text[:300]}")
    for name, body in (("12", b"12"), ("null", b"null"), ("a list", b"[]"), ("a string", b'"x"')):
        answer = host.post("/v1/agentese/invoke", body, KEY)
        kgent.ok(answer.status in (400, 422), f"J12 bare {name}: {answer.status}")


def quick(host):
    body = b'{"path":"world.house.manifest","kwargs":{' + b",".join(b'"k%d":1' % i for i in range(9900)) + b"}}"
    begin = time.monotonic()
    status = host.post("/v1/agentese/invoke", body, KEY).status
    took = time.monotonic() - begin
    kgent.ok(status == 200 and took < 0.25, f"J13 9,900 keys: {status} in {1000 * took:.0f} ms")


def types(host):
    for kind in ("", "text/plain", "application/jsonx", "application/x-www-form-urlencoded", "gzip",
                 "application/json-patch+json"):
        headers = {**KEY, "Content-Type": kind}
        kgent.equal(host.post("/v1/agentese/invoke", GOOD, headers).status, 415, f"J14 {kind!r}")
    answer = host.post("/v1/agentese/invoke", GOOD, {"X-API-Key": "kg_dev_bob"})
    kgent.equal(answer.status, 415, "J14 none")
    for kind in ("application/json", "application/json; charset=utf-8", "Application/JSON;charset=UTF-8"):
        headers = {**KEY, "Content-Type": kind}
        kgent.equal(host.post("/v1/agentese/invoke", GOOD, headers).status, 200, f"{kind!r}")


def codings(host):
    """Nobody here decodes: 415 that says so (RFC 9110, section 15.5.16)."""
    for name, body in (("gzip", b"\x1f\x8b\x08\x00"), ("br", GOOD), ("identity, gzip", GOOD)):
        answer = host.post("/v1/agentese/invoke", body, {**KEY, "Content-Encoding": name})
        kgent.equal((answer.status, answer.headers.get("Accept-Encoding")), (415, "identity"), f"J14 {name}")
    answer = host.post("/v1/agentese/invoke", GOOD, {**KEY, "Content-Encoding": "identity"})
    kgent.equal((answer.status, answer.headers.get("Accept-Encoding")), (200, None), "J14 identity")
    answer = host.request("GET", "/v1/usage?meter=tokens", GOOD, {**KEY, "Content-Encoding": "gzip"})
    kgent.equal(answer.status, 200, "J14 what is sent with GET is ignored")


def paths(host):
    for path in ("", "w" * 257, "../etc/passwd", "world/house/manifest", "world..manifest", "world.house.man%20ifest",
                 "world.house.manifest" + "[phase=PLAN]" * 1000, "world.house.manifest[", "world.house.manifest]",
                 "world.house.manifest@", "world.house.manifest@span", "world.h\u043euse.manifest", "world.house.>",
                 "world.*.manifest", "world.house.manifest x", "World.house.manifest"):
        answer = host.post("/v1/agentese/invoke", {"path": path}, KEY)
        kgent.equal(answer.status, 400, f"J15 {path[:40]!r}")
    answer = host.post("/v1/agentese/invoke", {"path": "moon.house.manifest"}, KEY)
    kgent.equal((answer.status, "detail" in answer.json), (404, True), "J15 an unknown context")
    for name in ("path", "observer", "self", "aspect"):
        answer = host.post("/v1/agentese/invoke", {"path": "world.house.manifest", "kwargs": {name: 1}}, KEY)
        kgent.equal(answer.status, 400, f"J16 kwargs.{name}")


def run():
    plugins = ["health", 'load = "auth"; dev_keys = true;', "agentese", "metering-openmeter"]
    with kgent.Host(plugins, options=["http.threads=1"]) as host:
        for part in (refused, quick, types, codings, paths):
            part(host)


kgent.main([run])
