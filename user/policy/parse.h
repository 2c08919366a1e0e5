/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the parser share: parse.c has the theory of operation. */
#pragma once

#include "base/diag.h"
#include "base/map.h"
#include "base/shape.h"
#include "base/tree.h"
#include "policy/policy.h"

/* A named set of prefixes while it is being resolved. */
struct parse_set {
	struct tree_node *node;
	struct policy_prefixes prefixes;
	enum { SET_UNREAD, SET_BEING_READ, SET_READ } state;
	bool broken; /* something in it was reported: do not complain about what it lacks */
	bool used;
};

/* A profile between reading and merging. */
struct parse_profile {
	struct tree_node *node;
	size_t parent;		    /* index in policy.profiles; PARSE_NONE */
	size_t first_rule, n_rules; /* its own, in policy.rules */
	enum { PROFILE_UNREAD, PROFILE_BEING_READ, PROFILE_DONE, PROFILE_BROKEN } state;
	unsigned depth; /* profiles above it */
};
#define PARSE_NONE SIZE_MAX

struct parse {
	struct tree *t;
	struct tree_node *root;
	struct diag_list *errors, *warnings;
	struct policy *p;
	/* name -> index; what is defined wrongly is here too, so that references to it are quiet */
	struct map set_names, service_names, proxy_names, profile_names;
	struct map names;    /* different name patterns -> where the pool has them */
	struct map prefixes; /* different prefixes */
	struct parse_set *sets;
	size_t n_sets;
	struct parse_profile *profiles;
	struct tree_node **rule_nodes;
	size_t n_expanded;			/* prefixes after expansion, each use counted */
	bool too_many_names, too_many_prefixes; /* told once */
};

extern const struct shape policy_shape;

/* --- parse_values.c. Functions that return int: 0 or -ENOMEM; what is wrong is in the errors. */

/* A member that is there and was not reported as wrong, or NULL. */
struct tree_node *parse_get(struct parse *ps, const struct tree_node *object, const char *name);
bool parse_bool(struct parse *ps, const struct tree_node *object, const char *name, bool absent);
/* Index of the word in a member of kind SHAPE_WORD, or @absent. */
int parse_word(struct parse *ps, const struct tree_node *object, const char *name,
	       const char *const *words, int absent);
int parse_text(struct parse *ps, const struct tree_node *object, const char *name, char **ret);
int parse_meta(struct parse *ps, const struct tree_node *object, struct policy_meta *ret);
int parse_path(struct parse *ps, const struct tree_node *node, char **ret);
enum policy_mode parse_mode(struct parse *ps, const struct tree_node *object,
			    enum policy_mode absent);
/* The day behind `expires`, INT64_MAX when absent or wrong. */
int64_t parse_expires(struct parse *ps, const struct tree_node *object);
/* The member `ports`; when absent, 443 (@https) or all. */
int parse_ports(struct parse *ps, const struct tree_node *object, bool https,
		struct policy_ports *ret);
/* Strings as they are. */
int parse_strings(struct parse *ps, struct tree_node *list, struct policy_names *ret);
/* 1 to 32 of a-z, 0-9 and '-'. */
bool parse_is_thing_name(const char *s);
/* The `name` members of a list of objects into @map. @builtin: names that are taken, or NULL. */
int parse_define(struct parse *ps, struct tree_node *list, struct map *map,
		 const char *const *builtin);
/* The member `name` of something that was defined. */
void parse_own_name(struct parse *ps, const struct tree_node *object, char ret[ZTA_NAME_LEN + 1]);
/* Index that a name refers to, or PARSE_NONE (reported, unless the list itself is wrong). */
size_t parse_refer(struct parse *ps, struct tree_node *node, const struct map *map,
		   const char *list, const char *what);

/* --- parse_prefixes.c */
int parse_define_sets(struct parse *ps);
int parse_resolve_sets(struct parse *ps); /* those that nothing used too */
/* A list of prefixes and @sets, or one of them. @ret_broken: something in it was reported. */
int parse_prefixes(struct parse *ps, struct tree_node *node, struct policy_prefixes *ret,
		   bool *ret_broken);
/* The prefixes that one entry stands for; none when it is wrong. */
struct policy_prefixes parse_entry(struct parse *ps, struct tree_node *entry,
				   struct policy_prefix *room);
int parse_resolvers(struct parse *ps);
int parse_private_ranges(struct parse *ps);

/* --- parse_names.c */
/* `names` and `presets` (or `preset`) of an object, in this order. */
int parse_names(struct parse *ps, const struct tree_node *object, struct policy_names *ret);
/* One pattern; *ret stays NULL when it is wrong. */
int parse_name(struct parse *ps, struct tree_node *node, char **ret);
int parse_name_list(struct parse *ps, struct tree_node *list, struct policy_names *ret);

/* --- the parts of a document */
int parse_services(struct parse *ps);
int parse_ai_public(struct parse *ps);
int parse_proxies(struct parse *ps);
int parse_define_profiles(struct parse *ps);
int parse_rules(struct parse *ps); /* of all profiles, in the order of the document */
int parse_profiles(struct parse *ps);
/* A profile that a workload or a default may have: index or PARSE_NONE. */
size_t parse_refer_profile(struct parse *ps, struct tree_node *node);
/* The member `identity` of a profile; *ret stays as it is when absent. */
int parse_identity(struct parse *ps, const struct tree_node *profile, struct policy_identity *ret);
int parse_workloads(struct parse *ps);
void parse_warnings(struct parse *ps);
void parse_warn_shadowed(struct parse *ps);
