# SPDX-License-Identifier: Apache-2.0
"""More live answers than the table holds: older ones go, the newest never do."""

import errno

import dns.flags
import dns.message

from zt import dns as r
from zt import resolvers as real
from zt.answers import fresh_private

ZONE = "openai.azure.com"
LIVE_MAX, PER_NAME = 65536, 100
NEWEST = 8192  # an LRU gives way in batches: that many fewer may be kept, and none of as many newest


def ask(sock, name: str) -> None:
    sock.send(dns.message.make_query(name, "A", use_edns=0, payload=4096).to_wire())
    answer = dns.message.from_wire(sock.recv(65535))
    assert not answer.flags & dns.flags.TC and answer.answer


def error_of(puppet, address: str, port: int) -> int:
    s = puppet.tcp()
    try:
        return s.connect_ex((address, port))
    finally:
        s.close()


def test_one_name_more_than_fits(world, ztad, troupe, resolver, client):
    app, port = troupe.get("app"), world.port()
    every = [f"20.{128 + n // 62500}.{n // 250 % 250}.{n % 250 + 1}" for n in range(LIVE_MAX + 1)]
    first, first_address = real.fresh(ZONE), fresh_private()
    resolver.put(first, first_address)
    s = app.udp()
    try:
        s.connect((r.ADDRESS, r.PORT))
        ask(s, first)
        assert error_of(app, first_address, port) == 0
        for at in range(0, len(every), PER_NAME):
            name = real.fresh(ZONE)
            resolver.put(name, *every[at : at + PER_NAME])
            ask(s, name)
            resolver.clear()
        last, last_address = real.fresh(ZONE), fresh_private()
        resolver.put(last, last_address)
        ask(s, last)
    finally:
        s.close()
    assert error_of(app, last_address, port) == 0  # the newest of all

    known = {e["address"] for e in ztad.get("names") if "netns" not in e}
    print(f"{len(known)} of {LIVE_MAX} kept")
    assert LIVE_MAX - NEWEST < len(known) <= LIVE_MAX
    assert not set(every[-NEWEST:]) - known
    used = ztad.metric('zta_map_entries{map="learnt"}')
    assert used <= ztad.metric('zta_map_capacity{map="learnt"}') == LIVE_MAX

    # what was forgotten is closed, as if nobody had named it; asked again it is open at once
    if first_address not in known:
        assert error_of(app, first_address, port) == errno.EPERM
    resolver.put(first, first_address)
    assert client("app").lookup(first, port).tried == [(first_address, 0)]
    assert ztad.get("status")["healthy"]
