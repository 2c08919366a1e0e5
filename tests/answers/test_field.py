# SPDX-License-Identifier: Apache-2.0
"""How names are really set up on machines: none of it may be blocked by mistake."""

import errno
import socket
import subprocess

import dns.message
import pytest

from zt import dns as r
from zt import resolvers as real
from zt import world as w
from zt.answers import document, fresh_private, fresh_public
from zt.puppet import run_in_args
from zt.sh import PYTHON, wait_for

ZONE = "openai.azure.com"
LOCAL_DNS = "169.254.20.10"
NOBODY = 65534

# a sidecar: asks the resolver in its own name
_PROXY = f"""
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 15053))
print("ready", flush=True)
while True:
    query, peer = s.recvfrom(4096)
    up = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    up.settimeout(2)
    up.connect(("{r.ADDRESS}", 53))
    up.send(query)
    s.sendto(up.recv(65535), peer)
"""
_CAPTURE = f"""
table ip zt_sidecar {{
	chain output {{
		type nat hook output priority -100;
		meta skuid != {NOBODY} udp dport 53 redirect to :15053
	}}
}}
"""


def code_of(puppet, address: str, port: int) -> int:
    s = puppet.tcp(address)
    try:
        return s.connect_ex((address, port))
    finally:
        s.close()


# --- one address, several names


def test_two_names_on_one_address(world, ztad, resolver, client):
    """A CDN's address that an AI name shares with an ordinary one stays open where policy is."""
    ai, other, address = real.fresh(ZONE), real.fresh("cdn.example.net"), fresh_public()
    resolver.put(ai, address)
    resolver.put(other, address)
    place, port = client("open"), world.port()
    assert place.lookup(ai, port).errors == {address: errno.EPERM}
    assert place.lookup(other, port).connected == [address]
    found = {e.get("name"): e for e in ztad.ctl("names") if e["address"] == address}
    assert found[ai]["shared"] is True


def test_the_ordinary_name_first(world, ztad, resolver, client, troupe):
    """And a connection that lives does not end when the AI name turns up on its address."""
    ai, other, address = real.fresh(ZONE), real.fresh("cdn.example.net"), fresh_public()
    resolver.put(ai, address)
    resolver.put(other, address)
    place, port = client("open"), world.port()
    assert place.lookup(other, port).connected == [address]
    flow = troupe.get("open").tcp()
    flow.connect((address, port))
    assert place.lookup(ai, port).connected == [address]
    assert flow.echo() == b"zt-echo"
    flow.close()


def test_four_services_in_one_subnet(world, ztad, resolver, troupe, client):
    """Private end points side by side: a profile's two open, the others' do not."""
    p = document()
    zones = {
        "openai": "openai.azure.com", "vault": "vault.azure.net",
        "search": "search.windows.net", "blob": "blob.core.windows.net",
    }  # fmt: skip
    presets = ("azure-openai", "azure-key-vault", "azure-ai-search", "azure-storage-blob")
    p["services"] = [
        {"name": n, "preset": s, "private_link": ["@pe"], "ports": [443, "20000-29999"]}
        for n, s in zip(zones, presets)
    ]
    ztad.apply(p)
    try:
        pair, port = client("pair"), world.port()
        for service, zone in zones.items():
            name, address = real.fresh(zone), fresh_private()
            resolver.put(name, address)
            seq = ztad.last_seq()
            error = pair.lookup(name, port).errors[address]
            if service in ("openai", "vault"):
                assert error == 0
                continue
            assert error == errno.EPERM
            e = ztad.wait_event("egress", lambda e: e["type"] == "egress", after=seq)
            assert (e["reason"], e["service"]) == ("service-not-allowed", service)
        unnamed, seq = fresh_private(), ztad.last_seq()
        assert code_of(troupe.get("pair"), unnamed, port) == errno.EPERM
        e = ztad.wait_event("egress", lambda e: e["type"] == "egress", after=seq)
        assert e["reason"] == "not-resolved"
    finally:
        ztad.apply(document())


# --- no query, or one that goes elsewhere


def test_hosts_file_entries(world, ztad, client):
    """Ordinary names of a hosts file open what addresses open; a service's need an answer."""
    port, address = world.port(), fresh_private()
    place = client("app")
    place.write("hosts", f"127.0.0.1 localhost\n{w.DATABASE} db\n{address} h.{ZONE}\n")
    assert place.lookup("db", port).connected == [w.DATABASE]
    assert place.lookup(f"h.{ZONE}", port).errors == {address: errno.EPERM}
    free = client("free")
    free.write("hosts", f"{address} h.{ZONE}\n")
    assert free.lookup(f"h.{ZONE}", port).connected == [address]


