// SPDX-License-Identifier: Apache-2.0
#include "resolve_plan.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "policy/compile.h"
#include "policy/names.h"
#include "policy/policy.h"
#include "policy/presets.h"

static bool is_of_a_preset(const char *name)
{
	size_t n;
	const struct preset *v = preset_list(&n);

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; v[i].names[k]; k++)
			if (!strcmp(v[i].names[k], name))
				return true;
	return false;
}

static int add_name(struct resolve_plan *to, const char *written)
{
	char name[NAME_TEXT_LEN];

	name_normalise(written, name);
	for (size_t i = 0; i < to->n_names; i++)
		if (!strcmp(to->names[i], name))
			return 0;
	if (to->n_names == RESOLVE_NAMES_MAX) {
		to->n_left_out++;
		return 0;
	}
	to->names[to->n_names] = strdup(name);
	return to->names[to->n_names++] ? 0 : -ENOMEM;
}

static int add_exact(struct resolve_plan *to, const struct policy_names *names)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < names->n; i++)
		if (names->v[i][0] != '*' && !is_of_a_preset(names->v[i]))
			r = add_name(to, names->v[i]);
	return r;
}

static void add_server(const struct zta_addr *addr, struct zta_addr v[RESOLVE_SERVERS_MAX],
		       size_t *n)
{
	for (size_t i = 0; i < *n; i++)
		if (!memcmp(&v[i], addr, sizeof(*addr)))
			return;
	if (*n < RESOLVE_SERVERS_MAX)
		v[(*n)++] = *addr;
}

size_t resolve_servers(const struct policy *p, const struct policy_image *image,
		       const struct policy_prefixes *system,
		       struct zta_addr ret[RESOLVE_SERVERS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < p->resolvers.n; i++) {
		const struct policy_prefix *one = &p->resolvers.v[i];

		if (one->len == (one->addr.family == ZTA_V4 ? 32 : 128))
			add_server(&one->addr, ret, &n); /* of a network nobody can be asked */
	}
	for (size_t i = 0; i < system->n; i++) {
		const struct zta_addr *addr = &system->v[i].addr;
		const struct zta_prefix *g = policy_image_prefix(image, ZTA_SCOPE_GLOBAL, addr);

		if (g && (g->flags & ZTA_PREFIX_RESOLVER))
			add_server(addr, ret, &n);
	}
	return n;
}

int resolve_plan_make(const struct policy *p, const struct policy_image *image, char *const *extra,
		      size_t n_extra, const struct policy_prefixes *system,
		      struct resolve_plan *ret)
{
	int r = 0;

	*ret = (struct resolve_plan){ 0 };
	for (size_t i = 0; r == 0 && i < n_extra; i++)
		r = add_name(ret, extra[i]);
	for (size_t i = 0; r == 0 && i < p->n_services; i++)
		r = add_exact(ret, &p->services[i].names);
	for (size_t i = 0; r == 0 && i < p->n_rules; i++)
		if (p->rules[i].action == POLICY_ACTION_ALLOW &&
		    p->rules[i].dest == POLICY_DEST_NAMES)
			r = add_exact(ret, &p->rules[i].names);
	ret->n_servers = resolve_servers(p, image, system, ret->servers);
	return r;
}

void resolve_plan_free(struct resolve_plan *p)
{
	for (size_t i = 0; i < p->n_names; i++)
		free(p->names[i]);
	*p = (struct resolve_plan){ 0 };
}
