// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * cgroup_skb/egress: what really leaves.
 *
 * Theory of operation
 *
 * Egress. connect and sendmsg leave the judged address in the socket's note; a packet to exactly
 * that address and port, under the same policy word, without IPv4 options or extension headers,
 * passes after one look-up and a few compares. Everything else is judged here:
 *
 *  - what no verdict may break (neighbour discovery, DHCP, the kernel's own ICMP and RST);
 *  - TCP that the peer opened (LISTEN state, the mark that sockops left, a listener on the local
 *    port for sockets older than the programs) and UDP to a recent peer: row 2;
 *  - all else, for the owner (cgroup of the socket) and for the last caller, each address that
 *    matters once, the strictest verdict wins.
 *
 * Which address matters, when packet and call differ: in the machine's own network namespace NAT
 * is the administrator's, so the socket's destination decides (if another program rewrote the
 * call, that is not the called address: judged again). In any other namespace, and for a socket
 * without a note, the packet's destination is judged too. Raw and ping sockets send where no call
 * was judged, and many protocols: only their packets count, each. IPv4 options and routing headers
 * are malformed in closed profiles and judged by both addresses elsewhere.
 *
 * A denied packet is dropped; nothing is kept for it. The daemon closes the socket when it lives.
 * Of what passes, queries to resolvers (query.bpf.c) and the first octets of connections
 * (stream.bpf.c) are looked at once more.
 */
#include "broker.h"
#include "forged.h"
#include "netns.h"
#include "stream.h"
#include "peers.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define PASS	   1
#define DROP	   0
#define SOCKET_RAW 3

/* Destination and port of a TCP or UDP packet without options or extension headers. */
static __always_inline int is_plain4(struct __sk_buff *skb, struct zta_addr *to, __u16 *port)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct iphdr *ip = data;
	__be16 *ports = data + sizeof(*ip);

	if ((void *)(ports + 2) > end || ip->ihl != 5 || (ip->frag_off & bpf_htons(0x1fff)))
		return 0;
	to->family = ZTA_V4;
	to->w[0] = ip->daddr;
	*port = bpf_ntohs(ports[1]);
	return ip->protocol == IPPROTO_TCP || ip->protocol == IPPROTO_UDP;
}

static __always_inline int is_plain6(struct __sk_buff *skb, struct zta_addr *to, __u16 *port)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ipv6hdr *ip = data;
	__be16 *ports = data + sizeof(*ip);

	if ((void *)(ports + 2) > end)
		return 0;
	to->family = ZTA_V6;
	__builtin_memcpy(to->w, &ip->daddr, sizeof(to->w));
	*port = bpf_ntohs(ports[1]);
	return ip->nexthdr == IPPROTO_TCP || ip->nexthdr == IPPROTO_UDP;
}

/* A packet whose verdict the socket's note has already, with this to look at? */
static __always_inline int is_judged(struct __sk_buff *skb, const struct zta_sock *st, __u32 watch,
				     __u64 epoch)
{
	struct zta_addr to = {};
	__u16 port = 0;

	if (skb->protocol == bpf_htons(0x0800) ? !is_plain4(skb, &to, &port)
					       : !is_plain6(skb, &to, &port))
		return 0;
	return port == st->wire_port && zta_same_addr(&to, &st->wire) &&
	       st->judged == zta_tie(&to, ZTA_WATCHED(port, watch), epoch);
}

/* A listener on the local port: this connection was opened by the peer (or is older than us). */
static __noinline int has_listener(struct __sk_buff *skb, const struct zta_packet *p)
{
	struct bpf_sock_tuple t = {};
	struct bpf_sock *sk;
	int found;

	if (p->dst.family == ZTA_V4) {
		t.ipv4.saddr = p->dst.w[0];
		t.ipv4.daddr = p->src.w[0];
		t.ipv4.dport = bpf_htons(p->sport);
		sk = bpf_sk_lookup_tcp(skb, &t, sizeof(t.ipv4), BPF_F_CURRENT_NETNS, 0);
	} else {
		__builtin_memcpy(t.ipv6.saddr, p->dst.w, 16);
		__builtin_memcpy(t.ipv6.daddr, p->src.w, 16);
		t.ipv6.dport = bpf_htons(p->sport);
		sk = bpf_sk_lookup_tcp(skb, &t, sizeof(t.ipv6), BPF_F_CURRENT_NETNS, 0);
	}
	if (!sk)
		return 0;
	found = sk->state == BPF_TCP_LISTEN;
	bpf_sk_release(sk);
	return found;
}

