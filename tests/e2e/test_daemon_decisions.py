# SPDX-License-Identifier: Apache-2.0
"""Row by row: what a real call gets, what the event says, and what explain answers."""

import errno
from dataclasses import dataclass

import pytest

from zt import world as w


@dataclass
class Row:
    """verdict and reason of one destination in one profile."""

    profile: str
    address: str
    reason: str
    row: int
    verdict: str = "deny"
    port: int = 0  # 0: a fresh one of the services' range
    protocol: str = "tcp"
    service: str = ""

    def __str__(self) -> str:
        return f"{self.profile} {self.address} {self.port or ''} {self.protocol}"


ROWS = [
    Row("app", w.PE, "private-link", 12, "allow", service="openai"),
    Row("app", w.PE6, "private-link", 12, "allow", service="openai"),
    Row("app", w.PE, "private-link", 12, "allow", protocol="udp", service="openai"),
    Row("app", w.PE, "port-not-allowed", 10, port=8080, service="openai"),
    Row("app", w.PE_OTHER, "private-link", 12, "allow", service="openai"),
    Row("app", w.VAULT, "service-not-allowed", 9, service="vault"),
    Row("app", w.VAULT6, "service-not-allowed", 9, service="vault"),
    Row("app", w.VAULT, "service-not-allowed", 9, protocol="udp", service="vault"),
    Row("app", w.DATABASE, "egress-rule", 14, "allow"),
    Row("app", w.DATABASE, "private-egress", 16, protocol="udp"),
    Row("app", w.PRIVATE, "private-egress", 16),
    Row("app", w.PUBLIC, "public-egress", 16),
    Row("app", w.PUBLIC6, "public-egress", 16),
    Row("app", w.AI_PUBLIC, "ai-public", 13),
    Row("app", w.IMDS, "imds", 5, port=80),
    Row("app", w.IMDS, "imds", 5),
    Row("app", f"::ffff:{w.IMDS}", "imds", 5),
    Row("app", w.WIRESERVER, "wireserver", 6, port=80),
    Row("app", w.WIRESERVER, "wireserver", 6, port=53, protocol="udp"),
    Row("app", w.RESOLVER, "resolver", 7, "allow", port=53, protocol="udp"),
    Row("app", w.RESOLVER, "resolver", 7, "allow", port=53),
    Row("app", w.RESOLVER, "private-egress", 16, port=5353, protocol="udp"),
    Row("app", w.PUBLIC_B, "untrusted-resolver", 8, port=53, protocol="udp"),
    Row("app", w.PUBLIC_B, "untrusted-resolver", 8, port=53),
    Row("app", w.PUBLIC_B, "untrusted-resolver", 8, port=853),
    Row("app", w.DATABASE, "egress-rule", 14, "allow", port=53),
    Row("open", w.PUBLIC, "default", 15, "allow"),
    Row("open", w.PUBLIC_B, "default", 15, "allow", port=53, protocol="udp"),
    Row("open", w.AI_PUBLIC, "ai-public", 13),
    Row("open", w.AI_PUBLIC6, "ai-public", 13, protocol="udp"),
    Row("open", w.VAULT, "service-not-allowed", 9, service="vault"),
    Row("open", w.IMDS, "imds", 5, port=80),
    Row("free", w.IMDS, "imds", 5, "allow", port=80),
    Row("free", w.WIRESERVER, "default", 15, "allow", port=80),
    Row("free", w.PE, "port-not-allowed", 10, port=8080, service="openai"),
    Row("unlisted", w.PE, "private-link", 12, "allow", port=8080, service="openai"),
    Row("free", w.VAULT, "private-link", 12, "allow", service="vault"),
    Row("free", w.AI_PUBLIC, "ai-public", 13),
    Row("noai", w.PUBLIC, "default", 15, "allow"),
    Row("noai", w.PUBLIC, "quic", 4, port=443, protocol="udp"),
    Row("noai", w.PE, "service-not-allowed", 9, service="openai"),
    Row("noai", w.AI_PUBLIC, "ai-public", 13),
    Row("shut", w.PE, "service-not-allowed", 9, service="openai"),
    Row("shut", w.PRIVATE, "private-egress", 16),
    Row("shut", w.PUBLIC, "public-egress", 16),
    Row("shut", "127.0.0.1", "loopback", 3, "allow", protocol="udp"),
    Row("shut", w.MACHINE, "loopback", 3, "allow", protocol="udp"),
    Row("unlisted", w.PUBLIC, "default", 15, "allow"),
    Row("unlisted", w.AI_PUBLIC, "ai-public", 13),
]
PROFILES = {"noai": "no-ai", "unlisted": "host"}


