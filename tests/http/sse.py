# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""An event stream as a client reads it: while it comes."""
import http.client
import json
import socket


class Stream:
    """A POST that asks for events.  `events` are those read so far, (name, data, id)."""

    def __init__(self, port, body, headers, target="/v1/agentese/invoke", accept="text/event-stream",
                 buffer=None):
        self.c = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        self.c.sock = socket.socket()
        self.c.sock.settimeout(20)
        if buffer:
            self.c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.c.sock.connect(("127.0.0.1", port))
        self.socket = self.c.sock
        self.c.request("POST", target, json.dumps(body),
                       {"Content-Type": "application/json", "Accept": accept, **headers})
        self.answer, self.events = None, []

    def begin(self):
        """Waits for the head."""
        if not self.answer:
            self.answer = self.c.getresponse()
        return self.answer

    @property
    def status(self):
        return self.begin().status

    @property
    def headers(self):
        return self.begin().headers

    @property
    def json(self):
        """The body of an answer that is none."""
        return json.loads(self.begin().read())

    def next(self):
        """The next event, or None at the end; comments are skipped."""
        name, data, number = "message", [], None
        while True:
            line = self.begin().readline()
            if not line:
                return None
            field, _, value = line.decode().rstrip("\n").partition(":")
            value = value.removeprefix(" ")
            if field == "event":
                name = value
            elif field == "data":
                data.append(value)
            elif field == "id":
                number = value
            elif not field and not value and (data or name != "message"):
                self.events.append((name, json.loads("\n".join(data)), number))
                return self.events[-1]

    def rest(self):
        """All events to the end."""
        while self.next():
            pass
        return self.events

    def leave(self):
        """Goes away as a process does that ends."""
        self.socket.shutdown(socket.SHUT_RDWR)
        self.c.close()
        if self.answer:
            self.answer.close()
        self.socket.close()
