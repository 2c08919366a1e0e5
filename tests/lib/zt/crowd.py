# SPDX-License-Identifier: Apache-2.0
"""Many clients of the broker at once, as one program in a workload. Run as a script in there.

Arguments: HOST PORT CLIENTS TARGET. Prints {"statuses": {status: n}, "latency": [seconds...]}.
"""

import json
import resource
import selectors
import socket
import sys
import time


def main(host: str, port: int, clients: int, target: str) -> dict:
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    request = (
        f"GET {target} HTTP/1.1\r\nHost: {host}\r\nMetadata: true\r\nConnection: close\r\n\r\n"
    ).encode()
    wait = selectors.DefaultSelector()
    statuses: dict[str, int] = {}
    latency = []
    for _ in range(clients):
        sock = socket.socket()
        sock.setblocking(False)
        began = time.monotonic()
        sock.connect_ex((host, port))
        wait.register(sock, selectors.EVENT_WRITE, [began, b""])
    left, deadline = clients, time.monotonic() + 60
    while left and time.monotonic() < deadline:
        for key, _ in wait.select(1):
            sock, state = key.fileobj, key.data
            try:
                if key.events == selectors.EVENT_WRITE:
                    sock.sendall(request)
                    wait.modify(sock, selectors.EVENT_READ, state)
                    continue
                data = sock.recv(65536)
            except OSError as e:
                data, state[1] = b"", f"x {e.errno} ".encode()
            state[1] += data
            if data:
                continue
            status = state[1].split()[1].decode() if state[1].split()[1:] else "none"
            statuses[status] = statuses.get(status, 0) + 1
            latency.append(time.monotonic() - state[0])
            wait.unregister(sock)
            sock.close()
            left -= 1
    if left:
        statuses["waiting"] = left
    return {"statuses": statuses, "latency": sorted(latency)}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])))
