// SPDX-License-Identifier: Apache-2.0
#include "ctl/changes.h"

#include <stdio.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "ctl/ctl.h"
#include "ctl/print.h"
#include "policy/diff.h"

/* A list that was told as a whole because it is too long to read is counted for people. */
static char *text_of(const json_t *v)
{
	if (json_array_size(v) > POLICY_DIFF_PLACES)
		return str_dup_printf("%zu entries", json_array_size(v));
	return json_dumps(v, JSON_ENCODE_ANY);
}

static void print_side(const struct ctl *c, char sign, enum print_style s, const json_t *v)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_free_ char *clean = NULL;

	if (!v || json_is_null(v))
		return;
	text = text_of(v);
	clean = text ? print_clean(text) : NULL;
	printf("    %s%c %s%s\n", print_on(c->color, s), sign, clean ? clean : "?",
	       print_off(c->color, s));
}

void changes_print(const struct ctl *c, const json_t *changes)
{
	const json_t *change;
	size_t i;

	json_array_foreach (changes, i, change) {
		_cleanup_free_ char *path = print_clean(print_string(change, "path"));

		printf("  %s\n", path && *path ? path : "(the whole document)");
		print_side(c, '-', PRINT_RED, json_object_get(change, "old"));
		print_side(c, '+', PRINT_GREEN, json_object_get(change, "new"));
	}
}
