# SPDX-License-Identifier: Apache-2.0
"""ztactl's verbs against a living daemon: shapes, texts, exit codes."""

import json
import os
import signal
import socket
import subprocess

import pytest

from zt import ctl, policy
from zt import world as w
from zt.daemon import ZTACTL
from zt.puppet import run_in_args
from zt.sh import wait_for


def refuse(ztad, world, puppet, address: str = w.PUBLIC) -> dict:
    """One refused connection; its event."""
    seq, port = ztad.last_seq(), world.port()
    with pytest.raises(PermissionError):
        puppet.tcp(address).connect((address, port))
    return ztad.wait_event(
        "the refusal", lambda e: e.get("destination", {}).get("port") == port, after=seq
    )


# --- state


def test_status(ztad, suite, run, ask):
    code, value = ask("status")
    assert code == 0
    assert (value["healthy"], value["enforcing"]) == (True, True)
    assert (value["mode"], value["mode_source"]) == ("enforce", "policy")
    assert {p["id"] for p in value["problems"]} == {"partial"}
    assert value["policy"]["name"] == "suite"
    assert all(h["attached"] for h in value["hooks"])
    assert value["lost"] == 0
    for name in ("allow", "deny", "audit"):
        assert isinstance(value["decisions"][name], int)

    done = run("status")
    assert (done.returncode, done.stderr) == (0, "")
    lines = {line[2:12].strip(): line[14:] for line in done.stdout.splitlines() if line}
    assert lines["zta"] == "enforcing"
    assert lines["mode"] == "enforce (by policy)"
    assert lines["sha256"] == value["policy"]["sha256"]
    assert lines["policy"].startswith("suite, revision 1, generation ")
    assert lines["hooks"].startswith(f"{len(value['hooks'])} of {len(value['hooks'])} attached: ")
    assert lines["journal"].startswith("ok, last record ")
    assert lines["events"].endswith(", 0 lost")
    assert "partial" in lines
    assert len(done.stdout.splitlines()) <= 24


def test_workloads(troupe, suite, run, ask):
    group = troupe.group("app-ctl")
    inode = group.stat().st_ino

    def listed():
        code, value = ask("workloads")
        assert code == 0
        return next((e for e in value if e["id"] == inode), None)

    entry = wait_for("the new cgroup to be listed", listed)
    assert (entry["cgroup"], entry["profile"]) == ("/app-ctl", "app")
    assert (entry["mode"], entry["state"]) == ("enforce", "matched")

    done = run("workloads")
    head, *rows = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (0, "")
    assert head.split() == ["CGROUP", "PROFILE", "MODE", "STATE", "ID"]
    assert ["/app-ctl", "app", "enforce", "matched", str(inode)] in [r.split() for r in rows]
    assert [r.split()[3] for r in rows if r.split()[0] == "/"] == ["default"]


def test_a_name_that_is_no_text_stops_nothing(troupe, suite, run, ask):
    """Whoever may make cgroups below a pattern chooses their names."""
    group = troupe.group(os.fsdecode(b"app\xff"))
    inode = group.stat().st_ino
    code, value = ask("workloads")
    assert (code, {e["id"]: e["cgroup"] for e in value}[inode]) == (0, "/app\ufffd")
    assert "/app\ufffd" in run("workloads").stdout

    target = os.fsdecode(b"/app\xff")
    for verb, *args in (
        ("quarantine", target, "--reason", "x"),
        ("quarantine", "/app", "--reason", target),
        ("release", target),
        ("pause", "--for", "1m", "--reason", "x", "--workload", target),
        ("resume", "--workload", target),
        ("explain", "--addr", "8.8.8.8", "--cgroup", target),
        ("events", "--workload", target),
    ):
        done = run(verb, *args)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.endswith(": is not UTF-8\n")
    assert ask("status")[1]["problems"][1:] == []
    states = {e["id"]: e["state"] for e in ask("workloads")[1]}
    assert states[inode] == "matched"
    group.rmdir()


