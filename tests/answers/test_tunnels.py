# SPDX-License-Identifier: Apache-2.0
"""Data carried out in names: under dns.names "listed" no such query leaves."""

import base64
import errno
import os
import socket
import struct
import subprocess

import dns.message
import pytest

from zt import dns as r
from zt import packet
from zt import resolvers as real
from zt import world as w
from zt.answers import fresh_private
from zt.puppet import run_in_args
from zt.sh import PYTHON, wait_for

ZONE = "openai.azure.com"
IP_OPTIONS = 4
UDP_SEGMENT = 103


def tunnel(kind: str = "NULL") -> bytes:
    """As iodine asks: three full labels of data under a domain of its own."""
    data = base64.b32encode(os.urandom(117)).decode().rstrip("=").lower()
    labels = ".".join(data[i : i + 62] for i in range(0, len(data), 62))
    return dns.message.make_query(f"{labels}.t.example.org", kind).to_wire()


def listed_query() -> bytes:
    return dns.message.make_query(real.fresh(ZONE), "A").to_wire()


def framed(*messages: bytes) -> bytes:
    return b"".join(struct.pack(">H", len(m)) + m for m in messages)


class Way:
    """A way to send a query; `tries` are its messages in place of the tunnel's."""

    def __init__(self, fn, tcp=False, reason="name-not-allowed"):
        self.fn, self.tcp, self.reason, self.name = fn, tcp, reason, fn.__name__


WAYS: list[Way] = []


def way(tcp=False, reason="name-not-allowed"):
    def register(fn):
        WAYS.append(Way(fn, tcp, reason))
        return fn

    return register


def udp(p):
    s = p.udp()
    return s


@way()
def sendto_null(p):
    udp(p).sendto(tunnel(), (r.ADDRESS, 53))


@way()
def sendto_txt(p):
    udp(p).sendto(tunnel("TXT"), (r.ADDRESS, 53))


@way()
def connected_cname(p):
    s = udp(p)
    s.connect((r.ADDRESS, 53))
    s.send(tunnel("CNAME"))


@way()
def sendmsg_in_pieces(p):
    m = tunnel()
    udp(p).sendmsg([m[:20], m[20:]], [], 0, (r.ADDRESS, 53))


@way()
def by_ipv6(p):
    p.udp("::").sendto(tunnel(), (r.ADDRESS6, 53))


@way()
def by_a_mapped_address(p):
    p.udp("::").sendto(tunnel(), ("::ffff:" + r.ADDRESS, 53))


@way()
def a_listed_name_below_another(p):
    """The suffix of a listed name in the middle: no end of one."""
    q = dns.message.make_query(f"x.{ZONE}.t.example.org", "A")
    udp(p).sendto(q.to_wire(), (r.ADDRESS, 53))


@way(reason="malformed")
def two_questions_the_first_listed(p):
    q = dns.message.make_query(real.fresh(ZONE), "A")
    q.question += dns.message.from_wire(tunnel()).question
    udp(p).sendto(q.to_wire(), (r.ADDRESS, 53))


@way(reason="malformed")
def a_response(p):
    m = bytearray(tunnel())
    m[2] |= 0x80
    udp(p).sendto(bytes(m), (r.ADDRESS, 53))


@way(reason="malformed")
def no_question(p):
    m = bytearray(tunnel())
    m[5] = 0
    udp(p).sendto(bytes(m), (r.ADDRESS, 53))


@way(reason="malformed")
def an_update(p):
    m = bytearray(tunnel())
    m[2] |= 5 << 3
    udp(p).sendto(bytes(m), (r.ADDRESS, 53))


@way(reason="malformed")
def no_dns_at_all(p):
    udp(p).sendto(b"x" * 400, (r.ADDRESS, 53))


@way(reason="malformed")
def a_few_octets(p):
    udp(p).sendto(b"data", (r.ADDRESS, 53))


@way(reason="malformed")
def with_ip_options(p):
    s = udp(p)
    s.setsockopt(socket.SOL_IP, IP_OPTIONS, b"\x01" * 4)
    s.sendto(tunnel(), (r.ADDRESS, 53))


