/* SPDX-License-Identifier: Apache-2.0 */
/* What tree.c and tree_read.c share. */
#pragma once

#include <stdarg.h>

#include "base/tree.h"

struct tree {
	const char *text; /* borrowed */
	size_t len;
	struct tree_node *nodes;
	size_t n_nodes, room;
	char *arena; /* decoded names and strings */
	size_t used;
	uint32_t *lines; /* offset of each line's first byte; NULL until asked for */
	size_t n_lines;
	bool failed; /* memory ran out while an item was added */
};

void tree_place_at(struct tree *t, uint32_t offset, unsigned *ret_line, unsigned *ret_column);

/* Adds an item at @offset; @node gives the path, NULL is "". */
void tree_say(struct tree *t, struct diag_list *list, uint32_t offset, const struct tree_node *node,
	      const char *fmt, va_list args);
