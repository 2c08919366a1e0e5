# SPDX-License-Identifier: Apache-2.0
"""Sockets that are older than the programs."""

import json

import pytest

from zt import policy
from zt import world as w

BEFORE, AFTER = b"zt-before", b"zt-after"


class Old:
    """Sockets of a deny profile to a public address, opened before the programs came."""

    def __init__(self, world, puppet):
        self.world, self.port = world, world.port()
        self.tcp, self.udp, self.free = puppet.tcp(), puppet.udp(), puppet.udp()
        self.tcp.connect((w.PUBLIC, self.port))
        assert self.tcp.echo(BEFORE) == BEFORE
        self.udp.connect((w.PUBLIC, self.port))
        self.udp.send(BEFORE)
        assert self.udp.recv(64) == BEFORE
        self.free.sendto(BEFORE, (w.PUBLIC, self.port))
        assert self.free.recv(64) == BEFORE
        self.raw = puppet.socket(2, 3, 17)
        self.mark = world.pub.sniffer.mark()

    def leaked(self) -> list[str]:
        """Send on each; what reached the public peer."""
        for send in (
            lambda: self.tcp.sendall(AFTER + b" tcp"),
            lambda: self.udp.send(AFTER + b" udp"),
            lambda: self.free.sendto(AFTER + b" free", (w.PUBLIC, self.port)),
        ):
            try:
                send()
            except OSError:
                pass
        self.world.settle()
        arrived = self.world.pub.sniffer.since(self.mark, dport=self.port)
        return sorted(p.payload.decode() for p in arrived if p.payload.startswith(AFTER))


@pytest.fixture
def old(world, troupe):
    puppet = troupe.new("app")
    yield Old(world, puppet)
    puppet.close()


def configure(daemon, existing: str) -> None:
    daemon.config.write_text(json.dumps({"existing": existing}))


def test_kept_until_the_next_policy(daemon, old):
    configure(daemon, "keep")
    daemon.start()
    assert {"zt-after tcp", "zt-after udp"} <= set(old.leaked()), "connections were to be kept"
    adopted = [e for e in daemon.events() if e["reason"] == "adopted"]
    assert len(adopted) == 1
    old.mark = old.world.pub.sniffer.mark()
    daemon.apply(policy.suite(metadata={"name": "suite", "revision": 2}))
    assert old.leaked() == []


def test_judged(daemon, old):
    configure(daemon, "judge")
    daemon.start()
    assert old.leaked() == []


@pytest.mark.parametrize("existing", ["keep", "judge"])
def test_new_destinations_are_judged_either_way(daemon, old, existing):
    configure(daemon, existing)
    daemon.start()
    port = old.world.port()
    mark = old.world.pub.sniffer.mark()
    for sock in (old.tcp, old.udp):
        sock.disconnect()
        with pytest.raises(PermissionError):
            sock.connect((w.PUBLIC, port))
    if existing == "keep":  # sockets that never connect are kept whole, until the next policy
        daemon.apply(policy.suite(metadata={"name": "suite", "revision": 2}))
    with pytest.raises(PermissionError):
        old.free.sendto(AFTER, (w.PUBLIC, port))
    with pytest.raises(PermissionError):
        old.raw.sendto(bytes(8), (w.AI_PUBLIC, 0))
    old.world.settle()
    assert not old.world.pub.sniffer.since(mark, dport=port)
    assert not old.world.pub.sniffer.since(mark, dst=w.AI_PUBLIC)


def test_adopted_once(daemon, old):
    """A second start adopts nothing: the window closed."""
    configure(daemon, "keep")
    daemon.start()
    daemon.kill()
    daemon.start()
    assert len([e for e in daemon.events() if e["reason"] == "adopted"]) == 1
    assert {"zt-after tcp", "zt-after udp"} <= set(old.leaked())