def test_services(suite, run, ask):
    code, value = ask("services")
    assert code == 0
    assert [s["name"] for s in value] == ["openai", "vault"]
    assert value[0]["private_link"] == ["10.20.0.0/24", "fd00:20::/64"]
    assert "*.openai.azure.com" in value[0]["names"]
    lines = run("services").stdout.splitlines()
    assert lines[0].split("  ")[0] == "NAME"
    assert [line.split()[0] for line in lines[1:]] == ["openai", "vault"]


def test_doctor(suite, run, ask):
    code, value = ask("doctor")
    for check in value:
        assert isinstance(check["check"], str) and isinstance(check["detail"], str)
        assert isinstance(check["ok"], bool)
    failed = [c for c in value if not c["ok"] and c.get("required", True)]
    assert code == (1 if failed else 0)
    lines = run("doctor").stdout.splitlines()
    assert lines[0].split() == ["CHECK", "RESULT", "DETAIL"]
    assert [line.split()[0] for line in lines[1:]] == [c["check"] for c in value]


# --- decisions


def test_explain(suite, run, ask):
    code, value = ask("explain", "--addr", w.PUBLIC, "--profile", "app")
    assert code == 1
    assert (value["verdict"], value["reason"], value["row"]) == ("deny", "public-egress", 16)
    assert (value["profile"], value["port"], value["protocol"]) == ("app", 443, "tcp")
    assert ask("explain", "--addr", w.PE_OTHER, "--profile", "app")[0] == 0
    code, value = ask("explain", "--addr", w.PUBLIC, "--cgroup", "/app-any")
    assert (code, value["profile"]) == (1, "app")
    code, value = ask("explain", "--addr", w.DATABASE, "--profile", "app", "--protocol", "udp")
    assert (code, value["protocol"]) == (1, "udp")
    code, value = ask("explain", "--addr", w.PUBLIC)
    assert (code, value["profile"]) == (0, "host")


def test_explain_takes_the_callers_own_profile(ztad, troupe, suite):
    words = run_in_args(troupe.group("app"))
    ask = ["explain", "--addr", w.PUBLIC, "-o", "json", "--socket", str(ztad.socket)]
    done = subprocess.run([*words, str(ZTACTL), *ask], capture_output=True, text=True, check=False)
    value = ctl.value(done)
    assert (done.returncode, value["profile"], value["cgroup"]) == (1, "app", "/app")


def test_explain_agrees_with_the_document(suite, ask, file):
    path = file(policy.suite())
    for addr in (w.PUBLIC, w.PE_OTHER, w.PRIVATE, w.AI_PUBLIC, "64:ff9b::8.8.8.8"):
        args = ("explain", "--addr", addr, "--profile", "app")
        assert ask(*args) == ask(*args, "--policy", path)


def test_explain_a_name(suite, ask):
    name = "my.openai.azure.com"
    answers = ("--answer", f"{name}=10.20.0.4", "--answer", f"{name}=20.1.2.3")
    code, value = ask("explain", "--name", name, "--profile", "app", *answers)
    assert (code, value["verdict"], value["name"]) == (1, "deny", name)
    assert [a["verdict"] for a in value["addresses"]] == ["allow", "deny"]


def test_explain_knows_the_machines_own_addresses(suite, ask):
    """Row 3, for an address and for each address of a name."""
    for own in (w.MACHINE, w.MACHINE6):
        value = ask("explain", "--addr", own, "--profile", "closed")[1]
        assert (value["row"], value["reason"]) == (3, "loopback")
    name = "me.example"
    answers = [f"--answer={name}={a}" for a in (w.MACHINE, w.MACHINE6, w.PUBLIC)]
    code, value = ask("explain", "--name", name, "--profile", "closed", *answers)
    assert (code, value["verdict"]) == (1, "deny")
    assert [a["row"] for a in value["addresses"]] == [3, 3, 16]


