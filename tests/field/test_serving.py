# SPDX-License-Identifier: Apache-2.0
"""A server in a closed profile answers whoever asks; what it opens itself is refused.

Each scenario runs without the programs as well: it must be the programs that a failure is due to.
"""

import errno
import socket

import pytest

from zt import world as w
from zt.netns import NetNs
from zt.puppet import Puppet
from zt.sh import sh

HTTP = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
IPPROTO_MPTCP = 262
# where the server is -> its addresses
PLACES = {
    "machine": {4: w.MACHINE, 6: w.MACHINE6},
    "pod": {4: w.POD, 6: w.POD6},
}


@pytest.fixture(params=["without", "closed"])
def shut(request, world, troupe):
    """puppet(place) in a closed profile, or in its twin where no program is."""
    control = request.param == "without"
    if not control:
        request.getfixturevalue("ztad")

    def puppet(place: str) -> Puppet:
        return troupe.get("shut", control, getattr(world, place).path)

    puppet.control = control
    return puppet


def namespaces(world) -> dict[str, NetNs]:
    return {
        "the machine": world.machine,
        "a pod": world.pod,
        "a private peer": world.pe.ns,
        "a public peer": world.pub.ns,
    }


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("place", PLACES)
def test_tcp_and_http_probes_are_answered(shut, world, place, family):
    server = shut(place)
    address = PLACES[place][family]
    echo, web = server.listen(address), server.listen(address)
    echo.serve()
    web.serve(HTTP)
    for name, ns in namespaces(world).items():
        assert probe(ns, address, echo, b"zt-probe") == b"zt-probe", name
        assert probe(ns, address, web, b"GET / HTTP/1.1\r\n\r\n") == HTTP, name


def probe(ns: NetNs, address: str, server, data: bytes, proto: int = 0) -> bytes:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with ns.socket(family, socket.SOCK_STREAM, proto) as s:
        s.settimeout(5)
        s.connect((address, server.getsockname()[1]))
        s.sendall(data)
        return s.recv(4096)


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("place", PLACES)
def test_udp_probes_are_answered(shut, world, place, family):
    address = PLACES[place][family]
    server = shut(place).udp(address)
    server.bind((address, 0))
    server.serve()
    for name, ns in namespaces(world).items():
        with ns.socket(socket.AF_INET6 if family == 6 else socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(5)
            for _ in range(3):
                s.sendto(b"zt-probe", (address, server.getsockname()[1]))
                assert s.recv(64) == b"zt-probe", name


def test_udp_server_on_the_wildcard_answers(shut, world):
    server = shut("machine").udp("::")
    server.bind(("::", 0))
    server.serve()
    port = server.getsockname()[1]
    for address, family in ((w.MACHINE, socket.AF_INET), (w.MACHINE6, socket.AF_INET6)):
        with world.pub.ns.socket(family, socket.SOCK_DGRAM) as s:
            s.settimeout(5)
            s.connect((address, port))
            s.send(b"zt-probe")
            assert s.recv(64) == b"zt-probe"


@pytest.mark.parametrize("family", [4, 6])
def test_udp_server_connects_to_its_client(shut, world, family):
    """As DTLS and TFTP servers do, and back again for the next client."""
    address = PLACES["machine"][family]
    server = shut("machine").udp(address)
    server.bind((address, world.port()))
    where = server.getsockname()
    kind = socket.AF_INET6 if family == 6 else socket.AF_INET
    for _ in range(2):
        with world.pub.ns.socket(kind, socket.SOCK_DGRAM) as client:
            client.settimeout(5)
            client.connect(where)
            client.send(b"hello")
            _, source = server.recvfrom(64)
            server.connect(source)
            for data in (b"one", b"two"):
                server.send(data)
                assert client.recv(64) == data
                client.send(data)
                assert server.recv(64) == data
            server.disconnect()


def test_own_connections_to_the_prober_are_refused(ztad, world, troupe):
    """The same client that was answered a moment ago."""
    server = troupe.get("shut")
    listener = server.listen(w.MACHINE)
    listener.serve()
    for address, peer in ((w.PUB_LINK, world.pub.ns), (w.PE, world.pe.ns)):
        with peer.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
            s.settimeout(5)
            s.bind((address, 0))
            s.connect((w.MACHINE, listener.getsockname()[1]))
            s.sendall(b"x")
            assert s.recv(1) == b"x"
            with pytest.raises(PermissionError):
                server.tcp().connect((address, s.getsockname()[1]))
            with pytest.raises(PermissionError):
                server.udp().sendto(b"x", (address, s.getsockname()[1]))


def test_syn_cookies(shut, world):
    ns = world.pod
    ns.sysctl(net__ipv4__tcp_syncookies=2)  # always
    try:
        server = shut("pod").listen(w.POD)
        server.serve()
        for _ in range(5):
            assert probe(world.pub.ns, w.POD, server, b"zt-cookie") == b"zt-cookie"
    finally:
        ns.sysctl(net__ipv4__tcp_syncookies=1)


def test_overflowing_backlog_serves_all_in_the_end(shut, world):
    """Twelve clients for a backlog of one: the late handshakes complete once there is room."""
    server = shut("machine").listen(w.MACHINE, backlog=1)
    where = (w.MACHINE, server.getsockname()[1])
    clients = [world.pub.ns.socket(socket.AF_INET, socket.SOCK_STREAM) for _ in range(12)]
    try:
        for c in clients:
            c.setblocking(False)
            assert c.connect_ex(where) == errno.EINPROGRESS
        server.serve()
        for c in clients:
            c.settimeout(15)
            c.send(b"late")  # waits for the handshake
            assert c.recv(4) == b"late"
    finally:
        for c in clients:
            c.close()


def test_fast_open_server(shut, world):
    server = shut("machine").listen(w.MACHINE)
    server.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 16)
    server.serve()
    with world.pub.ns.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
        s.settimeout(5)
        s.sendto(b"early", socket.MSG_FASTOPEN, (w.MACHINE, server.getsockname()[1]))
        assert s.recv(5) == b"early"


