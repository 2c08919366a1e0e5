# SPDX-License-Identifier: Apache-2.0
"""Zones as they come, through unbound and dnsmasq, to a C library's client."""

import errno

import pytest

from zt import resolvers as real
from zt import world as w
from zt.answers import document, fresh_private, fresh_public

ZONE, LINKED = "openai.azure.com", "privatelink.openai.azure.com"
REGION = "cloudapp.azure.com"


@pytest.fixture(scope="module", params=real.KINDS)
def between(request, module_resolver):
    one = real.RealResolver(request.param, module_resolver)
    yield one
    one.close()


@pytest.fixture
def names(between, resolver):
    """A fresh name, its private-link name and the region's name, with the CNAMEs between."""
    name = real.fresh(ZONE)
    label = name.partition(".")[0]
    link, region = f"{label}.{LINKED}", f"{label}.{REGION}"
    resolver.cname(name, link)
    return name, link, region


@pytest.fixture
def app(client):
    return client("app", f"nameserver {real.ADDRESS}\n")


def is_refused(ztad, seq: int, reason: str, address: str) -> dict:
    return ztad.wait_event(
        reason,
        lambda e: e["type"] == "egress"
        and e["reason"] == reason
        and e["destination"]["address"] == address,
        after=seq,
    )


def test_a_linked_zone(world, ztad, resolver, names, app):
    name, link, _ = names
    resolver.put(link, w.PE, w.PE6)
    found = app.lookup(name, world.port())
    assert sorted(found.tried) == [(w.PE, 0), (w.PE6, 0)]


def test_a_zone_that_is_not_linked(world, ztad, resolver, names, app):
    name, link, region = names
    address = fresh_public()
    resolver.cname(link, region)
    resolver.put(region, address)
    seq = ztad.last_seq()
    assert app.lookup(name, world.port()).tried == [(address, errno.EPERM)]
    assert is_refused(ztad, seq, "resolves-public", address)["destination"]["name"] == name
    told = ztad.wait_event("dns", lambda e: e["type"] == "dns", after=seq)
    assert told["answer"]["chain"] == [link, region]
    assert told["answer"]["resolver"] == real.ADDRESS
    assert LINKED in told["hint"]


def test_a_zone_that_is_linked_by_half(world, ztad, resolver, names, app):
    name, link, _ = names
    address = fresh_private()
    resolver.put(link, address, "2600::77")
    seq = ztad.last_seq()
    found = app.lookup(name, world.port())
    assert found.errors == {address: 0, "2600::77": errno.EPERM}
    is_refused(ztad, seq, "resolves-public", "2600::77")


def test_a_chain_of_eight(world, ztad, resolver, names, app):
    name, link, _ = names
    chain = [f"{c}.{link}" for c in "abcdefg"]
    resolver.cname(link, *chain)
    address = fresh_private()
    resolver.put(chain[-1], address)
    assert app.lookup(name, world.port()).tried == [(address, 0)]


def test_a_chain_of_eight_to_the_outside(world, ztad, resolver, names, app):
    name, link, region = names
    chain = [f"{c}.{region}" for c in "abcdefg"]
    resolver.cname(link, *chain)
    address = fresh_public()
    resolver.put(chain[-1], address)
    seq = ztad.last_seq()
    assert app.lookup(name, world.port()).tried == [(address, errno.EPERM)]
    told = ztad.wait_event("dns", lambda e: e["type"] == "dns", after=seq)
    assert told["answer"]["chain"] == [link, *chain]


@pytest.mark.parametrize("libc", ["glibc", "musl"])
def test_a_hundred_addresses_in_turn(world, ztad, resolver, names, app, client, libc):
    """glibc asks again by TCP when an answer is cut short; musl takes what came."""
    name, link, _ = names
    addresses = [fresh_private() for _ in range(100)]
    resolver.put(link, *addresses)
    port = world.port()
    control = client("app", f"nameserver {real.ADDRESS}\n", control=True)
    control.lookup(name, port)  # a cache gives more of it than who has to ask
    wanted = control.lookup(name, port, libc)
    found = app.lookup(name, port, libc)
    assert len(found.connected) == len(found.tried) == len(wanted.connected)
    assert set(found.connected) <= set(addresses)
    if libc == "glibc":
        assert set(found.connected) == set(addresses)


def test_the_resolvers_ipv6_address(world, ztad, resolver, names, client):
    name, link, _ = names
    address = fresh_private()
    resolver.put(link, address)
    found = client("app", f"nameserver {real.ADDRESS6}\n").lookup(name, world.port())
    assert found.tried == [(address, 0)]


def test_another_resolver(world, ztad, resolver, names, app, client):
    """A policy's change of resolvers: whom it does not list any more is not asked, nor believed."""
    name, link, _ = names
    address = fresh_private()
    resolver.put(link, address)
    ztad.apply({**document(), "resolvers": [real.ADDRESS6]})
    try:
        asked = app.lookup(name, world.port())
        assert asked.failed
        opened = client("open", f"nameserver {real.ADDRESS}\n")
        # asked, answered, not believed
        assert opened.lookup(name, world.port()).errors == {address: errno.EPERM}
        six = client("app", f"nameserver {real.ADDRESS6}\n")
        assert six.lookup(name, world.port()).errors == {address: 0}
    finally:
        ztad.apply(document())


def test_the_daemon_is_dead(world, ztad, resolver, names, app):
    name, link, region = names
    bad = real.fresh(ZONE)
    address, outside = fresh_private(), fresh_public()
    resolver.put(link, address)
    resolver.cname(bad, region)
    resolver.put(region, outside)
    seq = ztad.last_seq()
    ztad.kill()
    try:
        assert app.lookup(name, world.port()).tried == [(address, 0)]
        assert app.lookup(bad, world.port()).tried == [(outside, errno.EPERM)]
    finally:
        ztad.start()
    told = ztad.wait_event("dns", lambda e: e["type"] == "dns", after=seq)
    assert told["answer"]["chain"] == [region]
    assert app.lookup(name, world.port()).tried == [(address, 0)]
