# SPDX-License-Identifier: Apache-2.0
"""Answers that are not to be believed. Each attempt runs beside an honest one, which is.

An attempt has a workload's socket with a question on its way, the wire from the resolver's side, and
an address inside the fence. Believed means that a connection to the address opens.
"""

import errno
import socket
import struct
from typing import Callable

import dns.message
import dns.rdatatype
import dns.rrset
import pytest

from zt import dns as r
from zt import packet
from zt import resolvers as real
from zt import world as w
from zt.answers import fresh_private
from zt.sh import wait_for

ZONE = "openai.azure.com"
STRANGER = "10.45.0.99"  # in the resolver's network, listed nowhere


def reply_to(query: bytes, address: str, name: str = "", kind: str = "A") -> dns.message.Message:
    """What an honest resolver says, or one that answers with another name's record."""
    q = dns.message.from_wire(query)
    reply = dns.message.make_response(q, recursion_available=True)
    owner = (name or q.question[0].name.to_text(omit_final_dot=True)) + "."
    reply.answer.append(dns.rrset.from_text(owner, 60, "IN", kind, address))
    return reply


class Table:
    """Who plays: a workload's UDP socket, and a wire on which anybody may speak."""

    def __init__(self, world, puppet, resolver):
        self.world, self.puppet, self.resolver = world, puppet, resolver
        resolver.silent = True
        self.name, self.address = real.fresh(ZONE), fresh_private()
        self.sock = puppet.udp()
        self.sock.bind((w.MACHINE_PE, 0))
        self.port = self.sock.getsockname()[1]
        self.wire = resolver.ns.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)

    def ask(self, name: str = "", kind: str = "A", sock=None) -> bytes:
        """A question on its way; the message."""
        query = dns.message.make_query(name or self.name, kind).to_wire()
        before = len(self.resolver.asked)
        (sock or self.sock).sendto(query, (r.ADDRESS, r.PORT))
        wait_for("the question", lambda: len(self.resolver.asked) > before)
        return query

    def say(self, message, source: str = r.ADDRESS, sport: int = r.PORT, port: int = 0) -> bytes:
        """A message to the workload's socket, from anybody; back when the socket has it."""
        data = message if isinstance(message, bytes) else message.to_wire()
        body = packet.udp(source, w.MACHINE_PE, sport, port or self.port, data)
        self.wire.sendto(packet.ipv4(source, w.MACHINE_PE, 17, body), (w.MACHINE_PE, 0))
        return self.sock.recv(65535) if not port else b""

    def opens(self, address: str = "", puppet=None) -> bool:
        s = (puppet or self.puppet).tcp()
        try:
            code = s.connect_ex((address or self.address, self.world.port()))
        finally:
            s.close()
        assert code in (0, errno.EPERM), code
        return code == 0

    def close(self) -> None:
        self.wire.close()
        self.sock.close()


@pytest.fixture
def table(world, ztad, troupe, resolver):
    t = Table(world, troupe.get("app"), resolver)
    yield t
    t.close()


FORGERIES: list[Callable[[Table], object]] = []


def forgery(fn):
    FORGERIES.append(fn)
    return fn


@forgery
def from_a_stranger(t: Table):
    t.say(reply_to(t.ask(), t.address), source=STRANGER)


@forgery
def from_another_port_of_the_resolver(t: Table):
    t.say(reply_to(t.ask(), t.address), sport=5353)


@forgery
def with_another_id(t: Table):
    message = reply_to(t.ask(), t.address)
    message.id ^= 1
    t.say(message)


@forgery
def to_another_question(t: Table):
    query = dns.message.make_query(f"other.{ZONE}", "A")
    query.id = struct.unpack(">H", t.ask()[:2])[0]
    t.say(reply_to(query.to_wire(), t.address))


@forgery
def to_another_type(t: Table):
    query = t.ask(kind="AAAA")
    message = bytearray(reply_to(query, t.address).to_wire())
    at = 12 + len(t.name) + 2
    message[at : at + 2] = struct.pack(">H", dns.rdatatype.A)
    t.say(bytes(message))


