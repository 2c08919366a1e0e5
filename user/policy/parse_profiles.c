// SPDX-License-Identifier: Apache-2.0
/*
 * Profiles. Each is read once, its parent before it: it starts as a copy of the parent (or of the
 * defaults) and its own members append to lists and replace the rest. What memory the copies
 * reach is shared; the pool frees it once.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/parse.h"

#define GRACE_S 3600

static const char *const builtin_names[] = { "host", "no-ai", "closed", "selftest", NULL };
enum { BUILTIN_HOST, BUILTIN_NO_AI, BUILTIN_CLOSED, BUILTIN_SELFTEST, BUILTIN_COUNT };

static const struct policy_profile defaults = {
	.mode = POLICY_MODE_ENFORCE,
	.require_resolution = true,
	.resolution_grace_s = GRACE_S,
	.imds = POLICY_IMDS_DENY,
};

static uint64_t all_services(const struct policy *p)
{
	return p->n_services >= 64 ? UINT64_MAX : (1ULL << p->n_services) - 1;
}

/* closed is the defaults; selftest is it too, under a name that no document can change. */
static void add_builtins(struct policy *p)
{
	struct policy_profile *v = &p->profiles[p->n_profiles];

	for (int i = 0; i < BUILTIN_COUNT; i++) {
		v[i] = defaults;
		v[i].builtin = true;
		(void)snprintf(v[i].name, sizeof(v[i].name), "%s", builtin_names[i]);
	}
	v[BUILTIN_HOST].host = true;
	v[BUILTIN_HOST].services = all_services(p);
	v[BUILTIN_HOST].all_services = true;
	v[BUILTIN_HOST].require_resolution = false;
	v[BUILTIN_HOST].imds = POLICY_IMDS_ALLOW;
	v[BUILTIN_HOST].platform = true;
	v[BUILTIN_HOST].egress_allow = true;
	v[BUILTIN_NO_AI].egress_allow = true;
	v[BUILTIN_NO_AI].no_quic = true;
	p->n_profiles += BUILTIN_COUNT;
}

/* --- extends */

static bool is_written(const struct parse *ps, size_t index)
{
	return index < ps->p->n_profiles - BUILTIN_COUNT;
}

/* One error for the cycle, at its first member in the document. */
static void report_cycle(struct parse *ps, size_t start)
{
	size_t first = start, at = start;

	do {
		ps->profiles[at].state = PROFILE_BROKEN;
		at = ps->profiles[at].parent;
		first = at < first ? at : first;
	} while (at != start);
	tree_error(ps->t, tree_member(ps->t, ps->profiles[first].node, "extends"), ps->errors,
		   "this profile extends itself");
}

static void check_depth(struct parse *ps, struct parse_profile *profile)
{
	struct tree_node *extends = parse_get(ps, profile->node, "extends");

	if (profile->depth <= ZTA_EXTENDS_MAX)
		return;
	profile->state = PROFILE_BROKEN; /* whoever extends it is not told again */
	if (extends)
		tree_error(ps->t, extends, ps->errors, "more than %u profiles above this one",
			   ZTA_EXTENDS_MAX);
}

/* --- members */

static int read_services(struct parse *ps, const struct tree_node *node,
			 struct policy_profile *profile)
{
	struct tree_node *list = parse_get(ps, node, "services"), *name;

	if (!list)
		return 0;
	if (list->kind == TREE_STRING) {
		profile->all_services = true;
		return 0;
	}
	tree_foreach (ps->t, name, list) {
		size_t index;

		if (name->bad)
			continue;
		if (!strcmp(name->text, "*")) {
			tree_error(ps->t, name, ps->errors,
				   "\"*\" stands alone: \"services\": \"*\"");
			continue;
		}
		index = parse_refer(ps, name, &ps->service_names, "services", "service");
		if (index < ZTA_SERVICES_MAX)
			profile->services |= 1ULL << index;
	}
	return 0;
}

/* @n elements of @size behind @old ones that are shared with the parent: a new array. */
static void *extend(struct parse *ps, const void *old, size_t old_n, size_t n, size_t size)
{
	char *v = pool_alloc(&ps->p->pool, old_n + n, size);

	if (v && old_n)
		memcpy(v, old, old_n * size);
	return v;
}

