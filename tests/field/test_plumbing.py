# SPDX-License-Identifier: Apache-2.0
"""What the kernel says for itself gets through, whoever it is attributed to."""

import socket
import struct

import pytest

from zt import packet
from zt import world as w
from zt.peer import Sniffer
from zt.sh import wait_for

NS, NA, RS, RA, MLD2 = 135, 136, 133, 134, 143


@pytest.fixture
def ear(world):
    """ear(interface): what arrives at the public peer there."""
    ears = []

    def listen(interface: str) -> Sniffer:
        ears.append(Sniffer(world.pub.ns, interface))
        return ears[-1]

    yield listen
    for sniffer in ears:
        sniffer.close()


def heard(sniffer: Sniffer, kind: int):
    return wait_for(
        f"ICMPv6 type {kind}", lambda: [p for p in sniffer.packets if p.type == kind], 8
    )


def test_neighbour_discovery_in_a_namespace_of_the_workload(own_netns, world, ear):
    """Both directions: the workload asks for its peer, and answers when asked."""
    n = own_netns()
    n.cable("nd0", world.pub.ns, "fd00:20:0:0:1::1/80", "10.20.0.65/26")
    ears = ear("w-nd0")
    n.ip("addr", "add", "fd00:20:0:0:1::2/80", "dev", "nd0", "nodad")
    n.ip("addr", "add", "10.20.0.66/26", "dev", "nd0")
    n.ip("link", "set", "nd0", "up")
    port = world.port()
    for address in ("fd00:20:0:0:1::1", "10.20.0.65"):
        s = n.p.tcp(address)
        s.connect((address, port))
        assert s.echo() == b"zt-echo"
    heard(ears, NS)
    world.pub.ns.ip6("neigh", "flush", "dev", "w-nd0")
    with world.pub.ns.socket(socket.AF_INET6, socket.SOCK_STREAM) as s:
        s.settimeout(5)
        with pytest.raises(ConnectionRefusedError):
            s.connect(("fd00:20:0:0:1::2", 1))
    heard(ears, NA)


def test_duplicate_detection_router_solicitation_and_mld(own_netns, world, ear):
    n = own_netns()
    n.cable("au0", world.pub.ns)
    ears = ear("w-au0")
    n.write("net.ipv6.conf.au0.accept_ra", 2)
    n.write("net.ipv6.conf.au0.accept_dad", 1)
    n.write("net.ipv6.conf.au0.router_solicitation_delay", 0)
    n.ip("link", "set", "au0", "up")
    heard(ears, NS)  # for the link-local address, from ::
    heard(ears, RS)
    heard(ears, MLD2)
    advertise(world.pub.ns, "w-au0", "2001:db8:a::")
    wait_for(
        "an address by router advertisement",
        lambda: "2001:db8:a:" in n.ip("-6", "addr", "show", "dev", "au0", "scope", "global"),
        8,
    )
    assert "dadfailed" not in n.ip("-6", "addr", "show", "dev", "au0")


def advertise(ns, interface: str, prefix: str) -> None:
    """A router advertisement with one autonomous /64, from the interface's link-local address."""
    raw = ns.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
    with raw:
        raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        index = ns.call(socket.if_nametoindex, interface)
        body = struct.pack("!BBHBBHII", RA, 0, 0, 64, 0, 1800, 0, 0)
        body += struct.pack("!BBBBIII", 3, 4, 64, 0xC0, 3600, 3600, 0)
        body += socket.inet_pton(socket.AF_INET6, prefix)
        wait_for(
            "a link-local address to send from",
            lambda: "fe80:" in ns.ip6("addr", "show", "dev", interface, "-tentative"),
        )
        raw.sendto(body, ("ff02::1", 0, 0, index))


