/* SPDX-License-Identifier: Apache-2.0 */
/* The cgroup patterns of workloads[] as the node tree that the cgroup_mkdir program walks. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "policy/image.h"
#include "policy/policy.h"

struct diag_list;

/**
 * globs_compile() - Fill nodes, literals and globs of an image
 * @p:		policy
 * @image:	profile_id is filled already; gets the three tables
 * @errors:	gets what does not fit
 *
 * Return: 0, -E2BIG or -ENOMEM.
 */
int globs_compile(const struct policy *p, struct policy_image *image, struct diag_list *errors);

/**
 * globs_root() - State of the attach point
 * @slot: the answers of that slot are set, those of the other one left alone
 */
void globs_root(const struct image_patterns *patterns, unsigned slot, struct zta_cgstate *ret);

/**
 * globs_step() - State of a child, from its parent's and its own name, as the kernel finds it
 * @parent:	state of the parent; all nodes 0 = it stands on none
 * @component:	the child's name
 * @ret:	must not be @parent
 *
 * entry and profile of @parent are passed on where no node of the child has a lower index.
 */
void globs_step(const struct image_patterns *patterns, unsigned slot,
		const struct zta_cgstate *parent, const char *component, struct zta_cgstate *ret);

/* Does a component with a '*' match a name of @len bytes? */
bool globs_match(const struct zta_glob *g, const char *name, size_t len);
