# SPDX-License-Identifier: Apache-2.0
"""Under "dns.names": "listed" a name may be asked with a search suffix of the machine behind it."""

import shutil
from pathlib import Path

import dns.message
import pytest

from zt import dns as r
from zt.answers import OPENAI, document
from zt.daemon import Daemon
from zt.sh import wait_for


class Machine:
    """A daemon whose /etc is a copy, so that its resolv.conf can be the test's."""

    def __init__(self, world, cgroups, etc: Path):
        self.etc = etc
        shutil.copytree("/etc", etc, symlinks=True)
        (etc / "resolv.conf").unlink()
        self.search("corp.example")
        self.daemon = Daemon(world.machine, cgroups)
        self.daemon.write_policy(document())
        inside = 'mount --bind "$0" /etc && exec "$@"'
        self.daemon.spawn(prefix=("unshare", "-m", "sh", "-c", inside, str(etc)))
        self.daemon.wait_up()

    def search(self, *suffixes: str) -> None:
        """As resolvconf and others write it: a new file, renamed into place."""
        new = self.etc / "resolv.conf.new"
        new.write_text(f"nameserver {r.ADDRESS}\nsearch {' '.join(suffixes)}\n")
        new.rename(self.etc / "resolv.conf")


@pytest.fixture(scope="module")
def machine(world, cgroups, module_resolver, tmp_path_factory):
    m = Machine(world, cgroups, tmp_path_factory.mktemp("search") / "etc")
    yield m
    m.daemon.close()


def may_ask(puppet, name: str) -> bool:
    s = puppet.udp(r.ADDRESS)
    try:
        s.connect((r.ADDRESS, r.PORT))
        s.send(dns.message.make_query(name, "A").to_wire())
        return bool(s.recv(65535))
    except PermissionError:
        return False
    finally:
        s.close()


def test_suffixes_of_the_machine_may_follow_a_listed_name(machine, troupe, resolver):
    listed = troupe.get("listed")
    assert may_ask(listed, OPENAI)
    assert may_ask(listed, f"{OPENAI}.corp.example")
    assert not may_ask(listed, f"{OPENAI}.other.example")
    assert not may_ask(listed, "www.corp.example")
    assert not may_ask(listed, "corp.example")
    assert may_ask(troupe.get("app"), f"{OPENAI}.other.example")


def test_they_are_followed(machine, troupe, resolver):
    listed = troupe.get("listed")
    generation = machine.daemon.get("status")["policy"]["generation"]
    machine.search("a.example", "other.example")
    wait_for("the new suffix", lambda: may_ask(listed, f"{OPENAI}.other.example"), 10)
    assert may_ask(listed, f"{OPENAI}.a.example")
    assert not may_ask(listed, f"{OPENAI}.corp.example")
    assert machine.daemon.get("status")["policy"]["generation"] == generation
    machine.search()
    wait_for("no suffix", lambda: not may_ask(listed, f"{OPENAI}.other.example"), 10)
    assert may_ask(listed, OPENAI)
