# SPDX-License-Identifier: Apache-2.0
"""Modes, pause, quarantine: what weakens and what does not."""

import os
import socket
import time

import pytest

from zt import policy
from zt import world as w
from zt.sh import wait_for


def destination(port: int):
    return lambda e: e.get("destination", {}).get("port") == port


def document(**changes) -> dict:
    return policy.suite(**changes)


def with_profile(name: str, **members) -> dict:
    d = document()
    next(p for p in d["profiles"] if p["name"] == name).update(members)
    return d


def public(puppet, port: int, address: str = w.PUBLIC) -> bool:
    """Did a connection to a public address come about?"""
    s = puppet.tcp(address)
    try:
        s.connect((address, port))
        return s.echo() == b"zt-echo"
    except PermissionError:
        return False
    finally:
        s.close()


def audited(ztad, puppet, world, address: str = w.PUBLIC) -> dict:
    seq, port = ztad.last_seq(), world.port()
    assert public(puppet, port, address), "audit must not block"
    event = ztad.wait_event("audit", destination(port), after=seq)
    assert event["verdict"] == "audit"
    return event


@pytest.mark.parametrize(
    "make",
    [
        lambda: document(mode="audit"),
        lambda: with_profile("app", mode="audit"),
    ],
    ids=["document", "profile"],
)
def test_audit_of(ztad, world, troupe, make):
    ztad.apply(make())
    event = audited(ztad, troupe.get("app"), world)
    assert (event["reason"], event["row"]) == ("public-egress", 16)
    ztad.apply(document())
    assert not public(troupe.get("app"), world.port())


def test_audit_of_a_service(ztad, world, troupe):
    d = document()
    d["services"][1]["mode"] = "audit"
    ztad.apply(d)
    app = troupe.get("app")
    event = audited(ztad, app, world, w.VAULT)
    assert (event["reason"], event["service"]) == ("service-not-allowed", "vault")
    assert not public(app, world.port()), "only what the service decides is weakened"
    ztad.apply(document())
    assert not public(app, world.port(), w.VAULT)


def test_audit_of_a_rule(ztad, world, troupe):
    d = document()
    rules = next(p for p in d["profiles"] if p["name"] == "app")["egress"]["rules"]
    rules.append({"action": "deny", "cidr": "20.1.2.0/24", "mode": "audit"})
    ztad.apply(d)
    app = troupe.get("app")
    event = audited(ztad, app, world)
    assert event["rule"].endswith("egress.rules[1]") and event["reason"] == "egress-rule"
    assert not public(app, world.port(), w.PUBLIC_B)
    ztad.apply(document())


def test_raw_socket_in_audit(ztad, world, troupe):
    ztad.apply(with_profile("app", mode="audit"))
    seq = ztad.last_seq()
    s = troupe.get("app").socket(socket.AF_INET, socket.SOCK_RAW, 255)
    event = ztad.wait_event("socket", lambda e: e["type"] == "socket", after=seq)
    assert event["verdict"] == "audit"
    s.close()
    ztad.apply(document())


def test_pause_and_resume(ztad, world, troupe):
    app = troupe.get("app")
    seq = ztad.last_seq()
    said = ztad.ctl("pause", "--for", "5m", "--reason", "drill")
    assert said["until"]
    event = audited(ztad, app, world)
    assert event["reason"] == "public-egress"
    status = ztad.get("status")
    assert status["healthy"] and not status["enforcing"] and status["mode_source"] == "pause"
    ztad.kill()
    assert public(app, world.port()), "a pause is the kernel's: it outlives the daemon"
    ztad.start()
    assert public(app, world.port())
    ztad.ctl("resume")
    assert not public(app, world.port())
    assert ztad.get("status")["enforcing"]
    told = [(e["type"], e["reason"]) for e in ztad.events(seq) if e["type"] == "admin"]
    assert ("admin", "pause") in told and ("admin", "resume") in told


def test_pause_ends_by_itself(ztad, world, troupe):
    app = troupe.get("app")
    ztad.ctl("pause", "--for", "1s", "--reason", "drill")
    assert public(app, world.port())
    wait_for("the pause to end", lambda: not public(app, world.port()), 5)


def test_pause_file(ztad, world, troupe):
    app = troupe.get("app")
    pause = ztad.policy.with_name("pause")
    pause.write_text("60\n")
    wait_for("the pause file to count", lambda: public(app, world.port()), 5)
    pause.unlink()
    ztad.ctl("resume")
    assert not public(app, world.port())


