# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Scripted servers for tests of kgentctl: they say what the test tells them to, and
keep what they were asked."""
import http.server
import json
import os
import socketserver
import threading


NOT_FOUND = (404, {"status": 404, "detail": "Not Found"})


class Stub(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Answers by a table of (method, path) -> (status, body[, headers]), and keeps what
    came.  An entry can be an iterator of answers, or a function of method, path and body.
    A body that is a list goes out piece by piece; what can be called there is called."""

    daemon_threads = True

    def __init__(self, state):
        super().__init__(os.path.join(state, "admin.sock"), Handler)
        self.table, self.seen, self.otherwise = {}, [], NOT_FOUND
        threading.Thread(target=self.serve_forever, daemon=True).start()


class TcpStub(http.server.ThreadingHTTPServer):
    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.table, self.seen, self.otherwise = {}, [], NOT_FOUND
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
        entry = self.server.table.get((self.command, self.path)) or self.server.otherwise
        if callable(entry):
            entry = entry(self.command, self.path, body)
        if hasattr(entry, "__next__"):  # one answer after the other
            entry = next(entry)
        status, text, *headers = entry
        self.send_response(status)
        for name, value in (headers[0] if headers else {}).items():
            self.send_header(name, value)
        if isinstance(text, list):
            self.pieces(text)
            return
        if not isinstance(text, str):
            text = json.dumps(text)
        text = text.encode()
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if text:
            self.wfile.write(text)

    def pieces(self, parts):
        self.send_header("Connection", "close")
        self.end_headers()
        for part in parts:
            if callable(part):
                part()
            else:
                self.wfile.write(part)
                self.wfile.flush()
        self.close_connection = True

    do_GET = do_POST = do_PATCH = do_DELETE = answer
