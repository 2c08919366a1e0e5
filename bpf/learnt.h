/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What live answers of a network namespace say about an address: from the learnt evidence (ids of
 * patterns) to services and groups, by the policy of the slot.
 */
#pragma once

#include "tables.h"

static __always_inline __u32 zta_now_s(void)
{
	return bpf_ktime_get_boot_ns() / 1000000000;
}

/* Known namespaces have a table of their own, which nobody else's answers can fill. */
static __always_inline int zta_is_known(__u64 netns)
{
	return netns == zta_ctl(ZTA_CTL_NETNS);
}

static __always_inline struct zta_learnt *zta_learnt_get(const struct zta_place *place)
{
	return zta_is_known(place->netns) ? bpf_map_lookup_elem(&zta_learnt, place)
					  : bpf_map_lookup_elem(&zta_others, place);
}

static __always_inline int zta_is_live(__u32 seen, __u32 until, __u32 grace, __u32 now)
{
	return seen && (now < until || now - seen < grace);
}

/* What pattern @id means now. A pattern that policy has no more is an ordinary name. */
static __always_inline void zta_add_pattern(const struct zta_tables *t, struct zta_room *r,
					    __u64 fence, __u32 id)
{
	const struct zta_pattern *p = zta_get_pattern(t, id);
	struct zta_answers *a = &r->answers;
	__u32 n = a->pad;

	if (!p || !(p->flags & ZTA_PATTERN_VALID)) {
		a->flags |= ZTA_ANSWER_OTHER;
		return;
	}
	a->named |= p->services & fence;
	a->outside |= p->services & ~fence;
	if (p->flags & ZTA_PATTERN_AI_PUBLIC)
		a->flags |= ZTA_ANSWER_AI_PUBLIC;
	else if (!p->services)
		a->flags |= ZTA_ANSWER_OTHER;
	if (p->group && n < ZTA_ANSWER_GROUPS) {
		a->groups[n & (ZTA_ANSWER_GROUPS - 1)] = p->group;
		a->pad = n + 1;
	}
	r->c.used = r->c.used << 16 | id;
}

/* Fills r->answers for r->ask.addr (@carried: it is the address inside). */
__noinline __weak int zta_ask_learnt(__u32 room, __u32 carried)
{
	struct zta_room *r = zta_room(room);
	const struct zta_profile *p;
	const struct zta_prefix *g;
	struct zta_place place = {};
	struct zta_tables t = {};
	struct zta_learnt *l;
	__u32 now, grace;
	__u64 fence, sticky;

	if (!r)
		return 0;
	__builtin_memset(&r->answers, 0, sizeof(r->answers));
	place.netns = r->c.netns;
	place.addr = r->ask.addr;
	l = zta_learnt_get(&place);
	sticky = carried ? 0 : r->c.sticky;
	if (!l && !sticky)
		return 0;
	t.slot = r->slot;
	p = zta_get_profile(&t, r->ask.profile);
	grace = p ? p->grace_s : 0;
	g = zta_get_prefix(&t, ZTA_SCOPE_GLOBAL, &place.addr);
	fence = g ? g->fence : 0;
	now = zta_now_s();
	if (!carried)
		r->c.used = 0;
	for (int i = 0; l && i < ZTA_ANSWER_GROUPS; i++) {
		__u64 what = l->v[i].what;

		if (what && zta_is_live(l->v[i].seen, l->v[i].until, grace, now)) {
			zta_add_pattern(&t, r, fence, what & 0xffff);
			if (!r->c.type) /* else it is about another name */
				r->c.name = ZTA_NAME_OF(what);
		}
	}
	if (l && zta_is_live(l->other_seen, l->other_until, grace, now))
		r->answers.flags |= ZTA_ANSWER_OTHER;
	for (int i = 0; sticky && i < 4; i++) {
		if (sticky & 0xffff)
			zta_add_pattern(&t, r, fence, sticky & 0xffff);
		sticky >>= 16;
	}
	return 1;
}
