# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""An OpenMeter of our own that keeps what it is sent, and misbehaves at random: 429, 5xx,
silence and resets, before, after and in the middle of storing a batch."""
import json
import random
import socket
import threading
import time

RESET = b"\x01\0\0\0\0\0\0\0"
# (weight, how much of the batch is stored, what is said)
MOODS = [(70, 1.0, 204), (3, 1.0, 200), (3, 0.0, 429), (3, 0.0, "429 0"), (5, 0.0, 503),
         (5, 1.0, 500), (4, 0.5, 502), (4, 1.0, "reset"), (2, 0.0, "reset"), (1, 1.0, "silence")]


class Listener:
    """A server whose `one` answers a request: whether the connection goes on."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            s, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(s,), daemon=True).start()

    def spoken(self, s):
        """The connection as it is spoken over."""
        return s

    def serve(self, s):
        try:
            s = self.spoken(s)
            with s, s.makefile("rb") as f:
                while self.request(s, f):
                    pass
        except OSError:
            pass

    def request(self, s, f):
        line, length = f.readline(), 0
        if not line:
            return False
        while (header := f.readline().strip()):
            name, _, value = header.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        body = f.read(length)
        return len(body) == length and self.one(s, line, body)


class Sink(Listener):
    """`stored`: what came, by id.  `rotten`: 0 behaves, 1 does not.  `down`: refuses all."""

    def __init__(self, silence=1.5):
        self.stored, self.changed, self.batches, self.moods = {}, [], 0, {}
        self.rotten, self.down, self.silence, self.events = 0, False, silence, 0
        self.lock, self.random = threading.Lock(), random.Random(5)
        super().__init__()
        self.url = f"http://127.0.0.1:{self.port}"

    def one(self, s, line, body):
        if line.startswith(b"GET"):
            return self.say(s, 200, b'{"data":[{"value":1}]}' if b"/query" in line else b"[]")
        return self.batch(s, body)

    def batch(self, s, body):
        self.batches += 1
        if self.down:
            return self.say(s, 503)
        part, mood = 1.0, 204
        if self.rotten:
            _, part, mood = self.random.choices(MOODS, [m[0] for m in MOODS])[0]
            self.moods[mood] = self.moods.get(mood, 0) + 1
        if part:
            self.store(body, part)
        if mood == "silence":
            time.sleep(self.silence)
            return False
        if mood == "reset":
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            return False
        if mood == "429 0":
            return self.say(s, 429, head=b"Retry-After: 0\r\n")
        return self.say(s, mood)

    def store(self, body, part):
        events = json.loads(body)
        for e in events[:int(len(events) * part + 0.5)]:
            if e["type"].startswith("kgent"):
                continue  # the host asks whether we tell by id
            what = hash((e["type"], e["subject"], e["time"], str(e["data"])))
            self.events += 1
            with self.lock:
                if self.stored.setdefault(e["id"], what) != what:
                    self.changed.append(e["id"])

    @staticmethod
    def say(s, status, body=b"", head=b""):
        end = b"" if status == 204 else b"Content-Length: %d\r\n" % len(body)
        s.sendall(b"HTTP/1.1 %d X\r\n%s%s\r\n%s" % (status, head, end, body))
        return True
