# SPDX-License-Identifier: Apache-2.0
"""Attempts by ordinary calls: connect, send, and what comes close to them."""

import errno
import socket
import struct

from zt import world as w

from attempts import NOBODY, TOKEN, Stage, attempt, since, supports

TCP_MD5SIG, TCP_FASTOPEN_CONNECT = 14, 30
IPV6_ADD_MEMBERSHIP = 20
MSG_FASTOPEN = 0x20000000
UDP_CORK, UDP_SEGMENT = 1, 103
IPPROTO_MPTCP = 262


@attempt("tcp connect, IPv4")
def tcp4(s: Stage):
    tcp(s, w.PUBLIC)


@attempt("tcp connect, IPv6")
def tcp6(s: Stage):
    tcp(s, w.PUBLIC6)


def tcp(s: Stage, address: str) -> None:
    sock = s.p.tcp(address)
    sock.connect((address, s.port))
    sock.echo(TOKEN)
    sock.close()


def udp(s: Stage, address: str) -> None:
    sock = s.p.udp(address)
    sock.sendto(TOKEN, (address, s.port))
    sock.close()


@attempt("tcp connect, non-blocking")
def tcp_nonblocking(s: Stage):
    sock = s.p.tcp()
    sock.setblocking(False)
    error = sock.connect_ex((w.PUBLIC, s.port))
    if error != 115:  # EINPROGRESS
        raise OSError(error, "connect")
    sock.settimeout(2)
    sock.sendall(TOKEN)


@attempt("tcp connect, reused after AF_UNSPEC")
def tcp_unspec(s: Stage):
    sock = s.p.tcp()
    sock.connect((w.PE, s.port))
    sock.disconnect()
    sock.connect((w.PUBLIC, s.port))
    sock.echo(TOKEN)


@attempt("tcp connect of an accepted socket after AF_UNSPEC")
def accepted_unspec(s: Stage):
    listener = s.p.listen("", 0)
    peer = s.world.machine.socket(socket.AF_INET, socket.SOCK_STREAM)
    s.undo(peer.close)
    peer.connect((w.MACHINE, listener.getsockname()[1]))
    child, _ = listener.accept()
    child.disconnect()
    child.connect((w.PUBLIC, s.port))
    child.echo(TOKEN)


@attempt("tcp fast open by sendto")
def fastopen_sendto(s: Stage):
    sock = s.p.tcp()
    sock.sendto(TOKEN, MSG_FASTOPEN, (w.PUBLIC, s.port))


@attempt("tcp fast open by sendmsg, IPv6")
def fastopen_sendmsg(s: Stage):
    sock = s.p.tcp(w.PUBLIC6)
    sock.sendmsg([TOKEN], [], MSG_FASTOPEN, (w.PUBLIC6, s.port))


@attempt("tcp fast open by TCP_FASTOPEN_CONNECT")
def fastopen_connect(s: Stage):
    sock = s.p.tcp()
    sock.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1)
    sock.connect((w.PUBLIC, s.port))
    sock.sendall(TOKEN)


@attempt("udp sendto, IPv4")
def udp4(s: Stage):
    udp(s, w.PUBLIC)


@attempt("udp sendto, IPv6")
def udp6(s: Stage):
    udp(s, w.PUBLIC6)


@attempt("udp connect, then send")
def udp_connected(s: Stage):
    sock = s.p.udp()
    sock.connect((w.PUBLIC, s.port))
    sock.send(TOKEN)


@attempt("udp connect, then send, IPv6")
def udp_connected6(s: Stage):
    sock = s.p.udp(w.PUBLIC6)
    sock.connect((w.PUBLIC6, s.port))
    sock.send(TOKEN)


@attempt("udp connected to the permitted, sendto the public")
def udp_connected_elsewhere(s: Stage):
    sock = s.p.udp()
    sock.connect((w.PE, s.port))
    sock.send(b"permitted")
    sock.sendto(TOKEN, (w.PUBLIC, s.port))


@attempt("udp connected twice")
def udp_reconnected(s: Stage):
    sock = s.p.udp()
    sock.connect((w.PE, s.port))
    sock.send(b"permitted")
    sock.connect((w.PUBLIC, s.port))
    sock.send(TOKEN)


@attempt("udp corked, first piece with the address")
def udp_cork(s: Stage):
    sock = s.p.udp()
    sock.setsockopt(socket.IPPROTO_UDP, UDP_CORK, 1)
    sock.sendto(TOKEN, (w.PUBLIC, s.port))
    sock.setsockopt(socket.IPPROTO_UDP, UDP_CORK, 0)


@attempt("udp in segments (GSO)")
def udp_gso(s: Stage):
    sock = s.p.udp()
    sock.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 100)
    sock.sendto(TOKEN * 50, (w.PUBLIC, s.port))


@attempt("udp larger than the MTU: fragments, IPv4")
def fragments4(s: Stage):
    s.p.udp().sendto(TOKEN * 300, (w.PUBLIC, s.port))


@attempt("udp larger than the MTU: fragments, IPv6")
def fragments6(s: Stage):
    s.p.udp(w.PUBLIC6).sendto(TOKEN * 300, (w.PUBLIC6, s.port))


@attempt("destination options header, IPv6")
def destination_options(s: Stage):
    sock = s.p.udp(w.PUBLIC6)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_DSTOPTS, bytes([0, 0, 1, 4, 0, 0, 0, 0]))
    sock.connect((w.PUBLIC6, s.port))
    sock.send(TOKEN)


@attempt("IPv4-mapped address, tcp")
def mapped_tcp(s: Stage):
    tcp(s, f"::ffff:{w.PUBLIC}")


