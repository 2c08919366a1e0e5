# SPDX-License-Identifier: Apache-2.0
"""Look up, connect at once; again and again, always another name with another address.

ZTA_ROUNDS and ZTA_SOAK_S make it longer (`make soak`).
"""

import os
import subprocess

import pytest

from zt import dns as r
from zt.answers import document
from zt.memory import map_bytes, process_bytes
from zt.puppet import run_in_args
from zt.sh import helper, wait_for

ROUNDS = int(os.environ.get("ZTA_ROUNDS", "100000"))
SOAK_S = int(os.environ.get("ZTA_SOAK_S", "60"))
RATE = 200
WARM_S = 5
ADDRESS = "10.45.0.70"
# two networks inside the fence, one outside; each round takes an address of its own
FENCE, OUTSIDE = "10.128.0.0/15", "20.128.0.0/9"
GROWTH = 1 << 20


@pytest.fixture(scope="module")
def served(world, ztad, module_resolver):
    """answerer in the resolver's namespace; its addresses are everybody's there. The TCP port."""
    ns, port = module_resolver.ns, world.unserved_port()
    ns.ip("addr", "replace", f"{ADDRESS}/24", "dev", "m0")
    for net in (FENCE, OUTSIDE):
        ns.ip("route", "replace", "local", net, "dev", "lo")
        world.machine.ip("route", "replace", net, "via", r.ADDRESS)
    p = document()
    p["resolvers"] = [ADDRESS]
    p["services"][0]["private_link"] = ["10.128.0.0/16", "10.129.0.0/16"]
    ztad.apply(p)
    server = subprocess.Popen(  # pylint: disable=consider-using-with
        [*run_in_args(None, ns.path), str(helper("answerer")), ADDRESS, str(port)],
        stdout=subprocess.PIPE,
    )
    assert server.stdout and server.stdout.readline() == b"ready\n"
    yield port
    server.kill()
    server.wait()
    server.stdout.close()
    for net in (FENCE, OUTSIDE):
        world.machine.ip("route", "del", net)


def start(place, rounds: int, rate: int, port: int, first: str, *names: str) -> subprocess.Popen:
    return subprocess.Popen(
        place.words(helper("rounds"), rounds, rate, port, first, *names),
        stdout=subprocess.PIPE,
        text=True,
    )


def result(running: subprocess.Popen) -> dict:
    out, _ = running.communicate(timeout=SOAK_S + ROUNDS / 500 + 60)
    words = ("rounds", "lookups_failed", "refused", "failed", "us")
    return dict(zip(words, map(int, out.split())))


def test_no_first_connection_fails(world, ztad, client, served):
    place = client("app", f"nameserver {ADDRESS}\n")
    got = result(start(place, ROUNDS, 0, served, "10.128.0.1", "openai.azure.com"))
    print(f"{got['rounds'] * 1e6 / got['us']:.0f} rounds a second")
    assert got["rounds"] == ROUNDS
    assert (got["lookups_failed"], got["refused"], got["failed"]) == (0, 0, 0)
    assert ztad.get("status")["healthy"]


def test_every_connection_outside_the_fence_is_refused(world, ztad, client, served):
    """The counterpart: as many rounds without one that slips through."""
    n = ROUNDS // 20
    place = client("open", f"nameserver {ADDRESS}\n")
    got = result(start(place, n, 0, served, "20.128.0.1", "openai.azure.com"))
    assert (got["rounds"], got["lookups_failed"], got["refused"]) == (n, 0, n)


def test_memory_stays_as_it_is(world, ztad, client, served):
    """200 fresh names a second: private ones, ordinary ones, ones that lead outside."""
    names = ("openai.azure.com", "a.example.net", "b.example.net", "cdn.example.org")
    place = client("open", f"nameserver {ADDRESS}\n")
    before = ztad.get("status")
    running = start(place, SOAK_S * RATE, RATE, served, "20.160.0.1", *names)
    pid = ztad.proc.pid
    with pytest.raises(subprocess.TimeoutExpired):
        running.wait(WARM_S)
    first, tables, seen = process_bytes(pid, "VmRSS"), map_bytes(pid), [0]

    def over() -> bool:
        seen.append(process_bytes(pid, "VmRSS"))
        return running.poll() is not None

    wait_for("the end", over, SOAK_S + 60)
    got = result(running)
    assert got["rounds"] == SOAK_S * RATE and got["lookups_failed"] == 0
    assert got["refused"] == SOAK_S * RATE // len(names)  # each AI name, and no other
    assert max(seen) - first < GROWTH, f"{first} bytes resident, then up to {max(seen)}"
    assert map_bytes(pid) == tables
    after = ztad.get("status")
    assert after["healthy"] and after["lost"] == before["lost"]
