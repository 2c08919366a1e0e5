/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a journal on the loop, in small steps, and following it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct journal;
struct journal_filter;
struct loop;
struct tail;

struct tail_opts {
	bool follow;
	/* One line with its line feed. */
	void (*line)(void *ctx, const char *line, size_t len);
	/* Everything was told (without follow), or r < 0: reading failed. */
	void (*end)(void *ctx, int r);
	/* Optional: true while the receiver has no room; asked before each step of reading. */
	bool (*busy)(void *ctx);
	void *ctx;
};

/**
 * tail_new() - Tell the last n records that match, then (with follow) every one as it is written
 * @f:		copied
 * @opts:	copied; nothing is called before the loop's next turn
 * @ret:	caller runs tail_free(), also from a callback, and before journal_close()
 *
 * None is missed or told twice between the two.
 * Return: 0 or -errno.
 */
int tail_new(struct loop *l, struct journal *j, const struct journal_filter *f,
	     const struct tail_opts *opts, struct tail **ret);
void tail_free(struct tail *t);
