# SPDX-License-Identifier: Apache-2.0
"""Tests whose subject is known to be wrong or missing: what is written here is mended, then removed.

A test listed here runs all the same and is told as xfailed (or xpassed, when its line can go).
"""

GAPS = {
    "test_existing.py::test_kept_until_the_next_policy": "an adopted UDP socket outlives the policy",
}


def reason_of(nodeid: str) -> str | None:
    name = nodeid.rsplit("/", 1)[-1]
    return next((why for start, why in GAPS.items() if name.startswith(start)), None)
