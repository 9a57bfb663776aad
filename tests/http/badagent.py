# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""An agent behind a URL that misbehaves in every way that it is asked to: the first
segment of the path says how.  It counts who came, and can be told to behave."""
import json
import socket
import socketserver
import struct
import threading
import time

GOOD = {"result": "well", "tokens_used": 7}
STREAM = "event: done\ndata: {\"tokens_used\": 7}\n\n"
PIECES = "data: one\n\ndata:  two\n\n"


def text(status, body, kind="application/json", more="", length=None):
    size = len(body) if length is None else length
    return (f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {size}\r\n"
            f"{more}Connection: close\r\n\r\n{body}").encode("latin-1")


def sse(body, length=None):
    return text(200, body, "text/event-stream", length=length)


PROBLEM = json.dumps({"type": "about:blank", "status": 0, "detail": "no such tongue"})
SAYS = {  # what is sent at once, and then the connection is closed
    "good": text(200, json.dumps(GOOD)),
    "shut": b"",
    "garbage": b"\x00\xff\x07 no protocol \r\n\r\n\x00",
    "failing": text(500, '{"detail":"secret stack trace"}'),
    "away": text(503, "{}"),
    "busy": text(429, "{}", more="Retry-After: 7\r\n"),
    "moved": text(302, "", more="Location: /good/act\r\n"),
    "empty": text(204, ""),
    "html": text(200, "<html>", "text/html"),
    "broken": text(200, '{"result": "x", "tokens_used": 1'),
    "twice": text(200, '{"result": 1, "result": 2, "tokens_used": 1}'),
    "endless": text(200, '{"result": NaN, "tokens_used": 1}'),
    "deep": text(200, '{"tokens_used": 1, "result": ' + "[" * 40 + "]" * 40 + "}"),
    "torn": text(200, json.dumps(GOOD), length=1000),
    "huge": text(200, json.dumps({"result": "x" * 300000, "tokens_used": 1})),
    "nothing": text(200, '{"tokens_used": 1}'),
    "uncounted": text(200, '{"result": "x"}'),
    "negative": text(200, '{"result": "x", "tokens_used": -5}'),
    "wrong": text(200, '{"result": 3, "tokens_used": 1}'),
    "dies": sse(PIECES, length=1000),
    "unfinished": sse(PIECES),
    "complains": sse(PIECES + "event: error\ndata: out of paper\n\n"),
    "babbles": sse(PIECES + "event: done\ndata: no json\n\n"),
    "streams": sse(PIECES + STREAM),
    **{f"says{n}": text(n, PROBLEM.replace('"status": 0', f'"status": {n}'),
                        "application/problem+json") for n in (400, 404, 409, 422)},
}


class Agent(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.came, self.healed, self.lock = {}, set(), threading.Lock()
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        """Peers that are gone are what it is here for."""


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        line = self.rfile.readline().decode("latin-1")
        length = 0
        while (field := self.rfile.readline().strip()):
            name, _, value = field.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        body = json.loads(self.rfile.read(length))
        mode = line.split(" ")[1].split("/")[1]
        with self.server.lock:
            self.server.came.setdefault(mode, []).append(body)
        self.answer("good" if mode in self.server.healed else mode)

    def answer(self, mode):
        if mode == "hang":
            self.rfile.read(1)  # until the other one goes
        elif mode == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                       struct.pack("ii", 1, 0))
        elif mode == "drip":
            self.drip(SAYS["torn"][:-10], b"x")
        elif mode == "driphead":
            self.drip(b"HTTP/1.1 200 OK\r\nX-Long: ", b"y")
        elif mode == "dripstream":
            self.drip(sse(PIECES, 100000), b": still there\n\n")
        else:
            self.wfile.write(SAYS[mode])

    def drip(self, first, more):
        self.wfile.write(first)
        while True:
            time.sleep(0.05)
            self.wfile.write(more)
