/* SPDX-License-Identifier: Apache-2.0 */
/* JSON documents written by people, as jansson values, with every error at its place. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct diag_list;

#define JSON_INT_MAX 9007199254740991LL /* 2^53 - 1 */

/**
 * json_load_checked() - Read a document strictly
 * @text:	@len bytes, need not be NUL-terminated
 * @max_depth:	deepest nesting of arrays and objects
 * @errors:	gets every error with its place: syntax, byte order mark, text after the end, NUL,
 *		duplicate members, depth, invalid UTF-8, numbers that are not integers <= 2^53-1
 * @ret:	new reference; untouched on failure
 *
 * Return: 0, -EINVAL or -ENOMEM.
 */
int json_load_checked(const char *text, size_t len, unsigned max_depth, struct diag_list *errors,
		      json_t **ret);

/**
 * json_locate() - Where a value stands in a document
 * @path:	"services[0].private_link[1]", "" = the whole
 * @want_key:	the place of its name rather than of its value
 *
 * Reads the whole text each time; for more than a few errors use tree.h.
 * Return: 0, -ENOENT (no such value), -EINVAL (the text is not JSON), -ENOMEM.
 */
int json_locate(const char *text, size_t len, const char *path, bool want_key, unsigned *ret_line,
		unsigned *ret_column);

/* Appends "name": printf text to an object. Return: 0 or -ENOMEM. */
int json_set_text(json_t *object, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
