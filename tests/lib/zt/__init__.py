# SPDX-License-Identifier: Apache-2.0
"""Black-box test harness: real binaries, real sockets, own namespaces and cgroups.

world.py   the network: a machine, a private peer, a public peer, a pod
cgroup.py  a scratch attach point and, beside it, the same shape outside (for controls)
puppet.py  a process in (cgroup, netns, uid) whose sockets a test drives step by step
peer.py    servers at the far end, and a sniffer that sees every packet that arrives
daemon.py  the real ztad: start, wait, ask, kill
policy.py  policies as Python dictionaries
"""
