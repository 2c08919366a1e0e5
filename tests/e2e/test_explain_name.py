# SPDX-License-Identifier: Apache-2.0
"""ztactl explain --name: the look-up through the policy's resolvers, and what is wrong with it."""

import json
import subprocess

import pytest

from zt import ctl, policy
from zt import dns as r
from zt import world as w
from zt.daemon import ZTACTL
from zt.puppet import run_in_args

NAME = "my.openai.azure.com"
ZONE = "privatelink.openai.azure.com"
LINK = f"my.{ZONE}"
REGION = "openai-we.cloudapp.azure.com"


@pytest.fixture(scope="module")
def module_resolver(world):
    resolver = r.Resolver(world)
    yield resolver
    resolver.close()


@pytest.fixture
def resolver(module_resolver):
    module_resolver.clear()
    return module_resolver


@pytest.fixture(scope="module", autouse=True)
def document(ztad):
    ztad.apply(policy.suite(resolvers=[r.ADDRESS, r.SECOND, "10.99.0.0/24"]))


@pytest.fixture
def asked(ztad, world, tmp_path):
    """ztactl in the machine's namespace: (exit code, JSON, text)."""

    def _asked(name: str = NAME, *args: str, hosts: str = "", env: dict | None = None):
        (tmp_path / "hosts").write_text(hosts)
        words = [
            *run_in_args(None, world.machine.path), "unshare", "-m", "sh", "-c",
            'mount --bind "$0" /etc/hosts && exec "$@"', str(tmp_path / "hosts"),
            str(ZTACTL), "--socket", str(ztad.socket), "explain", "--name", name,
            *(args or ("--profile", "app")),
        ]  # fmt: skip
        clean = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **(env or {})}

        def go(*more: str) -> subprocess.CompletedProcess:
            return subprocess.run(
                [*words, *more], capture_output=True, text=True, env=clean, check=False, timeout=60
            )

        done, text = go("-o", "json"), go()
        assert done.returncode == text.returncode
        assert done.stderr == ""
        return done.returncode, json.loads(done.stdout), text.stdout + text.stderr

    return _asked


def test_a_linked_zone(resolver, asked):
    resolver.cname(NAME, LINK)
    resolver.put(LINK, w.PE, w.PE6)
    code, value, text = asked()
    assert (code, value["verdict"], value["chain"]) == (0, "allow", [LINK])
    assert {a["address"]: a["reason"] for a in value["addresses"]} == {
        w.PE: "private-link",
        w.PE6: "private-link",
    }
    assert value["resolver"] == r.ADDRESS
    assert "hints" not in value
    assert text.splitlines()[:3] == [
        f"allow: {NAME}",
        f"  resolver    {r.ADDRESS}",
        f"  chain       {NAME} -> {LINK}",
    ]
    assert {(n, t) for n, t, _ in resolver.asked} >= {(NAME, "A"), (NAME, "AAAA")}


def test_a_zone_that_is_not_linked(resolver, asked):
    resolver.cname(NAME, LINK, REGION)
    resolver.put(REGION, w.PUBLIC)
    resolver.soa(ZONE, "ns1.azure-dns.com")
    code, value, text = asked()
    assert (code, value["verdict"]) == (1, "deny")
    assert value["chain"] == [LINK, REGION]
    assert value["addresses"][0]["reason"] == "resolves-public"
    (hint,) = value["hints"]
    assert ZONE in hint and "not linked" in hint and "ns1.azure-dns.com" in hint
    assert f"  hint        {hint}" in text.splitlines()


def test_a_record_that_is_missing_where_the_zone_falls_back(resolver, asked):
    resolver.cname(NAME, LINK, REGION)
    resolver.put(REGION, w.PUBLIC)
    resolver.soa(ZONE, "azureprivatedns.net")
    (hint,) = asked()[1]["hints"]
    assert "falls back to the Internet" in hint and "is linked" in hint


