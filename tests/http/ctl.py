#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""kgentctl against a server of the test's own: what it sends, what it makes of
the answers, and its exit codes."""
import http.server
import json
import os
import socketserver
import tempfile
import threading

import kgent


class Stub(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Answers by a table of (method, path) -> (status, body), and keeps what came."""

    daemon_threads = True

    def __init__(self, state):
        super().__init__(os.path.join(state, "admin.sock"), Handler)
        self.table, self.seen = {}, []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class TcpStub(http.server.ThreadingHTTPServer):
    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.table, self.seen = {}, []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def address_string(self):
        return "local"

    def log_message(self, *args):
        pass

    def answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode()
        self.server.seen.append((self.command, self.path, dict(self.headers), body))
        entry = self.server.table.get(
            (self.command, self.path), (404, {"status": 404, "detail": "Not Found"}))
        if hasattr(entry, "__next__"):  # one answer after the other
            entry = next(entry)
        status, text = entry
        if not isinstance(text, str):
            text = json.dumps(text)
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if text:
            self.wfile.write(text.encode())

    do_GET = do_POST = do_DELETE = answer


folder = tempfile.TemporaryDirectory(prefix="kgent-")
stub = Stub(folder.name)


def ctl(*args, env=None):
    return kgent.ctl("-s", folder.name, *args, env=env)


def reset():
    stub.table.clear()
    stub.seen.clear()


def key_new():
    reset()
    stub.table["POST", "/admin/v1/keys"] = (201, {
        "key": "kg_abcde_secret", "id": "i-1", "tenant": "t-1", "tier": "PRO",
        "scopes": ["read", "write"]})
    status, out, err = ctl("key", "new", "--name", "bot", "--tier", "PRO", "--scope", "read,write",
                           "--scope", "invoke:world.*", "--archetype", "poet", "--user", "u",
                           "--tenant", "t-1", "--requests-per-day", "0", "--tokens-per-month", "9",
                           "--expires", "2030-01-01T00:00:00Z")
    kgent.equal(status, 0, "key new succeeds")
    kgent.equal(out, "kg_abcde_secret\n", "the key alone is on standard output")
    kgent.contains(err, "scopes read,write", "the rest is on standard error")
    method, path, headers, body = stub.seen[0]
    kgent.equal(json.loads(body), {
        "name": "bot", "tenant": "t-1", "user": "u", "tier": "PRO",
        "scopes": ["read", "write", "invoke:world.*"], "archetypes": ["poet"],
        "limits": {"requests_per_day": 0, "tokens_per_month": 9},
        "expires_at": "2030-01-01T00:00:00Z"}, "every option is sent")
    kgent.equal(headers.get("Content-Type"), "application/json", "as JSON")
    status, out, err = ctl("key", "new", "bot", "--json")
    kgent.equal(json.loads(out)["key"], "kg_abcde_secret", "--json shows the answer")
    kgent.equal(json.loads(stub.seen[1][3]), {"name": "bot"}, "what isn't given isn't sent")
    status, out, err = ctl("key", "new", "bot", "--expires", "30d")
    kgent.ok(json.loads(stub.seen[2][3])["expires_at"].endswith("+00:00"), "30d becomes a time")


def key_new_refused():
    reset()
    stub.table["POST", "/admin/v1/keys"] = (422, {"status": 422, "detail": "tier: no such"})
    status, out, err = ctl("key", "new", "x")
    kgent.equal((status, out), (1, ""), "a refusal is exit code 1 and no output")
    kgent.contains(err, "422: tier: no such", "the detail is told")
    status, out, err = ctl("key", "new", "x", "--json")
    kgent.equal(json.loads(out)["status"], 422, "--json shows the problem")


def key_list():
    reset()
    page = {"id": "a", "prefix": "kg_aaaaa", "name": "one\x1b[2J", "tenant": "t", "user": None,
            "tier": "FREE", "scopes": ["read"], "active": True}
    stub.table["GET", "/admin/v1/keys?limit=1000"] = (200, {"keys": [page], "next": "a"})
    stub.table["GET", "/admin/v1/keys?limit=1000&after=a"] = (
        200, {"keys": [{**page, "id": "b", "active": False}], "next": None})
    status, out, err = ctl("key", "list")
    lines = out.splitlines()
    kgent.equal((status, len(lines)), (0, 3), "both pages are listed")
    kgent.ok(lines[1].startswith("a ") and lines[1].endswith("active"), "an active key")
    kgent.ok(lines[2].startswith("b ") and lines[2].endswith("revoked"), "a revoked key")
    kgent.ok("\x1b" not in out, "names cannot drive the terminal")
    status, out, err = ctl("key", "list", "--json")
    kgent.equal([k["id"] for k in json.loads(out)["keys"]], ["a", "b"], "--json joins the pages")


