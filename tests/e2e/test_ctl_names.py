# SPDX-License-Identifier: Apache-2.0
"""ztactl names: what live answers said, in the words of the policy in force."""

import pytest

from zt import learnt, policy
from zt import world as w

OPENAI, VAULT = "*.openai.azure.com", "*.vault.azure.net"
AI, RULE = "*.example-ai.com", "*.wikipedia.org"
GRACE = 3600


@pytest.fixture(autouse=True, scope="module")
def document(ztad):
    p = policy.suite(ai_public={"names": [AI], "cidrs": ["203.0.113.0/24"]})
    p["profiles"][0]["egress"]["rules"].append({"action": "allow", "names": [RULE]})
    p["profiles"].append({"name": "hasty", "resolution_grace_s": 60})
    ztad.apply(p)
    for n, name in enumerate(("my.openai.azure.com", "v.vault.azure.net", "api.example-ai.com",
                              "de.wikipedia.org", "odd\xff.openai.azure.com"), 1):  # fmt: skip
        learnt.text(ztad, name, n)


@pytest.fixture
def ids(ztad):
    return {p: learnt.pattern_id(ztad, p) for p in (OPENAI, VAULT, AI, RULE)}


def listed(ask) -> dict:
    code, value = ask("names")
    assert code == 0
    return {(e.get("name", e.get("pattern")), e["address"]): e for e in value}


def test_nothing_was_learnt_yet(ask, run):
    assert ask("names") == (0, [])
    assert run("names").stdout.split() == ["NAME", "ADDRESS", "SERVICE", "VERDICT", "EXPIRES_S"]


def test_verdicts(ztad, world, ids, ask):
    now = learnt.now()
    far = now + 10000
    m = world.machine
    learnt.learn(ztad, m, w.PE, [(1, ids[OPENAI], now, now + 30)])
    learnt.learn(ztad, m, w.PUBLIC, [(1, ids[OPENAI], now, far)])
    learnt.learn(ztad, m, w.PUBLIC_B, [(1, ids[OPENAI], now, far)], other=(now, far))
    learnt.learn(ztad, m, w.PE_OTHER, [(2, ids[VAULT], now, far)])
    learnt.learn(ztad, m, w.VAULT6, [(2, ids[VAULT], now, far)])
    learnt.learn(ztad, m, w.PUBLIC6, [(3, ids[AI], now, far), (1, ids[OPENAI], now, far)])
    learnt.learn(ztad, m, "203.0.113.80", [(4, ids[RULE], now, far)])
    learnt.learn(ztad, m, "93.184.216.34", [(4, ids[RULE], now, far)])
    learnt.learn(ztad, m, "93.184.216.35", [(99, ids[OPENAI], now, far)])
    found = listed(ask)
    assert {k: (e.get("service"), e["verdict"]) for k, e in found.items()} == {
        ("my.openai.azure.com", w.PE): ("openai", "private-link"),
        ("my.openai.azure.com", w.PUBLIC): ("openai", "resolves-public"),
        ("my.openai.azure.com", w.PUBLIC_B): ("openai", "default"),
        ("v.vault.azure.net", w.PE_OTHER): ("vault", "not-resolved"),
        ("v.vault.azure.net", w.VAULT6): ("vault", "private-link"),
        ("api.example-ai.com", w.PUBLIC6): (None, "ai-public"),
        ("my.openai.azure.com", w.PUBLIC6): ("openai", "ai-public"),
        ("de.wikipedia.org", "203.0.113.80"): (None, "ai-public"),
        ("de.wikipedia.org", "93.184.216.34"): (None, "default"),
        (OPENAI, "93.184.216.35"): ("openai", "resolves-public"),
    }
    one = found["my.openai.azure.com", w.PE]
    assert GRACE - 60 < one["expires_s"] <= GRACE  # longer than its TTL
    assert one["pattern"] == OPENAI
    assert "shared" not in one and "netns" not in one
    two = found["my.openai.azure.com", w.PUBLIC_B]
    assert 9900 < two["expires_s"] <= 10000
    assert two["shared"] is True


