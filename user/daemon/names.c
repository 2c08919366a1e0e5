/* SPDX-License-Identifier: Apache-2.0 */
#include "names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "audit/record.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "daemon/daemon.h"
#include "daemon/inforce.h"
#include "kern/object.h"
#include "policy/compile.h"
#include "policy/hint.h"
#include "workload/cgroup.h"
#include "workload/registry.h"
#include "zta_event.h"

struct names {
	struct record_ctx ctx;
	char **old_rules; /* places of the rules of the generation before this one */
	size_t n_old_rules;
	uint32_t old_generation;
	char *cgroup; /* last answers that had to be made up, until the next call */
	char *hint;
};

static const char *profile_name(void *ctx, uint16_t id)
{
	const struct daemon *d = ctx;
	const char *name;

	if (id >= ZTA_PROFILE_IDS)
		return NULL;
	name = d->store.ids.profiles[id];
	return *name ? name : NULL;
}

static const char *service_name(void *ctx, uint64_t mask)
{
	const struct inforce *in = ((const struct daemon *)ctx)->inforce;
	int at = mask && in->policy ? policy_image_service(in->image, in->policy, mask) : -1;

	return at >= 0 ? in->policy->services[at].name : NULL;
}

static const char *rule_place(void *ctx, uint32_t id, uint32_t generation)
{
	const struct daemon *d = ctx;
	const struct inforce *in = d->inforce;

	if (in->policy && generation == in->generation)
		return id < in->policy->n_rules ? in->policy->rules[id].path : NULL;
	if (generation == d->names->old_generation && id < d->names->n_old_rules)
		return d->names->old_rules[id];
	return NULL;
}

static const char *cgroup_name(void *ctx, uint64_t id)
{
	const struct daemon *d = ctx;
	const char *path = registry_find_path(d->registry, id);

	if (path)
		return path;
	free(d->names->cgroup);
	d->names->cgroup = NULL;
	(void)cgroup_path_of(kern_cgroup_path(d->kern), id, &d->names->cgroup); /* gone: NULL */
	return d->names->cgroup;
}

/* Of the entry of workloads[] that matched, else of its profile. */
static const char *owner_name(void *ctx, uint64_t id)
{
	const struct daemon *d = ctx;
	const struct registry_entry *e = registry_find(d->registry, id);
	const struct policy *p = d->inforce->policy;
	const struct policy_workload *w;

	if (!e || !p || e->entry >= p->n_workloads)
		return NULL;
	w = &p->workloads[e->entry];
	return w->meta.owner ? w->meta.owner : p->profiles[w->profile].meta.owner;
}

static const char *hint(void *ctx, const struct zta_event *e)
{
	const struct daemon *d = ctx;
	const struct inforce *in = d->inforce;
	struct hint_in h = {
		.reason = e->reason,
		.policy = in->policy,
		.service = -1,
		.profile = profile_name(ctx, e->profile),
		.port = e->port,
	};

	if (!in->policy)
		return NULL;
	if (e->services)
		h.service = policy_image_service(in->image, in->policy, e->services);
	free(d->names->hint);
	d->names->hint = hint_text(&h);
	return d->names->hint;
}

static const struct record_names callbacks = {
	.profile = profile_name,
	.service = service_name,
	.rule = rule_place,
	.cgroup = cgroup_name,
	.owner = owner_name,
	.hint = hint,
};

int names_up(struct daemon *d, struct diag *diag)
{
	d->names = calloc(1, sizeof(*d->names));
	if (!d->names)
		return diag_set(diag, -ENOMEM, "out of memory");
	d->names->ctx.names = &callbacks;
	d->names->ctx.ctx = d;
	return 0;
}

static void drop_rules(struct names *n)
{
	for (size_t i = 0; i < n->n_old_rules; i++)
		free(n->old_rules[i]);
	free(n->old_rules);
	n->old_rules = NULL;
	n->n_old_rules = 0;
}

void names_down(struct daemon *d)
{
	if (!d->names)
		return;
	drop_rules(d->names);
	free(d->names->cgroup);
	free(d->names->hint);
	free(d->names);
	d->names = NULL;
}

const struct record_ctx *names_ctx(struct daemon *d)
{
	struct record_ctx *ctx = &d->names->ctx;
	const struct inforce *in = d->inforce;

	record_clock(ctx);
	ctx->policy = in && in->policy ? in->policy->name : NULL;
	ctx->generation = in ? in->generation : 0;
	return ctx;
}

void names_keep_rules(struct daemon *d, const struct policy *old, uint32_t generation)
{
	struct names *n = d->names;

	drop_rules(n);
	n->old_rules = calloc(old->n_rules ? old->n_rules : 1, sizeof(char *));
	if (!n->old_rules)
		return; /* its late events then name no rule */
	for (size_t i = 0; i < old->n_rules; i++)
		n->old_rules[i] = old->rules[i].path ? strdup(old->rules[i].path) : NULL;
	n->n_old_rules = old->n_rules;
	n->old_generation = generation;
}
