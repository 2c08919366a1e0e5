# SPDX-License-Identifier: Apache-2.0
"""Whoever owns a network namespace can be any resolver in it: what that gains, and what it does not."""

import errno
import json
import socket
import threading

import dns.message
import dns.rrset
import pytest

from zt import dns as r
from zt import resolvers as real
from zt import world as w
from zt.answers import document, fresh_private, fresh_public
from zt.netns import NetNs
from zt.puppet import Puppet
from zt.sh import sh

ZONE = "openai.azure.com"
OTHERS_BURST, OTHERS_RATE = 1024, 50


class Mock:
    """A resolver of the workload's own: says what it is told to, as whoever it likes to be."""

    def __init__(self, make_socket, address: str = r.ADDRESS):
        self.sock = make_socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((address, 53))
        self.said: dict[str, list[str]] = {}
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                data, peer = self.sock.recvfrom(4096)
            except OSError:
                return
            if not data:
                return
            q = dns.message.from_wire(data)
            name = q.question[0].name.to_text(omit_final_dot=True)
            reply = dns.message.make_response(q)
            reply.answer.append(
                dns.rrset.from_text(name + ".", 60, "IN", "A", *self.said.get(name, []))
            )
            self.sock.sendto(reply.to_wire(max_size=65535), peer)

    def close(self) -> None:
        try:
            self.sock.shutdown(socket.SHUT_RDWR)  # not connected, says the kernel; and wakes the thread
        except OSError:
            pass
        self._thread.join()
        self.sock.close()


class Own:
    """A workload in a namespace it made, with a cable to one where it is the resolver."""

    def __init__(self, puppet: Puppet, number: int):
        self.p = puppet
        self.far = NetNs(f"mock{number}")
        # fmt: off
        self.far.ip("link", "add", "m0", "type", "veth", "peer", "name", "e0",
                    "netns", str(puppet.pid))
        # fmt: on
        self.far.ip("addr", "add", f"{r.ADDRESS}/24", "dev", "m0")
        self.far.ip("link", "set", "m0", "up")
        self.far.ip("route", "add", "default", "dev", "m0")
        for words in (
            ("link", "set", "lo", "up"),
            ("addr", "add", "10.45.0.1/24", "dev", "e0"),
            ("link", "set", "e0", "up"),
            ("route", "add", "default", "dev", "e0"),
        ):
            sh("nsenter", f"--net={puppet.netns}", "ip", *words)
        self.mock = Mock(self.far.socket)

    def close(self) -> None:
        self.mock.close()
        self.far.close()


@pytest.fixture
def own(ztad, troupe):
    """make(group) -> Own"""
    made: list[Own] = []

    def make(group: str) -> Own:
        made.append(Own(troupe.new_netns(group), len(made)))
        return made[-1]

    yield make
    for one in made:
        one.close()


def ask(puppet, name: str, server: str = r.ADDRESS) -> dns.message.Message:
    s = puppet.udp()
    try:
        s.connect((server, 53))
        s.send(dns.message.make_query(name, "A").to_wire())
        return dns.message.from_wire(s.recv(65535))
    finally:
        s.close()


def refused(puppet, address: str, port: int) -> bool:
    """Is a datagram's destination denied? (Nobody has to be there.)"""
    s = puppet.udp()
    try:
        code = s.connect_ex((address, port))
    finally:
        s.close()
    assert code in (0, errno.EPERM), code
    return code == errno.EPERM


def learnt_elsewhere(ztad) -> dict[str, list[dict]]:
    """What `names` lists of other namespaces, by address."""
    found: dict[str, list[dict]] = {}
    for e in ztad.ctl("names"):
        if "netns" in e:
            found.setdefault(e["address"], []).append(e)
    return found