@way()
def in_fragments(p):
    udp(p).sendto(tunnel() + os.urandom(3000), (r.ADDRESS, 53))


@way(reason="malformed")
def many_in_one_send(p):
    """UDP_SEGMENT: the kernel cuts them apart when every program has run."""
    s, data = udp(p), tunnel()
    s.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, len(data))
    s.sendto(listed_query().ljust(len(data), b"\0") + data, (r.ADDRESS, 53))


@way()
def from_who_got_an_answer_to_another(p):
    """A socket that the resolver seems to have called first (row 2): it shares its port."""
    asks, gets = udp(p), udp(p)
    for s in (asks, gets):
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((w.MACHINE_PE, asks.getsockname()[1]))
    asks.sendto(listed_query(), (r.ADDRESS, 53))
    gets.recv(4096)
    gets.sendto(tunnel(), (r.ADDRESS, 53))


@way(tcp=True)
def by_tcp(p, s):
    s.sendall(framed(tunnel()))


@way(tcp=True)
def by_tcp_behind_a_listed_one(p, s):
    s.sendall(framed(listed_query(), tunnel()))


@way(tcp=True, reason="malformed")
def by_tcp_the_length_alone(p, s):
    m = framed(tunnel())
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    s.sendall(m[:2])
    s.sendall(m[2:])


@way(tcp=True, reason="malformed")
def by_tcp_more_than_is_looked_at(p, s):
    s.sendall(framed(*(listed_query() for _ in range(4)), tunnel()))


@way(tcp=True, reason="malformed")
def by_tcp_with_an_urgent_octet(p, s):
    """The resolver's stream lacks it: it reads other messages than we do."""
    s.send(framed(listed_query()), socket.MSG_OOB)


class Wire:
    """What the resolver's machine received on port 53, tunnels and all."""

    def __init__(self, resolver):
        self.sock = resolver.ns.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        resolver.ns.call(self.sock.bind, ("m0", 3))
        self.sock.setblocking(False)

    def carried(self) -> list[bytes]:
        """Payloads towards port 53 so far."""
        found = []
        while True:
            try:
                p = packet.parse(self.sock.recv(65535))
            except BlockingIOError:
                return found
            if p and p.payload and (p.dport == 53 or p.proto == 44 or not p.dport):
                found.append(p.payload)


@pytest.fixture
def wire(resolver):
    one = Wire(resolver)
    yield one
    one.sock.close()


def play(puppet, one: Way) -> OSError | None:
    s = None
    try:
        if one.tcp:
            s = puppet.tcp()
            s.connect((r.ADDRESS, r.PORT))
            one.fn(puppet, s)
        else:
            one.fn(puppet)
    except OSError as e:
        return e
    finally:
        if s:
            s.close()
    return None


@pytest.mark.parametrize("one", WAYS, ids=lambda x: x.name)
def test_leaves_where_any_name_may_be_asked_for(world, ztad, troupe, wire, one):
    """The control: in a profile without the guard all of it goes out."""
    error = play(troupe.get("open"), one)
    assert not error
    wait_for("it to arrive", wire.carried)


@pytest.mark.parametrize("one", WAYS, ids=lambda x: x.name)
def test_is_refused_under_listed(world, ztad, troupe, resolver, wire, one):
    seq = ztad.last_seq()
    puppet = troupe.get("listed")
    error = play(puppet, one)
    if not one.tcp:
        assert error and error.errno == errno.EPERM, f"expected EPERM, saw {error!r}"
    ztad.http("POST", "/v1/flush")  # the same as before is held
    event = ztad.wait_event(one.name, lambda e: e["reason"] == one.reason, after=seq)
    assert event["type"] == ("egress" if one.fn is with_ip_options else "dns")
    assert event["verdict"] == "deny" and event["workload"]["profile"] == "listed"
    assert event["destination"]["address"] in (r.ADDRESS, r.ADDRESS6)
    # what comes next from the same machine has arrived: nothing before it did
    marker = troupe.get("open").udp()
    marker.sendto(b"marker-marker", (r.ADDRESS, 53))
    seen: list[bytes] = []
    wait_for("the marker", lambda: seen.extend(wire.carried()) or b"marker-marker" in seen)
    marker.close()
    leaked = [p for p in seen if p != b"marker-marker" and b"\x07example\x03org" in p]
    assert not leaked


