# SPDX-License-Identifier: Apache-2.0
"""What status, workloads, services and the metrics pages show of a daemon that is well."""

import os
import re

from zt.sh import wait_for

HOOKS = [
    "connect4", "connect6", "sendmsg4", "sendmsg6", "sock_create", "sockops", "egress", "ingress",
    "getpeername4", "getpeername6",
]  # fmt: skip


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
        "zta_policy_expiring", "zta_build_info", "zta_events_held", "zta_dns_answers_total",
        "zta_resolve_check",
    ):  # fmt: skip
        assert f"# HELP {name} " in text and f"# TYPE {name} " in text, name
    assert ztad.metric("zta_hooks_effective") == 1
    assert ztad.metric('zta_mode{mode="enforce"}') == 1
    for stage in ("ring", "journal"):
        assert ztad.metric(f'zta_events_lost_total{{stage="{stage}"}}') == 0
    for result in ("applied", "rejected", "unchanged"):
        assert ztad.metric(f'zta_policy_reloads_total{{result="{result}"}}') >= 0
    for line in text.splitlines():
        if not line.startswith("#"):
            float(line.rsplit(" ", 1)[1])


def test_maps_that_can_run_full_are_told_and_are_not(ztad):
    """entries / capacity is what people alert on: an array with a place for each port never is."""
    text = ztad.metrics()[1]
    found = dict(re.findall(r'^zta_map_entries{map="(\w+)"} (\d+)$', text, re.MULTILINE))
    room = dict(re.findall(r'^zta_map_capacity{map="(\w+)"} (\d+)$', text, re.MULTILINE))
    assert found.keys() == room.keys() >= {"prefixes", "rules", "workloads", "peers", "fold"}
    assert int(found["prefixes"]) > 0 and int(found["workloads"]) > 0
    for name, entries in found.items():
        assert int(entries) < int(room[name]) / 2, name


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
