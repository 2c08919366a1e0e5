# SPDX-License-Identifier: Apache-2.0
"""What resolvers said, told: from a workload's query to the journal, the list and the counters."""

import errno
import socket

import dns.message
import pytest

from zt import dns as r
from zt import policy
from zt import world as w
from zt.sh import wait_for

NAME, LINK = "my.openai.azure.com", "my.privatelink.openai.azure.com"
REGION = "openai-we.cloudapp.azure.com"


@pytest.fixture(scope="module")
def module_resolver(world):
    resolver = r.Resolver(world)
    yield resolver
    resolver.close()


@pytest.fixture
def resolver(module_resolver):
    module_resolver.clear()
    return module_resolver


@pytest.fixture(scope="module", autouse=True)
def document(ztad):
    p = policy.suite(resolvers=[r.ADDRESS, r.SECOND])
    p["profiles"][0]["dns"] = {"names": "listed"}
    p["profiles"].append(
        {"name": "watched", "services": ["openai"], "mode": "audit", "egress": {"default": "allow"}}
    )
    p["workloads"].append({"match": {"cgroup": "/watched*"}, "profile": "watched"})
    ztad.apply(p)


def ask(puppet, name: str, kind: str = "A", server: str = r.ADDRESS) -> dns.message.Message:
    """One query by UDP, and its answer."""
    s = puppet.udp(server)
    try:
        s.connect((server, r.PORT))
        s.send(dns.message.make_query(name, kind).to_wire())
        return dns.message.from_wire(s.recv(65535))
    finally:
        s.close()


def unlinked(resolver, *addresses: str, name: str = NAME) -> None:
    resolver.cname(name, LINK, REGION)
    resolver.put(REGION, *(addresses or (w.PUBLIC,)))


def dns_event(ztad, seq: int, reason: str) -> dict:
    return ztad.wait_event(
        reason, lambda e: e["type"] == "dns" and e["reason"] == reason, after=seq
    )


def test_an_answer_outside_the_fence_is_told_with_its_chain(ztad, troupe, resolver):
    unlinked(resolver)
    seq, app = ztad.last_seq(), troupe.get("app")
    answer = ask(app, NAME)
    assert answer.answer[-1][0].to_text() == w.PUBLIC  # it was delivered
    e = dns_event(ztad, seq, "resolves-public")
    assert (e["verdict"], e["row"], e["hook"]) == ("deny", 13, "ingress")
    assert e["workload"]["cgroup"] == "/app" and e["service"] == "openai"
    assert e["destination"] == {"address": w.PUBLIC, "name": NAME}
    assert e["answer"] == {
        "resolver": r.ADDRESS,
        "question": NAME,
        "chain": [LINK, REGION],
        "addresses": [w.PUBLIC],
    }
    assert "privatelink.openai.azure.com" in e["hint"]
    shown = ztad.ctl_code("explain", "--event", e["seq"])[1]
    assert shown["answer"] == e["answer"] and shown["name"] == NAME


def test_each_family_has_its_answer(ztad, troupe, resolver):
    unlinked(resolver, "20.1.2.4", w.PUBLIC6)
    seq, app = ztad.last_seq(), troupe.get("app")
    ask(app, NAME, "A")
    ask(app, NAME, "AAAA")

    def both() -> dict | None:
        found = {
            e["destination"]["address"]: e["answer"]["addresses"]
            for e in ztad.events(seq)
            if e["type"] == "dns"
        }
        return found if len(found) == 2 else None

    assert wait_for("two events", both) == {"20.1.2.4": ["20.1.2.4"], w.PUBLIC6: [w.PUBLIC6]}


def test_the_connection_names_the_name(ztad, world, troupe, resolver):
    unlinked(resolver, "20.1.2.5")
    seq, app = ztad.last_seq(), troupe.get("app")
    ask(app, NAME)
    s = app.tcp()
    with pytest.raises(OSError) as e:
        s.connect(("20.1.2.5", 443))
    s.close()
    assert e.value.errno == errno.EPERM
    event = ztad.wait_event(
        "egress", lambda e: e["type"] == "egress" and e["reason"] == "resolves-public", after=seq
    )
    assert event["destination"]["name"] == NAME
    assert "answer" not in event


