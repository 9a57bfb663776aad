# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""The table of framing.py: what is sent, and what must come."""

ECHO = b"POST /fault/echo HTTP/1.1\r\nHost: x\r\n"
HELLO = b"GET /fault/hello HTTP/1.1\r\nHost: x\r\n"
SMUGGLED = b"GET /fault/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNKS = b"5\r\nhello\r\n0\r\n\r\n"
KEY = b"X-API-Key: kg_dev_alice\r\n"

BAD = {400}
REFUSED, CHUNKED, SERVED = [], [], []


def bad(name, data, statuses=BAD):
    """Answered once with one of the statuses, then closed; what follows is not a request."""
    REFUSED.append((name, data, set(statuses)))


def fields(name, text, statuses=BAD, start=ECHO):
    """The same, of some header lines."""
    bad(name, start + text + b"\r\n" + SMUGGLED, statuses)


def target(name, text, statuses=BAD):
    bad(name, b"GET " + text + b" HTTP/1.1\r\nHost: x\r\n\r\n" + SMUGGLED, statuses)


def line(name, text, statuses=BAD):
    bad(name, text + b"\r\nHost: x\r\n\r\n" + SMUGGLED, statuses)


def chunk(name, body, statuses=BAD):
    """Answered with 411 where chunks are not allowed, else as said; {}: with 200."""
    CHUNKED.append((name, ECHO + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n" + body,
                    {411}, set(statuses)))


def serve(name, data, statuses, heads=0, slow=None):
    """Answered with these statuses in order (but for 100), then closed; or with `slow` when
    it comes byte by byte."""
    SERVED.append((name, data, statuses, slow or statuses, heads))


CL, TE = b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n"
bad("H01 CL + TE", ECHO + CL + TE + b"\r\n" + CHUNKS + SMUGGLED)
bad("H01 TE + CL", ECHO + TE + CL + b"\r\n" + CHUNKS + SMUGGLED)
bad("H01 CL 0 + TE", ECHO + b"Content-Length: 0\r\n" + TE + b"\r\n" + CHUNKS + SMUGGLED)
for te, status in [(b",chunked", 400), (b"xchunked", 501), (b"identity", 501), (b"gzip", 400),
                   (b"gzip, chunked", 501), (b"chunked ", 400), (b"chunked\t", 400),
                   (b"chunked, gzip", 400), (b"chunked, chunked", 400), (b"chunked;q=1", 400),
                   (b"\x0bchunked", 400), (b"", 400), (b"chunked,", 400), (b"\"chunked\"", 400)]:
    fields(f"H02 TE {te!r}", b"Transfer-Encoding: " + te + b"\r\n", {status})
fields("H03 two TE", TE + TE)
fields("H03 two TE, the second unknown", TE + b"Transfer-Encoding: identity\r\n")
bad("H04 TE in HTTP/1.0", b"POST /fault/echo HTTP/1.0\r\nHost: x\r\n" + TE + b"\r\n" + CHUNKS + SMUGGLED)
fields("H05 two different CL", CL + b"Content-Length: 44\r\n")
fields("H05 two different CL, the first 0", b"Content-Length: 0\r\nContent-Length: 44\r\n")
fields("H06 two equal CL", CL + CL)
for cl in (b"1, 1", b"+1", b"0x1", b"-1", b"", b"1 ", b"1\t", b"1 1", b"1.0", b"1e1", b"1;", b"one",
           b"\xb2", b"00000000000000000000000000000000000000000000x"):
    fields(f"H06/H07 CL {cl!r}", b"Content-Length: " + cl + b"\r\n")
for cl in (b"18446744073709551616", b"18446744073709551615", b"9223372036854775808",
           b"9223372036854775807", b"1" + b"0" * 40, b"1048577"):
    bad(f"H08 CL {cl!r}", ECHO + b"Content-Length: " + cl + b"\r\n\r\n", {413})
