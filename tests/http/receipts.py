#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Receipts over real sockets: what they say, who checks them and how, that none can be
made up, and that they hold through kills."""
import base64
import http.server
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import threading

import kgent

AUTH = 'load = "auth"; dev_keys = true;'
METERING = 'load = "metering-openmeter";'
LIMITS = {"tokens_per_month": 1000, "money_per_month": 5000, "requests_per_minute": 100000}
PARTS = re.compile(r'id="(?P<id>[^"]+)"; units=(?P<units>\d+); unit="tokens"'
                   r'(; money=(?P<money>\d+))?(; requests=(?P<requests>\d+))?'
                   r'(; left=(?P<left>\d+))?(; seq=(?P<seq>\d+))?; time=@(?P<time>\d+)'
                   r'; sig="(?P<version>\d+)\.(?P<signature>[0-9a-f]+)"')


class Agent(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        body = b'{"result": 1, "tokens_used": 5}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def block(port):
    return ('load = "agentese"; nodes = ( { name = "world.shop"; private = true;'
            ' url = "http://127.0.0.1:%d/"; aspects = ('
            ' { name = "make"; category = "GENERATION"; tokens = 7; },'
            ' { name = "buy"; category = "GENERATION"; tokens = 1; money = 250; },'
            ' { name = "look"; category = "PERCEPTION"; per_token = true; tokens_max = 20; } ); } );'
            % port)


def parts(answer):
    m = PARTS.fullmatch(answer.headers.get("Kgent-Receipt") or "")
    if not m:
        raise AssertionError(f"no receipt: {answer.status} {answer.headers} {answer.text}")
    return {k: int(v) if v is not None and v.isdigit() and k != "signature" else v
            for k, v in m.groupdict().items()}


def invoke(host, key, path, query=""):
    return host.post("/v1/agentese/invoke" + query, {"path": path}, {"X-API-Key": key})


def verify(host, receipt, tenant=None):
    return host.post("/admin/v1/receipts/verify", {"receipt": receipt, "tenant": tenant},
                     local=True).json


def verdict(host, receipt, tenant=None):
    return verify(host, receipt, tenant)["verdict"]


def tenant_new(host, name):
    """A tenant's id, and a key of it."""
    tenant = host.post("/admin/v1/tenants", {"name": name}, local=True).json["id"]
    key = host.post("/admin/v1/keys", {"name": name, "tenant": tenant, "limits": LIMITS,
                                       "scopes": ["read", "write"]}, local=True).json["key"]
    return tenant, key


# ---- What they say --------------------------------------------------------------------


def contents(host, key):
    first, made = parts(invoke(host, key, "world.house.manifest")), invoke(host, key,
                                                                          "world.shop.make")
    kgent.equal((first["units"], first["left"], first["seq"]), (0, 1000, 1),
                "what is free has a receipt, too")
    kgent.equal((parts(made)["units"], parts(made)["left"], parts(made)["seq"]), (7, 993, 2),
                "a price in tokens")
    kgent.equal(made.headers.get_all("Kgent-Receipt")[1:], [], "one receipt")
    bought = parts(invoke(host, key, "world.shop.buy"))
    kgent.equal((bought["units"], bought["money"], bought["left"], bought["seq"]),
                (1, 250, 992, 3), "a price in money")
    used = parts(invoke(host, key, "world.shop.look"))
    kgent.equal((used["units"], used["left"], used["seq"]), (5, 987, 4), "what an agent says it used")
    both = host.post("/v1/agentese/compose", {"paths": ["world.shop.make", "world.shop.look"]},
                     {"X-API-Key": key})
    kgent.equal((parts(both)["units"], parts(both)["seq"]), (12, 5), "one for a composition")
    for what, answer in (("a quote", invoke(host, key, "world.shop.make", "?quote=1")),
                         ("a failure", invoke(host, key, "world.nowhere.make")),
                         ("what nobody bills", host.get("/v1/me", {"X-API-Key": key}))):
        kgent.equal(answer.headers.get("Kgent-Receipt"), None, f"{what} has none")
    kgent.equal(parts(invoke(host, key, "world.shop.make"))["seq"], 6, "and leaves no gap")


# ---- Who checks them --------------------------------------------------------------------


def digits_changed(text):
    """The text with one digit changed, for every digit in front of the signature."""
    for i, c in enumerate(text[:text.index("; sig=")]):
        if c.isdigit():
            yield text[:i] + str((int(c) + 1) % 10) + text[i + 1:]


