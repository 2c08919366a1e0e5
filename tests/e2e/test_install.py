# SPDX-License-Identifier: Apache-2.0
"""What `make install` puts where, what `make uninstall` leaves, and whether the units can boot."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from zt.sh import BUILD, ROOT, sh

UNITS = ("ztad.service", "ztad-restore.service")


def make(target: str, stage: Path, *settings: str) -> None:
    # fmt: off
    sh("make", "-C", ROOT, "--no-print-directory", target, f"DESTDIR={stage}", *settings,
       f"B={os.path.relpath(BUILD, ROOT)}")
    # fmt: on


def files(stage: Path) -> set[str]:
    return {f"/{p.relative_to(stage)}" for p in stage.rglob("*") if not p.is_dir()}


@pytest.fixture(params=["/usr/local", "/usr"])
def installed(request, tmp_path):
    """(stage, PREFIX)"""
    make("install", tmp_path, f"PREFIX={request.param}")
    return tmp_path, request.param


def test_everything_is_there_and_belongs_to_the_prefix(installed):
    stage, prefix = installed
    there = files(stage)
    for path in (
        "sbin/ztad",
        "bin/ztactl",
        "share/man/man8/ztad.8",
        "share/man/man1/ztactl.1",
        "share/man/man5/zta-policy.5",
        "share/bash-completion/completions/ztactl.bash",
        "lib/sysusers.d/zta.conf",
        *(f"lib/systemd/system/{unit}" for unit in UNITS),
    ):
        assert f"{prefix}/{path}" in there
    assert {p for p in there if not p.startswith(f"{prefix}/")} == {"/etc/modprobe.d/zta.conf"}
    for program in ("sbin/ztad", "bin/ztactl"):
        assert sh(f"{stage}{prefix}/{program}", "--version")
    for unit in UNITS:
        text = Path(f"{stage}{prefix}/lib/systemd/system/{unit}").read_text()
        started = re.findall(r"^ExecStart=(\S+)", text, re.MULTILINE)
        assert started == [f"{prefix}/sbin/ztad"]


def test_what_the_administrator_wrote_outlives_it_all(installed):
    stage, prefix = installed
    policy = stage / "etc" / "zta" / "policy.json"
    policy.write_text("mine")
    make("install", stage, f"PREFIX={prefix}")
    assert policy.read_text() == "mine"
    make("uninstall", stage, f"PREFIX={prefix}")
    assert files(stage) == {"/etc/zta/policy.json"}


# A network that comes up before sysinit.target, as cloud-init's does on Ubuntu.
EARLY_NETWORK = """[Unit]
DefaultDependencies=no
Wants=network-pre.target
After=network-pre.target
Before=network.target sysinit.target
[Service]
Type=oneshot
ExecStart=/bin/true
"""
BOOT = """[Unit]
Wants=ztad.service ztad-restore.service early-network.service sysinit.target multi-user.target
After=ztad.service ztad-restore.service early-network.service
"""


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_the_units_are_sound_and_hold_up_no_boot(installed):
    stage, prefix = installed
    where = Path(f"{stage}{prefix}/lib/systemd/system")
    for unit in UNITS:  # the program has to be where the unit says
        text = (where / unit).read_text()
        (where / unit).write_text(text.replace(f"={prefix}/", f"={stage}{prefix}/"))
    (where / "early-network.service").write_text(EARLY_NETWORK)
    (where / "boot.target").write_text(BOOT)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "boot.target"],
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{where}:"},
        capture_output=True,
        text=True,
        check=False,
    )
    ours = [x for x in done.stderr.splitlines() if "cycle" in x or "zta" in x or "network" in x]
    assert done.returncode == 0 and not ours, done.stderr
    for unit in UNITS:
        said = sh("systemd-analyze", "security", "--offline=true", "--no-pager", where / unit)
        level = float(re.findall(r"exposure level for \S+: ([\d.]+)", said)[0])
        # SETUID, SETGID and KILL count 0.4: they are what the worker loses its own rights with
        assert level <= (4.4 if unit == "ztad.service" else 4), said
