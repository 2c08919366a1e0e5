# SPDX-License-Identifier: Apache-2.0
"""How policies come into force: file, signal, apply; and how bad ones do not."""

import json
import signal

import pytest

from zt import policy
from zt import world as w
from zt.sh import wait_for


def revised(n: int, **changes) -> dict:
    return policy.suite(metadata={"name": "suite", "revision": n}, **changes)


def wait_revision(ztad, n: int) -> dict:
    def probe():
        found = ztad.get("status")["policy"]
        return found if found["revision"] == n else None

    return wait_for(f"revision {n}", probe, 2.5)


def test_renamed_file_is_applied(ztad):
    before = ztad.get("status")["policy"]["generation"]
    ztad.write_policy(revised(101))
    now = wait_revision(ztad, 101)
    assert (now["generation"], now["source"]) == (before + 1, "file")


def test_file_written_in_place_is_applied(ztad):
    ztad.policy.write_text(json.dumps(revised(102)))
    wait_revision(ztad, 102)


def test_config_map_swap_is_applied(ztad):
    """kubelet's way: policy.json -> ..data/policy.json, and ..data is swapped."""
    base = ztad.policy.parent
    for n in (103, 104):
        (base / f"..v{n}").mkdir()
        (base / f"..v{n}" / "policy.json").write_text(json.dumps(revised(n)))
    (base / "..data").symlink_to("..v103")
    link = base / "policy.link"
    link.symlink_to("..data/policy.json")
    link.rename(ztad.policy)
    wait_revision(ztad, 103)
    (base / "..tmp").symlink_to("..v104")
    (base / "..tmp").rename(base / "..data")
    wait_revision(ztad, 104)
    ztad.policy.unlink()
    ztad.write_policy(revised(105))
    wait_revision(ztad, 105)


def test_same_bytes_are_unchanged(ztad):
    text = json.dumps(revised(106)).encode()
    ztad.write_policy(text)
    generation = wait_revision(ztad, 106)["generation"]
    unchanged = ztad.metric('zta_policy_reloads_total{result="unchanged"}')
    ztad.proc.send_signal(signal.SIGHUP)
    wait_for(
        "the reload to be counted",
        lambda: ztad.metric('zta_policy_reloads_total{result="unchanged"}') > unchanged,
    )
    assert ztad.get("status")["policy"]["generation"] == generation
    status, body = ztad.http("POST", "/v1/policy", text)
    said = json.loads(body)
    assert status == 200 and said["unchanged"] is True and said["generation"] == generation


def test_apply_tells_the_difference_and_later_wins(ztad):
    ztad.write_policy(revised(107))
    wait_revision(ztad, 107)
    dry = json.loads(
        ztad.http("POST", "/v1/policy?dry-run=true", json.dumps(revised(108)).encode())[1]
    )
    assert dry["applied"] is False and ztad.get("status")["policy"]["revision"] == 107
    said = ztad.apply(revised(108))
    assert said["applied"] is True
    assert {"path": "metadata.revision", "old": 107, "new": 108} in said["changes"]
    assert ztad.get("status")["policy"]["source"] == "apply"
    assert json.loads(ztad.policy.read_text())["metadata"]["revision"] == 107
    ztad.proc.send_signal(signal.SIGHUP)  # reads the file even though it did not change
    assert wait_revision(ztad, 107)["source"] == "file"


def test_the_document_in_force_outlives_its_file(ztad):
    """Somebody clears the state directory: what is asked about the policy is still answered."""
    ztad.apply(revised(109))
    for path in ztad.state.glob("policy-*.json"):
        path.unlink()
    assert ztad.get("policy/show") == revised(109)
    assert {s["name"] for s in ztad.get("services")} == {"openai", "vault"}
    code, said = ztad.ctl_code("explain", "--addr", w.PUBLIC, "--profile", "app")
    assert (code, said["reason"]) == (1, "public-egress")
    assert ztad.apply(revised(108))["changes"] == [
        {"path": "metadata.revision", "old": 109, "new": 108}
    ]


def test_a_document_changed_by_hand_is_not_believed(ztad, world, troupe):
    """It is not what was accepted. What the kernel enforces stays, and so does the way out."""
    ztad.apply(revised(109))
    sha256 = ztad.get("status")["policy"]["sha256"]
    (ztad.state / f"policy-{sha256}.json").write_text("{}")
    status, body = ztad.http("GET", "/v1/policy/show")
    assert status == 500 and "cannot read the policy in force" in json.loads(body)["detail"]
    assert ztad.http("GET", f"/v1/explain?addr={w.PUBLIC}")[0] == 500
    with pytest.raises(PermissionError):
        troupe.get("app").tcp().connect((w.PUBLIC, world.port()))
    said = ztad.apply(revised(108))
    assert said["applied"] is True
    assert [(c["path"], c["old"]) for c in said["changes"]] == [("", None)]
    assert ztad.get("policy/show") == revised(108)


def test_apply_with_confirm_goes_back(ztad):
    ztad.write_policy(revised(110))
    wait_revision(ztad, 110)
    body = json.dumps(revised(111)).encode()
    assert ztad.http("POST", "/v1/policy?confirm=1s", body)[0] == 200
    assert ztad.get("status")["policy"]["revision"] == 111
    wait_revision(ztad, 110)
    assert ztad.http("POST", "/v1/policy?confirm=60s", body)[0] == 200
    assert ztad.http("POST", "/v1/policy/confirm")[0] == 200
    assert ztad.http("POST", "/v1/policy/confirm")[0] == 409
    assert ztad.get("status")["policy"]["revision"] == 111


