// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation
 *
 * policy (model) ──► ids ─► profiles, ports ─► global prefixes ─► rules of each profile ─► names
 * and their rules ─► cgroup patterns ──► image
 *
 * Pure: reads the model and the options, writes the image. Each table is made whole, sorted once
 * and swept once; nothing is looked up in a loop over everything. What does not fit is counted to
 * the end and refused with the numbers, before any map is touched.
 */
#include "policy/compile.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/diag.h"
#include "base/json.h"
#include "policy/compile_parts.h"
#include "policy/globs.h"

#define ROOM	   64		    /* rows of a table to begin with */
#define EXPIRING_S (14 * 24 * 3600) /* announced that long before */

CLEANUP_DEFINE(struct policy_image *, policy_image_free)

enum global_kind { GLOBAL_FENCE, GLOBAL_AI_PUBLIC, GLOBAL_PRIVATE, GLOBAL_PROXY, GLOBAL_RESOLVER };

int compile_refuse(struct compile *c, const char *path, const char *fmt, ...)
{
	unsigned line = 1, column = 1;
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap); /* cut when too long */
	va_end(ap);
	if (path[0] && c->policy->text)
		(void)json_locate(c->policy->text, c->policy->text_len, path, false, &line,
				  &column); /* else the start of the document */
	(void)diag_list_add(c->errors, line, column, path, "%s", text); /* the result says it too */
	c->refused = true;
	return -E2BIG;
}

static uint64_t service_mask(const struct compile *c, uint64_t services)
{
	uint64_t mask = 0;

	for (size_t i = 0; i < c->policy->n_services; i++)
		if (services & 1ULL << i)
			mask |= 1ULL << c->image->service_bit[i];
	return mask;
}

static uint32_t profile_flags(const struct policy_profile *p)
{
	uint32_t flags = ZTA_PROFILE_VALID;

	if (p->builtin && !strcmp(p->name, "selftest"))
		return flags | ZTA_PROFILE_SELFTEST;
	if (p->builtin && !strcmp(p->name, "host"))
		flags |= ZTA_PROFILE_HOST;
	if (p->mode == POLICY_MODE_AUDIT)
		flags |= ZTA_PROFILE_AUDIT;
	if (p->egress_allow)
		flags |= ZTA_PROFILE_EGRESS_ALLOW;
	if (p->platform)
		flags |= ZTA_PROFILE_PLATFORM;
	if (p->imds == POLICY_IMDS_ALLOW)
		flags |= ZTA_PROFILE_IMDS_ALLOW;
	if (p->imds == POLICY_IMDS_BROKER)
		flags |= ZTA_PROFILE_IMDS_BROKER;
	if (p->no_quic)
		flags |= ZTA_PROFILE_NO_QUIC;
	if (p->no_quic || !p->egress_allow)
		flags |= ZTA_PROFILE_NO_ECH;
	if (p->dns_listed)
		flags |= ZTA_PROFILE_DNS_LISTED;
	return flags;
}

static void compile_profile(struct compile *c, size_t index)
{
	const struct policy_profile *p = &c->policy->profiles[index];
	struct zta_profile *out = &c->image->profiles[c->image->profile_id[index]];

	out->flags = profile_flags(p);
	out->grace_s = p->resolution_grace_s;
	if (out->flags & ZTA_PROFILE_SELFTEST)
		return;
	out->services = service_mask(c, p->all_services ? UINT64_MAX : p->services);
	out->enforced = out->services;
	for (size_t i = 0; i < c->policy->n_services; i++) {
		const struct policy_service *s = &c->policy->services[i];
		uint64_t bit = 1ULL << c->image->service_bit[i];

		if (s->enforce_everyone)
			out->enforced |= bit;
		if (s->require_resolution < 0 ? p->require_resolution : s->require_resolution)
			out->resolve |= bit;
	}
}

