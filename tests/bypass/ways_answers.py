# SPDX-License-Identifier: Apache-2.0
"""Attempts to pass off an own connection as an answer, or as the network's own traffic."""

import socket

from zt import world as w

from attempts import TOKEN, Stage, attempt

SO_REUSEPORT = 15
TCP_REPAIR = 19


def asked(s: Stage, *extra) -> tuple:
    """A socket of the workload that the public peer sent to, and the peer's socket."""
    sock = s.p.udp()
    for option in extra:
        sock.setsockopt(socket.SOL_SOCKET, option, 1)
    sock.bind((w.MACHINE, 0))
    peer = s.world.pub.ns.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.undo(peer.close)
    peer.bind((w.PUBLIC, 0))
    peer.sendto(b"question", sock.getsockname())
    data, source = sock.recvfrom(64)
    assert data == b"question"
    s.port = source[1]
    return sock, source


@attempt("answer on another socket than the one that was asked", to=(w.PUBLIC,))
def other_socket(s: Stage):
    _, source = asked(s)
    s.p.udp().sendto(TOKEN, source)


@attempt("answer on another socket of the same port", to=(w.PUBLIC,))
def same_port(s: Stage):
    sock, source = asked(s, SO_REUSEPORT)
    other = s.p.udp()
    other.setsockopt(socket.SOL_SOCKET, SO_REUSEPORT, 1)
    other.bind(sock.getsockname())
    s.undo(other.close)
    other.sendto(TOKEN, source)


@attempt("answer to another port of the peer", to=(w.PUBLIC,))
def other_port(s: Stage):
    sock, source = asked(s)
    s.port = source[1] - 1
    sock.sendto(TOKEN, (source[0], s.port))


@attempt("answer after the socket was connected elsewhere", to=(w.PUBLIC,))
def connected_between(s: Stage):
    sock, source = asked(s)
    sock.connect((w.PE, s.world.port()))
    sock.disconnect()
    sock.sendto(TOKEN, source)


@attempt("tcp from a port that listens, too", to=(w.PUBLIC,))
def from_a_listening_port(s: Stage):
    listener, sock = s.p.tcp(), s.p.tcp()
    for one in (listener, sock):
        one.setsockopt(socket.SOL_SOCKET, SO_REUSEPORT, 1)
    listener.bind((w.MACHINE, 0))
    listener.listen(1)
    sock.bind(listener.getsockname())
    for one in (listener, sock):
        s.undo(one.close)
    sock.connect((w.PUBLIC, s.port))
    sock.echo(TOKEN)


@attempt("tcp set up by TCP_REPAIR, without a handshake", to=(w.PUBLIC,))
def repaired(s: Stage):
    sock = s.p.tcp()
    s.undo(sock.close)
    sock.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
    sock.bind((w.MACHINE, 0))
    sock.connect((w.PUBLIC, s.port))
    sock.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 0)
    sock.sendall(TOKEN)


@attempt("datagram dressed as DHCP to a public address", to=(w.PUBLIC,))
def dhcp_shaped(s: Stage):
    sock = s.p.udp()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((w.MACHINE, 68))
    s.undo(sock.close)
    s.port = 67
    sock.sendto(TOKEN, (w.PUBLIC, 67))


@attempt("datagram dressed as DHCPv6 to a public address", to=(w.PUBLIC6,))
def dhcpv6_shaped(s: Stage):
    sock = s.p.udp(w.PUBLIC6)
    sock.bind((w.MACHINE6, 546))
    s.undo(sock.close)
    s.port = 547
    sock.sendto(TOKEN, (w.PUBLIC6, 547))
