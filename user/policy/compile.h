/* SPDX-License-Identifier: Apache-2.0 */
/* From the policy model to map images, and what images can be asked. */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "policy/image.h"
#include "policy/policy.h"

struct diag_list;

struct compile_opts {
	const struct policy_ids *ids; /* of the image compiled before; NULL = fresh */
	uint32_t generation;
	int64_t now; /* Unix seconds: what has expired by then is left out */
	const struct policy_prefixes *resolvers; /* what "system" stands for now, for policies that
						  * name it; NULL = none */
	const struct policy_names *search; /* suffixes that names are tried with; NULL = none */
};

/**
 * policy_compile() - Turn a policy into the tables of one slot
 * @p:		policy, borrowed for the call
 * @o:		borrowed for the call
 * @ret:	caller runs policy_image_free(); untouched on failure
 * @errors:	gets what does not fit, with place, need and capacity; NULL is allowed
 *
 * Pure: the same arguments give the same image. Rules whose destination is `to` compile to nothing,
 * which leaves them closed.
 * Return: 0, -E2BIG (does not fit) or -ENOMEM.
 */
int policy_compile(const struct policy *p, const struct compile_opts *o, struct policy_image **ret,
		   struct diag_list *errors);
void policy_image_free(struct policy_image *image);

/**
 * policy_summary() - {"services","names","prefixes","profiles","workloads","maps":[…]}
 * @image: compiled from @p; NULL gives no maps
 *
 * "profiles" counts the document's own. Each map is {"map","used","capacity"}.
 * Return: new reference, or NULL without memory.
 */
json_t *policy_summary(const struct policy *p, const struct policy_image *image);

/**
 * policy_workload_of() - Which entry of workloads[] a cgroup belongs to
 * @cgroup_path: below the attach point, starts with "/"; "/" is the attach point
 *
 * The first entry of the list that matches the cgroup or one above it. Entries for Kubernetes never
 * match here. Return: index or -1.
 */
int policy_workload_of(const struct policy *p, const char *cgroup_path);

/* Longest prefix of @scope_id that holds @addr, as the kernel's trie finds it; NULL = none. */
const struct zta_prefix *policy_image_prefix(const struct policy_image *image, uint32_t scope_id,
					     const struct zta_addr *addr);
/* Rules of a profile id for a group, asked of a proxy (n + 1) or not (0); NULL = none. */
const struct zta_list *policy_image_named(const struct policy_image *image, uint32_t profile,
					  uint32_t proxy, uint32_t group);
/**
 * policy_image_name() - The most specific pattern of @scope (ZTA_NAMES_*) that matches a name
 *
 * Longest prefix, as the kernel's trie finds it. Return: its value, for ZTA_NAMES_ALL its id; 0 =
 * none.
 */
uint32_t policy_image_name(const struct policy_image *image, uint32_t scope, const char *name);
/* Sorts prefixes, named pairs and names for these look-ups; policy_compile() has done it. */
void policy_image_sort(struct policy_image *image);
/* Bits of @services as an index in policy.services: the first in the document, or -1. */
int policy_image_service(const struct policy_image *image, const struct policy *p,
			 uint64_t services);
