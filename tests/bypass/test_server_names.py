# SPDX-License-Identifier: Apache-2.0
"""Server names and proxy requests: what the first octets of a connection may say, however sent."""

import errno
import socket
import time

import dns.message
import pytest

from zt import dns as zdns
from zt import policy
from zt import world as w
from zt.daemon import Daemon
from zt.hello import ECH, KEY_SHARE_LIKE, handshake, hello, records, with_extension

PROXY, PROXY_PORT = policy.PROXY, policy.PROXY_PORTS[0]
OPENAI, VAULT = "my.openai.azure.com", "my.vault.azure.net"
WIKI, OTHER = "en.wikipedia.org", "www.example.net"
AI = "api.example-ai.com"
MIXED = "mixed.example.org"


@pytest.fixture(scope="module")
def resolver(world):
    r = zdns.Resolver(world)
    for name in (WIKI, "plain.example.org", OTHER, MIXED, AI):
        r.put(name, w.PUBLIC)
    r.put("other.wikipedia.org", w.PUBLIC_B)
    yield r
    r.close()


@pytest.fixture(scope="module")
def ztad(world, cgroups, resolver):
    d = Daemon(world.machine, cgroups)
    try:
        d.write_policy(policy.server_names(zdns.ADDRESS))
        yield d.start()
    finally:
        d.close()


@pytest.fixture(scope="module")
def proxy(world):
    """Takes what comes to the proxy's port, and echoes it."""
    world.port_of(PROXY_PORT)


class Client:
    def __init__(self, ztad, troupe, world, control):
        self.ztad, self.troupe, self.world, self.control = ztad, troupe, world, control

    def look_up(self, profile: str, name: str) -> None:
        p = self.troupe.get(profile, self.control)
        s = p.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.settimeout(5)
        s.connect((zdns.ADDRESS, 53))
        s.send(dns.message.make_query(name, "A").to_wire())
        s.recv(4096)
        s.close()

    def passes(
        self, profile: str, address: str, data: bytes | list[bytes], port: int = 0, proto: int = 0
    ) -> bool:
        """Connect, send the pieces; did all of them come back?"""
        if not port:
            port = self.world.port()
        pieces = data if isinstance(data, list) else [data]
        p = self.troupe.get(profile, self.control)
        s = p.socket(socket.AF_INET, socket.SOCK_STREAM, proto)
        s.settimeout(5)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        s.connect((address, port))
        want, got = sum(map(len, pieces)), 0
        try:
            for piece in pieces:
                s.send(piece)
            while got < want:
                more = s.recv(65536)
                if not more:
                    return False
                got += len(more)
            return True
        except OSError as e:
            if e.errno not in (errno.ECONNABORTED, errno.ECONNRESET, errno.EPIPE):
                raise
            return False
        finally:
            s.close()


@pytest.fixture
def inside(ztad, troupe, world, proxy):
    return Client(ztad, troupe, world, False)


@pytest.fixture
def control(ztad, troupe, world, proxy):
    return Client(ztad, troupe, world, True)


def told(client, seq, reason=None):
    client.ztad.http("POST", "/v1/flush")
    return client.ztad.wait_event(
        f"tls {reason}",
        lambda e: e["type"] == "tls" and (reason is None or e["reason"] == reason),
        seq,
    )


def refused(client, profile, address, data, reason, name=None, port=0):
    seq = client.ztad.last_seq()
    start = time.monotonic()
    assert not client.passes(profile, address, data, port)
    assert time.monotonic() - start < 4, "a denied connection is closed, not left to time out"
    event = told(client, seq, reason)
    assert event["verdict"] == "deny"
    assert event.get("server_name") == name
    return event


# --- private link

def test_the_services_own_name(inside):
    assert inside.passes("wide", w.PE, hello(OPENAI))
    assert inside.passes("app", w.PE, hello(OPENAI, tls12=True))
    assert inside.passes("app", w.PE, hello(None)), "no server name says nothing"
    assert inside.passes("app", w.PE, b"GET / HTTP/1.1\r\n\r\n"), "nor does anything but TLS"


def test_another_services_name_on_private_link(inside, control):
    assert control.passes("app", w.PE, hello(VAULT))
    refused(inside, "app", w.PE, hello(VAULT), "sni-mismatch", VAULT)


