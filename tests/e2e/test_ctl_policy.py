# SPDX-License-Identifier: Apache-2.0
"""ztactl policy check, show --default, schema: without a daemon, without privileges."""

import json
import os
from pathlib import Path

import pytest

from zt import ctl, policy

COUNTS = ("services", "names", "prefixes", "profiles", "workloads", "identities")
LIMIT = 4 * 1024 * 1024


@pytest.fixture
def write(tmp_path):
    """Write a document, get its path."""

    def _write(document: dict | str | bytes, name: str = "policy.json") -> Path:
        data = json.dumps(document) if isinstance(document, dict) else document
        path = tmp_path / name
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return path

    return _write


def check(path: object, code: int, **more) -> dict:
    """Both outputs of policy check; they must say the same."""
    done = ctl.run("policy", "check", path, "-o", "json", **more)
    value = ctl.value(done)
    text = ctl.run("policy", "check", path, **more)
    assert done.returncode == text.returncode == code
    assert value["file"] == str(path)
    assert value["valid"] is (code == 0)
    assert bool(value["errors"]) is (code == 1)
    check_summary(value["summary"], value["valid"])

    lines = []
    for kind, items in (("", value["errors"]), ("warning: ", value["warnings"])):
        assert items == sorted(items, key=lambda i: (i["line"], i["column"]))
        for item in items:
            assert set(item) == {"line", "column", "path", "message"}
            where = f"{item['path']}: " if item["path"] else ""
            place = f"{path}:{item['line']}:{item['column']}"
            lines.append(f"{place}: {kind}{where}{item['message']}")
    assert text.stderr.splitlines() == lines
    word = "valid" if code == 0 else "not valid"
    assert text.stdout.startswith(f"{path}: {word}, ")
    return value


def check_summary(summary: dict, valid: bool) -> None:
    for name in COUNTS:
        assert isinstance(summary[name], int)
    assert bool(summary["maps"]) is valid
    for entry in summary["maps"]:
        assert isinstance(entry["map"], str)
        assert 0 <= entry["used"] <= entry["capacity"]


def test_a_valid_document(write):
    document = policy.suite()
    value = check(write(document), 0)
    assert value["errors"] == []
    assert value["summary"]["services"] == len(document["services"]) == 2
    assert value["summary"]["profiles"] == len(document["profiles"]) > 0
    assert value["summary"]["workloads"] == len(document["workloads"]) > 0


def test_the_summary_as_text(write):
    lines = ctl.run("policy", "check", write(policy.suite())).stdout.splitlines()
    assert ["services", "2"] in [line.split() for line in lines]
    head = next(line for line in lines if "CAPACITY" in line)
    assert head.split() == ["MAP", "USED", "CAPACITY", "FULL"]


def test_an_error_names_its_place(write):
    path = write(
        """{
  "apiVersion": "zta/v1",
  "kind": "Policy",
  "metadata": { "name": "p" },
  "mode": "enforce",
  "services": [
    { "name": "s", "names": ["a.example.org"],
      "private_link": ["10.0.0.0/24",
        "10.0.0.0/33"] }
  ]
}
"""
    )
    (error,) = check(path, 1)["errors"]
    assert (error["line"], error["column"]) == (9, 9)
    assert error["path"] == "services[0].private_link[1]"
    assert error["message"] == '"10.0.0.0/33" is not an IP prefix'
    assert ctl.run("policy", "check", path).stderr == (
        f'{path}:9:9: services[0].private_link[1]: "10.0.0.0/33" is not an IP prefix\n'
    )


def test_all_errors_are_told(write):
    document = policy.suite(mode="sometimes", frob=1)
    document["services"][0]["private_link"] = ["@none", "10.0.0.1/8"]
    document["default_profile"] = "nobody"
    paths = {e["path"] for e in check(write(document), 1)["errors"]}
    assert paths >= {
        "mode",
        "frob",
        "services[0].private_link[0]",
        "services[0].private_link[1]",
        "default_profile",
    }


def test_a_file_of_errors_stays_a_screenful_of_megabytes(write):
    """The square of the document, when each of many errors repeats a long name around it."""
    many = '{"prefixes": {"' + "x" * 200_000 + '": [' + "1," * 20_000 + "1]}}"
    done = ctl.run("policy", "check", write(many), "-o", "json")
    assert done.returncode == 1
    assert len(done.stdout) < 8_000_000
    errors = ctl.value(done)["errors"]
    assert len(errors) == 10_001
    assert sum("the others are not told" in e["message"] for e in errors) == 1


def test_what_does_not_fit_is_sorted_by_place_too(write):
    """Found in the order of the tables: longest prefixes of the lowest addresses first."""
    document = policy.suite()
    document["profiles"][0]["egress"]["rules"] = [
        {"action": "allow", "cidr": f"10.{net}.0.0/16", "ports": [port]}
        for net in (3, 1, 2)
        for port in range(1, 131, 2)
    ]
    errors = check(write(document), 1)["errors"]
    assert len(errors) == 3
    assert all("can match 65 rules" in e["message"] for e in errors)


