# SPDX-License-Identifier: Apache-2.0
"""Attempts by being elsewhere: other cgroups, other processes' sockets, other namespaces."""


from zt import world as w
from zt.netns import NetNs
from zt.puppet import pass_socket, steal_socket
from zt.sh import sh

from attempts import TOKEN, Stage, attempt, since


@attempt("child cgroup")
def child_cgroup(s: Stage):
    p = s.new()
    deep = s.group(f"{s.profile}/child")
    p.move(deep)
    connect(p.tcp(), s)


@attempt("child cgroup, 20 levels down, named like a freer workload")
def deep_cgroup(s: Stage):
    p = s.new()
    p.move(s.group(s.profile + "/free-1" * 20))
    connect(p.tcp(), s)


@attempt("cgroup made by the workload after the daemon's last look")
def own_cgroup(s: Stage):
    p = s.new()
    child = s.group(s.profile) / f"made-{s.port}"
    p.os("mkdir", str(child))
    p.move(child)
    p.udp().sendto(TOKEN, (w.PUBLIC, s.port))


@attempt("socket made before migration to a free cgroup")
def migration_out(s: Stage):
    p = s.new()
    sock = p.tcp()
    p.move(s.group("free"))
    connect(sock, s)


@attempt("socket made before migration to a free cgroup, udp")
def migration_out_udp(s: Stage):
    p = s.new()
    sock = p.udp()
    p.move(s.group("free"))
    sock.sendto(TOKEN, (w.PUBLIC, s.port))


@attempt("socket made in a free cgroup before migration")
def migration_in(s: Stage):
    p = s.new("free")
    sock = p.tcp()
    p.move(s.group(s.profile))
    connect(sock, s)


@attempt("socket made in a free cgroup before migration, udp")
def migration_in_udp(s: Stage):
    p = s.new("free")
    sock = p.udp()
    p.move(s.group(s.profile))
    sock.sendto(TOKEN, (w.PUBLIC, s.port))


@attempt("socket received from a free process (SCM_RIGHTS)")
def received(s: Stage):
    giver = s.get("free")
    connect(pass_socket(giver, giver.tcp(), s.p), s)


@attempt("socket received from a free process (SCM_RIGHTS), udp")
def received_udp(s: Stage):
    giver = s.get("free")
    pass_socket(giver, giver.udp(), s.p).sendto(TOKEN, (w.PUBLIC, s.port))


@attempt("socket given to a free process that connects it")
def given(s: Stage):
    connect(pass_socket(s.p, s.p.tcp(), s.get("free")), s)


@attempt("socket given to a free process that sends on it, udp")
def given_udp(s: Stage):
    pass_socket(s.p, s.p.udp(), s.get("free")).sendto(TOKEN, (w.PUBLIC, s.port))


@attempt("socket given to a free process, connected there and used here")
def given_and_used(s: Stage):
    mine = s.p.udp()
    theirs = pass_socket(s.p, mine, s.get("free"))
    theirs.connect((w.PUBLIC, s.port))
    mine.send(TOKEN)


@attempt("socket stolen from a free process (pidfd_getfd)")
def stolen(s: Stage):
    victim = s.get("free")
    connect(steal_socket(s.p, victim, victim.tcp()), s)


def connect(sock, s: Stage) -> None:
    sock.connect((w.PUBLIC, s.port))
    sock.echo(TOKEN)
    sock.close()


class Annex:
    """A namespace that the workload made, cabled to the public peer past the machine."""

    def __init__(self, s: Stage):
        self.p = s.new_netns()
        pub: NetNs = s.world.pub.ns
        name = f"x{s.port}"
        s.undo(lambda: pub.ip("link", "del", name, check=False))
        pub.ip("link", "add", name, "type", "veth", "peer", "name", "up0")
        pub.ip("link", "set", "up0", "netns", str(self.p.pid))
        pub.ip("addr", "add", "172.31.0.1/24", "dev", name)
        pub.ip("link", "set", name, "up")
        for words in (
            "link set lo up",
            "link set up0 up",
            "addr add 172.31.0.2/24 dev up0",
            "route add default via 172.31.0.1",
        ):
            self.ip(*words.split())
        # no packet waits for its neighbour, so what does not arrive was not sent
        mac = pub.ip("-br", "link", "show", name).split()[2]
        self.ip("neigh", "replace", "172.31.0.1", "lladdr", mac, "dev", "up0")
        s.watch(name)

    def ip(self, *words: str) -> None:
        sh("nsenter", f"--net={self.p.netns}", "ip", *words)


