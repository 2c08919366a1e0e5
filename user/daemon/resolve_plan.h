/* SPDX-License-Identifier: Apache-2.0 */
/* Which names the daemon looks up by itself, and whom it asks. Pure. */
#pragma once

#include <stddef.h>

#include "zta_policy.h"

struct policy;
struct policy_image;
struct policy_prefixes;

#define RESOLVE_NAMES_MAX   256
#define RESOLVE_SERVERS_MAX 16

struct resolve_plan {
	char *names[RESOLVE_NAMES_MAX]; /* as name_normalise(), no doubles */
	size_t n_names;
	size_t n_left_out; /* more than fit */
	struct zta_addr servers[RESOLVE_SERVERS_MAX];
	size_t n_servers;
};

/**
 * resolve_plan_make() - Make it
 * @extra:	names from the configuration
 * @system:	resolvers of the machine; those that the policy believes are asked too
 * @ret:	caller runs resolve_plan_free(), also on failure
 *
 * Of the policy: the exact names that its author wrote, of services and of rules that allow.
 * Those of presets are left out (nobody says that this network uses them), those of ai_public too
 * (nobody is to reach them).
 * Return: 0 or -ENOMEM.
 */
int resolve_plan_make(const struct policy *p, const struct policy_image *image, char *const *extra,
		      size_t n_extra, const struct policy_prefixes *system,
		      struct resolve_plan *ret);
void resolve_plan_free(struct resolve_plan *p);

/* Whom to ask, of a policy and the machine's resolvers: hosts that are believed. Return: how many.
 */
size_t resolve_servers(const struct policy *p, const struct policy_image *image,
		       const struct policy_prefixes *system,
		       struct zta_addr ret[RESOLVE_SERVERS_MAX]);
