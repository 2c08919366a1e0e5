# SPDX-License-Identifier: Apache-2.0
"""Fixtures of all black-box tests. They run as root and touch nothing but what they made."""

import os
import resource
import signal
from pathlib import Path

import pytest

from zt import cgroup, netns, policy
from zt.cgroup import Cgroups
from zt.daemon import Daemon
from zt.daemon import sweep as sweep_daemons
from zt.puppet import Puppet
from zt.world import World


def pytest_configure():
    if os.geteuid() != 0:
        raise pytest.UsageError("these tests make namespaces and cgroups: run them as root")
    # servers on each port that a test used, puppets, daemons: a long run has many open
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    # a terminated run cleans up as an interrupted one does
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))


@pytest.fixture(scope="session", autouse=True)
def swept():
    """What earlier runs could not clear (SIGKILL) goes first."""
    cgroup.sweep()
    netns.sweep()
    sweep_daemons()


@pytest.fixture(scope="session")
def world(swept):
    w = World()
    yield w
    w.close()


@pytest.fixture(scope="module")
def cgroups(swept, request):
    c = Cgroups("-" + request.module.__name__.rsplit(".", 1)[-1])
    yield c
    c.close()


@pytest.fixture(scope="module")
def ztad(world, cgroups):
    """One daemon for the module, with the suite's policy."""
    d = Daemon(world.machine, cgroups)
    try:
        d.write_policy(policy.suite())
        yield d.start()
    finally:
        d.close()


@pytest.fixture
def daemon(world, cgroups):
    """One daemon for the test, not started yet; it has the suite's policy."""
    d = Daemon(world.machine, cgroups)
    d.write_policy(policy.suite())
    yield d
    d.close()


class Troupe:
    """Puppets by (cgroup, namespace, uid), made when first asked for."""

    def __init__(self, world, cgroups):
        self.world, self.cgroups = world, cgroups
        self._cast: dict[tuple, Puppet] = {}
        self._all: list[Puppet] = []

    def get(self, name: str, control: bool = False, netns_path: str = "", uid: int = 0) -> Puppet:
        """A puppet in agent/NAME, or (control) in its twin outside the attach point."""
        key = (name, control, netns_path, uid)
        if key not in self._cast:
            self._cast[key] = self.new(*key)
        return self._cast[key]

    def new(self, name: str, control: bool = False, netns_path: str = "", uid: int = 0) -> Puppet:
        """A fresh puppet, for tests that move it or that need sockets nobody touched."""
        puppet = Puppet(self.group(name, control), netns_path or self.world.machine.path, uid)
        self._all.append(puppet)
        return puppet

    def group(self, name: str, control: bool = False) -> Path:
        return self.cgroups.control(name) if control else self.cgroups.inside(name)

    def new_netns(self, name: str, control: bool = False) -> Puppet:
        """A puppet that made a network namespace of its own (its kernel sockets are its)."""
        puppet = Puppet(self.group(name, control), new_netns=True)
        self._all.append(puppet)
        return puppet

    def close(self):
        for puppet in self._all:
            puppet.close()


@pytest.fixture(scope="module")
def troupe(world, cgroups):
    t = Troupe(world, cgroups)
    yield t
    t.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure shows what the daemon said."""
    outcome = yield
    report = outcome.get_result()
    if report.when != "call" or not report.failed:
        return
    for name in ("ztad", "daemon"):
        d = item.funcargs.get(name)
        if isinstance(d, Daemon):
            report.sections.append(("ztad's last words", d.log_tail()))
