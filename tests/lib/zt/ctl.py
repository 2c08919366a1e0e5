# SPDX-License-Identifier: Apache-2.0
"""ztactl as a user runs it, for tests that need no daemon."""

import json
import os
import pty
import re
import subprocess
from typing import Any

from .daemon import ZTACTL

NOWHERE = "/nonexistent/ztad.sock"

# What each verb needs to be run at all; those of OFFLINE never ask a daemon.
ONLINE: dict[str, list[str]] = {
    "status": ["status"],
    "workloads": ["workloads"],
    "services": ["services"],
    "names": ["names"],
    "token list": ["token", "list"],
    "token test": ["token", "test", "--audience", "api://a"],
    "doctor": ["doctor"],
    "policy apply": ["policy", "apply", "/dev/null"],
    "policy confirm": ["policy", "confirm"],
    "policy show": ["policy", "show"],
    "policy diff": ["policy", "diff", "/dev/null"],
    "explain": ["explain", "--addr", "192.0.2.1"],
    "explain name": ["explain", "--name", "host.example"],
    "explain event": ["explain", "--event", "1"],
    "events": ["events"],
    "events -f": ["events", "-f"],
    "top": ["top", "-n", "1"],
    "pause": ["pause", "--for", "1m", "--reason", "test"],
    "resume": ["resume"],
    "quarantine": ["quarantine", "/app", "--reason", "test"],
    "release": ["release", "/app"],
    "detach": ["detach", "--yes"],
}


def run(*args: object, socket: str = NOWHERE, stdin: str = "", env: dict | None = None, **more):
    """One run; stdout and stderr apart, as text."""
    return subprocess.run(
        [str(ZTACTL), *map(str, args)],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={
            "PATH": os.environ["PATH"],
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
            "ZTA_SOCKET": socket,
            **(env or {}),
        },
        **more,
    )


def on_terminal(*args: object, socket: str = NOWHERE, **env: str) -> str:
    """What a run shows on a terminal."""
    main, side = pty.openpty()
    try:
        subprocess.run(
            [str(ZTACTL), *map(str, args)],
            stdout=side,
            stderr=side,
            timeout=30,
            check=False,
            env={"PATH": os.environ["PATH"], "TERM": "xterm", "ZTA_SOCKET": socket, **env},
        )
        os.close(side)
        side = -1
        data = b""
        while True:
            try:
                piece = os.read(main, 65536)
            except OSError:
                piece = b""
            if not piece:
                return data.decode()
            data += piece
    finally:
        os.close(main)
        if side >= 0:
            os.close(side)


def value(done: subprocess.CompletedProcess) -> Any:
    """The one JSON value of a run with -o json: nothing else may stand on either stream."""
    assert done.stderr == ""
    assert done.stdout.endswith("\n")
    return json.loads(done.stdout)


def verbs() -> list[str]:
    """Every verb, from the help."""
    text = run("--help").stdout
    block = text.split("Verbs:\n")[1].split("\n\n")[0]
    return [
        re.match(r"  ((?:policy|token) \w+|\w+)", line)[1]  # type: ignore[index]
        for line in block.splitlines()
    ]


def options(verb: str) -> tuple[set[str], set[str]]:
    """Own and global options of a verb, from its help: {"--since", "-n"}."""
    text = run(*verb.split(), "--help").stdout
    own, _, shared = text.partition("\nGlobal options:\n")
    _, _, own = own.partition("\nOptions:\n")

    def found(block: str) -> set[str]:
        lines = [line[:28] for line in block.splitlines() if line.startswith("  ")]
        return {o for line in lines for o in re.findall(r"(?<!\w)--?[a-z][a-z-]*", line)}

    return found(own), found(shared)