fields("H09 CL 1 NUL 2", b"Content-Length: 1\x00 2\r\n")
fields("H10 SP before the colon", b"Content-Length : 35\r\n")
fields("H10 TAB before the colon", b"Content-Length\t: 35\r\n")
fields("H11 a folded value", b"X-Foo: a\r\n two\r\n")
fields("H11 a folded value, TAB", b"X-Foo: a\r\n\ttwo\r\n")
fields("H11 a folded Host", b"X-Foo: a\r\n Host: y\r\n")
fields("H12 Transfer- / Encoding", b"Transfer-: chunked\r\n Encoding\r\n")
fields("H12 Content- / Length", b"Content-: 35\r\n Length\r\n")
bad("H13 first line starts with SP", b"GET /fault/hello HTTP/1.1\r\n X-Foo: a\r\nHost: x\r\n\r\n" + SMUGGLED)
bad("H13 first line starts with TAB", b"GET /fault/hello HTTP/1.1\r\n\tX-Foo: a\r\nHost: x\r\n\r\n" + SMUGGLED)
bad("H14 LF everywhere", b"GET /fault/hello HTTP/1.1\nHost: x\n\n" + SMUGGLED)
bad("H14 LF after the request line", b"GET /fault/hello HTTP/1.1\nHost: x\r\n\r\n" + SMUGGLED)
fields("H14 LF after a field", b"X-A: 1\nContent-Length: 44\r\n")
bad("H14 LF for the last line", ECHO + b"\n" + SMUGGLED)
fields("H15 CR in a value", b"X-Foo: a\rb\r\n")
fields("H15 CR CR LF", b"X-Foo: a\r\r\n")
fields("H15 CR in a name", b"X\rFoo: a\r\n")
fields("H16 NUL in a value", b"X-API-Key: kg_a\x00bcd\r\n")
fields("H16 control characters in a value", b"X-Foo: a\x01b\r\n")
fields("H16 DEL in a value", b"X-Foo: a\x7fb\r\n")
fields("H17 a line beginning with NUL", b"\x00\r\n")
fields("H17 NUL and a name", b"\x00X-Foo: a\r\n")
line("H18 NUL in the method", b"GE\x00T /fault/hello HTTP/1.1")
target("H18 NUL in the target", b"/fault/hello\x00x")
bad("H19 a NUL line in front", b"\x00\r\n" + HELLO + b"\r\n" + SMUGGLED)
for name in (b"", b"X Foo", b"X(Foo", b"X\xe9Foo", b"X/Foo", b"\"X\"", b"X{", b"\xff", b"X,Y", b"X;Y"):
    fields(f"H20 name {name!r}", name + b": x\r\n")
fields("H21 no colon", b"X-Foo\r\n")
fields("H22 X_API_Key and X-API-Key", b"X_API_Key: kg_b\r\n" + KEY)
fields("H22 X-API-Key and X_API_Key", KEY + b"X_API_Key: kg_b\r\n")
fields("H22 Content_Length and Content-Length", b"Content_Length: 44\r\n" + CL)
bad("H23 no Host", b"GET /fault/hello HTTP/1.1\r\n\r\n" + SMUGGLED)
fields("H24 two Hosts", b"Host: x\r\n")
for host in (b"a, b", b"a/../b", b"", b"a b", b"a:b", b"a:123456", b"[::1", b"[x]", b"a@b", b":80", b"a?", b"a#",
             b"a\\b", b"\xe4", b"[]", b"a%00b"):
    bad(f"H24 Host {host!r}", b"GET /fault/hello HTTP/1.1\r\nHost: " + host + b"\r\n\r\n" + SMUGGLED)
for path in (b"/fault/%00hello", b"/fault/%0d%0aX:1", b"/fault%2Fhello", b"/fault%2fhello", b"/fault/%2e%2e/x",
             b"/fault/%2E./x", b"/%zz", b"/%", b"/%4", b"/fault/../fault/hello", b"/fault/./hello", b"/..", b"/.",
             b"/fault/%5c..", b"/%c0%af", b"/%ff", b"/%ed%a0%80", b"/%7f", b"/fault/hello?a=%00",
             b"/fault/hello?a=%zz", b"/fault/hello#x", b"/fault/.%2e"):
    target(f"H25 {path!r}", path)
target("H26 8 bits", b"/fault/h\xe9llo")
target("H26 a blank", b"/fault/hello x")
target("H26 a TAB", b"/fault/\thello")
target("H26 DEL", b"/fault/\x7f")
for to in (b"http://evil/fault/hello", b"http://", b"http://x@y/", b"ftp://x/fault/hello", b"x:80", b"fault/hello",
           b"http:///fault/hello", b"HTTP//x"):
    target(f"H27 {to!r}", to)
