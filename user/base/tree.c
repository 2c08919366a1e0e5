// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation
 *
 * tree_load() (tree_read.c) reads the text once and appends a node for each value, parents before
 * children: a node's first child is the node behind it, its next sibling is node.next. Names and
 * strings are decoded into one arena as long as the text, which they cannot outgrow. Lines are
 * found by a table of line starts that is made when the first place is asked for: a document
 * without errors never pays for it, one with many errors pays once.
 */
#include "base/tree.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/diag.h"
#include "base/tree_internal.h"

/* Longer ones are cut. No name that a document may have is as long. */
#define KEY_SHOWN     320
#define MESSAGE_SHOWN 1024
#define HALF_SHOWN    500

void tree_free(struct tree *t)
{
	if (!t)
		return;
	free(t->nodes);
	free(t->arena);
	free(t->lines);
	free(t);
}

struct tree_node *tree_root(struct tree *t)
{
	return t->nodes;
}

/* The node at @at, or the first one behind it that is no duplicate, within @parent. */
static struct tree_node *present(struct tree *t, uint32_t at, const struct tree_node *parent)
{
	while (at < parent->next) {
		if (!t->nodes[at].duplicate)
			return &t->nodes[at];
		at = t->nodes[at].next;
	}
	return NULL;
}

struct tree_node *tree_child(struct tree *t, const struct tree_node *node)
{
	if (node->kind != TREE_ARRAY && node->kind != TREE_OBJECT)
		return NULL;
	return present(t, (uint32_t)(node - t->nodes) + 1, node);
}

struct tree_node *tree_next(struct tree *t, const struct tree_node *node)
{
	return present(t, node->next, &t->nodes[node->parent]);
}

struct tree_node *tree_member(struct tree *t, const struct tree_node *object, const char *name)
{
	struct tree_node *child;

	if (!object || object->kind != TREE_OBJECT)
		return NULL;
	tree_foreach (t, child, object)
		if (!strcmp(child->key, name))
			return child;
	return NULL;
}

/* One step of a path: ".name", "name", "[3]" or "[\"odd name\"]". Moves *path behind it. */
static struct tree_node *step(struct tree *t, const struct tree_node *node, const char **path)
{
	const char *at = *path;
	struct tree_node *child;
	size_t len;

	if (*at == '[' && at[1] != '"') {
		unsigned long ordinal = strtoul(at + 1, (char **)path, 10);

		if (node->kind != TREE_ARRAY || *(*path)++ != ']')
			return NULL;
		tree_foreach (t, child, node)
			if (child->ordinal == ordinal)
				return child;
		return NULL;
	}
	at += *at == '.' ? 1 : *at == '[' ? 2 : 0;
	len = **path == '[' ? (size_t)(strchrnul(at, '"') - at) : strcspn(at, ".[");
	*path = at + len + (**path == '[' ? strspn(at + len, "\"]") : 0);
	if (node->kind != TREE_OBJECT)
		return NULL;
	tree_foreach (t, child, node)
		if (strlen(child->key) == len && !memcmp(child->key, at, len))
			return child;
	return NULL;
}

struct tree_node *tree_find(struct tree *t, const char *path)
{
	struct tree_node *node = t->nodes;

	while (node && *path)
		node = step(t, node, &path);
	return node;
}

/* @n, or less so that no character is cut. */
static size_t whole(const char *s, size_t n)
{
	while (n && ((unsigned char)s[n] & 0xc0) == 0x80)
		n--;
	return n;
}

static int path_of(struct tree *t, const struct tree_node *node, struct buf *b)
{
	const struct tree_node *parent = &t->nodes[node->parent];
	const char *key = node->key;
	int r;

	if (node == parent)
		return 0;
	r = path_of(t, parent, b); /* at most as deep as the document, which was limited */
	if (r < 0)
		return r;
	if (!key)
		return buf_printf(b, "[%u]", node->ordinal);
	if (strlen(key) > KEY_SHOWN) /* else a long name with many errors inside is told in each */
		return buf_printf(b, "[\"%.*s...\"]", (int)whole(key, KEY_SHOWN), key);
	if (!*key || strcspn(key, ".[]\" ") != strlen(key))
		return buf_printf(b, "[\"%s\"]", key);
	return buf_printf(b, "%s%s", b->len ? "." : "", key);
}

