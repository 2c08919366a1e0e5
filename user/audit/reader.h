/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a journal, by files alone: next to a writer, without one, while segments are removed.
 * Lines come in the order of seq.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct diag;
struct journal;
struct loop;
struct reader;
struct tail;

#define READER_LAST_MAX 100000

/* Values of one kind are alternatives, kinds must all hold. Empty = no condition. */
struct journal_filter {
	const char *const *types, *const *verdicts, *const *reasons, *const *workloads;
	size_t n_types, n_verdicts, n_reasons, n_workloads;
	uint64_t since_ns; /* `time` at or after, Unix ns; 0: any */
	uint64_t seq;	   /* exactly this one; 0: any */
	size_t last;	   /* the last n of what matches; 0: all, but at most READER_LAST_MAX */
};

/* workload: its cgroup, one above it, or its pod as NS/NAME. */
bool journal_match(const struct journal_filter *f, const json_t *record);

/* One line without newline, NUL-terminated. Non-zero ends the reading. */
typedef int (*reader_fn)(void *ctx, const char *line, size_t len);

/**
 * journal_read() - Read a directory, at once
 *
 * Return: 0, what @fn returned, -ENOENT when there is no such directory, or -errno.
 */
int journal_read(const char *dir, const struct journal_filter *f, reader_fn fn, void *ctx,
		 struct diag *d);

struct tail_opts {
	bool follow;
	/* One line with its newline. */
	void (*line)(void *ctx, const char *line, size_t len);
	/* Everything was told (without follow), or r < 0: reading failed. */
	void (*end)(void *ctx, int r);
	/* Optional: true while the receiver has no room; asked before each step of reading. */
	bool (*busy)(void *ctx);
	void *ctx;
};

/**
 * tail_new() - Read a journal on the loop, in small steps, and follow it
 * @f:		copied
 * @opts:	see there; copied
 * @ret:	caller runs tail_free(), also from a callback
 *
 * First the last n that match, then (with follow) every matching record as it is written: none is
 * missed or told twice between the two.
 */
int tail_new(struct loop *l, struct journal *j, const struct journal_filter *f,
	     const struct tail_opts *opts, struct tail **ret);
void tail_free(struct tail *t);
