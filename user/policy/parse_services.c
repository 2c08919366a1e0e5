// SPDX-License-Identifier: Apache-2.0
/* services, ai_public and proxies. */
#include <errno.h>

#include "policy/parse.h"
#include "policy/prefix.h"
#include "policy/presets.h"

/* Shorter dedicated prefixes would close whole networks. */
#define DEDICATED_MIN_V4 16
#define DEDICATED_MIN_V6 48

static void check_dedicated(struct parse *ps, struct tree_node *list)
{
	struct policy_prefix room;
	char text[PREFIX_TEXT_LEN];
	struct tree_node *entry;

	tree_foreach (ps->t, entry, list) {
		struct policy_prefixes all = parse_entry(ps, entry, &room);

		for (size_t i = 0; i < all.n; i++) {
			bool v4 = all.v[i].addr.family == ZTA_V4;

			if (all.v[i].len >= (v4 ? DEDICATED_MIN_V4 : DEDICATED_MIN_V6))
				continue;
			prefix_format(&all.v[i], text);
			tree_error(ps->t, entry, ps->errors,
				   "%s is too wide for a dedicated fence (shorter than /%u): "
				   "narrow it, or set \"dedicated\": false",
				   text, v4 ? DEDICATED_MIN_V4 : DEDICATED_MIN_V6);
			break;
		}
	}
}

static int read_fence(struct parse *ps, const struct tree_node *node, struct policy_service *s)
{
	struct tree_node *list = parse_get(ps, node, "private_link");
	const struct tree_node *dedicated = tree_member(ps->t, node, "dedicated");
	bool broken;
	int r;

	if (!list)
		return 0;
	r = parse_prefixes(ps, list, &s->private_link, &broken);
	if (r < 0)
		return r;
	if (!s->private_link.n && !broken)
		tree_error(ps->t, list, ps->errors, "the sets named here are empty");
	if (s->dedicated && !(dedicated && dedicated->bad))
		check_dedicated(ps, list);
	return 0;
}

static int read_service(struct parse *ps, const struct tree_node *node, struct policy_service *s)
{
	static const char *const enforce[] = { "everyone", "users", NULL };
	struct tree_node *preset = parse_get(ps, node, "preset");
	const struct preset *found = preset ? preset_find(preset->text) : NULL;
	int r;

	parse_own_name(ps, node, s->name);
	s->mode = parse_mode(ps, node, POLICY_MODE_ENFORCE);
	s->preset = found ? found->name : NULL;
	s->dedicated = parse_bool(ps, node, "dedicated", true);
	s->require_resolution = parse_get(ps, node, "require_resolution")
					? parse_bool(ps, node, "require_resolution", false)
					: -1;
	s->enforce_everyone = parse_word(ps, node, "enforce_private", enforce,
					 found && !found->ai) == 0;

	if (!tree_member(ps->t, node, "preset") && !tree_member(ps->t, node, "names"))
		tree_note(ps->t, node, ps->errors, "\"preset\" or \"names\" is missing");
	r = parse_meta(ps, node, &s->meta);
	if (r == 0)
		r = parse_names(ps, node, &s->names);
	if (r == 0)
		r = parse_ports(ps, node, true, &s->ports);
	return r < 0 ? r : read_fence(ps, node, s);
}

int parse_services(struct parse *ps)
{
	struct tree_node *list = parse_get(ps, ps->root, "services"), *node;
	int r;

	if (!list)
		return 0;
	r = parse_define(ps, list, &ps->service_names, NULL);
	if (r < 0)
		return r;
	ps->p->services = pool_alloc(&ps->p->pool, list->n, sizeof(*ps->p->services));
	if (!ps->p->services)
		return -ENOMEM;
	ps->p->n_services = list->n;
	tree_foreach (ps->t, node, list) {
		if (node->bad)
			continue;
		r = read_service(ps, node, &ps->p->services[node->ordinal]);
		if (r < 0)
			return r;
	}
	return 0;
}

int parse_ai_public(struct parse *ps)
{
	struct tree_node *node = parse_get(ps, ps->root, "ai_public");
	struct tree_node *cidrs = node ? parse_get(ps, node, "cidrs") : NULL;
	int r;

	if (!node)
		return 0;
	r = parse_names(ps, node, &ps->p->ai_public_names);
	if (r == 0 && cidrs)
		r = parse_prefixes(ps, cidrs, &ps->p->ai_public_cidrs, NULL);
	return r;
}

static int read_proxy(struct parse *ps, const struct tree_node *node, struct policy_proxy *proxy)
{
	struct tree_node *cidrs = parse_get(ps, node, "cidrs");
	bool broken;
	int r;

	parse_own_name(ps, node, proxy->name);
	r = parse_meta(ps, node, &proxy->meta);
	if (r == 0)
		r = parse_ports(ps, node, false, &proxy->ports);
	if (r < 0 || !cidrs)
		return r;
	r = parse_prefixes(ps, cidrs, &proxy->cidrs, &broken);
	if (r == 0 && !proxy->cidrs.n && !broken)
		tree_error(ps->t, cidrs, ps->errors, "the sets named here are empty");
	return r;
}

int parse_proxies(struct parse *ps)
{
	struct tree_node *list = parse_get(ps, ps->root, "proxies"), *node;
	int r;

	if (!list)
		return 0;
	r = parse_define(ps, list, &ps->proxy_names, NULL);
	if (r < 0)
		return r;
	ps->p->proxies = pool_alloc(&ps->p->pool, list->n, sizeof(*ps->p->proxies));
	if (!ps->p->proxies)
		return -ENOMEM;
	ps->p->n_proxies = list->n;
	tree_foreach (ps->t, node, list) {
		if (node->bad)
			continue;
		r = read_proxy(ps, node, &ps->p->proxies[node->ordinal]);
		if (r < 0)
			return r;
	}
	return 0;
}