def test_the_file_is_named_as_given(write, tmp_path, monkeypatch):
    write("{}")
    monkeypatch.chdir(tmp_path)
    check("./../" + tmp_path.name + "/policy.json", 1)
    check("policy.json", 1)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"a":1} x', "\ufeff{}", '"\0"', '{"a":'])
def test_what_is_no_document(write, text):
    assert check(write(text), 1)["summary"] == {**dict.fromkeys(COUNTS, 0), "maps": []}


def test_bytes_that_are_no_text(write):
    check(write(b'{"kind": "\xff\xfe"}'), 1)


def test_warnings_change_nothing(write):
    document = policy.suite()
    document["prefixes"]["unused"] = ["10.99.0.0/16"]
    warnings = check(write(document), 0)["warnings"]
    assert "prefixes.unused" in [w["path"] for w in warnings]


def test_what_needs_kubernetes_is_a_warning(write):
    document = policy.suite()
    document["profiles"][0]["egress"]["rules"].append({"action": "allow", "to": "kubernetes-api"})
    warnings = check(write(document), 0)["warnings"]
    assert any(w["path"].startswith("profiles[0].egress.rules[1]") for w in warnings)


def test_the_largest_document(write):
    text = json.dumps(policy.suite())
    check(write(text + " " * (LIMIT - len(text))), 0)
    errors = check(write(text + " " * (LIMIT + 1 - len(text))), 1)["errors"]
    assert len(errors) == 1


def test_no_control_characters_reach_the_terminal(write):
    document = policy.suite()
    document["services"][0]["private_link"] = ["10.0.0.0/8\x1b]0;owned\x07\u202e"]
    path = write(document)
    assert check_places(path, 1)
    done = ctl.run("policy", "check", path)
    assert not set(done.stderr + done.stdout) & set("\x1b\x07\u202e")


def check_places(path: Path, errors: int) -> bool:
    value = ctl.value(ctl.run("policy", "check", path, "-o", "json"))
    return len(value["errors"]) == errors


@pytest.mark.parametrize(
    "path, why",
    [
        ("/nonexistent/policy.json", "No such file or directory"),
        ("/", "Is a directory"),
        ("", "No such file or directory"),
    ],
)
def test_a_file_that_cannot_be_read(path, why):
    detail = f"cannot read '{path}': {why}"
    done = ctl.run("policy", "check", path, "-o", "json")
    assert done.returncode == 1
    assert ctl.value(done) == {"error": "cannot-read", "detail": detail}
    done = ctl.run("policy", "check", path)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"ztactl: {detail}\n")


def test_a_file_whose_name_is_no_text(write):
    name = os.fsdecode(b"p\xff.json")
    done = ctl.run("policy", "check", write(policy.suite(), name), "-o", "json")
    assert done.returncode == 0
    assert ctl.value(done)["file"].endswith("/p\ufffd.json")
    for path in (write("{}", name), "/nonexistent" + name):
        for verb in ("policy check", "explain --addr 8.8.8.8 --policy"):
            done = ctl.run(*verb.split(), path, "-o", "json")
            assert done.returncode == 1
            value = ctl.value(done)
            assert value.get("file", value.get("detail", "")).count("p\ufffd.json") == 1


@pytest.mark.parametrize("name", ["/dev/stdin", "-"])
def test_a_pipe_is_a_file(name):
    text = json.dumps(policy.suite())
    done = ctl.run("policy", "check", name, "-o", "json", stdin=text)
    assert (done.returncode, ctl.value(done)["valid"]) == (0, True)
    done = ctl.run("explain", "--policy", name, "--addr", "::1", "-o", "json", stdin=text)
    assert (done.returncode, ctl.value(done)["row"]) == (0, 3)
    assert ctl.run("policy", "check", name, stdin="{").stderr.startswith(f"{name}:1:2: ")


def test_no_privileges_are_needed(write, tmp_path):
    path = write(policy.suite())
    for directory in (tmp_path, *tmp_path.parents):
        if directory.name.startswith(("pytest", "test_")):
            os.chmod(directory, 0o755)
    done = ctl.run(
        "policy", "check", path, "-o", "json", user=65534, group=65534, extra_groups=[]
    )
    assert (done.returncode, ctl.value(done)["valid"]) == (0, True)


# --- show --default, schema


def test_the_builtin_policy_is_valid_and_audits(write):
    done = ctl.run("policy", "show", "--default")
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert (document["apiVersion"], document["kind"]) == ("zta/v1", "Policy")
    assert document["mode"] == "audit"
    value = check(write(done.stdout), 0)
    assert value["summary"]["services"] == len(document["services"])


def test_the_builtin_policy_with_json_is_the_same():
    plain = ctl.run("policy", "show", "--default")
    done = ctl.run("policy", "show", "--default", "-o", "json")
    assert (done.returncode, done.stderr, done.stdout) == (0, "", plain.stdout)


def test_the_schema_is_one():
    done = ctl.run("policy", "schema")
    assert (done.returncode, done.stderr) == (0, "")
    schema = json.loads(done.stdout)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert set(schema["required"]) == {"apiVersion", "kind", "metadata", "mode"}
    assert schema["additionalProperties"] is False
    assert set(policy.suite()) <= set(schema["properties"])
    assert ctl.value(ctl.run("policy", "schema", "-o", "json")) == schema


def test_presets_are_listed():
    presets = ctl.value(ctl.run("services", "--presets", "-o", "json"))
    by_name = {p["name"]: p for p in presets}
    assert by_name["azure-openai"]["use"] == "services"
    assert by_name["azure-openai"]["ai"] is True
    assert by_name["azure-key-vault"]["ai"] is False
    assert "*.openai.azure.com" in by_name["azure-openai"]["names"]
    assert "privatelink.openai.azure.com" in by_name["azure-openai"]["zones"]
    assert by_name["public-ai"]["use"] == "ai_public"
    assert by_name["entra"]["use"] == "rules"
    assert "20.190.128.0/18" in by_name["entra"]["prefixes"]
    assert by_name["arm"]["prefixes"] == []
    lines = ctl.run("services", "--presets").stdout.splitlines()
    assert lines[0].split() == ["PRESET", "FOR", "NAMES", "ZONES", "PREFIXES"]
    assert [line.split()[0] for line in lines[1:]] == [p["name"] for p in presets]
