# SPDX-License-Identifier: Apache-2.0
"""Every way out that we know of, tried twice: beside the attach point, and below it."""

import errno
import ipaddress
import os
import socket

import pytest

import ways_answers  # noqa: F401  pylint: disable=unused-import
import ways_calls  # noqa: F401  pylint: disable=unused-import
import ways_places  # noqa: F401  pylint: disable=unused-import
import ways_sockets  # noqa: F401  pylint: disable=unused-import
from zt import world as w
from zt.puppet import pass_socket
from zt.sh import wait_for

from attempts import AF_RDS, AF_TIPC, ATTEMPTS, Attempt, Stage

ROWS = [pytest.param(a, id=a.name) for a in ATTEMPTS]
FAMILIES = {"packet": socket.AF_PACKET, "rds": AF_RDS, "tipc": AF_TIPC}
KINDS = {"packet": socket.SOCK_RAW, "rds": socket.SOCK_SEQPACKET, "tipc": socket.SOCK_DGRAM}


def arrived(a: Attempt, stage: Stage, mark: int) -> list:
    """A control's packet may have been the first on a new cable: it is given time."""
    try:
        return wait_for(
            "arrival", lambda: a.delivered(stage, stage.arrived(mark)), 2 if stage.control else 0
        )
    except TimeoutError:
        return []


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
        return error, arrived(a, stage, mark)
    finally:
        stage.close()


@pytest.mark.parametrize("a", ROWS)
def test_works_without_the_programs(a, world, troupe):
    if a.lacks():
        pytest.skip(a.lacks())
    error, delivered = play(a, Stage(world, troupe, True, a.profile), world)
    assert delivered, f"nothing arrived: the attempt proves nothing (error: {error})"


def families(ztad) -> dict:
    """doctor's word on sockets that no cgroup program sees: refused where BPF LSM runs."""
    return next(c for c in ztad.get("doctor") if c["check"] == "socket_families")


@pytest.mark.parametrize("a", ROWS)
def test_is_refused(a, request, world, troupe, ztad):
    if a.lacks():
        pytest.skip(a.lacks())
    if a.gap and not families(ztad)["ok"]:
        request.applymarker(pytest.mark.xfail(reason=a.gap, strict=True))
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


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_that_no_program_sees_is_no_socket(name, troupe, ztad):
    try:
        troupe.get("app", control=True).socket(FAMILIES[name], KINDS[name]).close()
    except OSError as e:
        pytest.skip(f"this kernel has no {name} sockets ({os.strerror(e.errno)})")
    troupe.get("free").socket(FAMILIES[name], KINDS[name]).close()
    if not families(ztad)["ok"]:
        troupe.get("app-family").socket(FAMILIES[name], KINDS[name]).close()
        pytest.xfail(families(ztad)["detail"])
    seq = ztad.last_seq()
    with pytest.raises(PermissionError):
        troupe.get("app-family").socket(FAMILIES[name], KINDS[name])
    ztad.wait_event(
        f"a refused {name} socket",
        lambda e: e["type"] == "socket"
        and e["reason"] == "protocol"
        and e["row"] == 4
        and e["destination"] == {"protocol": name}
        and e["workload"]["profile"] == "app"
        and e["process"]["pid"] == troupe.get("app-family").pid,
        after=seq,
    )


def test_a_socket_from_outside_the_attach_point_is_not_seen(world, troupe, ztad):
    """The limit of --cgroup below the root, which status tells."""
    giver, taker = troupe.get("free", control=True), troupe.get("app")
    sock = pass_socket(giver, giver.tcp(), taker)
    sock.connect((w.PUBLIC, world.port()))
    assert sock.echo() == b"zt-echo"
    sock.close()
    assert [p["id"] for p in ztad.get("status")["problems"]] == ["partial"]