@forgery
def that_nobody_asked_for(t: Table):
    t.ask("elsewhere.example.org")  # answers are looked at, from now on
    t.say(reply_to(dns.message.make_query(t.name, "A").to_wire(), t.address))


@forgery
def behind_the_true_one(t: Table):
    query = t.ask()
    t.say(reply_to(query, fresh_private()))
    t.say(reply_to(query, t.address))


@forgery
def on_another_socket(t: Table):
    other = t.puppet.udp()
    query = t.ask(sock=other)
    t.ask("elsewhere.example.org")
    t.say(reply_to(query, t.address))
    other.close()


@forgery
def with_two_questions(t: Table):
    message = reply_to(t.ask(), t.address)
    message.question.append(message.question[0].copy())
    message.question[1].name = dns.message.make_query("b." + ZONE, "A").question[0].name
    t.say(message)


@forgery
def without_a_question(t: Table):
    message = reply_to(t.ask(), t.address)
    message.question.clear()
    t.say(message)


@forgery
def to_a_response_that_was_sent_as_a_query(t: Table):
    response = reply_to(dns.message.make_query(t.name, "A").to_wire(), t.address).to_wire()
    before = len(t.resolver.asked)
    t.sock.sendto(response, (r.ADDRESS, r.PORT))
    t.ask("elsewhere.example.org")
    assert len(t.resolver.asked) > before
    t.say(response)


@forgery
def that_is_a_question_again(t: Table):
    message = bytearray(reply_to(t.ask(), t.address).to_wire())
    message[2] &= 0x7F
    t.say(bytes(message))


@forgery
def with_another_names_record(t: Table):
    t.say(reply_to(t.ask("elsewhere.example.org"), t.address, t.name))


@forgery
def with_a_record_beside_the_chain(t: Table):
    query = t.ask()
    message = reply_to(query, f"c.{ZONE}.", kind="CNAME")
    message.answer.append(dns.rrset.from_text(f"d.{ZONE}.", 60, "IN", "A", t.address))
    t.say(message)


@forgery
def with_the_chain_in_the_wrong_order(t: Table):
    """Who reads once, in order, believes the chain as far as it goes."""
    query = t.ask()
    message = reply_to(query, t.address, f"c.{ZONE}")
    message.answer.append(
        dns.rrset.from_text(f"{t.name}.", 60, "IN", "CNAME", f"c.{ZONE}.")
    )
    t.say(message)


@forgery
def with_extra_records(t: Table):
    query = t.ask("elsewhere.example.org")
    message = reply_to(query, "10.99.99.99")
    extra = dns.rrset.from_text(f"{t.name}.", 60, "IN", "A", t.address)
    message.authority.append(extra)
    message.additional.append(extra)
    t.say(message)


@forgery
def of_another_class(t: Table):
    message = bytearray(reply_to(t.ask(), t.address).to_wire())
    at = len(message) - 4 - 2 - 4 - 2
    assert message[at : at + 2] == b"\0\1"
    message[at + 1] = 3  # CHAOS
    t.say(bytes(message))


@forgery
def with_an_address_of_five_octets(t: Table):
    message = reply_to(t.ask(), t.address).to_wire()
    at = len(message) - 6
    t.say(message[:at] + b"\0\5" + message[at + 2 :] + b"\0")


@forgery
def cut_inside_the_address(t: Table):
    t.say(reply_to(t.ask(), t.address).to_wire()[:-1])


@forgery
def of_an_opcode_that_is_no_query(t: Table):
    message = bytearray(reply_to(t.ask(), t.address).to_wire())
    message[2] |= 0x20
    t.say(bytes(message))


@pytest.mark.parametrize("forged", FORGERIES, ids=lambda f: f.__name__)
def test_an_answer_is_not_believed(table, forged):
    forged(table)
    assert not table.opens(), "a forged answer opened an address"


