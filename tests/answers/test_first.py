# SPDX-License-Identifier: Apache-2.0
"""A connection needs an answer: nothing before it, at once behind it."""

import errno

from zt import dns as r
from zt import world as w
from zt.answers import LINK, OPENAI


def test_no_answer_no_connection(world, ztad, troupe, resolver, client):
    port, seq = world.port(), ztad.last_seq()
    resolver.cname(OPENAI, LINK)
    resolver.put(LINK, "10.20.0.4")
    app = troupe.get("app")
    s = app.tcp()
    try:
        s.connect((w.PE, port))
        raise AssertionError("connected to an address that nobody named")
    except PermissionError:
        pass
    event = ztad.wait_event("not-resolved", lambda e: e["reason"] == "not-resolved", after=seq)
    assert (event["row"], event["service"]) == (11, "openai")
    assert client("app").lookup(OPENAI, port).tried == [(w.PE, 0)]
    s = app.tcp()
    s.connect((w.PE, port))
    assert s.echo() == b"zt-echo"
    s.close()


def test_an_answer_outside_the_fence_refuses_the_first_connection(world, ztad, resolver, client):
    port, seq = world.port(), ztad.last_seq()
    resolver.cname(OPENAI, LINK, "region.cloudapp.azure.com")
    resolver.put("region.cloudapp.azure.com", w.PUBLIC)
    found = client("open").lookup(OPENAI, port)
    assert found.tried == [(w.PUBLIC, errno.EPERM)]
    told = ztad.wait_event("dns", lambda e: e["type"] == "dns", after=seq)
    assert told["answer"]["chain"] == [LINK, "region.cloudapp.azure.com"]
    assert told["answer"]["resolver"] == r.ADDRESS and told["hint"]
    event = ztad.wait_event(
        "egress",
        lambda e: e["type"] == "egress" and e["reason"] == "resolves-public",
        after=seq,
    )
    assert event["destination"] == {
        "address": w.PUBLIC, "port": port, "protocol": "tcp", "name": OPENAI,
    }  # fmt: skip
    # the control: nothing else refuses that address
    assert client("open", control=True).lookup(OPENAI, port).connected == [w.PUBLIC]


def test_a_rule_opens_an_address_by_name(world, ztad, resolver, client):
    port = 443
    world.port_of(port)
    resolver.put("de.wikipedia.org", w.PUBLIC_B)
    resolver.put("de.example.org", w.PUBLIC)
    ruled = client("ruled")
    assert ruled.lookup("de.wikipedia.org", port).connected == [w.PUBLIC_B]
    assert ruled.lookup("de.example.org", port).errors == {w.PUBLIC: errno.EPERM}
