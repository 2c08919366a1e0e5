# SPDX-License-Identifier: Apache-2.0
"""ztactl policy show, diff, apply, confirm against a living daemon."""

import hashlib
import json
import time

from zt import ctl, policy
from zt.sh import wait_for


def test_policy_show_gives_the_accepted_bytes(ztad, run, ask, file):
    text = json.dumps(policy.suite(metadata={"name": "shown"}), indent=7) + "\n \n"
    path = file(text)
    assert run("policy", "apply", path).returncode == 0
    for args in ([], ["-o", "json"]):
        done = run("policy", "show", *args)
        assert (done.returncode, done.stderr, done.stdout) == (0, "", text)
    digest = hashlib.sha256(text.encode()).hexdigest()
    assert ask("status")[1]["policy"]["sha256"] == digest


def test_policy_diff(suite, run, ask, file):
    same = file(policy.suite(), "same.json")
    assert ask("policy", "diff", same) == (0, {"changes": []})
    assert run("policy", "diff", same).stdout == "no difference\n"

    changed = policy.suite()
    changed["services"][0]["ports"] = [8443]
    other = file(changed, "other.json")
    code, value = ask("policy", "diff", other)
    assert code == 1
    assert value["changes"]
    assert all(set(c) == {"path", "old", "new"} for c in value["changes"])
    assert all(c["path"].startswith("services[0].ports") for c in value["changes"])
    done = run("policy", "diff", other)
    assert (done.returncode, done.stderr) == (1, "")
    assert any(line.startswith("    + ") and "8443" in line for line in done.stdout.splitlines())
    assert run("policy", "show").stdout == json.dumps(policy.suite())


def test_policy_diff_of_an_invalid_document(suite, run, ask, file):
    path = file(policy.suite(mode="off"))
    code, value = ask("policy", "diff", path)
    assert (code, value["error"]) == (1, "invalid-policy")
    assert [e["path"] for e in value["errors"]] == ["mode"]


def test_policy_apply(suite, run, ask, file):
    generation = ask("status")[1]["policy"]["generation"]
    path = file(policy.suite(metadata={"name": "next", "revision": 2}))

    code, dry = ask("policy", "apply", path, "--dry-run")
    assert (code, dry["applied"]) == (0, False)
    assert {c["path"] for c in dry["changes"]} == {"metadata.name", "metadata.revision"}
    assert run("policy", "apply", path, "--dry-run").stdout.startswith("would be applied: 2 changes")
    assert ask("status")[1]["policy"]["generation"] == generation

    code, value = ask("policy", "apply", path)
    assert (code, value["applied"], value["unchanged"]) == (0, True, False)
    assert value["generation"] > generation
    assert value["changes"] == dry["changes"]
    status = ask("status")[1]["policy"]
    assert (status["name"], status["source"]) == ("next", "apply")
    assert status["generation"] == value["generation"]

    code, again = ask("policy", "apply", path)
    assert (code, again["unchanged"], again["generation"]) == (0, True, value["generation"])
    text = run("policy", "apply", path).stdout
    assert text == f"unchanged: generation {value['generation']} is in force\n"


def test_policy_apply_as_text(suite, run, file):
    done = run("policy", "apply", file(policy.suite(metadata={"name": "told"})))
    first, *rest = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (0, "")
    assert first.startswith("applied: generation ")
    assert "  metadata.name" in rest
    assert '    - "suite"' in rest
    assert '    + "told"' in rest


def test_policy_apply_of_an_invalid_document(suite, run, ask, file):
    before = ask("status")[1]["policy"]
    document = policy.suite(mode="off")
    document["services"][0]["private_link"] = ["10.0.0.0/33"]
    path = file(document)
    code, value = ask("policy", "apply", path)
    assert (code, value["error"]) == (1, "invalid-policy")
    checked = ctl.value(ctl.run("policy", "check", path, "-o", "json"))
    assert value["errors"] == checked["errors"]
    done = run("policy", "apply", path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(run("policy", "check", path).stderr)
    assert ask("status")[1]["policy"] == before


def test_policy_apply_of_what_needs_kubernetes(suite, ask, file):
    document = policy.suite()
    document["profiles"][0]["egress"]["rules"].append({"action": "allow", "to": "kubernetes-api"})
    code, value = ask("policy", "apply", file(document))
    assert code == 1
    assert [e["path"] for e in value["errors"]] == ["profiles[0].egress.rules[1].to"]


def test_policy_apply_of_no_file(suite, ask):
    assert ask("policy", "apply", "/nonexistent") == (
        1,
        {
            "error": "cannot-read",
            "detail": "cannot read '/nonexistent': No such file or directory",
        },
    )


def test_policy_confirm(suite, run, ask, file):
    code, value = ask("policy", "confirm")
    assert (code, value["error"]) == (1, "conflict")
    before = ask("status")[1]["policy"]["name"]

    path = file(policy.suite(metadata={"name": "tried"}))
    done = run("policy", "apply", path, "--confirm", "2s")
    assert done.returncode == 0
    assert "goes back in 2s" in done.stdout
    assert ask("status")[1]["policy"]["name"] == "tried"
    wait_for("the way back", lambda: ask("status")[1]["policy"]["name"] == before, 10)

    assert ask("policy", "apply", path, "--confirm", "3s")[0] == 0
    code, value = ask("policy", "confirm")
    assert code == 0
    generation = ask("status")[1]["policy"]["generation"]
    assert value["generation"] == generation
    # Nothing happens: the only thing to wait for is the time.
    deadline = time.monotonic() + 4
    while time.monotonic() < deadline:
        assert ask("status")[1]["policy"]["generation"] == generation
        time.sleep(0.2)
