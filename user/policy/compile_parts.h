/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the compiler share; included by compile*.c only. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "policy/compile.h"
#include "policy/compile_intern.h"

/* Counting goes on behind the capacity, so that the error has the number, but not for ever. */
#define COMPILE_GIVE_UP 16 /* times the capacity */

struct compile {
	const struct policy *policy;
	const struct compile_opts *opts;
	struct policy_image *image;
	struct diag_list *errors; /* may be NULL */
	struct intern rules;	  /* lists of struct zta_rule */
	struct intern scopes;	  /* lists of rule indices behind ZTA_SCOPE_WITHIN */
	size_t room_prefixes, room_named, room_names;
	uint64_t need_prefixes, need_named, need_names; /* as many as would be needed */
	size_t long_lists;				/* lists that are too long */
	bool refused;					/* an error was added */
};

/* --- compile_ids.c: ids of profiles and services, stable by name */
int compile_ids(struct compile *c);

/* --- compile_trie.c: prefix nodes, each merged with what holds it */
struct trie_entry {
	struct policy_prefix prefix;
	uint32_t kind; /* order among entries of one prefix: by kind, then by ref */
	uint32_t ref;
};

struct trie_entries {
	struct trie_entry *v;
	size_t n, room;
};

struct trie_value {
	struct zta_prefix prefix;
	uint64_t within;    /* compile_within.c: rules whose `within` holds the node */
	bool private_range; /* ditto */
};

struct trie_ops {
	/* One prefix: its own entries and the value of the nearest shorter one (all zero = none).
	 */
	int (*merge)(struct compile *c, void *ctx, const struct trie_entry *own, size_t n,
		     struct trie_value *value);
	void *ctx;
};

int trie_add(struct trie_entries *t, const struct policy_prefix *p, uint32_t kind, uint32_t ref);
int trie_add_all(struct trie_entries *t, const struct policy_prefixes *p, uint32_t kind,
		 uint32_t ref);
void trie_free(struct trie_entries *t);
/* Sorts @t and appends the nodes of a scope to the image. 0, -E2BIG (gave up) or -ENOMEM. */
int trie_build(struct compile *c, uint32_t scope_id, struct trie_entries *t,
	       const struct trie_ops *ops);

/* --- compile_rules.c: rule lists */
struct rule_list {
	struct zta_rule v[ZTA_LIST_MAX];
	size_t n;    /* of these */
	size_t need; /* entries that there should be */
};

/* Is it in force at opts.now, with a destination that compiles? */
bool rule_active(const struct compile *c, const struct policy_rule *r);
/* Appends the entries of rule @id that nothing before them covers. */
void rule_list_add(struct rule_list *l, const struct policy *p, uint32_t id, uint8_t prefixlen);
void rule_list_append(struct rule_list *l, const struct zta_rule *entry);
/* Stores the list; of one that is too long rule @id is told, and the compiler goes on without. */
int rule_list_store(struct compile *c, const struct rule_list *l, uint32_t id, const char *what,
		    struct zta_list *ret);
int compile_rules(struct compile *c);

/* --- compile_patterns.c, compile_within.c */
int compile_names(struct compile *c);
/* A scope for named rules @v, in order of precedence. Sets ret->first and ZTA_LIST_WITHIN. */
int compile_within(struct compile *c, const uint32_t *v, size_t n, struct zta_list *ret);

/* --- compile.c */
/*
 * Adds an error at the place @path of the document ("" = the whole). Return: -E2BIG; who goes on
 * all the same counts on policy_compile() to look at @c->refused.
 */
int compile_refuse(struct compile *c, const char *path, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
