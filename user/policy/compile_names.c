// SPDX-License-Identifier: Apache-2.0
#include "policy/compile_names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/compile_parts.h"
#include "policy/names.h"

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
	char key[ZTA_NAME_TEXT];

	(void)name_backwards(pattern, key);
	return strndup(key, sizeof(key));
}

/* @like: what the node is; its key is made here. */
static int add_pattern(struct name_table *t, const char *pattern, const struct name_node *like)
{
	struct name_node *node;

	if (t->n == t->room) {
		size_t room = t->room ? t->room * 2 : 256;
		struct name_node *v = reallocarray(t->nodes, room, sizeof(*v));

		if (!v)
			return -ENOMEM;
		t->nodes = v;
		t->room = room;
	}
	node = &t->nodes[t->n];
	*node = *like;
	node->pattern = pattern;
	node->key = backwards(pattern);
	if (!node->key)
		return -ENOMEM;
	t->n++;
	return 0;
}

static int add_patterns(struct name_table *t, const struct policy_names *names,
			const struct name_node *like)
{
	for (size_t i = 0; i < names->n; i++)
		if (add_pattern(t, names->v[i], like) < 0)
			return -ENOMEM;
	return 0;
}

static bool has_names(const struct policy_rule *r)
{
	return r->dest == POLICY_DEST_NAMES || r->dest == POLICY_DEST_PROXY;
}

static int compare_node(const void *x, const void *y)
{
	return strcmp(((const struct name_node *)x)->key, ((const struct name_node *)y)->key);
}

static int add_policy(const struct compile *c, struct name_table *t)
{
	const struct name_node public = { .live = true, .ai_public = true },
			       plain = { .live = true };
	const struct policy *p = c->policy;
	int r;

	r = add_patterns(t, &p->ai_public_names, &public);
	for (size_t i = 0; r >= 0 && i < p->n_services; i++) {
		const struct name_node service = { .live = true,
						   .services = 1ULL << c->image->service_bit[i] };

		r = add_patterns(t, &p->services[i].names, &service);
	}
	for (size_t i = 0; r >= 0 && i < p->n_rules; i++)
		if (has_names(&p->rules[i]) && rule_active(c, &p->rules[i]))
			r = add_patterns(t, &p->rules[i].names, &plain);
	for (size_t i = 0; r >= 0 && i < p->n_profiles; i++) {
		r = add_patterns(t, &p->profiles[i].dns_allow, &plain);
		for (size_t k = 0; r >= 0 && k < p->profiles[i].n_ai_allow; k++)
			r = add_pattern(t, p->profiles[i].ai_allow[k].name, &plain);
	}
	return r;
}

static int add_remembered(const struct compile *c, struct name_table *t)
{
	const struct pattern_ids *ids = c->opts->ids ? c->opts->ids->patterns : NULL;
	int r = 0;

	for (uint32_t i = 1; ids && r >= 0 && i < ids->n; i++) {
		const struct name_node old = { .id = (uint16_t)i, .used = ids->v[i].used };

		if (ids->v[i].text)
			r = add_pattern(t, pattern_ids_text(ids, i), &old);
	}
	return r;
}

static void merge_node(struct name_node *to, const struct name_node *from)
{
	to->services |= from->services;
	to->ai_public |= from->ai_public;
	to->live |= from->live;
	if (from->id) {
		to->id = from->id;
		to->used = from->used;
	}
}

/* Every pattern of the policy and every one that has an id, sorted, once each. */
static int collect_patterns(const struct compile *c, struct name_table *t)
{
	size_t n = 0;
	int r;

	r = add_policy(c, t);
	if (r >= 0)
		r = add_remembered(c, t);
	if (r < 0 || !t->n)
		return r;
	qsort(t->nodes, t->n, sizeof(*t->nodes), compare_node);
	for (size_t i = 1; i < t->n; i++) {
		if (strcmp(t->nodes[n].key, t->nodes[i].key) != 0) {
			t->nodes[++n] = t->nodes[i];
			continue;
		}
		merge_node(&t->nodes[n], &t->nodes[i]);
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
	node->ruled |= use.kind != NAME_USE_DNS;
	use.node = (uint32_t)(node - t->nodes);
	return name_uses_add(&t->uses, &use);
}

static int compare_use(const void *x, const void *y)
{
	const struct name_use *a = x, *b = y;

	if (a->profile != b->profile)
		return a->profile < b->profile ? -1 : 1;
	if (a->proxy != b->proxy)
		return a->proxy < b->proxy ? -1 : 1;
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

static int collect_rule(const struct compile *c, struct name_table *t,
			const struct policy_rule *rule, struct name_use use)
{
	int r = 0;

	if (!has_names(rule) || !rule_active(c, rule))
		return 0;
	use.kind = rule->action == POLICY_ACTION_DENY ? NAME_USE_DENY : NAME_USE_ALLOW;
	if (rule->dest == POLICY_DEST_PROXY)
		use.proxy = (uint32_t)(rule->proxy - c->policy->proxies) + 1;
	for (size_t i = 0; r >= 0 && i < rule->names.n; i++)
		r = use_pattern(t, rule->names.v[i], use);
	return r;
}

static int collect_profile(const struct compile *c, struct name_table *t, size_t index)
{
	const struct policy_profile *p = &c->policy->profiles[index];
	struct name_use use = { .profile = (uint32_t)index };
	int r = 0;

	for (size_t i = 0; r >= 0 && i < p->n_rules; i++) {
		use.pos = (uint32_t)i;
		r = collect_rule(c, t, &c->policy->rules[p->rules[i]], use);
	}
	use.pos = 0;
	use.kind = NAME_USE_AI_ALLOW;
	for (size_t i = 0; r >= 0 && i < p->n_ai_allow; i++)
		if (p->ai_allow[i].expires > c->opts->now)
			r = use_pattern(t, p->ai_allow[i].name, use);
	use.kind = NAME_USE_DNS;
	for (size_t i = 0; r >= 0 && p->dns_listed && i < p->dns_allow.n; i++)
		r = use_pattern(t, p->dns_allow.v[i], use);
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