def test_what_is_over_is_not_told(ztad, world, ids, ask):
    now = learnt.now()

    def ago(seconds: int) -> int:
        return (now - seconds) % 2**32  # before boot too: the kernel counts so

    old = (1, ids[OPENAI], ago(GRACE + 5), 1)
    learnt.learn(ztad, world.machine, "10.20.0.77", [old])
    learnt.learn(
        ztad, world.machine, "20.1.2.77", [old, (2, ids[VAULT], now, now)], other=(ago(5000), 1)
    )
    found = listed(ask)
    assert ("my.openai.azure.com", "10.20.0.77") not in found
    assert ("my.openai.azure.com", "20.1.2.77") not in found
    assert found["v.vault.azure.net", "20.1.2.77"]["verdict"] == "resolves-public"


def test_answers_of_another_namespace_say_so(ztad, world, ids, ask):
    now = learnt.now()
    learnt.learn(
        ztad, world.pod, "20.1.2.99", [(1, ids[OPENAI], now, now + 9)], known=False
    )
    one = listed(ask)["my.openai.azure.com", "20.1.2.99"]
    assert one["netns"] == learnt.cookie(world.pod)


def test_the_table_is_sorted_and_clean(ztad, world, ids, run, ask):
    now = learnt.now()
    learnt.learn(ztad, world.machine, "20.1.2.88", [(5, ids[OPENAI], now, now + 9)])
    learnt.learn(ztad, world.machine, "20.1.2.87", [(5, ids[OPENAI], now, now + 9)])
    rows = [line.split() for line in run("names").stdout.splitlines()[1:]]
    assert all(len(r) == 5 for r in rows)
    names = [r[0] for r in rows]
    assert names == sorted(names, key=lambda n: n.replace("*", " "))
    assert ["20.1.2.87", "20.1.2.88"] == [r[1] for r in rows if r[0].startswith("odd")]
    assert [(e.get("name"), e["address"]) for e in ask("names")[1] if "odd" in e.get("name", "")]


def test_explain_judges_an_address_by_what_was_learnt(ztad, world, ids, ask):
    """As the kernel would: in our namespace, while it counts for that profile."""
    now, m, far = learnt.now(), world.machine, learnt.now() + 10000
    address, old, odd = "20.77.1.1", "20.77.1.2", "20.77.1.3"

    def explain(addr: str, profile: str = "open") -> tuple:
        value = ask("explain", "--addr", addr, "--profile", profile)[1]
        return value["verdict"], value["reason"], value.get("name")

    assert explain(address) == ("allow", "default", None)
    learnt.learn(ztad, world.pod, address, [(1, ids[OPENAI], now, far)])
    assert explain(address) == ("allow", "default", None)
    learnt.learn(ztad, m, address, [(1, ids[OPENAI], now, far)])
    denied = ("deny", "resolves-public", "my.openai.azure.com")
    for written in (address, "::ffff:" + address, "64:ff9b::144d:101"):
        assert explain(written) == denied
    learnt.learn(ztad, m, address, [(1, ids[OPENAI], now, far)], other=(now, far))
    assert explain(address)[:2] == ("allow", "default")  # shared: later rows decide
    learnt.learn(ztad, m, old, [(1, ids[OPENAI], now - 120, now - 100)])
    assert explain(old) == denied
    assert explain(old, "hasty")[1] == "public-egress"  # 60 s of grace are over
    for text in (5, 98):  # octets that no text has; forgotten
        learnt.learn(ztad, m, odd, [(text, ids[OPENAI], now, far)])
        assert explain(odd) == ("deny", "resolves-public", OPENAI)


def test_a_pattern_that_policy_has_no_more_is_any_name(ztad, world, ids, ask):
    now = learnt.now()
    learnt.learn(ztad, world.machine, w.PUBLIC, [(1, ids[OPENAI], now, now + 9000)])
    ztad.apply(policy.suite(services=[policy.suite()["services"][1]], profiles=[], workloads=[]))
    one = listed(ask)["my.openai.azure.com", w.PUBLIC]
    assert (one.get("service"), one["verdict"]) == (None, "default")
    ztad.apply(policy.suite())
    assert listed(ask)["my.openai.azure.com", w.PUBLIC]["verdict"] == "resolves-public"
