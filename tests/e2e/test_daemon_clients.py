# SPDX-License-Identifier: Apache-2.0
"""Clients of the control socket and of the metrics listener that behave badly."""

import json
import os
import socket
import subprocess
import time

import pytest

from zt.daemon import Daemon
from zt.puppet import run_in_args



def client(d: Daemon) -> socket.socket:
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.settimeout(15)
    s.connect(str(d.socket))
    return s


@pytest.mark.parametrize(
    "text",
    [
        b"\0" * 4096,
        b"GET\r\n\r\n",
        b"GET /v1/status HTTP/9.9\r\n\r\n",
        b"POST /v1/policy HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n",
        b"POST /v1/policy HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n{}",
        b"POST /v1/policy HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /" + b"a" * 70000 + b" HTTP/1.1\r\n\r\n",
        b"GET /v1/status HTTP/1.1\r\n" + b"X: y\r\n" * 5000 + b"\r\n",
        os.urandom(2048),
    ],
    ids=lambda t: repr(t[:24]),
)
def test_garbage_on_the_control_socket(ztad, text):
    with client(ztad) as s:
        try:
            s.sendall(text)
            s.shutdown(socket.SHUT_WR)
            answer = s.recv(4096)
        except (BrokenPipeError, ConnectionResetError):
            answer = b""
    assert not answer or b" 4" in answer[:14] or b" 5" in answer[:14], answer[:80]
    assert ztad.get("status")["healthy"]


def test_silent_clients_do_not_keep_others_waiting(ztad):
    silent = [client(ztad) for _ in range(40)]
    half = [client(ztad) for _ in range(10)]
    for s in half:
        s.sendall(b"GET /v1/status HTT")
    began = time.monotonic()
    for _ in range(5):
        assert ztad.get("status")["healthy"]
    assert time.monotonic() - began < 1
    for s in silent + half:
        s.settimeout(15)
        try:
            while s.recv(4096):
                pass  # an answer 408 is fine, and then it is closed
        except ConnectionResetError:
            pass
        s.close()
    assert time.monotonic() - began < 14


@pytest.mark.parametrize(
    "method, path, code",
    [
        ("GET", "/v1/nothing", 404),
        ("GET", "/", 404),
        ("POST", "/v1/status", 405),
        ("DELETE", "/v1/policy", 405),
        ("POST", "/v1/pause", 400),
        ("POST", "/v1/pause?for=tomorrow&reason=x", 400),
        ("POST", "/v1/quarantine?target=no-path&reason=x", 400),
        ("GET", "/v1/explain?addr=nonsense", 400),
        ("GET", "/v1/events?n=-1", 400),
    ],
)
def test_errors_of_the_control_api(ztad, method, path, code):
    status, body = ztad.http(method, path)
    assert status == code, body
    said = json.loads(body)
    assert said["error"] and "detail" in said


def test_nobody_is_refused(ztad):
    """uid 65534 in no group: neither read nor change."""
    script = (
        "import socket,sys;s=socket.socket(socket.AF_UNIX);s.connect(sys.argv[1]);"
        "s.sendall(b'GET /v1/status HTTP/1.0\\r\\n\\r\\n');print(s.recv(99).decode())"
    )
    # fmt: off
    done = subprocess.run([*run_in_args(uid=65534), "/usr/bin/python3", "-c", script,
                           str(ztad.socket)], capture_output=True, text=True, check=False)
    # fmt: on
    assert done.returncode != 0 and "PermissionError" in done.stderr or " 403 " in done.stdout


@pytest.mark.parametrize(
    "method, path, code",
    [("POST", "/metrics", 405), ("GET", "/nothing", 404), ("HEAD", "/healthz", 200)],
)
def test_metrics_listener_takes_get_and_head_only(ztad, world, method, path, code):
    host, _, port = ztad.get("status")["metrics"].rpartition(":")
    with world.machine.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
        s.settimeout(5)
        s.connect((host, int(port)))
        s.sendall(f"{method} {path} HTTP/1.0\r\n\r\n".encode())
        assert f" {code} " in s.recv(4096).decode().splitlines()[0]