static int read_dns(struct parse *ps, const struct tree_node *node, struct policy_profile *profile)
{
	static const char *const words[] = { "any", "listed", NULL };
	struct tree_node *dns = parse_get(ps, node, "dns");
	struct tree_node *allow = dns ? parse_get(ps, dns, "allow") : NULL;
	struct policy_names own = {}, *all = &profile->dns_allow;
	int r;

	if (!dns)
		return 0;
	profile->dns_listed = parse_word(ps, dns, "names", words, profile->dns_listed) == 1;
	if (!allow)
		return 0;
	r = parse_name_list(ps, allow, &own);
	if (r < 0)
		return r;
	all->v = extend(ps, all->v, all->n, own.n, sizeof(*all->v));
	if (!all->v)
		return -ENOMEM;
	if (own.n)
		memcpy(all->v + all->n, own.v, own.n * sizeof(*own.v));
	all->n += own.n;
	return 0;
}

static int read_ai_allow(struct parse *ps, const struct tree_node *node,
			 struct policy_profile *profile)
{
	struct tree_node *list = parse_get(ps, node, "ai_public_allow"), *entry, *name;
	int r;

	if (!list)
		return 0;
	profile->ai_allow = extend(ps, profile->ai_allow, profile->n_ai_allow, list->n,
				   sizeof(*profile->ai_allow));
	if (!profile->ai_allow)
		return -ENOMEM;
	tree_foreach (ps->t, entry, list) {
		struct policy_ai_allow *allow = &profile->ai_allow[profile->n_ai_allow];

		name = entry->bad ? NULL : parse_get(ps, entry, "name");
		if (!name)
			continue;
		allow->expires = parse_expires(ps, entry);
		r = parse_name(ps, name, &allow->name);
		if (r == 0)
			r = parse_path(ps, entry, &allow->path);
		if (r == 0)
			r = parse_meta(ps, entry, &allow->meta);
		if (r < 0)
			return r;
		profile->n_ai_allow++;
	}
	return 0;
}

static int read_egress(struct parse *ps, const struct parse_profile *own,
		       struct policy_profile *profile)
{
	static const char *const words[] = { "deny", "allow", NULL };
	struct tree_node *egress = parse_get(ps, own->node, "egress");
	size_t above = profile->n_rules;

	if (egress)
		profile->egress_allow = parse_word(ps, egress, "default", words,
						   profile->egress_allow) == 1;
	if (!own->n_rules)
		return 0;
	if (above <= ZTA_RULES_MAX && own->n_rules <= ZTA_RULES_MAX &&
	    above + own->n_rules > ZTA_RULES_MAX)
		tree_error(ps->t, ps->rule_nodes[own->first_rule + ZTA_RULES_MAX - above],
			   ps->errors, "more than %u rules, with the %zu inherited ones",
			   ZTA_RULES_MAX, above);
	profile->rules = extend(ps, profile->rules, above, own->n_rules, sizeof(*profile->rules));
	if (!profile->rules)
		return -ENOMEM;
	for (size_t i = 0; i < own->n_rules; i++)
		profile->rules[above + i] = own->first_rule + i;
	profile->n_rules += own->n_rules;
	return 0;
}

static int read_profile(struct parse *ps, const struct parse_profile *own,
			struct policy_profile *profile)
{
	static const char *const imds[] = { [POLICY_IMDS_DENY] = "deny",
					    [POLICY_IMDS_ALLOW] = "allow",
					    [POLICY_IMDS_BROKER] = "broker",
					    NULL };
	const struct tree_node *node = own->node;
	struct tree_node *grace = parse_get(ps, node, "resolution_grace_s");
	int r;

	profile->builtin = false;
	profile->name[0] = '\0';
	parse_own_name(ps, node, profile->name);
	profile->mode = parse_mode(ps, node, profile->mode);
	profile->require_resolution = parse_bool(ps, node, "require_resolution",
						 profile->require_resolution);
	profile->platform = parse_bool(ps, node, "platform", profile->platform);
	profile->imds = (enum policy_imds)parse_word(ps, node, "imds", imds, (int)profile->imds);
	if (grace)
		profile->resolution_grace_s = (uint32_t)grace->integer;

