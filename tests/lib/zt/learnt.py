# SPDX-License-Identifier: Apache-2.0
"""What live answers said, written into a daemon's maps as the kernel would have learnt it."""

import ipaddress
import json
import socket
import struct
import time

from .daemon import Daemon
from .netns import NetNs
from .sh import sh, wait_for

SO_NETNS_COOKIE = 71
GROUPS = 8


def cookie(ns: NetNs) -> int:
    """The cookie of a network namespace."""
    with ns.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        return struct.unpack("Q", s.getsockopt(socket.SOL_SOCKET, SO_NETNS_COOKIE, 8))[0]


def now() -> int:
    return int(time.clock_gettime(time.CLOCK_BOOTTIME))


def pattern_id(ztad: Daemon, pattern: str) -> int:
    """The id that the state file gives a pattern."""

    def find() -> int:
        state = json.loads((ztad.state / "state.json").read_text())
        lines = (line.split() for line in state["ids"]["patterns"].splitlines())
        return next((int(n) for n, _, text in lines if text == pattern), 0)

    return wait_for(f"the id of {pattern}", find)


def _address(text: str) -> bytes:
    a = ipaddress.ip_address(text)
    return a.packed.ljust(16, b"\0") + struct.pack("I", a.version)


def _update(ztad: Daemon, name: str, key: bytes, value: bytes) -> None:
    pin = next(ztad.bpffs.rglob(f"{name}-*"))
    sh("bpftool", "map", "update", "pinned", pin, "key", *key, "value", *value)


def text(ztad: Daemon, name: str, number: int) -> None:
    """The name whose hash is `number`."""
    _update(
        ztad, "zta_texts", struct.pack("Q", number), name[::-1].encode("latin-1").ljust(256, b"\0")
    )


def learn(
    ztad: Daemon,
    ns: NetNs,
    address: str,
    said: list[tuple[int, int, int, int]],
    other: tuple[int, int] = (0, 0),
    known: bool = True,
) -> None:
    """Evidence (hash, pattern id, seen, until) of an address; other: (seen, until)."""
    value = b"".join(
        struct.pack("QII", number << 16 | pattern, seen, until)
        for number, pattern, seen, until in said
    ).ljust(GROUPS * 16, b"\0")
    key = struct.pack("Q", cookie(ns)) + _address(address) + bytes(4)
    _update(
        ztad, "zta_learnt" if known else "zta_others", key, value + struct.pack("II", *other)
    )
