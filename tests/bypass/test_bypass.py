# SPDX-License-Identifier: Apache-2.0
"""Every way out that we know of, tried twice: beside the attach point, and below it."""

import ipaddress
import errno

import pytest

import ways_answers  # noqa: F401  pylint: disable=unused-import
import ways_calls  # noqa: F401  pylint: disable=unused-import
import ways_places  # noqa: F401  pylint: disable=unused-import
import ways_sockets  # noqa: F401  pylint: disable=unused-import
from attempts import ATTEMPTS, Attempt, Stage

ROWS = [
    pytest.param(
        a, id=a.name, marks=[pytest.mark.xfail(reason=a.gap, strict=True)] if a.gap else []
    )
    for a in ATTEMPTS
]
CONTROLS = [pytest.param(a, id=a.name) for a in ATTEMPTS]


def play(a: Attempt, stage: Stage, world) -> tuple[OSError | None, list]:
    """Run the attempt; what the process saw, and what arrived where it must not."""
    mark = world.pub.sniffer.mark()
    error = None
    try:
        try:
            a.run(stage)
        except OSError as e:
            error = e
        world.settle()
        return error, a.delivered(stage.arrived(mark), stage.port)
    finally:
        stage.close()


@pytest.mark.parametrize("a", CONTROLS)
def test_works_without_the_programs(a, world, troupe):
    if a.lacks():
        pytest.skip(a.lacks())
    error, delivered = play(a, Stage(world, troupe, True, a.profile), world)
    assert delivered, f"nothing arrived: the attempt proves nothing (error: {error})"


@pytest.mark.parametrize("a", ROWS)
def test_is_refused(a, world, troupe, ztad):
    if a.lacks():
        pytest.skip(a.lacks())
    seq = ztad.last_seq()
    stage = Stage(world, troupe, False, a.profile)
    error, delivered = play(a, stage, world)
    assert not delivered, f"it got out: {[str(p) for p in delivered]} (error: {error})"
    if a.eperm:
        assert error and error.errno == errno.EPERM, f"expected EPERM, saw {error!r}"
    if not a.event:
        return
    event = ztad.wait_event(
        f"{a.reason} for {a.name}",
        lambda e: e.get("verdict") == "deny"
        and e["reason"] == a.reason
        and e["type"] == ("socket" if a.socket else "egress")
        and (a.socket or a.proto is not None or e["destination"].get("port") == stage.port),
        after=seq,
    )
    assert event["workload"]["profile"] == a.profile
    if not a.socket:
        assert str(ipaddress.ip_address(event["destination"]["address"])) in a.to
