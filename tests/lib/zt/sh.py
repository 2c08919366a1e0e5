# SPDX-License-Identifier: Apache-2.0
"""Commands, waiting, helper programs."""

import os
import subprocess
import time
from pathlib import Path
from typing import Callable, TypeVar

T = TypeVar("T")

ROOT = Path(__file__).resolve().parents[3]
BUILD = Path(os.environ.get("ZTA_BUILD", ROOT / "build")).resolve()
HELPERS = Path(os.environ.get("ZTA_HELPERS", BUILD / "tests" / "helpers")).resolve()
PYTHON = "/usr/bin/python3"


def sh(*argv: object, check: bool = True, text: str | None = None) -> str:
    """Run a command, return what it printed; on failure say what it said."""
    args = [str(a) for a in argv]
    done = subprocess.run(args, input=text, capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(args)}: exit {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def wait_for(what: str, probe: Callable[[], T], seconds: float = 5.0) -> T:
    """Poll until probe() is true, return its value; TimeoutError names what did not happen."""
    deadline = time.monotonic() + seconds
    pause = 0.001
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:g} s: {what}")
        time.sleep(pause)
        pause = min(pause * 2, 0.05)


def helper(name: str, *flags: str) -> Path:
    """Path of a small C program of tests/helpers, compiled when it is missing or stale."""
    source, binary = ROOT / "tests" / "helpers" / f"{name}.c", HELPERS / name
    if binary.exists() and (
        not source.exists() or binary.stat().st_mtime >= source.stat().st_mtime
    ):
        return binary
    HELPERS.mkdir(parents=True, exist_ok=True)
    # fmt: off
    sh("cc", "-std=gnu17", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Werror",
       *flags, source, "-o", binary, *(["-lbpf"] if "bpf/bpf.h" in source.read_text() else []))
    # fmt: on
    return binary
