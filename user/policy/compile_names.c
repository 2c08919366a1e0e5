// SPDX-License-Identifier: Apache-2.0
#include "policy/compile_names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/compile_parts.h"

void name_table_free(struct name_table *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->nodes[i].key);
	free(t->nodes);
	free(t->uses.v);
	*t = (struct name_table){};
}

static char *backwards(const char *pattern)
{
	const char *p = pattern[0] == '*' ? pattern + 1 : pattern;
	size_t len = strlen(p);
	char *key = malloc(len + 1);

	if (!key)
		return NULL;
	for (size_t i = 0; i < len; i++)
		key[i] = p[len - 1 - i];
	key[len] = '\0';
	return key;
}

static int add_pattern(struct name_table *t, const char *pattern, bool classed)
{
	char *key;

	if (t->n == t->room) {
		size_t room = t->room ? t->room * 2 : 256;
		struct name_node *v = reallocarray(t->nodes, room, sizeof(*v));

		if (!v)
			return -ENOMEM;
		t->nodes = v;
		t->room = room;
	}
	key = backwards(pattern);
	if (!key)
		return -ENOMEM;
	t->nodes[t->n++] = (struct name_node){ .key = key, .pattern = pattern, .classed = classed };
	return 0;
}

static int add_patterns(struct name_table *t, const struct policy_names *names, bool classed)
{
	for (size_t i = 0; i < names->n; i++)
		if (add_pattern(t, names->v[i], classed) < 0)
			return -ENOMEM;
	return 0;
}

static int compare_node(const void *x, const void *y)
{
	return strcmp(((const struct name_node *)x)->key, ((const struct name_node *)y)->key);
}

/* Every pattern of the policy, sorted, once each. */
static int collect_patterns(const struct compile *c, struct name_table *t)
{
	const struct policy *p = c->policy;
	size_t n = 0;
	int r;

	r = add_patterns(t, &p->ai_public_names, true);
	for (size_t i = 0; r >= 0 && i < p->n_services; i++)
		r = add_patterns(t, &p->services[i].names, true);
	for (size_t i = 0; r >= 0 && i < p->n_rules; i++)
		if (p->rules[i].dest == POLICY_DEST_NAMES && rule_active(c, &p->rules[i]))
			r = add_patterns(t, &p->rules[i].names, false);
	for (size_t i = 0; r >= 0 && i < p->n_profiles; i++)
		for (size_t k = 0; r >= 0 && k < p->profiles[i].n_ai_allow; k++)
			r = add_pattern(t, p->profiles[i].ai_allow[k].name, false);
	if (r < 0 || !t->n)
		return r;
	qsort(t->nodes, t->n, sizeof(*t->nodes), compare_node);
	for (size_t i = 1; i < t->n; i++) {
		if (strcmp(t->nodes[n].key, t->nodes[i].key) != 0) {
			t->nodes[++n] = t->nodes[i];
			continue;
		}
		t->nodes[n].classed |= t->nodes[i].classed;
		free(t->nodes[i].key);
	}
	t->n = n + 1;
	return 0;
}

int name_uses_add(struct name_uses *u, const struct name_use *use)
{
	if (u->n == u->room) {
		size_t room = u->room ? u->room * 2 : 256;
		struct name_use *v = reallocarray(u->v, room, sizeof(*v));

		if (!v)
			return -ENOMEM;
		u->v = v;
		u->room = room;
	}
	u->v[u->n++] = *use;
	return 0;
}

static int use_pattern(struct name_table *t, const char *pattern, struct name_use use)
{
	struct name_node want = {}, *node;

	want.key = backwards(pattern);
	if (!want.key)
		return -ENOMEM;
	node = bsearch(&want, t->nodes, t->n, sizeof(*t->nodes), compare_node);
	free(want.key);
	node->ruled = true;
	use.node = (uint32_t)(node - t->nodes);
	return name_uses_add(&t->uses, &use);
}

static int compare_use(const void *x, const void *y)
{
	const struct name_use *a = x, *b = y;

	if (a->profile != b->profile)
		return a->profile < b->profile ? -1 : 1;
	if (a->node != b->node)
		return a->node < b->node ? -1 : 1;
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	return a->pos < b->pos ? -1 : a->pos > b->pos;
}

void name_uses_sort(struct name_uses *u)
{
	if (u->n)
		qsort(u->v, u->n, sizeof(*u->v), compare_use);
}

static int compare_use_by_node(const void *x, const void *y)
{
	const struct name_use *a = x, *b = y;

	if (a->node != b->node)
		return a->node < b->node ? -1 : 1;
	return compare_use(x, y);
}

static int collect_profile(const struct compile *c, struct name_table *t, size_t index)
{
	const struct policy_profile *p = &c->policy->profiles[index];
	struct name_use use = { .profile = (uint32_t)index };
	int r = 0;

	for (size_t i = 0; r >= 0 && i < p->n_rules; i++) {
		const struct policy_rule *rule = &c->policy->rules[p->rules[i]];

		if (rule->dest != POLICY_DEST_NAMES || !rule_active(c, rule))
			continue;
		use.kind = rule->action == POLICY_ACTION_DENY ? NAME_USE_DENY : NAME_USE_ALLOW;
		use.pos = (uint32_t)i;
		for (size_t k = 0; r >= 0 && k < rule->names.n; k++)
			r = use_pattern(t, rule->names.v[k], use);
	}
	use.kind = NAME_USE_AI_ALLOW;
	for (size_t i = 0; r >= 0 && i < p->n_ai_allow; i++)
		if (p->ai_allow[i].expires > c->opts->now)
			r = use_pattern(t, p->ai_allow[i].name, use);
	return r;
}

static int collect_uses(struct compile *c, struct name_table *t)
{
	size_t from = 0;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < c->policy->n_profiles; i++) {
		r = collect_profile(c, t, i);
		if (t->uses.n > COMPILE_GIVE_UP * (size_t)ZTA_NAMED_MAX) {
			c->need_named = t->uses.n;
			return -E2BIG;
		}
	}
	if (r < 0 || !t->uses.n)
		return r;
	qsort(t->uses.v, t->uses.n, sizeof(*t->uses.v), compare_use_by_node);
	for (size_t i = 0; i < t->n; i++) {
		t->nodes[i].first_use = from;
		while (from < t->uses.n && t->uses.v[from].node == i)
			from++;
		t->nodes[i].n_uses = from - t->nodes[i].first_use;
	}
	return 0;
}

static bool covers(const struct name_node *outer, const struct name_node *inner)
{
	size_t len = strlen(outer->key);

	return outer->key[len - 1] == '.' && !strncmp(outer->key, inner->key, len);
}

/* In sorted order the pattern before is the nearest that covers this one, or stands below it. */
static void link_chains(struct name_table *t)
{
	for (size_t i = 1; i < t->n; i++) {
		struct name_node *up = &t->nodes[i - 1];

		while (up && !covers(up, &t->nodes[i]))
			up = up->parent;
		t->nodes[i].parent = up;
		t->nodes[i].covered = up && (up->ruled || up->covered);
	}
}

int name_table_build(struct compile *c, struct name_table *ret)
{
	int r;

	*ret = (struct name_table){};
	r = collect_patterns(c, ret);
	if (r < 0)
		return r;
	r = collect_uses(c, ret);
	if (r < 0)
		return r;
	link_chains(ret);
	return 0;
}
