// SPDX-License-Identifier: Apache-2.0
#include "base/diag.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

int diag_set(struct diag *d, int r, const char *fmt, ...)
{
	va_list args;
	size_t len;

	if (!d)
		return r;

	va_start(args, fmt);
	(void)vsnprintf(d->text, sizeof(d->text), fmt, args); /* cut is fine */
	va_end(args);

	len = strlen(d->text);
	if (r < 0 && len && d->text[len - 1] == ':')
		(void)snprintf(d->text + len, sizeof(d->text) - len, " %s", strerror(-r));
	return r;
}

/* The list grows when its length reaches a power of two, so that it needs no room member. */
static int make_room(struct diag_list *l)
{
	size_t room = l->n ? l->n * 2 : 1;
	struct diag_item *v;

	if (l->n & (l->n - 1))
		return 0;

	v = reallocarray(l->v, room, sizeof(*v));
	if (!v)
		return -ENOMEM;
	l->v = v;
	return 0;
}

bool diag_list_full(const struct diag_list *l)
{
	return l->n > DIAG_LIST_MAX;
}

int diag_list_add(struct diag_list *l, unsigned line, unsigned column, const char *path,
		  const char *fmt, ...)
{
	_cleanup_free_ char *copy = NULL;
	char *message;
	va_list args;
	int r;

	if (!l || diag_list_full(l))
		return 0;

	copy = strdup(l->n < DIAG_LIST_MAX ? path : "");
	if (!copy || make_room(l) < 0)
		return -ENOMEM;

	va_start(args, fmt);
	if (l->n < DIAG_LIST_MAX)
		r = vasprintf(&message, fmt, args);
	else
		r = asprintf(&message, "more than %d of these: the others are not told",
			     DIAG_LIST_MAX);
	va_end(args);
	if (r < 0)
		return -ENOMEM;

	l->v[l->n++] = (struct diag_item){ line, column, take_ptr(copy), message };
	return 0;
}

/* Merge sort of runs: stable, as qsort() is not. */
static bool after(const struct diag_item *a, const struct diag_item *b)
{
	return a->line != b->line ? a->line > b->line : a->column > b->column;
}

static void merge(struct diag_item *from, struct diag_item *to, size_t lo, size_t mid, size_t hi)
{
	size_t a = lo, b = mid;

	for (size_t i = lo; i < hi; i++) {
		bool right = a == mid || (b < hi && after(&from[a], &from[b]));

		to[i] = from[right ? b++ : a++];
	}
}

static bool sorted(const struct diag_list *l)
{
	for (size_t i = 1; i < l->n; i++)
		if (after(&l->v[i - 1], &l->v[i]))
			return false;
	return true;
}

void diag_list_sort(struct diag_list *l)
{
	_cleanup_free_ struct diag_item *spare = NULL;

	if (sorted(l))
		return;
	spare = calloc(l->n, sizeof(*spare));
	if (!spare)
		return; /* unsorted is still complete */

	for (size_t width = 1; width < l->n; width *= 2) {
		for (size_t lo = 0; lo < l->n; lo += 2 * width) {
			size_t mid = lo + width < l->n ? lo + width : l->n;
			size_t hi = lo + 2 * width < l->n ? lo + 2 * width : l->n;

			merge(l->v, spare, lo, mid, hi);
		}
		memcpy(l->v, spare, l->n * sizeof(*spare));
	}
}

void diag_list_free(struct diag_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->v[i].path);
		free(l->v[i].message);
	}
	free(l->v);
	*l = (struct diag_list){};
}

json_t *diag_list_json(const struct diag_list *l)
{
	json_t *array = json_array();

	for (size_t i = 0; array && i < l->n; i++) {
		const struct diag_item *item = &l->v[i];
		json_t *o = json_pack("{s:i, s:i, s:s, s:s}", "line", (int)item->line, "column",
				      (int)item->column, "path", item->path, "message",
				      item->message);

		if (json_array_append_new(array, o) < 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}
