// SPDX-License-Identifier: Apache-2.0
#include "ctl/table.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define GAP "  "

struct cell {
	char *text;
	enum print_style style;
};

struct table {
	const char *const *heads;
	size_t columns;
	size_t *widths;
	struct cell *cells;
	size_t n, room;
	bool failed;   /* a cell was lost for want of memory */
	bool no_heads; /* they were printed, or are not wanted */
};

static bool right(const struct table *t, size_t column)
{
	return t->heads[column][0] == '>';
}

static const char *head(const struct table *t, size_t column)
{
	return t->heads[column] + right(t, column);
}

struct table *table_new(const char *const *heads)
{
	struct table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->heads = heads;
	while (heads[t->columns])
		t->columns++;
	t->widths = calloc(t->columns, sizeof(*t->widths));
	if (!t->widths) {
		table_free(t);
		return NULL;
	}
	for (size_t i = 0; i < t->columns; i++)
		t->widths[i] = print_width(head(t, i));
	return t;
}

void table_clear(struct table *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n; i++)
		free(t->cells[i].text);
	t->n = 0;
}

void table_free(struct table *t)
{
	if (!t)
		return;
	table_clear(t);
	free(t->cells);
	free(t->widths);
	free(t);
}

void table_no_heads(struct table *t)
{
	if (t)
		t->no_heads = true;
}

static int make_room(struct table *t)
{
	size_t room = t->room ? t->room * 2 : 64;
	struct cell *cells;

	if (t->n < t->room)
		return 0;
	cells = reallocarray(t->cells, room, sizeof(*cells));
	if (!cells)
		return -ENOMEM;
	t->cells = cells;
	t->room = room;
	return 0;
}

void table_add(struct table *t, enum print_style s, const char *text)
{
	size_t *width, used;
	char *clean;

	if (!t)
		return;
	clean = print_clean(*text ? text : "-");
	if (!clean || make_room(t) < 0) {
		free(clean);
		t->failed = true;
		return;
	}
	width = &t->widths[t->n % t->columns];
	used = print_width(clean);
	if (used > *width)
		*width = used;
	t->cells[t->n++] = (struct cell){ clean, s };
}

void table_addf(struct table *t, enum print_style s, const char *fmt, ...)
{
	char *text;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0) {
		if (t)
			t->failed = true;
		return;
	}
	table_add(t, s, text);
	free(text);
}

struct line {
	const struct table *t;
	const char *indent;
	bool color;
	FILE *f;
};

static void print_cell(const struct line *l, size_t column, enum print_style s, const char *text)
{
	size_t used = print_width(text);
	bool last = column + 1 == l->t->columns;
	int pad = used < l->t->widths[column] ? (int)(l->t->widths[column] - used) : 0;

	fprintf(l->f, "%s%*s%s%s%s", column ? GAP : l->indent, right(l->t, column) ? pad : 0, "",
		print_on(l->color, s), text, print_off(l->color, s));
	if (last)
		fputc('\n', l->f);
	else if (!right(l->t, column))
		fprintf(l->f, "%*s", pad, "");
}

int table_print(struct table *t, const char *indent, bool color, FILE *f)
{
	struct line l = { t, indent, color, f };

	if (!t || t->failed || t->n % t->columns)
		return -ENOMEM;
	for (size_t i = 0; !t->no_heads && i < t->columns; i++)
		print_cell(&l, i, PRINT_BOLD, head(t, i));
	for (size_t i = 0; i < t->n; i++)
		print_cell(&l, i % t->columns, t->cells[i].style, t->cells[i].text);
	return 0;
}
