/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The broker of tokens: where it listens, and who called it (zta_identity.h). */
#pragma once

#include "maps.h"

#include "zta_decide_types.h"
#include "zta_identity.h"

/* Where the broker listens. User. Empty: nothing is redirected. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct zta_broker);
} zta_broker ZTA_MAP;

/*
 * Callers on their way to the broker. Kernel; the daemon takes. Full: the oldest is forgotten, and
 * is not vouched for.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, ZTA_CALLERS_MAX);
	__type(key, __u64);
	__type(value, struct zta_caller);
} zta_callers ZTA_MAP;

/* The broker, when there is one: NULL otherwise. */
static __always_inline const struct zta_broker *zta_the_broker(void)
{
	__u32 zero = 0;
	const struct zta_broker *b = bpf_map_lookup_elem(&zta_broker, &zero);

	return b && b->addr.family ? b : NULL;
}

static __always_inline int zta_is_broker(const struct zta_addr *a, __u16 port)
{
	const struct zta_broker *b = zta_the_broker();

	return b && b->port == port && b->addr.family == a->family && b->addr.w[0] == a->w[0] &&
	       b->addr.w[1] == a->w[1] && b->addr.w[2] == a->w[2] && b->addr.w[3] == a->w[3];
}

#define ZTA_IMDS      zta_be32(0xa9fea9fe) /* 169.254.169.254 */
#define ZTA_IMDS_PORT 80
