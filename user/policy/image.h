/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Map images: a compiled policy as plain arrays, exactly what goes into the maps of one slot.
 * user/policy/compile.c makes them, kern/ writes them, explain and the tests ask them through
 * zta_decide.h (image_tables.h has the look-ups).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "zta_names.h"
#include "zta_policy.h"

struct image_prefix {
	struct zta_prefix_key key;
	struct zta_prefix value;
};
struct image_named {
	struct zta_named_key key;
	struct zta_list value;
};
struct image_name {
	struct zta_name_key key;
	uint32_t value;
};
struct image_literal {
	struct zta_literal_key key;
	uint32_t child;
};

/* Name patterns by id, never changed once made: whoever keeps them holds a reference. */
struct pattern_ids {
	unsigned refs;
	uint32_t n; /* ids below it; 0 is never given out */
	char *texts;
	struct pattern_id {
		uint32_t text; /* place in texts, 0 = free */
		uint32_t used; /* generation that used it last */
	} v[];
};

/*
 * Ids that stay with a name over policies: counters, sockets and learnt answers refer to them.
 * Profile id 0 is never given out.
 */
struct policy_ids {
	char profiles[ZTA_PROFILE_IDS][ZTA_NAME_LEN + 1]; /* "" = free */
	char services[ZTA_SERVICES_MAX][ZTA_NAME_LEN + 1];
	uint32_t profile_used[ZTA_PROFILE_IDS]; /* generation that used it last */
	uint32_t service_used[ZTA_SERVICES_MAX];
	struct pattern_ids *patterns; /* NULL = none yet */
};

/* How cgroups find their workload. */
struct image_patterns {
	struct zta_glob_node *nodes; /* node 0 unused, node 1 = attach point */
	size_t n_nodes;
	struct image_literal *literals; /* sorted */
	size_t n_literals;
	struct zta_glob *globs;
	size_t n_globs;
	uint16_t default_profile; /* ids, both */
	uint16_t selftest_profile;
};

struct policy_image {
	struct zta_policy policy;
	struct zta_profile profiles[ZTA_PROFILE_IDS];
	struct image_prefix *prefixes; /* sorted by (scope, address, length) */
	size_t n_prefixes;
	uint64_t *ports; /* ZTA_PORTS_KEYS */
	struct zta_rule *rules;
	size_t n_rules;
	struct image_named *named; /* sorted by (profile, proxy, group) */
	size_t n_named;
	struct image_name *names; /* sorted by (scope, text, length) */
	size_t n_names;
	struct zta_pattern *name_patterns; /* ZTA_PATTERN_IDS, by id */
	size_t n_name_patterns;		   /* of the policy: remembered ones are not counted */
	struct image_patterns patterns;
	uint16_t *profile_id;  /* of policy.profiles[i] */
	uint8_t *service_bit;  /* of policy.services[i] */
	struct policy_ids ids; /* after this compile: input of the next one */
	int64_t now;	       /* Unix seconds: what had expired by then is left out */
	int64_t next_expiry;   /* Unix seconds of the next rule to expire, INT64_MAX = none */
	size_t expiring;       /* rules that expire within 14 days */
};

/**
 * pattern_ids_new() - Room for @n ids and @octets of texts, their NULs included
 *
 * Return: with one reference, all ids free; NULL = no memory.
 */
struct pattern_ids *pattern_ids_new(size_t n, size_t octets);
struct pattern_ids *pattern_ids_ref(struct pattern_ids *p); /* NULL is allowed, as below */
void pattern_ids_unref(struct pattern_ids *p);
const char *pattern_ids_text(const struct pattern_ids *p, uint32_t id); /* NULL = none */

/* A copy of just the size that is needed; untouched on failure. 0 or -ENOMEM. */
int image_patterns_copy(const struct image_patterns *from, struct image_patterns *ret);
void image_patterns_free(struct image_patterns *p);
