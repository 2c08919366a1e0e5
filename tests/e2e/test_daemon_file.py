# SPDX-License-Identifier: Apache-2.0
"""What becomes of the policy file, and of the daemon when it is no file any more."""

import json
import os
import resource
import shutil
import socket
import time

import pytest

from zt import policy
from zt import world as w
from zt.sh import wait_for


def revised(n: int, **changes) -> dict:
    return policy.suite(metadata={"name": "suite", "revision": n}, **changes)


def problems(ztad) -> set[str]:
    return {p["id"] for p in ztad.get("status")["problems"]} - {"partial"}


def revision(ztad) -> int:
    return ztad.get("status")["policy"]["revision"]


def clear(path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def socket_at(path) -> None:
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(path))


THINGS = {
    "a directory": lambda path: path.mkdir(),
    "a pipe": os.mkfifo,
    "a socket": socket_at,
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a link to nowhere": lambda path: path.symlink_to("nowhere"),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a file of 5 MiB": lambda path: path.write_bytes(b" " * (5 << 20)),
    "a file of 20 MiB": lambda path: path.write_bytes(b" " * (20 << 20)),
    "gone": lambda path: None,
}


@pytest.mark.parametrize("what", THINGS)
def test_something_else_takes_the_place_of_the_file(ztad, world, troupe, what):
    """It is refused, the policy in force stays, the daemon goes on; then a file comes back."""
    ztad.write_policy(revised(200))
    wait_for("the file to be in force", lambda: revision(ztad) == 200 and not problems(ztad))
    other = ztad.policy.with_name("other")
    THINGS[what](other)
    ztad.policy.unlink()
    if what != "gone":
        os.rename(other, ztad.policy)
    try:
        wait_for("the refusal", lambda: problems(ztad) == {"policy"}, 3)
        assert revision(ztad) == 200
        assert ztad.metrics("/readyz")[0] == 200
        with pytest.raises(PermissionError):
            troupe.get("app").tcp().connect((w.PUBLIC, world.port()))
    finally:
        clear(ztad.policy)
        ztad.write_policy(revised(201))
    wait_for("the next file", lambda: revision(ztad) == 201 and not problems(ztad), 3)


@pytest.mark.parametrize("what", ["a pipe", "a device", "a directory"])
def test_a_start_without_a_readable_file_ends(daemon, what):
    daemon.policy.unlink()
    THINGS[what](daemon.policy)
    daemon.spawn()
    assert daemon.finish(5) == 1
    assert "policy.json" in daemon.log_tail()
    clear(daemon.policy)


def test_a_pipe_in_place_of_the_pause_file_is_ignored(ztad):
    pause = ztad.policy.with_name("pause")
    os.mkfifo(pause)
    try:
        ztad.write_policy(revised(210))
        wait_for("the file to be in force", lambda: revision(ztad) == 210, 3)
        assert ztad.get("status")["enforcing"]
    finally:
        pause.unlink()


@pytest.fixture
def cramped(ztad):
    """The daemon can open no file more: a policy cannot be put in force."""
    ztad.write_policy(revised(220))
    wait_for("the file to be in force", lambda: revision(ztad) == 220)
    limits = resource.prlimit(ztad.proc.pid, resource.RLIMIT_NOFILE)
    open_now = {int(fd) for fd in os.listdir(f"/proc/{ztad.proc.pid}/fd")}
    room = [fd for fd in range(1024) if fd not in open_now]

    def cramp(on: bool) -> None:
        soft = room[4] if on else limits[0]  # enough to be asked, not for a set of tables
        resource.prlimit(ztad.proc.pid, resource.RLIMIT_NOFILE, (soft, limits[1]))

    yield cramp
    cramp(False)


def test_a_file_that_could_not_be_put_in_force_is_tried_again(ztad, cramped):
    cramped(True)
    ztad.write_policy(revised(221))
    wait_for("the failure to be told", lambda: problems(ztad) == {"policy"}, 3)
    os.utime(ztad.policy)  # another look at the same contents is no success
    until = time.monotonic() + 0.5
    while time.monotonic() < until:
        assert problems(ztad) == {"policy"} and revision(ztad) == 220
    cramped(False)
    wait_for("the next try", lambda: revision(ztad) == 221 and not problems(ztad), 12)
    assert ztad.get("status")["policy"]["source"] == "file"


def test_what_is_applied_meanwhile_is_the_later_word(ztad, cramped):
    cramped(True)
    ztad.write_policy(revised(222))
    wait_for("the failure to be told", lambda: problems(ztad) == {"policy"}, 3)
    cramped(False)
    ztad.apply(revised(223))
    assert not problems(ztad)
    ztad.stop()
    ztad.start()
    assert revision(ztad) == 223
    assert json.loads(ztad.policy.read_text())["metadata"]["revision"] == 222


def test_a_way_back_that_failed_is_tried_again(ztad, cramped):
    """Nobody confirmed, and the policy before cannot be put in force at that moment."""
    body = json.dumps(revised(224)).encode()
    assert ztad.http("POST", "/v1/policy?confirm=1s", body)[0] == 200
    cramped(True)
    wait_for("the failure", lambda: "cannot go back" in ztad.log_tail(2))
    assert revision(ztad) == 224 and "unconfirmed_until" in ztad.get("status")
    cramped(False)
    wait_for("the way back", lambda: revision(ztad) == 220, 5)
    assert "unconfirmed_until" not in ztad.get("status")
    assert ztad.log.read_text().count("cannot go back") == 1
