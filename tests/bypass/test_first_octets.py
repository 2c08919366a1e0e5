# SPDX-License-Identifier: Apache-2.0
"""Ways around the reader of first octets, each beside its control where no program is."""

import errno
import socket
import struct

import pytest

from test_server_names import (  # fixtures and what they make  # pylint: disable=unused-import
    AI,
    OTHER,
    VAULT,
    WIKI,
    control,
    inside,
    proxy,
    refused,
    resolver,
    told,
    ztad,
)
from zt import dns as zdns
from zt import policy
from zt import world as w
from zt.hello import handshake, hello, records
from zt.puppet import run_in_args
from zt.sh import PYTHON, sh

# pylint: disable=redefined-outer-name
MSG_FASTOPEN = 0x20000000
CUT = (errno.ECONNABORTED, errno.ECONNRESET, errno.EPIPE, errno.ETIMEDOUT)
ALERT = b"\x15\x03\x01\x00\x02\x01\x00"  # a warning, which servers pass over


def bare(name: str) -> bytes:
    """A hello without extensions, for TLS 1.2."""
    m = bytearray(handshake(hello(name, tls12=True)))
    at = 4 + 34
    at += 1 + m[at]
    at += 2 + struct.unpack(">H", m[at : at + 2])[0]
    at += 1 + m[at]
    m[1:4] = struct.pack(">I", at - 4)[1:]
    return records(bytes(m[:at]), 16384)


def two_names(first: str, second: str) -> bytes:
    """Both in one list: (kind 0, length, name) twice."""
    m = bytearray(handshake(hello(first, tls12=True)))
    entry = b"\x00" + struct.pack(">H", len(first)) + first.encode()
    at = m.index(entry)
    more = b"\x00" + struct.pack(">H", len(second)) + second.encode()
    m[at + len(entry) : at + len(entry)] = more
    start = m.index(entry) - 6  # kind, length of the extension, length of the list
    for place in (start + 2, start + 4):
        (n,) = struct.unpack(">H", m[place : place + 2])
        m[place : place + 2] = struct.pack(">H", n + len(more))
    at = 4 + 34
    at += 1 + m[at]
    at += 2 + struct.unpack(">H", m[at : at + 2])[0]
    at += 1 + m[at]
    (n,) = struct.unpack(">H", m[at : at + 2])
    m[at : at + 2] = struct.pack(">H", n + len(more))
    m[1:4] = struct.pack(">I", len(m) - 4)[1:]
    return records(bytes(m), 16384)


ON_A_NAMES_RULE = {
    "no extensions": (bare(WIKI), "sni-mismatch"),
    "two names": (two_names(WIKI, OTHER), "sni-mismatch"),
    "an alert first": (ALERT + hello(WIKI), "sni-mismatch"),
    "an empty record first": (b"\x16\x03\x01\x00\x00" + hello(WIKI), "sni-mismatch"),
    "plain octets first": ([b"EHLO x\r\n", hello(WIKI)], "sni-mismatch"),
    "SSLv2": (b"\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x10" + bytes(37), "sni-mismatch"),
}


@pytest.mark.parametrize("what", ON_A_NAMES_RULE)
def test_on_a_names_rule(inside, control, what):
    data, reason = ON_A_NAMES_RULE[what]
    for c in (inside, control):
        c.look_up("named", WIKI)
    assert inside.passes("named", w.PUBLIC, hello(WIKI))
    assert control.passes("named", w.PUBLIC, data)
    seq = inside.ztad.last_seq()
    assert not inside.passes("named", w.PUBLIC, data)
    assert told(inside, seq, reason)["verdict"] == "deny"


@pytest.mark.parametrize("before", [ALERT, b"\x14\x03\x03\x00\x01\x01"], ids=["alert", "ccs"])
def test_another_services_name_behind_a_record_that_servers_skip(inside, control, before):
    assert control.passes("app", w.PE, before + hello(VAULT))
    refused(inside, "app", w.PE, before + hello(VAULT), "malformed")


def test_plain_octets_then_tls_elsewhere(inside):
    assert inside.passes("wide", w.PUBLIC, [b"EHLO x\r\n", hello(OTHER)])
    assert inside.passes("app", w.DATABASE, [b"\x00\x00\x00\x08\x04\xd2\x16\x2f", hello("db.example")])


def test_an_urgent_octet_inside_the_hello(inside, control):
    def passes(c) -> bool:
        c.look_up("named", WIKI)
        s = c.troupe.get("named", c.control).tcp(w.PUBLIC)
        try:
            s.settimeout(5)
            s.connect((w.PUBLIC, c.world.port()))
            h = hello(WIKI)
            s.send(h[:60])
            s.send(b"x", socket.MSG_OOB)
            s.send(h[60:])
            got = 0
            while got < len(h):
                more = s.recv(65536)
                if not more:
                    return False
                got += len(more)
            return True
        except OSError as e:
            assert e.errno in CUT
            return False
        finally:
            s.close()

    assert passes(control)
    seq = inside.ztad.last_seq()
    assert not passes(inside)
    assert told(inside, seq, "malformed")