def key_revoke():
    reset()
    stub.table["DELETE", "/admin/v1/keys/a"] = (204, "")
    kgent.equal(ctl("key", "revoke", "a")[:2], (0, "revoked a\n"), "key revoke")
    status, out, err = ctl("key", "revoke", "a", "b")
    kgent.equal((status, out), (1, "revoked a\n"), "one of two fails: exit code 1")
    kgent.equal(ctl("key", "revoke", "../x")[0], 2, "an id cannot leave its path")
    status, out, err = ctl("key", "revoke", "a", "--json")
    kgent.equal(json.loads(out), {"revoked": ["a"]}, "--json lists what is revoked")


def health():
    reset()
    stub.table["GET", "/health"] = (200, {"status": "degraded", "components": {"soul": "ok",
                                                                             "llm": "error: x"}})
    kgent.equal(ctl("health")[:2], (0, "status  degraded\nsoul    ok\nllm     error: x\n"),
                "health as a table")
    kgent.equal(json.loads(ctl("health", "--json")[1])["status"], "degraded", "health as JSON")
    stub.table["GET", "/health"] = (200, {"status": "error", "components": {}})
    kgent.equal(ctl("health")[0], 1, "error is exit code 1")
    stub.table["GET", "/health"] = (200, "<html>")
    status, out, err = ctl("health")
    kgent.equal(status, 1, "an answer that isn't JSON is exit code 1")
    kgent.contains(err, "isn't JSON", "and says so")


def orders():
    reset()
    stub.table["POST", "/admin/v1/reload"] = (202, {"status": "accepted"})
    stub.table["POST", "/admin/v1/drain"] = (202, {"status": "draining"})
    kgent.equal(ctl("reload")[0], 0, "reload")
    kgent.equal(ctl("drain")[0], 0, "drain")
    kgent.equal(json.loads(ctl("drain", "-j")[1]), {"status": "draining"}, "drain as JSON")
    stub.table["POST", "/admin/v1/reload"] = (422, {"detail": "refused: a:1: x",
                                                    "errors": ["a:1: x", "a:2: y"]})
    status, out, err = ctl("reload")
    kgent.equal(status, 1, "a bad configuration is exit code 1")
    kgent.contains(err, "\n  a:2: y\n", "every reason is told")


def about():
    reset()
    stub.table["GET", "/admin/v1/plugins"] = (200, {"plugins": [
        {"name": "health", "version": "1.0", "abi": "1.0", "summary": "Probes"}]})
    stub.table["GET", "/admin/v1/version"] = (200, {"version": "9.9", "abi": "1.0", "pid": 7})
    kgent.contains(ctl("plugins")[1], "health  1.0", "plugins")
    kgent.contains(ctl("version")[1], "kgentd 9.9, plugin ABI 1.0, process 7", "version")
    kgent.equal(json.loads(ctl("version", "--json")[1])["kgentd"]["version"], "9.9",
                "version as JSON")
    status, out, err = ctl("--version")
    kgent.ok(status == 0 and out.startswith("kgentctl "), "--version needs no host")