char *tree_path(struct tree *t, const struct tree_node *node)
{
	_cleanup_buf_ struct buf b = {};

	if (path_of(t, node, &b) < 0)
		return NULL;
	return buf_take(&b);
}

static int find_lines(struct tree *t)
{
	size_t n = 1, at = 1;

	for (size_t i = 0; i < t->len; i++)
		n += t->text[i] == '\n';
	t->lines = calloc(n, sizeof(*t->lines));
	if (!t->lines)
		return -ENOMEM;
	for (size_t i = 0; i < t->len; i++)
		if (t->text[i] == '\n')
			t->lines[at++] = (uint32_t)i + 1;
	t->n_lines = n;
	return 0;
}

void tree_place_at(struct tree *t, uint32_t offset, unsigned *ret_line, unsigned *ret_column)
{
	size_t lo = 0, hi;

	*ret_line = *ret_column = 1;
	if (!t->lines && find_lines(t) < 0) {
		t->failed = true;
		return;
	}
	for (hi = t->n_lines; hi - lo > 1;) {
		size_t mid = lo + (hi - lo) / 2;

		if (t->lines[mid] <= offset)
			lo = mid;
		else
			hi = mid;
	}
	*ret_line = (unsigned)lo + 1;
	*ret_column = offset - t->lines[lo] + 1;
}

void tree_place(struct tree *t, const struct tree_node *node, bool of_key, unsigned *ret_line,
		unsigned *ret_column)
{
	tree_place_at(t, of_key && node->key ? node->key_at : node->offset, ret_line, ret_column);
}

/* Names and strings of a document end up on terminals. */
static void without_controls(char *s)
{
	for (; s && *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = '?';
}

/* Names and values stand in front in a message, what is wrong with them at its end: keep both. */
static void cut_middle(char *s)
{
	size_t len = s ? strlen(s) : 0, head, tail;

	if (len <= MESSAGE_SHOWN)
		return;
	head = whole(s, HALF_SHOWN);
	tail = whole(s, len - HALF_SHOWN);
	memcpy(s + head, "...", 3);
	memmove(s + head + 3, s + tail, len - tail + 1);
}

void tree_say(struct tree *t, struct diag_list *list, uint32_t offset, const struct tree_node *node,
	      const char *fmt, va_list args)
{
	_cleanup_free_ char *path = NULL, *message = NULL;
	unsigned line, column;

	if (list && diag_list_full(list))
		return;
	path = node ? tree_path(t, node) : strdup("");
	if (vasprintf(&message, fmt, args) < 0)
		message = NULL;
	cut_middle(message);
	without_controls(path);
	without_controls(message);
	tree_place_at(t, offset, &line, &column);
	if (!path || !message || diag_list_add(list, line, column, path, "%s", message) < 0)
		t->failed = true;
}

void tree_error(struct tree *t, struct tree_node *node, struct diag_list *errors, const char *fmt,
		...)
{
	va_list args;

	node->bad = true;
	va_start(args, fmt);
	tree_say(t, errors, node->offset, node, fmt, args);
	va_end(args);
}

void tree_error_key(struct tree *t, struct tree_node *node, struct diag_list *errors,
		    const char *fmt, ...)
{
	va_list args;

	node->bad = true;
	va_start(args, fmt);
	tree_say(t, errors, node->key ? node->key_at : node->offset, node, fmt, args);
	va_end(args);
}

void tree_note(struct tree *t, const struct tree_node *node, struct diag_list *errors,
	       const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	tree_say(t, errors, node->offset, node, fmt, args);
	va_end(args);
}

bool tree_failed(const struct tree *t)
{
	return t->failed;
}
