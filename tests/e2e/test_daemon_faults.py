# SPDX-License-Identifier: Apache-2.0
"""Bad input and broken surroundings: a clear error, enforcement goes on, nothing is lost."""

import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

from zt import policy
from zt import world as w
from zt.cgroup import Cgroups
from zt.daemon import ZTAD, Daemon
from zt.puppet import run_in_args
from zt.sh import sh, wait_for


def refused(troupe, world) -> None:
    with pytest.raises(PermissionError):
        troupe.get("app").tcp().connect((w.PUBLIC, world.port()))


def run(*args: object, prefix: tuple = ()) -> subprocess.CompletedProcess:
    words = [*prefix, str(ZTAD), *map(str, args)]
    return subprocess.run(words, capture_output=True, text=True, timeout=20, check=False)


def ends_with_1(d: Daemon, *words: str) -> str:
    """The daemon ends by itself with 1; its last line says why."""
    assert d.finish() == 1, d.log_tail()
    said = d.log_tail(3).lower()
    for word in words:
        assert word.lower() in said, f"{word!r} not in {said!r}"
    return said


# --- a second one, bad places


def test_second_daemon_names_the_first(daemon, world, cgroups, troupe):
    daemon.start()
    began = time.monotonic()
    where = run_in_args(cgroups.daemon, world.machine.path)
    second = run(*daemon.options(), prefix=tuple(where))
    assert second.returncode == 1 and time.monotonic() - began < 2
    assert str(daemon.proc.pid) in second.stderr
    assert daemon.get("status")["healthy"]
    refused(troupe, world)


def test_second_daemon_on_the_same_pins(daemon, world, cgroups, troupe):
    daemon.start()
    second = Daemon(world.machine, cgroups)
    try:
        second.write_policy(policy.suite())
        second.bpffs = daemon.bpffs
        second.spawn()
        ends_with_1(second)
    finally:
        second.bpffs = second.dir / "bpf" / "zta"
        second.close()
    assert daemon.get("status")["healthy"]
    refused(troupe, world)


def test_attach_point_that_is_no_cgroup(daemon):
    daemon.spawn(f"--cgroup={daemon.dir}")
    ends_with_1(daemon, "cgroup")


def test_attach_point_that_is_not_there(daemon):
    daemon.spawn(f"--cgroup={daemon.cgroups.base}/nowhere")
    ends_with_1(daemon, "nowhere")


def test_no_cgroup_v2_at_all(daemon):
    script = (
        'awk \'$3 ~ /^cgroup/ { print $2 }\' /proc/self/mounts | sort -r | xargs -n 1 umount -l &&'
        ' exec "$@"'
    )
    options = [o for o in daemon.options() if not o.startswith("--cgroup=")]
    daemon.config.write_text("{}")
    done = run(*options, prefix=("unshare", "-m", "sh", "-c", script, "sh"))
    assert done.returncode == 1 and "cgroup2" in done.stderr, done.stderr
    assert not daemon.bpffs.exists() or not list(daemon.bpffs.iterdir())


def test_another_daemon_writes_the_journal(daemon, world, troupe, cgroups):
    """Everything else differs, the state directory does not: two would tear it apart."""
    daemon.start()
    other = Cgroups("-other")
    second = Daemon(world.machine, other)
    try:
        second.write_policy(policy.suite())
        second.spawn(f"--state-dir={daemon.state}")
        ends_with_1(second, "journal", str(daemon.state))
        assert not list(second.bpffs.glob("*"))
    finally:
        second.close()
        other.close()
    assert daemon.get("status")["healthy"]


def test_bpffs_is_mounted_when_it_is_not(world, cgroups, troupe):
    d = Daemon(world.machine, cgroups, bpffs=False)
    d.bpffs = d.dir / "fresh"
    try:
        d.write_policy(policy.suite())
        d.start()
        refused(troupe, world)
        d.stop()
        refused(troupe, world)
        d.start()
    finally:
        d.close()
        subprocess.run(["umount", str(d.bpffs)], capture_output=True, check=False)
        shutil.rmtree(d.dir, ignore_errors=True)


def test_bpffs_that_cannot_be(daemon):
    (daemon.dir / "file").write_text("x")
    daemon.bpffs = daemon.dir / "file"
    daemon.spawn()
    ends_with_1(daemon, "file")