@pytest.mark.parametrize("forged", FORGERIES[:4], ids=lambda f: f.__name__)
def test_who_races_does_not_keep_the_true_one_out(table, forged):
    """The control, too: the same bytes from the right place are believed."""
    forged(table)
    query = table.ask()
    true = fresh_private()
    table.say(reply_to(query, true))
    assert table.opens(true) and not table.opens()


def test_the_honest_answer_is_believed(table):
    table.say(reply_to(table.ask(), table.address))
    assert table.opens()


def test_many_questions_of_one_socket_wait_at_once(table):
    asked = [(table.ask(real.fresh(ZONE)), fresh_private()) for _ in range(5)]
    for query, address in reversed(asked):
        table.say(reply_to(query, address))
        assert table.opens(address)


@pytest.mark.parametrize("waiting", (0, 2))
def test_a_second_answer_is_not_believed(table, waiting):
    for _ in range(waiting):
        table.ask(real.fresh(ZONE))
    query, second = table.ask(), fresh_private()
    table.say(reply_to(query, table.address))
    table.say(reply_to(query, second))
    assert table.opens() and not table.opens(second)


def test_forged_through_lo_from_the_resolvers_address(world, ztad, troupe, table):
    """IP_TRANSPARENT lends any address to who may; what it says goes through lo."""
    free = troupe.get("open")
    liar = free.udp()
    liar.setsockopt(socket.SOL_IP, 19, 1)  # IP_TRANSPARENT
    liar.bind((r.ADDRESS, r.PORT))
    query = table.ask()
    liar.sendto(reply_to(query, table.address).to_wire(), (w.MACHINE_PE, table.port))
    assert table.sock.recv(4096)[:2] == query[:2]
    liar.close()
    assert not table.opens()


def test_nobody_makes_an_address_ai_public_for_others(world, ztad, troupe, table):
    """A forged answer for a public AI's name, about somebody else's database."""
    liar = troupe.get("open").udp()
    liar.setsockopt(socket.SOL_IP, 19, 1)
    liar.bind((r.ADDRESS, r.PORT))
    query = table.ask("kv.vault.azure.net")
    liar.sendto(reply_to(query, w.DATABASE).to_wire(), (w.MACHINE_PE, table.port))
    table.sock.recv(4096)
    liar.close()
    assert table.opens(w.DATABASE)
    named = {e["address"] for e in ztad.ctl("names")}
    assert w.DATABASE not in named


def test_private_and_public_in_one_answer(table):
    address, outside = table.address, "20.64.200.7"
    message = reply_to(table.ask(), address)
    message.answer[0].add(dns.rrset.from_text("x.", 60, "IN", "A", outside)[0])
    table.say(message)
    assert table.opens(address) and not table.opens(outside)


@pytest.mark.parametrize("n", [0, 1, 100, 101])
def test_as_many_addresses_as_an_answer_may_have(table, n):
    table.resolver.silent = False
    table.resolver.put(table.name, *(fresh_private() for _ in range(n)))
    table.ask()
    answer = dns.message.from_wire(table.sock.recv(65535)).answer
    in_order = [record.address for record in answer[0]] if n else []
    assert len(in_order) == n
    opened = [table.opens(a) for a in in_order[-3:]]
    assert opened == ([True, True, False] if n == 101 else [True] * len(opened))


def test_an_answer_later_than_anybody_waits(world, ztad, table):
    """After a new question of the same socket under another id the old one may still come."""
    first = table.ask()
    table.ask()
    table.say(reply_to(first, table.address))
    assert table.opens()  # asked, and answered by the resolver: it counts


