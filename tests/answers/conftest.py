# SPDX-License-Identifier: Apache-2.0
"""A daemon that believes one resolver, whose answers tests write; clients that ask it."""

import pytest

from zt import dns as r
from zt.answers import document, lay_networks
from zt.client import Client
from zt.daemon import Daemon

@pytest.fixture(scope="module")
def module_resolver(world):
    lay_networks(world)
    resolver = r.Resolver(world)
    yield resolver
    resolver.close()


@pytest.fixture
def resolver(module_resolver):
    module_resolver.clear()
    return module_resolver


@pytest.fixture(scope="module")
def ztad(world, cgroups, module_resolver):
    """Here it starts with the policy of these tests."""
    d = Daemon(world.machine, cgroups)
    try:
        d.write_policy(document())
        yield d.start()
    finally:
        d.close()


@pytest.fixture
def client(world, troupe, tmp_path):
    """make(group, resolv=, netns=, control=) -> Client"""
    made = iter(range(99))

    def make(
        group: str, resolv: str = f"nameserver {r.ADDRESS}\n", netns: str = "", control=False
    ) -> Client:
        directory = tmp_path / str(next(made))
        directory.mkdir()
        return Client(
            directory, troupe.group(group, control), netns or world.machine.path, resolv
        )

    return make
