# SPDX-License-Identifier: Apache-2.0
"""The policy of the tests about live answers, and the names they ask for."""

from . import dns as r
from . import policy

OPENAI = "my.openai.azure.com"
LINK = "my.privatelink.openai.azure.com"
VAULT = "kv.vault.azure.net"


def document(**changes) -> dict:
    """The suite's policy, with services that open by answers only.

    Profiles: app (openai, closed), pair (openai and vault, closed), open (openai, default allow),
    listed (as app, may ask for its own names only), ruled (opens *.wikipedia.org by name).
    """
    p = policy.suite(resolvers=[r.ADDRESS, r.ADDRESS6, r.SECOND], **changes)
    for service in p["services"]:
        del service["require_resolution"]
    closed = {"default": "deny"}
    rule = {"action": "allow", "names": ["*.wikipedia.org"], "tls": False}
    p["profiles"] += [
        {"name": "pair", "services": ["openai", "vault"], "egress": closed},
        {"name": "listed", "services": ["openai"], "egress": closed, "dns": {"names": "listed"}},
        {"name": "ruled", "egress": {"default": "deny", "rules": [rule]}},
    ]
    p["workloads"] += [
        {"match": {"cgroup": f"/{name}*"}, "profile": name} for name in ("pair", "listed", "ruled")
    ]
    return p
