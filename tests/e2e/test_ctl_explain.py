# SPDX-License-Identifier: Apache-2.0
"""ztactl explain --policy: the kernel's decision, asked of a document alone."""

import json

import pytest

from zt import ctl, policy

OPENAI = "my.openai.azure.com"
VAULT = "my.vault.azure.net"


def document() -> dict:
    """The suite's policy, with a service that must be resolved and rules to reach each row."""
    p = policy.suite(resolvers=["198.51.100.53"])
    p["services"].append(
        {"name": "strict", "names": ["strict.example.org"], "private_link": ["10.30.0.0/24"]}
    )
    p["services"].append(
        {"name": "lenient", "preset": "azure-cosmos-db", "private_link": ["10.31.0.0/24"],
         "mode": "audit"}
    )  # fmt: skip
    app = p["profiles"][0]
    app["services"] = ["openai", "strict"]
    app["egress"]["rules"] += [
        {"action": "deny", "cidr": "10.40.9.0/24"},
        {"action": "allow", "names": ["*.example.com"], "ports": [443]},
        {"action": "deny", "cidr": "10.50.0.0/16", "mode": "audit"},
    ]
    p["profiles"] += [
        {"name": "broker", "imds": "broker", "platform": True},
        {"name": "trial", "extends": "app", "mode": "audit"},
    ]
    return p


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    file = tmp_path_factory.mktemp("explain") / "policy.json"
    file.write_text(json.dumps(document()))
    return file


def explain(path, *args: object, code: int | None = None) -> dict:
    done = ctl.run("explain", "--policy", path, *args, "-o", "json")
    value = ctl.value(done)
    text = ctl.run("explain", "--policy", path, *args)
    assert (text.returncode, text.stderr) == (done.returncode, "")
    assert text.stdout.startswith(f"{value['verdict']}: ")
    assert done.returncode == (0 if value["verdict"] in ("allow", "redirect") else 1)
    assert code is None or done.returncode == code
    return value


# profile, address, options -> verdict, reason, row
ROWS = {
    "loopback": ("app", "127.0.0.1", [], "allow", "loopback", 3),
    "unspecified": ("app", "::", [], "allow", "loopback", 3),
    "imds": ("app", "169.254.169.254", ["--port", "80"], "deny", "imds", 5),
    "imds allowed": ("host", "169.254.169.254", ["--port", "80"], "allow", "imds", 5),
    "imds broker": ("broker", "169.254.169.254", ["--port", "80"], "redirect", "imds-broker", 5),
    "imds broker else": ("broker", "169.254.169.254", ["--port", "81"], "deny", "imds", 5),
    "wireserver": ("app", "168.63.129.16", ["--port", "80"], "deny", "wireserver", 6),
    "resolver": ("app", "198.51.100.53", ["--port", "53"], "allow", "resolver", 7),
    "resolver udp": (
        "app", "198.51.100.53", ["--port", "53", "--protocol", "udp"], "allow", "resolver", 7,
    ),
    "other resolver": ("app", "8.8.8.8", ["--port", "53"], "deny", "untrusted-resolver", 8),
    "other resolver, tls": ("app", "8.8.8.8", ["--port", "853"], "deny", "untrusted-resolver", 8),
    "another's service": ("app", "10.21.0.4", [], "deny", "service-not-allowed", 9),
    "closed": ("closed", "10.20.0.4", [], "deny", "service-not-allowed", 9),
    "another port": ("app", "10.20.0.4", ["--port", "80"], "deny", "port-not-allowed", 10),
    "not resolved": ("app", "10.30.0.4", [], "deny", "not-resolved", 11),
    "resolved": (
        "app", "10.30.0.4", ["--answer", "strict.example.org=10.30.0.4"], "allow", "private-link",
        12,
    ),
    "private link": ("app", "10.20.0.4", [], "allow", "private-link", 12),
    "private link 6": ("app", "fd00:20::4", [], "allow", "private-link", 12),
    "ai public": ("app", "203.0.113.7", [], "deny", "ai-public", 13),
    "resolves public": (
        "app", "20.1.2.3", ["--answer", f"{OPENAI}=20.1.2.3"], "deny", "resolves-public", 13,
    ),
    "rule": ("app", "10.40.0.4", [], "allow", "egress-rule", 14),
    "longer rule": ("app", "10.40.9.4", [], "deny", "egress-rule", 14),
    "rule for another protocol": (
        "app", "10.40.0.4", ["--protocol", "udp"], "deny", "private-egress", 16,
    ),
    "name rule": (
        "app", "93.184.216.34", ["--answer", "www.example.com=93.184.216.34"], "allow",
        "egress-rule", 14,
    ),
    "default": ("open", "8.8.8.8", [], "allow", "default", 15),
    "public": ("app", "8.8.8.8", [], "deny", "public-egress", 16),
    "private": ("app", "10.99.0.1", [], "deny", "private-egress", 16),
    "ping": ("app", "8.8.8.8", ["--protocol", "icmp"], "deny", "public-egress", 16),
    "mapped": ("app", "::ffff:8.8.8.8", [], "deny", "public-egress", 16),
}  # fmt: skip


@pytest.mark.parametrize("what", ROWS)
def test_rows(path, what):
    profile, addr, args, verdict, reason, row = ROWS[what]
    value = explain(path, "--profile", profile, "--addr", addr, *args)
    assert (value["verdict"], value["reason"], value["row"]) == (verdict, reason, row)
    assert (value["profile"], value["mode"], value["enforced"]) == (profile, "enforce", True)
    assert value["protocol"] in args or value["protocol"] == "tcp"


