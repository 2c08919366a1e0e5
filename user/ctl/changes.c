// SPDX-License-Identifier: Apache-2.0
#include "ctl/changes.h"

#include <stdio.h>

#include "base/cleanup.h"
#include "ctl/ctl.h"
#include "ctl/print.h"

static void print_side(const struct ctl *c, char sign, enum print_style s, const json_t *v)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_free_ char *clean = NULL;

	if (!v || json_is_null(v))
		return;
	text = json_dumps(v, JSON_ENCODE_ANY);
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
