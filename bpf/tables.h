/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The look-ups of zta_decide.h over the maps of one slot, and the decision itself as a function. */
#pragma once

#include <stddef.h>

#include "maps.h"

struct zta_tables {
	__u32 slot;
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

static __always_inline const struct zta_rule *zta_get_rule(const struct zta_tables *t, __u32 index)
{
	void *inner = ZTA_INNER(zta_rules, t->slot);

	return inner ? bpf_map_lookup_elem(inner, &index) : NULL;
}

/* Defined behind zta_decide.h: a global function, which the verifier judges once. */
static __always_inline __u32 zta_match(const struct zta_tables *t, struct zta_list list, __u32 port,
				       __u32 proto_bit);

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

/*
 * Forget what the verifier knows of a value: it would follow every combination of constants that a
 * verdict can be made of through all code behind it.
 */
#define ZTA_LAUNDER(x, by) asm volatile("%0 += %1; %0 -= %1" : "+r"(x) : "r"((__u64)(by)))

/*
 * A static function whose result nobody reads loses it to the compiler, and returns whatever R0
 * holds; the verifier refuses that when it is a pointer.
 */
#define ZTA_READ(result) asm volatile("" : : "r"((__u64)(result)))

/* The verdict for one profile about ask->addr alone. */
static __noinline int zta_decide(struct zta_ask *ask, struct zta_verdict *v, __u32 slot)
{
	struct zta_tables t = { .slot = slot };
	__u64 services, rule, rest, any = zta_ctl(ZTA_CTL_WORD);

	zta_judge(&t, ask, v);
	services = v->services;
	rule = v->rule;
	rest = v->verdict | v->reason << 8 | v->row << 16 | v->flags << 24;
	ZTA_LAUNDER(services, any);
	ZTA_LAUNDER(rule, any);
	ZTA_LAUNDER(rest, any);
	v->services = services;
	v->rule = rule;
	v->verdict = rest;
	v->reason = rest >> 8;
	v->row = rest >> 16;
	v->flags = rest >> 24;
	return rest & 0xff;
}
