# SPDX-License-Identifier: Apache-2.0
"""The inside of a puppet: reads pickled commands, does them, answers. Runs with -S -E -c."""

import ctypes
import os
import pickle
import socket
import struct
import sys
import threading
import time

_libc = ctypes.CDLL(None, use_errno=True)
_things = {}
TIMEOUT = 3.0


def keep(thing):
    key = max(_things, default=0) + 1
    _things[key] = thing
    return key


def do_socket(family, kind, proto=0):
    s = socket.socket(family, kind, proto)
    s.settimeout(TIMEOUT)
    return keep(s)


def do_call(key, name, args, kwargs):
    value = getattr(_things[key], name)(*args, **kwargs)
    if name == "accept":
        value[0].settimeout(TIMEOUT)
        return keep(value[0]), value[1]
    if name == "close":
        del _things[key]
    return value


def do_os(name, args):
    return getattr(os, name)(*args)


def do_write(path, text):
    with open(path, "w", encoding="ascii") as f:
        f.write(text)


def do_unix_listen(path):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.bind(path)
    s.listen(1)
    s.settimeout(TIMEOUT)
    return keep(s)


def do_unix_connect(path):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.settimeout(TIMEOUT)
    s.connect(path)
    return keep(s)


def do_send_fd(channel, key):
    socket.send_fds(_things[channel], [b"x"], [_things[key].fileno()])


def do_recv_fd(channel):
    _, fds, _, _ = socket.recv_fds(_things[channel], 1, 1)
    s = socket.socket(fileno=fds[0])
    s.settimeout(TIMEOUT)
    return keep(s)


def do_fileno(key):
    return _things[key].fileno()


def do_pidfd_getfd(pid, fd):
    pidfd = os.pidfd_open(pid)
    got = _libc.syscall(438, pidfd, fd, 0)  # __NR_pidfd_getfd, the same on all architectures
    if got < 0:
        raise OSError(ctypes.get_errno(), "pidfd_getfd")
    s = socket.socket(fileno=got)
    s.settimeout(TIMEOUT)
    return keep(s)


def do_unspec_connect(key):
    """connect() to AF_UNSPEC: dissolves an association; Python cannot say it."""
    addr = struct.pack("=H14x", socket.AF_UNSPEC)
    if _libc.connect(_things[key].fileno(), addr, len(addr)):
        raise OSError(ctypes.get_errno(), "connect AF_UNSPEC")


def do_inet_connect(key, address, port):
    """connect() to an IPv4 address of a socket whose family Python cannot address."""
    addr = struct.pack("=H", socket.AF_INET) + struct.pack("!H", port)
    addr += socket.inet_aton(address) + bytes(8)
    if _libc.connect(_things[key].fileno(), addr, len(addr)):
        raise OSError(ctypes.get_errno(), "connect")


def do_getsockname(key):
    return _things[key].getsockname()


class Echo(threading.Thread):
    """Serves one listening socket (TCP: many clients, HTTP when asked so; UDP: datagrams)."""

    def __init__(self, listener, reply):
        super().__init__(daemon=True)
        self.listener, self.reply = listener, reply

    def run(self):
        if self.listener.type == socket.SOCK_DGRAM:
            self.datagrams()
            return
        while True:
            try:
                conn, _ = self.listener.accept()
            except OSError:
                return
            conn.settimeout(None)
            threading.Thread(target=self.serve, args=(conn,), daemon=True).start()

    def datagrams(self):
        while True:
            try:
                data, peer = self.listener.recvfrom(65536)
                self.listener.sendto(self.reply or data, peer)
            except OSError:
                return

    def serve(self, conn):
        with conn:
            try:
                while data := conn.recv(65536):
                    conn.sendall(self.reply or data)
                    if self.reply:
                        return
            except OSError:
                return


def do_echo(key, reply=None):
    """Serve a listener in the background; the socket stays usable (and closable) by its key."""
    _things[key].settimeout(None)
    Echo(_things[key], reply).start()


class Mixture(OSError):
    """Neither the old nor the new policy."""