def test_a_name_that_may_not_be_asked_for(ztad, troupe, resolver):
    seq, app = ztad.last_seq(), troupe.get("app")
    with pytest.raises(PermissionError):
        ask(app, "x1.tunnel.example.org")
    e = dns_event(ztad, seq, "name-not-allowed")
    assert (e["verdict"], e["hook"]) == ("deny", "egress")
    assert e["destination"]["address"] == r.ADDRESS and e["destination"]["port"] == 53
    assert not resolver.asked
    assert e["destination"]["name"] == "x1.tunnel.example.org"
    assert e["answer"] == {"resolver": r.ADDRESS, "question": "x1.tunnel.example.org"}


def test_in_audit_it_is_told_as_such(ztad, troupe, resolver):
    unlinked(resolver, "20.1.2.6")
    seq = ztad.last_seq()
    ask(troupe.get("watched"), NAME)
    e = dns_event(ztad, seq, "resolves-public")
    assert (e["verdict"], e["workload"]["profile"]) == ("audit", "watched")
    assert e["answer"]["chain"] == [LINK, REGION]


def test_a_long_answer_is_told_too(ztad, troupe, resolver):
    addresses = [f"20.7.{i // 100}.{i % 100}" for i in range(100)]
    unlinked(resolver, *addresses)
    seq = ztad.last_seq()
    answer = ask(troupe.get("app"), NAME)
    assert len(answer.answer[-1]) == 100
    e = dns_event(ztad, seq, "resolves-public")
    assert set(e["answer"]["addresses"]) == set(addresses)


def test_what_was_learnt_is_listed(ztad, troupe, resolver):
    resolver.put("fresh.openai.azure.com", "10.20.0.66", "20.1.2.66")
    ask(troupe.get("app"), "fresh.openai.azure.com")

    def listed() -> dict:
        return {
            e["address"]: e for e in ztad.ctl("names") if e.get("name") == "fresh.openai.azure.com"
        }

    found = wait_for("both", lambda: (x := listed()) and len(x) == 2 and x)
    assert found["10.20.0.66"]["verdict"] == "private-link"
    assert found["20.1.2.66"]["verdict"] == "resolves-public"
    assert {e["service"] for e in found.values()} == {"openai"}
    assert all("netns" not in e for e in found.values())


def test_answers_are_counted(ztad, troupe, resolver):
    def counts() -> dict:
        return {
            k: ztad.metric(f'zta_dns_answers_total{{result="{k}"}}')
            for k in ("learnt", "public", "ignored", "malformed")
        }

    resolver.put(NAME, w.PE)
    before = counts()
    ask(troupe.get("app"), NAME)
    after = counts()
    assert {k: after[k] - before[k] for k in after} == {
        "learnt": 1, "public": 0, "ignored": 0, "malformed": 0,
    }  # fmt: skip
    unlinked(resolver)
    ask(troupe.get("app"), NAME)
    assert counts()["public"] == after["public"] + 1


def test_a_captured_resolver_is_told_once(ztad, world, troupe, resolver):
    """In a namespace of its own a workload is answered on lo, in a listed resolver's name."""
    unlinked(resolver)
    inside = troupe.new("app-captured", netns_path=world.pod.path)
    world.pod.ip("addr", "add", f"{r.SECOND}/32", "dev", "lo")
    server = world.pod.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        server.bind((r.SECOND, r.PORT))
        seq = ztad.last_seq()
        for _ in range(3):
            s = inside.udp()
            s.connect((r.SECOND, r.PORT))
            s.send(dns.message.make_query(NAME, "A").to_wire())
            query, peer = server.recvfrom(4096)
            server.sendto(resolver.answer(query, "udp"), peer)
            s.recv(65535)
            s.close()
        e = dns_event(ztad, seq, "captured-dns")
        assert (e["verdict"], e["workload"]["cgroup"]) == ("allow", "/app-captured")
        assert e["answer"]["resolver"] == e["destination"]["address"] == r.SECOND
        ztad.http("POST", "/v1/flush")
        told = [
            e["reason"]
            for e in ztad.events(seq)
            if e.get("workload", {}).get("cgroup") == "/app-captured"
        ]
        assert told == ["captured-dns"]
    finally:
        server.close()
        world.pod.ip("addr", "del", f"{r.SECOND}/32", "dev", "lo")