/* Row 2: did the peer open this? */
static __noinline int is_inbound(struct __sk_buff *skb, struct zta_sock *st,
				 const struct zta_packet *p, __u32 state)
{
	if (p->proto == IPPROTO_UDP)
		return st && zta_is_peer(st, bpf_get_socket_cookie(skb), &p->dst, p->dport);
	if (p->proto != IPPROTO_TCP)
		return 0;
	if (state == BPF_TCP_LISTEN)
		return !zta_is_forged(st, &p->dst, p->dport, p->sport);
	if (st && (st->flags & ZTA_SOCK_INBOUND))
		return 1;
	if ((st && !(st->flags & ZTA_SOCK_ADOPTED)) || state == BPF_TCP_SYN_SENT)
		return 0;
	return has_listener(skb, p);
}

/* Where the socket's destination, as the kernel sees it, is; family 0 = not connected. */
static __always_inline void socket_dst(const struct bpf_sock *sk, struct zta_addr *a, __u16 *port)
{
	struct zta_addr inside;

	__builtin_memset(a, 0, sizeof(*a));
	*port = bpf_ntohs((__u16)sk->dst_port);
	if (!*port)
		return;
	if (sk->family == 2) {
		a->family = ZTA_V4;
		a->w[0] = sk->dst_ip4;
		return;
	}
	a->family = ZTA_V6;
	a->w[0] = sk->dst_ip6[0];
	a->w[1] = sk->dst_ip6[1];
	a->w[2] = sk->dst_ip6[2];
	a->w[3] = sk->dst_ip6[3];
	zta_normalise(a, &inside);
}

static __always_inline int is_in_own_netns(const struct zta_sock *st)
{
	return st && st->netns && st->netns == zta_ctl(ZTA_CTL_NETNS);
}

/*
 * What the call named, when the packet goes elsewhere. @dst, @port: in: the socket's destination
 * (family 0 = none), out: the address to judge first. Returns 1 when the packet's own destination
 * must be judged as well.
 */
static __always_inline int choose_address(const struct zta_sock *st, const struct zta_packet *p,
					  struct zta_addr *dst, __u16 *port)
{
	if (st && zta_is_called(st, &p->dst, p->dport))
		dst->family = 0;
	else if (!dst->family && st && (st->flags & ZTA_SOCK_CALLED)) {
		*dst = st->called;
		*port = st->called_port;
	}
	if (!dst->family || (zta_same_addr(dst, &p->dst) && *port == p->dport)) {
		*dst = p->dst;
		*port = p->dport;
		return 0;
	}
	return !is_in_own_netns(st) || (p->flags & ZTA_PACKET_ROUTED);
}

/*
 * In the machine's own namespace a packet of another protocol than its socket's has been through
 * the administrator's IPsec: what is inside is what the socket sends.
 */
static __always_inline void look_inside(const struct bpf_sock *sk, const struct zta_sock *st,
					struct zta_packet *p)
{
	struct zta_addr to;
	__u16 port;

	if (p->flags || p->proto == sk->protocol || !is_in_own_netns(st))
		return;
	p->proto = sk->protocol;
	p->sport = sk->src_port;
	socket_dst(sk, &to, &port);
	if (to.family) {
		p->dst = to;
		p->dport = port;
	} else if (st->flags & ZTA_SOCK_CALLED) {
		p->dst = st->called;
		p->dport = st->called_port;
	}
}

/* Sockets older than the programs: kept as ztad.json says, until the next policy. */
static __always_inline int is_kept(const struct zta_sock *st, const struct zta_packet *p,
				   __u32 state)
{
	__u64 existing = zta_ctl(ZTA_CTL_EXISTING);

	if (st)
		return (st->flags & ZTA_SOCK_ADOPTED) && st->adopted_generation &&
		       st->adopted_generation == zta_ctl(ZTA_CTL_GENERATION);
	if (existing == ZTA_EXISTING_MARKING)
		return 1;
	/* closed before we came, no descriptor left to mark: let it finish */
	return existing == ZTA_EXISTING_KEEP && p->proto == IPPROTO_TCP &&
	       (state == BPF_TCP_FIN_WAIT1 || state == BPF_TCP_FIN_WAIT2 ||
		state == BPF_TCP_LAST_ACK || state == BPF_TCP_CLOSING);
}

