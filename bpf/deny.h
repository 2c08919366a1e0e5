/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A denial that only a packet shows: by what it asks, answers or says first, not where it goes. */
#pragma once

#include "judge.h"

/*
 * Count and tell it, in r->who's name. r->c has hook, type, ask, name, flags.
 * @row: of the table, 0 = none
 *
 * Return: 1 when a mode, a pause or an absent daemon lets it pass.
 */
static __always_inline int zta_deny(struct __sk_buff *skb, struct zta_room *r, __u32 reason,
				    __u32 row, __u64 services)
{
	struct bpf_sock *sk = skb->sk;
	const struct zta_profile *p;
	const struct zta_policy *doc;
	struct zta_tables t = {};
	struct zta_case *c;

	if (!sk)
		return 0;
	t.slot = r->slot;
	c = &r->c;
	c->who = r->who;
	c->cookie = bpf_get_socket_cookie(skb);
	c->verdict.services = services;
	c->verdict.rule = ZTA_RULE_NONE;
	c->verdict.flags = 0;
	zta_set(&c->verdict, ZTA_VERDICT_DENY, reason, row);
	doc = zta_get_policy(&t);
	p = zta_get_profile(&t, c->who.profile);
	if (doc && p)
		zta_weaken(doc, p, &c->ask, 0, &c->verdict);
	if (c->verdict.verdict == ZTA_VERDICT_DENY)
		ZTA_READ(zta_weaken_by_state(&c->who, &c->verdict));
	ZTA_READ(zta_count(c));
	ZTA_READ(zta_tell(c, bpf_sk_storage_get(&zta_sockets, sk, 0, 0), 0));
	return c->verdict.verdict != ZTA_VERDICT_DENY;
}

/* The same as a global function; where eight frames do not have room for one more, the above. */
__noinline __weak int zta_deny_room(struct __sk_buff *skb, __u32 room, __u32 reason, __u64 services)
{
	struct zta_room *r = zta_room(room);

	return r ? zta_deny(skb, r, reason, 0, services) : 0;
}
