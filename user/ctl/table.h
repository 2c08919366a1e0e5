/* SPDX-License-Identifier: Apache-2.0 */
/* Aligned tables: cells are collected, then printed in columns as wide as they need. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "ctl/print.h"

struct table;

/**
 * table_new() - Table with a head line
 * @heads:	borrowed; ends with NULL; a leading '>' aligns the column right
 * Return: caller runs table_free(); NULL without memory, which every table_*() accepts.
 */
struct table *table_new(const char *const *heads);
void table_free(struct table *t);
CLEANUP_DEFINE(struct table *, table_free)
#define _cleanup_table_ _cleanup_(table_free_p)

/* Append a cell, rows fill from the left. The text is cleaned; "" becomes "-". */
void table_add(struct table *t, enum print_style s, const char *text);
void table_addf(struct table *t, enum print_style s, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Begin again without rows; columns stay at least as wide as they were. */
void table_clear(struct table *t);

/* Head lines are left out from now on. */
void table_no_heads(struct table *t);

/**
 * table_print() - Print what was collected, each line after @indent
 * Return: 0, or -ENOMEM when memory ran out on the way: then nothing was printed.
 */
int table_print(struct table *t, const char *indent, bool color, FILE *f);