@pytest.mark.parametrize("client", [0, IPPROTO_MPTCP], ids=["tcp client", "mptcp client"])
def test_mptcp_listener_as_go_makes_it(shut, world, client):
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_MPTCP).close()
    except OSError as e:
        pytest.skip(f"this kernel has no MPTCP ({e.strerror})")
    for family in (4, 6):
        address = PLACES["machine"][family]
        server = shut("machine").listen(address, proto=IPPROTO_MPTCP)
        server.serve()
        got = probe(world.pub.ns, address, server, b"zt-go", client)
        assert got == b"zt-go"


def test_a_pushing_server_keeps_its_connection(shut, world):
    """The server speaks first and last, with a half-closed peer."""
    listener = shut("machine").listen(w.MACHINE)
    with world.pub.ns.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
        s.settimeout(5)
        s.connect((w.MACHINE, listener.getsockname()[1]))
        child, _ = listener.accept()
        child.sendall(b"hello")
        assert s.recv(5) == b"hello"
        s.shutdown(socket.SHUT_WR)
        assert child.recv(1) == b""
        child.sendall(b"bye")
        assert s.recv(3) == b"bye"
        child.close()
        assert s.recv(1) == b""


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "::1", "0.0.0.0", "::", w.MACHINE, w.MACHINE6, w.MACHINE_PE, "127.9.9.9"]
)
def test_own_addresses_are_reached(shut, address):
    p = shut("machine")
    listener = p.listen(address)
    listener.serve()
    client = p.tcp(address)
    client.connect((address, listener.getsockname()[1]))
    assert client.echo() == b"zt-echo"
    server = p.udp(address)
    server.bind((address, 0))
    server.serve()
    for connected in (True, False):
        s = p.udp(address)
        where = (address, server.getsockname()[1])
        if connected:
            s.connect(where)
            s.send(b"zt-own")
        else:
            s.sendto(b"zt-own", where)
        assert s.recvfrom(64)[0] == b"zt-own"


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "0.0.0.0", "::"])
def test_loopback_of_a_namespace_nobody_knows(shut, troupe, address):
    p = troupe.new_netns("shut", shut.control)
    sh("nsenter", f"--net={p.netns}", "ip", "link", "set", "lo", "up")
    listener = p.listen("::" if ":" in address else "0.0.0.0")
    listener.serve()
    client = p.tcp(address)
    client.connect((address, listener.getsockname()[1]))
    assert client.echo() == b"zt-echo"
