// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation
 *
 * The kernel finds the most specific pattern of a name in the trie "names" and keeps its id beside
 * the address that was answered. An id therefore stays with its text over policies; what the policy
 * in force says of it stands in the table "patterns". A pattern that the policy no longer has keeps
 * its id until there is no unused one left, and says what the nearest pattern that covers it says:
 * an address that was learnt for it before is then judged as one that is learnt for it now.
 *
 * The same trie holds, in a scope for each profile with "dns.names": "listed", the patterns that it
 * may ask for, and in one more the search suffixes of the machine.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "policy/compile_names.h"
#include "policy/compile_parts.h"
#include "policy/names.h"

static const char *const reverse_zones[] = { "*.in-addr.arpa", "*.ip6.arpa" };

/* --- ids */

static int by_age(const void *x, const void *y)
{
	const struct name_node *const *a = x, *const *b = y;

	if ((*a)->used != (*b)->used)
		return (*a)->used < (*b)->used ? -1 : 1;
	return (int)(*a)->id - (int)(*b)->id;
}

/* Takes ids from remembered patterns, those that were out of use longest first. */
static int take_ids(struct name_table *t, size_t wanted)
{
	_cleanup_free_ struct name_node **old = calloc(t->n + 1, sizeof(struct name_node *));
	size_t n = 0, k = 0;

	if (!old)
		return -ENOMEM;
	for (size_t i = 0; i < t->n; i++)
		if (!t->nodes[i].live && t->nodes[i].id)
			old[n++] = &t->nodes[i];
	qsort(old, n, sizeof(*old), by_age);
	for (size_t i = 0; i < t->n && wanted && k < n; i++) {
		if (!t->nodes[i].live || t->nodes[i].id)
			continue;
		t->nodes[i].id = old[k]->id;
		old[k++]->id = 0;
		wanted--;
	}
	return wanted ? -E2BIG : 0; /* ZTA_NAMES_MAX is below the number of ids */
}

static int give_ids(struct compile *c, struct name_table *t)
{
	_cleanup_free_ bool *taken = calloc(ZTA_PATTERN_IDS, sizeof(*taken));
	size_t wanted = 0;
	uint32_t free_id = 1;

	if (!taken)
		return -ENOMEM;
	for (size_t i = 0; i < t->n; i++)
		taken[t->nodes[i].id] = true;
	for (size_t i = 0; i < t->n; i++) {
		struct name_node *node = &t->nodes[i];

		if (!node->live)
			continue;
		node->used = c->opts->generation;
		while (!node->id && free_id < ZTA_PATTERN_IDS && taken[free_id])
			free_id++;
		if (!node->id && free_id < ZTA_PATTERN_IDS)
			node->id = (uint16_t)free_id++;
		wanted += !node->id;
	}
	return wanted ? take_ids(t, wanted) : 0;
}

/* What the next compile is given. */
static int keep_ids(struct compile *c, const struct name_table *t)
{
	struct pattern_ids *ids;
	size_t octets = 0;
	uint32_t n = 0, at = 1;

	for (size_t i = 0; i < t->n; i++) {
		if (!t->nodes[i].id)
			continue;
		octets += strlen(t->nodes[i].pattern) + 1;
		n = t->nodes[i].id >= n ? t->nodes[i].id + 1U : n;
	}
	ids = pattern_ids_new(n, octets);
	if (!ids)
		return -ENOMEM;
	for (size_t i = 0; i < t->n; i++) {
		const struct name_node *node = &t->nodes[i];

		if (!node->id)
			continue;
		strcpy(ids->texts + at, node->pattern);
		ids->v[node->id] = (struct pattern_id){ at, node->used };
		at += (uint32_t)strlen(node->pattern) + 1;
	}
	pattern_ids_unref(c->image->ids.patterns);
	c->image->ids.patterns = ids;
	return 0;
}

/* --- patterns */

static int compile_patterns(struct compile *c, const struct name_table *t)
{
	struct zta_pattern *v = calloc(ZTA_PATTERN_IDS, sizeof(*v));

	if (!v)
		return -ENOMEM;
	c->image->name_patterns = v;
	for (size_t i = 0; i < t->n; i++) {
		const struct name_node *node = &t->nodes[i], *class = node, *live = node;
		struct zta_pattern *out = &v[node->id];

		if (!node->id)
			continue;
		while (class && !name_is_classed(class))
			class = class->parent;
		while (live && !live->live)
			live = live->parent;
		if (!live)
			continue; /* the policy says nothing of it */
		out->group = node->group;
		out->flags = ZTA_PATTERN_VALID;
		if (class && class->ai_public)
			out->flags |= ZTA_PATTERN_AI_PUBLIC;
		else if (class)
			out->services = class->services;
		c->image->n_name_patterns += node->live;
	}
	return 0;
}

