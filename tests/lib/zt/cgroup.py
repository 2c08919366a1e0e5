# SPDX-License-Identifier: Apache-2.0
"""Scratch cgroups: an attach point, and a twin outside it for the controls."""

import os
import signal
from pathlib import Path

from .sh import wait_for


def cgroup2_mount() -> Path:
    """Where cgroup v2 is mounted here (not always /sys/fs/cgroup)."""
    with open("/proc/self/mounts", encoding="utf-8") as f:
        for line in f:
            fields = line.split()
            if fields[2] == "cgroup2":
                return Path(fields[1])
    raise RuntimeError("no cgroup2 mount in /proc/self/mounts")


class Cgroups:
    """base/agent is the attach point, base/outside its twin, base/daemon holds the daemon."""

    def __init__(self, name: str = ""):
        self.base = cgroup2_mount() / f"zt-{os.getpid()}{name}"
        self.attach = self.base / "agent"
        self.outside = self.base / "outside"
        self.daemon = self.base / "daemon"
        for d in (self.attach, self.outside, self.daemon):
            d.mkdir(parents=True, exist_ok=True)

    def inside(self, path: str) -> Path:
        return self.make(self.attach / path)

    def control(self, path: str) -> Path:
        return self.make(self.outside / path)

    @staticmethod
    def make(path: Path) -> Path:
        path.mkdir(parents=True, exist_ok=True)
        return path

    def close(self) -> None:
        remove(self.base)


def pids(path: Path) -> list[int]:
    return [int(p) for p in (path / "cgroup.procs").read_text().split()]


def remove(path: Path) -> None:
    """End what still runs below path (we made it, so it is ours), then remove it."""
    if not path.exists():
        return
    for d, _, _ in os.walk(path, topdown=False):
        for pid in pids(Path(d)):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        wait_for(f"{d} to be empty", lambda d=d: not pids(Path(d)), 5)
        wait_for(f"{d} to go", lambda d=d: _rmdir(d), 5)


def _rmdir(d: str) -> bool:
    try:
        os.rmdir(d)
    except FileNotFoundError:
        pass
    except OSError:
        return False
    return True


def sweep() -> None:
    """Remove cgroups of earlier runs whose process is gone."""
    for path in cgroup2_mount().glob("zt-*"):
        pid = path.name[3:].split("-")[0]
        if pid.isdigit() and not os.path.exists(f"/proc/{pid}"):
            remove(path)
