# SPDX-License-Identifier: Apache-2.0
"""What real TLS libraries send first, and how to take it apart."""

import ssl
import struct


def hello(name: str | None = None, tls12: bool = False) -> bytes:
    """The first flight of Python's own TLS client."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if tls12:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    out = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=name)
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()


def handshake(record: bytes) -> bytes:
    """What a single record carries."""
    assert record[0] == 0x16 and len(record) == 5 + struct.unpack(">H", record[3:5])[0]
    return record[5:]


def records(message: bytes, size: int) -> bytes:
    """A handshake message in records of that many octets."""
    pieces = [message[i : i + size] for i in range(0, len(message), size)]
    return b"".join(b"\x16\x03\x01" + struct.pack(">H", len(p)) + p for p in pieces)


def with_extension(record: bytes, kind: int, body: bytes, front: bool = False) -> bytes:
    """The same hello with one more extension (post-quantum shares, ECH)."""
    m = bytearray(handshake(record))
    at = 4 + 34
    at += 1 + m[at]
    at += 2 + struct.unpack(">H", m[at : at + 2])[0]
    at += 1 + m[at]
    (length,) = struct.unpack(">H", m[at : at + 2])
    extension = struct.pack(">HH", kind, len(body)) + body
    m[at : at + 2] = struct.pack(">H", length + len(extension))
    if front:
        m[at + 2 : at + 2] = extension
    else:
        m += extension
    m[1:4] = struct.pack(">I", len(m) - 4)[1:]
    return records(bytes(m), 16384)


KEY_SHARE_LIKE, ECH = 0x4469, 0xFE0D
