// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation
 *
 * The slot that is not in force gets new inner maps. From then on the kernel answers for both slots
 * when a cgroup is made (ZTA_CTL_FILLING), so the walk that follows finds either the cgroup or the
 * kernel's answer for it. One write of a word is the switch. Dying anywhere before it leaves a
 * half-filled slot that nobody reads and the next fill replaces.
 */
#include "policy/apply.h"

#include <errno.h>

#include "base/diag.h"
#include "kern/maps.h"
#include "policy/globs.h"
#include "policy/image.h"
#include "workload/registry.h"

static void patterns_root(const void *ctx, unsigned slot, struct zta_cgstate *ret)
{
	globs_root(ctx, slot, ret);
}

static void patterns_step(const void *ctx, unsigned slot, const struct zta_cgstate *parent,
			  const char *component, struct zta_cgstate *ret)
{
	globs_step(ctx, slot, parent, component, ret);
}

static struct registry_patterns patterns_of(const struct image_patterns *p)
{
	return (struct registry_patterns){
		.root = patterns_root,
		.step = patterns_step,
		.ctx = p,
		.default_profile = p->default_profile,
		.selftest_profile = p->selftest_profile,
	};
}

static int fill(struct kern *k, const struct policy_image *img, unsigned slot, struct diag *d)
{
	const struct image_patterns *cg = &img->patterns;
	const struct kern_rows rows[KERN_TABLE_COUNT] = {
		[KERN_TABLE_POLICY] = { NULL, 0, &img->policy, sizeof(img->policy), 1, false },
		[KERN_TABLE_PROFILES] = { NULL, 0, img->profiles, sizeof(img->profiles[0]),
					  ZTA_PROFILE_IDS, true },
		[KERN_TABLE_PREFIXES] = { &img->prefixes->key, sizeof(*img->prefixes),
					  &img->prefixes->value, sizeof(*img->prefixes),
					  img->n_prefixes, false },
		[KERN_TABLE_PORTS] = { NULL, 0, img->ports, sizeof(*img->ports),
				       img->ports ? ZTA_PORTS_KEYS : 0, true },
		[KERN_TABLE_RULES] = { NULL, 0, img->rules, sizeof(*img->rules), img->n_rules,
				       true },
		[KERN_TABLE_NAMED] = { &img->named->key, sizeof(*img->named), &img->named->value,
				       sizeof(*img->named), img->n_named, false },
		[KERN_TABLE_NAMES] = { &img->names->key, sizeof(*img->names), &img->names->value,
				       sizeof(*img->names), img->n_names, false },
		[KERN_TABLE_PATTERNS] = { NULL, 0, img->name_patterns, sizeof(*img->name_patterns),
					  img->name_patterns ? ZTA_PATTERN_IDS : 0, true },
		[KERN_TABLE_LITERALS] = { &cg->literals->key, sizeof(*cg->literals),
					  &cg->literals->child, sizeof(*cg->literals),
					  cg->n_literals, false },
		[KERN_TABLE_GLOBS] = { NULL, 0, cg->globs, sizeof(*cg->globs), cg->n_globs, true },
		[KERN_TABLE_NODES] = { NULL, 0, cg->nodes, sizeof(*cg->nodes), cg->n_nodes, true },
	};

	return kern_slot_fill(k, slot, rows, d);
}

int policy_apply(struct kern *k, const struct policy_image *img, struct registry *r, struct diag *d)
{
	struct registry_patterns p = patterns_of(&img->patterns);
	unsigned slot = !kern_slot(k);
	int n;

	n = kern_ctl_set(k, ZTA_CTL_FILLING, 0); /* a fill that died may have left it */
	if (!n)
		n = fill(k, img, slot, d);
	if (n < 0)
		return n;
	n = kern_ctl_set(k, ZTA_CTL_FILLING, 1);
	if (!n)
		n = registry_scan(r, k, &p, slot);
	if (n < 0)
		(void)diag_set(d, n, "cannot write the workloads:");
	if (n >= 0) {
		n = kern_switch(k, slot, img->policy.generation);
		if (n < 0)
			(void)diag_set(d, n, "cannot switch the policy:");
	}
	(void)kern_ctl_set(k, ZTA_CTL_FILLING, 0); /* left at 1 it only costs a look-up a mkdir */
	if (n < 0)
		return n;
	if (!n)
		(void)kern_slot_clear(k, !slot); /* else its memory comes back with the next fill */
	(void)registry_scan(r, k, &p, slot);	 /* entries that say nothing new are harmless */
	return 0;
}

int policy_rescan(struct kern *k, const struct image_patterns *patterns, struct registry *r)
{
	struct registry_patterns p = patterns_of(patterns);
	int n = registry_scan(r, k, &p, kern_slot(k));

	if (n <= 0)
		return n;
	n = kern_ctl_bump(k); /* cached verdicts end */
	return n < 0 ? n : 1;
}
