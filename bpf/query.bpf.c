// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * DNS queries on their way out: noted, so that only their answers are believed, and refused where a
 * profile may ask for listed names only.
 *
 * Theory of operation
 *
 * A query is known by (socket, name, id, type), never by address: NAT may stand behind us. Profiles
 * with dns.names "listed" ask for names of their trie, or for these followed by a search suffix;
 * anything else is refused here, before it carries data out. What cannot be read (not one question,
 * a response, a query over TCP that is not whole in its segment, several datagrams in one packet,
 * urgent data, which the resolver's stream lacks) is refused for them as well, and leaves unnoted
 * for others.
 */
#include "asked.h"
#include "dns.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* May the profile ask for the name in the room? */
__noinline __weak int zta_may_ask(__u32 room, __u32 profile)
{
	__u32 suffix;

	if (zta_name_find(room, profile, 0))
		return 1;
	suffix = zta_name_find(room, ZTA_NAMES_SUFFIX, 0);
	return suffix && zta_name_find(room, profile, suffix);
}

/* Refuse, unless a mode or a pause lets it pass. Returns 1: it passes. */
static __always_inline int refuse(struct __sk_buff *skb, __u32 room, struct zta_room *r,
				  __u32 reason)
{
	r->c.hook = ZTA_HOOK_EGRESS;
	r->c.type = ZTA_EVENT_DNS;
	return zta_deny_room(skb, room, reason, 0);
}

/* One message. Returns 0: it may not leave. */
__noinline __weak int zta_query_message(struct __sk_buff *skb, __u32 room, __u32 at, __u32 len)
{
	struct zta_room *r = zta_room(room);
	__u32 listed;

	if (!r)
		return 0;
	listed = r->seen & ZTA_SEEN_LISTED;
	r->c.name = 0;
	if (!zta_load_message(skb, room, at, len) || !zta_begin_room(room) ||
	    (r->dns.flags & ZTA_DNS_QR))
		return !listed || refuse(skb, room, r, ZTA_REASON_MALFORMED);
	r->c.name = r->dns.hash;
	if (listed && !zta_may_ask(room, r->who.profile)) {
		zta_keep_text(room);
		return refuse(skb, room, r, ZTA_REASON_NAME_NOT_ALLOWED);
	}
	zta_keep_asked(skb, room);
	return 1;
}

/* Reads r->who: the maker of the socket. */
static __always_inline int find_profile(struct __sk_buff *skb, struct zta_room *r)
{
	struct zta_tables t = { .slot = r->slot };
	const struct zta_profile *p;
	__u64 owner = zta_owner_of(skb);

	if (!zta_who_key(&r->who, owner, r->slot))
		return 0;
	p = zta_get_profile(&t, r->who.profile);
	r->seen = p && (p->flags & ZTA_PROFILE_DNS_LISTED) ? ZTA_SEEN_LISTED : 0;
	return 1;
}

/* Does policy list the resolver that was called, or (0.0.0.0, an own address) that is sent to? */
__noinline __weak int zta_asks_resolver(struct __sk_buff *skb, __u32 room)
{
	struct zta_room *r = zta_room(room);
	struct zta_tables t = {};
	const struct zta_prefix *g;

	if (!r)
		return 0;
	t.slot = r->slot;
	g = zta_get_prefix(&t, ZTA_SCOPE_GLOBAL, &r->c.ask.addr);
	if (g && (g->flags & ZTA_PREFIX_RESOLVER))
		return 1;
	zta_destination(skb, &r->wire);
	r->c.ask.addr = r->wire;
	g = zta_get_prefix(&t, ZTA_SCOPE_GLOBAL, &r->wire);
	return g && (g->flags & ZTA_PREFIX_RESOLVER);
}

/* Where its messages stand, as zta_payload() says it; 0 = they cannot be read. */
static __always_inline __u64 messages_of(struct __sk_buff *skb, __u32 protocol)
{
	__u64 payload = zta_payload(skb);

	if (protocol != IPPROTO_TCP)
		return skb->gso_segs > 1 ? 0 : payload;
	if (ZTA_PAYLOAD_LEN(payload) && (zta_tcp_head(skb) & ZTA_TCP_URG))
		return 0;
	return payload;
}

__noinline int zta_query(struct __sk_buff *skb, __u32 room)
{
	struct zta_room *r = zta_room(room);
	struct bpf_sock *sk = skb->sk;
	struct zta_sock *st;
	__u64 payload;
	__u32 at, left;

	if (!r || !sk)
		return 0;
	sk = bpf_sk_fullsock(sk);
	if (!sk)
		return 0;
	if (!find_profile(skb, r))
		return 1; /* not below the attach point (any more) */
	st = bpf_sk_storage_get(&zta_sockets, sk, 0, 0);
	if (st) {
		r->c.netns = st->netns;
		r->c.ask.addr = st->called; /* the resolver */
		r->c.ask.port = ZTA_PORT_DNS;
		if (!zta_asks_resolver(skb, room))
			return 1; /* anybody on loopback */
		st->flags |= ZTA_SOCK_ASKED;
	}
	r->c.ask.proto = sk->protocol;
	r->c.flags |= sk->protocol == IPPROTO_TCP ? ZTA_EVENT_CUT : 0;
	payload = messages_of(skb, sk->protocol);
	at = ZTA_PAYLOAD_AT(payload);
	left = ZTA_PAYLOAD_LEN(payload);
	if (!payload)
		return !(r->seen & ZTA_SEEN_LISTED) || refuse(skb, room, r, ZTA_REASON_MALFORMED);
	r->c.sport = ZTA_PAYLOAD_SPORT(payload);
	if (sk->protocol != IPPROTO_TCP)
		return zta_query_message(skb, room, at, left);
	for (int i = 0; i < ZTA_DNS_MESSAGES && left; i++) {
		__u8 size[2];
		__u32 len;

		if (left < 3 || bpf_skb_load_bytes(skb, at, size, 2) < 0)
			break;
		len = size[0] << 8 | size[1];
		if (len + 2 > left)
			break;
		if (!zta_query_message(skb, room, at + 2, len))
			return 0;
		at += 2 + len;
		left -= 2 + len;
	}
	return !left || !(r->seen & ZTA_SEEN_LISTED) || refuse(skb, room, r, ZTA_REASON_MALFORMED);
}
