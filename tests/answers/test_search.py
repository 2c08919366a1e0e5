# SPDX-License-Identifier: Apache-2.0
"""Search lists as Kubernetes gives them: the right name is asked for fifth."""

import statistics

import pytest

from zt import dns as r
from zt import resolvers as real
from zt import world as w
from zt.answers import document, fresh_private
from zt.client import Client
from zt.daemon import Daemon

ZONE = "openai.azure.com"
SEARCH = ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local", "corp.example"]
KUBE = f"nameserver {r.ADDRESS}\nsearch {' '.join(SEARCH)}\noptions ndots:5\n"


@pytest.fixture(scope="module")
def ztad(world, cgroups, module_resolver, tmp_path_factory):
    """A daemon on a machine with four search suffixes."""
    directory = tmp_path_factory.mktemp("etc")
    place = Client(directory, None, world.machine.path, KUBE)
    d = Daemon(world.machine, cgroups)
    try:
        d.write_policy(document())
        words = place.words()
        d.spawn(prefix=tuple(words[words.index("unshare") :]))
        d.wait_up()
        yield d
    finally:
        d.close()


@pytest.mark.parametrize("libc", ["glibc", "musl"])
def test_a_search_list_under_listed(world, ztad, resolver, client, libc):
    """Every suffix is tried first and does not exist; the look-up works as fast as without us."""
    listed, control = client("listed", KUBE), client("listed", KUBE, control=True)
    port, times = world.port(), {listed: [], control: []}
    for _ in range(5):
        for place in (listed, control):
            name, address = real.fresh(ZONE), fresh_private()
            resolver.put(name, address)
            found = place.lookup(name, port, libc)
            assert found.tried == [(address, 0)]
            times[place].append(found.us)
            asked = [n for n, kind, _ in resolver.asked if n.startswith(name) and kind == "A"]
            assert asked == [f"{name}.{s}" for s in SEARCH] + [name]
    slower = statistics.median(times[listed]) - statistics.median(times[control])
    assert slower < 20_000, f"{slower} us: {times}"


@pytest.mark.parametrize("libc", ["glibc", "musl"])
def test_what_is_not_listed_fails_at_once(world, ztad, resolver, client, libc):
    """Also with a suffix behind it; and the library does not wait for an answer."""
    resolver.put("www.example.org", w.PUBLIC)
    found = client("listed", KUBE).lookup("www.example.org", world.port(), libc)
    assert found.failed
    assert not [n for n, _, _ in resolver.asked if n.startswith("www.")]
    assert found.us < 2_000_000 or libc == "musl"  # musl asks until its time-out
    # what came before it does no harm to what comes after
    name, address = real.fresh(ZONE), fresh_private()
    resolver.put(name, address)
    assert client("listed", KUBE).lookup(name, world.port(), libc).tried == [(address, 0)]
