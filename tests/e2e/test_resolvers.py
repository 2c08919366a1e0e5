# SPDX-License-Identifier: Apache-2.0
"""resolvers: ["system"]: /etc/resolv.conf, followed, and what systemd-resolved has behind its stub."""

import errno
import os

import dns.message
import pytest

from zt import dns as r
from zt import policy
from zt.sh import wait_for

STUB = "127.0.0.53"
ETC, UPSTREAM = "/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"
NAME = "my.openai.azure.com"


@pytest.fixture
def resolver(world):
    one = r.Resolver(world)
    yield one
    one.close()


@pytest.fixture
def ztad(daemon):
    """A daemon with a /run and changes to /etc of its own."""
    prefix = (
        "unshare", "-m", "sh", "-c",
        "mount -t tmpfs none /run && mkdir -p /run/systemd/resolve /run/upper /run/work && "
        "mount -t overlay none -o lowerdir=/etc,upperdir=/run/upper,workdir=/run/work /etc && "
        f"rm -f /etc/resolv.conf && echo nameserver {r.SECOND} >/etc/resolv.conf && "
        'exec "$@"', "-",
    )  # fmt: skip
    daemon.write_policy(policy.suite(resolvers=["system"]))
    daemon.spawn(prefix=prefix)
    daemon.wait_up()
    return daemon


def resolvers(ztad) -> list[str]:
    return [x["address"] for x in ztad.get("resolvers")]


def follow(ztad, *want: str) -> None:
    wait_for(f"resolvers {want}", lambda: sorted(resolvers(ztad)) == sorted(want), 10)


def write(ztad, path: str, text: str) -> None:
    """As whoever keeps such files does: a new one, renamed into place."""
    where = f"/proc/{ztad.proc.pid}/root{path}"
    with open(f"{where}.new", "w", encoding="ascii") as f:
        f.write(text)
    os.rename(f"{where}.new", where)


def ask(puppet, server: str) -> bool:
    """Is port 53 of the server open to it?"""
    s = puppet.udp(server)
    try:
        s.connect((server, r.PORT))
        s.send(dns.message.make_query(NAME, "A").to_wire())
        return bool(s.recv(65535))
    except OSError as e:
        assert e.errno == errno.EPERM
        return False
    finally:
        s.close()


def test_the_stub_and_what_stands_behind_it(ztad, troupe, resolver):
    resolver.put(NAME, "20.1.2.3")
    app = troupe.get("app")
    assert resolvers(ztad) == [r.SECOND]
    assert ask(app, r.SECOND) and not ask(app, r.ADDRESS)
    event = ztad.wait_event("the refusal", lambda e: e.get("row") == 8)
    assert event["reason"] == "untrusted-resolver"

    write(ztad, ETC, f"nameserver {STUB}\noptions edns0 trust-ad\n")
    follow(ztad, STUB)
    assert not ask(app, r.SECOND)
    write(ztad, UPSTREAM, f"# by systemd-resolved\nnameserver {r.ADDRESS}\nnameserver {r.ADDRESS6}\n")
    follow(ztad, STUB, r.ADDRESS, r.ADDRESS6)
    assert ask(app, r.ADDRESS) and ask(app, r.ADDRESS6) and not ask(app, r.SECOND)
    write(ztad, UPSTREAM, f"nameserver {r.SECOND}\n")  # another network
    follow(ztad, STUB, r.SECOND)
    assert ask(app, r.SECOND) and not ask(app, r.ADDRESS)


def test_files_that_are_gone_leave_nobody_to_believe(ztad, troupe, resolver):
    app = troupe.get("app")
    write(ztad, ETC, "# nothing\n")
    follow(ztad)
    assert not ask(app, r.SECOND)
    write(ztad, ETC, f"nameserver {STUB}\n")
    follow(ztad, STUB)  # resolved has not written its file yet
    write(ztad, UPSTREAM, f"nameserver {r.ADDRESS}\n")
    follow(ztad, STUB, r.ADDRESS)
