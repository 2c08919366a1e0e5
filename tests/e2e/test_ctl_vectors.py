# SPDX-License-Identifier: Apache-2.0
"""ztactl finds the name pattern that the vectors of all matchers name."""

import json
from pathlib import Path

import pytest

from zt import ctl

VECTORS = Path(__file__).parents[1] / "names" / "vectors.txt"


def vectors() -> list:
    lines = enumerate(VECTORS.read_text().splitlines(), 1)
    return [
        pytest.param(*line.split("\t"), id=f"line {number}")
        for number, line in lines
        if line and not line.startswith("#")
    ]


@pytest.mark.parametrize("name,patterns,want", vectors())
def test_the_rule_of_the_pattern_that_decides(name, patterns, want, tmp_path):
    rules = [{"action": "allow", "names": [pattern]} for pattern in patterns.split()]
    file = tmp_path / "policy.json"
    file.write_text(
        json.dumps({
            "apiVersion": "zta/v1",
            "kind": "Policy",
            "metadata": {"name": "vectors"},
            "mode": "enforce",
            "profiles": [{"name": "p", "egress": {"rules": rules}}],
            "default_profile": "p",
        })
    )  # fmt: skip
    answer = f"{name}=192.0.2.1"
    done = ctl.run("explain", "--policy", file, "--name", name, "--answer", answer, "-o", "json")
    found = ctl.value(done)["addresses"][0]
    if want == "-":
        assert (found["verdict"], found["reason"]) == ("deny", "public-egress")
    else:
        at = [p.lower().rstrip(".") for p in patterns.split()].index(want)
        assert (found["verdict"], found["reason"]) == ("allow", "egress-rule")
        assert found["rule"] == f"profiles[0].egress.rules[{at}]"
