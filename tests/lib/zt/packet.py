# SPDX-License-Identifier: Apache-2.0
"""Reads what a sniffer saw: just enough of Ethernet, IP, TCP, UDP and ICMP."""

import ipaddress
import socket
import struct
from dataclasses import dataclass

IPV6_EXTENSIONS = {0, 43, 60, 135}
FRAGMENT = 44


@dataclass
class Packet:
    """One packet that arrived. Ports are 0 where there are none, payload is what follows L4."""

    src: str
    dst: str
    proto: int
    sport: int = 0
    dport: int = 0
    flags: int = 0  # TCP
    type: int = -1  # ICMP
    payload: bytes = b""
    raw: bytes = b""

    def opens_or_carries(self) -> bool:
        """Not a bare acknowledgement, FIN or RST of TCP."""
        return self.proto != socket.IPPROTO_TCP or bool(self.payload) or self.flags & 0x12 == 2

    def __str__(self) -> str:
        return f"{self.src}:{self.sport} > {self.dst}:{self.dport} proto {self.proto} {self.payload[:32]!r}"


def parse(frame: bytes) -> Packet | None:
    """None for what is not IP (ARP and the like) or too short."""
    if len(frame) < 34:
        return None
    kind = struct.unpack_from("!H", frame, 12)[0]
    data = frame[14:]
    try:
        if kind == 0x0800:
            return _ipv4(data)
        if kind == 0x86DD:
            return _ipv6(data)
    except (struct.error, IndexError):
        pass
    return None


def _ipv4(data: bytes) -> Packet:
    header = (data[0] & 15) * 4
    total, frag = struct.unpack_from("!H", data, 2)[0], struct.unpack_from("!H", data, 6)[0]
    src, dst = (socket.inet_ntoa(data[i : i + 4]) for i in (12, 16))
    packet = Packet(src, dst, data[9], raw=data[:total])
    body = data[header:total]
    if frag & 0x1FFF:
        packet.payload = body
    else:
        _layer4(packet, body)
    return packet


def _ipv6(data: bytes) -> Packet:
    length, proto = struct.unpack_from("!HB", data, 4)
    src, dst = (str(ipaddress.IPv6Address(data[i : i + 16])) for i in (8, 24))
    body = data[40 : 40 + length]
    first = True
    while proto in IPV6_EXTENSIONS or proto == FRAGMENT:
        if proto == FRAGMENT:
            first = struct.unpack_from("!H", body, 2)[0] & 0xFFF8 == 0
            proto, body = body[0], body[8:]
        else:
            proto, body = body[0], body[(body[1] + 1) * 8 :]
        if not first:
            break
    packet = Packet(src, dst, proto, raw=data[: 40 + length])
    if first:
        _layer4(packet, body)
    else:
        packet.payload = body
    return packet


def _layer4(packet: Packet, body: bytes) -> None:
    packet.payload = body
    if packet.proto in (socket.IPPROTO_TCP, socket.IPPROTO_UDP, 132, 33, 136):
        packet.sport, packet.dport = struct.unpack_from("!HH", body)
    if packet.proto == socket.IPPROTO_TCP:
        packet.flags = body[13]
        packet.payload = body[(body[12] >> 4) * 4 :]
    elif packet.proto in (socket.IPPROTO_UDP, 136):
        packet.payload = body[8:]
    elif packet.proto in (socket.IPPROTO_ICMP, socket.IPPROTO_ICMPV6):
        packet.type = body[0]
        packet.payload = body[8:]


def checksum(data: bytes) -> int:
    """The Internet checksum."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ipv4(src: str, dst: str, proto: int, body: bytes) -> bytes:
    """An IPv4 packet with correct checksum."""
    # fmt: off
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(body), 4711, 0, 64, proto, 0,
                       socket.inet_aton(src), socket.inet_aton(dst))
    # fmt: on
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + body


def _pseudo(src: str, dst: str, proto: int, body: bytes) -> bytes:
    if ":" in src:
        pair = socket.inet_pton(socket.AF_INET6, src) + socket.inet_pton(socket.AF_INET6, dst)
        return pair + struct.pack("!IHBB", len(body), 0, 0, proto)
    return socket.inet_aton(src) + socket.inet_aton(dst) + struct.pack("!BBH", 0, proto, len(body))


def udp(src: str, dst: str, sport: int, dport: int, payload: bytes) -> bytes:
    """A UDP datagram (header and payload) with checksum for src, dst."""
    body = struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload
    total = checksum(_pseudo(src, dst, socket.IPPROTO_UDP, body) + body) or 0xFFFF
    return body[:6] + struct.pack("!H", total) + payload


def tcp(src: str, dst: str, ports: tuple[int, int], seq: tuple[int, int], flags: int) -> bytes:
    """A TCP segment without options or payload; seq = (sequence, acknowledgement)."""
    body = struct.pack("!HHIIBBHHH", *ports, *seq, 5 << 4, flags, 64240, 0, 0)
    total = checksum(_pseudo(src, dst, socket.IPPROTO_TCP, body) + body)
    return body[:16] + struct.pack("!H", total) + body[18:]


def icmp_echo(payload: bytes, ident: int = 77) -> bytes:
    body = struct.pack("!BBHHH", 8, 0, 0, ident, 1) + payload
    return body[:2] + struct.pack("!H", checksum(body)) + body[4:]
