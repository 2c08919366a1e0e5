# SPDX-License-Identifier: Apache-2.0
"""Where the bench measures: every variant side by side, and what one adds to another."""

import json
import os
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

# pylint: disable=wrong-import-position
from zt.cgroup import Cgroups
from zt.daemon import Daemon
from zt.netns import NetNs, veth
from zt.sh import BUILD, sh

PRIVATE_LINK, ALLOWED, REFUSED = "10.20.0.4", "20.1.2.3", "20.9.9.9"
PORT = 443
HOOKS = ("connect4", "connect6", "sendmsg4", "sendmsg6", "sock_create", "sock_ops") + (
    "ingress",
    "egress",
)
VARIANTS = ("none", "floor", "zta", "nft")
RESOLVERS = [f"10.53.0.{i + 1}" for i in range(len(VARIANTS))]  # one for each lane
FRESH = [f"172.{i}.0.0/16" for i in range(16, 20)]  # flow.c
FLOOR_PROGRAMS = BUILD / "bench" / "empty.bpf.o"
FLOW = BUILD / "tests" / "bench" / "flow"


def prefixes(count: int) -> list[str]:
    """Lengths /24 to /32, none of them inside another."""
    return [f"24.{i >> 8 & 255}.{i & 255}.0/{24 + i % 9}" for i in range(count)]


def policy(count: int, rules: int = 0) -> dict:
    """The bench's policy with so many public AI prefixes and, in one profile, rules."""
    filler = [
        {"action": "allow", "cidr": f"10.{100 + i // 256}.{i % 256}.0/24", "ports": [443]}
        for i in range(rules)
    ]
    return {
        "apiVersion": "zta/v1",
        "kind": "Policy",
        "metadata": {"name": "bench"},
        "mode": "enforce",
        "resolvers": ["10.53.0.0/24"],
        "services": [
            {
                "name": "openai",
                "preset": "azure-openai",
                "private_link": ["10.20.0.0/24", *FRESH],
                "ports": [f"{PORT}-{PORT + len(VARIANTS) - 1}"],  # one for each lane
                "require_resolution": False,
            }
        ],
        "ai_public": {"cidrs": prefixes(count)},
        "profiles": [
            {"name": "allow", "egress": {"default": "allow"}},
            {"name": "deny", "egress": {"default": "deny", "rules": filler}},
            {"name": "private", "services": ["openai"], "egress": {"default": "deny"}},
        ],
        "workloads": [
            {"match": {"cgroup": f"/{name}"}, "profile": name}
            for name in ("allow", "deny", "private")
        ],
    }


class Pair:
    """A client's namespace and its peer's; the peer holds every address."""

    def __init__(self, name: str):
        self.client, self.peer = NetNs(f"{name}-client"), NetNs(f"{name}-peer")
        veth(self.client, "up0", self.peer, "up0")
        self.client.ip("addr", "add", "10.9.9.1/24", "dev", "up0")
        self.peer.ip("addr", "add", "10.9.9.2/24", "dev", "up0")
        for address in (PRIVATE_LINK, ALLOWED, *RESOLVERS):
            self.peer.ip("addr", "add", f"{address}/32", "dev", "lo")
        self.client.ip("route", "add", "default", "via", "10.9.9.2")
        self.peer.ip("route", "add", "default", "via", "10.9.9.1")

    def close(self) -> None:
        self.client.close()
        self.peer.close()


class Lab:
    """Every variant at once."""

    def __init__(self) -> None:
        self.undo: list = []
        self.plain, self.filtered = self.made(Pair("plain")), self.made(Pair("nft"))
        self.groups = self.made(Cgroups("-bench"))
        self.floor = self.groups.make(self.groups.base / "floor")
        self.attach_floor()
        self.ztad = self.made(Daemon(self.plain.client, self.groups))
        self.ztad.write_policy(policy(10))
        self.inside = {n: self.groups.inside(n) for n in ("allow", "deny", "private")}
        self.ztad.start()

    def made(self, thing):
        self.undo.append(thing.close)
        return thing

    def close(self) -> None:
        for undo in reversed(self.undo):
            undo()

    def attach_floor(self) -> None:
        pins = Path(f"/sys/fs/bpf/zt-bench-{os.getpid()}")
        self.undo.append(lambda: sh("rm", "-rf", pins))
        sh("bpftool", "prog", "loadall", FLOOR_PROGRAMS, pins)
        for hook in HOOKS:
            # removed with its cgroup
            sh("bpftool", "cgroup", "attach", self.floor, hook, "pinned", pins / hook, "multi")

    def load_nft(self, count: int) -> None:
        self.filtered.client.nft(
            "flush ruleset\n"
            "table inet bench {\n"
            "set public { type ipv4_addr; flags interval; elements = { %s } }\n"
            "set fence { type ipv4_addr; flags interval; elements = { 10.20.0.0/24 } }\n"
            "chain out { type filter hook output priority 0; policy accept;\n"
            "ip daddr @public drop\nip daddr @fence accept\n}\n}\n" % ", ".join(prefixes(count))
        )

    def flow(self, count: int, lanes: list[tuple]) -> list[list[int]]:
        """(p50, p99, mean) of each (mode, cgroup, pair, address), all measured in turn."""
        args = [
            arg
            for mode, group, pair, address in lanes
            for arg in (mode, group, pair.client.path, pair.peer.path, address)
        ]
        return [[int(w) for w in line.split()] for line in sh(FLOW, count, *args).splitlines()]

    def apply(self, document: dict) -> float:
        """Seconds of ztactl policy apply, process start included."""
        file = self.ztad.dir / "bench.json"
        file.write_text(json.dumps(document))
        start = time.monotonic()
        self.ztad.ctl("policy", "apply", file)
        return time.monotonic() - start


def variants(lab: Lab, profile: str, refused: bool) -> dict:
    """Name -> (cgroup, pair, whether the call is refused there)."""
    return {
        "none": (lab.groups.outside, lab.plain, False),
        "floor": (lab.floor, lab.plain, False),
        "zta": (lab.inside[profile], lab.plain, refused),
        "nft": (lab.groups.outside, lab.filtered, False),
    }


def measure(lab: Lab, operations: tuple, rounds: int, only: tuple = VARIANTS) -> dict:
    """
    {operation: {variant: [(p50, p99, mean) of each round]}}
    An operation: name, mode of flow, profile, address (or one for each variant), refused by ours,
    calls a round.
    """
    took: dict = {o[0]: {v: [] for v in only} for o in operations}
    for _ in range(rounds):
        for name, mode, profile, address, refused, count in operations:
            found = variants(lab, profile, refused)
            each = [address] * len(only) if isinstance(address, str) else address
            lanes = [
                ("refused" if no else mode, group, pair, to)
                for (group, pair, no), to in zip((found[v] for v in only), each)
            ]
            for variant, result in zip(only, lab.flow(count, lanes)):
                took[name][variant].append(result)
    return took


def middle(rows: list, index: int) -> float:
    return statistics.median(r[index] for r in rows)


def added(took: dict, variant: str, index: int, to: str = "none") -> float:
    """What the variant adds to another, paired by round."""
    pairs = zip(took[variant], took[to])
    return statistics.median(v[index] - n[index] for v, n in pairs)
