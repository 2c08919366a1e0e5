# SPDX-License-Identifier: Apache-2.0
"""The far end: echo servers in a namespace, and a sniffer that sees what reaches it."""

import selectors
import socket
import struct
import threading
from typing import Callable

from .netns import NetNs
from .packet import Packet, parse
from .sh import wait_for

ETH_P_ALL = 3
SOL_PACKET = 263
PACKET_STATISTICS = 6
PACKET_OUTGOING = 4
SO_RCVBUFFORCE = 33
MARKER_PORT = 9  # discard


class Sniffer:
    """Records each IP packet that arrives at one interface of a namespace."""

    def __init__(self, ns: NetNs, interface: str):
        self.packets: list[Packet] = []
        self._markers = 0
        proto = socket.htons(ETH_P_ALL)
        self._sock = ns.socket(socket.AF_PACKET, socket.SOCK_RAW, proto)
        self._sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 32 << 20)
        ns.call(self._sock.bind, (interface, ETH_P_ALL))
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while True:
            try:
                frame, where = self._sock.recvfrom(65600)
            except OSError:
                return
            packet = parse(frame) if where[2] != PACKET_OUTGOING else None
            if packet:
                self.packets.append(packet)

    def mark(self) -> int:
        return len(self.packets)

    def since(self, mark: int, **want: object) -> list[Packet]:
        """Packets after mark whose members are as wanted."""
        return [
            p for p in self.packets[mark:] if all(getattr(p, k) == v for k, v in want.items())
        ]

    def lost(self) -> int:
        stats = self._sock.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8)
        return struct.unpack("=II", stats)[1]

    def close(self) -> None:
        self._sock.close()


class Servers:
    """Echo servers for TCP and UDP on the ports that tests ask for; one thread serves all."""

    def __init__(self, ns: NetNs):
        self.ns = ns
        self._selector = selectors.DefaultSelector()
        self._wake_r, self._wake_w = socket.socketpair()
        self._selector.register(self._wake_r, selectors.EVENT_READ, lambda: self._wake_r.recv(64))
        self._todo: list[Callable[[], None]] = []
        self._open: list[socket.socket] = []
        self._going = True
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while self._going:
            for key, _ in self._selector.select():
                try:
                    key.data()
                except OSError:
                    self._drop(key.fileobj)
            while self._todo:
                self._todo.pop()()

    def _drop(self, sock: socket.socket) -> None:
        self._selector.unregister(sock)
        sock.close()

    def _add(self, sock: socket.socket, data: Callable[[], None]) -> None:
        sock.setblocking(False)
        self._todo.append(lambda: self._selector.register(sock, selectors.EVENT_READ, data))
        self._wake_w.send(b"x")

    def tcp(self, port: int, proto: int = 0, fastopen: bool = True, backlog: int = 256) -> None:
        """Echo on [::]:port, IPv4 as well."""
        s = self.ns.socket(socket.AF_INET6, socket.SOCK_STREAM, proto)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if fastopen and not proto:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 16)
        s.bind(("::", port))
        s.listen(backlog)
        self._open.append(s)

        def accept() -> None:
            conn, _ = s.accept()
            conn.setblocking(False)
            self._selector.register(conn, selectors.EVENT_READ, lambda: self._echo(conn))

        self._add(s, accept)

    def _echo(self, conn: socket.socket) -> None:
        data = conn.recv(1 << 16)
        if not data:
            self._drop(conn)
        elif data.startswith(b"GET "):
            conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
            self._drop(conn)
        else:
            conn.settimeout(2)
            conn.sendall(data)
            conn.setblocking(False)

    def udp(self, port: int) -> None:
        """Echo datagrams, answering from the address that was asked."""
        s = self.ns.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        s.bind(("::", port))
        self._open.append(s)

        def answer() -> None:
            data, ancillary, _, peer = s.recvmsg(65536, 256)
            info = [d for _, kind, d in ancillary if kind == socket.IPV6_PKTINFO]
            source = struct.pack("=16sI", info[0][:16], 0)
            s.sendmsg([data], [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, source)], 0, peer)

        self._add(s, answer)

    def close(self) -> None:
        self._going = False
        self._wake_w.send(b"x")
        self._thread.join(2)
        for s in self._open:
            s.close()


class Peer:
    """A namespace with addresses, servers and a sniffer on the cable to the machine."""

    def __init__(self, ns: NetNs, interface: str):
        self.ns = ns
        self.sniffer = Sniffer(ns, interface)
        self.servers = Servers(ns)

    def serve(self, port: int) -> None:
        self.servers.tcp(port)
        self.servers.udp(port)

    def barrier(self, sender: socket.socket, address: str) -> None:
        """Return when a datagram sent now has been seen: what was sent before has arrived."""
        mark = self.sniffer.mark()
        for _ in range(2):
            sender.sendto(b"barrier", (address, MARKER_PORT))
        wait_for(
            "the marker to arrive",
            lambda: len(self.sniffer.since(mark, dport=MARKER_PORT, payload=b"barrier")) >= 2,
        )
        assert self.sniffer.lost() == 0, "the sniffer lost packets: its silence proves nothing"

    def close(self) -> None:
        self.servers.close()
        self.sniffer.close()
