// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * cgroup_skb/ingress: who sent to us. Notes UDP peers (peers.h) and handshakes forged on lo
 * (forged.h), and learns from what resolvers answer (answer.bpf.c). Nothing is ever refused here.
 */
#include "dns.h"
#include "forged.h"
#include "peers.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define PASS 1

/* Are peers of this socket kept? Then, and only then, a packet has to be read. */
static __always_inline int keeps_peers(const struct zta_sock *st, int connected)
{
	if (connected) /* by a call, unless to a peer */
		return st->peer_time != 0;
	return st->closed || !(st->flags & ZTA_SOCK_CALLED);
}

/* Is the profile of its maker closed? */
static __always_inline void renew_closed(struct __sk_buff *skb, struct zta_sock *st)
{
	__u64 word = zta_ctl(ZTA_CTL_WORD);
	struct zta_tables t = { .slot = word & 1 };
	struct zta_who who = {};

	if (st->peers_word == word)
		return;
	st->closed = zta_who_key(&who, zta_owner_of(skb), t.slot) &&
		     zta_who_closed(zta_get_profile(&t, who.profile));
	st->peers_word = word;
}

/* On lo: not forged by a raw or packet socket. A packet to oneself answers nobody else. */
static __always_inline int is_own_source(const struct zta_sock *st, const struct zta_packet *p)
{
	struct zta_local_key local = { .netns = st ? st->netns : 0, .addr = p->src };

	return zta_is_loopback(&p->src) || zta_same_addr(&p->src, &p->dst) ||
	       bpf_map_lookup_elem(&zta_local, &local);
}

/* A listener is asked through lo by a source that is not local. */
static __noinline int note_forged(struct __sk_buff *skb, struct zta_sock *st)
{
	__u64 now = bpf_ktime_get_ns();
	struct zta_peer_key key;
	struct zta_packet p;

	zta_packet_read(skb, &p);
	if (p.proto != IPPROTO_TCP || is_own_source(st, &p))
		return 0;
	key = zta_forged_key(st, &p.src, p.sport, p.dport);
	return bpf_map_update_elem(&zta_peers, &key, &now, BPF_ANY) == 0;
}

static __noinline int note_datagram(struct __sk_buff *skb, struct zta_sock *st, int connected)
{
	struct zta_packet p;

	zta_packet_read(skb, &p);
	if (p.proto != IPPROTO_UDP || p.flags || !p.sport)
		return 0;
	if (skb->ifindex == LOOPBACK_IFINDEX && !is_own_source(st, &p))
		return 0;
	return zta_note_peer(st, bpf_get_socket_cookie(skb), &p.src, p.sport, connected);
}

/* TCP that nobody on this machine can have forged and no resolver sent: all that most cost. */
static __always_inline int is_passing_tcp(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ipv6hdr *ip6 = data;
	struct iphdr *ip = data;
	__be16 *port;

	if (skb->ifindex == LOOPBACK_IFINDEX || data + sizeof(*ip6) + 4 > end)
		return 0;
	if (skb->protocol == bpf_htons(0x0800)) {
		port = (__be16 *)(ip + 1);
		return ip->protocol == IPPROTO_TCP && *port != bpf_htons(ZTA_PORT_DNS);
	}
	port = (__be16 *)(ip6 + 1);
	return ip6->nexthdr == IPPROTO_TCP && *port != bpf_htons(ZTA_PORT_DNS);
}

/* Learn, if it is an answer, before the socket has it. */
static __noinline int read_answer(struct __sk_buff *skb, __u64 netns)
{
	struct zta_room *r;
	__u32 room;

	r = zta_room_take(&room);
	if (!r) /* not believed */
		return 0;
	r->slot = zta_ctl(ZTA_CTL_WORD) & 1;
	zta_answer(skb, room, netns);
	zta_room_give(r);
	return 1;
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
	if (sk->protocol != IPPROTO_TCP && sk->protocol != IPPROTO_UDP)
		return PASS;
	st = bpf_sk_storage_get(&zta_sockets, sk, 0, 0);
	if (st && (st->flags & ZTA_SOCK_ASKED))
		ZTA_READ(read_answer(skb, st->netns));
	if (sk->protocol == IPPROTO_TCP) {
		if (skb->ifindex == LOOPBACK_IFINDEX && sk->state == BPF_TCP_LISTEN)
			ZTA_READ(note_forged(skb, st));
		return PASS;
	}
	if (st)
		renew_closed(skb, st);
	else if (zta_ctl(ZTA_CTL_EXISTING) != ZTA_EXISTING_MARKING)
		return PASS;
	if (!st || keeps_peers(st, !!sk->dst_port))
		ZTA_READ(note_datagram(skb, st, !!sk->dst_port));
	return PASS;
}
