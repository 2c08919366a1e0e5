# SPDX-License-Identifier: Apache-2.0
"""Traffic that goes on while the daemon's life happens, and what it must look like."""

from pathlib import Path

from . import world as w
from .puppet import Puppet
from .sh import wait_for


class FarEnd:
    """Echo servers at the private peer, in a process of their own.

    The peer's usual ones live in the test's process, which stands still whenever it starts another
    one: their answers would be late, and nobody could tell it from a flow that was held up.
    """

    def __init__(self, world: w.World, cgroup: Path):
        self.puppet = Puppet(cgroup, world.pe.ns.path)
        self.port = world.unserved_port()
        for address in (w.PE, w.PE6):
            self.puppet.listen(address, self.port).serve()
            datagrams = self.puppet.udp(address)
            datagrams.bind((address, self.port))
            datagrams.serve()

    def close(self) -> None:
        self.puppet.close()


class Flows:
    """Named flows in puppets; a permitted one must never fail, a refused one never succeed.

    Each puppet has an idle flow beside, and so has the far end: how long a busy machine let the
    processes themselves stand still is not counted as standing still of the flows (worst_s).
    """

    def __init__(self) -> None:
        self._flows: dict[str, tuple[Puppet, int]] = {}
        self._far: dict[str, Puppet] = {}
        self._idle: dict[Puppet, int] = {}

    def _measure(self, puppet: Puppet) -> None:
        if puppet not in self._idle:
            self._idle[puppet] = puppet.flow("idle", "", 0)

    def _add(self, name: str, puppet: Puppet, key: int) -> None:
        self._flows[name] = (puppet, key)
        self._measure(puppet)

    def add(
        self,
        name: str,
        puppet: Puppet,
        kind: str,
        where: tuple[str, int],
        far: Puppet | None = None,
    ) -> None:
        """@far: the puppet that serves there, if one does."""
        self._add(name, puppet, puppet.flow(kind, *where))
        if far:
            self._far[name] = far
            self._measure(far)

    def add_either(self, name: str, puppet: Puppet, first: str, second: str, port: int) -> None:
        self._add(name, puppet, puppet.flow_either(first, second, port))

    def read(self) -> dict[str, dict]:
        return {name: puppet.flow_read(key) for name, (puppet, key) in self._flows.items()}

    def progress(self, rounds: int = 10, seconds: float = 10) -> dict[str, dict]:
        """Wait until each flow went round that many times more; what they say then."""
        before = {name: total(f) for name, f in self.read().items()}

        def moved() -> dict | None:
            now = self.read()
            return now if all(total(now[n]) >= before[n] + rounds for n in now) else None

        try:
            return wait_for("every flow to go on", moved, seconds)
        except TimeoutError as e:
            raise TimeoutError(f"{e}: {self.read()}") from None

    def all_good(self, when: str) -> None:
        for name, flow in self.progress().items():
            assert not flow["errors"], f"{name} failed {when}: {flow}"

    def stop(self) -> dict[str, dict]:
        done = {name: puppet.flow_stop(key) for name, (puppet, key) in self._flows.items()}
        idle = {puppet: puppet.flow_stop(key)["worst_s"] for puppet, key in self._idle.items()}
        for name, flow in done.items():
            ends = {self._flows[name][0], self._far.get(name, self._flows[name][0])}
            flow["worst_s"] -= sum(idle[puppet] for puppet in ends)
        self._flows.clear()
        self._far.clear()
        self._idle.clear()
        return done


def total(flow: dict) -> int:
    return flow["good"] + sum(flow["errors"].values())