def test_explain_a_name_with_many_addresses(suite, run, ask):
    """A name may have 100 addresses; what a request has no room for is wrong usage."""
    name = "a-name-of-forty-characters.example.local"

    def answers(n: int) -> list[str]:
        return [f"--answer={name}=2001:db8:1234:5678:9abc:def0:ffff:{i:x}" for i in range(1, n + 1)]

    code, value = ask("explain", "--name", name, *answers(100), "--profile", "open")
    assert (code, len(value["addresses"])) == (0, 100)
    done = run("explain", "--name", name, *answers(160))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "ztactl: the options are too long for one request\n"
    done = run("events", *(f"--reason=r{i}" for i in range(161)))
    assert (done.returncode, done.stdout) == (2, "")


def test_explain_an_unknown_profile(suite, run):
    done = run("explain", "--addr", w.PUBLIC, "--profile", "nobody", "-o", "json")
    assert (done.returncode, done.stdout) == (2, "")
    assert "nobody" in done.stderr


def test_explain_an_event(ztad, world, troupe, suite, ask):
    event = refuse(ztad, world, troupe.get("app"))
    code, value = ask("explain", "--event", event["seq"])
    assert code == 1
    for name in ("verdict", "reason", "row"):
        assert value[name] == event[name]
    assert value["address"] == event["destination"]["address"]
    assert value["port"] == event["destination"]["port"]
    assert value["profile"] == "app"
    assert ask("explain", "--last")[1]["port"] == value["port"]
    code, value = ask("explain", "--event", 2**53 - 1)
    assert (code, value["error"]) == (1, "not-found")


def test_explain_an_event_of_an_address_inside_an_address(ztad, world, troupe, suite, run, ask):
    event = refuse(ztad, world, troupe.get("six"), w.NAT64)
    value = ask("explain", "--event", event["seq"])[1]
    assert (value["address"], value["carried"]) == (w.NAT64, w.PUBLIC)
    assert f", which carries {w.PUBLIC}" in run("explain", "--event", event["seq"]).stdout


# --- events


def events(run, *args: object) -> list[dict]:
    done = run("events", *args, "-o", "json")
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_events_and_their_filters(ztad, world, troupe, suite, run):
    first = refuse(ztad, world, troupe.get("app"))
    second = refuse(ztad, world, troupe.get("shut"))

    def seqs(*args: object) -> list[int]:
        return [e["seq"] for e in events(run, *args)]

    assert seqs()[-2:] == [first["seq"], second["seq"]]
    assert len(seqs("-n", 1)) == 1
    assert second["seq"] == seqs("-n", "1", "--verdict", "deny")[0]
    assert seqs("--workload", first["workload"]["cgroup"], "-n1") == [first["seq"]]
    both = seqs("--workload", "/app", "--workload", "/shut", "-n", 2)
    assert both == [first["seq"], second["seq"]]
    assert seqs("--reason", "imds", "--workload", "/app") == []
    assert second["seq"] in seqs("--reason", "imds", "--reason", second["reason"])
    assert second["seq"] not in seqs("--type", "lifecycle", "-n", 1000)
    assert seqs("--since", second["time"])[-1] == second["seq"]
    assert second["seq"] in seqs("--since", "1h")
    assert seqs("--since", "2100-01-01T00:00:00Z") == []
    assert events(run, "-n", 1, "--verdict", "deny") == [second]


def test_events_as_a_table(ztad, world, troupe, suite, run):
    event = refuse(ztad, world, troupe.get("app"))
    done = run("events", "-n", 1, "--verdict", "deny")
    head, row = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (0, "")
    columns = "SEQ TIME VERDICT REASON WORKLOAD PROCESS DESTINATION COUNT"
    assert head.split() == columns.split()
    cells = row.split()
    assert cells[0] == str(event["seq"])
    assert " ".join(cells[1:3]) == event["time"][:19].replace("T", " ")
    assert cells[3:5] == ["deny", "public-egress"]
    assert cells[5] == event["workload"]["cgroup"]
    process = event["process"]
    assert cells[6] == f"{process['comm']}[{process['pid']}]"
    assert cells[7] == f"{w.PUBLIC}:{event['destination']['port']}"
    assert cells[8] == str(event["count"])
    head_at, row_at = head.index("VERDICT"), row.index("deny")
    assert head_at == row_at