target("H28 GET *", b"*")
bad("H28 CONNECT", b"CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n" + SMUGGLED, {405})
bad("H28 TRACE", b"TRACE /fault/hello HTTP/1.1\r\nHost: x\r\n\r\n" + SMUGGLED, {405})
for method, status in ((b"FETCH", 501), (b"get", 501), (b"G=\"(e)", 400), (b"", 400), (b"GET\x0b", 400),
                       (b"PROPFIND", 501), (b"GE:T", 400)):
    line(f"H28 method {method!r}", method + b" /fault/hello HTTP/1.1", {status})
bad("H29 HTTP/0.9", b"GET /fault/hello\r\n")
for text in (b"GET /fault/hello HTTP/1.1 ", b"GET /fault/hello http/1.1", b"GET\t/fault/hello\tHTTP/1.1",
             b" GET /fault/hello HTTP/1.1", b"GET  /fault/hello HTTP/1.1", b"GET /fault/hello  HTTP/1.1",
             b"GET /fault/hello HTTP/1.1x", b"GET /fault/hello HTTP/11", b"GET /fault/hello HTTP/1",
             b"GET /fault/hello HTTP/1.", b"GET /fault/hello HTTP/+1.1", b"GET /fault/hello HTTPS/1.1",
             b"GET /fault/hello"):
    line(f"H29 {text!r}", text)
for version in (b"HTTP/2.0", b"HTTP/0.9", b"HTTP/1.2", b"HTTP/3.0", b"HTTP/9.9"):
    line(f"H30 {version!r}", b"GET /fault/hello " + version, {505})
bad("H30 PRI", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {505})

chunk("H32 good chunks", CHUNKS, {})
chunk("H32 chunks with extensions and trailers", b"5;a=b;c=\"d\"\r\nhello\r\n0\r\nX-A: b\r\n\r\n", {})
for size in (b"0x3", b"+3", b"3_", b"3 ", b" 3", b"", b"10000000000000000", b"-3", b"3\t", b"g"):
    chunk(f"H32 chunk size {size!r}", size + b"\r\nabc\r\n0\r\n\r\n" + SMUGGLED, {400, 413})
chunk("H32 a chunk that is longer than it says", b"3\r\nabcd\r\n0\r\n\r\n" + SMUGGLED)
chunk("H32 CR CR", b"3\r\r\nabc\r\n0\r\n\r\n" + SMUGGLED)
chunk("H32 no line end behind the data", b"3\r\nabc0\r\n\r\n" + SMUGGLED)
chunk("H33 chunk size ffffffffffffffff", b"ffffffffffffffff\r\nabc", {400, 413})
chunk("H33 chunk size ffffffff", b"ffffffff\r\nabc" + b"x" * 1100000, {413})
chunk("H34 LF behind the size", b"3\nabc\r\n0\r\n\r\n" + SMUGGLED)
chunk("H34 LF behind the data", b"3\r\nabc\n0\r\n\r\n" + SMUGGLED)
chunk("H34 LF in an extension", b"3;\nabc\r\n0\r\n\r\n" + SMUGGLED)
chunk("H34 LF in a trailer", b"0\r\nX: y\n\r\n" + SMUGGLED)
chunk("H34 NUL in an extension", b"3;\x00\r\nabc\r\n0\r\n\r\n" + SMUGGLED)
chunk("H35 an extension of 16 KiB", b"3;" + b"e" * 16384 + b"\r\nabc\r\n0\r\n\r\n" + SMUGGLED, {400, 413})
chunk("H35 an extension of 40 KiB", b"3;" + b"e" * 40960 + b"\r\nabc\r\n0\r\n\r\n" + SMUGGLED, {400, 413})
chunk("H35 many extensions", b"1;aaaaaaaa\r\nx\r\n" * 5000 + b"0\r\n\r\n" + SMUGGLED, {400, 413})
chunk("H36 trailers", b"0\r\nContent-Length: 44\r\nX-API-Key: kg_a\r\n\r\n", {})

bad("H39 Expect and a CL over the limit", ECHO + b"Expect: 100-continue\r\nContent-Length: 2000000\r\n\r\n", {413})
bad("H40 Expect: magic", ECHO + CL + b"Expect: magic\r\n\r\n", {417})
for name in (b"X-API-Key", b"Stripe-Signature", b"Content-Type", b"Authorization"):
    fields(f"H41 two {name.decode()}", name + b": a\r\n" + name + b": b\r\n")