BAD = {
    "not JSON": "{",
    "trailing text": json.dumps(policy.suite()) + "x",
    "unknown member": json.dumps(policy.suite(extra=1)),
    "duplicate member": '{"apiVersion":"zta/v1","apiVersion":"zta/v1"}',
    "duplicate service": lambda d: d["services"].append(d["services"][0]),
    "65 services": lambda d: d["services"].extend(
        {"name": f"s{i}", "names": [f"s{i}.example.com"], "private_link": [f"10.99.{i}.0/24"]}
        for i in range(64)
    ),
    "cyclic extends": lambda d: d["profiles"].extend(
        [{"name": "x", "extends": "y"}, {"name": "y", "extends": "x"}]
    ),
    "unknown set": lambda d: d["services"][0].update(private_link=["@nothing"]),
    "bad prefix": lambda d: d["services"][0].update(private_link=["10.0.0.0/33"]),
    "host bits": lambda d: d["services"][0].update(private_link=["10.0.0.1/24"]),
    "port 0": lambda d: d["services"][0].update(ports=[0]),
    "port string without a range": lambda d: d["services"][0].update(ports=["443"]),
    "unknown profile": lambda d: d["workloads"].append(
        {"match": {"cgroup": "/z"}, "profile": "nobody"}
    ),
    "deep nesting": "[" * 33 + "]" * 33,
    "invalid UTF-8": b'{"apiVersion":"zta/v1","kind":"\xff"}',
    "a NUL": b'{"apiVersion":"zta/v1\x00"}',
    "a byte order mark": b"\xef\xbb\xbf" + json.dumps(policy.suite()).encode(),
    "empty": "",
    "to without Kubernetes": lambda d: d["profiles"][0]["egress"]["rules"].append(
        {"action": "allow", "to": "kubernetes-api"}
    ),
    "too many merged rules": lambda d: d["profiles"][0]["egress"]["rules"].extend(
        {"action": "allow", "cidr": f"10.{i}.0.0/16", "ports": [p]}
        for i in range(1)
        for p in range(1, 100)
    ),
}


def broken(how) -> bytes:
    if callable(how):
        document = policy.suite()
        how(document)
        return json.dumps(document).encode()
    return how if isinstance(how, bytes) else how.encode()


@pytest.mark.parametrize("name", BAD)
def test_rejected_and_nothing_changes(ztad, troupe, world, name):
    before = ztad.get("status")["policy"]
    code, body = ztad.http("POST", "/v1/policy", broken(BAD[name]))
    said = json.loads(body)
    assert code == 400 and said["error"], said
    assert said.get("errors"), said
    for error in said["errors"]:
        assert error["line"] >= 1 and error["column"] >= 1 and error["message"]
    assert ztad.get("status")["policy"] == before
    with pytest.raises(PermissionError):
        troupe.get("app").tcp().connect((w.PUBLIC, world.port()))


def test_document_of_4_mib_is_taken_and_one_byte_more_is_not(ztad):
    text = json.dumps(revised(120))
    assert ztad.http("POST", "/v1/policy", text.ljust(4194304).encode())[0] == 200
    code, body = ztad.http("POST", "/v1/policy", text.ljust(4194305).encode())
    assert code in (400, 413) and json.loads(body)["error"]
    assert ztad.get("status")["policy"]["revision"] == 120


def test_a_policy_that_does_not_fit_is_refused_with_numbers(ztad):
    """More matching rules for one address than a merged list holds, and too many prefixes."""
    before = ztad.get("status")["policy"]
    document = revised(121)
    document["ai_public"]["cidrs"] = [
        f"{20 + (i >> 16)}.{(i >> 8) & 255}.{i & 255}.0/24" for i in range(65537)
    ]
    code, body = ztad.http("POST", "/v1/policy", json.dumps(document).encode())
    assert code == 400 and "65536" in body.decode(), body[:300]
    assert ztad.get("status")["policy"] == before


def test_rejected_file_makes_unhealthy_and_stays_ready(ztad, world, troupe):
    ztad.write_policy(revised(130))
    wait_revision(ztad, 130)
    rejected = ztad.metric('zta_policy_reloads_total{result="rejected"}')
    ztad.write_policy("{")
    wait_for(
        "the rejection", lambda: ztad.metric('zta_policy_reloads_total{result="rejected"}') > rejected
    )
    status = ztad.get("status")
    assert not status["healthy"] and "policy" in [p["id"] for p in status["problems"]]
    assert status["policy"]["revision"] == 130
    assert ztad.metrics("/readyz")[0] == 200
    assert ztad.ctl_code("status")[0] == 1
    with pytest.raises(PermissionError):
        troupe.get("app").tcp().connect((w.PUBLIC, world.port()))
    ztad.write_policy(revised(131))
    wait_revision(ztad, 131)
    assert ztad.get("status")["healthy"]


@pytest.mark.parametrize("rules", [1023, 1024])
def test_as_many_rules_as_a_profile_may_have(ztad, world, troupe, rules):
    """The limit, and that the last of them counts."""
    document = revised(140 + rules)
    document["profiles"][0]["egress"]["rules"] = [
        {"action": "allow", "cidr": f"10.{100 + i // 256}.{i % 256}.0/24"} for i in range(rules - 1)
    ] + [{"action": "allow", "cidr": w.PUBLIC}]
    ztad.apply(document)
    s = troupe.get("app").tcp()
    s.connect((w.PUBLIC, world.port()))
    assert s.echo() == b"zt-echo"
    ztad.apply(revised(141))
