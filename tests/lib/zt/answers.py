# SPDX-License-Identifier: Apache-2.0
"""The policy of the tests about live answers, and the names they ask for."""

import itertools

from . import dns as r
from . import policy
from . import resolvers as real
from . import world as w

OPENAI = "my.openai.azure.com"
LINK = "my.privatelink.openai.azure.com"
VAULT = "kv.vault.azure.net"

# Addresses that nothing was said about yet; all of both networks answer.
PRIVATE_NET, PUBLIC_NET = "10.20.64.0/18", "20.64.0.0/16"
_private, _public = itertools.count(1), itertools.count(1)


def fresh_private() -> str:
    """One more address inside openai's fence."""
    n = next(_private)
    return f"10.20.{64 + n // 250}.{n % 250 + 1}"


def fresh_public() -> str:
    n = next(_public)
    return f"20.64.{n // 250}.{n % 250 + 1}"


def lay_networks(world) -> None:
    """The addresses above, at their peers."""
    world.pe.ns.ip("route", "replace", "local", PRIVATE_NET, "dev", "lo")
    world.pub.ns.ip("route", "replace", "local", PUBLIC_NET, "dev", "lo")
    world.machine.ip("route", "replace", PRIVATE_NET, "via", w.PE)


def document(**changes) -> dict:
    """The suite's policy, with services that open by answers only.

    Profiles: app (openai, closed), pair (openai and vault, closed), open (openai, default allow),
    listed (as app, may ask for its own names only), ruled (opens *.wikipedia.org by name), hasty
    (as app, answers count for their TTL).
    """
    p = policy.suite(resolvers=[r.ADDRESS, r.ADDRESS6, real.ADDRESS, real.ADDRESS6], **changes)
    p["prefixes"]["pe"] = ["10.20.0.0/16", "fd00:20::/64"]
    for service in p["services"]:
        del service["require_resolution"]
    closed = {"default": "deny"}
    rule = {"action": "allow", "names": ["*.wikipedia.org"], "tls": False}
    p["profiles"] += [
        {"name": "pair", "services": ["openai", "vault"], "egress": closed},
        {"name": "listed", "services": ["openai"], "egress": closed, "dns": {"names": "listed"}},
        {"name": "hasty", "extends": "app", "resolution_grace_s": 0},
        {"name": "ruled", "egress": {"default": "deny", "rules": [rule]}},
    ]
    p["workloads"] += [
        {"match": {"cgroup": f"/{name}*"}, "profile": name} for name in ("pair", "listed", "hasty", "ruled")
    ]
    return p