# --- elsewhere

@pytest.mark.parametrize("profile", ["wide", "noai"])
def test_ai_names_in_public(inside, control, profile):
    assert control.passes(profile, w.PUBLIC, hello(AI))
    refused(inside, profile, w.PUBLIC, hello(AI), "sni-public", AI)
    refused(inside, profile, w.PUBLIC, hello(AI.upper()), "sni-public", AI)


def test_service_names_in_public(inside, control):
    assert control.passes("wide", w.PUBLIC, hello(OPENAI))
    refused(inside, "wide", w.PUBLIC, hello(OPENAI), "sni-public", OPENAI)
    assert inside.passes("wide", w.PUBLIC, hello(VAULT)), "enforced for its users only"
    assert inside.passes("wide", w.PUBLIC, hello(OTHER))


def ech(name):
    return with_extension(hello(name), ECH, b"\x00" * 40)


def test_ech(inside, control):
    assert control.passes("noai", w.PUBLIC, ech(OTHER))
    refused(inside, "noai", w.PUBLIC, ech(OTHER), "ech", OTHER)
    assert inside.passes("wide", w.PUBLIC, ech(OTHER))
    assert inside.passes("app", w.PE, ech(OPENAI)), "not on private link"


# --- `names` rules

def test_a_names_rule_wants_its_name(inside):
    for name in (WIKI, "plain.example.org"):
        inside.look_up("named", name)
    assert inside.passes("named", w.PUBLIC, hello(WIKI))
    refused(inside, "named", w.PUBLIC, hello(OTHER), "sni-mismatch", OTHER)


@pytest.mark.parametrize(
    "what", [b"GET / HTTP/1.1\r\n\r\n", b"\x00", hello(None), ech(WIKI)], ids=["http", "nul", "no name", "ech"]
)
def test_a_names_rule_wants_a_hello(inside, control, resolver, what):
    resolver.put("only.wikipedia.org", w.PUBLIC_B)
    for c in (inside, control):
        c.look_up("named", "only.wikipedia.org")
    assert control.passes("named", w.PUBLIC_B, what)
    seq = inside.ztad.last_seq()
    assert not inside.passes("named", w.PUBLIC_B, what)
    assert told(inside, seq, "sni-mismatch")


# --- MPTCP: the kernel makes the socket that sends
MPTCP = 262


def test_names_over_mptcp(inside, control, resolver):
    resolver.put("subflow.wikipedia.org", w.PUBLIC_B)
    resolver.put(OPENAI, w.PE)
    for name in ("subflow.wikipedia.org", OPENAI):
        inside.look_up("named", name)
    good, bad = hello("subflow.wikipedia.org"), hello(OTHER)
    assert control.passes("named", w.PUBLIC_B, bad, proto=MPTCP)
    assert inside.passes("named", w.PUBLIC_B, good, proto=MPTCP)
    assert inside.passes("named", w.PE, hello(OPENAI), proto=MPTCP)
    assert not inside.passes("named", w.PUBLIC_B, bad, proto=MPTCP)
    assert not inside.passes("wide", w.PUBLIC, hello(AI), proto=MPTCP)


# --- in pieces

BIG = with_extension(hello(AI), KEY_SHARE_LIKE, bytes(1800), front=True)
PIECES = {
    "one octet each": [bytes([b]) for b in hello(AI)],
    "post-quantum": BIG,
    "post-quantum, MTU sized": [BIG[:1400], BIG[1400:]],
    "records of 7": records(handshake(hello(AI)), 7),
    "records of 1": records(handshake(hello(AI)), 1),
    "records of 64 in pieces of 3": [
        records(handshake(BIG), 64)[i : i + 3] for i in range(0, len(records(handshake(BIG), 64)), 3)
    ],
    "12 KiB": with_extension(hello(AI), KEY_SHARE_LIKE, bytes(12000), front=True),
}


@pytest.mark.parametrize("how", PIECES)
def test_a_hello_in_pieces(inside, control, how):
    assert control.passes("wide", w.PUBLIC, PIECES[how])
    refused(inside, "wide", w.PUBLIC, PIECES[how], "sni-public", AI)


