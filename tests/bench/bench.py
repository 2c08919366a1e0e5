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
import statistics
import subprocess
import sys
import time
from pathlib import Path

import lookups
import names
from lab import ALLOWED, PORT, PRIVATE_LINK, REFUSED, VARIANTS
from lab import Lab, Pair, added, measure, middle, policy, variants
from report import Report, machine

# pylint: disable=wrong-import-order
from zt import cgroup, netns
from zt.memory import MapSampler, forget_peak, map_bytes, process_bytes
from zt.puppet import run_in_args
from zt.sh import BUILD, sh, wait_for

PREFIXES_MAX = 65536
OTHER_PREFIXES = 6  # of the document: those of the fence, the resolvers'
APPLIES = 5
AT_REST_S = 5  # after a reply the daemon gives back what it does not need

# operation, mode of flow, profile, address, refused by ours, calls a round
OPERATIONS = (
    ("connect(), allow", "connect", "allow", ALLOWED, False, 20000),
    ("connect(), deny", "connect", "deny", REFUSED, True, 20000),
    ("connect(), private link", "connect", "private", PRIVATE_LINK, False, 20000),
    ("TCP handshake, private link", "handshake", "private", PRIVATE_LINK, False, 2000),
    ("TCP packet, established", "tcp", "private", PRIVATE_LINK, False, 10000),
    ("UDP packet, established", "udp", "allow", ALLOWED, False, 20000),
)


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
        named = names.run(report, lab, rounds)
        speed = throughput(lab, 3)
        report.table(
            ["iperf3, one TCP stream", "no programs", "empty", "zta", "nftables"],
            [
                ["Gbit/s"] + [f"{s:.1f}" for s in speed.values()],
                ["ratio"] + [f"{s / speed['none']:.3f}" for s in speed.values()],
            ],
        )
        lookups.run(report, lab, rounds)  # adds to the rules of the other namespaces
        costs = resources(report, lab)
        budgets(report, took, worst, costs)
        names.budgets(report, named)
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
