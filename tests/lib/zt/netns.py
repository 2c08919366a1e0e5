# SPDX-License-Identifier: Apache-2.0
"""Network namespaces made by a test, and nothing but those."""

import ctypes
import os
import socket
import threading
from typing import Any, Callable

from .sh import sh

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def setns(path: str) -> None:
    """Move the calling thread into the network namespace at path."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _libc.setns(fd, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"setns {path}")
    finally:
        os.close(fd)


class NetNs:
    """A named namespace; its name carries our pid, so that a later run can clear what we lost."""

    def __init__(self, name: str):
        self.name = f"zt{os.getpid()}-{name}"
        self.path = f"/run/netns/{self.name}"
        sh("ip", "netns", "add", self.name)
        self.ip("link", "set", "lo", "up")

    def ip(self, *args: object, check: bool = True) -> str:
        return sh("ip", "-n", self.name, *args, check=check)

    def ip6(self, *args: object) -> str:
        return sh("ip", "-6", "-n", self.name, *args)

    def nft(self, rules: str) -> None:
        def load() -> None:
            sh("nft", "-f", "-", text=rules)

        self.call(load)

    def call(self, fn: Callable[..., Any], *args: Any) -> Any:
        """Run fn in this namespace, in a thread of its own (setns is per thread)."""
        out: list[Any] = []

        def body() -> None:
            try:
                setns(self.path)
                out.append((True, fn(*args)))
            except BaseException as e:  # pylint: disable=broad-except
                out.append((False, e))

        thread = threading.Thread(target=body)
        thread.start()
        thread.join()
        good, value = out[0]
        if not good:
            raise value
        return value

    def socket(self, *args: int) -> socket.socket:
        return self.call(lambda: socket.socket(*args))

    def sysctl(self, **settings: object) -> None:
        """net__ipv4__ip_forward=1 and the like."""

        def write() -> None:
            for key, value in settings.items():
                with open("/proc/sys/" + key.replace("__", "/"), "w", encoding="ascii") as f:
                    f.write(str(value))

        self.call(write)

    def close(self) -> None:
        sh("ip", "netns", "del", self.name, check=False)


def veth(a: NetNs, a_name: str, b: NetNs, b_name: str) -> None:
    """A cable between two namespaces, both ends up."""
    # fmt: off
    a.ip("link", "add", a_name, "type", "veth", "peer", "name", b_name, "netns", b.name)
    # fmt: on
    a.ip("link", "set", a_name, "up")
    b.ip("link", "set", b_name, "up")


def sweep() -> None:
    """Delete namespaces of earlier runs whose process is gone."""
    for line in sh("ip", "netns", "list").splitlines():
        name = line.split()[0]
        pid = name[2:].split("-")[0]
        if name.startswith("zt") and pid.isdigit() and not os.path.exists(f"/proc/{pid}"):
            sh("ip", "netns", "del", name, check=False)
