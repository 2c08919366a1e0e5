# SPDX-License-Identifier: Apache-2.0
"""The worker: isolated, started again when it ends, and nothing enforced depends on it."""

import os
import pwd
import signal
import time
from pathlib import Path

import pytest

from zt import world as w
from zt.sh import wait_for


def children(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += map(int, (task / "children").read_text().split())
    return found


def worker_of(daemon) -> int:
    """The pid of its worker once that serves."""

    def probe() -> int | None:
        for pid in children(daemon.proc.pid):
            try:
                line = Path(f"/proc/{pid}/cmdline").read_bytes()
            except FileNotFoundError:
                continue
            if line == b"ztad: worker\0" and f"worker ready pid={pid} " in daemon.log.read_text():
                return pid
        return None

    return wait_for("a worker", probe, 10)


def fields(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {k: v.strip() for k, _, v in (line.partition(":") for line in lines)}


def test_it_has_no_rights(daemon):
    daemon.start()
    pid = worker_of(daemon)
    status = fields(pid)
    for field in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
        assert int(status[field], 16) == 0, field
    uids = {int(u) for u in status["Uid"].split()}
    try:
        want = pwd.getpwnam("zta").pw_uid
    except KeyError:
        want = 65534
        assert "there is no user 'zta'" in daemon.log.read_text()
    assert uids == {want}
    assert {int(g) for g in status["Gid"].split()} == {65534} and not status["Groups"]
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"
    assert status["Name"] == "ztad: worker"
    assert os.stat(f"/proc/{pid}/environ").st_uid == 0  # not dumpable
    assert "max locked memory" in Path(f"/proc/{pid}/limits").read_text().lower()
    kinds = set()
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        if int(fd.name) > 2:
            kinds.add(os.readlink(fd).split(":")[0])
    assert kinds <= {"socket", "anon_inode", "pipe"}, kinds  # no map, no journal, no directory


def test_it_knows_no_environment_but_identities(daemon):
    daemon.spawn(env={"SECRET_OF_SOMEBODY": "1", "AZURE_CLIENT_ID": "2"})
    daemon.wait_up()
    env = Path(f"/proc/{worker_of(daemon)}/environ").read_bytes()
    assert b"AZURE_CLIENT_ID=2" in env and b"SECRET_OF_SOMEBODY" not in env


def test_it_is_started_again_and_enforcement_goes_on(daemon, troupe, world):
    daemon.start()
    app, seen = troupe.get("app"), set()
    for _ in range(4):
        pid = worker_of(daemon)
        assert pid not in seen
        seen.add(pid)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(PermissionError):
            app.tcp().connect((w.PUBLIC, world.port()))
    worker_of(daemon)
    assert daemon.get("status")["healthy"]
    assert daemon.log.read_text().count("the worker ended, starting another: signal 9") == 4


def test_one_that_always_dies_is_not_started_all_the_time(daemon):
    daemon.start()
    end, killed = time.monotonic() + 4, 0
    while time.monotonic() < end:
        for pid in children(daemon.proc.pid):
            try:
                if Path(f"/proc/{pid}/cmdline").read_bytes() == b"ztad: worker\0":
                    os.kill(pid, signal.SIGKILL)
                    killed += 1
                    while Path(f"/proc/{pid}").exists():
                        time.sleep(0.001)
            except (FileNotFoundError, ProcessLookupError):
                pass
        time.sleep(0.005)
    assert 3 <= killed <= 8, killed  # 0.1, 0.2, 0.4, 0.8, 1.6, 3.2 s
    assert daemon.get("status")["healthy"]


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGKILL])
def test_it_ends_with_the_daemon(daemon, sig):
    daemon.start()
    pid = worker_of(daemon)
    daemon.stop(sig)
    wait_for("the worker to end", lambda: not Path(f"/proc/{pid}").exists(), 5)