def test_a_record_that_is_missing(resolver, asked):
    resolver.cname(NAME, LINK)
    resolver.soa(ZONE, "azureprivatedns.net")
    code, value, text = asked()
    assert (code, value["error"], value["addresses"]) == (1, "not-resolved", [])
    assert "verdict" not in value
    (hint,) = value["hints"]
    assert "holds no record" in hint and "is linked" in hint
    assert text.startswith(f"not resolved: {NAME}\n")
    resolver.soa(ZONE, "ns1.azure-dns.com")
    assert "not linked" in asked()[1]["hints"][0]


def test_a_resource_without_private_end_point(resolver, asked):
    resolver.cname(NAME, REGION)
    resolver.put(REGION, w.PUBLIC)
    assert "no private end point" in asked()[1]["hints"][0]


def test_a_zone_that_is_half_linked(resolver, asked):
    resolver.put(NAME, w.PE, w.PUBLIC6)
    code, value, _ = asked()
    assert (code, [a["reason"] for a in value["addresses"]]) == (
        1,
        ["private-link", "resolves-public"],
    )
    assert "half linked" in value["hints"][0] and w.PUBLIC6 in value["hints"][0]


def test_an_end_point_of_another_fence(resolver, asked):
    resolver.put(NAME, w.PRIVATE)
    (hint,) = asked()[1]["hints"]
    assert w.PRIVATE in hint and "another region" in hint and '"openai"' in hint
    resolver.put(NAME, w.VAULT)  # another service's fence
    assert w.VAULT in asked()[1]["hints"][0]


def test_the_hosts_file(resolver, asked):
    resolver.put(NAME, w.PE)
    code, value, text = asked(hosts=f"# x\n{w.PUBLIC} other {NAME.upper()}. # comment\n::1 {LINK}\n")
    assert code == 1
    assert [(a["address"], a.get("source")) for a in value["addresses"]] == [
        (w.PUBLIC, "hosts"),
        (w.PE, None),
    ]
    assert value["addresses"][0]["reason"] == "public-egress"
    assert "hosts file" in value["hints"][0] and w.PUBLIC in value["hints"][0]
    assert "  source      the hosts file" in text.splitlines()
    assert "hints" not in asked(hosts=f"{w.PUBLIC} x{NAME} {NAME}x\n# {w.PUBLIC} {NAME}\n")[1]


PROXIED = {
    "none": ({}, False),
    "https": ({"HTTPS_PROXY": "http://u:secret@10.9.0.1:8080"}, True),
    "lower case": ({"https_proxy": "http://10.9.0.1:8080"}, True),
    "all": ({"ALL_PROXY": "socks5://10.9.0.1"}, True),
    "empty": ({"HTTPS_PROXY": ""}, False),
    "suffix": ({"HTTPS_PROXY": "http://p", "NO_PROXY": "localhost, .openai.azure.com"}, False),
    "bare suffix": ({"HTTPS_PROXY": "http://p", "no_proxy": "azure.com:443"}, False),
    "star": ({"HTTPS_PROXY": "http://p", "NO_PROXY": "*"}, False),
    "star suffix": ({"HTTPS_PROXY": "http://p", "NO_PROXY": "*.AZURE.com"}, False),
    "itself": ({"HTTPS_PROXY": "http://p", "NO_PROXY": f"a,{NAME}"}, False),
    "half a label": ({"HTTPS_PROXY": "http://p", "NO_PROXY": "zure.com,y.openai.azure.com"}, True),
    "another": ({"HTTPS_PROXY": "http://p", "NO_PROXY": "10.0.0.0/8,,.example.com"}, True),
}


@pytest.mark.parametrize("what", PROXIED)
def test_a_proxy_in_between(resolver, asked, what):
    env, proxied = PROXIED[what]
    resolver.put(NAME, w.PE)
    code, value, text = asked(env=env)
    assert code == 0
    assert any("NO_PROXY" in hint for hint in value.get("hints", [])) == proxied
    assert "secret" not in text + json.dumps(value)