def seen_in_public(world, mark: int, octets: bytes) -> bool:
    world.settle()
    return any(octets in p.payload for p in world.pub.sniffer.since(mark))


def test_a_hello_in_the_syn(inside, control, world):
    """TCP Fast Open, without a cookie as the test network allows."""
    h = hello(AI)

    def fast_open(c) -> bool:
        s = c.troupe.get("wide", c.control).tcp(w.PUBLIC)
        mark = world.pub.sniffer.mark()
        s.settimeout(1)
        try:
            s.sendto(h, MSG_FASTOPEN, (w.PUBLIC, world.port()))
            s.recv(1)
        except OSError:
            pass
        finally:
            s.close()
        return seen_in_public(world, mark, AI.encode())

    assert fast_open(control)
    seq = inside.ztad.last_seq()
    assert not fast_open(inside)
    assert told(inside, seq, "sni-public")["server_name"] == AI


def test_the_second_connection_of_a_socket(inside, control, world):
    def second(c, name: str) -> bool:
        s = c.troupe.get("wide", c.control).tcp(w.PUBLIC)
        s.settimeout(5)
        try:
            s.connect((w.PUBLIC, world.port()))
            s.echo(hello(OTHER))
            s.disconnect()
            s.connect((w.PUBLIC, world.port()))
            s.echo(hello(name))
            return True
        except OSError as e:
            assert e.errno in CUT
            return False
        finally:
            s.close()

    assert second(control, AI)
    assert second(inside, OTHER)
    seq = inside.ztad.last_seq()
    assert not second(inside, AI)
    assert told(inside, seq, "sni-public")


_WAYS = {
    "sendfile": """
f = tempfile.TemporaryFile()
f.write(data)
f.flush()
os.sendfile(s.fileno(), f.fileno(), 0, len(data))
""",
    "splice": """
r, w = os.pipe()
os.write(w, data)
os.splice(r, s.fileno(), len(data))
""",
    "writev": "os.writev(s.fileno(), [data[i:i + 1] for i in range(len(data))])",
    "MSG_MORE": """
for i in range(len(data)):
    s.send(data[i:i + 1], socket.MSG_MORE if i < len(data) - 1 else 0)
""",
}
_PROGRAM = """
import os, socket, struct, sys, tempfile
data, port = bytes.fromhex(sys.argv[2]), int(sys.argv[3])
s = socket.socket()
s.settimeout(3)
if sys.argv[4] == "full":  # signing keys for peers it never calls take all there is
    for n in range(4096):
        peer = struct.pack("=HHBBH120x", 2, 0, 10, 255, n)
        try:
            s.setsockopt(6, 14, struct.pack("=128sBBHi80s", peer, 0, 0, 8, 0, b"k" * 8))
        except OSError:
            break
got = b""
try:
    s.connect((sys.argv[1], port))
    exec(sys.argv[5])
    while len(got) < len(data):
        more = s.recv(65536)
        if not more:
            break
        got += more
except OSError:
    pass
print("passes" if got == data else "cut")
"""


def sends(c, profile: str, name: str, way: str, memory: str = "-") -> bool:
    c.look_up(profile, WIKI)
    group = c.troupe.group(profile, c.control)
    said = sh(
        *run_in_args(group, c.world.machine.path), PYTHON, "-c", _PROGRAM,
        w.PUBLIC, hello(name).hex(), c.world.port(), memory, way,
    )  # fmt: skip
    return said == "passes\n"


@pytest.mark.parametrize("way", _WAYS)
def test_other_ways_to_send(inside, control, way):
    assert sends(control, "wide", AI, _WAYS[way])
    assert sends(inside, "wide", OTHER, _WAYS[way])
    seq = inside.ztad.last_seq()
    assert not sends(inside, "wide", AI, _WAYS[way])
    assert told(inside, seq, "sni-public")["verdict"] == "deny"


def test_a_socket_without_memory_for_a_reader(inside, control):
    """Closed where policy denies by default, whatever it says; elsewhere nothing is read of it."""
    way = "s.sendall(data)"
    assert sends(control, "named", WIKI, way, "full")
    assert sends(inside, "named", WIKI, way)
    seq = inside.ztad.last_seq()
    assert not sends(inside, "named", WIKI, way, "full")
    assert told(inside, seq, "malformed")["verdict"] == "deny"
    assert sends(inside, "wide", OTHER, way, "full")


@pytest.fixture
def own(inside):
    """The module's daemon, whose policy the test may change."""
    yield inside.ztad
    inside.ztad.apply(policy.server_names(zdns.ADDRESS))


