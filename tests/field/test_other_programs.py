# SPDX-License-Identifier: Apache-2.0
"""A service load balancer's connect4 program on the same cgroup, or around it."""

import pytest

from zt import policy
from zt import world as w
from zt.daemon import Daemon
from zt.rewriter import Rewriter

SERVICE = "10.96.0.10"  # nobody has it: only rewritten does it lead to w.PE


@pytest.fixture
def daemon(world, cgroups):
    d = Daemon(world.machine, cgroups)
    document = policy.suite()
    app = next(p for p in document["profiles"] if p["name"] == "app")
    app["egress"]["rules"].append({"action": "allow", "cidr": "10.96.0.0/16"})
    d.write_policy(document)
    yield d
    d.close()


def reach(puppet, port: int) -> None:
    s = puppet.tcp()
    s.connect((SERVICE, port))
    assert s.echo() == b"zt-echo"
    s.close()


def places(cgroups, name: str):
    return {"the root of ours": cgroups.base, "the attach point": cgroups.attach}.get(
        name, cgroups.inside("app")
    )


PLACES = ["the root of ours", "the attach point", "the workload"]


@pytest.mark.parametrize("place", PLACES)
def test_attached_before_ours(daemon, cgroups, world, troupe, place):
    with Rewriter(places(cgroups, place), SERVICE, w.PE):
        port = world.port()
        reach(troupe.get("app"), port)
        daemon.start()
        reach(troupe.get("app"), port)
        assert all(hook["attached"] for hook in daemon.get("status")["hooks"])


@pytest.mark.parametrize("place", PLACES)
def test_attached_after_ours(daemon, cgroups, world, troupe, place):
    daemon.start()
    with Rewriter(places(cgroups, place), SERVICE, w.PE):
        reach(troupe.get("app"), world.port())
        daemon.kill()
        daemon.start()  # puts itself behind the other program again
        reach(troupe.get("app"), world.port())
        assert daemon.get("status")["healthy"]


def test_their_end_point_is_judged_too(daemon, cgroups, world, troupe):
    """A rewrite to a public address: the packet must not leave, whoever ran last."""
    daemon.start()
    with Rewriter(cgroups.attach, SERVICE, w.PUBLIC):
        port = world.port()
        mark = world.pub.sniffer.mark()
        s = troupe.get("app").tcp()
        s.settimeout(0.5)
        with pytest.raises((PermissionError, TimeoutError, ConnectionAbortedError)):
            s.connect((SERVICE, port))
        s.close()
        world.settle()
        assert not world.pub.sniffer.since(mark, dport=port)
