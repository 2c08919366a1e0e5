# SPDX-License-Identifier: Apache-2.0
"""`ztactl policy schema`: a valid schema, which accepts what the parser accepts."""

import copy
import json
import subprocess

import jsonschema
import pytest

from zt.daemon import ZTACTL
from zt.sh import ROOT

HEAD = {"apiVersion": "zta/v1", "kind": "Policy", "metadata": {"name": "t"}, "mode": "enforce"}


def cases():
    """(title, document, whether the parser refuses it) of the cases that are JSON at all."""
    for path in sorted((ROOT / "tests/policy").glob("*.case")):
        for case in path.read_text().split("\n=== ")[1:]:
            title, _, rest = case.partition("\n")
            text = rest.split("--- ")[0]
            if not title.startswith("document:"):
                text = "{" + text + "}"
            try:
                document = json.loads(text)
            except ValueError:
                continue
            if not title.startswith("document:"):
                document = HEAD | document
            yield f"{path.stem}: {title}", document, "\n--- errors" in "\n" + rest


CASES = list(cases())


@pytest.fixture(scope="module")
def schema():
    done = subprocess.run([ZTACTL, "policy", "schema"], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def validator(schema):
    return jsonschema.Draft202012Validator(schema)


def test_it_is_a_schema(schema):
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("document", [pytest.param(d, id=t) for t, d, wrong in CASES if not wrong])
def test_what_the_parser_accepts_it_accepts(validator, document):
    assert [e.message for e in validator.iter_errors(document)] == []


def test_what_it_refuses_the_parser_refuses(validator):
    refused = [(t, wrong) for t, d, wrong in CASES if not validator.is_valid(d)]
    assert len(refused) > 20
    assert [t for t, wrong in refused if not wrong] == []


def example():
    return copy.deepcopy(next(d for t, d, _ in CASES if t == "example: document: the example"))


def set_at(document, path, value):
    *parents, last = path
    for step in parents:
        document = document[step]
    document[last] = value


@pytest.mark.parametrize(
    "path, value",
    [
        (["unknown"], 1),
        (["mode"], "off"),
        (["metadata", "revision"], -1),
        (["services", 0, "name"], "Not A Name"),
        (["services", 0, "preset"], "azure"),
        (["services", 0, "private_link"], []),
        (["services", 2, "ports"], ["443"]),
        (["services", 2, "ports"], [0]),
        (["services", 2, "names"], ["a.*.b"]),
        (["services"], [{"name": "x", "private_link": ["10.0.0.1"]}]),
        (["profiles", 1, "services"], "all"),
        (["profiles", 1, "egress", "rules", 0, "to"], "node"),
        (["profiles", 1, "egress", "rules", 0, "expires"], "tomorrow"),
        (["profiles", 1, "egress", "rules", 3, "expires"], "2027-01-01"),
        (["profiles", 1, "egress", "rules", 0], {"action": "allow"}),
        (["profiles", 1, "egress", "rules", 0], {"action": "allow", "proxy": "corp"}),
        (["profiles", 0, "identity"], {"client_id": "0a000000-0000-0000-0000-00000000000f"}),
        (["profiles", 0, "identity"], {"audiences": []}),
        (["profiles", 0, "identity"], {"audiences": ["https://*.example"]}),
        (["profiles", 0, "identity"], {"audiences": ["api://a"], "client_id": "me"}),
        (["profiles", 0, "identity"], {"audiences": ["api://a"], "rate_per_minute": 0}),
        (["workloads", 0, "match", "kubernetes"], {}),
        (["workloads", 0, "match"], {}),
    ],
)
def test_it_refuses(validator, path, value):
    document = example()
    assert validator.is_valid(document)
    set_at(document, path, value)
    assert not validator.is_valid(document)


def test_the_example_of_the_manual_is_valid(validator, tmp_path):
    page = (ROOT / "tools/man/zta-policy.5").read_text()
    text = next(b for b in page.split(".Bd -literal") if '"apiVersion"' in b)
    text = text.partition("\n")[2].partition("\n.Ed")[0]
    assert [e.message for e in validator.iter_errors(json.loads(text))] == []
    (tmp_path / "policy.json").write_text(text)
    done = subprocess.run(
        [ZTACTL, "-o", "json", "policy", "check", tmp_path / "policy.json"],
        capture_output=True, text=True, check=False,
    )
    assert json.loads(done.stdout)["errors"] == []
    assert json.loads(done.stdout)["warnings"] == []
    assert done.returncode == 0
