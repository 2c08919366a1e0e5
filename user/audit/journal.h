/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal: JSON Lines in segments, append-only, `seq` from 1 without a gap, across restarts.
 * Files are <directory>/<20 digits: first seq>.jsonl; <directory>/log-id holds the journal's UUID.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct diag;
struct journal;

#define JOURNAL_SEGMENT_BYTES (64ULL * 1024 * 1024)
#define JOURNAL_RETAIN_BYTES  (1024ULL * 1024 * 1024)
#define JOURNAL_RETAIN_NS     (90ULL * 24 * 3600 * 1000000000)
#define JOURNAL_FSYNC_MS      200
#define JOURNAL_LINE_MAX      (64 * 1024)   /* a longer record is refused and counted as lost */
#define JOURNAL_PENDING_BYTES (1024 * 1024) /* kept in memory while the disk refuses */

struct journal_opts {
	uint64_t segment_bytes; /* 0: JOURNAL_SEGMENT_BYTES; each 0 means its default */
	uint64_t retain_bytes;	/* of all segments; the one being written is never removed */
	uint64_t retain_ns;
	uint64_t pending_bytes;
	unsigned int fsync_ms; /* at most this long between an append and its fdatasync() */
	json_t *host; /* member "host" of every record; borrowed for the call, NULL: none */
};

struct journal_state {
	bool failing;
	int error;	       /* -errno of the last failure while failing */
	uint64_t seq;	       /* last written, 0 = none */
	uint64_t lost;	       /* see journal_append(); since journal_open() */
	uint64_t lost_records; /* lines, each counted once */
	uint64_t pending;      /* records in memory, waiting for the disk */
	uint64_t bytes;	       /* of all segments */
};

/**
 * journal_open() - Open for writing
 * @dir:	made if need be (0700)
 * @ret:	caller runs journal_close()
 *
 * Cuts a torn last line. A disk that is full is no failure: what is appended then waits. Ignores
 * SIGXFSZ for the process, so that a file size limit is an error like a full disk.
 * Return: 0, -EBUSY when another process writes there, or -errno. @d says why.
 */
int journal_open(const char *dir, const struct journal_opts *o, struct journal **ret,
		 struct diag *d);

/* Writes what is pending if the disk lets it, makes it durable, closes. */
void journal_close(struct journal *j);

/**
 * journal_append() - Write a record
 * @record:	object; reference taken, also on failure. seq, log and host are added
 *
 * One write(2), no wait for the disk. While the disk refuses, records wait in memory (their seq is
 * given when they are written); beyond JOURNAL_PENDING_BYTES they are lost: `lost_records` grows
 * by one and `lost` by the record's "count" (1 without that member).
 * Return: 0 written, -EAGAIN waiting in memory, -ENOBUFS lost, -EINVAL not an object (counted as
 * lost too), -EMSGSIZE too long (lost), -ENOMEM (lost).
 */
int journal_append(struct journal *j, json_t *record);

/**
 * journal_tick() - What time brings: call it at least once a second
 *
 * Tries again what is pending, tells of losses once the disk takes records again (a lifecycle
 * record, reason "journal-recovered", with "lost" and "lost_records"), rotates, retains.
 */
void journal_tick(struct journal *j);

/* Wait until everything written is on the disk. 0 or -errno. Blocks: for tests and the end. */
int journal_sync(struct journal *j);

struct journal_state journal_state(const struct journal *j);
const char *journal_log_id(const struct journal *j); /* UUID */
const char *journal_dir(const struct journal *j);

/*
 * Called with each line (newline included) right after it was written, in order of seq. Must not
 * append.
 */
typedef void (*journal_follow_fn)(void *ctx, uint64_t seq, const char *line, size_t len);
struct journal_follower;
struct journal_follower *journal_follow(struct journal *j, journal_follow_fn fn, void *ctx);
void journal_unfollow(struct journal_follower *f); /* also from its own callback; NULL is fine */
