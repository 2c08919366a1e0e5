# SPDX-License-Identifier: Apache-2.0
"""What names cost: DNS queries and answers, and the server names of first packets."""

from lab import PRIVATE_LINK, RESOLVERS, Lab, added, measure, middle
from report import Report

AI, OTHER = "contoso-prod.openai.azure.com", "images.cdn.example.com"
VARIANTS = ("none", "floor", "zta")
CALLS = 10000
HELLO_CALLS = 2000
BUDGET_NS = {f"answer, {AI}, 2 addresses": 600, f"answer, {OTHER}, 2 addresses": 350}


def _dns(what: str, mode: str) -> tuple:
    return (what, mode, "private", RESOLVERS, False, CALLS)


ANSWERS = tuple(
    _dns(f"answer, {name}, {n} address{'es' if n > 1 else ''}", f"answer,{name},{n}")
    for name in (AI, OTHER)
    for n in (1, 2, 10, 100)
)
FRESH = tuple(
    _dns(f"answer, {name}, 2 addresses never seen", f"fresh,{name},2") for name in (AI, OTHER)
)
QUERIES = tuple(_dns(f"query, {name}", f"query,{name},1") for name in (AI, OTHER)) + (
    _dns("query, many of one socket unanswered", f"unheard,{OTHER},1"),
)
HELLOS = tuple(
    (
        f"ClientHello of {size} octets, first packet",
        f"hello,{AI},{size}",
        "private",
        PRIVATE_LINK,
        False,
        HELLO_CALLS,
    )
    for size in (517, 1900)
)


def table(report: Report, took: dict) -> None:
    rows = []
    for name, by in took.items():
        times = [middle(by[v], 0) for v in VARIANTS]
        tails = [middle(by[v], 1) for v in VARIANTS]
        rows.append(
            [name]
            + [f"{p50:.0f} / {p99:.0f}" for p50, p99 in zip(times, tails)]
            + [f"{added(by, 'zta', 0, 'floor'):+.0f}", f"{times[2] / times[1]:.2f}"]
        )
    head = ["ns, p50 / p99", "no programs", "empty", "zta", "zta over empty", "zta : empty"]
    report.table(head, rows)


def run(report: Report, lab: Lab, rounds: int) -> dict:
    took = measure(lab, QUERIES + ANSWERS + FRESH + HELLOS, rounds, VARIANTS)
    table(report, took)
    return took


def budgets(report: Report, took: dict) -> None:
    for name, limit in BUDGET_NS.items():
        over = added(took[name], "zta", 0, "floor")
        report.budget(f"{name}: over empty programs", over, limit, " ns")
