# SPDX-License-Identifier: Apache-2.0
"""Readiness, health, metrics, the service manager's protocol, the heartbeat."""

import socket
import time

import pytest

from zt import policy
from zt import world as w
from zt.sh import wait_for


class Manager:
    """The other end of NOTIFY_SOCKET."""

    def __init__(self, path: str):
        self.said: list[str] = []
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._sock.bind(path)
        self._sock.setblocking(False)

    def heard(self, word: str) -> bool:
        while True:
            try:
                self.said += self._sock.recv(4096).decode().splitlines()
            except BlockingIOError:
                return word in self.said


def test_service_manager_is_told(daemon):
    manager = Manager(str(daemon.dir / "notify"))
    began = time.monotonic()
    daemon.spawn(env={"NOTIFY_SOCKET": str(daemon.dir / "notify")})
    wait_for("READY=1", lambda: manager.heard("READY=1"), 10)
    assert time.monotonic() - began < 10
    status = daemon.get("status")
    assert status["healthy"] and status["enforcing"], "READY before the self-test saw a denial"
    assert daemon.metrics("/readyz")[0] == 200
    manager.said.clear()
    daemon.write_policy(policy.suite(metadata={"name": "suite", "revision": 2}))
    wait_for("RELOADING=1", lambda: manager.heard("RELOADING=1"), 3)
    wait_for("READY=1 again", lambda: manager.heard("READY=1"), 3)
    assert any(line.startswith("MONOTONIC_USEC=") for line in manager.said)
    daemon.stop()
    assert manager.heard("STOPPING=1")


def test_ready_within_ten_seconds_with_a_thousand_rules(daemon):
    daemon.write_policy(policy.two(w.PE, w.PRIVATE, rules=900))
    began = time.monotonic()
    daemon.start()
    assert time.monotonic() - began < 10


def test_orphan_weakens_to_audit_and_says_so(daemon, world, troupe):
    daemon.config.write_text('{"orphan": {"after": "3s", "action": "audit"}}')
    daemon.start()
    app = troupe.get("app")

    def passes() -> bool:
        s = app.tcp()
        try:
            s.connect((w.PUBLIC, world.port_of(30500)))
        except PermissionError:
            return False
        finally:
            s.close()
        return True

    assert not passes()
    seq = daemon.last_seq()
    daemon.kill()
    assert not passes(), "a daemon's death alone weakens nothing"
    wait_for("the heartbeat to be too old", passes, 6)
    daemon.start()
    assert not passes()
    events = daemon.events(seq)
    assert [e for e in events if e["reason"] == "orphan"], [e["reason"] for e in events]


def test_keep_is_the_default_for_machines(daemon, world, troupe):
    daemon.config.write_text('{"orphan": {"after": "1s", "action": "keep"}}')
    daemon.start()
    daemon.kill()
    deadline = time.monotonic() + 2
    app, port = troupe.get("app"), world.port()
    while time.monotonic() < deadline:
        with pytest.raises(PermissionError):
            app.tcp().connect((w.PUBLIC, port))