fields("H41 two X-API-Key in two spellings of case", b"X-API-Key: a\r\nx-api-key: a\r\n")
bad("H45 a TLS ClientHello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)) * 2)

END = b"Connection: close\r\n\r\n"
serve("H22 X_API_Key alone", HELLO + b"X_API_Key: kg_b\r\n" + END, [200])
serve("H22 Content_Length alone is no length", ECHO + b"Content_Length: 44\r\n\r\n" + HELLO + END, [200, 200])
serve("H22 Transfer_Encoding alone is no coding", ECHO + b"Transfer_Encoding: chunked\r\n\r\n" + HELLO + END, [200, 200])
serve("H23 no Host in HTTP/1.0", b"GET /fault/hello HTTP/1.0\r\n\r\n", [200])
for host in (b"a.example", b"A.b:80", b"127.0.0.1", b"[::1]:80", b"[::ffff:1.2.3.4]", b"a_b"):
    serve(f"H24 Host {host!r}", b"GET /fault/hello HTTP/1.1\r\nHost: " + host + b"\r\n" + END, [200])
serve("H25 an escape that needn't be", b"GET /fault/hell%6f HTTP/1.1\r\nHost: x\r\n" + END, [404])
serve("H27 absolute form", b"GET http://x/fault/hello HTTP/1.1\r\nHost: x\r\n" + END, [200])
serve("H27 absolute form, case of the host", b"GET http://X/fault/hello HTTP/1.1\r\nHost: x\r\n" + END, [200])
serve("H28 OPTIONS *", b"OPTIONS * HTTP/1.1\r\nHost: x\r\n" + END, [204])
serve("H31 Upgrade: h2c", HELLO + b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n"
      b"Connection: Upgrade, HTTP2-Settings\r\n\r\n" + HELLO + END, [200, 200])
serve("H37 three in a row", (HELLO + b"\r\n") * 2 + HELLO + END, [200] * 3)
serve("H37 bodies in a row", (ECHO + CL + b"\r\nhello") * 2 + HELLO + END, [200] * 3)
serve("H37 empty lines between", HELLO + b"\r\n\r\n" + HELLO + END, [200] * 2)
serve("H38 bytes after Connection: close", HELLO + END + SMUGGLED + b"\x00\xff", [200])
serve("H38 close in a list", HELLO + b"Connection: foo , Close\r\n\r\n" + SMUGGLED, [200])
serve("H38 close in a second field", HELLO + b"Connection: keep-alive\r\nConnection: close\r\n\r\n" + SMUGGLED, [200])
serve("H38 HTTP/1.0", b"GET /fault/hello HTTP/1.0\r\n\r\n" + SMUGGLED, [200])
serve("H38 HTTP/1.0 that goes on", b"GET /fault/hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + HELLO + END, [200] * 2)
serve("H39 Expect and a body", ECHO + CL + b"Expect: 100-continue\r\n" + END + b"hello", [200])
serve("H39 Expect, no route", b"POST /none HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n" + CL + END, [404])
serve("H42 Cookies", HELLO + b"Cookie: =x; ;,=\"\r\n" + END, [200])
serve("H43 HEAD", b"HEAD /fault/hello HTTP/1.1\r\nHost: x\r\n\r\n" + HELLO + END, [200, 200], 1)
serve("H43 HEAD with a body", b"HEAD /fault/hello HTTP/1.1\r\nHost: x\r\n" + CL + b"\r\nhello" + HELLO + END, [200, 200], 1)
serve("H43 HEAD of nothing", b"HEAD /none HTTP/1.1\r\nHost: x\r\n\r\n" + HELLO + END, [404, 200], 1)
serve("H44 GET with a body", HELLO + CL + b"\r\nhello" + HELLO + END, [200, 200])
serve("H44 GET whose body is a request", HELLO + b"Content-Length: %d\r\n\r\n" % len(SMUGGLED) + SMUGGLED
      + HELLO + END, [200, 200])
# An answer before the body has come ends the connection.
serve("404 with a body", b"POST /none HTTP/1.1\r\nHost: x\r\n" + CL + b"\r\nhello" + HELLO + END, [404, 200],
      slow=[404])
serve("405 with a body", b"DELETE /fault/hello HTTP/1.1\r\nHost: x\r\n" + CL + b"\r\nhello" + HELLO + END, [405, 200],
      slow=[405])
