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
	SHAPE_STRING,  /* not empty unless min is 0 and pattern allows it */
	SHAPE_WORD,    /* one of words */
	SHAPE_INTEGER, /* min..max */
	SHAPE_BOOL,
	SHAPE_LIST,   /* of item, at least min, at most max (0 = any) */
	SHAPE_OBJECT, /* members */
	SHAPE_MAP,    /* any name (that matches pattern) -> item, at most max; also members */
	SHAPE_EITHER, /* first of `either` whose JSON type fits */
};

struct shape;

struct shape_member {
	const char *name; /* NULL ends the table */
	const struct shape *shape;
	bool required;
	const char *note; /* description in the schema, NULL = none */
};

struct shape {
	enum shape_kind kind;
	const char *what;    /* in messages: "a list of prefixes" */
	const char *pattern; /* of the string or of map names: schema only, readers check it */
	const char *def;     /* default as JSON text, schema only; NULL = none */
	int64_t min, max;
	const char *const *words; /* NULL ends it */
	const struct shape *item;
	const struct shape *const *either;	   /* NULL ends it */
	const struct shape_member *const *members; /* tables, NULL ends it */
};

/**
 * shape_check() - Report what does not fit
 *
 * Wrong types, unknown and missing members, words, ranges and sizes of lists. What is wrong is
 * marked bad in the tree, so that readers leave it alone.
 */
void shape_check(struct tree *t, struct tree_node *node, const struct shape *s,
		 struct diag_list *errors);

/* The shape as a JSON Schema (2020-12) fragment: new reference, NULL without memory. */
json_t *shape_schema(const struct shape *s);