	r = parse_path(ps, node, &profile->path);
	if (r == 0)
		r = parse_meta(ps, node, &profile->meta);
	if (r == 0)
		r = read_services(ps, node, profile);
	if (r == 0)
		r = read_dns(ps, node, profile);
	if (r == 0)
		r = read_ai_allow(ps, node, profile);
	if (r == 0)
		r = read_egress(ps, own, profile);
	if (r == 0)
		r = parse_identity(ps, node, &profile->identity);
	if (profile->all_services)
		profile->services = all_services(ps->p);
	return r;
}

/* Reads a profile after its parent. No deeper than the 256 profiles that are not refused. */
static int settle(struct parse *ps, size_t index)
{
	struct parse_profile *own = &ps->profiles[index];
	const struct policy_profile *base = &defaults;
	int r;

	if (own->state == PROFILE_BEING_READ)
		report_cycle(ps, index);
	if (own->state != PROFILE_UNREAD)
		return 0;
	own->state = PROFILE_BEING_READ;

	if (own->parent != PARSE_NONE && is_written(ps, own->parent)) {
		const struct parse_profile *parent = &ps->profiles[own->parent];

		r = settle(ps, own->parent);
		if (r < 0)
			return r;
		own->depth = parent->depth + 1;
		if (parent->state == PROFILE_BROKEN)
			own->state = PROFILE_BROKEN;
	} else if (own->parent != PARSE_NONE) {
		own->depth = 1;
	}
	if (own->state != PROFILE_BROKEN) {
		own->state = PROFILE_DONE;
		check_depth(ps, own);
	}
	if (own->parent != PARSE_NONE && own->state == PROFILE_DONE)
		base = &ps->p->profiles[own->parent];
	ps->p->profiles[index] = *base;
	return read_profile(ps, own, &ps->p->profiles[index]);
}

int parse_define_profiles(struct parse *ps)
{
	struct tree_node *list = parse_get(ps, ps->root, "profiles"), *node;
	size_t n = list ? list->n : 0;
	int r;

	ps->profiles = calloc(n + 1, sizeof(*ps->profiles));
	ps->p->profiles = pool_alloc(&ps->p->pool, n + BUILTIN_COUNT, sizeof(*ps->p->profiles));
	if (!ps->profiles || !ps->p->profiles)
		return -ENOMEM;
	for (size_t i = 0; builtin_names[i]; i++) {
		r = map_put(&ps->profile_names, builtin_names[i], strlen(builtin_names[i]), n + i);
		if (r < 0)
			return r;
	}
	ps->p->n_profiles = n;
	add_builtins(ps->p);
	if (!list)
		return 0;
	tree_foreach (ps->t, node, list) {
		ps->profiles[node->ordinal].node = node;
		if (node->bad)
			ps->profiles[node->ordinal].state = PROFILE_BROKEN;
	}
	return parse_define(ps, list, &ps->profile_names, builtin_names);
}

int parse_profiles(struct parse *ps)
{
	size_t n = ps->p->n_profiles - BUILTIN_COUNT;
	int r;

	for (size_t i = 0; i < n; i++) {
		struct tree_node *node = ps->profiles[i].node, *extends;

		extends = node->bad ? NULL : parse_get(ps, node, "extends");
		ps->profiles[i].parent = extends ? parse_refer(ps, extends, &ps->profile_names,
							       "profiles", "profile")
						 : PARSE_NONE;
	}
	for (size_t i = 0; i < n; i++) {
		r = settle(ps, i);
		if (r < 0)
			return r;
	}
	return 0;
}

size_t parse_refer_profile(struct parse *ps, struct tree_node *node)
{
	size_t index = parse_refer(ps, node, &ps->profile_names, "profiles", "profile");

	if (index == ps->p->n_profiles - BUILTIN_COUNT + BUILTIN_SELFTEST)
		tree_error(ps->t, node, ps->errors,
			   "\"selftest\" is for the daemon's own self-test; extend it instead");
	return index;
}
