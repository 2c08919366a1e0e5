# SPDX-License-Identifier: Apache-2.0
"""Tests whose subject is known to be wrong or missing: what is written here is mended, then removed.

A test listed here runs all the same and is told as xfailed (or xpassed, when its line can go).
"""

GAPS = {
    "test_lifecycle.py::test_no_permitted_packet_is_lost": "a flow stands still over restarts",
    "test_lifecycle.py::test_a_listener_from_before_the_attach_still": "a flow stands still",
    "test_existing.py::test_kept_until_the_next_policy": "an adopted UDP socket outlives the policy",
    "test_existing.py::test_new_destinations_are_judged_either_way": "adopted and sent elsewhere",
}


def reason_of(nodeid: str) -> str | None:
    name = nodeid.rsplit("/", 1)[-1]
    return next((why for start, why in GAPS.items() if name.startswith(start)), None)
