/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a document may look like, as tables: one source for the check of a document and for its
 * JSON Schema.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct diag_list;
struct tree;
struct tree_node;

enum shape_kind {
	SHAPE_STRING,  /* at least min, at most max bytes (0 = any number) */
	SHAPE_WORD,    /* one of words */
	SHAPE_INTEGER, /* min..max */
	SHAPE_BOOL,
	SHAPE_LIST,   /* of item; at least min, at most max (0 = any number) */
	SHAPE_OBJECT, /* the members, no others */
	SHAPE_MAP,    /* the members, and any other name -> item; at most max others (0 = any) */
	SHAPE_EITHER, /* the first of `either` whose JSON type fits */
};

struct shape;

struct shape_member {
	const char *name; /* NULL ends the table */
	const struct shape *shape;
	bool required;
	const char *note; /* description in the schema, NULL = none */
	const char *def;  /* default in the schema, JSON text; NULL = none */
};

struct shape {
	enum shape_kind kind;
	const char *what;    /* in messages: "a list of prefixes"; NULL = by kind */
	const char *pattern; /* of the string, of the map's names. Schema only: readers check it */
	const char *extra;   /* more of the schema, JSON text: what readers check across members */
	int64_t min, max;
	const char *const *words; /* NULL ends it */
	const struct shape *item;
	const struct shape *const *either;	   /* NULL ends it */
	const struct shape_member *const *members; /* tables; NULL ends it */
};

/**
 * shape_check() - Report what does not fit
 *
 * Wrong types, unknown and missing members, words, ranges, lengths of lists (at the first entry
 * that is too many). What is wrong is marked bad in the tree, so that readers leave it alone.
 */
void shape_check(struct tree *t, struct tree_node *node, const struct shape *s,
		 struct diag_list *errors);

/* The shape as a JSON Schema (2020-12) fragment: new reference, NULL without memory. */
json_t *shape_schema(const struct shape *s);