@pytest.mark.parametrize("capability", ["sys_admin", "net_admin", "bpf", "perfmon"])
def test_missing_capability(daemon, troupe, world, capability):
    """Started without: it says which; what an earlier daemon pinned is not touched."""
    daemon.start()
    daemon.stop()
    drop = {"bpf": "-bpf,-sys_admin", "perfmon": "-perfmon,-sys_admin"}.get(
        capability, f"-{capability}"
    )
    daemon.spawn(prefix=("setpriv", "--bounding-set", drop, "--inh-caps", drop))
    ends_with_1(daemon, f"cap_{capability}")
    refused(troupe, world)


def test_kernel_too_old(daemon, troupe, world):
    """It says so before it touches what is pinned. (UNAME26 shows a kernel of the 2.6 series.)"""
    daemon.start()
    daemon.stop()
    daemon.spawn(prefix=("setarch", "--uname-2.6"))
    ends_with_1(daemon, "older than linux 5.10")
    refused(troupe, world)


def test_taken_metrics_port(daemon, world):
    taken = world.machine.socket(socket.AF_INET, socket.SOCK_STREAM)
    with taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        daemon.spawn(f"--metrics={where}")
        ends_with_1(daemon, where)


def test_foreign_things_among_the_pins(daemon, world, troupe):
    daemon.bpffs.mkdir()
    (daemon.bpffs / "foreign").mkdir()
    daemon.start()
    refused(troupe, world)


def test_lost_hook_is_noticed_and_said(daemon, world, troupe):
    """Somebody unpins a link and detaches it: not ready, then repaired or said."""
    daemon.start()
    links = [p for p in daemon.bpffs.rglob("*connect4*") if "link" in str(p)]
    assert len(links) == 1, list(daemon.bpffs.rglob("*"))
    hook = next(h for h in daemon.get("status")["hooks"] if h["name"] == "connect4")
    sh("bpftool", "link", "detach", "id", hook["link_id"])

    def noticed() -> bool:
        status = daemon.get("status")
        now = next(h for h in status["hooks"] if h["name"] == "connect4")
        return now["attached"] and now["link_id"] != hook["link_id"] or not status["healthy"]

    wait_for("the loss to be noticed", noticed, 65)


# --- the disk


@pytest.fixture
def small_disk(daemon):
    """The state directory is a file system of 512 KiB."""
    daemon.state.mkdir()
    sh("mount", "-t", "tmpfs", "-o", "size=512k", "none", daemon.state)
    yield daemon.state
    subprocess.run(["umount", "-l", str(daemon.state)], check=False)


def deny(puppet, address: str, port: int) -> None:
    with pytest.raises(PermissionError):
        puppet.tcp().connect((address, port))


def test_journal_disk_full(daemon, small_disk, world, troupe):
    daemon.start()
    app = troupe.get("app")
    filler = small_disk / "filler"
    with open(filler, "wb", buffering=0) as f, pytest.raises(OSError):
        while True:
            f.write(bytes(4096))
    seq = daemon.last_seq()
    before = daemon.get("status")["decisions"]["deny"]
    for port in range(30001, 30041):
        deny(app, w.PUBLIC, port)

    def failing() -> bool:
        status = daemon.get("status")
        return status["journal"]["state"] == "failing" and not status["healthy"]

    wait_for("status to say that the journal fails", failing, 10)
    assert [p["id"] for p in daemon.get("status")["problems"] if p["id"] != "partial"] == ["journal"]
    assert daemon.metrics("/readyz")[0] == 200, "readiness speaks of hooks and self-test alone"
    deny(app, w.PUBLIC, 30041)
    filler.unlink()
    wait_for("the journal to recover", lambda: daemon.get("status")["healthy"], 15)
    deny(app, w.PUBLIC, 30042)

    def all_told() -> bool:
        daemon.http("POST", "/v1/flush")
        status = daemon.get("status")
        told = sum(e["count"] for e in daemon.events(seq) if e.get("verdict") == "deny")
        return told + status["held"] + status["lost"] == status["decisions"]["deny"] - before

    wait_for("kernel count = recorded + held + lost", all_told, 10)
    seqs = [e["seq"] for e in daemon.events()]
    assert seqs == list(range(1, len(seqs) + 1))


