# SPDX-License-Identifier: Apache-2.0
"""While no daemon runs, and what the next one finds."""

import subprocess

import pytest

from zt import cgroup, policy
from zt import world as w
from zt.daemon import ZTAD
from zt.puppet import run_in_args
from zt.sh import sh, wait_for


def refused(puppet, world, address: str = w.PUBLIC) -> None:
    port = world.port()
    mark = world.pub.sniffer.mark()
    with pytest.raises(PermissionError):
        puppet.tcp(address).connect((address, port))
    with pytest.raises(PermissionError):
        puppet.udp(address).sendto(b"x", (address, port))
    world.settle()
    assert not world.pub.sniffer.since(mark, dport=port)


def reached(puppet, world, address: str = w.PE) -> None:
    s = puppet.tcp(address)
    s.connect((address, world.port()))
    assert s.echo() == b"zt-echo"
    s.close()


def is_free(puppet, world) -> bool:
    try:
        reached(puppet, world, w.PUBLIC)
    except PermissionError:
        return False
    return True


def ztad(daemon, *extra: str, policy_option: bool = False) -> subprocess.CompletedProcess:
    where = run_in_args(daemon.cgroups.daemon, daemon.ns.path)
    return subprocess.run(
        [*where, str(ZTAD), *daemon.options(policy_option), *extra],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def test_enforcement_outlives_the_daemon(daemon, world, troupe):
    daemon.start()
    app = troupe.get("app")
    daemon.kill()
    refused(app, world)
    reached(app, world)
    daemon.start()
    assert daemon.stop() == 0
    refused(app, world)
    reached(app, world)


@pytest.mark.parametrize("path", ["app-fresh", "app-x/app-y", "free-1/app-deep"])
def test_a_service_restarted_while_ztad_is_dead(daemon, world, troupe, cgroups, path):
    """Its cgroup is new, its first socket is judged by its entry all the same."""
    document = policy.suite()
    document["workloads"].insert(
        0, {"match": {"cgroup": "/free-1/app-*"}, "profile": "app"}
    )
    daemon.write_policy(document)
    control = troupe.new(path, control=True)
    reached(control, world, w.PUBLIC)
    before = troupe.new(path)
    daemon.start()
    refused(before, world)
    before.close()
    daemon.kill()
    cgroup.remove(cgroups.attach / path.split("/")[0])
    after = troupe.new(path)
    refused(after, world)
    reached(after, world)
    after.close()
    later = troupe.new("app-later/inner")
    refused(later, world)
    reached(later, world)
    daemon.start()
    paths = [item["cgroup"] for item in daemon.get("workloads") if item["profile"] == "app"]
    assert "/app-later" in paths


def test_denials_of_the_dead_time_are_told_later(daemon, world, troupe):
    daemon.start()
    app = troupe.get("app")
    daemon.kill()
    seq = daemon.last_seq()
    port = world.port()
    for _ in range(5):
        with pytest.raises(PermissionError):
            app.tcp().connect((w.PUBLIC, port))
    daemon.start()

    def told() -> int:
        daemon.http("POST", "/v1/flush")
        return sum(
            e["count"]
            for e in daemon.events(seq)
            if e["type"] == "egress" and e["destination"].get("port") == port
        )

    daemon.wait_event(
        "the denials", lambda e: e.get("destination", {}).get("port") == port, after=seq
    )
    assert told() == 5
    assert daemon.get("status")["lost"] == 0


def test_sequence_and_generation_go_on_over_restarts(daemon, world, troupe):
    daemon.start()
    generation = daemon.get("status")["policy"]["generation"]
    for revision in range(2, 5):
        daemon.apply(policy.suite(metadata={"name": "suite", "revision": revision}))
        with pytest.raises(PermissionError):
            troupe.get("app").tcp().connect((w.PUBLIC, world.port()))
        (daemon.kill if revision % 2 else daemon.stop)()
        daemon.start()
        now = daemon.get("status")["policy"]
        assert now["generation"] > generation
        assert (now["revision"], now["source"]) == (revision, "apply")
        generation = now["generation"]
    daemon.stop()
    seqs = [e["seq"] for e in daemon.events()]
    assert seqs == list(range(1, len(seqs) + 1))


def test_a_torn_last_line_of_the_journal_is_cut(daemon):
    daemon.start()
    daemon.stop()
    last = daemon.last_seq()
    segment = sorted(daemon.state.rglob("*.jsonl"))[-1]
    with open(segment, "ab") as f:
        f.write(b'{"seq":99999,"time":"20')
    daemon.start()
    daemon.stop()
    seqs = [e["seq"] for e in daemon.events()]
    assert seqs == list(range(1, len(seqs) + 1)) and len(seqs) > last


def test_detach_takes_everything_away(daemon, world, troupe):
    daemon.start()
    app = troupe.get("app")
    refused(app, world)
    assert ztad(daemon, "--detach").returncode == 1, "a live daemon must refuse it"
    refused(app, world)
    daemon.stop()
    assert ztad(daemon, "--detach").returncode == 0
    reached(app, world, w.PUBLIC)
    assert not list(daemon.bpffs.glob("*"))
    assert ztad(daemon, "--detach").returncode == 0, "nothing there is no failure"


def test_restore_after_a_reboot(daemon, world, troupe):
    """bpffs is empty, the state directory is not: enforcement before any daemon."""
    app = troupe.get("app")
    missing = ztad(daemon, "--restore")
    assert missing.returncode == 1 and missing.stderr
    reached(app, world, w.PUBLIC)
    daemon.start()
    daemon.stop()
    sh("umount", daemon.dir / "bpf")
    sh("mount", "-t", "bpf", "bpf", daemon.dir / "bpf")
    wait_for("the end of the links, some time after their pins", lambda: is_free(app, world))
    done = ztad(daemon, "--restore")
    assert done.returncode == 0, done.stderr
    refused(app, world)
    reached(app, world)
    daemon.start()
    refused(app, world)


@pytest.mark.parametrize("broken", ["gone", "invalid", "a directory"])
def test_the_last_good_policy_when_the_file_is_not(daemon, world, troupe, broken):
    daemon.start()
    sha = daemon.get("status")["policy"]["sha256"]
    daemon.stop()
    daemon.policy.unlink()
    if broken == "invalid":
        daemon.policy.write_text('{"apiVersion":"zta/v1"}')
    elif broken == "a directory":
        daemon.policy.mkdir()
    daemon.start(healthy=False)
    status = daemon.wait_up(healthy=False)
    assert (status["policy"]["source"], status["policy"]["sha256"]) == ("last-good", sha)
    wait_for(
        "the policy file to be the only problem",
        lambda: {p["id"] for p in daemon.get("status")["problems"]} == {"policy", "partial"},
    )
    refused(troupe.get("app"), world)
    if broken == "a directory":
        daemon.policy.rmdir()


def test_no_policy_at_all_leaves_old_pins_alone(daemon, world, troupe):
    """--policy names a file that is not there, no last good one: exit 1, nothing touched."""
    daemon.start()
    daemon.stop()
    app = troupe.get("app")
    daemon.policy.unlink()
    state = daemon.state
    state.rename(state.with_name("elsewhere"))
    daemon.spawn()
    assert daemon.finish() == 1
    assert "policy" in daemon.log_tail()
    refused(app, world)
    reached(app, world)


def test_generation_grows_from_the_state_directory(daemon):
    daemon.start()
    first = daemon.get("status")["policy"]
    daemon.stop()
    daemon.start()
    assert daemon.get("status")["policy"]["generation"] >= first["generation"]
    assert daemon.get("status")["policy"]["sha256"] == first["sha256"]