def test_a_refused_socket(ztad, troupe, suite, run, ask):
    seq = ztad.last_seq()
    with pytest.raises(PermissionError):
        troupe.get("app").socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    event = ztad.wait_event("the socket", lambda e: e["type"] == "socket", after=seq)
    assert run("events", "-n", 1, "--type", "socket").stdout.split()[-3:] == ["raw", "socket", "1"]
    code, value = ask("explain", "--event", event["seq"])
    assert (code, value["row"], value["reason"]) == (1, 4, "protocol")
    text = run("explain", "--event", event["seq"]).stdout
    assert "  to          raw socket" in text.splitlines()


def test_acts_are_events(suite, run):
    assert run("quarantine", "/nobody", "--reason", "a drill").returncode == 0
    assert run("release", "/nobody").returncode == 0
    lines = run("events", "-n2", "--type=admin").stdout.splitlines()
    act, end = (line.split() for line in lines[1:])
    assert act[3:] == ["admin", "quarantine", "/nobody", "-", "a", "drill", "-"]
    assert end[3:] == ["admin", "release", "/nobody", "-", "-", "-"]


@pytest.mark.parametrize("form", ["json", "table"])
def test_events_followed(ztad, world, troupe, suite, form):
    with subprocess.Popen(
        [str(ZTACTL), "events", "-f", "-n", "1", "-o", form, "--type", "egress"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "ZTA_SOCKET": str(ztad.socket)},
    ) as follower:
        try:
            event = refuse(ztad, world, troupe.get("app"))
            line = ""
            while f":{event['destination']['port']} " not in line.replace(",", " ").replace(
                '"port":', ":"
            ):
                line = follower.stdout.readline()
                assert line, "the stream ended"
            if form == "json":
                assert json.loads(line) == event
            follower.send_signal(signal.SIGINT)
            assert follower.wait(5) == 0
            assert follower.stderr.read() == ""
        finally:
            follower.kill()


def test_top(ztad, world, troupe, suite, run, ask):
    event = refuse(ztad, world, troupe.get("app"))
    code, rows = ask("top", "--since", "1m")
    assert code == 0
    address = f"{w.PUBLIC}:{event['destination']['port']}"
    (row,) = [r for r in rows if r["destination"] == address]
    assert (row["workload"], row["profile"]) == (event["workload"]["cgroup"], "app")
    assert (row["verdict"], row["reason"], row["count"]) == ("deny", "public-egress", 1)
    assert row["last"] == event["time"]
    done = run("top", "-n", "1", "--since", "1m")
    assert (done.returncode, done.stderr) == (0, "")
    assert "enforcing" in done.stdout.splitlines()[0]
    assert address in done.stdout
    assert "\x1b" not in done.stdout


def test_top_redraws_a_terminal(ztad, suite):
    shown = ctl.on_terminal("top", "-n", "1", socket=str(ztad.socket))
    assert shown.startswith("\x1b[H\x1b[J")
    assert "\x1b[1mCOUNT" in shown


# --- intervention


def test_pause_and_resume(world, troupe, suite, run, ask):
    code, value = ask("pause", "--for", "10m", "--reason", "test of the switch")
    try:
        assert code == 0
        assert isinstance(value["until"], str)
        status = ask("status")
        assert status[0] == 0
        assert (status[1]["healthy"], status[1]["enforcing"]) == (True, False)
        assert (status[1]["mode"], status[1]["mode_source"]) == ("audit", "pause")
        assert "not enforcing: paused until 20" in run("status").stdout.splitlines()[0]
        puppet = troupe.get("app")
        puppet.tcp(w.PUBLIC).connect((w.PUBLIC, world.port()))
    finally:
        assert ask("resume")[0] == 0
    assert ask("status")[1]["enforcing"] is True


def test_pause_as_text(suite, run):
    try:
        done = run("pause", "--for", "5m", "--reason", "x")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("paused until 20")
    finally:
        assert run("resume").stdout == "resumed: the policy is in force\n"