/* What a packet is, before anyone is asked about it. */
#define SEEN_PASS  (1U << 0) /* never judged */
#define SEEN_KEPT  (1U << 1) /* of a socket older than the programs */
#define SEEN_BOTH  (1U << 2) /* wire must be judged as well as ask->addr */
#define SEEN_PLAIN (1U << 3) /* nothing odd in its headers: its verdict may be cached */

/* Reads the packet into r->c.ask, r->wire, r->seen. */
__noinline __weak int zta_inspect(struct __sk_buff *skb, __u32 room)
{
	struct zta_room *r = zta_room(room);
	struct bpf_sock *sk = skb->sk;
	struct zta_packet p;
	struct zta_sock *st;
	struct zta_ask *ask;
	__u32 state, raw;

	if (!r)
		return 0;
	r->seen = SEEN_PASS;
	if (!sk)
		return 0;
	sk = bpf_sk_fullsock(sk);
	if (!sk)
		return 0;
	st = bpf_sk_storage_get(&zta_sockets, sk, 0, 0);
	state = sk->state;
	raw = sk->type == SOCKET_RAW;
	ask = &r->c.ask;
	zta_packet_read(skb, &p);
	if (zta_packet_is_network(&p, !st && raw))
		return 0;
	r->seen = is_kept(st, &p, state) ? SEEN_KEPT : 0;
	/* only of these every destination was named in a call that was judged */
	if (!raw && (sk->protocol == IPPROTO_TCP || sk->protocol == IPPROTO_UDP)) {
		if (!p.flags && p.proto == sk->protocol)
			r->seen |= SEEN_PLAIN;
		look_inside(sk, st, &p);
		socket_dst(sk, &ask->addr, &ask->port);
		if (choose_address(st, &p, &ask->addr, &ask->port))
			r->seen |= SEEN_BOTH;
	} else {
		ask->addr = p.dst;
		ask->port = p.dport;
	}
	r->wire = p.dst;
	r->wire_port = p.dport;
	r->c.sport = p.sport;
	ask->proto = p.proto == PROTO_ICMPV6 ? IPPROTO_ICMP : p.proto;
	if (skb->ifindex == LOOPBACK_IFINDEX)
		ask->flags |= ZTA_ASK_LOCAL;
	if (raw)
		ask->flags |= ZTA_ASK_RAW;
	if (st && (st->flags & ZTA_SOCK_ADOPTED))
		ask->flags |= ZTA_ASK_ADOPTED;
	if (p.flags)
		ask->flags |= ZTA_ASK_MALFORMED;
	else if (is_inbound(skb, st, &p, state))
		ask->flags |= ZTA_ASK_INBOUND;
	zta_normalise(&ask->addr, &ask->carried);
	if (st && (st->flags & ZTA_SOCK_REDIRECTED) && zta_is_broker(&ask->addr, ask->port)) {
		ask->addr.w[0] = ZTA_IMDS; /* judged as called; where it goes is ours */
		ask->port = ZTA_IMDS_PORT;
		ask->flags = (ask->flags & ~ZTA_ASK_LOCAL) | ZTA_ASK_BROKER;
		r->seen &= ~SEEN_BOTH;
	}
	if (sk->dst_port)
		r->c.flags |= ZTA_EVENT_CUT;
	if (!st) {
		r->c.netns = zta_netns_of(skb);
	} else {
		r->c.netns = st->netns;
		r->c.sticky = ask->proto == IPPROTO_TCP ? st->sticky : 0;
		if ((st->flags & ZTA_SOCK_CALLED) && !zta_same_addr(&st->called, &p.dst))
			r->c.called = st->called;
	}
	return 1;
}

/* The entry may go between two look-ups: then there is another one above it. */
static __always_inline int find_owner(struct __sk_buff *skb, struct zta_who *who, __u64 owner,
				      __u32 slot)
{
	return zta_who_key(who, owner, slot) || zta_who_key(who, zta_owner_of(skb), slot);
}

/* For its maker, its last caller, and by the address on the wire where that is another. */
__noinline __weak int zta_judge_packet(struct __sk_buff *skb, __u32 room, __u64 owner, __u64 caller)
{
	struct zta_room *r = zta_room(room);

	if (!r || !find_owner(skb, &r->who, owner, r->slot))
		return 0;
	if ((r->seen & SEEN_KEPT) && !(r->who.flags & ZTA_WORKLOAD_QUARANTINED)) {
		r->seen |= SEEN_PASS;
		return 1;
	}
	if (r->who.flags & ZTA_WORKLOAD_SELFTEST)
		r->c.flags |= ZTA_EVENT_SELFTEST;
	zta_judge_room(room);
	if (caller && caller != owner && zta_who_key(&r->who, caller, r->slot))
		zta_judge_room(room);
	if (r->seen & SEEN_BOTH) {
		if (!find_owner(skb, &r->who, owner, r->slot))
			return 0;
		r->c.ask.flags &= ~ZTA_ASK_INBOUND;
		r->c.ask.addr = r->wire;
		r->c.ask.port = r->wire_port;
		zta_normalise(&r->c.ask.addr, &r->c.ask.carried);
		zta_judge_room(room);
	}
	return 1;
}

