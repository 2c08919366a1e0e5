# SPDX-License-Identifier: Apache-2.0
"""The wall clock is set, forth and back, while the daemon runs: only its own, by a preloaded helper."""

import struct
from datetime import datetime, timezone

import pytest

from zt import policy
from zt import world as w
from zt.sh import helper, wait_for

HOUR, DAY = 3600, 24 * 3600


@pytest.fixture
def small_segments(daemon):
    daemon.config.write_text('{"journal": {"segment_bytes": 4096}}')


@pytest.fixture
def clock(daemon):
    """set(seconds): the daemon's wall clock is so far ahead of ours from now on; it runs."""
    ahead = daemon.dir / "ahead"
    ahead.write_bytes(bytes(8))
    preload = helper("realtime", "-shared", "-fPIC")
    daemon.spawn(env={"LD_PRELOAD": str(preload), "ZT_REALTIME": str(ahead)})
    daemon.wait_up()

    def seen() -> int:
        return daemon.log.read_text().count("clock was set")

    def step(seconds: int) -> None:
        before = seen()
        with open(ahead, "r+b") as f:  # in place: it is mapped
            f.write(struct.pack("=q", seconds * 10**9))
        wait_for("the step to be seen", lambda: seen() > before)

    return step


def is_open(puppet, world, address: str = w.PUBLIC) -> bool:
    s = puppet.tcp(address)
    try:
        s.connect((address, world.port()))
        return True
    except PermissionError:
        return False
    finally:
        s.close()


def until(status: dict, member: str) -> float:
    at = datetime.strptime(status[member][:19], "%Y-%m-%dT%H:%M:%S")
    return at.replace(tzinfo=timezone.utc).timestamp()


@pytest.mark.parametrize("seconds", [-HOUR, 2 * HOUR], ids=["back", "forth"])
def test_a_pause_lasts_as_long_as_it_was_to(daemon, world, troupe, clock, seconds):
    """What status says and what the kernel does are the same thing, before and after its end."""
    app = troupe.get("app")
    daemon.ctl("pause", "--for", "10m", "--reason", "drill")
    before = until(daemon.get("status"), "paused_until")
    clock(seconds)
    status = daemon.get("status")
    assert status["mode_source"] == "pause" and is_open(app, world)
    assert abs(until(status, "paused_until") - before - seconds) < 2
    daemon.ctl("pause", "--for", "3s", "--reason", "drill")
    clock(0)
    assert daemon.get("status")["mode_source"] == "pause" and is_open(app, world)
    wait_for("the end of the pause in the kernel", lambda: not is_open(app, world), 6)
    wait_for("the end of the pause in status", lambda: daemon.get("status")["enforcing"], 2)


def test_a_policy_waits_for_its_confirmation_as_long_as_it_was_to(daemon, clock):
    first = daemon.get("status")["policy"]["sha256"]
    document = policy.suite(metadata={"name": "suite", "revision": 2})
    daemon.ctl("policy", "apply", write(daemon, document), "--confirm", "4s")
    clock(DAY)
    assert daemon.get("status")["policy"]["revision"] == 2
    clock(-DAY)
    assert daemon.get("status")["policy"]["revision"] == 2
    wait_for("the way back", lambda: daemon.get("status")["policy"]["sha256"] == first, 8)


def write(daemon, document: dict):
    daemon.write_policy(document)
    path = daemon.policy.rename(daemon.policy.with_name("applied.json"))
    daemon.write_policy(policy.suite())
    return path


def test_a_rule_that_expired_by_a_wrong_clock_counts_again(daemon, world, troupe, clock):
    document = policy.suite()
    rules = next(p for p in document["profiles"] if p["name"] == "app")["egress"]["rules"]
    rules.append({"action": "allow", "cidr": w.PUBLIC, "expires": "2999-01-01"})
    daemon.apply(document)
    app = troupe.get("app")
    assert is_open(app, world)
    clock(200 * 365 * DAY)
    assert is_open(app, world), "that date has not come yet"
    with_date = [e["reason"] for e in daemon.events() if e["type"] == "policy"]
    assert "expired" not in with_date
    rules[-1]["expires"] = "2070-01-01"
    daemon.apply(document)
    assert not is_open(app, world)
    clock(0)
    wait_for("the rule to count again", lambda: is_open(app, world), 5)


def test_a_wrong_clock_makes_no_record_old(daemon, world, troupe, small_segments, clock):
    """The journal keeps 90 days: evidence of today survives a clock that is a year ahead."""
    app = troupe.get("app")

    def fill() -> None:
        before = len(list(daemon.state.rglob("*.jsonl")))
        while len(list(daemon.state.rglob("*.jsonl"))) < before + 2:
            assert not is_open(app, world)
            daemon.http("POST", "/v1/flush")

    fill()
    clock(365 * DAY)
    fill()
    seqs = [e["seq"] for e in daemon.events()]
    assert seqs == list(range(1, len(seqs) + 1))
