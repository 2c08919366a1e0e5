# SPDX-License-Identifier: Apache-2.0
"""Readiness, health, metrics, the service manager's protocol, the heartbeat."""

import random
import signal
import socket
import threading
import time

import pytest

from zt import policy
from zt import world as w
from zt.rewriter import Rewriter
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


def test_a_self_test_that_sees_no_denial_is_said(daemon, cgroups):
    """A program above ours turns each refusal into success: nobody is told that it enforces."""
    manager = Manager(str(daemon.dir / "notify"))
    with Rewriter(cgroups.base, "forgive"):
        daemon.spawn(env={"NOTIFY_SOCKET": str(daemon.dir / "notify")})
        daemon.wait_up(healthy=False)
        wait_for("the failure", lambda: "self-test failed" in daemon.log_tail())
        code, why = daemon.metrics("/readyz")
        assert code == 503 and why == "self-test: a connection to 192.0.2.1 was not refused\n"
        assert daemon.metrics("/healthz")[0] == 200
        assert daemon.metric("zta_hooks_effective") == 0
        assert {p["id"] for p in daemon.get("status")["problems"]} == {"self-test", "partial"}
        assert daemon.ctl_code("status")[0] == 1
        assert not manager.heard("READY=1")
    wait_for("READY=1", lambda: manager.heard("READY=1"), 5)
    assert daemon.get("status")["healthy"] and daemon.metrics("/readyz")[0] == 200
    said = [e["outcome"] for e in daemon.events() if e["reason"] == "self-test"]
    assert said == ["failed", "passed"]


@pytest.mark.parametrize("adopted", [False, True], ids=["first start", "restart"])
@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "INT"])
def test_asked_to_end_while_it_starts(daemon, troupe, world, adopted, sig):
    """It ends cleanly at the next stage: enforcement as before, or all of it, never a half."""
    rng = random.Random(sig)

    def links() -> set[str]:
        return {path.name for path in daemon.bpffs.glob("links/*")}

    daemon.start()
    all_links = links()
    daemon.stop()
    if not adopted:
        daemon.detach()
    for _ in range(4):
        daemon.spawn()
        wait_for("it to begin", lambda: (daemon.run / "ztad.lock").exists())
        threading.Event().wait(rng.uniform(0.02, 0.4))  # the moment is what varies
        assert daemon.stop(sig) == 0
        left = links()
        assert left == all_links or not (left or adopted), left
        assert bool(list(daemon.bpffs.glob("v*/*"))) == bool(left)
        daemon.run.joinpath("ztad.lock").unlink()


def test_asked_to_reload_while_it_starts(daemon):
    daemon.spawn()
    wait_for("it to begin", lambda: (daemon.run / "ztad.lock").exists())
    for _ in range(10):
        daemon.proc.send_signal(signal.SIGHUP)
    daemon.wait_up()
    wait_for(
        "the reload to be counted",
        lambda: daemon.metric('zta_policy_reloads_total{result="unchanged"}') > 0,
    )


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
