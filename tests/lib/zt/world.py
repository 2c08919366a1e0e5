# SPDX-License-Identifier: Apache-2.0
"""The network that a test runs in; nothing in it has a way to a real network.

    machine ── pe0 ── pe      private end points: 10.20.0.4, fd00:20::4 ...
       │ └──── pub0 ── pub    "the Internet": 20.1.2.3, 203.0.113.9, 2600::9 ..., default route
       └────── pod0 ── pod    a namespace of its own behind the machine, 10.44.0.2

The daemon and its workloads run in `machine` (or, workloads, in `pod` or namespaces of their own).
"""

import itertools
import socket

from .netns import NetNs, veth
from .peer import Peer
from .sh import wait_for

PE, PE6 = "10.20.0.4", "fd00:20::4"
PE_OTHER = "10.20.0.9"  # in the same fence
VAULT, VAULT6 = "10.21.0.4", "fd00:21::4"  # behind another service's fence
PRIVATE = "10.30.0.5"  # private, in no fence
DATABASE = "10.40.0.7"  # for egress rules
RESOLVER = "10.20.9.53"  # the believed one
PUBLIC, PUBLIC6 = "20.1.2.3", "2600::9"
PUBLIC_B = "8.8.8.8"
AI_PUBLIC, AI_PUBLIC6 = "203.0.113.9", "2600:a1::9"
SILENT = "198.51.100.77"  # routed to pub, but nobody's there: no RST comes back
IMDS, WIRESERVER = "169.254.169.254", "168.63.129.16"
# 20.1.2.3 inside IPv6: NAT64, 6to4, IPv4-compatible, Teredo (client address inverted)
NAT64, SIXTOFOUR = "64:ff9b::1401:203", "2002:1401:203::1"
COMPATIBLE, TEREDO = "::1401:203", "2001:0:1:2:3:4:ebfe:fdfc"
MACHINE_PE, MACHINE_PE6 = "10.20.0.1", "fd00:20::1"
MACHINE, MACHINE6 = "10.9.9.1", "fd00:9::1"
PUB_LINK, PUB_LINK6 = "10.9.9.2", "fd00:9::2"
POD, POD6 = "10.44.0.2", "fd00:44::2"

_PE_ADDRESSES = (PE_OTHER, VAULT, PRIVATE, DATABASE, RESOLVER)
_PUB_ADDRESSES = (PUBLIC, PUBLIC_B, AI_PUBLIC, IMDS, WIRESERVER)
_PUB_ADDRESSES6 = (PUBLIC6, AI_PUBLIC6, NAT64, SIXTOFOUR, COMPATIBLE, TEREDO)


class World:
    """Build it once a session; close() takes all of it away."""

    def __init__(self) -> None:
        self._close: list = []
        self._ports = itertools.count(20001)
        self._known: set[int] = set()
        try:
            self._build()
        except BaseException:
            self.close()
            raise

    def _ns(self, name: str) -> NetNs:
        ns = NetNs(name)
        self._close.append(ns)
        # nobody waits for duplicate address detection, and addresses keep to what tests give
        ns.sysctl(
            net__ipv6__conf__all__accept_dad=0,
            net__ipv6__conf__default__accept_dad=0,
            net__ipv4__conf__all__rp_filter=0,
            net__ipv4__conf__default__rp_filter=0,
            net__ipv4__tcp_fastopen=0x607,
            net__ipv4__ping_group_range="0 2147483647",
        )
        return ns

    def _build(self) -> None:
        self.machine = m = self._ns("machine")
        pe, pub, self.pod = self._ns("pe"), self._ns("pub"), self._ns("pod")
        m.sysctl(net__ipv4__ip_forward=1, net__ipv6__conf__all__forwarding=1)
        link(m, "pe0", f"{MACHINE_PE}/16", f"{MACHINE_PE6}/64", pe, f"{PE}/16", f"{PE6}/64")
        link(m, "pub0", f"{MACHINE}/24", f"{MACHINE6}/64", pub, f"{PUB_LINK}/24", f"{PUB_LINK6}/64")
        link(m, "pod0", "10.44.0.1/24", "fd00:44::1/64", self.pod, f"{POD}/24", f"{POD6}/64")
        for address in _PE_ADDRESSES:
            pe.ip("addr", "add", f"{address}/32", "dev", "lo")
        for address in _PUB_ADDRESSES:
            pub.ip("addr", "add", f"{address}/32", "dev", "lo")
        for address in _PUB_ADDRESSES6:
            pub.ip("addr", "add", f"{address}/128", "dev", "lo", "nodad")
        pe.ip("addr", "add", f"{VAULT6}/128", "dev", "lo", "nodad")
        for net in ("10.21.0.0/16", "10.30.0.0/16", "10.40.0.0/16"):
            m.ip("route", "add", net, "via", PE)
        m.ip6("route", "add", "fd00:21::/64", "via", PE6)
        for net in ("default", f"{IMDS}/32"):
            m.ip("route", "add", net, "via", PUB_LINK)
        m.ip6("route", "add", "default", "via", PUB_LINK6)
        m.ip6("route", "add", f"{COMPATIBLE}/128", "via", PUB_LINK6)
        for ns, gate, gate6 in (
            (pe, MACHINE_PE, MACHINE_PE6),
            (pub, MACHINE, MACHINE6),
            (self.pod, "10.44.0.1", "fd00:44::1"),
        ):
            ns.ip("route", "add", "default", "via", gate)
            ns.ip6("route", "add", "default", "via", gate6)
        self.pe = Peer(pe, "m0")
        self._close.append(self.pe)
        self.pub = Peer(pub, "m0")
        self._close.append(self.pub)
        self._marker = m.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._close.append(self._marker)
        wait_for("the cables to carry", self._try_cables, 10)

    def _try_cables(self) -> bool:
        try:
            self.settle()
        except OSError:
            return False
        return True

    def port(self) -> int:
        """A port that no other test used, served by both peers."""
        port = next(self._ports)
        self.pe.serve(port)
        self.pub.serve(port)
        return port

    def unserved_port(self) -> int:
        """A port that no other test used, for servers of the test's own."""
        return next(self._ports)

    def port_of(self, port: int) -> int:
        """A well-known port, served by both peers from now on."""
        if port not in self._known:
            self._known.add(port)
            self.pe.serve(port)
            self.pub.serve(port)
        return port

    def settle(self) -> None:
        """Return when all that left the machine so far has arrived at its peer."""
        self.pe.barrier(self._marker, PE)
        self.pub.barrier(self._marker, PUB_LINK)

    def close(self) -> None:
        for thing in reversed(self._close):
            thing.close()
        self._close.clear()


def link(m: NetNs, name: str, ip4: str, ip6: str, far: NetNs, far4: str, far6: str) -> None:
    """A cable from machine to another namespace (`m0` there), with addresses on both ends."""
    veth(m, name, far, "m0")
    m.ip("addr", "add", ip4, "dev", name)
    m.ip("addr", "add", ip6, "dev", name, "nodad")
    far.ip("addr", "add", far4, "dev", "m0")
    far.ip("addr", "add", far6, "dev", "m0", "nodad")