def test_dhcp_client_by_socket(own_netns, world):
    """68 to 67, broadcast and unicast, as a client in user space sends it."""
    n = own_netns()
    n.cable("dh0", world.pub.ns, "10.66.0.1/24")
    n.ip("link", "set", "dh0", "up")
    n.ip("addr", "add", "10.66.0.50/24", "dev", "dh0")
    server = world.pub.ns.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with server:
        server.settimeout(5)
        server.bind(("", 67))
        for to in ("255.255.255.255", "10.66.0.1"):
            client = n.p.udp()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"dh0\0")
            client.bind(("", 68))
            client.sendto(b"discover", (to, 67))
            data, (address, _) = server.recvfrom(64)
            assert (data, address) == (b"discover", "10.66.0.50")
            server.sendto(b"offer", ("10.66.0.50", 68))
            assert client.recv(64) == b"offer"
            client.close()


def test_dhcpv6_client_by_socket(own_netns, world):
    n = own_netns()
    n.cable("d60", world.pub.ns)
    n.write("net.ipv6.conf.d60.accept_dad", 0)
    n.ip("link", "set", "d60", "up")
    pub = world.pub.ns
    index = int(n.ip("-o", "link", "show", "d60").split(":")[0])
    server = pub.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    with server:
        server.settimeout(5)
        far = pub.call(socket.if_nametoindex, "w-d60")
        group = socket.inet_pton(socket.AF_INET6, "ff02::1:2") + struct.pack("=i", far)
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group)
        server.bind(("::", 547))
        client = n.p.udp("::")
        client.bind(("::", 546))
        client.sendto(b"solicit", ("ff02::1:2", 547, 0, index))
        data, source = server.recvfrom(64)
        assert data == b"solicit"
        server.sendto(b"advertise", source)
        assert client.recv(64) == b"advertise"
        client.close()


def test_errors_and_resets_of_the_kernel(own_netns, world):
    """A namespace of the workload says that nobody listens, and answers pings."""
    n = own_netns()
    n.cable("er0", world.pub.ns, "192.0.2.129/25", "2001:db8:e::1/64")
    n.ip("addr", "add", "192.0.2.130/25", "dev", "er0")
    n.ip("addr", "add", "2001:db8:e::2/64", "dev", "er0", "nodad")
    n.ip("link", "set", "er0", "up")
    for address, family in (("192.0.2.130", socket.AF_INET), ("2001:db8:e::2", socket.AF_INET6)):
        with world.pub.ns.socket(family, socket.SOCK_STREAM) as s:
            s.settimeout(5)
            with pytest.raises(ConnectionRefusedError):
                s.connect((address, 1))
        with world.pub.ns.socket(family, socket.SOCK_DGRAM) as s:
            s.settimeout(5)
            s.connect((address, 1))
            s.send(b"anybody?")
            with pytest.raises(ConnectionRefusedError):
                s.recv(64)
        proto = 58 if family == socket.AF_INET6 else 1
        echo = packet.icmp_echo(b"zt-ping")
        if proto == 58:
            echo = struct.pack("!BBHHH", 128, 0, 0, 7, 1) + b"zt-ping"
        with world.pub.ns.socket(family, socket.SOCK_DGRAM, proto) as s:
            s.settimeout(5)
            s.sendto(echo, (address, 0))
            assert s.recv(64).endswith(b"zt-ping")


@pytest.mark.parametrize("family", [4, 6])
def test_path_mtu_messages_of_a_router_in_the_workload(own_netns, world, family):
    """A workload's namespace forwards; what is too big for its next link is told to the sender."""
    n = own_netns("shut")
    pub, pe = world.pub.ns, world.pe.ns
    n.cable("ra0", pub, "192.0.2.1/30", "2001:db8:1::1/64")
    n.cable("rb0", pe, "192.0.2.5/30", "2001:db8:2::1/64", mtu=1300)
    n.write("net.ipv4.ip_forward", 1)
    n.write("net.ipv6.conf.all.forwarding", 1)
    for name, a4, a6 in (
        ("ra0", "192.0.2.2/30", "2001:db8:1::2/64"),
        ("rb0", "192.0.2.6/30", "2001:db8:2::2/64"),
    ):
        n.ip("addr", "add", a4, "dev", name)
        n.ip("addr", "add", a6, "dev", name, "nodad")
        n.ip("link", "set", name, "up")
    pub.ip("route", "add", "192.0.2.4/30", "via", "192.0.2.2")
    pub.ip6("route", "add", "2001:db8:2::/64", "via", "2001:db8:1::2")
    where = ("192.0.2.5", 9) if family == 4 else ("2001:db8:2::1", 9)
    kind = socket.AF_INET if family == 4 else socket.AF_INET6
    with pub.socket(kind, socket.SOCK_DGRAM) as s:
        level, option = (socket.IPPROTO_IP, 10) if family == 4 else (socket.IPPROTO_IPV6, 23)
        s.setsockopt(level, option, 2)  # *_MTU_DISCOVER: do
        s.connect(where)

        def told() -> bool:
            try:
                s.send(bytes(1400))
            except OSError as e:
                return e.errno == 90  # EMSGSIZE
            return False

        wait_for("the path's MTU to be told", told)