@attempt("network namespace of its own with a second cable", to=(w.PUBLIC,))
def own_netns(s: Stage):
    connect(Annex(s).p.tcp(), s)


@attempt("network namespace of its own with a second cable, udp", to=(w.PUBLIC,))
def own_netns_udp(s: Stage):
    Annex(s).p.udp().sendto(TOKEN, (w.PUBLIC, s.port))


@attempt("macvlan on the uplink in a namespace of its own", to=(w.PUBLIC,))
def macvlan(s: Stage):
    p = s.new_netns()
    # fmt: off
    s.world.machine.ip("link", "add", "mv0", "link", "pub0", "netns", str(p.pid),
                       "type", "macvlan", "mode", "bridge")
    # fmt: on
    for words in (
        "link set lo up",
        "link set mv0 up",
        "addr add 10.9.9.7/24 dev mv0",
        f"route add default via {w.PUB_LINK}",
    ):
        sh("nsenter", f"--net={p.netns}", "ip", *words.split())
    connect(p.tcp(), s)


def dnat(s: Stage, hook: str) -> None:
    """In the pod: what is sent to the permitted address leaves for the public one."""
    pod: NetNs = s.world.pod
    pod.nft(
        "table ip zt {\nchain out {\ntype nat hook output priority -100;\n"
        f"ip daddr {w.PE} {hook} dport {s.port} dnat to {w.PUBLIC}\n}}\n}}\n"
    )
    s.undo(lambda: pod.nft("delete table ip zt"))


@attempt("DNAT in the workload's namespace, tcp", to=(w.PUBLIC,), eperm=False)
def dnat_tcp(s: Stage):
    dnat(s, "tcp")
    sock = s.get(s.profile, s.world.pod.path).tcp()
    sock.settimeout(0.5)
    sock.connect((w.PE, s.port))
    sock.echo(TOKEN)


@attempt("DNAT in the workload's namespace, udp", to=(w.PUBLIC,), eperm=False)
def dnat_udp(s: Stage):
    dnat(s, "udp")
    sock = s.get(s.profile, s.world.pod.path).udp()
    sock.sendto(TOKEN, (w.PE, s.port))


@attempt("DNAT in the workload's namespace, made after the connection was", to=(w.PUBLIC,), eperm=False)
def dnat_late(s: Stage):
    sock = s.get(s.profile, s.world.pod.path).udp()
    sock.connect((w.PE, s.port))
    dnat(s, "udp")
    sock.send(TOKEN)


@attempt("from a pod's namespace", to=(w.PUBLIC,))
def pod(s: Stage):
    connect(s.get(s.profile, s.world.pod.path).tcp(), s)


@attempt("another's connect4 program rewrites the permitted address", to=(w.PUBLIC,), eperm=False)
def rewritten(s: Stage):
    s.undo(s.rewrite(w.PE, w.PUBLIC))
    sock = s.p.tcp()
    s.undo(sock.close)
    sock.settimeout(0.5)
    sock.connect((w.PE, s.port))
    sock.echo(TOKEN)


@attempt(
    "another's connect4 program forgives the refusal",
    to=(w.PUBLIC,),
    eperm=False,
    lacks=since(5, 18, "bpf_set_retval"),
)
def forgiven(s: Stage):
    s.undo(s.rewrite("forgive"))
    sock = s.p.tcp()
    s.undo(sock.close)
    sock.settimeout(0.5)
    sock.connect((w.PUBLIC, s.port))
    sock.echo(TOKEN)