/* --- names */

/* @key: as name_node.key */
static int add_name(struct compile *c, uint32_t scope, const char *key, uint32_t value)
{
	size_t len = strlen(key), octets = len;
	struct policy_image *image = c->image;
	struct image_name *name;

	c->need_names++;
	if (c->need_names > COMPILE_GIVE_UP * (uint64_t)ZTA_NAME_NODES)
		return -E2BIG;
	if (c->need_names > ZTA_NAME_NODES)
		return 0; /* counted for the error, never written */
	if (image->n_names == c->room_names) {
		size_t room = c->room_names * 2;

		name = reallocarray(image->names, room, sizeof(*name));
		if (!name)
			return -ENOMEM;
		image->names = name;
		c->room_names = room;
	}
	if (len < ZTA_NAME_TEXT && key[len - 1] != '.')
		octets++; /* the NUL of an exact one */
	name = &image->names[image->n_names++];
	*name = (struct image_name){
		.key = { .prefixlen = (uint32_t)(32 + 8 * octets), .scope = scope },
		.value = value,
	};
	memcpy(name->key.text, key, len);
	return 0;
}

static int add_pattern(struct compile *c, uint32_t scope, const char *pattern, uint32_t value)
{
	char key[ZTA_NAME_TEXT + 1];

	(void)name_backwards(pattern, key);
	key[ZTA_NAME_TEXT] = '\0';
	return add_name(c, scope, key, value);
}

static bool may_ask(const struct compile *c, const struct name_table *t, size_t profile,
		    const struct name_node *node)
{
	if (node->services & c->image->profiles[c->image->profile_id[profile]].services)
		return true;
	for (size_t i = 0; i < node->n_uses; i++) {
		const struct name_use *use = &t->uses.v[node->first_use + i];

		if (use->profile == profile &&
		    (use->kind == NAME_USE_ALLOW || use->kind == NAME_USE_DNS))
			return true;
	}
	return false;
}

/* What a pattern that is listed too covers is left out. */
static int list_names(struct compile *c, const struct name_table *t, size_t profile)
{
	uint32_t scope = c->image->profile_id[profile];
	const char *last = NULL;
	bool zones[2] = {};
	int r = 0;

	for (size_t i = 0; r >= 0 && i < t->n; i++) {
		const char *key = t->nodes[i].key;
		size_t len = last ? strlen(last) : 0;

		if (!may_ask(c, t, profile, &t->nodes[i]))
			continue;
		if (last && last[len - 1] == '.' && !strncmp(last, key, len))
			continue;
		last = key;
		for (size_t z = 0; z < 2; z++)
			zones[z] |= !strcmp(t->nodes[i].pattern, reverse_zones[z]);
		r = add_name(c, scope, key, 1);
	}
	for (size_t z = 0; r >= 0 && z < 2; z++)
		if (!zones[z])
			r = add_pattern(c, scope, reverse_zones[z], 1);
	return r;
}

static int add_suffixes(struct compile *c)
{
	const struct policy_names *search = c->opts->search;
	char wild[NAME_TEXT_LEN + 2];
	int r = 0;

	for (size_t i = 0; r >= 0 && search && i < search->n; i++) {
		size_t octets = strlen(search->v[i]) + 1; /* the dot in front */

		wild[0] = '*';
		wild[1] = '.';
		(void)strcpy(wild + 2, search->v[i]); /* names of a resolv.conf: they fit */
		if (octets <= ZTA_NAME_TEXT)
			r = add_pattern(c, ZTA_NAMES_SUFFIX, wild, (uint32_t)octets);
	}
	return r;
}

static int compile_tries(struct compile *c, const struct name_table *t)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < t->n; i++)
		if (t->nodes[i].live)
			r = add_name(c, ZTA_NAMES_ALL, t->nodes[i].key, t->nodes[i].id);
	for (size_t i = 0; r >= 0 && i < c->policy->n_profiles; i++)
		if (c->policy->profiles[i].dns_listed)
			r = list_names(c, t, i);
	return r < 0 ? r : add_suffixes(c);
}

int compile_names(struct compile *c)
{
	int (*const steps[])(struct compile *, const struct name_table *) = { keep_ids,
									      compile_patterns,
									      compile_tries };
	_cleanup_(name_table_free) struct name_table t;
	int r, worst;

	r = name_table_build(c, &t);
	if (r >= 0)
		r = give_ids(c, &t);
	if (r < 0)
		return r;
	worst = compile_groups(c, &t);
	for (size_t i = 0; worst != -ENOMEM && i < sizeof(steps) / sizeof(*steps); i++) {
		r = steps[i](c, &t);
		if (r == -ENOMEM || worst == 0)
			worst = r;
	}
	return worst;
}
