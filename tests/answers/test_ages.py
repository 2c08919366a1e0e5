# SPDX-License-Identifier: Apache-2.0
"""How long an answer counts."""

import errno
import time

import pytest

from zt.answers import OPENAI, fresh_private
from zt.sh import wait_for

MIN_S = 10  # whatever the TTL: the time of one look-up with its repetitions


@pytest.mark.parametrize("ttl", [0, 1, 2**31 - 1, 2**31])
def test_any_ttl_serves_the_connection_that_was_asked_for(world, ztad, resolver, client, ttl):
    """2^31 and more count as 0 (RFC 2181)."""
    resolver.ttl = ttl
    address = fresh_private()
    resolver.put(OPENAI, address)
    assert client("hasty").lookup(OPENAI, world.port()).tried == [(address, 0)]
    (kept,) = [e for e in ztad.ctl("names") if e["address"] == address]
    assert kept["expires_s"] <= (7 * 86400 if ttl == 2**31 - 1 else 3600)


def test_an_answer_ends_and_its_connection_lives(world, ztad, troupe, resolver, client):
    address = fresh_private()
    resolver.ttl = 1
    resolver.put(OPENAI, address)
    hasty, port, puppet = client("hasty"), world.port(), troupe.get("hasty")
    began = time.monotonic()
    assert hasty.lookup(OPENAI, port).tried == [(address, 0)]
    flow = puppet.tcp()
    flow.connect((address, port))

    def over() -> bool:
        s = puppet.tcp()
        refused = s.connect_ex((address, port)) == errno.EPERM
        s.close()
        return refused

    wait_for("the answer's end", over, MIN_S + 3)
    assert time.monotonic() - began > MIN_S - 1.5
    # where answers count for longer than their TTL, this one still does
    other = troupe.get("app").tcp()
    other.connect((address, port))
    other.close()
    for _ in range(3):
        assert flow.echo() == b"zt-echo"
    flow.close()
    assert hasty.lookup(OPENAI, port).tried == [(address, 0)]  # asked again, open again