def test_tcp_ends_after_a_refused_query(world, ztad, troupe, resolver):
    """A living daemon closes the connection: the program does not wait for its time-out."""
    s = troupe.get("listed").tcp()
    s.connect((r.ADDRESS, r.PORT))
    s.sendall(framed(tunnel()))
    with pytest.raises(OSError) as e:
        s.recv(100)
    assert e.value.errno == errno.ECONNABORTED
    s.close()


def test_listed_names_reverse_zones_and_edns_pass(world, ztad, troupe, resolver):
    address = fresh_private()
    name = real.fresh(ZONE)
    resolver.put(name, address)
    p = troupe.get("listed")
    for question in (
        dns.message.make_query(name, "A"),
        dns.message.make_query(name, "HTTPS"),
        dns.message.make_query(name.upper(), "AAAA", use_edns=0, payload=4096),
        dns.message.make_query("4.0.20.10.in-addr.arpa", "PTR"),
        dns.message.make_query("1.0.0.0.ip6.arpa", "PTR"),
    ):
        s = p.udp()
        s.connect((r.ADDRESS, r.PORT))
        s.send(question.to_wire())
        assert s.recv(4096)[:2] == question.to_wire()[:2]
        s.close()
    s = p.tcp()
    s.connect((r.ADDRESS, r.PORT))
    s.sendall(framed(dns.message.make_query(name, "A").to_wire()))
    assert s.recv(4096)
    s.close()


def test_refusals_are_counted(world, ztad, troupe, resolver):
    series = 'zta_decisions_total{verdict="deny",reason="name-not-allowed",profile="listed"}'
    before = ztad.metric(series, 0)
    for _ in range(5):
        play(troupe.get("listed"), WAYS[0])
    assert ztad.metric(series) == before + 5


def test_a_long_name_and_127_labels(world, ztad, troupe, resolver):
    """The longest names there are: asked, refused or learnt like any other."""
    many = ".".join(["a"] * 118) + "." + ZONE  # 252 octets
    long = ".".join(["b" * 63] * 3) + "." + "c" * 43 + "." + ZONE  # 252
    other = ".".join(["a"] * 127)
    p, port = troupe.get("listed"), world.port()
    for name in (many, long):
        address = fresh_private()
        resolver.put(name, address)
        s = p.udp()
        s.connect((r.ADDRESS, r.PORT))
        s.send(dns.message.make_query(name, "A").to_wire())
        assert s.recv(4096)
        s.close()
        s = p.tcp()
        assert s.connect_ex((address, port)) == 0
        s.close()
    with pytest.raises(PermissionError):
        p.udp().sendto(dns.message.make_query(other, "A").to_wire(), (r.ADDRESS, r.PORT))


# two processes, one socket: what one is allowed shall not carry what the other sends
_RACE = """
import os, socket, sys, time
address, seconds = sys.argv[1], float(sys.argv[2])
query = bytes.fromhex(sys.argv[3])
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
end = time.monotonic() + seconds
other = os.fork()
to = (address, 53) if other else ("127.0.0.1", 9)
while time.monotonic() < end:
    for _ in range(100):
        try:
            s.sendto(query, to)
        except OSError:
            pass
if not other:
    os._exit(0)
os.waitpid(other, 0)
"""


def test_a_socket_that_two_share(world, ztad, troupe, wire):
    query = dns.message.make_query("data.t.example.org", "A").to_wire()
    subprocess.run(
        [
            *run_in_args(troupe.group("listed"), world.machine.path), PYTHON, "-S", "-E", "-c",
            _RACE, r.ADDRESS, "4", query.hex(),
        ],
        check=True, timeout=30,
    )  # fmt: skip
    leaked = [p for p in wire.carried() if b"\x07example\x03org" in p]
    assert not leaked
