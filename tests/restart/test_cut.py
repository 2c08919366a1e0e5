# SPDX-License-Identifier: Apache-2.0
"""What a new policy denies ends with it, however the flow came about; what it still allows goes on."""

import errno
import socket
import struct

import pytest

from zt import packet, policy
from zt import world as w
from zt.sh import wait_for

BEFORE, AFTER = b"zt-before", b"zt-after"
OPEN = ("20.1.2.3/32", "8.8.8.8/32", f"{w.SILENT}/32", f"{w.PUBLIC6}/128")


def document(revision: int, *cidrs: str) -> dict:
    """The suite's policy, by which /app may reach these as well."""
    changed = policy.suite(metadata={"name": "suite", "revision": revision})
    app = next(p for p in changed["profiles"] if p["name"] == "app")
    app["egress"]["rules"] += [{"action": "allow", "cidr": cidr} for cidr in cidrs]
    return changed


class Stage:
    """A workload's puppet, the public peer, and ports that nobody else uses."""

    def __init__(self, world, puppet):
        self.world, self.p, self.port = world, puppet, world.port()
        self.things: list = []

    def far(self, address: str = w.PUBLIC) -> socket.socket:
        """A UDP socket of the public peer's that answers only when told."""
        far = self.world.pub.ns.socket(socket.AF_INET, socket.SOCK_DGRAM)
        far.bind((address, 0))
        far.settimeout(5)
        self.things.append(far)
        return far

    def inject(self, raw: bytes) -> None:
        """An IPv4 packet that comes to the machine from the public peer's cable."""
        pub, m = self.world.pub.ns, self.world.machine
        to = m.ip("-br", "link", "show", "pub0").split()[2]
        own = pub.ip("-br", "link", "show", "m0").split()[2]
        with pub.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800)) as s:
            frame = bytes.fromhex((to + own).replace(":", "")) + b"\x08\x00" + raw
            s.sendto(frame, ("m0", 0x0800))


def tcp(s: Stage):
    sock = s.p.tcp()
    sock.connect((w.PUBLIC, s.port))
    return lambda data: sock.sendall(data)


def tcp6(s: Stage):
    sock = s.p.tcp(w.PUBLIC6)
    sock.connect((w.PUBLIC6, s.port))
    return lambda data: sock.sendall(data)


def tcp_crossed(s: Stage):
    """Both ends send a SYN: the kernel ends that handshake as if the peer had opened it."""
    sock = s.p.tcp()
    sock.bind((w.MACHINE, 0))
    own = sock.getsockname()[1]
    sock.setblocking(False)
    mark = s.world.pub.sniffer.mark()
    assert sock.connect_ex((w.SILENT, s.port)) == errno.EINPROGRESS
    syn = wait_for("the SYN", lambda: s.world.pub.sniffer.since(mark, dport=s.port))[0]
    isn, sent = struct.unpack_from("!I", syn.raw, 24)[0], 0

    def answer(seq: int, ack: int, flags: int) -> None:
        segment = packet.tcp(w.SILENT, w.MACHINE, (s.port, own), (seq, ack), flags)
        s.inject(packet.ipv4(w.SILENT, w.MACHINE, 6, segment))

    def send(data: bytes) -> None:
        nonlocal sent
        sock.sendall(data)
        s.world.settle()
        sent += len(data)
        answer(1001, isn + 1 + sent, 0x10)

    answer(1000, 0, 2)
    answer(1001, isn + 1, 0x10)
    sock.settimeout(5)
    return send


def udp_connected(s: Stage):
    sock = s.p.udp()
    sock.connect((w.PUBLIC, s.port))
    return lambda data: sock.send(data)


def udp(s: Stage):
    """The peer answers each: its answers open nothing."""
    sock = s.p.udp()

    def send(data: bytes) -> None:
        sock.sendto(data, (w.PUBLIC, s.port))
        assert sock.recv(64) == data

    return send


def udp_between_two(s: Stage):
    """Two destinations in turn; the first one's answer comes when the second was called."""
    sock, first, second = s.p.udp(), s.far(w.PUBLIC), s.far(w.PUBLIC_B)
    sock.bind((w.MACHINE, 0))

    def send(data: bytes) -> None:
        for far in (first, second):
            sock.sendto(data, far.getsockname())
        for far in (first, second):
            got, source = far.recvfrom(64)
            far.sendto(got, source)
            assert sock.recv(64) == data

    s.port = first.getsockname()[1]
    return send


def udp_disconnected(s: Stage):
    """Connected, then not any more, while the peer goes on sending."""
    sock, far = s.p.udp(), s.far()
    sock.bind((w.MACHINE, s.port))
    s.port = far.getsockname()[1]
    sock.connect(far.getsockname())
    sock.send(b"hello")
    _, source = far.recvfrom(64)
    sock.disconnect()

    def send(data: bytes) -> None:
        far.sendto(b"more", source)
        assert sock.recv(64) == b"more"
        sock.sendto(data, far.getsockname())

    return send


WAYS = [tcp, tcp6, tcp_crossed, udp, udp_connected, udp_between_two, udp_disconnected]


@pytest.fixture(params=WAYS, ids=[way.__name__ for way in WAYS])
def flow(request, daemon, world, troupe):
    """(stage, send): a flow that the policy in force allows, and that was seen to arrive."""
    daemon.write_policy(document(1, *OPEN))
    daemon.start()
    stage = Stage(world, troupe.new("app"))
    mark = world.pub.sniffer.mark()
    send = request.param(stage)
    send(BEFORE)
    assert arrived(stage, mark, BEFORE), "it never worked"
    yield stage, send
    for thing in stage.things:
        thing.close()
    stage.p.close()


def arrived(stage: Stage, mark: int, data: bytes) -> list:
    stage.world.settle()
    return [p for p in stage.world.pub.sniffer.since(mark, dport=stage.port) if p.payload == data]


def test_cut_by_a_policy_that_denies_it(flow, daemon):
    stage, send = flow
    daemon.apply(document(2))
    mark = stage.world.pub.sniffer.mark()
    for _ in range(2):
        try:
            send(AFTER)
        except OSError:
            pass
        assert not arrived(stage, mark, AFTER)


def test_goes_on_under_a_policy_that_allows_it_too(flow, daemon):
    stage, send = flow
    daemon.apply(document(2, *reversed(OPEN)))
    mark = stage.world.pub.sniffer.mark()
    send(AFTER)
    assert arrived(stage, mark, AFTER)