@pytest.mark.parametrize("through", ["cmsg", "option"])
def test_a_query_that_its_sender_led_through_lo(world, ztad, troupe, table, through):
    """Whoever may lend itself the resolver's address must not call its answers home by lo."""
    free = troupe.get("open")
    liar = free.udp()
    liar.setsockopt(socket.SOL_IP, 19, 1)  # IP_TRANSPARENT
    liar.bind((r.ADDRESS, r.PORT))
    query = dns.message.make_query(table.name, "A").to_wire()
    lo = 1
    if through == "option":
        table.sock.setsockopt(socket.SOL_IP, 50, struct.pack("!I", lo))  # IP_UNICAST_IF
    info = struct.pack("=I4s4s", lo, bytes(4), bytes(4))
    control = [(socket.SOL_IP, 8, info)] if through == "cmsg" else []  # IP_PKTINFO
    try:
        table.sock.sendmsg([query], control, 0, (r.ADDRESS, r.PORT))
        liar.sendto(reply_to(query, table.address).to_wire(), (w.MACHINE_PE, table.port))
        assert table.sock.recv(4096)[:2] == query[:2]
    finally:
        liar.close()
    assert not table.opens()


@pytest.mark.parametrize("rcode", [2, 4, 5], ids=["servfail", "notimp", "refused"])
def test_another_resolver_answers_after_one_that_cannot(table, rcode):
    """musl asks all resolvers at once, with one socket and one id: the first good answer counts."""
    query = table.ask()
    table.sock.sendto(query, (r.ADDRESS, r.PORT))
    cannot = dns.message.make_response(dns.message.from_wire(query))
    cannot.set_rcode(rcode)
    table.say(cannot)
    table.say(reply_to(query, table.address))
    assert table.opens()


class Stream:
    """A resolver's end of one TCP connection, written by the test piece by piece."""

    def __init__(self, table: Table):
        self.table = table
        table.resolver.ns.ip("addr", "replace", f"{real.ADDRESS}/24", "dev", "m0")
        self.listener = table.resolver.ns.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((real.ADDRESS, r.PORT))
        self.listener.listen(1)
        self.near = table.puppet.tcp()
        self.near.connect((real.ADDRESS, r.PORT))
        self.far = self.listener.accept()[0]
        self.far.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, name: str, kind: str) -> bytes:
        query = dns.message.make_query(name, kind).to_wire()
        self.near.sendall(framed(query))
        assert self.far.recv(4096) == framed(query)
        return query

    def say(self, *pieces: bytes) -> None:
        """Each piece is a segment of its own."""
        for piece in pieces:
            self.far.sendall(piece)
            got = b""
            while len(got) < len(piece):
                got += self.near.recv(65535)

    def close(self) -> None:
        for s in (self.near, self.far, self.listener):
            s.close()


def framed(message: bytes) -> bytes:
    return struct.pack(">H", len(message)) + message


@pytest.fixture
def stream(table):
    s = Stream(table)
    yield s
    s.close()


def test_an_answer_inside_another(table, stream):
    """What stands in a TXT record of the asker's own is no message, wherever a segment begins."""
    text = stream.ask("t.example.org", "TXT")
    inside = framed(reply_to(stream.ask(table.name, "A"), table.address).to_wire())
    whole = dns.message.make_response(dns.message.from_wire(text))
    hexed = "".join(f"\\{b:03d}" for b in b"x" * 20 + inside)
    whole.answer.append(dns.rrset.from_text("t.example.org.", 60, "IN", "TXT", f'"{hexed}"'))
    data = framed(whole.to_wire())
    at = data.index(inside)
    stream.say(data[:at], data[at:])
    assert not table.opens()


def test_answers_behind_one_that_was_split(table, stream):
    """The control: messages are found again where they begin."""
    first, second = stream.ask("t.example.org", "TXT"), stream.ask(table.name, "A")
    long = dns.message.make_response(dns.message.from_wire(first))
    long.answer.append(dns.rrset.from_text("t.example.org.", 60, "IN", "TXT", '"' + "y" * 200 + '"'))
    data, true = framed(long.to_wire()), framed(reply_to(second, table.address).to_wire())
    stream.say(data[:100], data[100:] + true)
    assert table.opens()
    third, address = stream.ask(table.name, "A"), fresh_private()
    stream.say(framed(reply_to(third, address).to_wire()))
    assert table.opens(address)