class Flow(threading.Thread):
    """One kind of traffic, over and over, until told to stop; counts what became of it."""

    def __init__(self, kind, address, family):
        super().__init__(daemon=True)
        self.kind, self.address, self.family = kind, address, family
        self.going = True
        self.good, self.errors, self.worst = 0, {}, 0.0
        self.sock = None
        if kind == "long-tcp":
            self.sock = self.tcp()
            self.sock.connect(address)

    def tcp(self):
        s = socket.socket(self.family, socket.SOCK_STREAM)
        s.settimeout(TIMEOUT)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return s

    def once(self):
        if self.kind == "long-tcp":
            echo(self.sock, b"flow")
        elif self.kind == "connect":
            with self.tcp() as s:
                s.connect(self.address)
                echo(s, b"flow")
        elif self.kind == "udp":
            with socket.socket(self.family, socket.SOCK_DGRAM) as s:
                s.settimeout(TIMEOUT)
                s.sendto(b"flow", self.address)
                s.recv(64)
        elif self.kind == "udp-connected":
            with socket.socket(self.family, socket.SOCK_DGRAM) as s:
                s.settimeout(TIMEOUT)
                s.connect(self.address)
                s.send(b"flow")
                s.recv(64)
        elif self.kind == "either":
            self.either()
        elif self.kind == "idle":
            time.sleep(0.001)

    def either(self):
        """Exactly one of two addresses may be open at any time: first, second, first again."""
        first, second, port = self.address
        seen = [self.open(a, port) for a in (first, second, first)]
        if seen[0] == seen[1] == seen[2]:
            raise Mixture("both open" if seen[0] else "both shut")

    def open(self, address, port):
        with socket.socket(self.family, socket.SOCK_DGRAM) as s:
            try:
                s.connect((address, port))
            except PermissionError:
                return False
            return True

    def run(self):
        while self.going:
            began = time.monotonic()
            try:
                self.once()
                self.good += 1
            except OSError as e:
                name = os.strerror(e.errno) if e.errno else f"{type(e).__name__} {e}"
                self.errors[name] = self.errors.get(name, 0) + 1
            self.worst = max(self.worst, time.monotonic() - began)
            time.sleep(0.0005)


def echo(sock, data):
    sock.sendall(data)
    got = b""
    while len(got) < len(data):
        more = sock.recv(65536)
        if not more:
            raise OSError(104, "closed")
        got += more


def do_flow_start(kind, address, family):
    flow = Flow(kind, address, family)
    flow.start()
    key = keep(flow)
    return key


def do_flow_read(key):
    f = _things[key]
    return {"good": f.good, "errors": dict(f.errors), "worst_s": f.worst}


def do_flow_stop(key):
    f = _things.pop(key)
    f.going = False
    f.join(TIMEOUT * 2)
    return {"good": f.good, "errors": dict(f.errors), "worst_s": f.worst}


def do_flood(address, count):
    """connect() to that many ports of one address; how many were refused."""
    refused = 0
    for port in range(1, count + 1):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
            refused += s.connect_ex((address, port)) == 1
    return refused


def do_ping():
    return os.getpid()


def main():
    fd_in, fd_out = os.dup(0), os.dup(1)
    os.dup2(2, 1)
    while True:
        head = read_exactly(fd_in, 4)
        if head is None:
            return
        name, args, kwargs = pickle.loads(read_exactly(fd_in, struct.unpack("=I", head)[0]))
        try:
            reply = (True, globals()["do_" + name](*args, **kwargs))
        except OSError as e:
            kind = "timeout" if isinstance(e, TimeoutError) and e.errno is None else "os"
            reply = (False, (kind, e.errno, str(e)))
        except Exception as e:  # the test shall see it, not this process's stderr
            reply = (False, ("bug", 0, repr(e)))
        data = pickle.dumps(reply)
        os.write(fd_out, struct.pack("=I", len(data)) + data)


def read_exactly(fd, n):
    data = b""
    while len(data) < n:
        more = os.read(fd, n - len(data))
        if not more:
            return None
        data += more
    return data


if __name__ == "__main__":
    main()