def test_errors_that_come_in_reach_the_workload(app, world):
    """ICMP errors and resets for what it sent itself."""
    closed = 19999
    for address in (w.PE, w.PE6, w.DATABASE):
        s = app.tcp(address)
        with pytest.raises(ConnectionRefusedError):
            s.connect((address, closed if address == w.DATABASE else 29999))
    for address in (w.PE, w.PE6):
        s = app.udp(address)
        s.connect((address, 29999))
        s.send(b"x")
        with pytest.raises(ConnectionRefusedError):
            s.recv(1)


def test_path_mtu_discovery_of_the_workload(app, world):
    """A permitted peer behind a router with a narrow link: a quarter of a megabyte comes back."""
    far = "10.20.0.200"
    port = world.port()
    pod, pe, m = world.pod, world.pe.ns, world.machine
    undo = [(m, ("route", "del", f"{far}/32")), (pe, ("addr", "del", f"{far}/32", "dev", "lo"))]
    pe.ip("addr", "add", f"{far}/32", "dev", "lo")
    # fmt: off
    pod.ip("link", "add", "narrow", "mtu", "1300", "type", "veth",
           "peer", "name", "w-narrow", "mtu", "1300", "netns", pe.name)
    # fmt: on
    undo.append((pod, ("link", "del", "narrow")))
    try:
        pod.sysctl(net__ipv4__ip_forward=1)
        for ns, address, name in ((pod, "192.0.2.2/30", "narrow"), (pe, "192.0.2.1/30", "w-narrow")):
            ns.ip("addr", "add", address, "dev", name)
            ns.ip("link", "set", name, "up")
        pod.ip("route", "add", f"{far}/32", "via", "192.0.2.1")
        m.ip("route", "add", f"{far}/32", "via", w.POD)
        s = app.tcp()
        s.connect((far, port))
        data = bytes(1 << 18)
        assert s.echo(data) == data
        assert "mtu 1300" in m.ip("route", "get", far), "the message never came"
        s.close()
    finally:
        for ns, words in undo:
            ns.ip(*words, check=False)


@pytest.mark.parametrize("address", [w.PE, w.PE6])
def test_permitted_fragments_and_extension_headers_pass(app, world, address):
    port = world.port()
    big = app.udp(address)
    big.sendto(bytes(5000), (address, port))
    assert len(big.recv(8000)) == 5000
    if ":" in address:
        s = app.udp(address)
        option = bytes([0, 0, 1, 4, 0, 0, 0, 0])
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_DSTOPTS, option)
        s.connect((address, port))
        s.send(b"zt-opt")
        assert s.recv(64) == b"zt-opt"


def test_permitted_icmp_echo_passes(app):
    s = app.socket(socket.AF_INET, socket.SOCK_DGRAM, 1)
    s.sendto(packet.icmp_echo(b"zt-ping"), (w.PE, 0))
    assert s.recv(64).endswith(b"zt-ping")
    s = app.socket(socket.AF_INET6, socket.SOCK_DGRAM, 58)
    s.sendto(struct.pack("!BBHHH", 128, 0, 0, 7, 1) + b"zt-ping", (w.PE6, 0))
    assert s.recv(64).endswith(b"zt-ping")


def test_the_believed_resolver_is_reached(app, world):
    world.port_of(53)
    s = app.udp()
    s.sendto(b"query", (w.RESOLVER, 53))
    assert s.recv(64) == b"query"
    s = app.tcp()
    s.connect((w.RESOLVER, 53))
    assert s.echo() == b"zt-echo"
