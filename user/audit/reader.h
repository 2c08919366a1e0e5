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
struct reader;

#define READER_LAST_MAX 100000 /* positions that are held, not lines */

/* Values of one kind are alternatives, kinds must all hold. Empty = no condition. */
struct journal_filter {
	const char *const *types, *const *verdicts, *const *reasons, *const *workloads;
	size_t n_types, n_verdicts, n_reasons, n_workloads;
	uint64_t since_ns; /* `time` at or after, Unix ns; 0: any */
	uint64_t seq;	   /* exactly this one; 0: any */
	size_t last; /* the last n of what matches; 0: none; more than READER_LAST_MAX: that */
};

/* workload: its cgroup, one above it, or its pod as NS/NAME. */
bool journal_match(const struct journal_filter *f, const json_t *record);

/* One line without its line feed, NUL-terminated. 0 to go on, -errno ends the reading. */
typedef int (*reader_fn)(void *ctx, const char *line, size_t len);

/**
 * journal_read() - Read a directory, at once
 *
 * Return: 0, as @fn, -ENOENT when there is no such directory, or -errno.
 */
int journal_read(const char *dir, const struct journal_filter *f, reader_fn fn, void *ctx,
		 struct diag *d);

/* Where a reader stands: behind this byte of the segment that begins with this seq. */
struct reader_place {
	uint64_t first, offset; /* first 0: before any segment */
};

/**
 * reader_open() - Begin to read in steps, for whoever must not wait
 * @f:		borrowed as long as the reader lives
 *
 * What is written after this call is not found by reader_find().
 * Return: 0, -ENOENT when there is no such directory, or -errno.
 */
int reader_open(const char *dir, const struct journal_filter *f, struct reader **ret);
void reader_close(struct reader *r);

/* Look for what matches, from the end backwards. 1: call again, 0: done, -errno. */
int reader_find(struct reader *r);

/*
 * After that: give some of what was found, at most some 200 KiB. 1: call again, 0: that was all, or
 * as @fn or -errno.
 */
int reader_give(struct reader *r, reader_fn fn, void *ctx);

/* Where reader_open() began. */
struct reader_place reader_end(const struct reader *r);

/**
 * reader_on() - Give some of what matches behind @place and move it on
 *
 * At most 256 KiB a call, without a limit of number.
 * Return: 1 call again, 0 all that is written was read, or as @fn or -errno.
 */
int reader_on(struct reader *r, struct reader_place *place, reader_fn fn, void *ctx);