def test_a_resolvers_address_of_its_own(world, ztad, troupe):
    """unshare, the resolver's address on lo, an own server: captured, told once, worth nothing."""
    inside = troupe.new_netns("app-unshared")
    for words in (
        ("link", "set", "lo", "up"),
        ("addr", "add", f"{r.ADDRESS}/32", "dev", "lo"),
        ("route", "add", "default", "dev", "lo"),
    ):
        sh("nsenter", f"--net={inside.netns}", "ip", *words)
    made = NetNs.__new__(NetNs)
    made.path = inside.netns
    mock = Mock(made.socket)
    name, address = real.fresh(ZONE), fresh_private()
    mock.said[name] = [address]
    seq = ztad.last_seq()
    for _ in range(3):
        assert ask(inside, name).answer
    event = ztad.wait_event("captured", lambda e: e["reason"] == "captured-dns", after=seq)
    assert event["workload"]["cgroup"] == "/app-unshared"
    assert refused(inside, address, world.port())
    ztad.http("POST", "/v1/flush")
    told = [e for e in ztad.events(seq) if e["reason"] == "captured-dns"]
    assert len(told) == 1
    mock.close()


def test_loopback_resolvers_are_nobody_there(world, ztad, troupe):
    """127.0.0.53 listed for the machine is not believed in a namespace that a workload owns."""
    ztad.apply({**document(), "resolvers": [r.ADDRESS, "127.0.0.53"]})
    try:
        inside = troupe.new_netns("app-stub")
        sh("nsenter", f"--net={inside.netns}", "ip", "link", "set", "lo", "up")
        made = NetNs.__new__(NetNs)
        made.path = inside.netns
        mock = Mock(made.socket, "127.0.0.53")
        name, address = real.fresh(ZONE), fresh_private()
        mock.said[name] = [address]
        seq = ztad.last_seq()
        assert ask(inside, name, "127.0.0.53").answer
        ztad.wait_event("captured", lambda e: e["reason"] == "captured-dns", after=seq)
        assert address not in learnt_elsewhere(ztad)
        mock.close()
        # the control: in the machine's own it is
        mock = Mock(world.machine.socket, "127.0.0.53")
        mock.said[name] = [address]
        app = troupe.get("app")
        assert ask(app, name, "127.0.0.53").answer
        assert not refused(app, address, world.port())
        mock.close()
    finally:
        ztad.apply(document())


@pytest.mark.parametrize("called", ["127.0.0.1", "0.0.0.0", "::ffff:127.0.0.1"])
def test_names_are_guarded_on_loopback_too(world, ztad, troupe, called):
    ztad.apply({**document(), "resolvers": [r.ADDRESS, "127.0.0.1"]})
    mock = Mock(world.machine.socket, "127.0.0.1")
    try:
        name, address = real.fresh(ZONE), fresh_private()
        mock.said[name] = mock.said["x.t.example.org"] = [address]
        listed = troupe.get("listed")
        s = listed.udp(called)
        with pytest.raises(PermissionError):
            s.sendto(dns.message.make_query("x.t.example.org", "A").to_wire(), (called, 53))
        s.sendto(dns.message.make_query(name, "A").to_wire(), (called, 53))
        assert s.recv(4096)
        s.close()
        assert not refused(listed, address, world.port())
        assert ask(troupe.get("app"), "x.t.example.org", "127.0.0.1").answer
    finally:
        mock.close()
        ztad.apply(document())


def test_a_server_on_loopback_that_is_no_resolver_is_let_alone(world, ztad, troupe):
    mock = Mock(world.machine.socket, "127.0.0.2")
    name, address = real.fresh(ZONE), fresh_private()
    mock.said[name] = [address]
    listed = troupe.get("listed")
    assert ask(listed, name, "127.0.0.2").answer
    assert refused(listed, address, world.port())
    mock.close()


