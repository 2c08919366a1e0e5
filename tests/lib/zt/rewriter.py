# SPDX-License-Identifier: Apache-2.0
"""Somebody else's connect4 program on a cgroup, while the context lasts."""

import subprocess
from pathlib import Path

from .sh import helper


class Rewriter:
    """Turns one address into another, or (`forgive`) every refusal into success."""

    def __init__(self, cgroup: Path, *words: str):
        self.proc = subprocess.Popen(  # pylint: disable=consider-using-with
            [str(helper("rewrite")), str(cgroup), *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self.proc.stdout and self.proc.stderr
        if self.proc.stdout.readline() != b"ready\n":
            raise RuntimeError(f"rewrite: {self.proc.stderr.read().decode()}")

    def close(self) -> None:
        self.proc.communicate(b"", 5)

    def __enter__(self) -> "Rewriter":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
