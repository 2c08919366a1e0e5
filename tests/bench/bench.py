# SPDX-License-Identifier: Apache-2.0
"""make bench: what zta costs, beside no programs, empty programs and nftables, in one run.

All variants stand side by side, each in its own cgroup (nftables: in its own namespaces), and are
measured in turn, fifty operations each, so that a change of the machine's mood meets all of them.
What a variant adds is the median over the rounds of (variant - no programs) within one round.
Budgets: time with zta / time with empty programs (the floor), and added by zta / by nftables.

Writes build/bench.md too. Exit 1 when a budget is missed.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

# pylint: disable=wrong-import-position
from zt import cgroup, netns
from zt.cgroup import Cgroups
from zt.daemon import Daemon
from zt.memory import MapSampler, forget_peak, map_bytes, process_bytes
from zt.netns import NetNs, veth
from zt.puppet import run_in_args
from zt.sh import BUILD, sh, wait_for

PRIVATE_LINK, ALLOWED, REFUSED = "10.20.0.4", "20.1.2.3", "20.9.9.9"
PORT = 443
PREFIXES_MAX = 65536
OTHER_PREFIXES = 1  # of the document: the fence
APPLIES = 5
AT_REST_S = 5  # after a reply the daemon gives back what it does not need
HOOKS = ("connect4", "connect6", "sendmsg4", "sendmsg6", "sock_create", "sock_ops") + (
    "ingress",
    "egress",
)
VARIANTS = ("none", "floor", "zta", "nft")
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
        "resolvers": [],
        "services": [
            {
                "name": "openai",
                "preset": "azure-openai",
                "private_link": ["10.20.0.0/24"],
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
        for address in (PRIVATE_LINK, ALLOWED):
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


# operation, mode of flow, profile, address, refused by ours, calls a round
OPERATIONS = (
    ("connect(), allow", "connect", "allow", ALLOWED, False, 20000),
    ("connect(), deny", "connect", "deny", REFUSED, True, 20000),
    ("connect(), private link", "connect", "private", PRIVATE_LINK, False, 20000),
    ("TCP handshake, private link", "handshake", "private", PRIVATE_LINK, False, 2000),
    ("TCP packet, established", "tcp", "private", PRIVATE_LINK, False, 10000),
    ("UDP packet, established", "udp", "allow", ALLOWED, False, 20000),
)


def measure(lab: Lab, operations: tuple, rounds: int, only: tuple) -> dict:
    """{operation: {variant: [(p50, p99, mean) of each round]}}"""
    took: dict = {o[0]: {v: [] for v in only} for o in operations}
    for _ in range(rounds):
        for name, mode, profile, address, refused, count in operations:
            found = variants(lab, profile, refused)
            lanes = [
                ("refused" if no else mode, group, pair, address)
                for group, pair, no in (found[v] for v in only)
            ]
            for variant, result in zip(only, lab.flow(count, lanes)):
                took[name][variant].append(result)
    return took


def middle(rows: list, index: int) -> float:
    return statistics.median(r[index] for r in rows)


def added(took: dict, variant: str, index: int) -> float:
    """What the variant adds to no programs, paired by round."""
    pairs = zip(took[variant], took["none"])
    return statistics.median(v[index] - n[index] for v, n in pairs)


def of_nft(took: dict, index: int) -> str:
    """nftables judges packets: a connect() that sends none costs it nothing to compare with."""
    nft = added(took, "nft", index)
    return f"{added(took, 'zta', index) / nft:.2f}" if nft > middle(took["none"], index) / 50 else "–"


def throughput(lab: Lab, rounds: int) -> dict:
    """{variant: Gbit/s} of one iperf3 stream."""
    found: dict = {}
    for _ in range(rounds):
        for variant, (group, pair, _no) in variants(lab, "private", False).items():
            found.setdefault(variant, []).append(iperf(lab, group, pair))
    return {v: statistics.median(f) for v, f in found.items()}


def iperf(lab: Lab, group: Path, pair: Pair) -> float:
    where = run_in_args(lab.groups.outside, pair.peer.path)
    with subprocess.Popen(
        [*where, "iperf3", "-s", "-1", "-p", str(PORT)], stdout=subprocess.DEVNULL
    ) as server:
        wait_for(
            "iperf3 to listen",
            lambda: f":{PORT} " in sh("ip", "netns", "exec", pair.peer.name, "ss", "-Hltn"),
        )
        client = [*run_in_args(group, pair.client.path), "iperf3", "-J", "-t", "2"]
        result = json.loads(sh(*client, "-p", "443", "-c", PRIVATE_LINK))
        server.wait(10)
    return result["end"]["sum_received"]["bits_per_second"] / 1e9


class Report:
    """Lines for people, and whether the budgets held."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.missed = 0

    def say(self, line: str = "") -> None:
        print(line, flush=True)
        self.lines.append(line)

    def table(self, head: list, rows: list[list]) -> None:
        self.say("| " + " | ".join(head) + " |")
        self.say("| --- |" + " ---: |" * (len(head) - 1))
        for row in rows:
            self.say("| " + " | ".join(str(c) for c in row) + " |")
        self.say()

    def budget(self, what: str, value: float, limit: float, unit: str = "") -> None:
        good = value <= limit
        self.missed += not good
        self.say(f"- {'ok  ' if good else 'MISS'} {what}: {value:.2f}{unit} (≤ {limit:.3g}{unit})")


