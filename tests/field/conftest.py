# SPDX-License-Identifier: Apache-2.0
"""Namespaces that a workload made, so that the kernel's own sockets there count as its."""

import pytest

from zt.netns import NetNs
from zt.puppet import Puppet
from zt.sh import sh


class OwnNetns:
    """A puppet in a namespace of its own, with cables to others."""

    def __init__(self, puppet: Puppet, undo: list):
        self.p, self._undo = puppet, undo
        self.ip("link", "set", "lo", "up")

    def ip(self, *words: object) -> str:
        return sh("nsenter", f"--net={self.p.netns}", "ip", *words)

    def write(self, setting: str, value: object) -> None:
        sh("nsenter", f"--net={self.p.netns}", "sysctl", "-q", "-w", f"{setting}={value}")

    def cable(self, name: str, far: NetNs, *far_addresses: str, mtu: int = 1500) -> None:
        """name here, w-name at the far end, which gets its addresses; ours are the test's."""
        far_name = f"w-{name}"
        # fmt: off
        far.ip("link", "add", far_name, "mtu", mtu, "type", "veth",
               "peer", "name", name, "mtu", mtu, "netns", str(self.p.pid))
        # fmt: on
        self._undo.append(lambda: far.ip("link", "del", far_name, check=False))
        for address in far_addresses:
            extra = ("nodad",) if ":" in address else ()
            far.ip("addr", "add", address, "dev", far_name, *extra)
        far.ip("link", "set", far_name, "up")


@pytest.fixture(params=["without", "deny"])
def own_netns(request, troupe):
    """make(profile) -> OwnNetns; `without`: in the twin where no program is."""
    control = request.param == "without"
    if not control:
        request.getfixturevalue("ztad")
    undo: list = []
    yield lambda profile="app": OwnNetns(troupe.new_netns(profile, control), undo)
    while undo:
        undo.pop()()


@pytest.fixture(params=["without", "deny"])
def app(request, troupe):
    """A puppet of profile `app` in the machine's namespace, or its twin."""
    control = request.param == "without"
    if not control:
        request.getfixturevalue("ztad")
    return troupe.get("app", control)
