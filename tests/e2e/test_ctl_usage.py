# SPDX-License-Identifier: Apache-2.0
"""ztactl's command line: help, wrong usage, where options may stand, man page, completion."""

import os
import subprocess

import pytest

from zt import ctl
from zt.daemon import ZTACTL
from zt.sh import ROOT

MAN = ROOT / "tools" / "man" / "ztactl.1"
COMPLETION = ROOT / "tools" / "completion" / "ztactl.bash"

VERBS = ctl.verbs() if ZTACTL.exists() else []


def test_the_help_names_these_verbs_and_no_others():
    assert set(VERBS) == {name.split(" -")[0] for name in ctl.ONLINE} - {
        "explain name",
        "explain event",
    } | {"policy check", "policy schema"}


def test_help_is_asked_for_on_stdout():
    done = ctl.run("--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage: ztactl ")


def test_no_verb_is_wrong_usage_and_shows_the_help():
    done = ctl.run()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == ctl.run("--help").stdout


def test_half_a_verb_shows_the_other_half():
    done = ctl.run("policy")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Usage: ztactl policy ")
    helped = ctl.run("policy", "--help")
    assert (helped.returncode, helped.stdout) == (0, done.stderr)


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_has_help(verb):
    for args in ([*verb.split(), "--help"], ["-h", *verb.split()]):
        done = ctl.run(*args)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(f"Usage: ztactl {verb}")
        assert all(len(line) <= 100 for line in done.stdout.splitlines()[1:])


def test_version():
    done = ctl.run("--version")
    assert (done.returncode, done.stderr) == (0, "")
    name, version = done.stdout.split()
    assert name == "ztactl" and version
    assert ctl.value(ctl.run("-o", "json", "--version")) == {"version": version}
    assert ctl.run("--version", "-o", "yaml").returncode == 2


