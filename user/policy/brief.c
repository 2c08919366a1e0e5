// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation
 *
 * The model and the tables of a large policy are ten times what this room keeps. It copies: into
 * one block for each list and one for all texts, so that between the thousands of small blocks of
 * model and tables few stay behind, and their pages can go back to the kernel. The place of a rule
 * is its path in numbers; the rules of a profile have consecutive ones, so one run says them all.
 */
#include "policy/brief.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "policy/policy.h"

void policy_brief_free(struct policy_brief *b)
{
	if (!b)
		return;
	free(b->services);
	free(b->profiles);
	free(b->owners);
	free(b->dates);
	free(b->places);
	free(b->audiences);
	image_patterns_free(&b->patterns);
	free(b->texts);
	free(b);
}

/* The parser wrote the path: it has one of the two forms. */
static struct brief_place place_of(const char *path)
{
	struct brief_place p = {};

	p.ai_allow = sscanf(path, "profiles[%u].ai_public_allow[%u]", &p.profile, &p.index) == 2;
	if (!p.ai_allow)
		(void)sscanf(path, "profiles[%u].egress.rules[%u]", &p.profile, &p.index);
	return p;
}

void brief_place_text(const struct brief_place *p, char ret[BRIEF_PLACE_LEN])
{
	(void)snprintf(ret, BRIEF_PLACE_LEN, "profiles[%u].%s[%u]", p->profile,
		       p->ai_allow ? "ai_public_allow" : "egress.rules", p->index); /* fits */
}

bool brief_places_find(const struct brief_places *p, uint32_t rule, struct brief_place *ret)
{
	size_t lo = 0, hi = p->n;

	if (rule >= p->n_rules)
		return false;
	while (hi - lo > 1) { /* the last run that does not begin behind the rule */
		size_t mid = lo + (hi - lo) / 2;

		if (p->runs[mid].first <= rule)
			lo = mid;
		else
			hi = mid;
	}
	*ret = p->runs[lo].place;
	ret->index += rule - p->runs[lo].first;
	return true;
}

static int take_places(const struct policy *p, struct policy_brief *b)
{
	struct brief_places *v;
	uint32_t last = UINT32_MAX;
	size_t n = 0;

	for (size_t i = 0; i < p->n_rules; i++) { /* a run for each profile that has rules */
		uint32_t profile = place_of(p->rules[i].path).profile;

		n += profile != last;
		last = profile;
	}
	v = calloc(1, sizeof(*v) + n * sizeof(v->runs[0]));
	if (!v)
		return -ENOMEM;
	b->places = v;
	v->n_rules = p->n_rules;
	for (size_t i = 0; i < p->n_rules; i++) {
		struct brief_place place = place_of(p->rules[i].path);

		if (!v->n || v->runs[v->n - 1].place.profile != place.profile)
			v->runs[v->n++] = (struct brief_run){ (uint32_t)i, place };
	}
	return 0;
}

static int take_services(const struct policy *p, const struct policy_image *image,
			 struct policy_brief *b)
{
	b->services = calloc(p->n_services + 1, sizeof(*b->services));
	if (!b->services)
		return -ENOMEM;
	b->n_services = p->n_services;
	for (size_t i = 0; i < p->n_services; i++) {
		memcpy(b->services[i].name, p->services[i].name, sizeof(b->services[i].name));
		b->services[i].bit = image->service_bit[i];
		b->services[i].preset = p->services[i].preset;
	}
	return 0;
}

static int take_profiles(const struct policy *p, const struct policy_image *image,
			 struct policy_brief *b)
{
	b->profiles = calloc(p->n_profiles + 1, sizeof(*b->profiles));
	if (!b->profiles)
		return -ENOMEM;
	b->n_profiles = p->n_profiles;
	for (size_t i = 0; i < p->n_profiles; i++) {
		memcpy(b->profiles[i].name, p->profiles[i].name, sizeof(b->profiles[i].name));
		b->profiles[i].id = image->profile_id[i];
		b->profiles[i].audit = p->profiles[i].mode == POLICY_MODE_AUDIT;
		b->profiles[i].broker = p->profiles[i].imds == POLICY_IMDS_BROKER;
		b->dns_listed |= p->profiles[i].dns_listed;
	}
	return 0;
}

/* --- identities: while the block of texts grows, pointers into it are places in it */

static char *add_text(struct buf *texts, const char *s, bool *failed)
{
	size_t at = texts->len;

	*failed |= buf_add(texts, s, strlen(s) + 1) < 0;
	return (char *)at;
}

/* The profile before @i that has the same identity, because one extends the other. */
static const struct policy_identity *same_before(const struct policy *p,
						 const struct policy_brief *b, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (p->profiles[k].identity.audiences == p->profiles[i].identity.audiences)
			return &b->profiles[k].identity;
	return NULL;
}

