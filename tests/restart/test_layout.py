# SPDX-License-Identifier: Apache-2.0
"""Pins of another version: new maps are filled first, then the programs change over."""

import pytest

from zt import world as w
from zt.flows import FarEnd, Flows
from zt.puppet import Puppet

EPERM = "Operation not permitted"


@pytest.fixture
def traffic(world, cgroups, troupe):
    """(permitted, refused, port of the refused); some of it lives on what its sockets carry."""
    far = FarEnd(world, cgroups.control("far"))
    app, shut = troupe.new("app"), troupe.new("shut")
    permitted, refused = Flows(), Flows()
    prober = Puppet(cgroups.control("prober"), world.pub.ns.path)
    listener = shut.listen(w.MACHINE)
    listener.serve()
    datagrams = shut.udp()
    datagrams.bind((w.MACHINE, 0))
    datagrams.serve()
    forbidden = world.port()

    def begin():
        permitted.add("probes, long", prober, "long-tcp", listener.getsockname(), shut)
        permitted.add("probes, new", prober, "connect", listener.getsockname(), shut)
        permitted.add("probes, UDP", prober, "udp", datagrams.getsockname(), shut)
        permitted.add("long", app, "long-tcp", (w.PE, far.port), far.puppet)
        permitted.add("connect", app, "connect", (w.PE6, far.port), far.puppet)
        refused.add("connect", app, "connect", (w.PUBLIC, forbidden))
        refused.add("datagrams", app, "udp", (w.PUBLIC6, forbidden))
        permitted.progress()
        refused.progress()
        return permitted, refused, forbidden

    yield begin
    permitted.stop()
    refused.stop()
    for closing in (app, shut, prober, far):
        closing.close()


def test_pins_of_another_layout(daemon, world, traffic):
    daemon.start()
    permitted, refused, forbidden = traffic()
    mark = world.pub.sniffer.mark()
    for other in ("v9", "v9", "v2"):
        daemon.kill()
        mine = next(p for p in daemon.bpffs.iterdir() if p.name.startswith("v"))
        mine.rename(mine.with_name(other))
        daemon.start()
        left = sorted(p.name for p in daemon.bpffs.iterdir() if p.name.startswith("v"))
        assert left == [mine.name], "only our own layout is left"
        permitted.all_good(f"while {other} was taken over")
    for name, flow in refused.progress().items():
        assert flow["good"] == 0 and set(flow["errors"]) == {EPERM}, f"{name}: {flow}"
    world.settle()
    assert not world.pub.sniffer.since(mark, dport=forbidden)
    for name, flow in permitted.stop().items():
        assert flow["worst_s"] < 1, f"{name} stood still: {flow}"
    assert daemon.get("status")["lost"] == 0


def test_half_removed_pins(daemon, world, troupe):
    """A link or a map is missing: the next start completes the set."""
    daemon.start()
    daemon.kill()
    victims = sorted(daemon.bpffs.rglob("*connect6*")) + sorted(daemon.bpffs.rglob("*fold*"))[:1]
    assert victims
    for victim in victims:
        victim.unlink()
    daemon.start()
    for address in (w.PUBLIC, w.PUBLIC6):
        with pytest.raises(PermissionError):
            troupe.get("app").tcp(address).connect((address, world.port()))
    assert all(hook["attached"] for hook in daemon.get("status")["hooks"])
