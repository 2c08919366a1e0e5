# SPDX-License-Identifier: Apache-2.0
"""Looking for one record in a large journal takes its time, and nobody else's."""

import json
import subprocess
from contextlib import ExitStack

import pytest

from zt import ctl
from zt.daemon import ZTACTL

BYTES = 24 * 1024 * 1024  # a second or so of reading


@pytest.fixture
def large(daemon):
    """A daemon whose journal holds nothing but what was allowed."""
    record = {
        "seq": 1,
        "time": "2026-01-01T00:00:00.000000000Z",
        "type": "egress",
        "verdict": "allow",
        "reason": "default",
        "row": 15,
        "destination": {"address": "192.0.2.1", "port": 443, "protocol": "tcp"},
        "count": 1,
    }
    journal = daemon.state / "journal"
    journal.mkdir(parents=True, mode=0o700)
    with open(journal / f"{1:020}.jsonl", "w", encoding="ascii") as f:
        while f.tell() < BYTES:
            f.write(
                "".join(json.dumps(record | {"seq": record["seq"] + i}) + "\n" for i in range(1000))
            )
            record["seq"] += 1000
    return daemon.start()


def last(stack: ExitStack, daemon) -> subprocess.Popen:
    return stack.enter_context(
        subprocess.Popen(
            [str(ZTACTL), "--socket", str(daemon.socket), "explain", "--last", "-o", "json"],
            stdout=subprocess.PIPE,
            text=True,
        )
    )


def test_the_daemon_goes_on_meanwhile(large):
    with ExitStack() as stack:
        search, served = last(stack, large), 0
        while search.poll() is None:
            assert large.get("status")["healthy"]
            served += 1
        assert json.loads(search.stdout.read())["error"] == "not-found"
        assert search.returncode == 1
    assert served >= 10
    done = ctl.run("explain", "--event", 1, "-o", "json", socket=str(large.socket))
    assert (done.returncode, ctl.value(done)["seq"]) == (0, 1)


def test_there_are_not_many_searches_at_once(large):
    with ExitStack() as stack:
        searches = [last(stack, large) for _ in range(8)]
        errors = [json.loads(s.stdout.read())["error"] for s in searches]
        assert sorted(set(errors)) == ["busy", "not-found"]
        assert errors.count("not-found") >= 4


def test_whoever_waits_is_told_that_the_daemon_ends(large):
    with ExitStack() as stack:
        search = last(stack, large)
        large.get("status")
        large.get("status")
        assert search.poll() is None
        assert large.stop() == 0
        assert json.loads(search.stdout.read())["error"] in ("busy", "unreachable")
        assert search.wait(5) in (1, 3)


def test_a_client_that_leaves_is_no_trouble(large):
    for _ in range(3):
        with ExitStack() as stack:
            search = last(stack, large)
            large.get("status")
            search.kill()
    assert large.get("status")["healthy"]
