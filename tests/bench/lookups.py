# SPDX-License-Identifier: Apache-2.0
"""
Look up a name, then connect to what was answered: no programs, zta, and what people use today.

That is dnsmasq on the machine, which puts the addresses of listed names into a set of nftables
(nftset) before it passes the answer on; nftables lets nothing else into the fence. dnsmasq by
itself is measured too, to tell the two apart. Every name is a new one.
"""

import statistics
import subprocess

from lab import PRIVATE_LINK, RESOLVERS, Lab, Pair
from report import Report

# pylint: disable=wrong-import-order
from zt.puppet import run_in_args
from zt.sh import BUILD, sh, wait_for

LOOKUP = BUILD / "tests" / "bench" / "lookup"
COUNT = 1000
VARIANTS = ("no programs", "zta", "dnsmasq", "dnsmasq, nftset, nftables")
NFTSET = ("--nftset=/openai.azure.com/4#inet#fence#ai",)


def serve(lab: Lab, pair: Pair) -> None:
    server = subprocess.Popen(  # pylint: disable=consider-using-with
        [LOOKUP, "serve", pair.peer.path, PRIVATE_LINK, *RESOLVERS], stdout=subprocess.PIPE
    )
    lab.undo.append(server.wait)
    lab.undo.append(server.kill)
    assert server.stdout and server.stdout.readline() == b"ready\n", "resolver did not start"


def dnsmasq(lab: Lab, pair: Pair, *options: str) -> None:
    """On 127.0.0.1 of the client's namespace, asking the same resolver."""
    pair.client.ip("link", "set", "lo", "up")
    # fmt: off
    server = subprocess.Popen(  # pylint: disable=consider-using-with
        [*run_in_args(lab.groups.outside, pair.client.path), "dnsmasq", "--conf-file=/dev/null",
         "--no-daemon", "--no-resolv", "--no-hosts", "--bind-interfaces", "--user=root",
         "--pid-file=", "--listen-address=127.0.0.1", f"--server={RESOLVERS[0]}",
         "--cache-size=0", "--dns-forward-max=1000", *options],
        stderr=subprocess.DEVNULL,
    )
    # fmt: on
    lab.undo.append(server.wait)
    lab.undo.append(server.kill)
    wait_for(
        "dnsmasq to listen",
        lambda: "127.0.0.1:53 " in sh("ip", "netns", "exec", pair.client.name, "ss", "-Hlun"),
    )


def prepare(lab: Lab) -> None:
    for pair in (lab.plain, lab.filtered):
        serve(lab, pair)
    lab.filtered.client.nft(
        "table inet fence {\n"
        "set ai { type ipv4_addr; }\n"
        "chain out { type filter hook output priority 1; policy accept;\n"
        "ip daddr 10.20.0.0/24 ip daddr != @ai drop\n}\n}\n"
    )
    dnsmasq(lab, lab.plain)
    dnsmasq(lab, lab.filtered, *NFTSET)


def run(report: Report, lab: Lab, rounds: int) -> None:
    prepare(lab)
    lanes = (
        (lab.groups.outside, lab.plain, RESOLVERS[0]),
        (lab.inside["private"], lab.plain, RESOLVERS[0]),
        (lab.groups.outside, lab.plain, "127.0.0.1"),
        (lab.groups.outside, lab.filtered, "127.0.0.1"),
    )
    took: list[list[list[int]]] = [[] for _ in lanes]
    for _ in range(rounds):
        for rows, (group, pair, at) in zip(took, lanes):
            told = sh(LOOKUP, "ask", COUNT, group, pair.client.path, at)
            rows.append([int(w) for w in told.split()])
    # each variant: medians of the columns
    found = [[statistics.median(column) for column in zip(*rows)] for rows in took]
    failed = [sum(row[5] for row in rows) for rows in took]
    table(report, found, failed)
    report.budget("first connections refused with zta", failed[1], 0)


def table(report: Report, found: list, failed: list) -> None:
    lines = (
        ("look-up, p50 µs", 0, 1000),
        ("look-up, p99 µs", 1, 1000),
        ("look-up and connect, p50 µs", 2, 1000),
        ("look-up and connect, p99 µs", 3, 1000),
        ("queries a second, 32 at once", 4, 1),
    )
    rows = [
        [name]
        + [f"{f[i] / unit:,.0f}" for f in found]
        + [f"{found[1][i] / found[0][i]:.2f}", f"{found[3][i] / found[0][i]:.2f}"]
        for name, i, unit in lines
    ]
    rows.append(["connections that failed", *failed, "", ""])
    head = ["a new name each time", *VARIANTS, "zta : none", "nftset : none"]
    report.table(head, rows)
