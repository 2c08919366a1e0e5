# SPDX-License-Identifier: Apache-2.0
"""Policies for the test network, as dictionaries."""

import copy

from . import world as w

# Profiles by the first component of a workload's cgroup: /app* is judged by `app`, and so on.
_BASE: dict = {
    "apiVersion": "zta/v1",
    "kind": "Policy",
    "metadata": {"name": "suite", "revision": 1},
    "mode": "enforce",
    "resolvers": [w.RESOLVER],
    "prefixes": {"pe": ["10.20.0.0/24", "fd00:20::/64"]},
    "services": [
        {
            "name": "openai",
            "preset": "azure-openai",
            "private_link": ["@pe"],
            "ports": [443, "20000-29999"],
            "require_resolution": False,
        },
        {
            "name": "vault",
            "preset": "azure-key-vault",
            "private_link": ["10.21.0.0/24", "fd00:21::/64"],
            "ports": [443, "20000-29999"],
            "require_resolution": False,
        },
    ],
    "ai_public": {"cidrs": ["203.0.113.0/24", "2600:a1::/32"]},
    "profiles": [
        {
            "name": "app",
            "services": ["openai"],
            "egress": {
                "default": "deny",
                "rules": [{"action": "allow", "cidr": "10.40.0.0/16", "protocol": "tcp"}],
            },
        },
        # everything IPv6 is allowed: only an IPv4 address inside can be refused
        {
            "name": "six",
            "services": ["openai"],
            "egress": {"default": "deny", "rules": [{"action": "allow", "cidr": "::/0"}]},
        },
        {"name": "open", "services": ["openai"], "egress": {"default": "allow"}},
        # streams to anywhere, but no datagrams
        {
            "name": "streams",
            "egress": {
                "default": "allow",
                "rules": [{"action": "deny", "cidr": "0.0.0.0/0", "protocol": "udp"}],
            },
        },
        {"name": "shut", "extends": "closed"},
        {"name": "free", "extends": "host"},
    ],
    "workloads": [
        {"match": {"cgroup": f"/{name}*"}, "profile": name}
        for name in ("app", "six", "open", "streams", "shut", "free")
    ]
    + [{"match": {"cgroup": "/noai*"}, "profile": "no-ai"}],
    "default_profile": "host",
}


def suite(**changes: object) -> dict:
    """The policy of the suite with top-level members replaced."""
    return copy.deepcopy({**_BASE, **changes})


PROXY, PROXY_PORTS = w.DATABASE, [8080, 8081]


def server_names(resolver: str) -> dict:
    """Workloads /app, /named (closed but for names), /wide, /noai; a proxy."""
    p = suite(resolvers=[resolver])
    p["ai_public"]["names"] = ["*.example-ai.com"]
    p["proxies"] = [{"name": "corp", "cidrs": [f"{PROXY}/32"], "ports": PROXY_PORTS}]
    for s in p["services"]:
        if s["name"] == "vault":
            s["private_link"] = ["10.21.0.0/24"]
    rules = [
        {"action": "allow", "names": ["*.wikipedia.org"], "ports": [443, "20000-29999"]},
        {"action": "allow", "names": ["plain.example.org"], "ports": ["20000-29999"], "tls": False},
        {"action": "allow", "proxy": "corp", "names": ["*.wikipedia.org"], "ports": [443, "20000-29999"]},
    ]
    p["profiles"] += [
        {"name": "named", "services": ["openai"], "egress": {"default": "deny", "rules": rules}},
        {"name": "wide", "services": ["openai"], "egress": {"default": "allow"}},
        {"name": "noai", "extends": "no-ai"},
    ]
    p["workloads"][:0] = [
        {"match": {"cgroup": f"/{n}*"}, "profile": n} for n in ("named", "wide", "noai")
    ]
    return p


def two(allowed: str, refused: str, rules: int = 0) -> dict:
    """A policy by which /app may reach one address and not the other; `rules` make it long."""
    filler = [
        {"action": "allow", "cidr": f"10.{200 + i // 256}.{i % 256}.0/24", "ports": [443]}
        for i in range(rules)
    ]
    policy = suite(services=[], prefixes={}, ai_public={})
    policy["profiles"] = [
        {
            "name": "app",
            "egress": {
                "default": "deny",
                "rules": [
                    {"action": "allow", "cidr": allowed},
                    {"action": "deny", "cidr": refused},
                    *filler,
                ],
            },
        }
    ]
    policy["workloads"] = [{"match": {"cgroup": "/app*"}, "profile": "app"}]
    return policy