def test_quarantine_and_release(world, troupe, suite, run, ask):
    puppet = troupe.get("app")
    conversation = puppet.tcp(w.DATABASE)
    conversation.connect((w.DATABASE, world.port()))
    code, value = ask("quarantine", "/app", "--reason", "test")
    try:
        assert code == 0
        assert (value["target"], value["workloads"]) == ("/app", 1)
        assert value["closed"] >= 1
        with pytest.raises(PermissionError):
            puppet.tcp(w.DATABASE).connect((w.DATABASE, world.port()))
        states = {e["cgroup"]: e["state"] for e in ask("workloads")[1]}
        assert states["/app"] == "quarantined"
    finally:
        code, value = ask("release", "/app")
    assert code == 0
    puppet.tcp(w.DATABASE).connect((w.DATABASE, world.port()))
    code, value = ask("release", "/app")
    assert (code, value["error"]) == (1, "not-found")


def test_a_slash_behind_a_target_is_dropped(ztad, world, troupe, suite, run, ask):
    """As a shell completes it. It must not be another cgroup, in which nothing ever runs."""
    puppet, path = troupe.get("app"), "/app/"
    code, value = ask("quarantine", path, "--reason", "test")
    assert (code, value["target"], value["workloads"]) == (0, "/app", 1)
    try:
        with pytest.raises(PermissionError):
            puppet.tcp(w.DATABASE).connect((w.DATABASE, world.port()))
        assert ask("explain", "--addr", w.DATABASE, "--cgroup", path)[1]["row"] == 1
    finally:
        assert ask("release", path)[0] == 0
    puppet.tcp(w.DATABASE).connect((w.DATABASE, world.port()))

    assert ask("pause", "--for", "1m", "--reason", "test", "--workload", path)[0] == 0
    try:
        puppet.tcp(w.PUBLIC).connect((w.PUBLIC, world.port()))
    finally:
        assert ask("resume", "--workload", path) == (0, {"resumed": 1, "workload": "/app"})
    event = refuse(ztad, world, puppet)
    assert events(run, "--workload", path, "-n", "1")[0]["seq"] == event["seq"]


@pytest.mark.parametrize("path", ["app", "", "/a//b", "/..", "/a/..", "/./a", "//", "/a//"])
def test_the_daemon_itself_refuses_what_is_no_path(ztad, suite, path):
    for method, verb, name, more in (
        ("POST", "quarantine", "target", "&reason=x"),
        ("POST", "release", "target", ""),
        ("POST", "pause", "workload", "&for=1m&reason=x"),
        ("POST", "resume", "workload", ""),
        ("GET", "explain", "cgroup", "&addr=8.8.8.8"),
    ):
        status, body = ztad.http(method, f"/v1/{verb}?{name}={path}{more}")
        assert status == 400
        assert json.loads(body)["detail"].startswith(f"{name}: ")


def test_strangers_are_denied(ztad, suite):
    """Not in the group: the socket itself refuses."""
    for args in (["status"], ["pause", "--for", "1m", "--reason", "x"]):
        done = ctl.run(
            *args, "-o", "json", socket=str(ztad.socket), user=65534, group=65534, extra_groups=[]
        )
        assert (done.returncode, ctl.value(done)["error"]) == (4, "forbidden")


def test_a_silent_client_is_no_trouble(ztad, suite, ask):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(ztad.socket))
        s.sendall(b"GET /v1/sta")
        assert ask("status")[0] == 0


def test_detach_asks_first(ztad, suite, run):
    for answer in ("n\n", "", "\n", "yesterday\n"):
        done = run("detach", stdin=answer)
        assert (done.returncode, done.stdout) == (1, "")
        assert "Continue? [y/N]" in done.stderr
        assert done.stderr.endswith("ztactl: nothing was changed\n")
    done = run("detach", "-o", "json", stdin="n\n")
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"] == "aborted"
    assert run("status").returncode == 0


def test_detach(ztad, cgroups, run, ask):
    """Last: afterwards there is no daemon."""
    done = run("detach", stdin="y\n")
    assert done.returncode == 0
    assert done.stdout == "detached: nothing is enforced any more\n"
    assert ztad.finish() == 0
    assert not ztad.bpffs.exists()
    assert not (cgroups.attach / "zta-selftest").exists()
    assert ask("status")[0] == 3
