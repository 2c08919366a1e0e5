# SPDX-License-Identifier: Apache-2.0
"""A new policy changes whose a socket is and what its profile allows; work in hand is not disturbed."""

import socket

import pytest

from zt import policy
from zt import world as w
from zt.daemon import Daemon


def document(revision: int, workloads: list[tuple[str, str]], default: str = "host") -> dict:
    return policy.suite(
        metadata={"name": "suite", "revision": revision},
        workloads=[{"match": {"cgroup": path}, "profile": profile} for path, profile in workloads],
        default_profile=default,
    )


@pytest.fixture
def daemon(world, cgroups):
    d = Daemon(world.machine, cgroups)
    yield d
    d.close()


def test_a_datagram_server_answers_when_its_profile_is_closed(daemon, world, troupe):
    """The request comes under a policy that allows everything, its answer leaves under another."""
    daemon.write_policy(document(1, []))
    daemon.start()
    server = troupe.get("app").udp()
    server.bind((w.MACHINE, 0))
    client = world.pub.ns.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with client:
        client.settimeout(5)
        client.bind((w.PUB_LINK, 0))
        for revision, workloads in ((2, [("/app*", "shut")]), (3, []), (4, [("/app*", "shut")])):
            client.sendto(b"before", server.getsockname())
            _, source = server.recvfrom(64)
            server.sendto(b"answer", source)
            client.sendto(b"while", server.getsockname())
            _, source = server.recvfrom(64)
            daemon.apply(document(revision, workloads))
            server.sendto(b"late", source)
            assert [client.recv(64) for _ in range(2)] == [b"answer", b"late"]
    with pytest.raises(PermissionError):
        server.sendto(b"own", (w.PUB_LINK, world.port()))


@pytest.mark.parametrize("default", ["closed", "no-ai"])
def test_a_socket_older_than_its_workload_is_judged_as_its_workload(daemon, world, troupe, default):
    """Made under the default profile, used after a policy that lists its cgroup."""
    daemon.write_policy(document(1, [], default))
    daemon.start()
    puppet = troupe.get("app")
    tcp, udp, connected = puppet.tcp(), puppet.udp(), puppet.udp()
    port = world.port()
    daemon.apply(document(2, [("/app*", "app")], default))
    tcp.connect((w.PE, port))
    assert tcp.echo() == b"zt-echo"
    udp.sendto(b"x", (w.PE, port))
    assert udp.recv(64) == b"x"
    connected.connect((w.PE, port))
    connected.send(b"y")
    assert connected.recv(64) == b"y"
    daemon.apply(document(3, [], default))
    with pytest.raises(PermissionError):
        udp.sendto(b"x", (w.PE, port))
