// SPDX-License-Identifier: Apache-2.0
#include "daemon/rate.h"

#include <stdlib.h>

#include "base/clock.h"

#define MINUTE_NS (60 * NS_PER_S)

/* What is missing in a bucket is kept as time: how long it takes to be full again. */
struct bucket {
	uint64_t key;
	uint64_t full_at; /* CLOCK_MONOTONIC ns */
	uint64_t used_at; /* 0 = free */
};

struct rate {
	struct bucket v[RATE_KEYS_MAX];
};

struct rate *rate_new(void)
{
	return calloc(1, sizeof(struct rate));
}

void rate_free(struct rate *r)
{
	free(r);
}

static struct bucket *bucket_of(struct rate *r, uint64_t key)
{
	struct bucket *oldest = &r->v[0];

	for (uint32_t i = 0; i < RATE_KEYS_MAX; i++) {
		if (r->v[i].used_at && r->v[i].key == key)
			return &r->v[i];
		if (r->v[i].used_at < oldest->used_at)
			oldest = &r->v[i];
	}
	*oldest = (struct bucket){ .key = key };
	return oldest;
}

bool rate_take(struct rate *r, uint64_t key, uint32_t per_minute, uint64_t now_ns,
	       uint32_t *ret_wait_s)
{
	struct bucket *b = bucket_of(r, key);
	uint64_t one = MINUTE_NS / per_minute, full_at;

	full_at = b->full_at > now_ns ? b->full_at : now_ns;
	b->used_at = now_ns;
	if (full_at + one > now_ns + MINUTE_NS) {
		*ret_wait_s = (uint32_t)((full_at + one - now_ns - MINUTE_NS) / NS_PER_S) + 1;
		return false;
	}
	b->full_at = full_at + one;
	return true;
}
