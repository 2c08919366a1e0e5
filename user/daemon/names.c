/* SPDX-License-Identifier: Apache-2.0 */
#include "names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "audit/record.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "daemon/answers.h"
#include "daemon/daemon.h"
#include "daemon/inforce.h"
#include "inspect/dns.h"
#include "kern/learnt.h"
#include "kern/object.h"
#include "policy/brief.h"
#include "policy/hint.h"
#include "workload/cgroup.h"
#include "workload/registry.h"
#include "zta_event.h"
#include "zta_names.h"
#include "zta_reason.h"

struct names {
	struct record_ctx ctx;
	struct brief_places *old_places; /* of the rules of the generation before this one */
	uint32_t old_generation;
	char *cgroup; /* last answers that had to be made up, until the next call */
	char *hint;
	char text[ZTA_NAME_OCTETS];
	char place[BRIEF_PLACE_LEN];
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
	const struct policy_brief *b = ((const struct daemon *)ctx)->inforce->brief;
	const struct brief_service *s = b ? policy_brief_service(b, mask) : NULL;

	return s ? s->name : NULL;
}

static const char *rule_place(void *ctx, uint32_t id, uint32_t generation)
{
	const struct daemon *d = ctx;
	const struct inforce *in = d->inforce;
	const struct brief_places *places = NULL;
	struct brief_place place;

	if (in->brief && generation == in->generation)
		places = in->brief->places;
	else if (generation == d->names->old_generation)
		places = d->names->old_places;
	if (!places || !brief_places_find(places, id, &place))
		return NULL;
	brief_place_text(&place, d->names->place);
	return d->names->place;
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
	const struct policy_brief *b = d->inforce->brief;

	return e && b ? policy_brief_owner(b, e->entry) : NULL;
}

static const char *text_of(void *ctx, uint64_t hash)
{
	const struct daemon *d = ctx;

	return kern_text_get(d->kern, hash, d->names->text) == 0 ? d->names->text : NULL;
}

/* The chain of the answer that the denial is about: @v borrows from the result. */
static json_t *chain_of(struct daemon *d, const struct zta_event *e, const char *name,
			const char *v[DNS_CHAIN_MAX], struct hint_in *h)
{
	json_t *said = e->reason == ZTA_REASON_RESOLVES_PUBLIC ? answers_json(d, e, name) : NULL;
	json_t *chain = json_object_get(said, "chain"), *link;
	size_t i;

	h->answered = chain != NULL;
	h->chain = v;
	json_array_foreach (chain, i, link)
		if (i < DNS_CHAIN_MAX)
			v[h->n_chain++] = json_string_value(link);
	return said;
}

static const char *hint(void *ctx, const struct zta_event *e)
{
	struct daemon *d = ctx;
	const char *chain[DNS_CHAIN_MAX];
	const struct policy_brief *b = d->inforce->brief;
	const struct brief_service *s = b ? policy_brief_service(b, e->services) : NULL;
	struct hint_in h = {
		.reason = e->reason,
		.service = s ? s->name : NULL,
		.preset = s ? s->preset : NULL,
		.profile = profile_name(ctx, e->profile),
		.name = e->name ? text_of(ctx, e->name) : NULL,
		.port = e->port,
		.addr = e->carried.family ? &e->carried : &e->addr,
	};
	json_t *said = chain_of(d, e, h.name, chain, &h);

	free(d->names->hint);
	d->names->hint = hint_text(&h);
	json_decref(said);
	return d->names->hint;
}

static json_t *answer(void *ctx, const struct zta_event *e)
{
	struct daemon *d = ctx;

	return answers_json(d, e, text_of(d, e->name));
}

static const struct record_names callbacks = {
	.profile = profile_name,
	.service = service_name,
	.rule = rule_place,
	.cgroup = cgroup_name,
	.owner = owner_name,
	.hint = hint,
	.name = text_of,
	.answer = answer,
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

void names_down(struct daemon *d)
{
	if (!d->names)
		return;
	free(d->names->old_places);
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
	ctx->policy = in && in->brief ? in->brief->name : NULL;
	ctx->generation = in ? in->generation : 0;
	return ctx;
}

void names_keep_places(struct daemon *d, struct brief_places *old, uint32_t generation)
{
	free(d->names->old_places);
	d->names->old_places = old;
	d->names->old_generation = generation;
}
