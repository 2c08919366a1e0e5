# SPDX-License-Identifier: Apache-2.0
"""ztactl against the module's daemon."""

import json
import subprocess

import pytest

from zt import ctl, policy


@pytest.fixture
def run(ztad):
    """ztactl against this daemon."""

    def _run(*args: object, **more) -> subprocess.CompletedProcess:
        return ctl.run(*args, socket=str(ztad.socket), **more)

    return _run


@pytest.fixture
def ask(run):
    """(exit code, the one JSON value)"""

    def _ask(*args: object):
        done = run(*args, "-o", "json")
        return done.returncode, ctl.value(done)

    return _ask


@pytest.fixture
def file(tmp_path):
    def _file(document: dict | str, name: str = "new.json"):
        path = tmp_path / name
        path.write_text(json.dumps(document) if isinstance(document, dict) else document)
        return path

    return _file


@pytest.fixture
def suite(ztad):
    """The suite's policy is in force, before and after."""
    ztad.apply(policy.suite())
    yield
    ztad.apply(policy.suite())
