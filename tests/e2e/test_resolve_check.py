# SPDX-License-Identifier: Apache-2.0
"""resolve_check: names that lead astray are told before a workload trips over them, once."""

import json
import os
from types import SimpleNamespace

import pytest

from zt import dns as r
from zt import policy
from zt import world as w
from zt.sh import wait_for

EMBED, RULE, OWN = "embed.example.org", "api.example.com", "extra.example.net"
STATES = ("ok", "public", "absent", "failed")


@pytest.fixture
def resolver(world):
    one = r.Resolver(world)
    yield one
    one.close()


def document(**changes) -> dict:
    p = policy.suite(resolvers=[r.ADDRESS], **changes)
    p["services"].append(
        {"name": "embed", "names": [EMBED, "*.many.example.org"], "private_link": ["10.30.0.0/24"]}
    )
    p["profiles"][0]["egress"]["rules"].append({"action": "allow", "names": [RULE]})
    return p


@pytest.fixture
def ztad(daemon, resolver):
    """A daemon that looks often, with the resolver's answers as they should be."""
    resolver.put(EMBED, w.PRIVATE)
    resolver.put(RULE, "93.184.216.34")
    resolver.put(OWN, "10.1.2.3")
    daemon.config.write_text(
        json.dumps({"resolve_check": {"names": [OWN.upper()], "interval": "1s"}})
    )
    daemon.write_policy(document())
    return daemon.start()


def gauge(ztad) -> dict:
    return {s: int(ztad.metric(f'zta_resolve_check{{state="{s}"}}')) for s in STATES}


def events(ztad) -> list[dict]:
    return [e for e in ztad.events() if e["type"] == "dns"]


def becomes(ztad, **want: int) -> None:
    wait_for(f"{want}", lambda: gauge(ztad) == {**dict.fromkeys(STATES, 0), **want}, 10)


def rounds(resolver, n: int) -> None:
    """Wait until each name was asked for n times more."""
    before = len(resolver.asked)
    wait_for("rounds", lambda: len(resolver.asked) >= before + 6 * (n + 1), 15)


def test_all_is_well_and_nothing_is_told(ztad, resolver):
    becomes(ztad, ok=3)
    rounds(resolver, 2)
    assert events(ztad) == []
    assert {(n, t) for n, t, _ in resolver.asked} == {
        (n, t) for n in (EMBED, RULE, OWN) for t in ("A", "AAAA")
    }


def test_a_name_that_leads_outside_is_told_once(ztad, resolver):
    becomes(ztad, ok=3)
    resolver.records.clear()
    resolver.cname(EMBED, "cdn.example.net")
    resolver.put("cdn.example.net", w.PUBLIC)
    resolver.put(RULE, "93.184.216.34")
    resolver.put(OWN, "10.1.2.3")
    becomes(ztad, ok=2, public=1)
    rounds(resolver, 2)
    (event,) = events(ztad)
    assert event["reason"] == "resolves-public"
    assert event["destination"] == {"address": w.PUBLIC, "name": EMBED}
    assert event["service"] == "embed"
    assert event["answer"] == {
        "resolver": r.ADDRESS,
        "question": EMBED,
        "chain": ["cdn.example.net"],
        "addresses": [w.PUBLIC],
    }
    assert event["hint"] and event["policy"]["name"] == "suite"
    assert "verdict" not in event and "workload" not in event
    # and when it is well again
    resolver.records.clear()
    resolver.put(EMBED, w.PRIVATE)
    resolver.put(RULE, "93.184.216.34")
    resolver.put(OWN, "10.1.2.3")
    becomes(ztad, ok=3)
    assert [e["reason"] for e in events(ztad)] == ["resolves-public", "private-link"]
    assert ztad.ctl("events", "--type", "dns", "-n", "1")[0]["destination"]["name"] == EMBED


def test_half_a_link_counts_as_public(ztad, resolver):
    becomes(ztad, ok=3)
    resolver.put(EMBED, w.PRIVATE, w.PUBLIC6)
    becomes(ztad, ok=2, public=1)
    assert events(ztad)[0]["answer"]["addresses"] == [w.PUBLIC6]


