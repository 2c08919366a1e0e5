# SPDX-License-Identifier: Apache-2.0
"""Cgroups by the thousand, coming and going faster than anybody looks."""

import os

import pytest

from zt import policy
from zt import world as w
from zt.sh import wait_for

MANY, CHURN = 2000, 20000  # the map of workloads holds 16,384


def entries(ztad, name: str) -> float:
    return ztad.metric(f'zta_map_entries{{map="{name}"}}')


def refused(troupe, world, name: str) -> None:
    puppet = troupe.new(name)
    with pytest.raises(PermissionError):
        puppet.tcp().connect((w.PUBLIC, world.port()))
    s = puppet.tcp()
    s.connect((w.PE, world.port()))
    puppet.close()


def test_many_at_once_are_all_listed_and_all_forgotten(ztad, world, troupe, cgroups):
    before = ztad.get("status")["workloads"], entries(ztad, "cgstate")
    paths = [cgroups.attach / f"app-{i}" for i in range(MANY)]
    for path in paths:
        path.mkdir()
    wait_for("all to be counted", lambda: ztad.get("status")["workloads"] == before[0] + MANY, 20)
    assert ztad.metric('zta_workloads{state="uncovered"}') == 0
    listed = {x["cgroup"]: x["profile"] for x in ztad.get("workloads")}
    assert all(listed[f"/{path.name}"] == "app" for path in paths)
    ztad.apply(policy.suite(metadata={"name": "suite", "revision": 300}))
    refused(troupe, world, f"app-{MANY - 1}/deep")
    os.rmdir(paths[-1] / "deep")
    for path in paths:
        path.rmdir()
    assert len(ztad.get("workloads")) < MANY / 2
    wait_for("their states to go", lambda: entries(ztad, "cgstate") <= before[1] + 1, 20)


def test_more_than_the_map_holds_one_after_the_other(ztad, world, troupe, cgroups):
    """Entries of cgroups that went make room: who comes next is judged by its own entry."""
    for i in range(CHURN):
        path = cgroups.attach / f"app-churn-{i}"
        path.mkdir()
        path.rmdir()
    refused(troupe, world, "app-after")
    assert ztad.get("status")["healthy"]
    assert entries(ztad, "workloads") < 16384
    refused(troupe, world, "app-later")


def test_more_than_the_map_holds_while_no_daemon_looks(daemon, world, troupe, cgroups):
    daemon.start()
    daemon.kill()
    for i in range(CHURN):
        path = cgroups.attach / f"app-alone-{i}"
        path.mkdir()
        path.rmdir()
    refused(troupe, world, "app-alone")
    daemon.start()
    refused(troupe, world, "app-again")


def test_a_socket_that_outlives_its_cgroup_is_judged_by_it(daemon, world, troupe, cgroups):
    """Its last reference keeps the entry, with a daemon and without; then it goes."""
    daemon.start()
    before = entries(daemon, "workloads")
    puppet = troupe.new("app-leaves")
    tcp, udp = puppet.tcp(), puppet.udp()
    puppet.move(cgroups.inside("free-1"))
    os.rmdir(cgroups.attach / "app-leaves")

    def refused_still() -> None:
        port = world.port()
        with pytest.raises(PermissionError):
            udp.sendto(b"x", (w.PUBLIC, port))
        with pytest.raises(PermissionError):
            tcp.connect((w.PUBLIC, port))
        puppet.udp().sendto(b"x", (w.PUBLIC, port))  # its own place may

    refused_still()
    daemon.kill()
    refused_still()
    daemon.start()
    refused_still()
    daemon.get("workloads")  # looks at the tree
    refused_still()
    puppet.close()
    os.rmdir(cgroups.attach / "free-1")
    wait_for("the entries to go", lambda: entries(daemon, "workloads") <= before, 20)
