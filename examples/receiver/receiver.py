#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Receives usage from a webhook sink of kgentd, and keeps each event once.

usage: WEBHOOK_SECRETS='whsec_... whsec_...' receiver.py PORT FILE

Signatures are those of Standard Webhooks, version 1.  The answer is 204 only when the
events are on the disk: the host sends a batch again until it has seen that."""
import base64
import hashlib
import hmac
import http.server
import json
import os
import sys
import threading
import time

TOLERANCE = 300  # seconds that a clock may be wrong, and an old request be replayed
BODY_MAX = 32 << 20


def keys_of(text):
    """The keys of all secrets, each "whsec_" and base64."""
    keys = []
    for secret in text.split():
        if not secret.startswith("whsec_"):
            raise ValueError("a secret begins with whsec_")
        keys.append(base64.b64decode(secret[6:], validate=True))
    if not keys:
        raise ValueError("WEBHOOK_SECRETS is empty")
    return keys


def verified(headers, body, keys, now=None):
    """Whether one of the signatures is by one of the keys, and not old."""
    ident, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not ident or not stamp.isdecimal():
        return False
    if abs((time.time() if now is None else now) - int(stamp)) > TOLERANCE:
        return False
    signed = f"{ident}.{stamp}.".encode() + body
    good = False
    for given in headers.get("webhook-signature", "").split():
        version, _, value = given.partition(",")
        for key in keys:
            wanted = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
            good |= version == "v1" and hmac.compare_digest(value.encode(), wanted)
    return good


class Kept:
    """Events on the disk, a line each; which ones are there is known by source and id."""

    def __init__(self, path):
        self.lock, self.known, self.end = threading.Lock(), set(), 0
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        with open(path, "rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break  # written when the power went: it was not acknowledged
                event = json.loads(line)
                self.known.add((event["source"], event["id"]))
                self.end += len(line)
        os.ftruncate(self.fd, self.end)

    def write(self, data):
        """All of it or, when the disk is full, nothing."""
        try:
            left = memoryview(data)
            while left:
                left = left[os.write(self.fd, left):]
            os.fsync(self.fd)
        except OSError:
            os.ftruncate(self.fd, self.end)
            raise
        self.end += len(data)

    def add(self, events):
        with self.lock:
            new = {}
            for event in events:
                name = (event["source"], event["id"])
                if name not in self.known:
                    new[name] = event
            self.write(b"".join(json.dumps(event).encode() + b"\n" for event in new.values()))
            self.known.update(new)


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        length = int(self.headers.get("Content-Length", "0"))
        if length > BODY_MAX:
            self.close_connection = True
            return self.answer(413)
        body = self.rfile.read(length)
        if not verified(self.headers, body, self.server.keys):
            return self.answer(401)
        try:
            self.server.kept.add(json.loads(body))
        except (ValueError, KeyError, TypeError):
            return self.answer(400)
        except OSError:
            return self.answer(503)
        return self.answer(204)

    def answer(self, status):
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        pass  # a connection broke: the batch comes again


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    server = Server(("127.0.0.1", int(sys.argv[1])), Receiver)
    server.keys = keys_of(os.environ.get("WEBHOOK_SECRETS", ""))
    server.kept = Kept(sys.argv[2])
    server.serve_forever()


if __name__ == "__main__":
    main()
