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

/*
 * Global functions take scalars only (5.10), and the verifier judges each once, whoever calls: so
 * the question travels as three words. Static functions would be followed anew for every path that
 * leads to them.
 */
#define ZTA_WHAT(slot, ask, addr)                                                    \
	(((__u64)(slot)&1) | (__u64)(addr)->family << 4 | (__u64)(ask)->proto << 8 | \
	 (__u64)(ask)->port << 16 | (__u64)(ask)->profile << 32 | (__u64)(ask)->flags << 48)
#define ZTA_HIGH(addr) ((__u64)(addr)->w[0] << 32 | (addr)->w[1])
#define ZTA_LOW(addr)  ((__u64)(addr)->w[2] << 32 | (addr)->w[3])

struct zta_ask;
struct zta_ruling;
static __always_inline __u32 zta_match(const struct zta_tables *t, struct zta_list list, __u32 port,
				       __u32 proto_bit);
static __always_inline void zta_rules_of(const struct zta_tables *t, const struct zta_ask *ask,
					 __u32 global_flags, struct zta_ruling *out);

#include "zta_decide.h"

static __always_inline void zta_unpack_ask(struct zta_ask *ask, __u64 high, __u64 low, __u64 what)
{
	ask->addr.w[0] = high >> 32;
	ask->addr.w[1] = high;
	ask->addr.w[2] = low >> 32;
	ask->addr.w[3] = low;
	ask->addr.family = what >> 4 & 0xf;
	ask->proto = what >> 8;
	ask->port = what >> 16;
	ask->profile = what >> 32 & 0xffff;
	ask->flags = what >> 48;
}

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

/* Returns struct zta_ruling in one word: rule, prefixlen, and a bit each for the rest. */
__noinline __weak __u64 zta_rules_word(__u64 high, __u64 low, __u64 what, __u32 global_flags)
{
	struct zta_tables t = { .slot = what & 1 };
	struct zta_ruling r = { .rule = ZTA_RULE_NONE };
	struct zta_ask ask = {};

	zta_unpack_ask(&ask, high, low, what);
	zta_ask_rules(&t, &ask, global_flags, &r);
	return r.rule | (__u64)r.prefixlen << 32 | (__u64)(r.action & 0xf) << 40 |
	       (__u64)(r.audit & 1) << 44 | (__u64)(r.ai_allow & 1) << 45 |
	       (__u64)(r.rebinding & 1) << 46 | (__u64)(r.own_name & 1) << 47;
}

static __always_inline void zta_rules_of(const struct zta_tables *t, const struct zta_ask *ask,
					 __u32 global_flags, struct zta_ruling *out)
{
	__u64 r = zta_rules_word(ZTA_HIGH(&ask->addr), ZTA_LOW(&ask->addr),
				 ZTA_WHAT(t->slot, ask, &ask->addr), global_flags);

	out->rule = r;
	out->prefixlen = r >> 32;
	out->action = r >> 40 & 0xf;
	out->audit = r >> 44 & 1;
	out->ai_allow = r >> 45 & 1;
	out->rebinding = r >> 46 & 1;
	out->own_name = r >> 47 & 1;
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

/* Returns struct zta_verdict in one word; of its services, the lowest. */
__noinline __weak __u64 zta_decide_word(__u64 high, __u64 low, __u64 what)
{
	struct zta_tables t = { .slot = what & 1 };
	struct zta_verdict v;
	struct zta_ask ask = {};

	zta_unpack_ask(&ask, high, low, what);
	zta_judge(&t, &ask, &v);
	return v.rule | (__u64)(v.verdict & 0xf) << 32 | (__u64)v.reason << 36 |
	       (__u64)(v.row & 0x1f) << 44 | (__u64)(v.flags & 3) << 49 |
	       (__u64)zta_lowest(v.services) << 56;
}

/* All its services; asked only when it is told. */
__noinline __weak __u64 zta_services_word(__u64 high, __u64 low, __u64 what)
{
	struct zta_tables t = { .slot = what & 1 };
	struct zta_verdict v;
	struct zta_ask ask = {};

	zta_unpack_ask(&ask, high, low, what);
	zta_judge(&t, &ask, &v);
	return v.services;
}

/* @addr: ask->addr, or the address inside it */
static __always_inline void zta_decide(const struct zta_ask *ask, const struct zta_addr *addr,
				       struct zta_verdict *v, __u32 slot)
{
	__u64 w = zta_decide_word(ZTA_HIGH(addr), ZTA_LOW(addr), ZTA_WHAT(slot, ask, addr));
	__u8 service = w >> 56;

	v->services = service == ZTA_SERVICE_NONE ? 0 : 1ULL << (service & 63);
	v->rule = w;
	v->verdict = w >> 32 & 0xf;
	v->reason = w >> 36;
	v->row = w >> 44 & 0x1f;
	v->flags = w >> 49 & 3;
}

/*
 * A static function whose result nobody reads loses it to the compiler, and returns whatever R0
 * holds; the verifier refuses that when it is a pointer.
 */
#define ZTA_READ(result) asm volatile("" : : "r"((__u64)(result)))
