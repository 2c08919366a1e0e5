# SPDX-License-Identifier: Apache-2.0
"""A resolver that a test writes the answers of, in a namespace of its own behind the machine."""

import itertools
import select
import socket
import struct
import threading

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from .netns import NetNs
from .world import World, link

ADDRESS, ADDRESS6 = "10.45.0.53", "fd00:45::53"
SECOND = "10.45.0.54"
PORT = 53
LINKS_MAX = 32
_numbers = itertools.count()


class Resolver:
    """Answers what `put` and `cname` said, by UDP and TCP, from ADDRESS, ADDRESS6 and SECOND.

    silent: says nothing. truncate: over UDP, names whose answer is only offered by TCP.
    failing: SERVFAIL. asked: (name, type, "udp" or "tcp"), in order.
    """

    def __init__(self, world: World):
        self.records: dict[tuple[str, str], list[str]] = {}
        self.ttl = 60
        self.truncate: set[str] = set()
        self.silent = self.failing = False
        self.asked: list[tuple[str, str, str]] = []
        self.machine = world.machine
        self.ns = NetNs(f"dns{next(_numbers)}")
        try:
            link(
                self.machine, "dns0", "10.45.0.1/24", "fd00:45::1/64",
                self.ns, f"{ADDRESS}/24", f"{ADDRESS6}/64",
            )  # fmt: skip
            self.ns.ip("addr", "add", f"{SECOND}/24", "dev", "m0")
            self.ns.ip("route", "add", "default", "via", "10.45.0.1")
            self._udp = [self._bound(socket.SOCK_DGRAM, a) for a in (ADDRESS, ADDRESS6, SECOND)]
            self._tcp = [self._bound(socket.SOCK_STREAM, a) for a in (ADDRESS, ADDRESS6, SECOND)]
        except BaseException:
            self.ns.close()
            raise
        self._stop, self._end = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _bound(self, kind: int, address: str) -> socket.socket:
        s = self.ns.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((address, PORT))
        if kind == socket.SOCK_STREAM:
            s.listen(16)
        return s

    # --- what it knows

    def put(self, name: str, *addresses: str) -> None:
        """The addresses of a name, of both families; none: it exists without."""
        for kind in ("A", "AAAA"):
            self.records[name, kind] = [a for a in addresses if (":" in a) == (kind == "AAAA")]

    def cname(self, name: str, *targets: str) -> None:
        """A chain: name -> targets[0] -> ..."""
        for target in targets:
            self.records[name, "CNAME"] = [target + "."]
            name = target

    def soa(self, zone: str, server: str) -> None:
        self.records[zone, "SOA"] = [f"{server}. host.invalid. 1 3600 300 86400 60"]

    def clear(self) -> None:
        self.records.clear()
        self.truncate.clear()
        self.silent = self.failing = False
        self.asked.clear()

    # --- what it does

    def _exists(self, name: str) -> bool:
        return any(known == name for known, _ in self.records)

    def _fill(self, reply: dns.message.Message, name: str, kind: str) -> None:
        for _ in range(LINKS_MAX):
            target = self.records.get((name, "CNAME"))
            if not target:
                break
            reply.answer.append(dns.rrset.from_text(name + ".", self.ttl, "IN", "CNAME", *target))
            name = target[0].rstrip(".").lower()
        found = self.records.get((name, kind))
        if found:
            reply.answer.append(dns.rrset.from_text(name + ".", self.ttl, "IN", kind, *found))
        elif not self._exists(name):
            reply.set_rcode(dns.rcode.NXDOMAIN)

    def answer(self, query: bytes, proto: str) -> bytes | None:
        """The reply to one message; None: nothing."""
        try:
            q = dns.message.from_wire(query)
        except (dns.exception.DNSException, ValueError):
            return None
        if len(q.question) != 1 or q.flags & dns.flags.QR:
            return None
        name = q.question[0].name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(q.question[0].rdtype)
        self.asked.append((name, kind, proto))
        if self.silent:
            return None
        reply = dns.message.make_response(q, recursion_available=True)
        if self.failing:
            reply.set_rcode(dns.rcode.SERVFAIL)
        elif proto == "udp" and name in self.truncate:
            reply.flags |= dns.flags.TC
        else:
            self._fill(reply, name, kind)
        return reply.to_wire(max_size=65535)

    def _serve_tcp(self, listener: socket.socket) -> None:
        with listener.accept()[0] as s:
            s.settimeout(5)
            try:
                head = s.recv(2, socket.MSG_WAITALL)
                query = s.recv(struct.unpack(">H", head)[0], socket.MSG_WAITALL)
                reply = self.answer(query, "tcp")
                if reply is not None:
                    s.sendall(struct.pack(">H", len(reply)) + reply)
            except (OSError, struct.error):
                pass

    def _serve(self) -> None:
        sockets = {s.fileno(): s for s in (self._end, *self._udp, *self._tcp)}
        poll = select.poll()  # descriptors of a long run go beyond what select() takes
        for fd in sockets:
            poll.register(fd, select.POLLIN)
        while True:
            ready = [sockets[fd] for fd, _ in poll.poll()]
            if self._end in ready:
                return
            for s in ready:
                if s in self._tcp:
                    self._serve_tcp(s)
                    continue
                query, peer = s.recvfrom(65535)
                reply = self.answer(query, "udp")
                if reply is not None:
                    s.sendto(reply, peer)

    def close(self) -> None:
        self._stop.close()
        self._thread.join()
        for s in (*self._udp, *self._tcp, self._end):
            s.close()
        self.machine.ip("link", "del", "dns0", check=False)
        self.ns.close()