def checks(host, mine, other):
    (tenant, key), (other_tenant, other_key) = mine, other
    receipt = invoke(host, key, "world.shop.make").headers["Kgent-Receipt"]
    theirs = invoke(host, other_key, "world.shop.make").headers["Kgent-Receipt"]
    answer = verify(host, receipt)
    kgent.equal((answer["verdict"], answer["record"]["tenant"], answer["record"]["units"]),
                ("good", tenant, 7), "good, just behind its answer")
    kgent.equal([verdict(host, r) for r in digits_changed(receipt)
                 if verdict(host, r) != "forged"], [], "forged, with any digit changed")
    kgent.equal([verdict(host, receipt[:-2] + c + '"') for c in "0123456789abcdef"].count("good"),
                1, "forged, with another signature")
    kgent.equal((verdict(host, receipt, tenant), verdict(host, receipt, other_tenant)),
                ("good", "forged"), "good for its own tenant only")
    spliced = theirs[:theirs.index(";")] + receipt[receipt.index(";"):]
    kgent.equal(verdict(host, spliced), "forged", "another's id under one's own signature")
    for text in ("", "x", receipt[:-1], " " + receipt, receipt + " ", receipt.replace("; ", ";"),
                 receipt + receipt, "x" * 1024):
        kgent.equal(verdict(host, text), "forged", f"forged: {text[:24]!r} of {len(text)} bytes")
    for body in ({}, {"receipt": 1}, {"receipt": "x" * 2000}, {"receipt": "x", "tenant": 1}, []):
        kgent.equal(host.post("/admin/v1/receipts/verify", body, local=True).status, 422,
                    f"422 for {str(body)[:40]}")
    public = host.post("/admin/v1/receipts/verify", {"receipt": receipt}, {"X-API-Key": key})
    kgent.equal(public.status, 404, "not on the public listener")
    shown = host.get(f"/admin/v1/receipts/{parts_of(receipt)['id']}", local=True)
    kgent.equal(shown.json["units"], 7, "the record by its id")
    kgent.equal(host.get("/admin/v1/receipts/nothing", local=True).status, 404, "404 for none")
    kgent.equal(host.get("/admin/v1/receipts/x?time=x", local=True).status, 422, "422")


def parts_of(receipt):
    return PARTS.fullmatch(receipt).groupdict()


def keys_rotated(host, key):
    old = invoke(host, key, "world.shop.make").headers["Kgent-Receipt"]
    first = int(parts_of(old)["version"])
    version = host.post("/admin/v1/receipt-keys", None, local=True).json["version"]
    new = invoke(host, key, "world.shop.make").headers["Kgent-Receipt"]
    kgent.equal((version, parts_of(new)["version"]), (first + 1, str(first + 1)),
                "signed with the new key")
    kgent.equal((verdict(host, old), verdict(host, new)), ("good", "good"), "old and new are good")
    listed = host.get("/admin/v1/receipt-keys", local=True).json
    kgent.equal((listed["newest"], [k["version"] for k in listed["keys"]]),
                (version, [first - 1, first, version]), "all are listed")
    swapped = new.replace(f'sig="{version}.', f'sig="{first}.')
    kgent.equal(verdict(host, swapped), "forged", "the version is part of it")
    kgent.equal(verdict(host, new.replace('sig="', 'sig="1')), "unknown", "no such key")


def forgetful(port, made):
    """A host that has the keys, but no record."""
    receipts = []
    with tempfile.TemporaryDirectory() as state:
        with kgent.Host(["health", AUTH, METERING, block(port)], state=state) as host:
            receipts.append(invoke(host, "kg_dev_bob", "world.shop.make").headers["Kgent-Receipt"])
            kgent.equal(verdict(host, made), "unknown", "another host's key")
            kgent.equal(verdict(host, receipts[0]), "good", "its own")
            version = parts_of(receipts[0])["version"]
            made = re.sub('sig="[0-9]+', f'sig="{version}', made)
            kgent.equal(verdict(host, made), "forged", "another host's, with a known version")
        for name in os.listdir(state):
            if name.startswith("kgent.db"):
                os.unlink(os.path.join(state, name))
        shutil.rmtree(os.path.join(state, "rings"))
        with kgent.Host(["health", AUTH, METERING, block(port)], state=state) as host:
            answer = verify(host, receipts[0])
            kgent.equal((answer["verdict"], answer["record"]), ("unknown", None),
                        "signed here, and no longer kept")