def machine() -> str:
    model = next(
        (
            line.split(":")[1].strip()
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return f"{model}, {os.cpu_count()} CPUs, Linux {platform.release()}"


def operations_table(report: Report, took: dict) -> None:
    rows = []
    for name, by_variant in took.items():
        for index, label in ((0, "p50"), (1, "p99")):
            times = [middle(by_variant[v], index) for v in VARIANTS]
            more = [added(by_variant, v, index) for v in VARIANTS[1:]]
            rows.append(
                [f"{name}, {label}"]
                + [f"{t:.0f}" for t in times]
                + [" / ".join(f"{m:+.0f}" for m in more)]
                + [f"{times[2] / times[1]:.2f}", of_nft(by_variant, index)]
            )
    head = ["ns", "no programs", "empty", "zta", "nftables", "added: empty / zta / nftables"]
    head += ["zta : empty", "added, zta : nftables"]
    report.table(head, rows)


def flatness(report: Report, lab: Lab, rounds: int) -> float:
    """
    What an operation costs by number of prefixes, over no programs in the same minute; returns the
    worst growth over the fewest.
    """
    wanted = tuple(o for o in OPERATIONS if o[0] in FLAT)
    rows, first, worst = [], {}, 0.0
    for count in (10, 1000, PREFIXES_MAX - OTHER_PREFIXES):
        lab.apply(policy(count))
        took = measure(lab, wanted, rounds, ("none", "zta"))
        times = {name: middle(by["zta"], 0) / middle(by["none"], 0) for name, by in took.items()}
        first = first or times
        worst = max(worst, *(times[n] / first[n] for n in times))
        more = [f"{added(by, 'zta', 0):+.0f}" for by in took.values()]
        rows.append([f"{count + OTHER_PREFIXES:,}"] + more)
    report.table(["ns added, by prefixes", *(o[0] for o in wanted)], rows)
    return worst


FLAT = ("connect(), allow", "connect(), private link", "UDP packet, established")


def run(report: Report, rounds: int) -> None:
    lab = Lab()
    try:
        report.say(f"Measured on {machine()}; {rounds} interleaved rounds, medians.")
        report.say()
        worst = flatness(report, lab, rounds)
        lab.load_nft(PREFIXES_MAX - OTHER_PREFIXES)  # ours has as many by now
        took = measure(lab, OPERATIONS, rounds, VARIANTS)
        operations_table(report, took)
        speed = throughput(lab, 3)
        report.table(
            ["iperf3, one TCP stream", "no programs", "empty", "zta", "nftables"],
            [
                ["Gbit/s"] + [f"{s:.1f}" for s in speed.values()],
                ["ratio"] + [f"{s / speed['none']:.3f}" for s in speed.values()],
            ],
        )
        costs = resources(report, lab)
        budgets(report, took, worst, costs)
    finally:
        lab.close()


def apply_time(lab: Lab, before: dict, document: dict) -> float:
    """Median seconds of putting a document in force in place of another."""
    took = []
    for _ in range(APPLIES):
        lab.apply(before)
        took.append(lab.apply(document))
    return statistics.median(took)


def memory(lab: Lab, document: dict) -> dict:
    """MiB of the maps and of the daemon, after and while a document is put in force."""
    pid = lab.ztad.proc.pid
    before = map_bytes(pid)
    forget_peak(pid)
    with MapSampler(pid, before) as sampler:
        lab.apply(document)
    peak = process_bytes(pid, "VmHWM")
    time.sleep(AT_REST_S)
    used = {
        "maps": sum(map_bytes(pid).values()),
        "maps, peak": sampler.peak,
        "ztad": process_bytes(pid, "VmRSS"),
        "ztad, peak": peak,
    }
    return {k: v / 2**20 for k, v in used.items()}


def resources(report: Report, lab: Lab) -> dict:
    """Apply times and memory; leaves the policy of 65,536 prefixes in force."""
    few, rules = policy(10), policy(10, rules=1000)
    big = policy(PREFIXES_MAX - OTHER_PREFIXES)
    rows = [
        ["policy apply, 1,000 rules", f"{apply_time(lab, few, rules) * 1000:.0f} ms"],
        ["policy apply, 65,536 prefixes", f"{apply_time(lab, few, big) * 1000:.0f} ms"],
    ]
    small = memory(lab, rules)
    memory(lab, big)
    large = memory(lab, {**big, "metadata": {"name": "bench", "revision": 1}})  # two of them
    for what, name in (
        ("maps", "maps at rest"),
        ("maps, peak", "maps while applying"),
        ("ztad", "ztad resident at rest"),
        ("ztad, peak", "ztad resident while applying"),
    ):
        rows.append([f"{name}, 1,000 rules", f"{small[what]:.1f} MiB"])
        rows.append([f"{name}, 65,536 prefixes", f"{large[what]:.1f} MiB"])
    report.table(["resource", ""], rows)
    return {k: max(small[k], large[k]) for k in small}


def budgets(report: Report, took: dict, worst: float, costs: dict) -> None:
    report.say("Budgets:")
    for name, by_variant in took.items():
        ratio = middle(by_variant["zta"], 0) / middle(by_variant["floor"], 0)
        if name.startswith("connect"):
            report.budget(f"{name}: time, of empty programs'", ratio, 2.5)
        elif "packet" in name:
            report.budget(f"{name}: time, of empty programs'", ratio, 1.5)
            share = added(by_variant, "zta", 0) / added(by_variant, "nft", 0)
            report.budget(f"{name}: added, of nftables'", share, 1 / 3)
    report.budget("time at any number of prefixes, of that at 10", worst, 1.25)
    report.budget("maps at rest", costs["maps"], 48, " MiB")
    report.budget("maps while applying", costs["maps, peak"], 80, " MiB")
    report.budget("ztad resident at rest", costs["ztad"], 16, " MiB")


def main() -> int:
    parser = argparse.ArgumentParser(description="measure what zta costs")
    parser.add_argument("--rounds", type=int, default=9)
    args = parser.parse_args()
    if os.geteuid() != 0:
        print("bench: makes namespaces and cgroups: sudo make bench", file=sys.stderr)
        return 2
    cgroup.sweep()
    netns.sweep()
    report = Report()
    run(report, args.rounds)
    (BUILD / "bench.md").write_text("\n".join(report.lines) + "\n", encoding="utf-8")
    return 1 if report.missed else 0


if __name__ == "__main__":
    sys.exit(main())
