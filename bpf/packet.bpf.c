// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * cgroup_skb: what really leaves, and who sent to us.
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
 * A denied packet is dropped; nothing is cached for it. The daemon closes the socket when it lives.
 *
 * Ingress. Notes UDP peers of closed profiles' sockets, and handshakes forged on lo. Nothing is
 * ever refused here.
 */
#include "forged.h"
#include "judge.h"
#include "packet.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define PASS		 1
#define DROP		 0
#define SOCKET_RAW	 3
#define LOOPBACK_IFINDEX 1
#define REWRITE_S	 (10 * NS_PER_S)

/* The packet that the socket's note already has the verdict for? */
static __always_inline int is_cached4(struct __sk_buff *skb, const struct zta_sock *st)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct iphdr *ip = data;
	__be16 *ports = data + sizeof(*ip);

	if ((void *)(ports + 2) > end || ip->ihl != 5 || st->wire.family != ZTA_V4 ||
	    ip->daddr != st->wire.w[0])
		return 0;
	if (ip->protocol != IPPROTO_TCP && ip->protocol != IPPROTO_UDP)
		return 0;
	return !(ip->frag_off & bpf_htons(0x1fff)) && ports[1] == bpf_htons(st->wire_port);
}

static __always_inline int is_cached6(struct __sk_buff *skb, const struct zta_sock *st)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ipv6hdr *ip = data;
	__be16 *ports = data + sizeof(*ip);

	if ((void *)(ports + 2) > end || st->wire.family != ZTA_V6 ||
	    (ip->nexthdr != IPPROTO_TCP && ip->nexthdr != IPPROTO_UDP))
		return 0;
	return ip->daddr.in6_u.u6_addr32[0] == st->wire.w[0] &&
	       ip->daddr.in6_u.u6_addr32[1] == st->wire.w[1] &&
	       ip->daddr.in6_u.u6_addr32[2] == st->wire.w[2] &&
	       ip->daddr.in6_u.u6_addr32[3] == st->wire.w[3] &&
	       ports[1] == bpf_htons(st->wire_port);
}

