/* SPDX-License-Identifier: Apache-2.0 */
/* Human reasons for failures: one sentence (diag), or a list with places in a document. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct diag {
	char text[512]; /* "" = nothing was said */
};

/**
 * diag_set() - Say why something failed
 * @d:	  gets the sentence, cut to its size; NULL is allowed
 * @r:	  negative errno; ": " and its text are appended when @fmt ends with ':'
 *
 * Return: @r, so that a failing function ends with `return diag_set(d, r, ...)`.
 */
int diag_set(struct diag *d, int r, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* One error or warning of a document. */
struct diag_item {
	unsigned line, column; /* from 1; column in bytes */
	char *path;	       /* "services[0].name", "" = the whole document */
	char *message;
};

/*
 * A file that is no document at all has an error in each of its bytes: beyond this many, one last
 * item says that there are more.
 */
#define DIAG_LIST_MAX 10000

struct diag_list {
	struct diag_item *v;
	size_t n;
};

/**
 * diag_list_add() - Append an item
 * @l:	  list; NULL is allowed and drops the item
 * @path: copied
 *
 * Return: 0 or -ENOMEM (the list is unchanged).
 */
int diag_list_add(struct diag_list *l, unsigned line, unsigned column, const char *path,
		  const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* Would one more be dropped? Not what makes a document valid: a full list is never empty. */
bool diag_list_full(const struct diag_list *l);

/* Sorts by line and column; items of one place stay in the order in which they were added. */
void diag_list_sort(struct diag_list *l);

/* Empties the list; it can be used again. */
void diag_list_free(struct diag_list *l);

/* New array of {"line","column","path","message"}, or NULL without memory. */
json_t *diag_list_json(const struct diag_list *l);
