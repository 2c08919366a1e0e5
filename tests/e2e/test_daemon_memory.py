# SPDX-License-Identifier: Apache-2.0
"""The daemon keeps no more memory after many policies, or a large one, than after a small one."""

import os

import pytest

from zt import policy
from zt.memory import map_bytes, process_bytes
from zt.sh import wait_for

APPLIES = 260
WARM = 40  # of them: by then lists have grown to their size
GROWTH = 96 * 1024  # pages that a scattered few hundred small blocks hold; 440 bytes an apply
LARGE = 1024 * 1024  # more than the suite's policy keeps, whatever the size of the document
PEAK = 40 * 1024 * 1024


@pytest.fixture(autouse=True, scope="module")
def restored(ztad):
    yield
    ztad.apply(policy.suite())


def anonymous(ztad) -> int:
    return process_bytes(ztad.proc.pid, "RssAnon")


def at_rest(ztad, most: float) -> int:
    """What is resident once the daemon has given back what it does not need."""
    try:
        wait_for("memory to be given back", lambda: anonymous(ztad) <= most, 10)
    except TimeoutError as e:
        raise AssertionError(f"{anonymous(ztad)} bytes resident, at most {most} expected") from e
    return anonymous(ztad)


def settled(ztad) -> int:
    """The lowest of the next seconds: nothing bounds it yet."""
    seen: list[int] = []

    def stable() -> bool:
        seen.append(anonymous(ztad))
        return len(seen) > 80 and min(seen) == min(seen[:-40])

    wait_for("memory to settle", stable, 20)
    return min(seen)


def documents() -> tuple[dict, dict]:
    """Two that share little: other services, profiles, rules, names, workloads, owners."""
    one = policy.suite()
    one["profiles"][0]["egress"]["rules"] += [
        {"action": "allow", "cidr": f"10.99.{i}.0/24", "ports": [443], "expires": "2099-12-31"}
        for i in range(200)
    ]
    other = policy.two("10.40.0.0/16", "10.41.0.0/16", rules=100)
    other["ai_public"] = {"names": [f"*.n{i}.example" for i in range(200)]}
    other["workloads"] += [
        {"match": {"cgroup": f"/other/{i}-*"}, "profile": "app", "owner": f"team-{i}"}
        for i in range(12)
    ]
    return one, other


def test_memory_is_flat_over_many_policies(ztad):
    one, other = documents()
    pid = ztad.proc.pid
    for i in range(WARM):
        ztad.apply((one, other)[i % 2])
    before, maps = settled(ztad), sum(map_bytes(pid).values())
    files = len(os.listdir(f"/proc/{pid}/fd"))
    for i in range(WARM, APPLIES):
        ztad.apply((one, other)[i % 2])
        if i % 20 == 0:
            ztad.ctl("explain", "--addr", "20.1.2.3", check=False)
            assert ztad.metrics()[0] == 200
    at_rest(ztad, before + GROWTH)
    assert sum(map_bytes(pid).values()) == maps
    assert len(os.listdir(f"/proc/{pid}/fd")) == files


def test_a_large_policy_leaves_nothing_behind(ztad):
    ztad.apply(policy.suite())
    before = settled(ztad)
    cidrs = [f"24.{i >> 8 & 255}.{i & 255}.0/{24 + i % 9}" for i in range(65000)]
    large = policy.suite(ai_public={"cidrs": cidrs})
    ztad.apply(large)
    at_rest(ztad, before + LARGE)
    assert process_bytes(ztad.proc.pid, "VmHWM") < PEAK
    # what is not kept is read again
    assert ztad.ctl("explain", "--addr", "24.1.2.3", check=False)["reason"] == "ai-public"
    assert ztad.get("policy/show")["ai_public"]["cidrs"] == cidrs
    at_rest(ztad, before + LARGE)