static int compile_profiles(struct compile *c)
{
	const struct policy *p = c->policy;
	struct policy_image *image = c->image;

	for (size_t i = 0; i < p->n_profiles; i++) {
		compile_profile(c, i);
		if (p->profiles[i].builtin && !strcmp(p->profiles[i].name, "selftest"))
			image->patterns.selftest_profile = image->profile_id[i];
	}
	image->patterns.default_profile = image->profile_id[p->default_profile];
	image->policy.generation = c->opts->generation;
	image->policy.flags = p->mode == POLICY_MODE_AUDIT ? ZTA_POLICY_AUDIT : 0;
	for (size_t i = 0; i < p->n_services; i++)
		if (p->services[i].mode == POLICY_MODE_AUDIT)
			image->policy.audit_services |= 1ULL << image->service_bit[i];
	return 0;
}

static void add_ports(uint64_t *ports, const struct policy_ports *v, uint64_t bit)
{
	for (size_t i = 0; i < v->n; i++)
		for (uint32_t port = v->v[i].lo; port <= v->v[i].hi; port++)
			ports[port] |= bit;
	for (uint32_t port = 1; !v->n && port < 65536; port++)
		ports[port] |= bit;
}

static int compile_ports(struct compile *c)
{
	uint64_t *ports = calloc(ZTA_PORTS_KEYS, sizeof(*ports));
	const struct policy *p = c->policy;

	c->image->ports = ports;
	if (!ports)
		return -ENOMEM;
	for (size_t i = 0; i < p->n_services; i++)
		add_ports(ports, &p->services[i].ports, 1ULL << c->image->service_bit[i]);
	for (size_t i = 0; i < p->n_proxies; i++)
		add_ports(ports + ZTA_PORTS_PROXY, &p->proxies[i].ports, 1ULL << i);
	return 0;
}

static int merge_global(struct compile *c, void *ctx, const struct trie_entry *own, size_t n,
			struct trie_value *value)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t bit;

		switch (own[i].kind) {
		case GLOBAL_FENCE:
			bit = 1ULL << c->image->service_bit[own[i].ref];
			value->prefix.fence |= bit;
			if (c->policy->services[own[i].ref].dedicated)
				value->prefix.dedicated |= bit;
			break;
		case GLOBAL_AI_PUBLIC:
			value->prefix.flags |= ZTA_PREFIX_AI_PUBLIC;
			break;
		case GLOBAL_PRIVATE:
			value->prefix.flags |= ZTA_PREFIX_PRIVATE;
			break;
		case GLOBAL_PROXY:
			value->prefix.proxies |= 1U << own[i].ref;
			break;
		default:
			value->prefix.flags |= ZTA_PREFIX_RESOLVER;
		}
	}
	return 0;
}

static int compile_global(struct compile *c)
{
	const struct trie_ops ops = { .merge = merge_global };
	const struct policy *p = c->policy;
	struct trie_entries t = {};
	int r = 0;

	for (size_t i = 0; r >= 0 && i < p->n_services; i++)
		r = trie_add_all(&t, &p->services[i].private_link, GLOBAL_FENCE, (uint32_t)i);
	if (r >= 0)
		r = trie_add_all(&t, &p->ai_public_cidrs, GLOBAL_AI_PUBLIC, 0);
	if (r >= 0)
		r = trie_add_all(&t, &p->private_ranges, GLOBAL_PRIVATE, 0);
	for (size_t i = 0; r >= 0 && i < p->n_proxies; i++)
		r = trie_add_all(&t, &p->proxies[i].cidrs, GLOBAL_PROXY, (uint32_t)i);
	if (r >= 0)
		r = trie_add_all(&t, &p->resolvers, GLOBAL_RESOLVER, 0);
	if (r >= 0 && c->opts->resolvers && p->resolvers_system)
		r = trie_add_all(&t, c->opts->resolvers, GLOBAL_RESOLVER, 0);
	if (r >= 0)
		r = trie_build(c, ZTA_SCOPE_GLOBAL, &t, &ops);
	trie_free(&t);
	return r;
}

static void note_expiry(struct compile *c, int64_t expires)
{
	if (expires <= c->opts->now || expires == INT64_MAX)
		return;
	if (expires < c->image->next_expiry)
		c->image->next_expiry = expires;
	if (expires - c->opts->now <= EXPIRING_S)
		c->image->expiring++;
}

