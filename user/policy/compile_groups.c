// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation
 *
 * An answer carries one number for its name: the most specific pattern ("group") that matches it.
 * From that one number the tables must give every profile what all its own patterns say about the
 * name. The patterns that match a name form a chain, each covering the next: the exact name,
 * "*.parent", "*.grandparent"... So a group knows its whole chain, and the pair (profile, group)
 * gets the profile's rules along it, most specific first.
 *
 * Written backwards without the '*', a pattern covers exactly those that it is a prefix of: sorted
 * that way (compile_names.c) the chains come out of one pass.
 *
 * Groups are the patterns of rules and ai_public_allow, and those of ai_public and services that
 * such a one covers (there a name's precedence changes). Rules concern their own profile only: a
 * rule that is more specific than ai_public and services makes the name an ordinary one for that
 * profile (ZTA_LIST_OWN_NAME), never for others. Rules about a proxy have lists of their own.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "policy/compile_names.h"
#include "policy/compile_parts.h"

/* The rules of one profile along one chain, in order of precedence. */
struct verse {
	uint32_t rules[ZTA_RULES_MAX];
	size_t n;
};

static void verse_add(struct verse *s, uint32_t rule)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->rules[i] == rule)
			return; /* by a more specific pattern of its own */
	if (s->n < ZTA_RULES_MAX)
		s->rules[s->n++] = rule;
}

/* Does the address matter as well? What is asked of a proxy has none. */
static bool depends_on_address(const struct compile *c, const struct verse *s)
{
	bool opens = false;

	for (size_t i = 0; i < s->n; i++) {
		const struct policy_rule *r = &c->policy->rules[s->rules[i]];

		if (r->dest == POLICY_DEST_PROXY)
			return false;
		if (r->has_within || (opens && r->action == POLICY_ACTION_DENY))
			return true;
		opens |= r->action == POLICY_ACTION_ALLOW;
	}
	return false;
}

static int store(struct compile *c, const struct verse *s, struct zta_list *ret)
{
	struct rule_list l = {};

	*ret = (struct zta_list){};
	if (!s->n)
		return 0;
	if (depends_on_address(c, s))
		return compile_within(c, s->rules, s->n, ret);
	for (size_t i = 0; i < s->n; i++)
		rule_list_add(&l, c->policy, s->rules[i], 0);
	return rule_list_store(c, &l, s->rules[0], "a name", ret);
}

static int emit(struct compile *c, const struct name_use *v, uint32_t group,
		const struct zta_list *list)
{
	struct policy_image *image = c->image;

	c->need_named++;
	if (c->need_named > COMPILE_GIVE_UP * (uint64_t)ZTA_NAMED_MAX)
		return -E2BIG;
	if (c->need_named > ZTA_NAMED_MAX)
		return 0; /* counted for the error, never written */
	if (image->n_named == c->room_named) {
		size_t room = c->room_named * 2;
		struct image_named *named = reallocarray(image->named, room, sizeof(*named));

		if (!named)
			return -ENOMEM;
		image->named = named;
		c->room_named = room;
	}
	image->named[image->n_named++] = (struct image_named){
		.key = { .profile = image->profile_id[v->profile],
			 .proxy = (uint16_t)v->proxy,
			 .group = group },
		.value = *list,
	};
	return 0;
}

/*
 * @v: what one profile says along a chain, directly or of one proxy; @class_depth: where ai_public
 * or a service stands.
 */
static int compile_pair(struct compile *c, const struct name_use *v, size_t n, uint32_t group,
			uint32_t class_depth)
{
	const struct policy_profile *p = &c->policy->profiles[v[0].profile];
	_cleanup_free_ struct verse *s = calloc(1, sizeof(*s));
	struct zta_list list;
	uint16_t flags = 0;
	int r;

	if (!s)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		if (v[i].kind == NAME_USE_AI_ALLOW) {
			flags |= ZTA_LIST_AI_ALLOW;
			continue;
		}
		if (class_depth != UINT32_MAX && v[i].node < class_depth)
			flags |= ZTA_LIST_OWN_NAME;
		verse_add(s, (uint32_t)p->rules[v[i].pos]);
	}
	r = store(c, s, &list);
	if (r < 0)
		return r;
	list.flags |= flags;
	return emit(c, &v[0], group, &list);
}

static int compile_group(struct compile *c, const struct name_table *t,
			 const struct name_node *node, uint32_t group, struct name_uses *chain)
{
	uint32_t depth = 0, class_depth = UINT32_MAX;
	size_t same;
	int r;

	chain->n = 0;
	for (const struct name_node *up = node; up; up = up->parent, depth++) {
		if (name_is_classed(up) && class_depth == UINT32_MAX)
			class_depth = depth;
		for (size_t i = 0; i < up->n_uses; i++) {
			struct name_use use = t->uses.v[up->first_use + i];

			if (use.kind == NAME_USE_DNS)
				continue;
			use.node = depth;
			if (name_uses_add(chain, &use) < 0)
				return -ENOMEM;
		}
	}
	name_uses_sort(chain);
	for (size_t i = 0; i < chain->n; i += same) {
		for (same = 1; i + same < chain->n; same++)
			if (chain->v[i + same].profile != chain->v[i].profile ||
			    chain->v[i + same].proxy != chain->v[i].proxy)
				break;
		r = compile_pair(c, &chain->v[i], same, group, class_depth);
		if (r < 0)
			return r;
	}
	return 0;
}

/* What adds nothing of its own to its chain has the group of the next pattern in it. */
static bool needs_group(const struct name_node *node)
{
	return node->ruled || (name_is_classed(node) && node->covered);
}

int compile_groups(struct compile *c, struct name_table *t)
{
	struct name_uses chain = {};
	uint32_t n = 0; /* group 0 is "none" */
	int r = 0;

	for (size_t i = 0; r >= 0 && i < t->n; i++) {
		struct name_node *node = &t->nodes[i];

		if (!needs_group(node)) {
			node->group = node->parent ? node->parent->group : 0;
			continue;
		}
		node->group = (uint16_t)++n; /* there are fewer patterns than numbers */
		r = compile_group(c, t, node, n, &chain);
	}
	free(chain.v);
	return r;
}
