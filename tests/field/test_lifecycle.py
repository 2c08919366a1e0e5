# SPDX-License-Identifier: Apache-2.0
"""Permitted traffic that began before the daemon goes on through all that the daemon does."""

import signal
import socket

import pytest

from zt import policy
from zt import world as w
from zt.flows import FarEnd, Flows
from zt.puppet import Puppet


@pytest.fixture
def flows(world, cgroups, troupe):
    """Permitted flows of a deny profile, and probes of a closed one; all begin before attach."""
    far = FarEnd(world, cgroups.control("far"))
    app, shut = troupe.new("app"), troupe.new("shut")
    f = Flows()
    prober = Puppet(cgroups.control("prober"), world.pub.ns.path)
    for name, where in (("IPv4", (w.PE, far.port)), ("IPv6", (w.PE6, far.port))):
        f.add(f"long connection, {name}", app, "long-tcp", where, far.puppet)
        f.add(f"new connections, {name}", app, "connect", where, far.puppet)
        f.add(f"datagrams, {name}", app, "udp", where, far.puppet)
        f.add(f"connected datagrams, {name}", app, "udp-connected", where, far.puppet)
    listener = shut.listen(w.MACHINE)
    listener.serve()
    datagrams = shut.udp()
    datagrams.bind((w.MACHINE, 0))
    datagrams.serve()
    mptcp = shut.listen("::", proto=262)
    mptcp.serve()
    mptcp_at = (w.MACHINE6, mptcp.getsockname()[1])
    f.add("probes, long", prober, "long-tcp", listener.getsockname(), shut)
    f.add("probes, new", prober, "connect", listener.getsockname(), shut)
    f.add("probes, MPTCP listener", prober, "connect", mptcp_at, shut)
    f.add("probes, datagrams", prober, "udp", datagrams.getsockname(), shut)
    yield f
    f.stop()
    for closing in (app, shut, prober, far):
        closing.close()


@pytest.mark.parametrize("existing", ["keep", "judge"])
def test_no_permitted_packet_is_lost(daemon, flows, existing):
    daemon.config.write_text(f'{{"existing": "{existing}"}}')
    flows.all_good("before the daemon")
    daemon.start()
    flows.all_good("at attach")
    for revision in range(2, 6):
        daemon.apply(policy.suite(metadata={"name": "suite", "revision": revision}))
        flows.all_good(f"at apply {revision}")
    daemon.write_policy(policy.suite(metadata={"name": "suite", "revision": 9}))
    daemon.proc.send_signal(signal.SIGHUP)
    flows.all_good("at reload")
    daemon.stop()
    flows.all_good("without a daemon")
    daemon.start()
    flows.all_good("at restart")
    daemon.kill()
    flows.all_good("after SIGKILL")
    daemon.start()
    flows.all_good("at restart after SIGKILL")
    for name, flow in flows.stop().items():
        assert flow["worst_s"] < 1, f"{name} stood still: {flow}"


def test_a_listener_from_before_the_attach_still_cannot_connect(daemon, flows, troupe, world):
    """Serving is one thing, opening another: also with sockets older than the programs."""
    p = troupe.new("shut")
    tcp, udp = p.tcp(), p.udp()
    port = world.port()
    daemon.start()
    mark = world.pub.sniffer.mark()
    with pytest.raises(PermissionError):
        tcp.connect((w.PUBLIC, port))
    with pytest.raises(PermissionError):
        udp.connect((w.PUBLIC, port))
    world.settle()
    assert not world.pub.sniffer.since(mark, dport=port)
    flows.all_good("while others were refused")
    assert tcp.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