def test_an_answer_counts_where_it_was_given(world, ztad, troupe, own):
    """On a cable of its own a workload is answered as it likes: by itself, for itself."""
    liar, port = own("app-liar"), world.port()
    name, address = real.fresh(ZONE), fresh_private()
    liar.mock.said[name] = [address]
    liar.mock.said["kv.vault.azure.net"] = [w.DATABASE]
    assert ask(liar.p, name).answer and ask(liar.p, "kv.vault.azure.net").answer
    assert not refused(liar.p, address, port)
    app = troupe.get("app")
    assert refused(app, address, port)
    s = app.tcp()
    s.connect((w.DATABASE, port))
    s.close()
    other = own("app-bystander")
    assert refused(other.p, address, port)


def test_who_fills_the_table_keeps_nothing_of_others_out(world, ztad, troupe, own, client, resolver):
    """3,000 addresses by one workload: its share is bounded, others' answers stay and come."""
    port = world.port()
    name, address = real.fresh(ZONE), fresh_private()
    resolver.put(name, address)
    assert client("app").lookup(name, port).tried == [(address, 0)]
    bystander = own("app-bystander2")
    there, other = real.fresh(ZONE), fresh_private()
    bystander.mock.said[there] = [other]
    assert ask(bystander.p, there).answer

    liar = own("app-filler")
    for i in range(30):
        flood = real.fresh(ZONE)
        liar.mock.said[flood] = [f"10.20.{128 + i}.{n}" for n in range(1, 101)]
        assert ask(liar.p, flood).answer
    kept = [a for a in learnt_elsewhere(ztad) if a.startswith("10.20.") and a != other]
    assert OTHERS_BURST * 0.9 < len(kept) <= OTHERS_BURST + OTHERS_RATE * 20

    assert not refused(bystander.p, other, port)
    assert not refused(troupe.get("app"), address, port)
    late, last = real.fresh(ZONE), fresh_private()
    bystander.mock.said[late] = [last]
    assert ask(bystander.p, late).answer
    assert not refused(bystander.p, last, port)
    fresh, here = real.fresh(ZONE), fresh_private()
    resolver.put(fresh, here)
    assert client("app").lookup(fresh, port).tried == [(here, 0)]


def bpftool(*words) -> dict:
    return json.loads(sh("bpftool", "-j", *words))


def fill(ztad, name: str, size: int, tmp_path) -> None:
    """As many entries as the map can ever take, of workloads that are gone."""
    hook = next(h for h in ztad.ctl("status")["hooks"] if h["name"] == "ingress")
    program = bpftool("link", "show", "id", hook["link_id"])["prog_id"]
    ids = bpftool("prog", "show", "id", program)["map_ids"]
    one = next(m for m in (bpftool("map", "show", "id", i) for i in ids) if m.get("name") == name)
    value = " ".join(["0"] * one["bytes_value"])
    batch = tmp_path / "fill"
    with batch.open("w", encoding="ascii") as f:
        for i in range(size):
            key = " ".join(str(b) for b in (i | 1 << 48).to_bytes(8, "little"))
            f.write(f"map update id {one['id']} key {key} value {value}\n")
    sh("bpftool", "batch", "file", batch)


def test_workloads_that_are_gone_keep_nobody_out(world, ztad, own, tmp_path):
    """A machine that has started many pods: the next one learns as the first one did."""
    fill(ztad, "zta_buckets", 16384, tmp_path)
    late, port = own("app-late"), world.port()
    name, address = real.fresh(ZONE), fresh_private()
    late.mock.said[name] = [address]
    assert ask(late.p, name).answer
    assert not refused(late.p, address, port)


def test_a_pod_is_answered_by_the_real_resolver(world, ztad, troupe, resolver, client):
    """A namespace behind the machine, its resolver far away: the usual case of a container."""
    name, address, outside = real.fresh(ZONE), fresh_private(), fresh_public()
    resolver.put(name, address)
    resolver.put("b" + name, outside)
    pod, port = client("app-pod", netns=world.pod.path), world.port()
    assert pod.lookup(name, port).tried == [(address, 0)]
    assert pod.lookup("b" + name, port).errors == {outside: errno.EPERM}
    assert refused(troupe.get("app"), address, port)  # known there, not here
