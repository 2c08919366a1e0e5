// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/diag.h"
#include "base/tree.h"

/* jansson would refuse the first such number without its place, or round it. */
static void refuse_reals(struct tree *t, struct tree_node *node, struct diag_list *errors)
{
	struct tree_node *child;

	if (node->kind == TREE_REAL)
		tree_error(t, node, errors,
			   "numbers are integers up to 2^53-1, without fraction or exponent");
	tree_foreach (t, child, node)
		refuse_reals(t, child, errors); /* as deep as max_depth allowed */
}

int json_load_checked(const char *text, size_t len, unsigned max_depth, struct diag_list *errors,
		      json_t **ret)
{
	_cleanup_tree_ struct tree *t = NULL;
	size_t before = errors->n;
	json_t *value;
	int r;

	r = tree_load(text, len, max_depth, errors, &t);
	if (r == 0)
		refuse_reals(t, tree_root(t), errors);
	if (r == 0 && tree_failed(t))
		return -ENOMEM;
	diag_list_sort(errors);
	if (r < 0)
		return r;
	if (errors->n > before)
		return -EINVAL;

	value = json_loadb(text, len, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
	if (!value)
		return -ENOMEM; /* the text is valid: nothing else is left */
	*ret = value;
	return 0;
}

int json_locate(const char *text, size_t len, const char *path, bool want_key, unsigned *ret_line,
		unsigned *ret_column)
{
	_cleanup_tree_ struct tree *t = NULL;
	struct tree_node *node;
	int r;

	r = tree_load(text, len, JSON_PARSER_MAX_DEPTH, NULL, &t);
	if (r < 0)
		return r;
	node = tree_find(t, path);
	if (!node)
		return -ENOENT;
	tree_place(t, node, want_key, ret_line, ret_column);
	return 0;
}

int json_set_text(json_t *object, const char *name, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list args;
	int r;

	va_start(args, fmt);
	r = vasprintf(&text, fmt, args);
	va_end(args);
	if (r < 0) {
		text = NULL;
		return -ENOMEM;
	}
	return json_object_set_new(object, name, json_string(text)) < 0 ? -ENOMEM : 0;
}
