# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Size, time and origin (FAULTS.md, L01 to L08, L15 and L16), with short deadlines."""
import select
import socket
import struct
import time

from wire import FaultHost, exchange, kgent, read_all, refusal_flaw, replies, together, until

SHORT = ["http.threads=1", "http.header_timeout=1", "http.body_timeout=2", "http.idle_timeout=2",
         "http.trusted_proxies=127.0.0.0/8", "http.cors_origins=https://app.example"]
GET = b"GET /fault/hello HTTP/1.1\r\nHost: x\r\n"
END = b"Connection: close\r\n\r\n"


def sizes(host):
    rows = [("a header block of 16 KiB", GET + b"".join(b"X-%d: %s\r\n" % (i, b"v" * 500)
                                                        for i in range(33)) + END, 431),
            ("one header of 8 KiB and 1", GET + b"X-A: " + b"v" * 8193 + b"\r\n" + END, 431),
            ("65 headers", GET + b"".join(b"X-%d: 1\r\n" % i for i in range(64)) + END, 431),
            ("a target of 4 KiB and 1", b"GET /" + b"a" * 4096 + b" HTTP/1.1\r\nHost: x\r\n" + END, 414),
            ("4,000 arguments", b"GET /?" + b"&".join(b"a%d=1" % i for i in range(4000))
             + b" HTTP/1.1\r\nHost: x\r\n" + END, 414),
            ("a line without end", b"GET /" + b"a" * 100000, 414),
            ("a body of 1 MiB and 1", b"POST /fault/echo HTTP/1.1\r\nHost: x\r\n"
             b"Content-Length: 1048577\r\n\r\n", 413)]
    for name, data, status in rows:
        flaw = refusal_flaw(*exchange(host.port, data), {status})
        if not kgent.ok(flaw is None, f"{name}: {status}"):
            kgent.note(flaw)
    head = GET + b"".join(b"X-%d: %s\r\n" % (i, b"v" * 240) for i in range(30))
    kgent.ok(exchange(host.port, head + END)[0].startswith(b"HTTP/1.1 200"), "7.5 KiB of headers pass")
    line = b"GET /fault/hello?" + b"a" * 4000 + b" HTTP/1.1\r\nHost: x\r\n"
    kgent.ok(exchange(host.port, line + END)[0].startswith(b"HTTP/1.1 200"), "a line of 4,000 bytes passes")
    body = bytes(range(256)) * 4096
    data, _ = exchange(host.port, b"POST /fault/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1048576\r\n"
                       + END + body, seconds=10)
    kgent.ok(data.endswith(b"\r\n\r\n" + body), "a body of 1 MiB passes")


def drip(host, data, every, seconds):
    """Sends byte by byte until the other side closes; what came, and when."""
    s, begin = host.connect(), time.monotonic()
    try:
        for i in range(len(data)):
            s.sendall(data[i:i + 1])
            if select.select([s], [], [], every)[0] or time.monotonic() - begin > seconds:
                break
    except OSError:
        pass
    got, closed = read_all(s, 1)
    return got, closed, time.monotonic() - begin


def times(host):
    got, closed, took = drip(host, GET + b"X-A: " + b"a" * 200, 0.1, 3)
    kgent.ok(closed and took < 2.5, f"a head that drips is cut ({took:.1f} s)")
    kgent.ok(got == b"" or got.startswith(b"HTTP/1.1 408 "), "with 408 where it can be said")
    s = host.connect()
    s.sendall(GET + b"\r\n")
    s.recv(4096)
    time.sleep(0.5)
    s.sendall(b"G")
    begin = time.monotonic()
    read_all(s, 4)
    kgent.ok(time.monotonic() - begin < 1.8, "so is the second head of a connection")
    head = b"POST /fault/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
    s = host.connect()
    s.sendall(head)
    begin = time.monotonic()
    got, closed = read_all(s, 6)
    kgent.ok(got.startswith(b"HTTP/1.1 408 ") and closed, "a body that does not come: 408")
    kgent.ok(1.8 < time.monotonic() - begin < 5, "at the deadline")
    s = host.connect()
    s.sendall(GET + b"\r\n")
    s.recv(4096)
    begin = time.monotonic()
    kgent.equal(read_all(s, 6), (b"", True), "an idle connection is closed in silence")
    kgent.ok(1.5 < time.monotonic() - begin < 4, "at the deadline")


def ends(host):
    s = host.connect()
    s.sendall(GET + b"\r\n")
    s.shutdown(socket.SHUT_WR)
    kgent.ok(read_all(s, 3)[0].endswith(b"hello\n"), "L07: half-closed behind a request: answered")
    before = host.counts()
    for name in ("FIN", "RST"):
        s = host.connect()
        s.sendall(b"POST /fault/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc")
        time.sleep(0.05)
        if name == "RST":
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.close()
    took = until(lambda: host.counts()["logs_499"] == before["logs_499"] + 2, 1)
    kgent.ok(took is not None and took < 0.3, f"L08: FIN and RST in a body end the request ({took} s)")
    kgent.equal(host.counts()["entered"], before["entered"], "and no handler was entered")


