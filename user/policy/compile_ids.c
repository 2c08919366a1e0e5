// SPDX-License-Identifier: Apache-2.0
/*
 * Ids by name. Counters, sockets and learnt answers hold ids of earlier policies, so a name keeps
 * its id for as long as it can: a name that is gone gives its id up only when no unused one is
 * left, the one that is gone longest first. Profile id 0 is never given out: whoever reads an unset
 * id finds no profile, which denies.
 */
#include "policy/compile_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct id_table {
	char (*names)[ZTA_NAME_LEN + 1];
	uint32_t *used;
	size_t first, n;
};

static size_t find(const struct id_table *t, const char *name)
{
	for (size_t i = t->first; i < t->n; i++)
		if (!strcmp(t->names[i], name))
			return i;
	return t->n;
}

/* An id for a new name: a free one, else the one out of use for longest. @taken: this policy's. */
static size_t take(const struct id_table *t, const bool *taken)
{
	size_t best = t->n;

	for (size_t i = t->first; i < t->n; i++) {
		if (taken[i])
			continue;
		if (!t->names[i][0])
			return i;
		if (best == t->n || t->used[i] < t->used[best])
			best = i;
	}
	return best;
}

static int assign(const struct id_table *t, const char *const *names, size_t n, uint32_t generation,
		  uint16_t *ret)
{
	bool taken[ZTA_PROFILE_IDS] = {};

	for (size_t i = 0; i < n; i++) {
		ret[i] = (uint16_t)find(t, names[i]);
		if (ret[i] < t->n)
			taken[ret[i]] = true;
	}
	for (size_t i = 0; i < n; i++) {
		if (ret[i] == t->n) {
			ret[i] = (uint16_t)take(t, taken);
			if (ret[i] == t->n)
				return -E2BIG; /* the parser's limits are below both tables' */
			taken[ret[i]] = true;
			memset(t->names[ret[i]], 0, sizeof(t->names[0]));
			strcpy(t->names[ret[i]], names[i]);
		}
		t->used[ret[i]] = generation;
	}
	return 0;
}

static int profile_ids(struct compile *c)
{
	struct policy_ids *ids = &c->image->ids;
	struct id_table t = { ids->profiles, ids->profile_used, 1, ZTA_PROFILE_IDS };
	const char *names[ZTA_PROFILE_IDS];

	if (c->policy->n_profiles >= ZTA_PROFILE_IDS)
		return compile_refuse(c, "", "profiles: %zu needed, %d fit", c->policy->n_profiles,
				      ZTA_PROFILE_IDS - 1);
	for (size_t i = 0; i < c->policy->n_profiles; i++)
		names[i] = c->policy->profiles[i].name;
	return assign(&t, names, c->policy->n_profiles, c->opts->generation, c->image->profile_id);
}

static int service_ids(struct compile *c)
{
	struct policy_ids *ids = &c->image->ids;
	struct id_table t = { ids->services, ids->service_used, 0, ZTA_SERVICES_MAX };
	const char *names[ZTA_SERVICES_MAX];
	uint16_t bit[ZTA_SERVICES_MAX];
	int r;

	if (c->policy->n_services > ZTA_SERVICES_MAX)
		return compile_refuse(c, "services", "services: %zu needed, %d fit",
				      c->policy->n_services, ZTA_SERVICES_MAX);
	for (size_t i = 0; i < c->policy->n_services; i++)
		names[i] = c->policy->services[i].name;
	r = assign(&t, names, c->policy->n_services, c->opts->generation, bit);
	for (size_t i = 0; r >= 0 && i < c->policy->n_services; i++)
		c->image->service_bit[i] = (uint8_t)bit[i];
	return r;
}

int compile_ids(struct compile *c)
{
	struct policy_image *image = c->image;
	int r;

	if (c->opts->ids) {
		image->ids = *c->opts->ids;
		(void)pattern_ids_ref(image->ids.patterns); /* until compile_names() has its own */
	}
	image->profile_id = calloc(c->policy->n_profiles + 1, sizeof(*image->profile_id));
	image->service_bit = calloc(c->policy->n_services + 1, sizeof(*image->service_bit));
	if (!image->profile_id || !image->service_bit)
		return -ENOMEM;
	r = profile_ids(c);
	if (r < 0)
		return r;
	return service_ids(c);
}
