/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Repeats of the same record, folded as CONTRACT §5 says: told at once, then once a minute for ten
 * minutes, then once every ten minutes, with the count of what was folded. For records that the
 * daemon makes itself; the kernel folds its own.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct repeats;

/* Full: whoever was silent longest is told and forgotten. */
#define REPEATS_MAX	 1024
#define REPEATS_EACH_MAX 32 /* of one workload; then `audience` is left out of the key */

struct repeats_key {
	uint64_t workload;
	uint32_t reason;
	const char *audience; /* "" = none; borrowed */
};

/* Gets records that are to be told now, with their `count`; the reference is the callee's. */
typedef void (*repeats_tell)(void *ctx, json_t *record);

struct repeats *repeats_new(repeats_tell tell, void *ctx); /* NULL without memory */
void repeats_free(struct repeats *r);			   /* tells nothing */

/* @record: reference taken, NULL (no memory) is passed on at once. @now_ns: CLOCK_MONOTONIC. */
void repeats_put(struct repeats *r, const struct repeats_key *key, json_t *record, uint64_t now_ns);
/* Once a second; @all: tell everything that is held. */
void repeats_tick(struct repeats *r, bool all, uint64_t now_ns);
uint64_t repeats_held(const struct repeats *r);