# ---- kgentctl ------------------------------------------------------------------------------


def operator(host, mine, other):
    receipt = invoke(host, mine[1], "world.shop.buy").headers["Kgent-Receipt"]
    code, out, err = host.ctl("receipt", "verify", receipt)
    kgent.equal((code, err), (0, ""), "verify: 0 for a good one")
    kgent.contains(out, "good: 1 tokens and 250 minor units charged to first at ", "verify says for what")
    code, out, err = host.ctl("receipt", "verify", "Kgent-Receipt: " + receipt + "\r\n")
    kgent.equal(code, 0, "with the field's name")
    code, out, err = host.ctl("receipt", "verify", receipt.replace("units=1;", "units=2;"))
    kgent.equal((code, out, err), (1, "", "kgentctl: forged: its signature is not that of its text\n"),
                "verify: 1 for a changed one")
    unknown = receipt.replace('sig="', 'sig="1')
    kgent.equal(host.ctl("receipt", "verify", unknown)[0], 6, "verify: 6 for an unknown key")
    for tenant, wanted in (("first", 0), (mine[0], 0), ("second", 1), (other[0], 1)):
        kgent.equal(host.ctl("receipt", "verify", "--tenant", tenant, receipt)[0], wanted,
                    f"verify --tenant {tenant}: {wanted}")
    kgent.equal(host.ctl("receipt", "verify", "--tenant", "nobody", receipt)[0], 1, "no such tenant")
    lines = f"HTTP/1.1 200 OK\r\nkgent-receipt: {receipt}\r\n\r\n{{}}\n{receipt}\n"
    kgent.equal(stdin(host, lines, "receipt", "verify", "-")[:2], (0, 2), "two of standard input")
    event = "event: complete\ndata: " + json.dumps({"text": "x" * 20000, "receipt": receipt})
    kgent.equal(stdin(host, event, "receipt", "verify", "-")[:2], (0, 1), "one of a stream")
    kgent.equal(stdin(host, event.replace("units=1;", "units=3;"), "receipt", "verify", "-")[0], 1,
                "forged in a stream")
    kgent.equal(stdin(host, "data: {\ndata: 1\ndata: []\n", "receipt", "verify", "-")[0], 2,
                "events without one")
    kgent.equal(stdin(host, lines + unknown, "receipt", "verify", "-")[0], 6, "the worst of them")
    kgent.equal(stdin(host, lines + unknown + "\n" + receipt[:-2], "receipt", "verify", "-")[0], 1,
                "and forged is worse")
    kgent.equal(stdin(host, "hello\n", "receipt", "verify", "-")[0], 2, "none in standard input")
    code, out, err = host.ctl("--json", "receipt", "verify", receipt)
    kgent.equal(json.loads(out)["record"]["money"], 250, "verify as JSON")
    code, out, err = host.ctl("receipt", "show", receipt)
    kgent.equal((code, "agentese.invoke" in out, "250" in out), (0, True, True), "show")
    code, out, err = host.ctl("--json", "receipt", "show", parts_of(receipt)["id"])
    kgent.equal(json.loads(out)["id"], parts_of(receipt)["id"], "show of an id")
    kgent.equal(host.ctl("receipt", "show", "nothing")[0], 1, "show: 1 for none")
    kgent.equal(host.ctl("receipt", "verify")[0], 2, "2 without one")
    version = int(parts_of(receipt)["version"])
    kgent.equal(host.ctl("receipt", "keys")[1].split(),
                ["version", "kind", "public", "key", str(version), "mac", "-"], "keys")
    kgent.contains(host.ctl("receipt", "rotate")[1], f"with key {version + 1} from now on", "rotate")
    kgent.equal(host.ctl("receipt", "verify", receipt)[0], 0, "good as before")
    kgent.equal(kgent.ctl("-s", "/nowhere", "receipt", "verify", receipt)[0], 3, "3 without a host")


def stdin(host, text, *args):
    """Exit status, and lines of output."""
    run = subprocess.run([kgent.KGENTCTL, "-s", host.state, *args], input=text, text=True,
                         capture_output=True, timeout=60, check=False)
    return run.returncode, len(run.stdout.splitlines()), run.stderr


# ---- Through kills ------------------------------------------------------------------------