def revised(revision: int, **changes: object) -> dict:
    p = policy.server_names(zdns.ADDRESS)
    p["metadata"]["revision"] = revision
    return {**p, **changes}


@pytest.mark.parametrize("kept", [True, False], ids=["name still listed", "name listed no more"])
def test_a_new_policy_while_a_hello_is_half_sent(inside, own, kept):
    p = revised(2)
    if not kept:
        p["ai_public"]["names"].append("*.example.net")
    s = inside.troupe.get("wide").tcp(w.PUBLIC)
    s.settimeout(5)
    s.connect((w.PUBLIC, inside.world.port()))
    h = hello(OTHER)
    assert s.echo(h[:70]) == h[:70]
    own.apply(p)
    if kept:
        assert s.echo(h[70:]) == h[70:]
    else:
        with pytest.raises(OSError):
            s.echo(h[70:])
    s.close()


def test_in_audit_it_passes_and_is_told(inside, own):
    own.apply(revised(3, mode="audit"))
    seq = own.last_seq()
    assert inside.passes("wide", w.PUBLIC, hello(AI))
    event = told(inside, seq, "sni-public")
    assert (event["verdict"], event["server_name"]) == ("audit", AI)


def test_in_a_pause_it_passes_and_is_told(inside, own):
    own.ctl("pause", "--for", "60s", "--reason", "drill")
    try:
        seq = own.last_seq()
        assert inside.passes("wide", w.PUBLIC, hello(AI))
        assert told(inside, seq, "sni-public")["verdict"] == "audit"
    finally:
        own.ctl("resume")
    assert not inside.passes("wide", w.PUBLIC, hello(AI))


@pytest.mark.parametrize("how", ["audit", "pause"])
def test_what_passed_for_a_while_is_judged_again(inside, own, how):
    """A name that a mode or a pause let pass ends its connection when that is over."""
    if how == "audit":
        own.apply(revised(4, mode="audit"))
    else:
        own.ctl("pause", "--for", "60s", "--reason", "drill")
    flows = {}
    try:
        for name in (AI, OTHER):
            s = flows[name] = inside.troupe.get("wide").tcp()
            s.settimeout(5)
            s.connect((w.PUBLIC, inside.world.port()))
            h = hello(name)
            assert s.echo(h) == h and s.echo() and s.echo()
    finally:
        if how == "pause":
            own.ctl("resume")
        else:
            own.apply(revised(5))
    assert flows[OTHER].echo()
    seq = own.last_seq()
    with pytest.raises(OSError) as e:
        flows[AI].echo()
    assert e.value.errno in (errno.ECONNABORTED, errno.EPIPE)
    own.http("POST", "/v1/flush")  # the same as before is held
    event = told(inside, seq, "sni-public")
    assert (event["verdict"], event["server_name"]) == ("deny", AI)
    for s in flows.values():
        s.close()


def test_quic(inside, control, world):
    """UDP 443 that policy does not list: `quic` for no-ai, an ordinary denial for closed profiles."""
    port = world.port_of(443)

    def answers(c, profile: str, address: str) -> bool:
        s = c.troupe.get(profile, c.control).udp(address)
        s.settimeout(5)
        try:
            s.sendto(b"quic", (address, port))
            return s.recv(64) == b"quic"
        except PermissionError:
            return False
        finally:
            s.close()

    for profile, address, reason in (
        ("noai", w.PUBLIC, "quic"), ("noai", w.PUBLIC6, "quic"), ("noai", w.PRIVATE, "quic"),
        ("named", w.PUBLIC, "public-egress"), ("app", w.PRIVATE, "private-egress"),
    ):  # fmt: skip
        assert answers(control, profile, address)
        seq = inside.ztad.last_seq()
        assert not answers(inside, profile, address)
        event = inside.ztad.wait_event(reason, lambda e, r=reason: e["reason"] == r, seq)
        assert event["destination"]["address"] == address
    assert answers(inside, "app", w.PE), "private link takes UDP as well"
    assert answers(inside, "wide", w.PUBLIC), "nor is it closed where policy allows by default"


def test_while_the_daemon_is_dead(inside, control, world):
    """The last test of the file: nobody closes the connection, but nothing of the name leaves."""
    inside.look_up("named", WIKI)
    inside.ztad.kill()

    def sent(c, profile: str, name: str) -> bool:
        s = c.troupe.get(profile, c.control).tcp(w.PUBLIC)
        mark = world.pub.sniffer.mark()
        s.settimeout(1)
        try:
            s.connect((w.PUBLIC, world.port()))
            s.send(hello(name))
            s.recv(1)
        except OSError:
            pass
        finally:
            s.close()
        return seen_in_public(world, mark, name.encode())

    for profile, name in (("wide", AI), ("named", OTHER)):
        assert sent(control, profile, name)
        assert not sent(inside, profile, name)
    assert sent(inside, "named", WIKI) and sent(inside, "wide", OTHER)