def test_a_cache_of_ten_minutes(world, ztad, troupe, resolver, client):
    """A JVM keeps an address; an answer of an hour's grace outlives its TTL of a second."""
    resolver.ttl = 1
    name, address = real.fresh(ZONE), fresh_private()
    resolver.put(name, address)
    assert client("app").lookup(name, world.port()).tried == [(address, 0)]
    (kept,) = [e for e in ztad.ctl("names") if e["address"] == address]
    assert 3500 < kept["expires_s"] <= 3600


@pytest.fixture(params=["machine", "pod"])
def captured(request, world, ztad, troupe):
    """nftables sends queries to a sidecar's 127.0.0.1:15053, which asks for everybody.

    In a namespace that is nobody's, answering an own address by UDP takes a profile that allows it
    (row 3 knows the addresses of the machine and of known pods only).
    """
    ns = getattr(world, request.param)
    group = "app-sidecar" if request.param == "machine" else "open-sidecar"
    proxy = subprocess.Popen(  # pylint: disable=consider-using-with
        [*run_in_args(troupe.group(group), ns.path, NOBODY), PYTHON, "-S", "-E", "-c", _PROXY],
        stdout=subprocess.PIPE, cwd="/",
    )  # fmt: skip
    assert proxy.stdout and proxy.stdout.readline() == b"ready\n"
    ns.nft(_CAPTURE)
    yield request.param, group, ns
    ns.nft("delete table ip zt_sidecar")
    proxy.kill()
    proxy.wait()
    proxy.stdout.close()


def test_a_sidecar_that_captures_queries(world, ztad, resolver, client, captured):
    where, group, ns = captured
    name, address, outside = real.fresh(ZONE), fresh_private(), fresh_public()
    resolver.put(name, address)
    resolver.put("b" + name, outside)
    place, port, seq = client(group, netns=ns.path), world.port(), ztad.last_seq()
    assert place.lookup(name, port).tried == [(address, 0)]
    assert place.lookup("b" + name, port).errors == {outside: errno.EPERM}
    told = [e for e in ztad.events(seq) if e["reason"] == "captured-dns"]
    if where == "pod":  # it might be anybody
        ztad.wait_event("captured", lambda e: e["reason"] == "captured-dns", after=seq)
    else:
        assert not told


class Server:
    """A cache on the node: forwards, from an address of the machine's."""

    def __init__(self, world, address: str):
        self.proc = subprocess.Popen(  # pylint: disable=consider-using-with
            [
                *run_in_args(None, world.machine.path), "dnsmasq", "--no-daemon", "--no-hosts",
                "--no-resolv", "--bind-interfaces", f"--listen-address={address}",
                f"--server={r.ADDRESS}", "--user=root", "--pid-file=", "--conf-file=/dev/null",
            ],
            stderr=subprocess.DEVNULL,
        )  # fmt: skip

        def answers() -> bool:
            with world.machine.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                s.settimeout(0.2)
                s.connect((address, 53))
                try:
                    s.send(dns.message.make_query("up.invalid", "A").to_wire())
                    return bool(s.recv(4096))
                except OSError:
                    return False

        wait_for("the node's cache", answers)

    def close(self) -> None:
        self.proc.terminate()
        self.proc.wait(5)


@pytest.mark.parametrize("where", ["machine", "pod"])
def test_a_cache_on_the_node(world, ztad, resolver, client, where):
    """LocalDNS: for pods the next machine, for the host's own programs something on lo."""
    m = world.machine
    server = None
    try:
        m.ip("addr", "add", f"{LOCAL_DNS}/32", "dev", "lo")
        server = Server(world, LOCAL_DNS)
        ztad.apply({**document(), "resolvers": [LOCAL_DNS]})
        place = client(
            f"app-local-{where}", f"nameserver {LOCAL_DNS}\n", getattr(world, where).path
        )
        port = world.port()

        def opens() -> bool:
            name, address = real.fresh(ZONE), fresh_private()
            resolver.put(name, address)
            return place.lookup(name, port).tried == [(address, 0)]

        wait_for("the daemon to know the new address", opens)
        assert all(opens() for _ in range(3))
    finally:
        if server:
            server.close()
        m.ip("addr", "del", f"{LOCAL_DNS}/32", "dev", "lo")
        ztad.apply(document())