/*
 * What is looked at in an allowed packet: by what was called, and by where it goes. Another thread
 * may have called somebody else with the same socket since.
 */
static __always_inline __u8 watch_of(const struct zta_room *r, const struct zta_sock *st)
{
	__u8 watch = zta_watch_of(&r->c.ask, r->c.verdict.reason,
				  st && (st->flags & ZTA_SOCK_READ));

	if (!watch && r->wire_port == ZTA_PORT_DNS &&
	    (r->c.ask.proto == IPPROTO_UDP || r->c.ask.proto == IPPROTO_TCP))
		return ZTA_WATCH_DNS;
	return watch;
}

/* @return PASS or DROP */
static __always_inline int judge(struct __sk_buff *skb, __u32 room, struct zta_room *r,
				 struct zta_sock *st, __u64 epoch)
{
	struct zta_case *c = &r->c;
	__u64 owner;
	__u8 watch;

	c->hook = ZTA_HOOK_EGRESS;
	zta_inspect(skb, room);
	if (r->seen & SEEN_PASS)
		return PASS;
	owner = zta_owner_of(skb);
	if (!owner)
		return PASS; /* without a workload it is not below the attach point */
	if (!zta_judge_packet(skb, room, owner, st ? st->caller_key : 0))
		return DROP;
	if (r->seen & SEEN_PASS)
		return PASS;
	if (st)
		st->owner_key = owner;
	if (c->verdict.verdict == ZTA_VERDICT_DENY || c->verdict.verdict == ZTA_VERDICT_AUDIT) {
		c->ask.addr = r->wire;
		c->ask.port = r->wire_port;
		c->cookie = bpf_get_socket_cookie(skb);
		if (!(c->flags & ZTA_EVENT_SELFTEST))
			ZTA_READ(zta_count(c));
		ZTA_READ(zta_tell(c, st, 0));
	}
	if (c->verdict.verdict == ZTA_VERDICT_DENY)
		return DROP;
	if (st && (r->seen & SEEN_PLAIN) && !(c->verdict.flags & ZTA_VERDICT_WEAKENED) &&
	    (c->ask.proto == IPPROTO_TCP || c->verdict.reason != ZTA_REASON_INBOUND)) {
		watch = watch_of(r, st);
		st->judged = 0;
		if (c->ask.proto == IPPROTO_TCP && c->used)
			st->sticky = c->used;
		st->wire = r->wire;
		st->wire_port = r->wire_port;
		st->watch = watch;
		st->judged = zta_tie(&r->wire, ZTA_WATCHED(r->wire_port, watch), epoch);
	}
	return PASS;
}

SEC("cgroup_skb/egress")
int zta_egress(struct __sk_buff *skb)
{
	__u64 epoch = zta_epoch();
	struct bpf_sock *sk = skb->sk;
	struct zta_sock *st;
	struct zta_room *r;
	__u32 room, judged, watch;
	int verdict = PASS;

	if (!sk)
		return PASS;
	st = bpf_sk_storage_get(&zta_sockets, sk, 0, 0);
	/* once: a thread that sends elsewhere may change it at any time */
	watch = st ? *(volatile __u8 *)&st->watch : 0;
	judged = st && st->judged && is_judged(skb, st, watch, epoch);
	if (judged && !watch)
		return PASS;
	r = zta_room_take(&room);
	if (!r)
		return DROP;
	r->slot = epoch & 1;
	if (!judged) {
		verdict = judge(skb, room, r, st, epoch);
		watch = r->seen & SEEN_PASS ? 0 : watch_of(r, st);
		__builtin_memset(&r->c, 0, sizeof(r->c));
	}
	if (verdict == PASS && watch == ZTA_WATCH_DNS)
		verdict = zta_query(skb, room) ? PASS : DROP;
	else if (verdict == PASS && watch)
		verdict = zta_stream(skb, room) ? PASS : DROP;
	zta_room_give(r);
	return verdict;
}