def test_a_name_of_no_service_needs_no_advice(resolver, asked):
    resolver.put("www.example.com", "93.184.216.34")
    code, value, _ = asked("www.example.com", env={"HTTPS_PROXY": "http://p"})
    assert (code, "hints" in value) == (1, False)
    code, value, _ = asked("nobody.example.com")
    assert (code, value["error"]) == (1, "not-resolved")
    assert "no resolver of the policy knows" in value["hints"][0]


def test_a_long_answer_comes_by_tcp(resolver, asked):
    addresses = [f"10.20.0.{i}" for i in range(10, 110)]
    sixes = [f"fd00:20::{i:x}" for i in range(1, 101)]
    resolver.cname(NAME, *(f"link{i}.example" for i in range(8)))
    resolver.put("link7.example", *addresses, *sixes)
    resolver.truncate.add(NAME)
    code, value, _ = asked()
    assert (code, len(value["chain"])) == (0, 8)
    assert len(value["addresses"]) == 200
    assert {a["address"] for a in value["addresses"]} == {*addresses, *sixes}
    assert (NAME, "A", "tcp") in resolver.asked and (NAME, "AAAA", "tcp") in resolver.asked


def test_the_second_resolver_helps(ztad, resolver, asked):
    resolver.put(NAME, w.PE)
    ztad.apply(policy.suite(resolvers=["10.45.0.99", r.SECOND]))
    try:
        code, value, _ = asked()
        assert (code, value["resolver"]) == (0, r.SECOND)
        assert [x["address"] for x in ztad.get("resolvers")] == ["10.45.0.99", r.SECOND]
    finally:
        ztad.apply(policy.suite(resolvers=[r.ADDRESS, r.SECOND, "10.99.0.0/24"]))


def test_nobody_answers(ztad, world, resolver, asked):
    resolver.failing = True
    code, value, _ = asked()
    assert (code, value["error"]) == (1, "not-resolved")
    assert value["detail"] == f"cannot resolve '{NAME}': the resolvers fail"
    resolver.failing = False
    resolver.silent = True
    assert asked()[1]["detail"].endswith(": no resolver answers")
    world.machine.ip("route", "add", "unreachable", "10.45.9.9")
    try:
        for address, why in (
            (w.MACHINE, "no resolver answers: nothing listens at its port 53"),
            ("10.45.9.9", "no resolver answers: it cannot be reached from here"),
        ):
            ztad.apply(policy.suite(resolvers=[address]))
            value = asked()[1]
            assert value["detail"].endswith(f": {why}")
            assert "hints" not in value  # nobody said that there is no such name
        ztad.apply(policy.suite(resolvers=["10.99.0.0/24"]))
        assert asked()[1]["detail"].endswith("the policy names no resolver that could be asked")
    finally:
        world.machine.ip("route", "del", "unreachable", "10.45.9.9")
        ztad.apply(policy.suite(resolvers=[r.ADDRESS, r.SECOND, "10.99.0.0/24"]))


def test_what_is_supposed_gets_no_advice_about_the_network(resolver, asked):
    code, value, _ = asked(NAME, "--profile", "app", "--answer", f"{NAME}={w.PUBLIC}")
    assert (code, "hints" in value, "resolver" in value) == (1, False, False)
    assert value["addresses"][0]["hint"]
    assert not resolver.asked


def test_what_the_api_refuses(ztad):
    for query in ("name=a.example&resolved=x", "addr=::1&resolved=::1", "name=a.example&hosts=x",
                  "name=a.example&answer==1.2.3.4", "name=a.example&answer=a.example=x"):  # fmt: skip
        status, _ = ztad.http("GET", f"/v1/explain?{query}")
        assert status == 400, query


def test_without_a_daemon_nothing_is_asked(resolver):
    done = ctl.run("explain", "--name", NAME)
    assert done.returncode == 3
    assert not resolver.asked