def killed(port, commit):
    """Every receipt that a client has seen is good after a SIGKILL, and no number is
    there twice."""
    seen = []
    with tempfile.TemporaryDirectory() as state:
        options = [f"store.commit={commit}"]
        for _ in range(3):
            host = kgent.Host(["health", AUTH, METERING, block(port)], options, state=state)
            host.start()
            for _ in range(10):
                seen.append(invoke(host, "kg_dev_bob", "world.shop.make").headers["Kgent-Receipt"])
            host.process.send_signal(signal.SIGKILL)
            host.process.wait()
            host.log.close()
            host.folder.cleanup()
        with kgent.Host(["health", AUTH, METERING, block(port)], options, state=state) as host:
            kgent.equal([r for r in seen if verdict(host, r) != "good"], [],
                        f"{commit}: {len(seen)} receipts are good after three kills")
            seqs = [int(parts_of(r)["seq"]) for r in seen]
            kgent.equal(seqs, list(range(1, len(seen) + 1)), f"{commit}: numbers without a gap")


def stuck(port):
    """While another has the database, the answer of a key cannot be kept: no receipt."""
    with kgent.Host(["health", AUTH, METERING, block(port)], ["http.handler_timeout=1.0"]) as host:
        db = sqlite3.connect(os.path.join(host.state, "kgent.db"), isolation_level=None)
        db.execute("BEGIN IMMEDIATE")
        answer = host.post("/v1/agentese/invoke", {"path": "world.house.manifest"},
                           {"X-API-Key": "kg_dev_bob", "Idempotency-Key": "stuck"})
        db.execute("ROLLBACK")
        db.close()
        kgent.equal((answer.status, answer.headers.get("Kgent-Receipt")), (503, None),
                    "none behind a disk that is stuck")


# ---- Without the host ------------------------------------------------------------------------


def offline(port):
    """Ed25519 by the openssl command."""
    openssl = kgent.peer("openssl", "a receipt checked without the host")
    if not openssl:
        return
    with kgent.Host(["health", AUTH, METERING[:-1] + '; receipts = "ed25519";', block(port)]) as host:
        receipt = invoke(host, "kg_dev_bob", "world.shop.make").headers["Kgent-Receipt"]
        kgent.equal(verdict(host, receipt), "good", "good for the host")
        key = host.get("/admin/v1/receipt-keys", local=True).json["keys"][-1]
    with tempfile.TemporaryDirectory() as folder:
        names = {n: os.path.join(folder, n) for n in ("key", "text", "signature")}
        der = bytes.fromhex("302a300506032b6570032100" + key["public"])
        with open(names["key"], "w", encoding="ascii") as f:
            f.write("-----BEGIN PUBLIC KEY-----\n" + base64.b64encode(der).decode()
                    + "\n-----END PUBLIC KEY-----\n")
        with open(names["signature"], "wb") as f:
            f.write(bytes.fromhex(parts_of(receipt)["signature"]))
        for text, wanted in ((receipt[:receipt.index("; sig=")], 0),
                             (receipt[:receipt.index("; sig=")].replace("units=7", "units=8"), 1)):
            with open(names["text"], "w", encoding="ascii") as f:
                f.write(text)
            run = subprocess.run([openssl, "pkeyutl", "-verify", "-pubin", "-inkey", names["key"],
                                  "-rawin", "-in", names["text"], "-sigfile", names["signature"]],
                                 capture_output=True, check=False)
            kgent.equal(run.returncode, wanted, "openssl says so" if not wanted else "and not of another")


def tests():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Agent)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port = server.server_address[1]
    with kgent.Host(["health", AUTH, METERING, block(port)]) as host:
        first, second = tenant_new(host, "first"), tenant_new(host, "second")
        contents(host, first[1])
        checks(host, first, second)
        operator(host, first, second)
        keys_rotated(host, second[1])
        made = invoke(host, first[1], "world.shop.make").headers["Kgent-Receipt"]
    forgetful(port, made)
    stuck(port)
    killed(port, "process")
    killed(port, "power")
    offline(port)
    with kgent.Host(["health", AUTH, METERING[:-1] + '; receipts = "off";', block(port)]) as host:
        kgent.equal(invoke(host, "kg_dev_bob", "world.shop.make").headers.get("Kgent-Receipt"), None,
                    "off")
        kgent.equal(host.get("/admin/v1/receipt-keys", local=True).status, 404, "and no routes")
    server.shutdown()


if __name__ == "__main__":
    kgent.main([tests])
    kgent.done()
