/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The look-ups of zta_decide.h over the maps of one slot, and the decision itself as a function. */
#pragma once

#include <stddef.h>

#include "room.h"

struct zta_tables {
	__u32 slot;
	__u32 number;	       /* room of what is decided; the look-ups alone need none */
	struct zta_room *room; /* the same */
};

#define ZTA_INNER(map, slot)                             \
	({                                               \
		__u32 zta_slot_ = (slot)&1;              \
		bpf_map_lookup_elem(&(map), &zta_slot_); \
	})

static __always_inline const struct zta_policy *zta_get_policy(const struct zta_tables *t)
{
	void *inner = ZTA_INNER(zta_policy, t->slot);
	__u32 zero = 0;

	return inner ? bpf_map_lookup_elem(inner, &zero) : NULL;
}

static __always_inline const struct zta_profile *zta_get_profile(const struct zta_tables *t,
								 __u32 id)
{
	void *inner = ZTA_INNER(zta_profiles, t->slot);

	return inner ? bpf_map_lookup_elem(inner, &id) : NULL;
}

static __always_inline const struct zta_prefix *
zta_get_prefix(const struct zta_tables *t, __u32 scope_id, const struct zta_addr *addr)
{
	void *inner = ZTA_INNER(zta_prefixes, t->slot);
	struct zta_prefix_key key = {
		.prefixlen = addr->family == ZTA_V4 ? 64 : 160,
		.scope = ZTA_SCOPE(scope_id, addr->family),
	};

	__builtin_memcpy(key.addr, addr->w, sizeof(key.addr));
	return inner ? bpf_map_lookup_elem(inner, &key) : NULL;
}

static __always_inline __u64 zta_get_port(const struct zta_tables *t, __u32 port)
{
	void *inner = ZTA_INNER(zta_ports, t->slot);
	__u64 *mask = inner ? bpf_map_lookup_elem(inner, &port) : NULL;

	return mask ? *mask : 0;
}

static __always_inline const struct zta_list *zta_get_named(const struct zta_tables *t,
							    __u32 profile, __u32 group)
{
	void *inner = ZTA_INNER(zta_named, t->slot);
	struct zta_named_key key = { .profile = profile, .group = group };

	return inner ? bpf_map_lookup_elem(inner, &key) : NULL;
}

/* @proxy: number of the proxy + 1 */
static __always_inline const struct zta_list *
zta_get_proxied(const struct zta_tables *t, __u32 profile, __u32 proxy, __u32 group)
{
	void *inner = ZTA_INNER(zta_named, t->slot);
	struct zta_named_key key = { .profile = profile, .proxy = proxy, .group = group };

	return inner ? bpf_map_lookup_elem(inner, &key) : NULL;
}

static __always_inline const struct zta_pattern *zta_get_pattern(const struct zta_tables *t,
								 __u32 id)
{
	void *inner = ZTA_INNER(zta_patterns, t->slot);

	return inner ? bpf_map_lookup_elem(inner, &id) : NULL;
}

static __always_inline const struct zta_rule *zta_get_rule(const struct zta_tables *t, __u32 index)
{
	void *inner = ZTA_INNER(zta_rules, t->slot);

	return inner ? bpf_map_lookup_elem(inner, &index) : NULL;
}

static __always_inline const struct zta_answers *zta_get_answers(const struct zta_tables *t,
								 const struct zta_ask *ask);
static __always_inline __u32 zta_match(const struct zta_tables *t, struct zta_list list, __u32 port,
				       __u32 proto_bit);
static __always_inline void zta_rules_of(const struct zta_tables *t, const struct zta_ask *ask,
					 __u32 global_flags, struct zta_ruling *out);

#include "zta_decide.h"

__noinline __weak __u32 zta_match_list(__u32 slot, __u32 first, __u32 count, __u32 port_proto)
{
	struct zta_tables t = { .slot = slot };
	struct zta_list list = { .first = first, .count = count };

	return zta_list_scan(&t, list, port_proto >> 8, port_proto & 0xff);
}

static __always_inline __u32 zta_match(const struct zta_tables *t, struct zta_list list, __u32 port,
				       __u32 proto_bit)
{
	return zta_match_list(t->slot, list.first, list.count, port << 8 | proto_bit);
}

static __always_inline const struct zta_answers *zta_get_answers(const struct zta_tables *t,
								 const struct zta_ask *ask)
{
	return &t->room->answers;
}

/* What the rules say of r->ask, into r->ruling. */
__noinline __weak int zta_rules_room(__u32 room, __u32 global_flags)
{
	struct zta_tables t = { .number = room, .room = zta_room(room) };
	struct zta_ruling *out;

	if (!t.room)
		return 0;
	out = &t.room->ruling; /* not on the stack: 5.10 would follow each combination of it */
	t.slot = t.room->slot;
	__builtin_memset(out, 0, sizeof(*out));
	out->rule = ZTA_RULE_NONE;
	zta_ask_rules(&t, &t.room->ask, global_flags, out);
	return 1;
}

static __always_inline void zta_rules_of(const struct zta_tables *t, const struct zta_ask *ask,
					 __u32 global_flags, struct zta_ruling *out)
{
	zta_rules_room(t->number, global_flags);
	*out = t->room->ruling;
}

/* Number of the lowest bit, ZTA_SERVICE_NONE for none; without a loop. */
static __always_inline __u8 zta_lowest(__u64 mask)
{
	if (!mask)
		return ZTA_SERVICE_NONE;
	mask &= -mask;
	return ((mask & 0xffffffff00000000ULL) ? 32 : 0) |
	       ((mask & 0xffff0000ffff0000ULL) ? 16 : 0) |
	       ((mask & 0xff00ff00ff00ff00ULL) ? 8 : 0) | ((mask & 0xf0f0f0f0f0f0f0f0ULL) ? 4 : 0) |
	       ((mask & 0xccccccccccccccccULL) ? 2 : 0) | ((mask & 0xaaaaaaaaaaaaaaaaULL) ? 1 : 0);
}

/*
 * A static function whose result nobody reads loses it to the compiler, and returns whatever R0
 * holds; the verifier refuses that when it is a pointer.
 */
#define ZTA_READ(result) asm volatile("" : : "r"((__u64)(result)))
