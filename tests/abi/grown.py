#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""What ABI 1.1 added, in the real program: streams of an identity that has ended,
regions and cold buckets of several processes, also of killed ones."""
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

TOP, BUILD = os.environ["top_srcdir"], os.environ["top_builddir"]
sys.path.insert(0, os.path.join(TOP, "tests", "http"))
import kgent  # noqa: E402

CC = os.environ.get("CC", "cc").split() + [
    "-std=c11", "-D_POSIX_C_SOURCE=200809L", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fPIC",
    "-fvisibility=hidden", "-shared", "-Wl,-z,defs", "-I" + os.path.join(TOP, "include")]
ALONE, NEW = 2, 1
plugins = None


def build(root):
    global plugins
    plugins = os.path.join(root, "plugins")
    os.mkdir(plugins, 0o755)
    so = os.path.join(plugins, "grown.so")
    subprocess.run(CC + [os.path.join(TOP, "tests", "abi", "grown.c"), "-o", so], check=True)
    os.chmod(so, 0o755)


def host(state, more=""):
    h = kgent.Host([f'load = "grown"; {more}'], state=state)
    h.options.append(f"admin.socket={h.port}.sock")  # several share the state
    with open(h.config, "a", encoding="utf-8") as f:
        f.write(f'plugin_dir = "{plugins}";\n')
    return h


def spawn(h):
    """Starts it without waiting."""
    h.log = open(os.path.join(h.folder.name, "log"), "w+", encoding="utf-8")
    h.process = subprocess.Popen([kgent.KGENTD, "-c", h.config, "-o", h.options[0]], stdout=h.log,
                                 stderr=h.log)


def get(h, path):
    return h.get("/grown/" + path).text


def region(h, add=0):
    """The number in the region; flags, slot, bytes."""
    return [int(n) for n in re.findall(r"\d+", get(h, f"region?add={add}"))]


def until(check, seconds=10):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if check():
            return True
        time.sleep(0.02)
    return False


def kill(h):
    h.process.send_signal(signal.SIGKILL)
    h.process.wait()
    h.log.close()


# ---- Streams ------------------------------------------------------------------


def stream_open(h, kind, version="1.1"):
    s = socket.create_connection(("127.0.0.1", h.port), 20)
    s.sendall(f"GET /grown/stream?type={kind} HTTP/{version}\r\nHost: x\r\n\r\n".encode())
    data = b""
    while b"data: 1\n\n" not in data:
        piece = s.recv(4096)
        if not piece:
            raise RuntimeError(f"no stream: {data}")
        data += piece
    return s


def stream_rest(s):
    """What comes until the end, and how long that took."""
    begin, data = time.monotonic(), b""
    s.settimeout(10)
    try:
        while piece := s.recv(4096):
            data += piece
    except TimeoutError:
        kgent.note("it does not end")
    s.close()
    return data, time.monotonic() - begin


EVENT = b'event: error\ndata: {"error":"The access was revoked.","type":"revoked"}\n\n'


def streams(root):
    with host(os.path.join(root, "streams")) as h:
        idle = [stream_open(h, "text/event-stream"), stream_open(h, "text/event-stream", "1.0"),
                stream_open(h, "application/octet-stream")]
        get(h, "ended?value=1")
        (events, took), (old, _), (raw, _) = [stream_rest(s) for s in idle]
        kgent.ok(took < 5, f"an idle stream of a revoked identity ends at once ({took:.2f} s)")
        kgent.ok(EVENT in events and events.endswith(b"\r\n0\r\n\r\n"), "with an event that says why")
        kgent.ok(old.endswith(EVENT), "in HTTP/1.0 too")
        kgent.ok(not raw.endswith(b"0\r\n\r\n"), "any other body is cut off")
        kgent.ok(re.search(r"streams 0$", get(h, "counts")), "LOG waits for the producers")
        kgent.equal(get(h, "end"), "0 3", "which hear of it")
        kgent.ok(until(lambda: re.search(r"streams 3$", get(h, "counts"))), "then LOG has run")
        begin = time.monotonic()
        data, _ = stream_rest(stream_open(h, "text/event-stream"))
        kgent.ok(EVENT in data and time.monotonic() - begin < 5, "so does one that begins later")
        get(h, "end")
        get(h, "ended?value=0")
        s = stream_open(h, "text/event-stream")
        time.sleep(0.5)
        kgent.equal(get(h, "end"), "1 0", "others go on")
        kgent.ok(b"data: 2" in stream_rest_kept(s), "and end well")


def stream_rest_kept(s):
    data = b""
    while not data.endswith(b"0\r\n\r\n"):
        data += s.recv(4096)
    s.close()
    return data


def together(root):
    with host(os.path.join(root, "together")) as h:
        headers = h.get("/grown/counts").headers
        kgent.equal([headers.get("X-" + n) for n in ("One", "Two", "Three")], ["one", None, "three"],
                    "headers that are set together, but for one")
        told = h.get("/grown/fields", headers={"X-One": "a", "x-TWO": "b c"}).text
        kgent.ok(told.endswith("X-One x-TWO b c 1"), f"a request's fields as they came ({told})")


# ---- Regions ------------------------------------------------------------------


def checked(root):
    state = os.path.join(root, "checked")
    h = host(state)
    before = os.listdir(state)
    run = subprocess.run([kgent.KGENTD, "-c", h.config, "-t"], capture_output=True, check=False)
    kgent.equal((run.returncode, os.listdir(state)), (0, before), "kgentd -t makes no files")
    h.folder.cleanup()


def killed(root):
    state = os.path.join(root, "killed")
    h = host(state).start()
    kgent.equal(region(h, 5), [5, ALONE | NEW, 0, 65536], "a region is new, and ours alone")
    size = os.stat(os.path.join(state, "regions", "grown.map"))
    kgent.ok(size.st_mode & 0o777 == 0o600, "its file is the owner's")
    kill(h)
    with host(state) as h:
        kgent.equal(region(h, 2), [7, ALONE, 0, 65536], "it survives SIGKILL, and the slot is free")
    with host(state) as h:
        kgent.equal(region(h), [7, ALONE, 0, 65536], "and a stop")


def shared(root):
    state = os.path.join(root, "shared")
    with host(state) as a:
        region(a, 1)
        b = host(state).start()
        kgent.equal(region(b), [1, 0, 1, 65536], "a second process has another slot")
        region(b, 10)
        kgent.equal(region(a)[0], 11, "each sees the other's changes at once")
        kgent.equal(get(a, "held"), "11" + 14 * "0", "and that the other lives")
        kill(b)
        kgent.equal(get(a, "held"), "1" + 15 * "0", "a killed one's slot is free at once")
        kgent.equal(region(a)[0], 11, "what it did stays")
        c = host(state, "bytes = 131072;")
        try:
            c.start()
            kgent.ok(False, "another size while a process has it")
        except RuntimeError:
            kgent.contains(c.logged(), "start failed: Device or resource busy",
                           "another size while a process has it is refused")
        c.log.close()
        c.folder.cleanup()
    with host(state, "bytes = 131072;") as h:
        kgent.equal(region(h), [0, ALONE | NEW, 0, 131072], "alone, it is made anew")


def starting(root):
    """Whoever has it alone is not disturbed before it has started."""
    state = os.path.join(root, "starting")
    a, b = host(state, "start_ms = 1500;"), host(state)
    spawn(a)
    until(lambda: os.path.exists(os.path.join(state, "regions", "grown.map")))
    begin = time.monotonic()
    b.start()
    took = time.monotonic() - begin
    kgent.ok(took > 1, f"a second process waits for the first one's start ({took:.1f} s)")
    kgent.equal([region(h)[1:3] for h in (a, b)], [[ALONE | NEW, 0], [0, 1]], "who is alone, and who not")
    kgent.equal([a.stop(), b.stop()], [0, 0], "both end well")
    a, b = host(state + "2", "start_ms = 60000;"), host(state + "2")
    spawn(a)
    until(lambda: os.path.exists(os.path.join(state + "2", "regions", "grown.map")))
    time.sleep(0.1)
    kill(a)
    with b:
        kgent.equal(region(b)[1:3], [ALONE | NEW, 0], "killed in its start: the next one's is new")


def handed_over(root):
    """More reloads than there are slots, while each process drains for 3 s."""
    h, kept, slots = host(os.path.join(root, "reloads")), [], []
    h.options[:] = ["drain.timeout=3"]

    def serving():
        return h.get("/admin/v1/version", local=True).json["pid"]

    with h:
        region(h, 1)
        for _ in range(18):
            kept.append(stream_open(h, "text/event-stream"))
            before = serving()
            h.process.send_signal(signal.SIGHUP)
            if not until(lambda: serving() != before, 30):
                break
            # The one before may still answer.
            until(lambda: region(h)[2] != (slots or [(0,)])[-1][0], 1)
            slots.append((region(h, 1)[2], time.monotonic()))
        kgent.equal(len(slots), 18, "18 reloads, each while the processes before it drain")
        kgent.equal(region(h)[0], 19, "and the number in the region goes on")
        shared = [slot for i, (slot, at) in enumerate(slots[:15])
                  for other, later in slots[i + 1:15] if later - at < 3 and other == slot]
        kgent.equal(shared, [], "each process that lives has a slot of its own")
        for s in kept:
            s.close()


# ---- The client ---------------------------------------------------------------


def url(root):
    """The client judges an option where it is read, before there is a request."""
    for text, status in (("https://[::1]:8443/a?b", 0), ("ftp://a.example/", 78), ("http://u@a.example/", 78)):
        h = host(os.path.join(root, "url"), f'url = "{text}";')
        run = subprocess.run([kgent.KGENTD, "-t", "-c", h.config], capture_output=True, check=False)
        kgent.equal(run.returncode, status, f"kgentd -t with {text}")
        h.folder.cleanup()


# ---- The store ------------------------------------------------------------------


def cold(root):
    state = os.path.join(root, "cold")
    with host(state) as a:
        kgent.equal(get(a, "put?key=a&value=1"), "0", "a cold bucket takes a value")
        value = get(a, "get?key=a").split()
        kgent.equal(value[0], "1", "a thread that may block reads it")
        kgent.equal(get(a, "get?key=b"), "none", "and what is not there")
        with host(state) as b:
            kgent.contains(get(b, "counts"), "watched 1 deleted 0", "the watch shows it at start")
            kgent.equal(get(b, f"put?key=a&value=2&revision={value[1]}"), "0", "compare and set")
            kgent.equal(get(a, f"put?key=a&value=3&revision={value[1]}"), "-116", "once: -ESTALE")
            kgent.equal(get(a, "get?key=a").split()[0], "2", "the other process reads it")
            kgent.ok(until(lambda: "watched 2" in get(a, "counts"), 1), "its watch tells within 1 s")
            get(a, "put?key=a&value=")
            kgent.ok(until(lambda: "deleted 1" in get(b, "counts"), 1), "a deletion, too")
            kgent.equal(get(b, "get?key=a"), "none", "and it is gone")
        for key in "a/1", "a/2", "a/3", "b":
            get(a, f"put?key={key}&value=x")
        pages = [get(a, "scan?prefix=a/&key=" + after) for after in ("", "a/2", "a/3", "c")]
        kgent.equal(pages, ["a/1 a/2 1", "a/3 0", "0", "0"], "its keys come page by page")


def replayed(root):
    """A plugin's start finds what was recorded before a SIGKILL."""
    state = os.path.join(root, "replayed")
    for mode in ("power", "process"):
        folder, total = f"{state}-{mode}", 0
        for i in range(5):
            h = host(folder)
            h.options.append(f"store.commit={mode}")
            h.start()
            kgent.contains(get(h, "counts"), f"recorded {total} ", f"{mode}, start {i}: {total} records")
            for _ in range(17):
                get(h, "record")
            total += 17
            kill(h)


def main():
    with tempfile.TemporaryDirectory() as root:
        build(root)
        kgent.main([lambda t=t: t(root) for t in
                    (streams, together, checked, killed, shared, starting, handed_over, url, cold, replayed)])


main()
