#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Connections that end while a process is being started, for a check or a reload.

Until the new program runs, that process has copies of all descriptors, so what kgentd closes is
not closed: the kernel goes on telling of it.  The copies are taken here, to be held for as long
as it needs."""
import ctypes
import errno
import os
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "http"))
import kgent  # noqa: E402

PIDFD_GETFD = 438
ROUNDS = 40


def copy_take(pidfd, number):
    """A copy of a process's descriptor, as a socket; None: it is none, or gone."""
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.syscall(PIDFD_GETFD, pidfd, number, 0)
    if fd < 0 and ctypes.get_errno() == errno.EBADF:
        return None
    if fd < 0:
        raise OSError(ctypes.get_errno(), "pidfd_getfd")
    try:
        return socket.socket(fileno=fd)
    except OSError:
        os.close(fd)
        return None


def leads_to(s, name):
    try:
        return s.family == socket.AF_INET and s.getpeername() == name
    except OSError:
        return False  # it listens


def copy_of(host, name):
    """A copy of kgentd's side of the connection whose other side has this name."""
    pidfd = os.pidfd_open(host.process.pid)
    try:
        for number in os.listdir(f"/proc/{host.process.pid}/fd"):
            copy = copy_take(pidfd, int(number))
            if copy and leads_to(copy, name):
                return copy
            if copy:
                copy.close()
    finally:
        os.close(pidfd)
    raise RuntimeError("kgentd does not have the connection")


def ask(s, more=""):
    s.sendall(f"GET /livez HTTP/1.1\r\nHost: x\r\n{more}\r\n".encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        got = s.recv(4096)
        if not got:
            break
        answer += got
    return answer[:15]


def held(host):
    """One connection that kgentd closes first, and its copy."""
    s = socket.create_connection(("127.0.0.1", host.port), timeout=30)
    ask(s)
    copy = copy_of(host, s.getsockname())
    return s, copy, ask(s, "Connection: close\r\n")


def may_take(host):
    try:
        with socket.create_connection(("127.0.0.1", host.port), timeout=30) as s:
            ask(s)
            copy_of(host, s.getsockname()).close()
        return True
    except OSError as e:
        if e.errno not in (errno.EPERM, errno.ENOSYS):
            raise
        kgent.skip("copies of descriptors", f"not permitted here: {e}")
        return False


def closed_first():
    """The client's end comes when nobody knows the connection any more."""
    with kgent.Host(env={"MALLOC_PERTURB_": "165"}) as host:
        if not may_take(host):
            return
        answers = []
        for _ in range(ROUNDS):
            s, copy, answer = held(host)
            answers.append(answer)
            with socket.create_connection(("127.0.0.1", host.port), timeout=30) as other:
                ask(other)  # by then it was freed
            s.close()
            with copy:
                copy.recv(1)  # the kernel knows that the client left
            if host.process.poll() is not None:
                break
        kgent.equal(set(answers), {b"HTTP/1.1 200 OK"}, "all are answered")
        kgent.equal(host.process.poll(), None, "what is closed is not heard of any more")
        kgent.equal(host.get("/livez").status, 200, "and others are served")


if __name__ == "__main__":
    kgent.main([closed_first])