/* An inherited entry stands in several profiles, under the path of the one that wrote it. */
static bool ai_allow_inherited(const struct policy *p, size_t profile, const char *path)
{
	size_t len = p->profiles[profile].path ? strlen(p->profiles[profile].path) : 0;

	return !len || strncmp(path, p->profiles[profile].path, len) != 0 || path[len] != '.';
}

static void compile_expiry(struct compile *c)
{
	const struct policy *p = c->policy;

	c->image->now = c->opts->now;
	c->image->next_expiry = INT64_MAX;
	for (size_t i = 0; i < p->n_rules; i++)
		note_expiry(c, p->rules[i].expires);
	for (size_t i = 0; i < p->n_profiles; i++)
		for (size_t k = 0; k < p->profiles[i].n_ai_allow; k++)
			if (!ai_allow_inherited(p, i, p->profiles[i].ai_allow[k].path))
				note_expiry(c, p->profiles[i].ai_allow[k].expires);
}

static void refuse_table(struct compile *c, const char *table, uint64_t need, uint64_t capacity)
{
	uint64_t counted = COMPILE_GIVE_UP * capacity; /* at least so far */
	bool more = need > counted;

	if (need > capacity)
		(void)compile_refuse(c, "", "does not fit: %s needs %s%llu entries, %llu fit",
				     table, more ? "more than " : "",
				     (unsigned long long)(more ? counted : need),
				     (unsigned long long)capacity); /* each table is told */
}

/* Every table that does not fit, with the numbers. */
static int preflight(struct compile *c, int r)
{
	if (r == -ENOMEM)
		return r;
	refuse_table(c, "prefixes", c->need_prefixes, ZTA_PREFIX_NODES);
	refuse_table(c, "rules", c->rules.n, ZTA_LISTS_MAX);
	refuse_table(c, "named", c->need_named, ZTA_NAMED_MAX);
	refuse_table(c, "names", c->need_names, ZTA_NAME_NODES);
	if (r < 0 && !c->refused)
		(void)compile_refuse(c, "", "does not fit"); /* the caller gets -E2BIG */
	return c->refused ? -E2BIG : 0;
}

static int compile_globs(struct compile *c)
{
	int r = globs_compile(c->policy, c->image, c->errors);

	c->refused |= r == -E2BIG;
	return r;
}

/* One table that does not fit does not keep the others from being counted. */
static int compile_tables(struct compile *c)
{
	int (*const steps[])(struct compile *) = { compile_profiles, compile_ports, compile_global,
						   compile_rules,    compile_names, compile_globs };
	int r, worst;

	worst = compile_ids(c);
	if (worst < 0)
		return worst;
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		r = steps[i](c);
		if (r == -ENOMEM)
			return r;
		if (r < 0)
			worst = r;
	}
	return worst;
}

int policy_compile(const struct policy *p, const struct compile_opts *o, struct policy_image **ret,
		   struct diag_list *errors)
{
	_cleanup_(policy_image_free_p) struct policy_image *image = calloc(1, sizeof(*image));
	struct compile c = {
		.policy = p,
		.opts = o,
		.image = image,
		.errors = errors,
		.rules = { .size = sizeof(struct zta_rule) },
		.scopes = { .size = sizeof(uint32_t) },
		.room_prefixes = ROOM,
		.room_named = ROOM,
		.room_names = ROOM,
	};
	int r;

	if (!image)
		return -ENOMEM;
	image->prefixes = calloc(ROOM, sizeof(*image->prefixes)); /* never NULL, also when empty */
	image->named = calloc(ROOM, sizeof(*image->named));
	image->names = calloc(ROOM, sizeof(*image->names));
	if (!image->prefixes || !image->named || !image->names)
		return -ENOMEM;
	r = compile_tables(&c);
	compile_expiry(&c);
	r = preflight(&c, r);
	image->rules = (struct zta_rule *)c.rules.v;
	image->n_rules = c.rules.n;
	c.rules.v = NULL;
	intern_free(&c.rules);
	intern_free(&c.scopes);
	if (r < 0)
		return r;
	policy_image_sort(image);
	*ret = take_ptr(image);
	return 0;
}