def top():
    reset()
    series = '{method="POST",endpoint="/v1/x",'
    first = (f'kgents_api_requests_total{series}status="200"}} 10\n'
             f'kgents_api_request_latency_seconds_bucket{series}le="0.001"}} 10\n'
             f'kgents_api_request_latency_seconds_bucket{series}le="+Inf"}} 10\n')
    second = (f'kgents_api_requests_total{series}status="200"}} 110\n'
              f'kgents_api_requests_total{series}status="429"}} 5\n'
              f'kgents_api_request_latency_seconds_bucket{series}le="0.001"}} 110\n'
              f'kgents_api_request_latency_seconds_bucket{series}le="+Inf"}} 115\n')
    stub.table["GET", "/metrics"] = iter([(200, first), (200, second), (200, second)])
    status, out, err = ctl("top", "0.2", "2", "--json")
    looks = [json.loads(line) for line in out.splitlines()]
    kgent.equal((status, len(looks)), (0, 2), "top looks as often as it is told")
    route = looks[0]["routes"][0]
    kgent.equal(round(route["requests_per_second"] * looks[0]["seconds"]), 105, "top: requests")
    kgent.equal(round(route["refused_per_second"] * looks[0]["seconds"]), 5, "top: refused")
    kgent.ok(0.4 < route["p50_ms"] < 0.6, "top: the median lies in its bucket")
    kgent.equal(route["p99_ms"], 1.0, "top: the last bucket counts from its beginning")
    kgent.equal(looks[1]["routes"][0]["requests_per_second"], 0, "top: differences, not sums")
    stub.table["GET", "/metrics"] = iter([(200, first), (200, second)])
    kgent.contains(ctl("top", "0.1", "1")[1], "POST /v1/x\n", "top as a table")


def usage():
    for args in (["top", "x"], ["top", "0"], ["top", "1", "0"],["frob"], [], ["key"], ["key", "frob"], ["health", "x"], ["key", "revoke"],
                 ["health", "--tier", "PRO"], ["--frob"], ["key", "new"], ["--timeout", "x", "health"],
                 ["key", "new", "x", "--requests-per-day", "-1"], ["--url", "x", "health"]):
        status, out, err = ctl(*args)
        kgent.ok(status == 2 and not out and "kgentctl" in err, f"wrong usage: {args}")
    for args in (["--help"], ["key", "new", "--help"], ["health", "-h"]):
        status, out, err = ctl(*args)
        kgent.ok(status == 0 and "Usage: kgentctl" in out and not err, f"help: {args}")


def nobody():
    status, out, err = kgent.ctl("-s", "/nonexistent", "health")
    kgent.equal((status, out), (3, ""), "no socket: exit code 3")
    kgent.contains(err, "no kgentd answers at /nonexistent/admin.sock", "it names the socket")
    kgent.contains(err, "-s STATE-FOLDER or --url URL", "and the cure")
    status, out, err = kgent.ctl("--url", f"http://127.0.0.1:{kgent.free_port()}", "health")
    kgent.equal(status, 3, "nobody at the URL: exit code 3")
    status, out, err = kgent.ctl("-s", "/" + "x" * 200, "health")
    kgent.contains(err, "too long for a socket", "a path that no socket can have")
    with tempfile.TemporaryDirectory() as stale:
        with open(os.path.join(stale, "admin.sock"), "w", encoding="utf-8"):
            pass
        kgent.equal(kgent.ctl("-s", stale, "health")[0], 3, "a file that is no socket")


def credentials():
    tcp = TcpStub()
    url = f"http://127.0.0.1:{tcp.server_address[1]}/"
    tcp.table["GET", "/health"] = (200, {"status": "ok", "components": {}})
    kgent.ctl("--url", url, "health", env={"KGENT_ADMIN_KEY": "kg_env"})
    kgent.ctl("--url", url, "--key", "kg_arg", "health", env={"KGENT_ADMIN_KEY": "kg_env"})
    keys = [headers.get("X-API-Key") for _, _, headers, _ in tcp.seen]
    kgent.equal(keys, ["kg_env", "kg_arg"], "the key goes to a URL; --key before KGENT_ADMIN_KEY")
    tcp.table["GET", "/admin/v1/plugins"] = (401, {"detail": "API key required"})
    status, out, err = kgent.ctl("--url", url, "plugins")
    kgent.equal(status, 1, "401 is a refusal")
    kgent.contains(err, "KGENT_ADMIN_KEY", "that says how to identify oneself")
    reset()
    stub.table["GET", "/health"] = (200, {"status": "ok", "components": {}})
    ctl("health", env={"KGENT_ADMIN_KEY": "kg_env"})
    kgent.ok("X-API-Key" not in stub.seen[0][2], "the socket is told no key")
    tcp.shutdown()


kgent.main([key_new, key_new_refused, key_list, key_revoke, health, orders, about, top, usage, nobody,
            credentials])