@attempt("IPv4-mapped address, udp sendto")
def mapped_udp(s: Stage):
    udp(s, f"::ffff:{w.PUBLIC}")


@attempt("IPv4-mapped address, udp on a connected IPv6 socket")
def mapped_connected(s: Stage):
    sock = s.p.udp(w.PE6)
    sock.connect((w.PE6, s.port))
    sock.disconnect()
    sock.connect((f"::ffff:{w.PUBLIC}", s.port))
    sock.send(TOKEN)


def inside_ipv6(name: str, address: str) -> None:
    """An IPv4 address in IPv6 clothes, in a profile that allows all of IPv6."""
    attempt(f"{name}, tcp", profile="six", to=(address,))(lambda s: tcp(s, address))
    attempt(f"{name}, udp", profile="six", to=(address,))(lambda s: udp(s, address))


inside_ipv6("NAT64 address", w.NAT64)
inside_ipv6("6to4 address", w.SIXTOFOUR)
inside_ipv6("IPv4-compatible address", w.COMPATIBLE)
inside_ipv6("Teredo address", w.TEREDO)


@attempt("SO_BINDTODEVICE")
def bind_to_device(s: Stage):
    sock = s.p.tcp()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"pub0\0")
    sock.connect((w.PUBLIC, s.port))
    sock.echo(TOKEN)


@attempt("SO_BINDTODEVICE, udp")
def bind_to_device_udp(s: Stage):
    sock = s.p.udp()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"pub0\0")
    sock.sendto(TOKEN, (w.PUBLIC, s.port))


@attempt("SO_MARK")
def mark(s: Stage):
    sock = s.p.tcp()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, 0xCA12)
    sock.connect((w.PUBLIC, s.port))
    sock.echo(TOKEN)


@attempt("bound to loopback's address first", to=(w.PUBLIC,))
def transparent_source(s: Stage):
    sock = s.p.udp()
    sock.setsockopt(socket.IPPROTO_IP, 19, 1)  # IP_TRANSPARENT
    sock.bind((w.AI_PUBLIC, 0))
    sock.sendto(TOKEN, (w.PUBLIC, s.port))


@attempt("io_uring connect")
def uring_connect(s: Stage):
    s.p.run("uring", "connect", w.PUBLIC, s.port, TOKEN.decode())


@attempt("io_uring connect, asynchronous")
def uring_connect_async(s: Stage):
    s.p.run("uring", "connect", w.PUBLIC, s.port, TOKEN.decode(), "async")


@attempt("io_uring connect, by the polling thread")
def uring_connect_poll(s: Stage):
    s.p.run("uring", "connect", w.PUBLIC, s.port, TOKEN.decode(), "poll")


@attempt("io_uring socket and connect, IPv6", lacks=since(5, 19, "IORING_OP_SOCKET"))
def uring_socket(s: Stage):
    s.p.run("uring", "socket", w.PUBLIC6, s.port, TOKEN.decode(), "async")


@attempt("io_uring sendmsg")
def uring_sendmsg(s: Stage):
    s.p.run("uring", "sendmsg", w.PUBLIC, s.port, TOKEN.decode())


@attempt("io_uring sendmsg, asynchronous")
def uring_sendmsg_async(s: Stage):
    s.p.run("uring", "sendmsg", w.PUBLIC, s.port, TOKEN.decode(), "async")


@attempt("io_uring sendmsg, by the polling thread, IPv6")
def uring_sendmsg_poll(s: Stage):
    s.p.run("uring", "sendmsg", w.PUBLIC6, s.port, TOKEN.decode(), "poll")


NO_MPTCP = supports(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_MPTCP, "MPTCP")


@attempt("MPTCP connect", lacks=NO_MPTCP)
def mptcp(s: Stage):
    sock = s.p.tcp(w.PUBLIC, IPPROTO_MPTCP)
    sock.connect((w.PUBLIC, s.port))
    sock.echo(TOKEN)


@attempt("socket option memory exhausted before connect, by uid 65534")
def option_memory(s: Stage):
    sock = s.get(s.profile, uid=NOBODY).tcp()
    s.undo(sock.close)
    until_full(lambda i: sock.setsockopt(socket.IPPROTO_TCP, TCP_MD5SIG, md5_key(i)))
    sock.connect((w.PUBLIC, s.port))
    sock.echo(TOKEN)


@attempt("socket option memory exhausted before sendto, by uid 65534")
def option_memory_udp(s: Stage):
    sock = s.get(s.profile, uid=NOBODY).udp(w.PUBLIC6)
    s.undo(sock.close)
    until_full(lambda i: sock.setsockopt(socket.IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, group(i)))
    sock.sendto(TOKEN, (w.PUBLIC6, s.port))


def md5_key(i: int) -> bytes:
    """struct tcp_md5sig for a peer nobody talks to."""
    peer = struct.pack("=H2xI", socket.AF_INET, i + 1).ljust(128, b"\0")
    return peer + struct.pack("=BBHi80s", 0, 0, 4, 0, b"zzzz")


def group(i: int) -> bytes:
    """struct ipv6_mreq: one more multicast group, on loopback."""
    return bytes([0xFF, 0x02]) + bytes(10) + struct.pack("!I", i + 0x1000) + struct.pack("=i", 1)


def until_full(more) -> None:
    """Take option memory until the kernel has no more for this socket."""
    for i in range(20000):
        try:
            more(i)
        except OSError as e:
            if e.errno in (errno.ENOMEM, errno.ENOBUFS):
                return
            raise
    raise RuntimeError("option memory never ran out")
