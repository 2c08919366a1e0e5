# SPDX-License-Identifier: Apache-2.0
"""Memory of a process and of the BPF maps that hang on it."""

import json
import threading
from pathlib import Path

from .sh import sh

MAPS_OF_MAPS = ("array_of_maps", "hash_of_maps")


def process_bytes(pid: int, what: str) -> int:
    """VmRSS (resident), VmHWM (its peak), RssAnon (resident, of no file) of a process."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"no {what} for {pid}")


def forget_peak(pid: int) -> None:
    """VmHWM starts again at what is resident now."""
    Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")


def open_maps(pid: int) -> dict[int, int]:
    """Map id -> bytes, of the maps that the process has open now."""
    found = {}
    for path in Path(f"/proc/{pid}/fdinfo").iterdir():
        try:
            text = path.read_text(encoding="ascii")
        except FileNotFoundError:
            continue
        fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
        if "map_id" in fields:
            found[int(fields["map_id"])] = int(fields["memlock"])
    return found


def map_bytes(pid: int) -> dict[int, int]:
    """The same with the inner maps of maps of maps, which nobody needs to have open."""
    found = open_maps(pid)
    for outer in list(found):
        if json.loads(sh("bpftool", "-j", "map", "show", "id", outer))["type"] not in MAPS_OF_MAPS:
            continue
        for entry in json.loads(sh("bpftool", "-j", "map", "dump", "id", outer)):
            if "inner_map_id" not in entry:
                continue
            inner = int.from_bytes(bytes(int(b, 16) for b in entry["inner_map_id"]), "little")
            shown = json.loads(sh("bpftool", "-j", "map", "show", "id", inner))
            found[inner] = int(shown["bytes_memlock"])
    return found


class MapSampler:
    """Highest map memory while the block runs: what there was, and what came to be open."""

    def __init__(self, pid: int, before: dict[int, int]):
        self.pid, self.before = pid, before
        self.peak = sum(before.values())
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample)

    def _sample(self) -> None:
        while not self._stop.wait(0.002):
            self.peak = max(self.peak, sum({**self.before, **open_maps(self.pid)}.values()))

    def __enter__(self) -> "MapSampler":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