def test_turning_addresses_are_no_change(ztad, resolver):
    resolver.put(EMBED, *(f"10.30.0.{i}" for i in range(1, 60)))
    becomes(ztad, ok=3)
    rounds(resolver, 3)
    assert events(ztad) == []


def test_names_that_are_gone_and_resolvers_that_are_silent(ztad, resolver):
    becomes(ztad, ok=3)
    resolver.records.clear()
    resolver.put(RULE)
    becomes(ztad, absent=3)
    resolver.failing = True
    becomes(ztad, failed=3)
    told = [(e["destination"]["name"], e["reason"]) for e in events(ztad)]
    assert sorted(told) == sorted([(n, "not-resolved") for n in (EMBED, RULE, OWN)] * 2)
    assert all(e["detail"] for e in events(ztad))


def test_another_policy_is_looked_at_at_once(ztad, resolver):
    becomes(ztad, ok=3)
    p = document()
    p["services"][-1]["private_link"] = ["10.31.0.0/24"]  # the same answers, another fence
    p["services"][-1]["names"].append("new.example.org")
    resolver.put("new.example.org", "10.31.0.1")
    ztad.apply(p)
    becomes(ztad, ok=3, public=1)
    p["services"].pop()
    p["profiles"][0]["egress"]["rules"].pop()
    ztad.apply(p)
    becomes(ztad, ok=1)
    (event,) = events(ztad)
    assert event["destination"]["name"] == EMBED


def test_the_child_has_no_rights_and_leaves_with_the_daemon(ztad, resolver):
    becomes(ztad, ok=3)
    resolver.silent = True

    def child() -> int:
        try:
            text = open(f"/proc/{ztad.proc.pid}/task/{ztad.proc.pid}/children").read()
        except OSError:
            return 0
        for pid in text.split():
            try:
                if open(f"/proc/{pid}/comm").read() == "ztad: resolver\n":
                    return int(pid)
            except OSError:
                pass
        return 0

    pid = wait_for("the child", child, 10)
    status = open(f"/proc/{pid}/status", encoding="ascii").read()
    caps = [line.split()[1] for line in status.splitlines() if line.startswith(("CapEff", "CapPrm"))]
    assert caps == ["0" * 16] * 2
    fds = wait_for("its descriptors", lambda: sorted(os.listdir(f"/proc/{pid}/fd")))
    assert len(fds) <= 2  # the pair, and a socket
    ztad.stop()
    wait_for("its end", lambda: not os.path.exists(f"/proc/{pid}"))


def test_answers_to_a_daemon_that_is_judged_count_for_all(daemon, resolver, cgroups, troupe, world):
    """A process that looked its name up before there was a daemon needs not do it again."""
    port = world.port()
    p = document()
    p["services"][-1]["ports"] = [port]
    p["profiles"][0]["services"].append("embed")
    daemon.cgroups = SimpleNamespace(attach=cgroups.attach, daemon=cgroups.inside("ztad"))
    daemon.write_policy(p)
    daemon.start()
    app = troupe.get("app")

    def connects() -> bool:
        s = app.tcp()
        try:
            s.connect((w.PRIVATE, port))
            return True
        except PermissionError:
            return False
        finally:
            s.close()

    assert not connects()
    e = daemon.wait_event("the refusal", lambda e: e.get("reason") == "not-resolved" and "row" in e)
    assert (e["row"], e["service"]) == (11, "embed")
    resolver.put(EMBED, w.PRIVATE)
    resolver.put(RULE, "93.184.216.34")
    p["metadata"]["revision"] = 2
    daemon.apply(p)
    wait_for("the answer to be learnt", lambda: any(
        (x.get("name"), x["address"], x["verdict"]) == (EMBED, w.PRIVATE, "private-link")
        for x in daemon.ctl("names")
    ), 10)  # fmt: skip
    assert connects()
