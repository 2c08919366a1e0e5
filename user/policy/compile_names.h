/* SPDX-License-Identifier: Apache-2.0 */
/* The name patterns of a policy and which of them cover which: see compile_groups.c. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

struct compile;

enum name_use_kind { NAME_USE_AI_ALLOW, NAME_USE_DENY, NAME_USE_ALLOW, NAME_USE_DNS };

struct name_node {
	char *key;	     /* name_backwards(): what covers it is a prefix that ends in '.' */
	const char *pattern; /* borrowed from the policy, or from the ids before */
	struct name_node *parent; /* nearest pattern that covers it */
	uint64_t services;	  /* whose name it is, as bits of the image */
	bool ai_public;
	bool live;    /* of this policy; else only its id is remembered */
	bool ruled;   /* of a rule or an ai_public_allow entry */
	bool covered; /* a ruled one covers it */
	uint16_t id;
	uint16_t group;		  /* compile_groups.c */
	uint32_t used;		  /* generation that used it last */
	size_t first_use, n_uses; /* in name_table.uses */
};

/* A profile says something about a pattern. */
struct name_use {
	uint32_t node;	  /* index in nodes; in a chain: steps from its most specific pattern */
	uint32_t profile; /* index in policy.profiles */
	uint32_t proxy;	  /* 0 = the address itself, n + 1 = policy.proxies[n] */
	uint32_t kind;	  /* enum name_use_kind */
	uint32_t pos;	  /* in the profile's list of rules */
};

struct name_uses {
	struct name_use *v;
	size_t n, room;
};

struct name_table {
	struct name_node *nodes; /* sorted by key: what covers a pattern stands before it */
	size_t n, room;
	struct name_uses uses; /* sorted by node */
};

/**
 * name_table_build() - Collect the patterns that count at opts.now
 *
 * Return: 0, -E2BIG (@c->need_named has the number) or -ENOMEM; name_table_free() in any case.
 */
int name_table_build(struct compile *c, struct name_table *ret);
void name_table_free(struct name_table *t);

int name_uses_add(struct name_uses *u, const struct name_use *use);
/* By profile, then proxy, then node, then kind, then position. */
void name_uses_sort(struct name_uses *u);

static inline bool name_is_classed(const struct name_node *n)
{
	return n->ai_public || n->services;
}

/* Gives each node its group, and the image the lists of (profile, proxy, group). */
int compile_groups(struct compile *c, struct name_table *t);
