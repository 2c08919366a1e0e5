// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as JSON, against jansson: what tree accepts jansson accepts, with the same values; what
 * jansson accepts tree reads, and reports nothing but duplicates. They differ in numbers beyond
 * 2^53-1, in depth, and in a NUL between values, which jansson takes for the end of the text: these
 * are left out.
 */
#include <errno.h>
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "base/tree.h"

#define DEPTH 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition)
{
	if (!condition)
		abort();
}

/* Whether the two hold the same. Numbers that are no exact integers are not compared. */
static void compare(struct tree *t, const struct tree_node *node, const json_t *value)
{
	static const json_type types[] = {
		[TREE_NULL] = JSON_NULL,     [TREE_FALSE] = JSON_FALSE,
		[TREE_TRUE] = JSON_TRUE,     [TREE_INTEGER] = JSON_INTEGER,
		[TREE_STRING] = JSON_STRING, [TREE_ARRAY] = JSON_ARRAY,
		[TREE_OBJECT] = JSON_OBJECT,
	};
	struct tree_node *child;

	must(value != NULL);
	if (node->kind == TREE_REAL)
		return;
	must(types[node->kind] == json_typeof(value));
	if (node->kind == TREE_INTEGER)
		must(node->integer == json_integer_value(value));
	if (node->kind == TREE_STRING)
		must(node->n == json_string_length(value) &&
		     !memcmp(node->text, json_string_value(value), node->n));
	if (node->kind == TREE_ARRAY)
		must(node->n == json_array_size(value));
	tree_foreach (t, child, node)
		compare(t, child,
			node->kind == TREE_OBJECT ? json_object_get(value, child->key)
						  : json_array_get(value, child->ordinal));
}

/* Each node is found again by its path, unless a name in it needs quotes. */
static void check_paths(struct tree *t, struct tree_node *node)
{
	char *path = tree_path(t, node);
	struct tree_node *child;
	unsigned line, column;

	must(path != NULL);
	must(strpbrk(path, "\"") || tree_find(t, path) == node);
	tree_place(t, node, true, &line, &column);
	must(line >= 1 && column >= 1);
	free(path);
	tree_foreach (t, child, node)
		check_paths(t, child);
}

static int only_duplicates(const struct diag_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (!strstr(l->v[i].message, "a second time"))
			return 0;
	return 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct diag_list errors = { 0 };
	json_error_t why = { 0 };
	struct tree *t = NULL;
	json_t *value;
	int r;

	r = tree_load(text, size, DEPTH, &errors, &t);
	must(r == 0 || r == -EINVAL);
	must(r == 0 || errors.n > 0);
	value = json_loadb(text, size, JSON_DECODE_ANY, &why);
	if (r == 0 && errors.n == 0 && !value)
		must(json_error_code(&why) == json_error_numeric_overflow);
	if (value && !memchr(text, 0, size) &&
	    !(errors.n && strstr(errors.v[errors.n - 1].message, "levels")))
		must(r == 0 && only_duplicates(&errors));
	if (value && r == 0 && errors.n == 0)
		compare(t, tree_root(t), value);
	if (r == 0 && size < 4096)
		check_paths(t, tree_root(t));
	json_decref(value);
	tree_free(t);
	diag_list_free(&errors);
	return 0;
}
