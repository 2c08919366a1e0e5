/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stays in memory of a policy in force: what events are named by, what cgroups are matched
 * with, and dates. A few blocks, small whatever prefixes, names and rules the document has; who
 * needs more reads the document again.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "policy/identity.h"
#include "policy/image.h"
#include "zta_limits.h"

struct policy;

/* Where something is written: "profiles[3].egress.rules[7]", or "….ai_public_allow[7]". */
struct brief_place {
	uint32_t profile;
	uint32_t index;
	bool ai_allow;
};
#define BRIEF_PLACE_LEN 64

/* Places of all rules: rules from @first on stand one after another in @place.profile. */
struct brief_places {
	size_t n_rules, n;
	struct brief_run {
		uint32_t first;
		struct brief_place place; /* of the first */
	} runs[];
};

struct brief_date {
	int64_t expires; /* first second (Unix, UTC) at which it is off */
	struct brief_place place;
};

struct brief_service {
	char name[ZTA_NAME_LEN + 1];
	uint8_t bit;
	const char *preset; /* static, NULL when none */
};

struct brief_profile {
	char name[ZTA_NAME_LEN + 1];
	uint16_t id;
	bool audit;			 /* its own mode */
	bool broker;			 /* imds */
	struct policy_identity identity; /* reaches into texts */
};

struct policy_brief {
	char sha256[65];
	int64_t revision;
	bool audit; /* mode of the document */
	bool resolvers_system;
	bool dns_listed;     /* of a profile: search suffixes matter */
	int64_t now;	     /* when it was compiled: what had expired by then is left out */
	int64_t next_expiry; /* INT64_MAX = never */
	const char *name;    /* in texts */
	struct brief_service *services; /* in the order of the document, as all below */
	size_t n_services;
	struct brief_profile *profiles;
	size_t n_profiles;
	uint32_t *owners; /* of workloads[]: a place in texts, 0 = none */
	size_t n_owners;
	struct brief_date *dates; /* of rules and ai_public_allow entries, where they are written */
	size_t n_dates;
	struct brief_places *places;
	struct image_patterns patterns;
	char **audiences; /* of all identities, in texts */
	size_t n_audiences;
	char *texts;
};

/**
 * policy_brief_make() - Take down what stays
 * @image:	compiled from @p; both are borrowed for the call
 * @ret:	caller runs policy_brief_free(); untouched on failure
 *
 * Return: 0 or -ENOMEM.
 */
int policy_brief_make(const struct policy *p, const struct policy_image *image,
		      struct policy_brief **ret);
void policy_brief_free(struct policy_brief *b);
CLEANUP_DEFINE(struct policy_brief *, policy_brief_free)
#define _cleanup_policy_brief_ _cleanup_(policy_brief_free_p)

/* The first in the document of the services in a mask, NULL = none. */
const struct brief_service *policy_brief_service(const struct policy_brief *b, uint64_t mask);
/* NULL = no profile of this policy has the id. */
const struct brief_profile *policy_brief_profile(const struct policy_brief *b, uint16_t id);
/* Who owns an entry of workloads[], by its own word or its profile's; NULL = not said. */
const char *policy_brief_owner(const struct policy_brief *b, size_t entry);

void brief_place_text(const struct brief_place *p, char ret[BRIEF_PLACE_LEN]);
/* Where the rule with that number is written. Return: false = there is none. */
bool brief_places_find(const struct brief_places *p, uint32_t rule, struct brief_place *ret);
