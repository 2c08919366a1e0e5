# SPDX-License-Identifier: Apache-2.0
"""Programs as they are, in a workload's place, with an /etc/resolv.conf and /etc/hosts of theirs."""

import ipaddress
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .puppet import run_in_args
from .sh import ROOT, HELPERS, helper, sh

# binds each given file over the one of /etc, and becomes the command
_BIND = (
    'for f in resolv.conf hosts nsswitch.conf; do mount --bind "$0/$f" /etc/$f || exit 125; done\n'
    'exec "$@"'
)
NSSWITCH = "hosts: files dns\n"  # nothing that asks a daemon of this machine


def musl(name: str) -> Path:
    """A helper linked with musl, statically."""
    source, binary = ROOT / "tests" / "helpers" / f"{name}.c", HELPERS / f"{name}-musl"
    if not binary.exists() or binary.stat().st_mtime < source.stat().st_mtime:
        HELPERS.mkdir(parents=True, exist_ok=True)
        sh("musl-gcc", "-static", "-O2", "-D_GNU_SOURCE", "-std=gnu17", source, "-o", binary)
    return binary


@dataclass
class Lookup:
    """What helpers/lookup said."""

    us: int
    tried: list[tuple[str, int]]  # address, errno of connect
    failed: str = ""  # words of the library

    @property
    def connected(self) -> list[str]:
        return [a for a, e in self.tried if not e]

    @property
    def errors(self) -> dict[str, int]:
        return dict(self.tried)


class Client:
    """A place: cgroup, network namespace, resolver configuration."""

    def __init__(self, directory: Path, cgroup: Path | None, netns: str, resolv: str):
        self.dir, self.cgroup, self.netns = directory, cgroup, netns
        self.write("resolv.conf", resolv)
        self.write("hosts", "127.0.0.1 localhost\n")
        self.write("nsswitch.conf", NSSWITCH)

    def write(self, name: str, text: str) -> None:
        """In place: the file may be bound somewhere already."""
        with open(self.dir / name, "w", encoding="ascii") as f:
            f.write(text)

    def words(self, *argv: object) -> list[str]:
        return [
            *run_in_args(self.cgroup, self.netns),
            "unshare", "-m", "sh", "-c", _BIND, str(self.dir), *map(str, argv),
        ]  # fmt: skip

    def run(self, *argv: object, text: str = "", seconds: float = 30):
        """A program to its end; stdout and stderr as text."""
        return subprocess.run(
            self.words(*argv),
            input=text,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
        )

    def lookup(self, name: str, port: int, libc: str = "glibc") -> Lookup:
        """getaddrinfo, then connect to each address."""
        program = musl("lookup") if libc == "musl" else helper("lookup")
        done = self.run(program, name, port)
        lines = done.stdout.splitlines()
        if done.returncode == 2:
            return Lookup(int(lines[0]), [], lines[1])
        assert done.returncode == 0, f"{done.returncode}: {done.stderr}"
        pairs = (line.split() for line in lines[1:])
        return Lookup(int(lines[0]), [(str(ipaddress.ip_address(a)), int(e)) for a, e in pairs])
