# SPDX-License-Identifier: Apache-2.0
"""What the bench found, for people: tables, and which budget held."""

import os
import platform
from pathlib import Path


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
