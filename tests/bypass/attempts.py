# SPDX-License-Identifier: Apache-2.0
"""The table of attempts, and what an attempt is given.

An attempt is a function of a Stage. It runs twice: as a control, in a twin of the workload's cgroup
outside the attach point, where its packet must reach the public peer; and in the workload, where
not one packet may.
"""

import os
import re
import socket
from dataclasses import dataclass, field
from typing import Callable

from zt import world as w
from zt.packet import Packet
from zt.peer import Sniffer
from zt.puppet import Puppet
from zt.rewriter import Rewriter

TOKEN = b"zt-bypass-token"
NOBODY = 65534
AF_RDS, AF_TIPC = 21, 30


class Stage:
    """What an attempt works with: puppets of the right side, a fresh port, the network."""

    def __init__(self, world, troupe, control: bool, profile: str):
        self.world, self.troupe, self.control, self.profile = world, troupe, control, profile
        self.port = world.port()
        self.to = ""  # narrows the attempt's own `to`
        self._undo: list[Callable[[], None]] = []
        self._watched: list[Sniffer] = []

    @property
    def p(self) -> Puppet:
        """A process of the workload."""
        return self.get(self.profile)

    def get(self, name: str, netns_path: str = "", uid: int = 0) -> Puppet:
        return self.troupe.get(name, self.control, netns_path, uid)

    def new(self, name: str = "", netns_path: str = "", uid: int = 0) -> Puppet:
        return self.troupe.new(name or self.profile, self.control, netns_path, uid)

    def new_netns(self) -> Puppet:
        return self.troupe.new_netns(self.profile, self.control)

    def group(self, name: str):
        return self.troupe.group(name, self.control)

    def rewrite(self, *words: str) -> Callable[[], None]:
        """Somebody else's connect4 program on the workload's cgroup; returns how to end it."""
        return Rewriter(self.group(self.profile), *words).close

    def watch(self, interface: str) -> None:
        """One more way into the public peer's namespace."""
        self._watched.append(Sniffer(self.world.pub.ns, interface))

    def arrived(self, mark: int) -> list[Packet]:
        """What came to the public peer, on its cable since mark and on the watched ones."""
        found = self.world.pub.sniffer.since(mark)
        for sniffer in self._watched:
            found += sniffer.packets
        return found

    def undo(self, fn: Callable[[], None]) -> None:
        """Do fn when the attempt is over."""
        self._undo.append(fn)

    def close(self) -> None:
        while self._undo:
            self._undo.pop()()
        for sniffer in self._watched:
            sniffer.close()


@dataclass
class Attempt:
    """One row of the table."""

    name: str
    run: Callable[[Stage], object]
    reason: str = "public-egress"
    profile: str = "app"
    to: tuple[str, ...] = (w.PUBLIC, w.PUBLIC6)  # where nothing may arrive
    proto: int | None = None  # protocol without ports
    eperm: bool = True  # the call itself is refused (not only the packet)
    event: bool = True  # the contract says that it is recorded
    payload_only: bool = False  # bare TCP segments without data do not count
    socket: bool = False  # refused at socket(): a `socket` event
    lacks: Callable[[], str] = field(default=lambda: "")  # what this machine lacks, or ""
    gap: str = ""  # known gap where the kernel runs no BPF LSM: why

    def delivered(self, stage: Stage, packets: list[Packet]) -> list[Packet]:
        """Those packets that this attempt sent to where it must not."""
        ports = (stage.port, 0)
        return [
            p
            for p in packets
            if p.dst in (stage.to or self.to)
            and (p.payload or not self.payload_only)
            and (p.proto == self.proto if self.proto is not None else (p.dport or 0) in ports)
        ]


def supports(family: int, kind: int, proto: int, what: str) -> Callable[[], str]:
    """A `lacks` that tries to make such a socket."""

    def lacks() -> str:
        try:
            socket.socket(family, kind, proto).close()
        except OSError as e:
            return f"this kernel has no {what} ({e.strerror})"
        return ""

    return lacks


def since(major: int, minor: int, what: str) -> Callable[[], str]:
    """A `lacks` that asks for the kernel's version."""

    def lacks() -> str:
        release = tuple(int(n) for n in re.findall(r"\d+", os.uname().release)[:2])
        return "" if release >= (major, minor) else f"{what} came with Linux {major}.{minor}"

    return lacks


ATTEMPTS: list[Attempt] = []


def attempt(name: str, **members: object):
    """Register a function as an attempt."""

    def register(fn):
        ATTEMPTS.append(Attempt(name, fn, **members))
        return fn

    return register