@pytest.mark.parametrize("r", ROWS, ids=str)
def test_row(r, ztad, world, troupe):
    port = world.port_of(r.port) if r.port else world.port()
    p = troupe.get(r.profile)
    seq = ztad.last_seq()
    denied = r.verdict == "deny"
    assert attempt(p, r, port) == (errno.EPERM if denied else 0)
    code, said = ztad.ctl_code(
        # fmt: off
        "explain", "--addr", r.address, "--port", port, "--protocol", r.protocol,
        "--cgroup", f"/{r.profile}",
        # fmt: on
    )
    profile = PROFILES.get(r.profile, r.profile)
    assert code == (1 if denied else 0)
    assert (said["verdict"], said["reason"], said["row"]) == (r.verdict, r.reason, r.row)
    assert (said["profile"], said["port"], said["protocol"]) == (profile, port, r.protocol)
    assert said["enforced"] is True and said.get("service", "") == r.service
    if not denied:
        return
    event = ztad.wait_event(
        str(r), lambda e: e.get("destination", {}).get("port") == port, after=seq
    )
    assert (event["verdict"], event["reason"], event["row"]) == (r.verdict, r.reason, r.row)
    assert event["workload"]["profile"] == profile
    assert event["workload"]["cgroup"] == ("/" if r.profile == "unlisted" else f"/{r.profile}")
    assert event["destination"]["protocol"] == r.protocol
    assert event["destination"]["address"] == r.address.removeprefix("::ffff:")
    assert event["hook"] in hooks(r)
    assert event["process"] == {"pid": p.pid, "uid": 0, "comm": event["process"]["comm"]}
    assert event["process"]["comm"].startswith("python3")
    assert event.get("service", "") == r.service
    assert event["policy"] == {
        "name": "suite",
        "generation": ztad.get("status")["policy"]["generation"],
    }


def hooks(r: Row) -> tuple[str, ...]:
    mapped = r.address.startswith("::ffff:")
    digit = "6" if ":" in r.address else "4"
    if r.protocol == "tcp":
        return (f"connect{digit}",)
    return ("sendmsg4", "sendmsg6") if mapped else (f"sendmsg{digit}",)


def attempt(p, r: Row, port: int) -> int:
    """errno of the call that names the address; 0 when it went (whoever answers)."""
    s = p.udp(r.address) if r.protocol == "udp" else p.tcp(r.address)
    try:
        if r.protocol == "udp":
            s.sendto(b"zt-row", (r.address, port))
        else:
            s.connect((r.address, port))
    except ConnectionRefusedError:
        return 0
    except OSError as e:
        return e.errno
    finally:
        s.close()
    return 0


def test_a_refused_route_probe_is_marked(ztad, world, troupe):
    """connect() of a datagram socket: libc asks for a route that way, nothing was sent."""
    seq, port = ztad.last_seq(), world.port()
    with pytest.raises(PermissionError):
        troupe.get("app").udp().connect((w.PUBLIC, port))
    event = ztad.wait_event(
        "the probe", lambda e: e.get("destination", {}).get("port") == port, after=seq
    )
    assert event["probe"] is True and event["hook"] == "connect4"


def test_getpeername_tells_the_address_of_the_call(ztad, world, troupe):
    port = world.port()
    s = troupe.get("app").tcp()
    s.connect((w.PE, port))
    assert s.getpeername() == (w.PE, port)


def test_the_first_entry_that_matches_an_ancestor_wins(ztad, world, troupe):
    """/open*: a deeper directory named like another workload stays open's."""
    s = troupe.get("open/app-inner").tcp()
    s.connect((w.PUBLIC, world.port()))
    seq, port = ztad.last_seq(), world.port()
    with pytest.raises(PermissionError):
        troupe.get("app-7/free-inner").tcp().connect((w.PUBLIC, port))
    event = ztad.wait_event(
        "by app", lambda e: e.get("destination", {}).get("port") == port, after=seq
    )
    assert event["workload"]["cgroup"] == "/app-7"
    inode = (troupe.cgroups.attach / "app-7").stat().st_ino
    assert event["workload"]["id"] == inode


def test_refused_socket_event(ztad, troupe):
    seq = ztad.last_seq()
    with pytest.raises(PermissionError):
        troupe.get("app").socket(2, 3, 89)  # SOCK_RAW, OSPF
    event = ztad.wait_event("socket", lambda e: e["type"] == "socket", after=seq)
    assert (event["verdict"], event["reason"], event["row"]) == ("deny", "protocol", 4)
    assert event["destination"] == {"protocol": "raw"} and event["hook"] == "sock_create"
    troupe.get("open").socket(2, 3, 89).close()
    for family in (1, 16):  # Unix and netlink sockets are not judged
        troupe.get("shut").socket(family, 2 if family == 1 else 3).close()
