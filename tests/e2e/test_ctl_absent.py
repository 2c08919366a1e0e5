# SPDX-License-Identifier: Apache-2.0
"""ztactl when the daemon is not there, may not be asked, or does not speak HTTP."""

import os
import socket
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

import pytest

from zt import ctl

NOBODY = 65534

pytestmark = pytest.mark.parametrize("name", ctl.ONLINE)


def check_error(done, code: int) -> dict:
    error = ctl.value(done)
    assert done.returncode == code
    assert isinstance(error["error"], str) and error["error"]
    assert isinstance(error["detail"], str) and error["detail"]
    return error


def check_both(name: str, path: Path | str, code: int, **more) -> None:
    """The same exit code with and without -o json, each on its own stream."""
    error = check_error(ctl.run("-o", "json", *ctl.ONLINE[name], socket=str(path), **more), code)
    done = ctl.run(*ctl.ONLINE[name], socket=str(path), **more)
    assert done.returncode == code
    assert done.stderr.endswith(f"ztactl: {error['detail']}\n")
    if name != "doctor":  # it shows what it can see by itself
        assert done.stdout == ""


def test_no_socket(name):
    check_both(name, ctl.NOWHERE, 3)
    assert ctl.NOWHERE in ctl.run(*ctl.ONLINE[name]).stderr


def test_nobody_listens(name, tmp_path):
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(path))
    check_both(name, path, 3)


def test_what_is_no_socket_of_a_daemon(name, tmp_path):
    datagrams, loop = tmp_path / "s", tmp_path / "loop"
    loop.symlink_to(loop)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(str(datagrams))
        for path in (datagrams, loop, tmp_path, datagrams / "below", tmp_path / ("x" * 200)):
            check_both(name, path, 3)


def test_the_option_wins_over_the_environment(name, tmp_path):
    path = tmp_path / "other"
    done = ctl.run(*ctl.ONLINE[name], "--socket", path)
    assert done.returncode == 3
    assert str(path) in done.stderr


def test_a_socket_that_may_not_be_opened(name, tmp_path):
    os.chmod(tmp_path, 0o755)
    for parent in tmp_path.parents:
        if parent.stat().st_uid == os.getuid() and parent != Path("/") and parent.name:
            os.chmod(parent, parent.stat().st_mode | 0o055)
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(path))
        os.chmod(path, 0o600)
        s.listen()
        check_both(name, path, 4, user=NOBODY, group=NOBODY, extra_groups=[])


@contextmanager
def peer(path: Path, reply: bytes) -> Iterator[None]:
    """Somebody else's socket: reads the head of a request, sends `reply`, hangs up."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()

    def serve() -> None:
        while True:
            try:
                s, _ = server.accept()
            except OSError:
                return
            with s:
                data = b""
                while b"\r\n\r\n" not in data:
                    piece = s.recv(65536)
                    if not piece:
                        break
                    data += piece
                s.sendall(reply)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()


def test_a_peer_that_hangs_up(name, tmp_path):
    with peer(tmp_path / "s", b""):
        check_both(name, tmp_path / "s", 3)


def test_a_peer_that_speaks_no_http(name, tmp_path):
    with peer(tmp_path / "s", b"220 mail.example ESMTP\r\n\r\n"):
        check_both(name, tmp_path / "s", 3)


def test_a_reply_that_is_no_json(name, tmp_path):
    reply = b"HTTP/1.1 500 Oops\r\nContent-Length: 5\r\n\r\n<p>no"
    with peer(tmp_path / "s", reply):
        check_both(name, tmp_path / "s", 1)


REFUSED = {403: 4, 404: 1, 409: 1, 413: 1, 503: 1}


@pytest.mark.parametrize("status", REFUSED)
def test_a_refusal(name, tmp_path, status):
    body = b'{"error":"no","detail":"not today","since":5}'
    reply = b"HTTP/1.1 %d No\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)
    with peer(tmp_path / "s", reply):
        check_both(name, tmp_path / "s", REFUSED[status])
        done = ctl.run("-o", "json", *ctl.ONLINE[name], socket=str(tmp_path / "s"))
        assert done.stdout.encode() == body + b"\n"  # what the daemon says, whole


def test_what_the_daemon_does_not_understand_is_wrong_usage(name, tmp_path):
    body = b'{"error":"bad-request","detail":"n: no"}'
    reply = b"HTTP/1.1 400 No\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    with peer(tmp_path / "s", reply):
        for form in ("json", "table"):
            done = ctl.run("-o", form, *ctl.ONLINE[name], socket=str(tmp_path / "s"))
            assert (done.returncode, done.stdout, done.stderr) == (2, "", "ztactl: n: no\n")


def test_an_error_shows_no_control_characters(name, tmp_path):
    body = b'{"error":"failed","detail":"a\\u001b[31mb"}'
    reply = b"HTTP/1.1 500 Oops\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    with peer(tmp_path / "s", reply):
        done = ctl.run(*ctl.ONLINE[name], socket=str(tmp_path / "s"))
        assert done.stderr == "ztactl: a\\x1b[31mb\n"
        error = check_error(
            ctl.run("-o", "json", *ctl.ONLINE[name], socket=str(tmp_path / "s")), 1
        )
        assert error["detail"] == "a\x1b[31mb"
