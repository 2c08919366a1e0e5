# SPDX-License-Identifier: Apache-2.0
"""Real resolvers between a workload and the test's answers: unbound and dnsmasq.

They live in the namespace of dns.Resolver, which is where they forward to, on ADDRESS, ADDRESS6.
"""

import itertools
import socket
import subprocess
import tempfile
from pathlib import Path

import dns.message

from .dns import ADDRESS as UPSTREAM
from .dns import Resolver
from .puppet import run_in_args
from .sh import wait_for

ADDRESS, ADDRESS6 = "10.45.0.60", "fd00:45::60"

_UNBOUND = f"""
server:
    interface: {ADDRESS}
    interface: {ADDRESS6}
    access-control: 0.0.0.0/0 allow
    access-control: ::/0 allow
    do-daemonize: no
    chroot: ""
    username: ""
    pidfile: ""
    use-syslog: no
    directory: "/"
    module-config: "iterator"
    rrset-roundrobin: yes
    num-threads: 1
forward-zone:
    name: "."
    forward-addr: {UPSTREAM}
remote-control:
    control-enable: no
"""
_DNSMASQ = f"""
no-resolv
no-hosts
no-daemon
bind-interfaces
server={UPSTREAM}
listen-address={ADDRESS}
listen-address={ADDRESS6}
user=root
pid-file=
"""
KINDS = ("unbound", "dnsmasq")
_numbers = itertools.count(1)


def fresh(suffix: str) -> str:
    """A name that no cache knows."""
    return f"n{next(_numbers)}.{suffix}"


class RealResolver:
    """One of KINDS, with the test's Resolver behind it."""

    def __init__(self, kind: str, behind: Resolver):
        self.kind, self.behind = kind, behind
        ns = behind.ns
        ns.ip("addr", "replace", f"{ADDRESS}/24", "dev", "m0")
        ns.ip("addr", "replace", f"{ADDRESS6}/64", "dev", "m0", "nodad")
        self._dir = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
        conf = Path(self._dir.name) / "conf"
        conf.write_text(_UNBOUND if kind == "unbound" else _DNSMASQ, encoding="ascii")
        option = ["-d", "-c", str(conf)] if kind == "unbound" else [f"--conf-file={conf}"]
        self._log = open(Path(self._dir.name) / "log", "wb")
        self.proc = subprocess.Popen(  # pylint: disable=consider-using-with
            [*run_in_args(None, ns.path), kind, *option], stdout=self._log, stderr=self._log
        )
        wait_for(f"{kind} to answer", self._answers, 10)

    def _answers(self) -> bool:
        if self.proc.poll() is not None:
            raise RuntimeError(Path(self._log.name).read_text(encoding="utf-8"))
        with self.behind.ns.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
            s.settimeout(0.2)
            s.connect((ADDRESS6, 53))
            s.send(dns.message.make_query("up.invalid", "A").to_wire())
            try:
                return bool(s.recv(4096))
            except OSError:
                return False

    def close(self) -> None:
        self.proc.terminate()
        self.proc.wait(5)
        self._log.close()
        self._dir.cleanup()
