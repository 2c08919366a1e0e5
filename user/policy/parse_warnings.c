// SPDX-License-Identifier: Apache-2.0
/* What a valid document says that its author may not have meant. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "policy/parse.h"
#include "policy/prefix.h"

/* --- fences */

/* private_ranges without those inside another, sorted: then one look-up tells. */
struct ranges {
	struct policy_prefix *v;
	size_t n;
};

static void free_ranges(struct ranges *r)
{
	free(r->v);
}

static int by_prefix(const void *a, const void *b)
{
	return prefix_compare(a, b);
}

static void find_ranges(const struct policy *p, struct ranges *ret)
{
	struct policy_prefix *v = calloc(p->private_ranges.n + 1, sizeof(*v));
	size_t n = 0;

	if (!v)
		return; /* every fence then gets the warning: rather one too many */
	memcpy(v, p->private_ranges.v, p->private_ranges.n * sizeof(*v));
	qsort(v, p->private_ranges.n, sizeof(*v), by_prefix);
	for (size_t i = 0; i < p->private_ranges.n; i++)
		if (!n || !prefix_covers(&v[n - 1], &v[i]))
			v[n++] = v[i];
	*ret = (struct ranges){ v, n };
}

static bool is_private(const struct ranges *r, const struct policy_prefix *prefix)
{
	size_t lo = 0, hi = r->n;

	while (lo < hi) { /* the first range behind the prefix */
		size_t mid = lo + (hi - lo) / 2;

		if (prefix_compare(&r->v[mid], prefix) <= 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo && prefix_covers(&r->v[lo - 1], prefix);
}

static void warn_public_fence(struct parse *ps, const struct tree_node *service,
			      const struct ranges *ranges)
{
	struct tree_node *list = parse_get(ps, service, "private_link"), *entry;
	char text[PREFIX_TEXT_LEN];

	tree_foreach (ps->t, entry, list) {
		struct policy_prefix room;
		struct policy_prefixes all = parse_entry(ps, entry, &room);

		for (size_t i = 0; i < all.n; i++) {
			if (is_private(ranges, &all.v[i]))
				continue;
			prefix_format(&all.v[i], text);
			tree_warn(ps->t, entry, ps->warnings,
				  "%s is not within private_ranges: a fence around public "
				  "addresses",
				  text);
			break;
		}
	}
}

/* --- what nothing uses */

static void warn_unused_sets(struct parse *ps)
{
	for (size_t i = 0; i < ps->n_sets; i++)
		if (!ps->sets[i].used)
			tree_warn(ps->t, ps->sets[i].node, ps->warnings,
				  "nothing uses the set \"%s\"", ps->sets[i].node->key);
}

/* Services that a profile of the document has. Without profiles all is in `host`, which has all. */
static uint64_t used_services(const struct policy *p)
{
	uint64_t used = 0;
	bool written = false;

	for (size_t i = 0; i < p->n_profiles; i++) {
		if (p->profiles[i].builtin)
			continue;
		used |= p->profiles[i].services;
		written = true;
	}
	return written ? used : UINT64_MAX;
}

static void warn_audit(struct parse *ps, const struct tree_node *object)
{
	const struct tree_node *mode = parse_get(ps, object, "mode");

	if (mode && ps->p->mode == POLICY_MODE_ENFORCE && !strcmp(mode->text, "audit"))
		tree_warn(ps->t, mode, ps->warnings,
			  "\"audit\" below \"enforce\": this blocks nothing");
}

static void warn_services(struct parse *ps)
{
	struct tree_node *list = parse_get(ps, ps->root, "services"), *node;
	_cleanup_(free_ranges) struct ranges ranges = {};
	uint64_t used = used_services(ps->p);

	if (!list)
		return;
	find_ranges(ps->p, &ranges);
	tree_foreach (ps->t, node, list) {
		warn_public_fence(ps, node, &ranges);
		warn_audit(ps, node);
		if (!(used & 1ULL << node->ordinal))
			tree_warn(ps->t, node, ps->warnings, "no profile lists the service \"%s\"",
				  ps->p->services[node->ordinal].name);
	}
}

/* Answers that nobody gives open nothing. */
static bool believes_nobody(const struct policy *p)
{
	return !p->resolvers.n && !p->resolvers_system && !p->resolvers_kubernetes;
}

/* Told where services are listed: a profile that only inherits them has a parent that was told. */
static void warn_unresolved(struct parse *ps, const struct tree_node *node,
			    const struct policy_profile *profile)
{
	const struct tree_node *list = parse_get(ps, node, "services");

	for (size_t i = 0; list && believes_nobody(ps->p) && i < ps->p->n_services; i++) {
		const struct policy_service *s = &ps->p->services[i];
		bool required = s->require_resolution < 0 ? profile->require_resolution
							  : s->require_resolution;

		if (!required || !(profile->services & 1ULL << i))
			continue;
		tree_warn(ps->t, list, ps->warnings,
			  "\"%s\" needs a live DNS answer, and \"resolvers\" is empty: it stays "
			  "closed unless \"require_resolution\" is false",
			  s->name);
		return;
	}
}

/* Told where the identity is written; a parent may write it for its children. */
static void warn_identity(struct parse *ps, const struct tree_node *node,
			  const struct policy_profile *profile)
{
	const struct tree_node *identity = parse_get(ps, node, "identity");

	if (!identity || profile->imds == POLICY_IMDS_BROKER)
		return;
	for (size_t i = 0; i < ps->p->n_profiles; i++)
		if (ps->p->profiles[i].imds == POLICY_IMDS_BROKER &&
		    ps->p->profiles[i].identity.audiences == profile->identity.audiences)
			return;
	tree_warn(ps->t, identity, ps->warnings,
		  "nothing uses this identity: \"imds\" is not \"broker\"");
}

static void warn_profiles(struct parse *ps)
{
	struct tree_node *list = parse_get(ps, ps->root, "profiles"), *node;

	if (!list)
		return;
	tree_foreach (ps->t, node, list) {
		warn_audit(ps, node);
		warn_unresolved(ps, node, &ps->p->profiles[node->ordinal]);
		warn_identity(ps, node, &ps->p->profiles[node->ordinal]);
	}
}

/* --- rules */

static void warn_rule(struct parse *ps, const struct tree_node *node, const struct policy_rule *r)
{
	const struct tree_node *to = parse_get(ps, node, "to");
	const struct tree_node *proxy = parse_get(ps, node, "proxy");
	const struct tree_node *names = parse_get(ps, node, "names");
	const struct tree_node *named = names ? names : parse_get(ps, node, "presets");

	warn_audit(ps, node);
	if (to)
		tree_warn(ps->t, to, ps->warnings,
			  "\"to\" needs Kubernetes; elsewhere `policy apply` refuses it");
	if (named && !proxy && believes_nobody(ps->p))
		tree_warn(ps->t, named, ps->warnings,
			  "%s nothing: it needs live DNS answers, and \"resolvers\" is empty",
			  r->action == POLICY_ACTION_ALLOW ? "opens" : "closes");
	if (r->ports.n && r->protos == ZTA_PROTO_ICMP && r->dest == POLICY_DEST_CIDR)
		tree_warn(ps->t, node, ps->warnings,
			  "matches nothing: icmp has no ports, and this rule names some");
}

void parse_warnings(struct parse *ps)
{
	if (!ps->warnings)
		return;
	warn_unused_sets(ps);
	warn_services(ps);
	warn_profiles(ps);
	for (size_t i = 0; i < ps->p->n_rules; i++)
		warn_rule(ps, ps->rule_nodes[i], &ps->p->rules[i]);
	parse_warn_shadowed(ps);
}