WRONG = {
    "unknown verb": (["frobnicate"], "unknown verb 'frobnicate'"),
    "unknown second word": (["policy", "frobnicate"], "unknown verb 'policy frobnicate'"),
    "verb in capitals": (["STATUS"], "unknown verb 'STATUS'"),
    "unknown long option": (["status", "--frob"], "unknown option '--frob'"),
    "unknown letter": (["status", "-x"], "unknown option '-x'"),
    "shortened option": (["events", "--verd", "deny"], "unknown option '--verd'"),
    "one letter as long option": (["events", "--n", "5"], "unknown option '--n'"),
    "another verb's option": (["status", "--since", "1m"], "'status' takes no option '--since'"),
    "another verb's letter": (["status", "-n", "5"], "'status' takes no option '-n'"),
    "no value": (["events", "--since"], "option '--since' needs a value (T)"),
    "no value for a letter": (["events", "-n"], "option '-n' needs a value (N)"),
    "value for a flag": (["detach", "--yes=no"], "option '--yes' takes no value"),
    "format": (["status", "-o", "yaml"], "-o: 'yaml' is neither table nor json"),
    "empty format": (["status", "-o", ""], "-o: '' is neither table nor json"),
    "no operand": (["policy", "check"], "'policy check' needs FILE"),
    "no target": (["quarantine", "--reason", "x"], "'quarantine' needs TARGET"),
    "one operand too many": (["status", "now"], "'status': unexpected argument 'now'"),
    "second operand": (["policy", "check", "a", "b"], "'policy check': unexpected argument 'b'"),
    "no reason": (["pause", "--for", "1m"], "'pause' needs --reason R"),
    "empty reason": (["pause", "--for", "1m", "--reason", ""], "--reason: say why"),
    "no duration": (["pause", "--reason", "x"], "'pause' needs --for D"),
    "bare number": (["pause", "--for", "10", "--reason", "x"], "--for: '10' is not a duration"),
    "nothing long": (["pause", "--for", "0s", "--reason", "x"], "--for: '0s' is not a duration"),
    "quarantine without reason": (["quarantine", "/a"], "'quarantine' needs --reason R"),
    "target": (["quarantine", "ml/chat", "--reason", "x"], "'ml/chat' is not a cgroup path"),
    "empty target": (["release", ""], "TARGET: '' is not a cgroup path"),
    "target above": (["release", "/a/../b"], "TARGET: '/a/../b' is not a cgroup path"),
    "target without component": (["release", "/a//b"], "TARGET: '/a//b' is not"),
    "paused workload": (
        ["pause", "--for", "1m", "--reason", "x", "--workload", "a"],
        "--workload: 'a' is not a cgroup path",
    ),
    "resumed workload": (["resume", "--workload", "."], "--workload: '.' is not a cgroup path"),
    "confirm": (["policy", "apply", "f", "--confirm", "soon"], "--confirm: 'soon' is not"),
    "confirm too late": (["policy", "apply", "f", "--confirm", "367d"], "'367d' is more than 366d"),
    "too long a pause": (["pause", "--for", "8785h", "--reason", "x"], "'8785h' is more than 366d"),
    "dry and confirmed": (
        ["policy", "apply", "f", "--dry-run", "--confirm", "1m"],
        "--dry-run and --confirm exclude each other",
    ),
    "last none": (["events", "-n", "0"], "-n: '0' is not a number from 1 to 100000"),
    "last too many": (["events", "-n", "100001"], "-n: '100001' is not a number"),
    "last -1": (["events", "-n", "-1"], "-n: '-1' is not a number"),
    "last 1x": (["events", "-n1x"], "-n: '1x' is not a number"),
    "verdict": (["events", "--verdict", "maybe"], "--verdict: 'maybe'"),
    "type": (["events", "--type", "egres"], "--type: 'egres'"),
    "since": (["events", "--since", "yesterday"], "--since: 'yesterday' is neither"),
    "top since": (["top", "--since", "2026-13-01T00:00:00Z"], "--since: '2026-13-01T00:00:00Z'"),
    "explain nothing": (["explain"], "needs one of --addr, --name, --event and --last"),
    "explain two": (["explain", "--addr", "::1", "--name", "a.b"], "needs one of"),
    "explain event of a profile": (["explain", "--last", "--profile", "x"], "--profile: a record"),
    "explain address": (["explain", "--addr", "1.2.3"], "--addr: '1.2.3' is not an IP address"),
    "explain prefix": (["explain", "--addr", "1.2.3.0/24"], "--addr: '1.2.3.0/24' is not"),
    "explain name": (["explain", "--name", "*.example.org"], "--name: '*.example.org'"),
    "explain name as address": (["explain", "--name", "10.0.0.1"], "--name: '10.0.0.1'"),
    "explain port": (["explain", "--addr", "::1", "--port", "0"], "--port: '0' is not a number"),
    "explain high port": (["explain", "--addr", "::1", "--port", "65536"], "--port: '65536'"),
    "explain protocol": (["explain", "--addr", "::1", "--protocol", "sctp"], "--protocol: 'sctp'"),
    "explain icmp port": (
        ["explain", "--addr", "::1", "--protocol", "icmp", "--port", "1"],
        "--port: icmp has none",
    ),
    "explain cgroup": (["explain", "--addr", "::1", "--cgroup", "a"], "--cgroup: 'a'"),
    "explain whose": (
        ["explain", "--addr", "::1", "--cgroup", "/a", "--profile", "b"],
        "--cgroup and --profile exclude each other",
    ),
    "explain answer": (["explain", "--addr", "::1", "--answer", "a.b"], "not NAME=ADDRESS"),
    "explain answered": (["explain", "--addr", "::1", "--answer", "a.b=c"], "'c' is not an IP"),
    "explain answer's name": (["explain", "--addr", "::1", "--answer", "a b=::1"], "--answer:"),
    "explain event": (["explain", "--event", "0"], "--event: '0' is not a number"),
    "explain policy and name": (
        ["explain", "--policy", "/dev/null", "--name", "a.b"],
        "--name with --policy needs --answer a.b=ADDRESS",
    ),
    "explain other answer": (
        ["explain", "--policy", "/dev/null", "--name", "a.b", "--answer", "c.d=::1"],
        "--name with --policy needs --answer a.b=ADDRESS",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_usage_is_plain_text_and_weighs_more_than_an_absent_daemon(what):
    args, why = WRONG[what]
    for extra in ([], ["--socket", ctl.NOWHERE]) if "-o" in args else ([], ["-o", "json"]):
        done = ctl.run(*extra, *args)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("ztactl: ") and done.stderr.count("\n") == 1
        assert why in done.stderr


@pytest.mark.parametrize("path", ["/", "/a", "/a/", "/a/b.service", "/..a/...", "/a b"])
def test_cgroup_paths(path):
    assert ctl.run("release", path).returncode == 3


def test_no_control_characters_of_the_command_line_reach_the_terminal(tmp_path):
    name = "\x1b]0;owned\x07"
    (tmp_path / name).write_text("{}")
    for args in (
        [name], ["status", name], ["status", "-o", name], ["policy", "check", name],
        ["policy", "check", "no" + name], ["events", "--since", name],
        ["explain", "--policy", name, "--addr", "::1"],
    ):  # fmt: skip
        done = ctl.run(*args, cwd=tmp_path)
        assert done.returncode in (1, 2)
        assert "owned\\x07" in done.stderr
        assert not set(done.stderr + done.stdout) & set("\x1b\x07")


def test_options_may_stand_anywhere():
    expected = ctl.value(ctl.run("services", "--presets", "-o", "json"))
    assert expected
    for args in (
        ["-o", "json", "services", "--presets"],
        ["--presets", "-ojson", "services"],
        ["--output=json", "services", "--presets", "--socket", "/x"],
        ["--socket=/x", "services", "--output", "json", "--presets", "--no-color"],
        ["-o", "table", "services", "--presets", "-o", "json"],
        ["services", "--presets", "-o", "json", "--"],
    ):
        assert ctl.value(ctl.run(*args)) == expected


def test_words_after_two_dashes_are_no_options(tmp_path):
    done = ctl.run("policy", "check", "--", "-o", cwd=tmp_path)
    assert done.returncode == 1
    assert "cannot read '-o'" in done.stderr


def test_output_that_cannot_be_written_is_a_failure():
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run(
            [str(ZTACTL), "services", "--presets"], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == 1
    assert b"cannot write" in done.stderr


def test_colours_are_for_terminals_only():
    colour = "\x1b["
    assert colour in ctl.on_terminal("services", "--presets")
    assert colour not in ctl.on_terminal("services", "--presets", "--no-color")
    assert colour not in ctl.on_terminal("services", "--presets", NO_COLOR="1")
    assert colour not in ctl.on_terminal("services", "--presets", TERM="dumb")
    assert colour not in ctl.on_terminal("services", "--presets", "-o", "json")
    assert colour not in ctl.run("services", "--presets").stdout


# --- documents


def test_the_man_page_is_clean():
    done = subprocess.run(
        ["mandoc", "-T", "lint", "-W", "style", str(MAN)],
        capture_output=True,
        text=True,
        check=False,
    )
    said = [line for line in done.stdout.splitlines() if "referenced manual not found" not in line]
    assert said == []


def man_text() -> str:
    done = subprocess.run(
        ["mandoc", "-T", "utf8", "-O", "width=500", str(MAN)],
        capture_output=True,
        text=True,
        check=True,
    )
    return subprocess.run(
        ["col", "-b"], input=done.stdout, capture_output=True, text=True, check=True
    ).stdout


@pytest.mark.parametrize("verb", VERBS)
def test_the_man_page_has_every_verb_and_option(verb):
    text = man_text()
    assert any(line.strip().startswith(verb) for line in text.splitlines())
    own, shared = ctl.options(verb)
    for option in own | shared:
        assert option in text


def complete(*words: str) -> list[str]:
    """What bash offers for the last word."""
    script = (
        'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); compopt() { :; };'
        ' _ztactl; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "-c", script, "bash", str(COMPLETION), "ztactl", *words],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": f"{ZTACTL.parent}:{os.environ['PATH']}", "ZTA_SOCKET": ctl.NOWHERE},
    )
    assert done.stderr == ""
    return [line for line in done.stdout.split("\n") if line]


def test_completion_offers_every_verb():
    first = {verb.split()[0] for verb in VERBS}
    assert set(complete("")) == first
    assert set(complete("-o", "json", "")) == first
    for group in ("policy", "token"):
        second = {verb.split()[1] for verb in VERBS if verb.startswith(group + " ")}
        assert set(complete(group, "")) == second
    assert complete("policy", "ch") == ["check"]
    assert complete("stat") == ["status"]


@pytest.mark.parametrize("verb", VERBS)
def test_completion_offers_every_option(verb):
    own, shared = ctl.options(verb)
    assert set(complete(*verb.split(), "-")) == own | shared


def test_completion_knows_values(tmp_path):
    assert complete("-o", "") == ["table", "json"]
    assert complete("events", "--verdict", "d") == ["deny"]
    assert complete("pause", "--for", "") == []
    (tmp_path / "policy.json").touch()
    assert complete("policy", "check", f"{tmp_path}/pol") == [f"{tmp_path}/policy.json"]
