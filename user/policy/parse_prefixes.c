// SPDX-License-Identifier: Apache-2.0
/*
 * Prefixes and named sets of them. A set is resolved when it is first used, and kept; sets may
 * hold sets. Two limits keep a small document from becoming a large model: so many different
 * prefixes, and so many in all when each use of a set is counted.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "policy/parse.h"
#include "policy/prefix.h"
#include "policy/presets.h"

#define EXPANDED_MAX (16 * ZTA_PREFIXES_MAX)

/* A growing array; the final one is copied into the pool. */
struct growing {
	struct policy_prefix *v;
	size_t n, room;
};

static int add(struct growing *g, const struct policy_prefix *v, size_t n)
{
	if (g->n + n > g->room) {
		size_t room = (g->n + n) * 2;
		struct policy_prefix *more = reallocarray(g->v, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		g->v = more;
		g->room = room;
	}
	if (n)
		memcpy(g->v + g->n, v, n * sizeof(*v));
	g->n += n;
	return 0;
}

/* Counts a written prefix. */
static int count(struct parse *ps, struct tree_node *node, const struct policy_prefix *prefix)
{
	struct {
		struct zta_addr addr;
		uint32_t len;
	} key = { prefix->addr, prefix->len }; /* without padding */
	int r;

	r = map_put(&ps->prefixes, &key, sizeof(key), 0);
	if (r < 0)
		return r;
	if (ps->prefixes.n > ZTA_PREFIXES_MAX && !ps->too_many_prefixes) {
		ps->too_many_prefixes = true;
		tree_error(ps->t, node, ps->errors, "more than %u different prefixes",
			   ZTA_PREFIXES_MAX);
	}
	return 0;
}

static int keep(struct parse *ps, struct growing *g, struct policy_prefixes *ret)
{
	struct policy_prefix *v = pool_copy(&ps->p->pool, g->v, g->n, sizeof(*v));

	if (!v)
		return -ENOMEM;
	*ret = (struct policy_prefixes){ v, g->n };
	return 0;
}

static void free_growing(struct growing *g)
{
	free(g->v);
}

/* Prefixes of a preset, for a document that has no set of this name. Return: 1, 0 = has none. */
static int read_preset(struct parse *ps, struct tree_node *node, struct policy_prefixes *ret)
{
	const struct preset *preset = preset_find(node->text + 1);
	_cleanup_(free_growing) struct growing g = {};
	struct policy_prefix prefix;
	int r = 0;

	if (!preset || !preset->prefixes)
		return 0;
	for (size_t i = 0; r == 0 && preset->prefixes[i]; i++) {
		(void)prefix_parse(preset->prefixes[i], &prefix, NULL); /* ours: tested */
		r = count(ps, node, &prefix);
		if (r == 0)
			r = add(&g, &prefix, 1);
	}
	if (r == 0)
		r = keep(ps, &g, ret);
	return r < 0 ? r : 1;
}

static int resolve(struct parse *ps, struct parse_set *set);

/* The set that "@name" names; NULL when there is none, or it holds itself (both reported). */
static int find_set(struct parse *ps, struct tree_node *node, struct parse_set **ret)
{
	const struct tree_node *definitions = tree_member(ps->t, ps->root, "prefixes");
	struct parse_set *set;
	size_t index;
	int r;

	*ret = NULL;
	if (!map_get(&ps->set_names, node->text + 1, node->n - 1, &index)) {
		if (!definitions || !definitions->bad)
			tree_error(ps->t, node, ps->errors, "no set of prefixes is named \"%s\"",
				   node->text + 1);
		return 0;
	}
	set = &ps->sets[index];
	set->used = true;
	if (set->state == SET_BEING_READ) {
		tree_error(ps->t, node, ps->errors, "the set \"%s\" holds itself", node->text + 1);
		return 0;
	}
	r = resolve(ps, set);
	if (r == 0)
		*ret = set;
	return r;
}

static int add_set(struct parse *ps, struct tree_node *node, const struct policy_prefixes *set,
		   struct growing *g)
{
	ps->n_expanded += set->n;
	if (ps->n_expanded <= EXPANDED_MAX)
		return add(g, set->v, set->n);
	if (!ps->too_many_prefixes)
		tree_error(ps->t, node, ps->errors, "sets of prefixes expand to more than %u",
			   EXPANDED_MAX);
	ps->too_many_prefixes = true;
	return 0;
}

/* "@name" */
static int read_set(struct parse *ps, struct tree_node *node, struct growing *g, bool *broken)
{
	struct policy_prefixes built_in = {};
	struct parse_set *set;
	size_t index;
	int r = 0;

	if (!map_get(&ps->set_names, node->text + 1, node->n - 1, &index))
		r = read_preset(ps, node, &built_in);
	if (r)
		return r < 0 ? r : add_set(ps, node, &built_in, g);
	r = find_set(ps, node, &set);
	if (r < 0 || !set) {
		*broken = true;
		return r;
	}
	*broken |= set->broken;
	return add_set(ps, node, &set->prefixes, g);
}

/* One entry; *broken is set when it, or a set that it names, was reported. */
static int read_entry(struct parse *ps, struct tree_node *node, struct growing *g, bool *broken)
{
	struct policy_prefix prefix = {};
	struct diag d;
	int r;

	if (node->bad) {
		*broken = true;
		return 0;
	}
	if (node->text[0] == '@')
		return read_set(ps, node, g, broken);
	if (prefix_parse(node->text, &prefix, &d) < 0) {
		*broken = true;
		tree_error(ps->t, node, ps->errors, "%s", d.text);
		return 0;
	}
	r = count(ps, node, &prefix);
	return r < 0 ? r : add(g, &prefix, 1);
}

int parse_prefixes(struct parse *ps, struct tree_node *node, struct policy_prefixes *ret,
		   bool *ret_broken)
{
	_cleanup_(free_growing) struct growing g = {};
	struct tree_node *entry;
	bool broken = false;
	int r = 0;

	if (node->kind == TREE_STRING)
		r = read_entry(ps, node, &g, &broken);
	tree_foreach (ps->t, entry, node) {
		r = read_entry(ps, entry, &g, &broken);
		if (r < 0)
			break;
	}
	if (ret_broken)
		*ret_broken = broken || ps->too_many_prefixes;
	return r < 0 ? r : keep(ps, &g, ret);
}

struct policy_prefixes parse_entry(struct parse *ps, struct tree_node *entry,
				   struct policy_prefix *room)
{
	struct policy_prefixes one = { room, 1 };
	size_t index;

	if (entry->bad)
		return (struct policy_prefixes){};
	if (entry->text[0] != '@')
		return prefix_parse(entry->text, room, NULL) < 0 ? (struct policy_prefixes){} : one;
	if (!map_get(&ps->set_names, entry->text + 1, entry->n - 1, &index)) {
		one = (struct policy_prefixes){};
		(void)read_preset(ps, entry, &one); /* without memory: no warning */
		return one;
	}
	return ps->sets[index].prefixes;
}

static int resolve(struct parse *ps, struct parse_set *set)
{
	int r;

	if (set->state == SET_READ)
		return 0;
	set->state = SET_BEING_READ; /* at most as deep as there may be sets: see below */
	r = parse_prefixes(ps, set->node, &set->prefixes, &set->broken);
	set->state = SET_READ;
	return r;
}

int parse_define_sets(struct parse *ps)
{
	struct tree_node *sets = parse_get(ps, ps->root, "prefixes"), *node;
	int r;

	if (!sets)
		return 0;
	ps->sets = calloc(sets->n + 1, sizeof(*ps->sets));
	if (!ps->sets)
		return -ENOMEM;
	tree_foreach (ps->t, node, sets) {
		struct parse_set *set = &ps->sets[ps->n_sets];

		if (node->kind == TREE_STRING && !node->bad)
			continue; /* description, owner, ticket */
		if (!node->bad && !parse_is_thing_name(node->key))
			tree_error_key(ps->t, node, ps->errors,
				       "\"%s\" is not a name: 1 to 32 of a-z, 0-9 and '-'",
				       node->key);
		set->node = node;
		if (node->bad) { /* also one set too many: never read, so never deep */
			set->broken = true;
			set->state = SET_READ;
		}
		r = map_put(&ps->set_names, node->key, strlen(node->key), ps->n_sets++);
		if (r < 0)
			return r;
	}
	return 0;
}

int parse_resolve_sets(struct parse *ps)
{
	int r;

	for (size_t i = 0; i < ps->n_sets; i++) {
		r = resolve(ps, &ps->sets[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

int parse_resolvers(struct parse *ps)
{
	struct tree_node *list = parse_get(ps, ps->root, "resolvers"), *entry;
	_cleanup_(free_growing) struct growing g = {};
	bool broken = false;
	int r;

	if (!list) {
		ps->p->resolvers_system = true;
		return 0;
	}
	tree_foreach (ps->t, entry, list) {
		if (!entry->bad && !strcmp(entry->text, "system")) {
			ps->p->resolvers_system = true;
			continue;
		}
		if (!entry->bad && !strcmp(entry->text, "kubernetes")) {
			ps->p->resolvers_kubernetes = true;
			continue;
		}
		r = read_entry(ps, entry, &g, &broken);
		if (r < 0)
			return r;
	}
	return keep(ps, &g, &ps->p->resolvers);
}

int parse_private_ranges(struct parse *ps)
{
	/* RFC 1918, RFC 4193, RFC 6598, RFC 3927 and RFC 4291 2.5.6 */
	static const char *const defaults[] = { "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
						"fc00::/7",   "100.64.0.0/10", "169.254.0.0/16",
						"fe80::/10" };
	struct tree_node *list = parse_get(ps, ps->root, "private_ranges");
	_cleanup_(free_growing) struct growing g = {};
	struct policy_prefix prefix;
	int r = 0;

	if (list)
		return parse_prefixes(ps, list, &ps->p->private_ranges, NULL);
	for (size_t i = 0; r == 0 && i < sizeof(defaults) / sizeof(defaults[0]); i++) {
		(void)prefix_parse(defaults[i], &prefix, NULL); /* ours: tested */
		r = add(&g, &prefix, 1);
	}
	return r < 0 ? r : keep(ps, &g, &ps->p->private_ranges);
}
