/* SPDX-License-Identifier: Apache-2.0 */
/* The look-ups of zta_decide.h over a compiled image, and the decision itself. */
#pragma once

#include <stddef.h>

#include "policy/compile.h"

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

struct zta_tables {
	const struct policy_image *image;
};

struct zta_ask;
struct zta_verdict;

static inline const struct zta_policy *zta_get_policy(const struct zta_tables *t)
{
	return &t->image->policy;
}

static inline const struct zta_profile *zta_get_profile(const struct zta_tables *t, __u32 id)
{
	return id < ZTA_PROFILE_IDS ? &t->image->profiles[id] : NULL;
}

static inline const struct zta_prefix *zta_get_prefix(const struct zta_tables *t, __u32 scope_id,
						      const struct zta_addr *addr)
{
	return policy_image_prefix(t->image, scope_id, addr);
}

static inline __u64 zta_get_port(const struct zta_tables *t, __u32 port)
{
	return port <= 65535 ? t->image->ports[port] : 0;
}

static inline const struct zta_list *zta_get_named(const struct zta_tables *t, __u32 profile,
						   __u32 group)
{
	return policy_image_named(t->image, profile, 0, group);
}

static inline const struct zta_rule *zta_get_rule(const struct zta_tables *t, __u32 index)
{
	return index < t->image->n_rules ? &t->image->rules[index] : NULL;
}

static inline __u32 zta_match(const struct zta_tables *t, struct zta_list list, __u32 port,
			      __u32 proto_bit);

static inline const struct zta_answers *zta_get_answers(const struct zta_tables *t,
							const struct zta_ask *ask);

struct zta_ask;
struct zta_ruling;
static inline void zta_rules_of(const struct zta_tables *t, const struct zta_ask *ask,
				__u32 global_flags, struct zta_ruling *out);

#include "zta_decide.h"

static inline const struct zta_answers *zta_get_answers(const struct zta_tables *t,
							const struct zta_ask *ask)
{
	(void)t;
	return ask->answers;
}

static inline void zta_rules_of(const struct zta_tables *t, const struct zta_ask *ask,
				__u32 global_flags, struct zta_ruling *out)
{
	zta_ask_rules(t, ask, global_flags, out);
}

static inline __u32 zta_match(const struct zta_tables *t, struct zta_list list, __u32 port,
			      __u32 proto_bit)
{
	return zta_list_scan(t, list, port, proto_bit);
}
