# SPDX-License-Identifier: Apache-2.0
"""The built-in policy on a machine of ordinary internal traffic: nothing to say, nothing broken."""

import os
import socket

import pytest

from zt import packet
from zt import world as w
from zt.daemon import Daemon

DEFAULT_POLICY = "/etc/zta/policy.json"


@pytest.fixture
def daemon(world, cgroups):
    d = Daemon(world.machine, cgroups)
    yield d
    d.close()


def start_builtin(d: Daemon) -> None:
    hide: tuple[str, ...] = ()
    if os.path.exists(os.path.dirname(DEFAULT_POLICY)):  # of the machine: not for its eyes
        script = 'mount -t tmpfs none /etc/zta && exec "$@"'
        hide = ("unshare", "-m", "sh", "-c", script, "sh")
    d.spawn(policy=False, prefix=hide)
    d.wait_up()


def hour(puppet, world, ports: list[int], rounds: int) -> None:
    """What an hour on an internal host looks like: databases, caches, DNS, health, metrics."""
    listener = puppet.listen("127.0.0.1")
    listener.serve()
    local = listener.getsockname()[1]
    for _ in range(rounds):
        for port in ports:
            for address in (w.PE, w.PE6, w.VAULT, w.PRIVATE, w.DATABASE, w.POD, w.PUBLIC):
                s = puppet.tcp(address)
                if address == w.POD:
                    with pytest.raises(ConnectionRefusedError):
                        s.connect((address, port))
                else:
                    s.connect((address, port))
                    s.echo()
                s.close()
            for address in (w.RESOLVER, w.PE6, w.PRIVATE, w.PUBLIC_B):
                s = puppet.udp(address)
                s.sendto(b"query", (address, port))
                s.recv(64)
                s.connect((address, port))
                s.send(b"again")
                s.recv(64)
                s.close()
        s = puppet.tcp()
        s.connect(("127.0.0.1", local))
        s.echo()
        s.close()
        s = puppet.socket(socket.AF_INET, socket.SOCK_RAW, 1)
        s.sendto(packet.icmp_echo(b"ping"), (w.PE, 0))
        s.close()
        for address in (w.IMDS, w.WIRESERVER):
            s = puppet.tcp()
            s.connect((address, ports[0]))
            s.echo()
            s.close()


def test_an_hour_of_internal_traffic_is_silent(daemon, world, troupe):
    start_builtin(daemon)
    status = daemon.get("status")
    assert (status["mode"], status["policy"]["source"]) == ("audit", "built-in")
    assert status["healthy"] and not status["enforcing"]
    before = daemon.get("status")["decisions"]
    puppet = troupe.get("app")
    hour(puppet, world, [world.port(), world.port(), world.port_of(443), world.port_of(53)], 8)
    status = daemon.get("status")
    assert status["decisions"]["allow"] > before["allow"]
    assert (status["decisions"]["deny"], status["decisions"]["audit"]) == (0, 0)
    daemon.http("POST", "/v1/flush")
    noisy = [e for e in daemon.events() if e["type"] not in ("lifecycle", "policy", "admin", "flow")]
    assert not noisy
