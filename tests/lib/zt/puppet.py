# SPDX-License-Identifier: Apache-2.0
"""A process inside (cgroup, netns, uid) whose system calls a test makes, one by one.

A test writes `s = puppet.socket(AF_INET, SOCK_STREAM); s.connect(...)`: the calls happen in the
puppet, a refused one raises here the OSError that the puppet got.
"""

import os
import pickle
import socket
import struct
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from .sh import PYTHON, helper

_MAIN = (Path(__file__).parent / "puppet_main.py").read_text(encoding="utf-8")


def run_in_args(
    cgroup: Path | None = None,
    netns: str | None = None,
    uid: int | None = None,
    new_netns: bool = False,
) -> list[str]:
    """Words that, in front of a command, run it inside cgroup, netns and uid."""
    args = [str(helper("run_in"))]
    if cgroup:
        args += ["-c", str(cgroup)]
    if netns:
        args += ["-n", netns]
    if new_netns:
        args += ["-N"]
    if uid is not None:
        args += ["-u", str(uid)]
    return args


class PuppetSocket:
    """A socket that lives in the puppet."""

    def __init__(self, puppet: "Puppet", key: int):
        self.puppet, self.key = puppet, key

    def __getattr__(self, name: str) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            value = self.puppet.ask("call", self.key, name, args, kwargs)
            if name == "accept":
                return PuppetSocket(self.puppet, value[0]), value[1]
            return value

        return call

    def echo(self, data: bytes = b"zt-echo") -> bytes:
        """Send, and read until as much came back."""
        self.sendall(data)
        got = b""
        while len(got) < len(data):
            more = self.recv(65536)
            if not more:
                raise ConnectionResetError(104, "closed by the peer")
            got += more
        return got

    def serve(self, reply: bytes | None = None) -> None:
        self.puppet.ask("echo", self.key, reply)

    def inet_connect(self, address: str, port: int) -> None:
        """connect() of an AF_SMC socket and the like."""
        self.puppet.ask("inet_connect", self.key, address, port)

    def disconnect(self) -> None:
        self.puppet.ask("unspec_connect", self.key)


class Puppet:
    """The process. Closing its stdin ends it; so does our own end."""

    def __init__(
        self,
        cgroup: Path | None = None,
        netns: str | None = None,
        uid: int | None = None,
        new_netns: bool = False,
    ):
        self._where = (cgroup, netns, uid)
        args = run_in_args(cgroup, netns, uid, new_netns)
        self.proc = subprocess.Popen(  # pylint: disable=consider-using-with
            [*args, PYTHON, "-S", "-E", "-c", _MAIN],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd="/",
        )
        self.pid: int = self.ask("ping")

    def ask(self, name: str, *args: Any, **kwargs: Any) -> Any:
        assert self.proc.stdin and self.proc.stdout
        data = pickle.dumps((name, args, kwargs))
        self.proc.stdin.write(struct.pack("=I", len(data)) + data)
        self.proc.stdin.flush()
        head = self.proc.stdout.read(4)
        if len(head) < 4:
            raise RuntimeError(f"puppet ended: {self.proc.wait(5)}")
        good, value = pickle.loads(self.proc.stdout.read(struct.unpack("=I", head)[0]))
        if good:
            return value
        kind, number, text = value
        if kind == "timeout":
            raise TimeoutError(text)
        if kind == "os":
            raise OSError(number, text)
        raise RuntimeError(f"puppet: {name}: {text}")

    def socket(self, family: int, kind: int, proto: int = 0) -> PuppetSocket:
        return PuppetSocket(self, self.ask("socket", int(family), int(kind), proto))

    def tcp(self, address: str = "", proto: int = 0) -> PuppetSocket:
        return self.socket(family_of(address), socket.SOCK_STREAM, proto)

    def udp(self, address: str = "") -> PuppetSocket:
        return self.socket(family_of(address), socket.SOCK_DGRAM)

    def listen(self, address: str, port: int = 0, proto: int = 0, backlog: int = 64) -> PuppetSocket:
        s = self.tcp(address, proto)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((address, port))
        s.listen(backlog)
        return s

    def os(self, name: str, *args: Any) -> Any:
        return self.ask("os", name, args)

    def move(self, cgroup: Path) -> None:
        """Let the puppet move itself."""
        self.ask("write", str(cgroup / "cgroup.procs"), "0")

    def run(self, program: str, *args: object) -> None:
        """A helper program in the same place; one that prints an errno and exits 1 raises it."""
        where = run_in_args(*self._where)
        done = subprocess.run(
            [*where, str(helper(program)), *map(str, args)],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
        if done.returncode == 1 and done.stdout.strip().isdigit():
            number = int(done.stdout)
            raise OSError(number, os.strerror(number))
        if done.returncode:
            raise RuntimeError(f"{program}: exit {done.returncode}: {done.stderr}")

    @property
    def netns(self) -> str:
        return f"/proc/{self.pid}/ns/net"

    def flow(self, kind: str, address: str, port: int) -> int:
        """Traffic in the background: long-tcp, connect, udp, udp-connected."""
        return self.ask("flow_start", kind, (address, port), family_of(address))

    def flow_either(self, first: str, second: str, port: int) -> int:
        """Exactly one of the two may be open at any time."""
        return self.ask("flow_start", "either", (first, second, port), family_of(first))

    def flow_read(self, key: int) -> dict:
        return self.ask("flow_read", key)

    def flow_stop(self, key: int) -> dict:
        return self.ask("flow_stop", key)

    def close(self) -> None:
        if self.proc.poll() is None:
            try:
                self.proc.stdin.close()
                self.proc.wait(2)
            except (OSError, subprocess.TimeoutExpired):
                self.proc.kill()
                self.proc.wait()
        self.proc.stdout.close()


def family_of(address: str) -> int:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def pass_socket(giver: Puppet, sock: PuppetSocket, taker: Puppet) -> PuppetSocket:
    """SCM_RIGHTS over an abstract Unix socket, from one puppet to the other."""
    path = f"{tempfile.gettempdir()}/zt-{os.getpid()}-{giver.pid}-{taker.pid}-{sock.key}"
    listener = taker.ask("unix_listen", path)
    out = giver.ask("unix_connect", path)
    channel = taker.ask("call", listener, "accept", (), {})[0]
    giver.ask("send_fd", out, sock.key)
    key = taker.ask("recv_fd", channel)
    for puppet, thing in ((taker, listener), (taker, channel), (giver, out)):
        puppet.ask("call", thing, "close", (), {})
    os.unlink(path)
    return PuppetSocket(taker, key)


def steal_socket(thief: Puppet, victim: Puppet, sock: PuppetSocket) -> PuppetSocket:
    """pidfd_getfd."""
    return PuppetSocket(thief, thief.ask("pidfd_getfd", victim.pid, victim.ask("fileno", sock.key)))