static int add_identities(const struct policy *p, struct policy_brief *b, struct buf *texts)
{
	size_t n = 0;
	bool failed = false;

	for (size_t i = 0; i < p->n_profiles; i++)
		n += p->profiles[i].identity.n_audiences;
	b->audiences = calloc(n + 1, sizeof(*b->audiences));
	if (!b->audiences)
		return -ENOMEM;
	n = 0;
	for (size_t i = 0; i < p->n_profiles; i++) {
		const struct policy_identity *from = &p->profiles[i].identity;
		const struct policy_identity *same;
		struct policy_identity *to = &b->profiles[i].identity;

		if (!from->n_audiences)
			continue;
		same = same_before(p, b, i);
		*to = same ? *same : *from;
		if (same)
			continue;
		to->path = add_text(texts, from->path, &failed);
		to->audiences = &b->audiences[n];
		for (size_t k = 0; k < from->n_audiences; k++)
			b->audiences[n++] = add_text(texts, from->audiences[k], &failed);
	}
	b->n_audiences = n;
	return failed ? -ENOMEM : 0;
}

static void settle_identities(struct policy_brief *b)
{
	for (size_t i = 0; i < b->n_audiences; i++)
		b->audiences[i] = b->texts + (uintptr_t)b->audiences[i];
	for (size_t i = 0; i < b->n_profiles; i++)
		if (b->profiles[i].identity.n_audiences)
			b->profiles[i].identity.path = b->texts +
						       (uintptr_t)b->profiles[i].identity.path;
}

/* The name of the policy first; an owner who has many entries in a row stands there once. */
static int take_texts(const struct policy *p, struct policy_brief *b)
{
	_cleanup_buf_ struct buf texts = {};
	const char *last = NULL;
	uint32_t at = 0;

	b->owners = calloc(p->n_workloads + 1, sizeof(*b->owners));
	if (!b->owners || buf_add(&texts, p->name, strlen(p->name) + 1) < 0)
		return -ENOMEM;
	b->n_owners = p->n_workloads;
	for (size_t i = 0; i < p->n_workloads; i++) {
		const struct policy_workload *w = &p->workloads[i];
		const char *owner = w->meta.owner ? w->meta.owner
						  : p->profiles[w->profile].meta.owner;

		if (!owner)
			continue;
		if (!str_eq(owner, last)) {
			at = (uint32_t)texts.len;
			if (buf_add(&texts, owner, strlen(owner) + 1) < 0)
				return -ENOMEM;
		}
		last = owner;
		b->owners[i] = at;
	}
	if (add_identities(p, b, &texts) < 0)
		return -ENOMEM;
	b->texts = buf_take(&texts);
	if (!b->texts)
		return -ENOMEM;
	b->name = b->texts;
	settle_identities(b);
	return 0;
}

static size_t add_date(struct policy_brief *b, int64_t expires, const char *path)
{
	if (expires == INT64_MAX)
		return 0;
	if (b->dates)
		b->dates[b->n_dates++] = (struct brief_date){ expires, place_of(path) };
	return 1;
}

/* Counts them, and writes them down when there is a list. What is inherited is told above. */
static size_t each_date(const struct policy *p, struct policy_brief *b)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n_rules; i++)
		n += add_date(b, p->rules[i].expires, p->rules[i].path);
	for (size_t i = 0; i < p->n_profiles; i++)
		for (size_t k = 0; k < p->profiles[i].n_ai_allow; k++) {
			const struct policy_ai_allow *a = &p->profiles[i].ai_allow[k];

			if (place_of(a->path).profile == i)
				n += add_date(b, a->expires, a->path);
		}
	return n;
}

static int take_dates(const struct policy *p, struct policy_brief *b)
{
	b->dates = calloc(each_date(p, b) + 1, sizeof(*b->dates));
	if (!b->dates)
		return -ENOMEM;
	(void)each_date(p, b);
	return 0;
}

int policy_brief_make(const struct policy *p, const struct policy_image *image,
		      struct policy_brief **ret)
{
	_cleanup_policy_brief_ struct policy_brief *b = calloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	memcpy(b->sha256, p->sha256, sizeof(b->sha256));
	b->revision = p->revision;
	b->audit = p->mode == POLICY_MODE_AUDIT;
	b->resolvers_system = p->resolvers_system;
	b->now = image->now;
	b->next_expiry = image->next_expiry;
	if (take_places(p, b) < 0 || take_services(p, image, b) < 0 ||
	    take_profiles(p, image, b) < 0 || take_texts(p, b) < 0 || take_dates(p, b) < 0 ||
	    image_patterns_copy(&image->patterns, &b->patterns) < 0)
		return -ENOMEM;
	*ret = take_ptr(b);
	return 0;
}

const struct brief_service *policy_brief_service(const struct policy_brief *b, uint64_t mask)
{
	for (size_t i = 0; i < b->n_services; i++)
		if (mask & 1ULL << b->services[i].bit)
			return &b->services[i];
	return NULL;
}

const struct brief_profile *policy_brief_profile(const struct policy_brief *b, uint16_t id)
{
	for (size_t i = 0; i < b->n_profiles; i++)
		if (b->profiles[i].id == id)
			return &b->profiles[i];
	return NULL;
}

const char *policy_brief_owner(const struct policy_brief *b, size_t entry)
{
	return entry < b->n_owners && b->owners[entry] ? b->texts + b->owners[entry] : NULL;
}