def forwarded(host):
    for value, client in (("1.2.3.4", "1.2.3.4"), ("9.9.9.9, 1.2.3.4", "1.2.3.4"),
                          ("1.2.3.4, 127.0.0.2", "1.2.3.4"), ("unknown", "127.0.0.1"), ("", "127.0.0.1"),
                          ("fe80::1%eth0", "127.0.0.1"), ("2001:db8::1", "2001:db8::1"),
                          ("1.2.3.4:80", "127.0.0.1"), ("a" * 5000, "127.0.0.1"),
                          (", ".join(["127.0.0.3"] * 300), "127.0.0.3")):
        answer = host.get("/fault/client", {"X-Forwarded-For": value})
        kgent.equal(answer.text, client, f"L15: {value[:30]!r}")


def origins(host):
    for origin, good in (("https://app.example", True), ("null", False), ("https://app.example.evil", False),
                         ("https://APP.example", False), ("http://app.example", False), ("*", False)):
        answer = host.get("/fault/hello", {"Origin": origin})
        allow = answer.headers.get("Access-Control-Allow-Origin")
        kgent.equal((allow, answer.headers.get("Vary")), (origin if good else None, "Origin"),
                    f"L16: {origin}")
        kgent.equal(answer.headers.get("Access-Control-Allow-Credentials"), None, "no credentials")
    answer = host.request("OPTIONS", "/fault/echo", headers={
        "Origin": "https://app.example", "Access-Control-Request-Method": "POST"})
    kgent.equal((answer.status, answer.headers.get("Access-Control-Allow-Methods"),
                 answer.headers.get("Access-Control-Max-Age")), (204, "POST, OPTIONS", "600"), "preflight")
    with FaultHost() as plain:
        answer = plain.get("/fault/hello", {"Origin": "https://app.example"})
        kgent.equal([h for h in answer.headers if "Access-Control" in h or h == "Vary"], [],
                    "no list, no fields")
        answer = plain.get("/fault/client", {"X-Forwarded-For": "1.2.3.4"})
        kgent.equal(answer.text, "127.0.0.1", "nobody is trusted unless it is said")


def slow_body(host):
    """L05: less than 1 KiB/s after 5 s."""
    s = host.connect()
    s.sendall(b"POST /fault/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n")
    begin = time.monotonic()
    while time.monotonic() - begin < 12 and not select.select([s], [], [], 0.1)[0]:
        s.sendall(b"a" * 20)
    took = time.monotonic() - begin
    data, closed = read_all(s, 2)
    kgent.ok(data.startswith(b"HTTP/1.1 408 ") and closed, "L05: a body that drips: 408")
    kgent.ok(4.5 < took < 7, f"after 5 s ({took:.1f} s)")


def bodies(host):
    """L03: the limit of a route, and of a stream of chunks."""
    flaw = refusal_flaw(*exchange(host.port, b"POST /webhooks/stripe HTTP/1.1\r\nHost: x\r\nStripe-Signature: t=1\r\n"
                                  b"Content-Length: 262145\r\n\r\n"), {413})
    kgent.ok(flaw is None, f"L03: a webhook of 256 KiB and 1: 413 {flaw or ''}")
    head = b"POST /fault/echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"10000\r\n" + b"c" * 65536 + b"\r\n"
    data, _ = exchange(host.port, head + chunk * 16 + b"0\r\n\r\n" + GET + END)
    kgent.equal(data.count(b"HTTP/1.1 200"), 2, "L03: 1 MiB in chunks")
    flaw = refusal_flaw(*exchange(host.port, head + chunk * 16 + b"1\r\nx"), {413})
    kgent.ok(flaw is None, f"L03: 1 MiB and 1 in chunks: 413 at that byte {flaw or ''}")
    # "#" names one of the calls that a path takes
    paths = {p.partition("#")[0] for p in host.get("/openapi.json").json["paths"]}
    paths = sorted(p for p in paths if not p.startswith("/fault/"))
    for path in paths + ["/fault/big"]:
        target = path.replace("{", "").replace("}", "").encode()
        data, _ = exchange(host.port, b"HEAD " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n" + GET + END)
        got = replies(data, 1)
        kgent.equal((len(got), got[-1].body), (2, b"hello\n"), f"H43 HEAD {path}: {got[0].status}, no body")


def alone():
    with FaultHost(["health", "faulty", 'load = "auth"; dev_keys = true;', "agentese", "metering-openmeter",
                    'load = "billing-stripe"; webhook_secret = "whsec_x";'],
                   options=["http.threads=1", "http.allow_chunked=true"]) as host:
        together([lambda: slow_body(host), lambda: bodies(host)])


def widest():
    """L02: what the settings allow at most is answered, too."""
    most = ["http.threads=1", "http.line_max=65536", "http.header_max=65536", "http.headers_max=128"]
    with FaultHost(options=most) as host:
        for n in (65000, 65400, 66000, 200000):
            data, closed = exchange(host.port, b"GET /fault/hello?" + b"a" * min(n, 65000) + b" HTTP/1.1\r\nHost: x\r\n"
                                    b"X-A: " + b"a" * n + b"\r\n" + END)
            kgent.equal((data[9:12], closed), (b"200" if n < 66000 else b"431", True), f"{n} bytes of headers")
        for n in (125, 127, 300):
            data, closed = exchange(host.port, GET + b"X: a\r\n" * n + END)
            kgent.equal((data[9:12], closed), (b"200" if n < 127 else b"431", True), f"{n + 2} fields")


def run():
    with FaultHost(options=SHORT) as host:
        for part in (sizes, times, ends, forwarded, origins):
            part(host)


kgent.main([run, alone, widest])
