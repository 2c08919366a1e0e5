/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A JSON document with the place of each value. jansson keeps no positions, and stops at the first
 * error; documents that people write are read by this room, so that each error gets its line and
 * column. The nodes stand in one array in document order; a subtree is a run of it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

struct diag_list;

enum tree_kind {
	TREE_NULL,
	TREE_FALSE,
	TREE_TRUE,
	TREE_INTEGER, /* within +-(2^53 - 1) */
	TREE_REAL,    /* any other number */
	TREE_STRING,
	TREE_ARRAY,
	TREE_OBJECT,
};

struct tree_node {
	uint8_t kind;
	bool bad;	  /* an error was reported for this value: leave it alone */
	bool duplicate;	  /* a member whose name stood before: reported, to be left alone */
	uint32_t offset;  /* of the value's first byte */
	uint32_t key_at;  /* of its name's first byte (the quote), for members */
	uint32_t next;	  /* node after this subtree */
	uint32_t parent;  /* node; the root's is itself */
	uint32_t ordinal; /* among its siblings, from 0 */
	uint32_t n;	  /* children, or bytes of the string */
	const char *key;  /* NULL outside objects */
	union {
		const char *text; /* string: NUL-terminated, no NUL inside */
		int64_t integer;
	};
};

struct tree;

/**
 * tree_load() - Read a document
 * @text:	@len bytes, borrowed as long as the tree lives
 * @max_depth:	deepest nesting of arrays and objects
 * @errors:	gets syntax errors (at most one: reading ends there), a byte order mark, text
 *		after the end, NUL, invalid UTF-8, duplicate members, too deep nesting
 * @ret:	caller runs tree_free(); untouched on failure
 *
 * Return: 0: the structure is sound, though @errors may have got something; -EINVAL, -ENOMEM,
 * -EFBIG (2 GiB). Errors are not sorted.
 */
int tree_load(const char *text, size_t len, unsigned max_depth, struct diag_list *errors,
	      struct tree **ret);
void tree_free(struct tree *t);
CLEANUP_DEFINE(struct tree *, tree_free)
#define _cleanup_tree_ _cleanup_(tree_free_p)

struct tree_node *tree_root(struct tree *t);

/* First child or NULL; next sibling or NULL. Duplicate members are left out. */
struct tree_node *tree_child(struct tree *t, const struct tree_node *node);
struct tree_node *tree_next(struct tree *t, const struct tree_node *node);
#define tree_foreach(t, child, of) \
	for (child = tree_child(t, of); child; child = tree_next(t, child))

/* A member by name, NULL when absent, or when @object is none. */
struct tree_node *tree_member(struct tree *t, const struct tree_node *object, const char *name);

/* A value by path, NULL when there is none. */
struct tree_node *tree_find(struct tree *t, const char *path);

/* "services[0].private_link[1]": caller frees; NULL without memory. */
char *tree_path(struct tree *t, const struct tree_node *node);

/* Line and column, from 1, column in bytes. */
void tree_place(struct tree *t, const struct tree_node *node, bool of_key, unsigned *ret_line,
		unsigned *ret_column);

/*
 * Add an item: _error at the value, _error_key at its name; both mark the node as bad. _note is an
 * error that leaves the rest of the value worth reading (a member is missing), _warn a warning.
 * Control characters are written as '?'.
 */
void tree_error(struct tree *t, struct tree_node *node, struct diag_list *errors, const char *fmt,
		...) __attribute__((format(printf, 4, 5)));
void tree_error_key(struct tree *t, struct tree_node *node, struct diag_list *errors,
		    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void tree_note(struct tree *t, const struct tree_node *node, struct diag_list *errors,
	       const char *fmt, ...) __attribute__((format(printf, 4, 5)));
#define tree_warn tree_note

/* Memory ran out while an item was added: the lists are not complete. */
bool tree_failed(const struct tree *t);
