# SPDX-License-Identifier: Apache-2.0
"""The broker in numbers: a cached grant one by one, grants a second, a thousand cold clients.

Run as root from the tree, after make: /usr/bin/python3 tests/bench/tokens.py
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/lib"), str(ROOT / "tests/e2e")]

import test_sdk as sdk  # noqa: E402  pylint: disable=wrong-import-position
import zt  # noqa: E402  pylint: disable=wrong-import-position
from zt import world as w  # noqa: E402  pylint: disable=wrong-import-position
from zt.cgroup import Cgroups  # noqa: E402  pylint: disable=wrong-import-position
from zt.daemon import Daemon  # noqa: E402  pylint: disable=wrong-import-position
from zt.puppet import run_in_args  # noqa: E402  pylint: disable=wrong-import-position
from zt.sh import PYTHON  # noqa: E402  pylint: disable=wrong-import-position

CROWD = Path(zt.__file__).parent / "crowd.py"
TARGET = sdk.PATH + sdk.COGNITIVE
ONE_BY_ONE = """
import json, socket, sys, time
host, port, n, target = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
request = f"GET {target} HTTP/1.1\\r\\nHost: a\\r\\nMetadata: true\\r\\n\\r\\n".encode()
def ask(sock):
    sock.sendall(request)
    data = b""
    while not data.endswith(b"}"):
        data += sock.recv(65536)
    assert data.startswith(b"HTTP/1.1 200"), data[:200]
new, kept = [], []
for _ in range(n):
    began = time.perf_counter()
    with socket.create_connection((host, port)) as sock:
        ask(sock)
    new.append(time.perf_counter() - began)
with socket.create_connection((host, port)) as sock:
    for _ in range(n):
        began = time.perf_counter()
        ask(sock)
        kept.append(time.perf_counter() - began)
print(json.dumps([sorted(new), sorted(kept)]))
"""


def us(sample, share):
    return round(sample[int((len(sample) - 1) * share)] * 1e6)


def main() -> dict:
    world, cgroups = w.World(), Cgroups("-tokens")
    imds = sdk.Imds(world.machine)
    daemon = Daemon(world.machine, cgroups)

    def run(*args):
        where = run_in_args(cgroups.inside("one"), world.machine.path)
        done = subprocess.run([*where, PYTHON, "-S", "-E", *args], capture_output=True, text=True,
                              check=True, cwd=tempfile.gettempdir())
        return json.loads(done.stdout)

    try:
        daemon.config.write_text(json.dumps(sdk.config(imds)))
        daemon.write_policy(sdk.document())
        daemon.start()
        began = time.monotonic()
        cold = run(CROWD, w.IMDS, "80", "1000", TARGET)
        cold_s = time.monotonic() - began
        new, kept = run("-c", ONE_BY_ONE, w.IMDS, "80", "2000", TARGET)
        warm = run(CROWD, w.IMDS, "80", "1000", TARGET)
        return {
            "grant, new connection, us": {"p50": us(new, 0.5), "p99": us(new, 0.99)},
            "grant, kept connection, us": {"p50": us(kept, 0.5), "p99": us(kept, 0.99)},
            "grants a second, one client, kept": round(len(kept) / sum(kept)),
            "1000 cold clients": {"statuses": cold["statuses"], "seconds": round(cold_s, 2),
                                  "calls of the source": len(imds.calls)},
            "1000 warm clients": {"statuses": warm["statuses"],
                                  "all served in ms": round(warm["latency"][-1] * 1000)},
        }
    finally:
        daemon.close()
        imds.close()
        cgroups.close()
        world.close()


if __name__ == "__main__":
    print(json.dumps(main(), indent=1))
