#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""An agent for kgentd: world.translator, which knows a few words.

    usage: translator.py [PORT]

It listens on 127.0.0.1 and stands on Python alone.  With AGENT_TOKEN in the environment
it answers those only who know it.  See README.md for the configuration of kgentd.
"""
import hmac
import http.server
import json
import os
import sys

WORDS = {"de": {"good": "guten", "day": "Tag", "house": "Haus"},
         "fr": {"good": "bon", "day": "jour", "house": "maison"}}
BODY_MAX = 1 << 20
TOKEN = os.environ.get("AGENT_TOKEN", "")


class Refused(Exception):
    """The call cannot be done; its caller is told why."""

    def __init__(self, status, detail):
        super().__init__(detail)
        self.status = status


def words(kwargs):
    """The translated words, one at a time."""
    known = WORDS.get(kwargs.get("to"))
    if known is None:
        raise Refused(422, "no such language: try " + ", ".join(WORDS))
    return [known.get(word, word) for word in str(kwargs.get("text", "")).split()]


def translate(call):
    """The whole text; a token per word."""
    found = words(call["kwargs"])
    return {"result": " ".join(found), "tokens_used": len(found)}


def languages(_call):
    return {"result": sorted(WORDS)}


def speak(call):
    """Word by word: kgentd passes each on as it comes."""
    found = words(call["kwargs"])
    for i, word in enumerate(found):
        yield word if i == 0 else " " + word
    return {"tokens_used": len(found)}


ASPECTS = {"translate": translate, "languages": languages, "speak": speak}


def event(data, name=None):
    """An event; text of several lines takes as many fields."""
    lines = "".join(f"data: {line}\n" for line in data.split("\n"))
    return ((f"event: {name}\n" if name else "") + lines + "\n").encode()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        try:
            answer = ASPECTS[self.path[1:]](self.call())
            if isinstance(answer, dict):
                self.answer(200, "application/json", answer)
            else:
                self.stream(answer)
        except Refused as refused:
            self.answer(refused.status, "application/problem+json",
                        {"status": refused.status, "detail": str(refused)})

    def call(self):
        """What kgentd asks for, or Refused."""
        length = int(self.headers.get("Content-Length") or 0)
        if length > BODY_MAX:
            self.close_connection = True
            raise Refused(400, "the call is too big")
        body = self.rfile.read(length)
        given = self.headers.get("Authorization", "")
        if TOKEN and not hmac.compare_digest(given.encode(), b"Bearer " + TOKEN.encode()):
            raise Refused(401, "who are you?")
        if self.path[1:] not in ASPECTS:
            raise Refused(404, "no such aspect: try " + ", ".join(ASPECTS))
        try:
            call = json.loads(body)
            kwargs = call["kwargs"]
        except (ValueError, KeyError, TypeError):
            kwargs = None
        if not isinstance(kwargs, dict):
            raise Refused(400, "a call is {\"path\", \"observer\", \"kwargs\"}")
        return call

    def answer(self, status, kind, value):
        text = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def stream(self, pieces):
        """Sends what a generator yields; its return value ends the stream."""
        first = next(pieces, None)  # what is refused is refused before the stream begins
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        end = {}
        while first is not None:
            self.wfile.write(event(first))
            try:
                first = next(pieces)
            except StopIteration as stop:
                first, end = None, stop.value
        self.wfile.write(event(json.dumps(end), "done"))

    def log_message(self, form, *args):
        """One line per call, with the id under which kgentd logs it, too."""
        request = self.headers.get("X-Request-ID", "-") if hasattr(self, "headers") else "-"
        sys.stderr.write(f"{request} {form % args}\n")


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 9000
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    print(f"translator: http://127.0.0.1:{server.server_port}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