@pytest.mark.parametrize("what", ["the directory", "the file"])
def test_journal_removed_while_it_is_written(daemon, world, troupe, what):
    """It goes on in a new one, with the next number, and says what happened."""
    daemon.start()
    deny(troupe.get("app"), w.PUBLIC, world.port())
    daemon.wait_event("the first", lambda e: e.get("verdict") == "deny")
    last, log = daemon.last_seq(), daemon.events()[-1]["log"]
    journal = daemon.state / "journal"
    for path in [journal] if what == "the directory" else list(journal.glob("*.jsonl")):
        (shutil.rmtree if path.is_dir() else Path.unlink)(path)
    port = world.port()
    deny(troupe.get("app"), w.PUBLIC, port)
    daemon.wait_event("the second", lambda e: e.get("destination", {}).get("port") == port)
    wait_for("all to be well", lambda: daemon.get("status")["healthy"])
    assert [e["seq"] for e in daemon.events()] == [last + 1, last + 2]
    assert {e["log"] for e in daemon.events()} == {log}
    assert daemon.events()[-1]["reason"] == "journal-recovered"
    assert daemon.ctl_code("events")[1] == daemon.events()
    daemon.kill()
    daemon.start()
    assert daemon.last_seq() == last + 3


def test_state_directory_that_cannot_be(daemon):
    daemon.state.write_text("a file")
    daemon.spawn()
    ends_with_1(daemon, "state")


@pytest.fixture
def frozen_state(daemon):
    """The state directory of an earlier daemon, on a file system that is read-only (thaw())."""
    daemon.start()
    daemon.stop()
    sh("mount", "--bind", daemon.state, daemon.state)
    sh("mount", "-o", "remount,bind,ro", daemon.state)
    yield lambda: sh("mount", "-o", "remount,bind,rw", daemon.state)
    subprocess.run(["umount", "-l", str(daemon.state)], check=False)


def test_state_directory_that_cannot_be_written(daemon, frozen_state, world, troupe):
    """Enforcement goes on, policies come into force; status says what a restart will not find."""
    daemon.start(healthy=False)
    status = daemon.get("status")
    assert not status["healthy"] and status["journal"]["state"] == "failing"
    assert {p["id"] for p in status["problems"]} >= {"journal", "policy"}
    lost = status["lost"]
    assert daemon.apply(policy.suite(metadata={"name": "suite", "revision": 2}))["applied"]
    deny(troupe.get("app"), w.PUBLIC, world.port())
    wait_for("what is lost to be counted", lambda: daemon.get("status")["lost"] > lost)
    assert daemon.metrics("/readyz")[0] == 200
    frozen_state()
    wait_for("all to be well again", lambda: daemon.get("status")["healthy"], 20)
    daemon.kill()
    daemon.start()
    assert daemon.get("status")["policy"]["revision"] == 2


# --- the command line


def test_usage():
    assert run("--version").returncode == 0
    assert "--cgroup" in run("--help").stdout
    for bad in ("--nonsense", "word", "--metrics=nowhere"):
        done = run(bad)
        assert done.returncode == 2 and done.stderr, bad


def test_check(daemon):
    daemon.config.write_text("{}")
    good = run("--check", *daemon.options())
    assert good.returncode == 0, good.stderr
    daemon.write_policy('{"apiVersion": "zta/v1",\n "kind": "Policy", "nonsense": 1}')
    bad = run("--check", *daemon.options())
    assert bad.returncode == 1 and "policy.json:2:" in bad.stdout + bad.stderr
    daemon.write_policy(policy.suite())
    daemon.config.write_text('{\n"existing": "maybe"}')
    bad = run("--check", *daemon.options())
    assert bad.returncode == 1 and "ztad.json:2:" in bad.stdout + bad.stderr


def test_bad_configuration_ends_the_start(daemon):
    daemon.config.write_text('{"nonsense": true}')
    daemon.spawn()
    ends_with_1(daemon, "ztad.json:1:2", "nonsense")


def test_invalid_policy_without_a_last_good_one(daemon):
    daemon.write_policy("{")
    daemon.spawn()
    ends_with_1(daemon, "policy.json:1")
    assert not list(daemon.bpffs.rglob("*link*"))