static __always_inline int same_addr(const struct zta_addr *a, const struct zta_addr *b)
{
	return a->family == b->family && a->w[0] == b->w[0] && a->w[1] == b->w[1] &&
	       a->w[2] == b->w[2] && a->w[3] == b->w[3];
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
	struct zta_peer_key key = { .addr = p->dst, .port = p->dport };
	__u64 now, *seen;

	if (p->proto == IPPROTO_TCP) {
		if (state == BPF_TCP_LISTEN)
			return !zta_is_forged(st, &p->dst, p->dport, p->sport);
		if (st && (st->flags & ZTA_SOCK_INBOUND))
			return 1;
		if ((st && !(st->flags & ZTA_SOCK_ADOPTED)) || state == BPF_TCP_SYN_SENT)
			return 0;
		return has_listener(skb, p);
	}
	if (p->proto != IPPROTO_UDP || !st || !(st->flags & ZTA_SOCK_PEERS))
		return 0;
	key.cookie = bpf_get_socket_cookie(skb);
	seen = bpf_map_lookup_elem(&zta_peers, &key);
	now = bpf_ktime_get_ns();
	return seen && *seen > st->peers_since && now - *seen < ZTA_UDP_PEER_S * NS_PER_S;
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

/*
 * What the call named, when the packet goes elsewhere. @dst, @port: in: the socket's destination
 * (family 0 = none), out: the address to judge first. Returns 1 when the packet's own destination
 * must be judged as well.
 */
static __always_inline int choose_address(const struct zta_sock *st, const struct zta_packet *p,
					  struct zta_addr *dst, __u16 *port)
{
	int own = st && st->netns && st->netns == zta_ctl(ZTA_CTL_NETNS);

	if (st && (st->flags & ZTA_SOCK_CALLED) && same_addr(&st->called, &p->dst) &&
	    st->called_port == p->dport)
		dst->family = 0;
	else if (!dst->family && st && (st->flags & ZTA_SOCK_CALLED)) {
		*dst = st->called;
		*port = st->called_port;
	}
	if (!dst->family || (same_addr(dst, &p->dst) && *port == p->dport)) {
		*dst = p->dst;
		*port = p->dport;
		return 0;
	}
	return !own || (p->flags & ZTA_PACKET_ROUTED);
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
#define SEEN_NETWORK (1U << 0) /* never judged */
#define SEEN_KEPT    (1U << 1) /* of a socket older than the programs */
#define SEEN_BOTH    (1U << 2) /* wire must be judged as well as ask->addr */
#define SEEN_PLAIN   (1U << 3) /* nothing odd in its headers: its verdict may be cached */

struct seen {
	struct zta_addr wire;
	__u32 flags; /* SEEN_* */
	__u16 wire_port;
	__u16 sport;
};

static __noinline int inspect(struct __sk_buff *skb, struct bpf_sock *sk, struct zta_sock *st,
			      struct zta_ask *ask, struct seen *seen)
{
	__u32 state = sk->state, raw = sk->type == SOCKET_RAW;
	struct zta_packet p;

	zta_packet_read(skb, &p);
	seen->wire = ask->addr = p.dst;
	seen->wire_port = ask->port = p.dport;
	seen->sport = p.sport;
	if (zta_packet_is_network(&p, !st && raw))
		seen->flags |= SEEN_NETWORK;
	if (is_kept(st, &p, state))
		seen->flags |= SEEN_KEPT;
	/* only of these every destination was named in a call that was judged */
	if (!raw && (sk->protocol == IPPROTO_TCP || sk->protocol == IPPROTO_UDP)) {
		if (!p.flags && p.proto == sk->protocol)
			seen->flags |= SEEN_PLAIN;
		socket_dst(sk, &ask->addr, &ask->port);
		if (choose_address(st, &p, &ask->addr, &ask->port))
			seen->flags |= SEEN_BOTH;
	}
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
	return seen->flags;
}

static __always_inline int judge_packet(struct __sk_buff *skb, struct bpf_sock *sk,
					struct zta_sock *st, __u64 word)
{
	struct zta_case c = { .hook = ZTA_HOOK_EGRESS };
	__u32 slot = word & 1;
	struct zta_who who = {};
	struct seen seen = {};
	__u64 owner;

	ZTA_READ(inspect(skb, sk, st, &c.ask, &seen));
	if ((seen.flags & SEEN_NETWORK) || !zta_who_skb(skb, &who, slot))
		return PASS; /* without a workload it is not below the attach point */
	if ((seen.flags & SEEN_KEPT) && !(who.flags & ZTA_WORKLOAD_QUARANTINED))
		return PASS;
	if (who.flags & ZTA_WORKLOAD_SELFTEST)
		c.flags |= ZTA_EVENT_SELFTEST;
	owner = who.key;
	zta_judge_for(&c, &who, slot);
	if (st && st->caller_key && st->caller_key != owner &&
	    zta_who_key(&who, st->caller_key, slot))
		zta_judge_for(&c, &who, slot);
	if (seen.flags & SEEN_BOTH) {
		c.ask.flags &= ~ZTA_ASK_INBOUND;
		c.ask.addr = seen.wire;
		c.ask.port = seen.wire_port;
		zta_normalise(&c.ask.addr, &c.ask.carried);
		if (zta_who_key(&who, owner, slot))
			zta_judge_for(&c, &who, slot);
	}

	if (c.verdict.verdict == ZTA_VERDICT_DENY || c.verdict.verdict == ZTA_VERDICT_AUDIT) {
		c.ask.addr = seen.wire;
		c.ask.port = seen.wire_port;
		c.sport = seen.sport;
		c.cookie = bpf_get_socket_cookie(skb);
		if (st && (st->flags & ZTA_SOCK_CALLED) && !same_addr(&st->called, &seen.wire))
			c.called = &st->called;
		if (sk->dst_port)
			c.flags |= ZTA_EVENT_CUT;
		if (!(c.flags & ZTA_EVENT_SELFTEST))
			ZTA_READ(zta_count(&c));
		ZTA_READ(zta_tell(&c, st, 0));
	}
	if (c.verdict.verdict == ZTA_VERDICT_DENY)
		return DROP;
	if (st && (seen.flags & SEEN_PLAIN) && !(c.verdict.flags & ZTA_VERDICT_WEAKENED) &&
	    (c.ask.proto == IPPROTO_TCP || c.verdict.reason != ZTA_REASON_INBOUND)) {
		st->wire = seen.wire;
		st->wire_port = seen.wire_port;
		st->word = word;
		st->flags |= ZTA_SOCK_CACHED;
	}
	return PASS;
}

SEC("cgroup_skb/egress")
int zta_egress(struct __sk_buff *skb)
{
	__u64 word = zta_ctl(ZTA_CTL_WORD);
	struct bpf_sock *sk = skb->sk;
	struct zta_sock *st;

	if (!sk)
		return PASS;
	st = bpf_sk_storage_get(&zta_sockets, sk, 0, 0);
	if (st && (st->flags & ZTA_SOCK_CACHED) && st->word == word) {
		if (skb->protocol == bpf_htons(0x0800) ? is_cached4(skb, st) : is_cached6(skb, st))
			return PASS;
	}
	sk = bpf_sk_fullsock(sk);
	return sk ? judge_packet(skb, sk, st, word) : PASS;
}

/* Under which policy peers of this socket are kept: closed profiles only. */
static __always_inline int keeps_peers(struct __sk_buff *skb, struct zta_sock *st)
{
	__u64 word = zta_ctl(ZTA_CTL_WORD);
	struct zta_tables t = { .slot = word & 1 };
	struct zta_who who = {};

	if (st->peers_word == word)
		return st->flags & ZTA_SOCK_PEERS;
	st->peers_word = word;
	if (zta_who_skb(skb, &who, t.slot) && zta_who_closed(zta_get_profile(&t, who.profile)))
		st->flags |= ZTA_SOCK_PEERS;
	else
		st->flags &= ~ZTA_SOCK_PEERS;
	return st->flags & ZTA_SOCK_PEERS;
}

/* On lo: not forged by a raw or packet socket. A packet to oneself answers nobody else. */
static __always_inline int is_own_source(const struct zta_sock *st, const struct zta_packet *p)
{
	struct zta_local_key local = { .netns = st ? st->netns : 0, .addr = p->src };

	return zta_is_loopback(&p->src) || same_addr(&p->src, &p->dst) ||
	       bpf_map_lookup_elem(&zta_local, &local);
}

/* A listener is asked through lo by a source that is not local. */
static __always_inline void note_forged(struct __sk_buff *skb, struct zta_sock *st)
{
	__u64 now = bpf_ktime_get_ns();
	struct zta_peer_key key;
	struct zta_packet p;

	zta_packet_read(skb, &p);
	if (p.proto != IPPROTO_TCP || is_own_source(st, &p))
		return;
	key = zta_forged_key(st, &p.src, p.sport, p.dport);
	bpf_map_update_elem(&zta_peers, &key, &now, BPF_ANY);
}

static __always_inline void note_peer(struct __sk_buff *skb, struct zta_sock *st)
{
	struct zta_peer_key key = {};
	struct zta_packet p;
	__u64 now;

	zta_packet_read(skb, &p);
	if (p.proto != IPPROTO_UDP || p.flags || !p.sport)
		return;
	if (skb->ifindex == LOOPBACK_IFINDEX && !is_own_source(st, &p))
		return;
	/* who was called and answers has not opened anything */
	if ((st->flags & ZTA_SOCK_CALLED) && st->called_port == p.sport &&
	    same_addr(&st->called, &p.src))
		return;
	now = bpf_ktime_get_ns();
	if (st->peer_port == p.sport && same_addr(&st->peer, &p.src) &&
	    now - st->peer_time < REWRITE_S)
		return;
	st->peer = p.src;
	st->peer_port = p.sport;
	st->peer_time = now;
	key.cookie = bpf_get_socket_cookie(skb);
	key.addr = p.src;
	key.port = p.sport;
	bpf_map_update_elem(&zta_peers, &key, &now, BPF_ANY);
}

/* TCP that nobody on this machine can have forged: all that most packets cost. */
static __always_inline int is_passing_tcp(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ipv6hdr *ip6 = data;
	struct iphdr *ip = data;

	if (skb->ifindex == LOOPBACK_IFINDEX || (void *)(ip6 + 1) > end)
		return 0;
	return (skb->protocol == bpf_htons(0x0800) ? ip->protocol : ip6->nexthdr) == IPPROTO_TCP;
}

SEC("cgroup_skb/ingress")
int zta_ingress(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;
	struct zta_sock *st;

	if (!sk || is_passing_tcp(skb))
		return PASS;
	sk = bpf_sk_fullsock(sk);
	if (!sk)
		return PASS;
	if (sk->protocol == IPPROTO_TCP) {
		if (skb->ifindex == LOOPBACK_IFINDEX && sk->state == BPF_TCP_LISTEN)
			note_forged(skb, bpf_sk_storage_get(&zta_sockets, sk, 0, 0));
		return PASS;
	}
	if (sk->protocol != IPPROTO_UDP)
		return PASS;
	st = bpf_sk_storage_get(&zta_sockets, sk, 0, 0);
	if (st && !sk->dst_port && keeps_peers(skb, st)) /* connected: it called */
		note_peer(skb, st);
	return PASS;
}
