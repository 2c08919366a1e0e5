# SPDX-License-Identifier: Apache-2.0
"""Programs that people run, each with its own way of asking: their first connection holds."""

from dataclasses import dataclass

import dns.message
import pytest

from zt import dns as r
from zt import resolvers as real
from zt.answers import fresh_private, fresh_public
from zt.sh import PYTHON, helper

ZONE = "openai.azure.com"
OK, REFUSED = "ok", "refused"

_PYTHON = """
import sys, urllib.error, urllib.request
try:
    print(urllib.request.urlopen(sys.argv[1], timeout=5).read().decode())
except urllib.error.URLError as e:
    print("refused" if isinstance(e.reason, PermissionError) else repr(e))
"""
_NODE = """
require("http").get(process.argv[1], a => a.on("data", d => console.log(String(d))))
  .on("error", e => console.log(
    (e.errors || [e]).every(x => x.code == "EPERM") ? "refused" : String(e)))
"""
# c-ares: Node's own resolver, and a connection to what it said
_ARES = """
const u = new URL(process.argv[1]);
require("dns").promises.resolve4(u.hostname).then(found => {
  const s = require("net").connect(u.port, found[0], () => s.write("GET / HTTP/1.0\\r\\n\\r\\n"));
  s.on("data", d => { console.log(String(d).split("\\r\\n\\r\\n")[1]); s.end(); });
  s.on("error", e => console.log(e.code == "EPERM" ? "refused" : String(e)));
}).catch(e => console.log(String(e)));
"""
# asks by TCP, several questions on one connection
_DIG = """
address=$(dig @{server} +tcp +keepopen +short +tries=1 a.$1 A $1 AAAA $1 A | tail -n 1)
exec curl --silent --show-error --max-time 5 "http://$address:$2/" 2>&1
"""


@dataclass
class Program:
    """How to run it; curl's words for EPERM are a connection that failed at once."""

    words: list
    by_tcp: bool = False


def program(kind: str, name: str, port: int) -> Program:
    url = f"http://{name}:{port}/"
    curl = ["curl", "--silent", "--show-error", "--max-time", "5", "--stderr", "-"]
    return {
        "curl": lambda: Program([*curl, url]),
        "python": lambda: Program([PYTHON, "-c", _PYTHON, url]),
        "node": lambda: Program(["node", "-e", _NODE, url]),
        "node-c-ares": lambda: Program(["node", "-e", _ARES, url]),
        "dig-tcp": lambda: Program(
            ["sh", "-c", _DIG.format(server=r.ADDRESS), "sh", name, port], True
        ),
    }[kind]()


def said(done) -> str:
    text = done.stdout.strip()
    if "Couldn't connect to server" in text or "Failed to connect" in text:
        return REFUSED
    return text


PROGRAMS = ("curl", "python", "node", "node-c-ares", "dig-tcp")


@pytest.mark.parametrize("kind", PROGRAMS)
def test_a_linked_zone(world, ztad, resolver, client, kind):
    name = real.fresh(ZONE)
    resolver.cname(name, f"{name}.privatelink.{ZONE}")
    resolver.put(f"{name}.privatelink.{ZONE}", fresh_private())
    p = program(kind, name, world.port())
    assert said(client("app").run(*p.words)) == OK
    assert {how for n, _, how in resolver.asked if n == name} == {"tcp" if p.by_tcp else "udp"}


@pytest.mark.parametrize("kind", PROGRAMS)
def test_a_zone_that_is_not_linked(world, ztad, resolver, client, kind):
    name, address = real.fresh(ZONE), fresh_public()
    resolver.put(name, address)
    p = program(kind, name, world.port())
    seq = ztad.last_seq()
    assert said(client("open", control=True).run(*p.words)) == OK
    assert said(client("open").run(*p.words)) == REFUSED
    for type_ in ("dns", "egress"):
        event = ztad.wait_event(type_, lambda e, t=type_: e["type"] == t, after=seq)
        assert event["reason"] == "resolves-public"
        assert event["destination"]["address"] == address
        assert event["destination"]["name"] == name


@pytest.mark.parametrize("libc", ["glibc", "musl"])
def test_a_library_that_asks_for_both_families_at_once(world, ztad, resolver, client, libc):
    name = real.fresh(ZONE)
    address = fresh_private()
    resolver.put(name, address, "fd00:20::4")
    found = client("app").lookup(name, world.port(), libc)
    assert sorted(found.tried) == [(address, 0), ("fd00:20::4", 0)]


def test_a_name_in_capitals_with_a_dot_behind(world, ztad, resolver, client):
    name, address = real.fresh(ZONE), fresh_private()
    resolver.put(name, address)
    assert client("app").lookup(name.upper() + ".", world.port()).tried == [(address, 0)]


def test_letters_of_mixed_case_for_safety(world, ztad, troupe, resolver):
    """0x20: a resolver repeats the letters as asked; ours are compared without their case."""
    name, address = real.fresh(ZONE), fresh_private()
    resolver.put(name, address)
    app, port = troupe.get("app"), world.port()
    s = app.udp()
    s.connect((r.ADDRESS, r.PORT))
    s.send(dns.message.make_query(name.replace("openai", "oPeNaI"), "A").to_wire())
    assert b"oPeNaI" in s.recv(4096)
    s.close()
    t = app.tcp()
    t.connect((address, port))
    t.close()


def test_a_daemon_of_a_machine_asks_for_others(world, ztad, resolver, client):
    """One process looks up, another connects (nscd, a stub on loopback): what counts is where."""
    name, address = real.fresh(ZONE), fresh_private()
    resolver.put(name, address)
    port = world.port()
    assert client("free").run("dig", f"@{r.ADDRESS}", "+short", name).stdout.split() == [address]
    done = client("app").run(helper("lookup"), address, port)
    assert done.stdout.splitlines()[1:] == [f"{address} 0"]
