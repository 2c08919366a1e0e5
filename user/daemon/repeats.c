// SPDX-License-Identifier: Apache-2.0
#include "daemon/repeats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "zta_limits.h"

#define MINUTE_NS  (60 * NS_PER_S)
#define OFTEN_NS   (10 * MINUTE_NS) /* so long it is told each minute, then each ten */
#define SILENCE_NS (10 * MINUTE_NS) /* then it is forgotten: the next one is told at once */

struct entry {
	uint64_t workload;
	uint32_t reason;
	bool used;
	char audience[ZTA_AUDIENCE_MAX + 1];
	uint64_t since, told, seen; /* first, last told, last seen; CLOCK_MONOTONIC ns */
	uint64_t count;		    /* held */
	json_t *held;		    /* the newest of them */
};

struct repeats {
	repeats_tell tell;
	void *ctx;
	struct entry v[REPEATS_MAX];
};

struct repeats *repeats_new(repeats_tell tell, void *ctx)
{
	struct repeats *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->tell = tell;
	r->ctx = ctx;
	return r;
}

void repeats_free(struct repeats *r)
{
	for (size_t i = 0; r && i < REPEATS_MAX; i++)
		json_decref(r->v[i].held);
	free(r);
}

static void tell(struct repeats *r, struct entry *e, uint64_t now_ns)
{
	json_t *record = e->held;

	e->told = now_ns;
	e->held = NULL;
	if (!e->count)
		return;
	(void)json_object_set_new(record, "count", json_integer((json_int_t)e->count)); /* else 1 */
	e->count = 0;
	r->tell(r->ctx, record);
}

static bool is(const struct entry *e, const struct repeats_key *k, const char *audience)
{
	return e->used && e->workload == k->workload && e->reason == k->reason &&
	       !strcmp(e->audience, audience);
}

/* The entry of a key. Who has many gets one for all audiences that are new. */
static struct entry *entry_of(struct repeats *r, const struct repeats_key *k, uint64_t now_ns)
{
	struct entry *oldest = &r->v[0], *wide = NULL;
	size_t own = 0;

	for (size_t i = 0; i < REPEATS_MAX; i++) {
		struct entry *e = &r->v[i];

		if (is(e, k, k->audience))
			return e;
		if (is(e, k, ""))
			wide = e;
		own += e->used && e->workload == k->workload;
		if (!e->used || (oldest->used && e->seen < oldest->seen))
			oldest = e;
	}
	if (own >= REPEATS_EACH_MAX && wide)
		return wide;
	if (oldest->used)
		tell(r, oldest, now_ns);
	*oldest = (struct entry){ .used = true, .workload = k->workload, .reason = k->reason };
	if (own < REPEATS_EACH_MAX)
		(void)snprintf(oldest->audience, sizeof(oldest->audience), "%s", k->audience);
	return oldest;
}

static bool is_due(const struct entry *e, uint64_t now_ns)
{
	uint64_t pause = e->told - e->since < OFTEN_NS ? MINUTE_NS : OFTEN_NS;

	return !e->told || now_ns - e->told >= pause;
}

void repeats_put(struct repeats *r, const struct repeats_key *key, json_t *record, uint64_t now_ns)
{
	struct entry *e;

	if (!record) {
		r->tell(r->ctx, NULL);
		return;
	}
	e = entry_of(r, key, now_ns);
	if (!e->since)
		e->since = now_ns;
	e->seen = now_ns;
	json_decref(e->held);
	e->held = record;
	e->count++;
	if (is_due(e, now_ns))
		tell(r, e, now_ns);
}

void repeats_tick(struct repeats *r, bool all, uint64_t now_ns)
{
	for (size_t i = 0; i < REPEATS_MAX; i++) {
		struct entry *e = &r->v[i];

		if (!e->used)
			continue;
		if (e->count && (all || is_due(e, now_ns)))
			tell(r, e, now_ns);
		if (!e->count && now_ns - e->seen >= SILENCE_NS)
			*e = (struct entry){ 0 };
	}
}

uint64_t repeats_held(const struct repeats *r)
{
	uint64_t n = 0;

	for (size_t i = 0; r && i < REPEATS_MAX; i++)
		n += r->v[i].count;
	return n;
}