@pytest.mark.parametrize("how", ["one octet each", "post-quantum, MTU sized", "records of 7"])
def test_an_ordinary_hello_in_pieces(inside, how):
    big = with_extension(hello(OTHER), KEY_SHARE_LIKE, bytes(1800), front=True)
    data = {
        "one octet each": [bytes([b]) for b in hello(OTHER)],
        "post-quantum, MTU sized": [big[:1400], big[1400:]],
        "records of 7": records(handshake(hello(OTHER)), 7),
    }[how]
    assert inside.passes("wide", w.PUBLIC, data)


@pytest.mark.parametrize("cut", range(1, len(hello(AI)), 13))
def test_a_hello_split_anywhere(inside, cut):
    h = hello(AI)
    assert not inside.passes("wide", w.PUBLIC, [h[:cut], h[cut:]])


def test_a_hello_of_64_kib(inside, control):
    h = handshake(hello(OTHER))
    endless = records(h[:1] + b"\x00\xff\xff" + h[4:] + bytes(65535), 16000)
    assert control.passes("named", w.PE, endless)
    seq = inside.ztad.last_seq()
    inside.look_up("named", WIKI)
    assert not inside.passes("named", w.PUBLIC, endless), "closed for deny profiles"
    assert told(inside, seq)
    assert inside.passes("wide", w.PUBLIC, endless), "open for others"


# --- proxies

def connect(name, port=443):
    return f"CONNECT {name}:{port} HTTP/1.1\r\nHost: {name}\r\nUser-Agent: x\r\n\r\n".encode()


def test_a_proxy_rule(inside):
    assert inside.passes("named", PROXY, [connect(WIKI), hello(WIKI)], PROXY_PORT)
    assert inside.passes("wide", PROXY, [connect(OTHER), hello(OTHER)], PROXY_PORT)


@pytest.mark.parametrize("profile", ["wide", "noai", "named"])
def test_ai_through_a_proxy(inside, control, profile):
    assert control.passes(profile, PROXY, connect(AI), PROXY_PORT)
    refused(inside, profile, PROXY, connect(AI), "proxy-ai", AI, PROXY_PORT)


def test_ai_inside_a_tunnel(inside, control):
    data = [connect(OTHER), hello(AI)]
    assert control.passes("wide", PROXY, data, PROXY_PORT)
    refused(inside, "wide", PROXY, data, "proxy-ai", AI, PROXY_PORT)


NOT_BY_THE_RULE = {
    "another name": connect(OTHER),
    "another port": connect(WIKI, 22),
    "absolute form": f"GET http://{WIKI}/ HTTP/1.1\r\n\r\n".encode(),
    "socks5": b"\x05\x01\x00",
    "socks4": b"\x04\x01\x01\xbb\x01\x02\x03\x04\x00",
    "tls to the proxy": hello("proxy.corp.example"),
    "h2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a password before it": b"CONNECT en.wikipedia.org:443@www.example.net:443 HTTP/1.1\r\n\r\n",
    "a port like a name": b"CONNECT www.example.net:443/en.wikipedia.org HTTP/1.1\r\n\r\n",
}


@pytest.mark.parametrize("what", NOT_BY_THE_RULE)
def test_a_proxy_rule_is_for_its_names(inside, control, what):
    data = NOT_BY_THE_RULE[what]
    assert control.passes("named", PROXY, data, PROXY_PORT)
    seq = inside.ztad.last_seq()
    assert not inside.passes("named", PROXY, data, PROXY_PORT)
    assert told(inside, seq, "proxy-name")


@pytest.mark.parametrize("cut", range(1, len(connect(AI)), 7))
def test_a_connect_split_anywhere(inside, cut):
    c = connect(AI)
    assert not inside.passes("wide", PROXY, [c[:cut], c[cut:]], PROXY_PORT)


def test_absolute_form_of_others(inside):
    get = "GET http://{}/ HTTP/1.1\r\n\r\n"
    assert inside.passes("wide", PROXY, get.format(OTHER).encode(), PROXY_PORT)
    refused(inside, "wide", PROXY, get.format(AI).encode(), "proxy-ai", AI, PROXY_PORT)
