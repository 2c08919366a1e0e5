# SPDX-License-Identifier: Apache-2.0
"""Traffic that goes on while the daemon's life happens, and what it must look like."""

from .puppet import Puppet
from .sh import wait_for


class Flows:
    """Named flows in puppets; a permitted one must never fail, a refused one never succeed."""

    def __init__(self) -> None:
        self._flows: dict[str, tuple[Puppet, int]] = {}

    def add(self, name: str, puppet: Puppet, kind: str, address: str, port: int) -> None:
        self._flows[name] = (puppet, puppet.flow(kind, address, port))

    def add_either(self, name: str, puppet: Puppet, first: str, second: str, port: int) -> None:
        self._flows[name] = (puppet, puppet.flow_either(first, second, port))

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
        self._flows.clear()
        return done


def total(flow: dict) -> int:
    return flow["good"] + sum(flow["errors"].values())
