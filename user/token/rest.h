/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The breaker of a source: one that is ill is left alone, so that those who wait hear so at once
 * and it is not kept ill by their number. Pure; times are seconds of a clock that is never set.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct rest {
	unsigned int outages; /* in a row */
	unsigned int running; /* requests; the caller counts */
	int64_t until;	      /* 0 = it does not rest */
};

#define REST_AT_ONCE 2 /* requests to a source that is well */
#define REST_OUTAGES 3 /* in a row before it rests by itself */
#define REST_MIN_S   10
#define REST_MAX_S   120

/* A request ended. @after_s: what the source wants; @throttled: it said 429. */
void rest_note(struct rest *r, bool outage, bool throttled, unsigned int after_s, int64_t now);

/* Seconds it still rests, 0 = it may be asked. */
unsigned int rest_left(const struct rest *r, int64_t now);

/* May another request start? One that has just rested is tried by one. */
bool rest_may_start(const struct rest *r);
