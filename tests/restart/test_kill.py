# SPDX-License-Identifier: Apache-2.0
"""Whatever happens to the daemon: no packet goes unjudged, no permitted one is lost."""

import random
import signal
import threading
import time

import pytest

from zt import policy
from zt import world as w
from zt.flows import FarEnd, Flows

EPERM = "Operation not permitted"


@pytest.fixture
def traffic(world, cgroups, troupe):
    """(permitted flows, refused flows, port of the refused ones)"""
    far = FarEnd(world, cgroups.control("far"))
    permitted, refused = Flows(), Flows()
    forbidden = world.port()
    puppets = [troupe.new("app") for _ in range(2)]
    for name, where in (("IPv4", (w.PE, far.port)), ("IPv6", (w.PE6, far.port))):
        permitted.add(f"long, {name}", puppets[0], "long-tcp", where, far.puppet)
        permitted.add(f"connect, {name}", puppets[0], "connect", where, far.puppet)
        permitted.add(f"datagrams, {name}", puppets[0], "udp", where, far.puppet)
    for name, where in (("IPv4", (w.PUBLIC, forbidden)), ("IPv6", (w.PUBLIC6, forbidden))):
        refused.add(f"connect, {name}", puppets[1], "connect", where)
        refused.add(f"datagrams, {name}", puppets[1], "udp", where)
        refused.add(f"connected, {name}", puppets[1], "udp-connected", where)

    def begin():
        permitted.progress()
        refused.progress()
        return permitted, refused, forbidden

    yield begin
    for flows in (permitted, refused):
        flows.stop()
    for closing in (*puppets, far):
        closing.close()


def judge(world, mark: int, before: dict, permitted: Flows, refused: Flows, forbidden: int):
    """0 packets at the public peer, 0 refusals of permitted traffic, no success of the other."""
    permitted.progress()
    for name, flow in refused.progress().items():
        assert flow["good"] == before[name]["good"], f"{name} got through: {flow}"
        assert set(flow["errors"]) - set(before[name]["errors"]) <= {EPERM}, f"{name}: {flow}"
    world.settle()
    # resets of connections from before the programs are the kernel's own
    arrived = [p for p in world.pub.sniffer.since(mark, dport=forbidden) if p.opens_or_carries()]
    assert not arrived, f"{len(arrived)} packets unjudged, first: {arrived[0]}"
    for name, flow in permitted.stop().items():
        assert not flow["errors"], f"{name} was disturbed: {flow}"
        assert flow["worst_s"] < 1, f"{name} stood still: {flow}"


def test_killed_restarted_and_reloaded_under_traffic(daemon, world, traffic):
    permitted, refused, forbidden = traffic()
    daemon.start()
    before = refused.progress()
    world.settle()  # what left before the programs came has been seen
    mark = world.pub.sniffer.mark()
    rng = random.Random(4711)
    for revision in range(10, 18):
        for _ in range(rng.randrange(1, 4)):
            daemon.apply(policy.suite(metadata={"name": "suite", "revision": revision}))
            daemon.proc.send_signal(signal.SIGHUP)
        if rng.random() < 0.7:
            daemon.kill()
        else:
            assert daemon.stop() == 0
        permitted.progress(3)
        daemon.start(healthy=False)
    daemon.wait_up()
    judge(world, mark, before, permitted, refused, forbidden)


def test_killed_at_any_moment_of_its_start(daemon, world, traffic):
    """Adoption is interrupted again and again, then completes."""
    permitted, refused, forbidden = traffic()
    daemon.start()
    before = refused.progress()
    world.settle()  # what left before the programs came has been seen
    mark = world.pub.sniffer.mark()
    daemon.kill()
    rng = random.Random(815)
    for _ in range(15):
        daemon.spawn()
        threading.Event().wait(rng.uniform(0, 0.4))  # the moment is what varies
        if daemon.proc.poll() is None:
            daemon.kill()
    daemon.start()
    judge(world, mark, before, permitted, refused, forbidden)


def test_killed_at_any_moment_of_its_first_start(daemon, world, troupe):
    """Nothing half attached is left that a later start could not take over."""
    rng = random.Random(42)
    for _ in range(10):
        daemon.spawn()
        threading.Event().wait(rng.uniform(0, 0.5))
        if daemon.proc.poll() is None:
            daemon.kill()
    daemon.start()
    p = troupe.get("app")
    port = world.port()
    with pytest.raises(PermissionError):
        p.tcp().connect((w.PUBLIC, port))
    s = p.tcp()
    s.connect((w.PE, port))
    assert s.echo() == b"zt-echo"


def open_now(puppet, port: int) -> dict[str, bool]:
    """Which of the two addresses the policy in force opens."""
    result = {}
    for address in (w.PE, w.PRIVATE):
        s = puppet.udp()
        try:
            s.sendto(b"which", (address, port))
            result[address] = s.recv(64) == b"which"
        except PermissionError:
            result[address] = False
        s.close()
    return result


A = policy.two(w.PE, w.PRIVATE, rules=900)
B = policy.two(w.PRIVATE, w.PE, rules=900)
IN_FORCE = ({w.PE: True, w.PRIVATE: False}, {w.PE: False, w.PRIVATE: True})


def test_apply_is_atomic_under_traffic(daemon, world, troupe):
    """One of two addresses is open at any time, never both, never none."""
    daemon.write_policy(A)
    daemon.start()
    flows = Flows()
    for i in range(2):
        puppet = troupe.new("app")
        flows.add_either(f"either {i}", puppet, w.PE, w.PRIVATE, world.port())
    for i in range(20):
        daemon.apply((A, B)[(i + 1) % 2])
        flows.progress(3)
    for name, flow in flows.stop().items():
        assert not flow["errors"], f"{name}: a mixture of two policies: {flow}"


def test_killed_at_any_moment_of_an_apply(daemon, world, troupe):
    """The old or the new policy is in force afterwards, and the next daemon agrees."""
    daemon.write_policy(A)
    daemon.start()
    puppet, port = troupe.get("app"), world.port()
    rng = random.Random(7)
    began = time.monotonic()
    for document in (B, A):
        daemon.apply(document)
    took = (time.monotonic() - began) / 2
    outcomes = set()
    for i in range(12):
        applier = threading.Thread(target=_apply, args=(daemon, (B, A)[i % 2]))
        applier.start()
        threading.Event().wait(rng.uniform(0, 1.5 * took))  # the moment is what varies
        daemon.kill()
        applier.join()
        left = open_now(puppet, port)
        assert left in IN_FORCE, f"neither the old nor the new policy: {left}"
        daemon.start()
        now = open_now(puppet, port)
        assert now in IN_FORCE, f"neither the old nor the new policy after the restart: {now}"
        outcomes.add(IN_FORCE.index(now))
    assert outcomes == {0, 1}, "no apply was ever cut short or none ever came through"


def _apply(daemon, document) -> None:
    try:
        daemon.apply(document)
    except (OSError, AssertionError, ValueError):
        pass  # it was killed meanwhile
    except Exception as e:  # pylint: disable=broad-except
        if type(e).__module__ != "http.client":
            raise
