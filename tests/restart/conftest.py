# SPDX-License-Identifier: Apache-2.0
"""A daemon for each test: these tests kill it."""

import pytest

from zt import policy
from zt.daemon import Daemon


@pytest.fixture
def daemon(world, cgroups):
    """Not started yet; has the suite's policy."""
    d = Daemon(world.machine, cgroups)
    d.write_policy(policy.suite())
    yield d
    d.close()