def test_a_pause_file_from_the_future_counts_from_now(ztad, world, troupe):
    app = troupe.get("app")
    made = ztad.policy.with_name("made")
    made.write_text("2")
    os.utime(made, (time.time() + 86400,) * 2)
    made.rename(ztad.policy.with_name("pause"))
    wait_for("the pause file to count", lambda: public(app, world.port()), 5)
    wait_for("the pause to end", lambda: not public(app, world.port()), 5)
    ztad.policy.with_name("pause").unlink()


def test_quarantine_and_release(ztad, world, troupe, cgroups):
    p = troupe.new("open")
    child = troupe.new("open/child")
    open_one, port = p.tcp(), world.port()
    open_one.connect((w.PE, port))
    assert open_one.echo() == b"zt-echo"
    listener = p.listen("127.0.0.1")
    listener.serve()
    seq = ztad.last_seq()
    said = ztad.ctl("quarantine", "/open", "--reason", "drill")
    assert said["target"] and said["workloads"] >= 1
    for puppet in (p, child):
        for address in (w.PE, w.PUBLIC, w.MACHINE, w.PE6):
            with pytest.raises(PermissionError):
                puppet.tcp(address).connect((address, world.port()))
            with pytest.raises(PermissionError):
                puppet.udp(address).sendto(b"x", (address, world.port()))
    event = ztad.wait_event("quarantined", lambda e: e["reason"] == "quarantined", after=seq)
    assert event["row"] == 1
    world.settle()
    mark = world.pe.sniffer.mark()
    with pytest.raises(OSError):
        open_one.echo(b"zt-after")
    world.settle()
    sent = [x for x in world.pe.sniffer.since(mark, dport=port) if x.payload]
    assert not sent, "an open connection of a quarantined workload went on"
    local = p.tcp()
    local.connect(("127.0.0.1", listener.getsockname()[1]))
    assert local.echo() == b"zt-echo"
    states = {x["cgroup"]: x["state"] for x in ztad.get("workloads")}
    assert states["/open"] == "quarantined"
    ztad.ctl("pause", "--for", "1m", "--reason", "drill")
    assert not public(p, world.port()), "quarantine holds during a pause"
    ztad.ctl("resume")
    ztad.apply(document(mode="audit"))
    assert not public(p, world.port()), "quarantine holds in audit"
    ztad.apply(document())
    ztad.kill()
    assert not public(p, world.port())
    ztad.start()
    assert not public(p, world.port()), "quarantine survives a restart"
    ztad.ctl("release", "/open")
    assert public(p, world.port()) and public(child, world.port())
    for puppet in (p, child):
        puppet.close()
    assert cgroups.attach.exists()


def test_an_open_connection_that_the_new_policy_denies_is_cut(ztad, world, troupe):
    """Cut at its next packet, closed with ECONNABORTED, one event at egress."""
    p, port = troupe.new("open"), world.port()
    tcp, udp = p.tcp(), p.udp()
    tcp.connect((w.PUBLIC, port))
    assert tcp.echo() == b"zt-echo"
    udp.connect((w.PUBLIC, port))
    udp.send(b"x")
    assert udp.recv(1) == b"x"
    world.settle()  # what was sent so far has been seen
    seq, mark = ztad.last_seq(), world.pub.sniffer.mark()
    d = with_profile("open", egress={"default": "deny", "rules": []})
    ztad.apply(d)
    began = time.monotonic()
    with pytest.raises(OSError) as udp_error:
        udp.send(b"zt-after")
    assert udp_error.value.errno == 1
    with pytest.raises(OSError) as tcp_error:
        tcp.sendall(b"zt-after")
        tcp.recv(1)
    assert tcp_error.value.errno == 103, tcp_error.value  # ECONNABORTED
    assert time.monotonic() - began < 2
    event = ztad.wait_event("the cut", lambda e: e.get("hook") == "egress", after=seq)
    assert event["reason"] == "public-egress"
    world.settle()
    assert not [x for x in world.pub.sniffer.since(mark, dport=port) if x.payload]
    ztad.apply(document())
    p.close()


def test_an_expired_rule_is_off(ztad, world, troupe):
    d = document()
    rules = next(p for p in d["profiles"] if p["name"] == "app")["egress"]["rules"]
    rules.append({"action": "allow", "cidr": "20.1.2.0/24", "expires": "2020-01-01"})
    rules.append({"action": "allow", "cidr": "8.8.8.8", "expires": "2999-01-01"})
    ztad.apply(d)
    assert not public(troupe.get("app"), world.port())
    assert public(troupe.get("app"), world.port(), w.PUBLIC_B)
    ztad.apply(document())
