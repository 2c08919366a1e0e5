# SPDX-License-Identifier: Apache-2.0
"""The real ztad: start it, wait for it, ask it, kill it, clear what it pinned."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Callable

from .cgroup import Cgroups
from .netns import NetNs
from .puppet import run_in_args
from .sh import BUILD, sh, wait_for

ZTAD, ZTACTL = BUILD / "ztad", BUILD / "ztactl"


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, seconds: float = 10):
        super().__init__("zta", timeout=seconds)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Daemon:
    """One instance with its own attach point, bpffs, state and runtime directories.

    start() and stop() may alternate: pins and state stay until close().
    """

    def __init__(self, ns: NetNs, cgroups: Cgroups, bpffs: bool = True):
        self.ns, self.cgroups = ns, cgroups
        self.dir = Path(tempfile.mkdtemp(prefix=f"zt{os.getpid()}-"))
        self.bpffs = self.dir / "bpf" / "zta"
        self.state, self.run = self.dir / "state", self.dir / "run"
        self.policy, self.config = self.dir / "policy.json", self.dir / "ztad.json"
        self.log = self.dir / "log"
        self.socket = self.run / "ztad.sock"
        self.proc: subprocess.Popen | None = None
        (self.dir / "bpf").mkdir()
        if bpffs:
            sh("mount", "-t", "bpf", "bpf", self.dir / "bpf")

    # --- the process

    def options(self, policy: bool = True) -> list[str]:
        args = [
            f"--cgroup={self.cgroups.attach}",
            f"--bpffs={self.bpffs}",
            f"--state-dir={self.state}",
            f"--run-dir={self.run}",
            "--metrics=127.0.0.1:0",
            f"--config={self.config}",
        ]
        return args + ([f"--policy={self.policy}"] if policy else [])

    def write_policy(self, policy: dict | str | bytes) -> None:
        """As an editor or a ConfigMap does: a new file, renamed into place."""
        data = json.dumps(policy, indent=1) if isinstance(policy, dict) else policy
        new = self.policy.with_suffix(".new")
        new.write_bytes(data if isinstance(data, bytes) else data.encode())
        new.rename(self.policy)

    def spawn(self, *extra: str, policy: bool = True, prefix: tuple = (), env: dict | None = None):
        """Start the process and return at once."""
        if not self.config.exists():
            self.config.write_text("{}")
        where = run_in_args(self.cgroups.daemon, self.ns.path)
        with open(self.log, "ab") as log:
            self.proc = subprocess.Popen(  # pylint: disable=consider-using-with
                [*where, *prefix, str(ZTAD), *self.options(policy), *extra],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **(env or {})},
            )
        return self.proc

    def start(self, *extra: str, policy: bool = True, healthy: bool = True) -> "Daemon":
        """Start it and wait until it enforces (healthy=False: until it answers)."""
        self.spawn(*extra, policy=policy)
        self.wait_up(healthy)
        return self

    def wait_up(self, healthy: bool = True, seconds: float = 45) -> dict:
        def probe() -> dict | None:
            if self.proc and self.proc.poll() is not None:
                raise RuntimeError(f"ztad ended with {self.proc.returncode}:\n{self.log_tail()}")
            try:
                status = self.get("status")
            except (OSError, http.client.HTTPException):
                return None
            return status if status.get("healthy") or not healthy else None

        try:
            return wait_for("ztad to be up", probe, seconds)
        except TimeoutError as e:
            try:
                e.args = (f"{e}; status {self.get('status')}\n{self.log_tail()}",)
            except OSError:
                e.args = (f"{e}\n{self.log_tail()}",)
            raise

    def finish(self, seconds: float = 10) -> int:
        """Wait for the process to end by itself."""
        assert self.proc
        code = self.proc.wait(seconds)
        self.proc = None
        return code

    def stop(self, sig: int = signal.SIGTERM) -> int:
        """End it; enforcement stays."""
        assert self.proc
        self.proc.send_signal(sig)
        try:
            return self.finish()
        except subprocess.TimeoutExpired:
            self.proc.kill()
            self.proc.wait()
            self.proc = None
            raise

    def kill(self) -> None:
        assert self.proc
        self.proc.kill()
        self.proc.wait()
        self.proc = None

    def log_tail(self, lines: int = 20) -> str:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def detach(self) -> None:
        """ztad --detach: what the last one pinned goes."""
        subprocess.run(
            [str(ZTAD), *self.options(False), "--detach"], capture_output=True, check=False
        )

    def close(self) -> None:
        """End it, detach, unmount, remove the directories."""
        if self.proc and self.proc.poll() is None:
            self.kill()
        self.detach()
        subprocess.run(["umount", str(self.dir / "bpf")], capture_output=True, check=False)
        shutil.rmtree(self.dir, ignore_errors=True)

    # --- asking it

    def http(
        self, method: str, path: str, body: bytes | None = None, seconds: float = 10
    ) -> tuple[int, bytes]:
        connection = _UnixConnection(str(self.socket), seconds)
        try:
            connection.request(method, path, body)
            reply = connection.getresponse()
            return reply.status, reply.read()
        finally:
            connection.close()

    def get(self, verb: str) -> Any:
        _, data = self.http("GET", f"/v1/{verb}")
        return json.loads(data)

    def ctl(self, *args: object, check: bool = True) -> Any:
        """ztactl -o json ...; its one JSON value (a list of lines for events)."""
        code, value = self.ctl_code(*args)
        assert not check or code == 0, f"ztactl {args}: exit {code}: {value}"
        return value

    def ctl_code(self, *args: object) -> tuple[int, Any]:
        done = subprocess.run(
            [str(ZTACTL), "--socket", str(self.socket), "-o", "json", *map(str, args)],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        if args[0] == "events":
            return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]
        return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr

    def apply(self, policy: dict) -> dict:
        """policy apply, through the control API."""
        status, data = self.http("POST", "/v1/policy", json.dumps(policy).encode())
        assert status == 200, f"{status}: {data.decode()}"
        return json.loads(data)

    def metrics(self, path: str = "/metrics") -> tuple[int, str]:
        """GET from the metrics listener, which lives in the daemon's namespace."""
        host, _, port = self.get("status")["metrics"].rpartition(":")
        sock = self.ns.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.settimeout(10)
        sock.connect((host, int(port)))
        connection = http.client.HTTPConnection(host)
        connection.sock = sock
        try:
            connection.request("GET", path)
            reply = connection.getresponse()
            return reply.status, reply.read().decode()
        finally:
            connection.close()

    def metric(self, series: str, absent: float | None = None) -> float:
        """Value of one series, written as in the text format."""
        for line in self.metrics()[1].splitlines():
            name, _, value = line.rpartition(" ")
            if name == series:
                return float(value)
        if absent is None:
            raise KeyError(series)
        return absent

    # --- events

    def events(self, after: int = 0) -> list[dict]:
        """What the journal holds, read from its files: also while the daemon is dead."""
        found = []
        for path in sorted(self.state.rglob("*.jsonl")):
            for line in path.read_bytes().split(b"\n")[:-1]:
                event = json.loads(line)
                if event.get("seq", 0) > after:
                    found.append(event)
        return sorted(found, key=lambda e: e["seq"])

    def last_seq(self) -> int:
        return max((e["seq"] for e in self.events()), default=0)

    def wait_event(
        self, what: str, match: Callable[[dict], bool], after: int = 0, seconds: float = 5
    ) -> dict:
        """The first event after seq that matches; TimeoutError tells which ones came instead."""
        seen: list[dict] = []

        def probe() -> dict | None:
            seen[:] = self.events(after)
            return next((e for e in seen if match(e)), None)

        try:
            return wait_for(f"event: {what}", probe, seconds)
        except TimeoutError as e:
            brief = [(s["type"], s.get("verdict"), s["reason"], s.get("destination")) for s in seen]
            raise TimeoutError(f"{e}; came: {brief}") from None


def sweep() -> None:
    """Unmount and remove directories of earlier runs whose process is gone."""
    for path in Path(tempfile.gettempdir()).glob("zt[0-9]*-*"):
        pid = path.name[2:].split("-")[0]
        if pid.isdigit() and not os.path.exists(f"/proc/{pid}"):
            subprocess.run(["umount", str(path / "bpf")], capture_output=True, check=False)
            shutil.rmtree(path, ignore_errors=True)
