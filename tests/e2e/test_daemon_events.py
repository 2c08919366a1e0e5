# SPDX-License-Identifier: Apache-2.0
"""Every denial is told or counted, exactly; nothing else is."""

import json
import re

import pytest

from zt import world as w
from zt.sh import wait_for


def deny(puppet, address: str, port: int) -> None:
    with pytest.raises(PermissionError):
        puppet.tcp().connect((address, port))


def recorded(ztad, after: int, **want) -> int:
    return sum(
        e["count"]
        for e in ztad.events(after)
        if e.get("verdict") == "deny" and all(e["destination"].get(k) == v for k, v in want.items())
    )


def test_shape_of_a_record(ztad, world, troupe):
    seq, port = ztad.last_seq(), world.port()
    deny(troupe.get("app", uid=65534), w.PUBLIC, port)
    e = ztad.wait_event("it", lambda e: e.get("destination", {}).get("port") == port, after=seq)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", e["time"])
    assert (e["type"], e["verdict"], e["reason"], e["row"]) == ("egress", "deny", "public-egress", 16)
    assert e["destination"] == {"address": w.PUBLIC, "port": port, "protocol": "tcp"}
    assert e["process"]["uid"] == 65534 and e["count"] == 1
    assert isinstance(e["workload"]["id"], int) and e["host"]["name"] and e["log"] and e["hint"]
    assert "service" not in e and "rule" not in e and "probe" not in e

    def walk(x) -> None:
        assert x not in (None, ""), f"an empty member in {e}"
        for y in x.values() if isinstance(x, dict) else x if isinstance(x, list) else ():
            walk(y)

    walk(e)
    code, lines = ztad.ctl_code("events", "-n", "200")
    assert code == 0 and e in lines


def test_repeats_are_folded_and_counted_exactly(ztad, world, troupe):
    seq, port = ztad.last_seq(), world.port()
    app = troupe.get("app")
    for _ in range(50):
        deny(app, w.PUBLIC, port)
    ztad.wait_event("the first", lambda e: e.get("destination", {}).get("port") == port, after=seq)
    status = ztad.get("status")
    assert recorded(ztad, seq, port=port) == 1 and status["held"] >= 49
    assert ztad.metric("zta_events_held") == status["held"]
    ztad.http("POST", "/v1/flush")
    wait_for("all to be told", lambda: recorded(ztad, seq, port=port) == 50)
    assert ztad.get("status")["held"] == 0
    records = [e for e in ztad.events(seq) if e.get("destination", {}).get("port") == port]
    assert len(records) == 2 and records[1]["time"] > records[0]["time"]


@pytest.fixture
def flooded(ztad, troupe):
    """6,000 destinations of one workload within seconds: (seq before, counts before)."""
    seq = ztad.last_seq()
    ztad.http("POST", "/v1/flush")
    before = ztad.get("status")
    puppet = troupe.get("app")
    flow = puppet.ask("flood", w.PUBLIC, 6000)
    assert flow == 6000, "every one must be refused"
    return seq, before


def test_a_flood_loses_nothing_and_hides_nobody(ztad, world, troupe, flooded):
    seq, before = flooded
    other, port = troupe.get("shut"), world.port()
    deny(other, w.PUBLIC, port)
    ztad.wait_event(
        "the other workload's denial",
        lambda e: e.get("destination", {}).get("port") == port,
        after=seq,
    )

    def exact() -> bool:
        ztad.http("POST", "/v1/flush")
        now = ztad.get("status")
        count = now["decisions"]["deny"] - before["decisions"]["deny"]
        lost = now["lost"] - before["lost"]
        return count == 6001 and recorded(ztad, seq) + now["held"] + lost == count

    wait_for("kernel count = recorded + held + lost", exact, 10)
    assert len(ztad.events(seq)) < 2000, "a flood must be folded"


def test_decisions_count_calls(ztad, world, troupe):
    app, port = troupe.get("app"), world.port()
    before = ztad.get("status")["decisions"]
    for _ in range(3):
        deny(app, w.PUBLIC, port)
    s = app.tcp()
    s.connect((w.PE, port))
    for _ in range(10):
        s.echo()
    u = app.udp()
    for _ in range(4):
        u.sendto(b"x", (w.PE, port))
    with pytest.raises(PermissionError):
        app.socket(2, 3, 1)
    wait_for(
        "3 + 1 denials and 1 + 4 allowances",
        lambda: (
            ztad.get("status")["decisions"]["deny"] - before["deny"] == 4
            and ztad.get("status")["decisions"]["allow"] - before["allow"] == 5
        ),
    )


def test_metrics_tell_the_same(ztad, world, troupe):
    series = (
        'zta_denials_total{namespace="",profile="app",reason="service-not-allowed",service="vault"}'
    )
    before = ztad.metric(series, 0)
    for _ in range(7):
        deny(troupe.get("app"), w.VAULT, world.port())
    wait_for("the metric", lambda: ztad.metric(series, 0) == before + 7)


def test_the_self_test_is_not_told_as_a_denial(ztad):
    assert not [e for e in ztad.events() if "selftest" in json.dumps(e.get("workload", {}))]


def test_sequence_has_no_gap(ztad):
    seqs = [e["seq"] for e in ztad.events()]
    assert seqs == list(range(1, len(seqs) + 1))
    assert ztad.get("status")["journal"]["seq"] == seqs[-1]


def test_allowed_calls_are_told_when_asked_for(daemon, world, troupe):
    daemon.config.write_text('{"log_allowed": true}')
    daemon.start()
    seq, port = daemon.last_seq(), world.port()
    troupe.get("app").tcp().connect((w.PE, port))
    deny(troupe.get("app"), w.PUBLIC, port)
    denied = daemon.wait_event("the denial", lambda e: e.get("verdict") == "deny", after=seq)
    told = daemon.wait_event("the call", lambda e: e.get("verdict") == "allow", after=seq)
    assert (told["type"], told["reason"], told["row"]) == ("egress", "private-link", 12)
    assert told["destination"] == {"address": w.PE, "port": port, "protocol": "tcp"}
    assert told["service"] == "openai" and told["seq"] < denied["seq"]
    assert daemon.get("status")["decisions"] == {"allow": 1, "deny": 1, "audit": 0}
