# SPDX-License-Identifier: Apache-2.0
"""Readiness, health, metrics, the service manager's protocol, the heartbeat."""

import os
import socket
import time

import pytest

from zt import policy
from zt import world as w
from zt.daemon import Daemon
from zt.sh import wait_for

HOOKS = [
    "connect4", "connect6", "sendmsg4", "sendmsg6", "sock_create", "sockops", "egress", "ingress",
]  # fmt: skip


@pytest.fixture
def daemon(world, cgroups):
    d = Daemon(world.machine, cgroups)
    d.write_policy(policy.suite())
    yield d
    d.close()


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


def test_status_is_complete(ztad, world):
    status = ztad.ctl("status")
    assert status["healthy"] and status["enforcing"]
    assert (status["mode"], status["mode_source"]) == ("enforce", "policy")
    assert status["problems"] == [p for p in status["problems"] if p["id"] == "partial"] != []
    assert set(status["policy"]) >= {"name", "revision", "generation", "sha256", "source"}
    assert [h["name"] for h in status["hooks"]] == HOOKS
    assert all(h["attached"] and h["link_id"] > 0 for h in status["hooks"])
    assert status["journal"]["state"] == "ok" and status["lost"] == 0
    assert isinstance(status["uptime_s"], int) and status["version"]
    assert status["kernel"] == os.uname().release
    host, _, port = status["metrics"].rpartition(":")
    assert host == "127.0.0.1" and int(port) > 0


def test_endpoints_and_series(ztad):
    assert ztad.metrics("/healthz")[0] == 200
    assert ztad.metrics("/readyz")[0] == 200
    code, text = ztad.metrics()
    assert code == 200
    for name in (
        "zta_denials_total", "zta_decisions_total", "zta_hooks_effective", "zta_mode",
        "zta_policy_generation", "zta_policy_reloads_total", "zta_events_lost_total",
        "zta_workloads", "zta_unguarded_seconds", "zta_map_entries", "zta_map_capacity",
        "zta_policy_expiring", "zta_build_info", "zta_events_held",
    ):  # fmt: skip
        assert f"# HELP {name} " in text and f"# TYPE {name} " in text, name
    assert ztad.metric("zta_hooks_effective") == 1
    assert ztad.metric('zta_mode{mode="enforce"}') == 1
    for stage in ("ring", "journal", "sink"):
        assert ztad.metric(f'zta_events_lost_total{{stage="{stage}"}}') == 0
    for result in ("applied", "rejected", "unchanged"):
        assert ztad.metric(f'zta_policy_reloads_total{{result="{result}"}}') >= 0
    for line in text.splitlines():
        if not line.startswith("#"):
            float(line.rsplit(" ", 1)[1])


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


def test_workloads_are_listed(ztad, troupe, cgroups):
    troupe.get("app")
    troupe.get("app-2/inner")
    troupe.get("nobody-lists-this")

    def listed() -> dict:
        return {x["cgroup"]: x for x in ztad.ctl("workloads")}

    found = wait_for("both", lambda: (x := listed()) and "/app-2" in x and x)
    assert found["/app"]["profile"] == "app" and found["/app"]["state"] == "matched"
    assert found["/app"]["id"] == (cgroups.attach / "app").stat().st_ino
    assert found["/"]["state"] == "default" and found["/"]["profile"] == "host"
    assert "/nobody-lists-this" not in found and "/app-2/inner" not in found


def test_services_are_listed(ztad):
    found = {x["name"]: x for x in ztad.ctl("services")}
    assert set(found) == {"openai", "vault"}
    assert found["vault"]["private_link"] == ["10.21.0.0/24", "fd00:21::/64"]


def test_resident_memory_is_small(ztad):
    with open(f"/proc/{ztad.proc.pid}/status", encoding="ascii") as f:
        kib = next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))
    assert kib <= 16 * 1024, f"{kib} KiB resident"