def test_the_whole_object(path):
    value = explain(path, "--profile", "app", "--addr", "10.40.9.4", code=1)
    assert {k: value[k] for k in value if k != "hint"} == {
        "verdict": "deny",
        "reason": "egress-rule",
        "row": 14,
        "profile": "app",
        "mode": "enforce",
        "enforced": True,
        "address": "10.40.9.4",
        "port": 443,
        "protocol": "tcp",
        "rule": "profiles[0].egress.rules[1]",
    }


def test_the_text(path):
    done = ctl.run("explain", "--policy", path, "--profile", "app", "--addr", "10.20.0.4")
    assert done.stdout.splitlines() == [
        "allow: private-link",
        "  to          10.20.0.4 port 443 tcp",
        "  profile     app",
        "  because     row 12: the private link of a service of the profile",
        "  service     openai",
        "  mode        enforce",
    ]


def test_a_denial_has_a_hint(path):
    value = explain(path, "--profile", "app", "--addr", "8.8.8.8", code=1)
    assert value["hint"]
    done = ctl.run("explain", "--policy", path, "--profile", "app", "--addr", "8.8.8.8")
    assert f"  hint        {value['hint']}" in done.stdout.splitlines()


def test_an_address_inside_an_address(path):
    value = explain(path, "--profile", "six", "--addr", "64:ff9b::8.8.8.8", code=1)
    assert (value["address"], value["carried"]) == ("64:ff9b::808:808", "8.8.8.8")


@pytest.mark.parametrize(
    "profile, addr", [("trial", "8.8.8.8"), ("app", "10.50.0.1"), ("open", "10.31.0.4")]
)
def test_in_audit_it_says_so_and_exits_1(path, profile, addr):
    value = explain(path, "--profile", profile, "--addr", addr, code=1)
    assert (value["mode"], value["enforced"]) == ("audit", False)
    text = ctl.run("explain", "--policy", path, "--profile", profile, "--addr", addr).stdout
    assert "nothing is blocked" in text


def test_who_is_asked_about(path):
    def profile(*args: str) -> str:
        return explain(path, "--addr", "127.0.0.1", *args)["profile"]

    assert profile() == "host"
    assert profile("--cgroup", "/app1/below") == "app"
    assert profile("--cgroup", "/elsewhere") == "host"
    assert profile("--cgroup", "/") == "host"
    assert profile("--profile", "no-ai") == "no-ai"


def test_the_machines_resolvers_are_system(tmp_path):
    with open("/etc/resolv.conf", encoding="utf-8") as f:
        words = [line.split() for line in f]
    servers = [w[1].split("%")[0] for w in words if len(w) > 1 and w[0] == "nameserver"]
    if not servers:
        pytest.skip("/etc/resolv.conf names no resolver")
    file = tmp_path / "policy.json"
    file.write_text(json.dumps(policy.suite(resolvers=["system"])))
    value = explain(file, "--profile", "app", "--addr", servers[0], "--port", "53", code=0)
    assert value["reason"] in ("resolver", "loopback")


# --- names


def test_a_name_with_its_addresses(path):
    value = explain(
        path, "--profile", "app", "--name", OPENAI,
        "--answer", f"{OPENAI}=10.20.0.4", "--answer", f"{OPENAI}=fd00:20::4",
        code=0,
    )  # fmt: skip
    assert (value["name"], value["verdict"]) == (OPENAI, "allow")
    assert value["chain"] == []
    assert [a["address"] for a in value["addresses"]] == ["10.20.0.4", "fd00:20::4"]
    assert {a["reason"] for a in value["addresses"]} == {"private-link"}


def test_the_worst_address_counts(path):
    value = explain(
        path, "--profile", "app", "--name", OPENAI.upper() + ".",
        "--answer", f"{OPENAI}=10.20.0.4", "--answer", f"{OPENAI}=20.1.2.3",
        code=1,
    )  # fmt: skip
    assert value["verdict"] == "deny"
    assert [a["verdict"] for a in value["addresses"]] == ["allow", "deny"]
    assert value["addresses"][1]["reason"] == "resolves-public"


def test_a_name_as_text(path):
    done = ctl.run(
        "explain", "--policy", path, "--profile", "app", "--name", VAULT,
        "--answer", f"{VAULT}=10.21.0.4",
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert lines[0] == f"deny: {VAULT}"
    assert "deny: service-not-allowed" in lines
    assert "  to          10.21.0.4 port 443 tcp" in lines


# --- what cannot be answered


def test_an_unknown_profile_is_wrong_usage(path):
    for extra in ([], ["-o", "json"]):
        done = ctl.run(
            "explain", "--policy", path, "--addr", "::1", "--profile", "nobody", *extra
        )
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == f"ztactl: --profile: {path} has no profile 'nobody'\n"


def test_an_invalid_policy(tmp_path):
    file = tmp_path / "policy.json"
    file.write_text('{"kind": "Policy"}')
    done = ctl.run("explain", "--policy", file, "--addr", "::1", "--profile", "x", "-o", "json")
    value = ctl.value(done)
    assert done.returncode == 1
    assert value["error"] == "invalid-policy"
    assert str(file) in value["detail"]
    assert value["errors"] == ctl.value(ctl.run("policy", "check", file, "-o", "json"))["errors"]
    text = ctl.run("explain", "--policy", file, "--addr", "::1")
    assert (text.returncode, text.stdout) == (1, "")
    assert text.stderr.splitlines()[-1] == f"ztactl: {value['detail']}"
    assert len(text.stderr.splitlines()) == len(value["errors"]) + 1


def test_no_policy():
    done = ctl.run("explain", "--policy", "/nonexistent", "--addr", "::1", "-o", "json")
    assert done.returncode == 1
    assert ctl.value(done)["error"] == "cannot-read"
