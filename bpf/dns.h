/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* DNS in packets: what query.bpf.c and answer.bpf.c share, and what the hooks call. */
#pragma once

#include "deny.h"
#include "payload.h"

#include "zta_dns.h"

#define ZTA_DNS_MESSAGES 4 /* of one TCP segment */

/* Read a name of the room's message: zta_dns_name(). */
__noinline __weak __u32 zta_name_room(__u32 room, __u32 at)
{
	struct zta_room *r = zta_room(room);

	return r ? zta_dns_name(&r->dns, at) : 0;
}

static __always_inline __u32 zta_dns_name_at(struct zta_dns *d, __u32 at)
{
	return zta_name_room(d->number, at);
}

/* Header and question of the room's message: zta_dns_begin(). */
__noinline __weak int zta_begin_room(__u32 room)
{
	struct zta_room *r = zta_room(room);

	return r ? zta_dns_begin(&r->dns) : 0;
}

/* Copy a message from the packet into the room. Returns 0: there is none to read. */
__noinline __weak int zta_load_message(struct __sk_buff *skb, __u32 room, __u32 at, __u32 len)
{
	struct zta_room *r = zta_room(room);
	__u64 octets;

	if (!r)
		return 0;
	octets = len > ZTA_DNS_BYTES ? ZTA_DNS_BYTES : len;
	ZTA_KEEP(octets); /* bounds that the verifier sees, the lower one as 5.10 wants it */
	if (octets > ZTA_DNS_BYTES)
		return 0;
	ZTA_KEEP(octets);
	if (octets < ZTA_DNS_HEAD)
		return 0;
	if (bpf_skb_load_bytes(skb, at, r->dns.m, octets) < 0)
		return 0;
	r->dns.len = octets;
	r->message_at = at;
	r->dns.number = room;
	r->dns.seed = zta_ctl(ZTA_CTL_SEED);
	return 1;
}

/*
 * The longest pattern of a scope that matches the name in the room without its last @skip octets.
 * Returns its value, 0 for none.
 */
__noinline __weak __u32 zta_name_find(__u32 room, __u32 scope, __u32 skip)
{
	struct zta_room *r = zta_room(room);
	__u32 slot, n, start, *value;
	void *inner;
	char *key;

	if (!r || skip >= r->dns.name_len || r->dns.name_len > ZTA_DNS_NAME_MAX)
		return 0;
	slot = r->slot & 1;
	inner = bpf_map_lookup_elem(&zta_names, &slot);
	if (!inner)
		return 0;
	n = r->dns.name_len - skip;
	/* the key's head stands in front of the text, over what is skipped or was never written */
	start = (ZTA_DNS_TEXT_LAST + 1 - 8 - n) & 0xff;
	key = &r->dns.text[start];
	n++;
	if (n > ZTA_NAME_TEXT)
		n = ZTA_NAME_TEXT;
	n = 32 + n * 8;
	__builtin_memcpy(key, &n, 4);
	__builtin_memcpy(key + 4, &scope, 4);
	value = bpf_map_lookup_elem(inner, key);
	return value ? *value : 0;
}

/* Keep the text of the name in the room, for events and `ztactl names`. */
__noinline __weak int zta_keep_text(__u32 room)
{
	struct zta_room *r = zta_room(room);
	__u32 start;
	__u64 hash;

	if (!r || r->dns.name_len > ZTA_DNS_NAME_MAX)
		return 0;
	hash = r->dns.hash;
	if (bpf_map_lookup_elem(&zta_texts, &hash))
		return 0;
	start = (ZTA_DNS_TEXT_LAST + 1 - r->dns.name_len) & 0x1ff;
	if (start > ZTA_DNS_TEXT - ZTA_NAME_OCTETS)
		return 0;
	return bpf_map_update_elem(&zta_texts, &hash, &r->dns.text[start], BPF_ANY) == 0;
}

/* query.bpf.c: note the queries of a packet to a resolver. Returns 0: one may not be asked. */
int zta_query(struct __sk_buff *skb, __u32 room);

/* answer.bpf.c: learn what a packet of a resolver says. */
int zta_answer(struct __sk_buff *skb, __u32 room, __u64 netns);
