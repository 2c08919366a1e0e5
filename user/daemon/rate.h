/* SPDX-License-Identifier: Apache-2.0 */
/* How often each of many may do something: a bucket of a minute's worth for each key. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Full: the bucket that is used least recently is forgotten, that is, full again. */
#define RATE_KEYS_MAX 1024

struct rate;

struct rate *rate_new(void); /* NULL without memory */
void rate_free(struct rate *r);

/**
 * rate_take() - Do it once
 * @now_ns:	CLOCK_MONOTONIC
 * @ret_wait_s:	when refused: seconds until it may be done again, at least 1
 */
bool rate_take(struct rate *r, uint64_t key, uint32_t per_minute, uint64_t now_ns,
	       uint32_t *ret_wait_s);
