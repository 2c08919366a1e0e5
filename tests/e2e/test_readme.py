# SPDX-License-Identifier: Apache-2.0
"""What the README says of this tree: its example, its commands, its map of the house."""

import json
import re

import pytest

from zt import ctl
from zt.sh import ROOT, sh

README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLES = [t for t in re.findall(r"```json\n(.*?)```", README, re.DOTALL) if "apiVersion" in t]


def map_of(place: str) -> set[str]:
    """The words behind PLACE/ on the map, up to the remark in parentheses."""
    found = re.search(rf"^    {place}/ +([^(]*)", README, re.MULTILINE)
    return {word.rstrip("/") for word in found[1].split()}


def directories(place: str) -> set[str]:
    """Those that hold sources; not what a tool left behind."""
    kinds = {".c", ".py", ".txt", ".case", ".sh"}
    return {d.name for d in (ROOT / place).iterdir() if d.is_dir() and kinds & suffixes(d)}


def suffixes(directory) -> set[str]:
    return {file.suffix for file in directory.rglob("*")}


@pytest.mark.parametrize("text", EXAMPLES)
def test_each_policy_is_valid_and_without_warnings(text, tmp_path):
    (tmp_path / "p.json").write_text(text)
    done = ctl.run("-o", "json", "policy", "check", tmp_path / "p.json")
    said = json.loads(done.stdout)
    assert (done.returncode, said["errors"], said["warnings"]) == (0, [], [])


def test_the_cgroup_that_is_asked_about_is_one_of_the_example(tmp_path):
    (tmp_path / "p.json").write_text(EXAMPLES[0])
    words = re.search(r"ztactl (explain --addr .*)", README)[1].split()
    done = ctl.run("-o", "json", *words, "--policy", tmp_path / "p.json")
    said = json.loads(done.stdout)
    assert (done.returncode, said["profile"], said["reason"]) == (1, "chat", "public-egress")


def test_its_verbs_are_there():
    said = re.findall(r"`?ztactl ((?:policy |token |audit )?[a-z]+)", README)
    assert said and set(said) <= set(ctl.verbs())


@pytest.mark.parametrize("place, beside", [("user", set()), ("tests", {"lib", "helpers"})])
def test_the_map_has_every_room(place, beside):
    assert map_of(place) == directories(place) - beside


def test_its_make_targets_are_there():
    said = set(re.findall(r"(?:`|sudo )make ([a-z][a-z-]*)", README))
    targets = {line.split()[0] for line in sh("make", "-C", ROOT, "help").splitlines() if line}
    assert {"demo", "check", "kernels", "bench"} <= said and said <= targets
