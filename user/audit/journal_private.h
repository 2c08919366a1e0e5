/* SPDX-License-Identifier: Apache-2.0 */
/* What journal.c (records, failing, followers) and spool.c (files) share. */
#pragma once

#include <sys/queue.h>

#include "audit/journal.h"
#include "audit/loss.h"
#include "audit/segment.h"
#include "base/buf.h"

#define LOG_ID_LEN 36

struct pending {
	TAILQ_ENTRY(pending) entry;
	char *text; /* JSON object, without seq */
	size_t len;
	uint64_t count; /* decisions that it stands for */
	bool low;	/* not a denial: makes room for one */
};

struct journal_follower {
	LIST_ENTRY(journal_follower) entry;
	struct journal *j;
	journal_follow_fn fn;
	void *ctx;
	bool gone;
};

/* Files. All written by spool.c. */
struct spool {
	char *dir;
	int dir_fd; /* locked: one writer */
	uint64_t segment_bytes, retain_bytes, retain_ns;
	char log_id[LOG_ID_LEN + 1];
	bool log_id_saved;
	struct syncer *sync;
	int fd;		       /* being written; -1: none yet */
	struct segment active; /* its bytes: up to the end of the last whole line */
	uint64_t born_ns;      /* Unix time */
	int64_t clock_ahead;   /* of the wall clock over the time since boot, ns */
	uint64_t keep_until;   /* CLOCK_BOOTTIME: nothing goes for its age before */
	bool torn;	       /* the file is longer than that */
	struct segments closed;
	uint64_t closed_bytes;
	uint64_t cut_bytes; /* that spool_open() cut off */
	uint64_t next;	    /* seq of the next record */
	struct buf line;    /* the last one written */
};

struct journal {
	struct spool spool;
	struct loss loss; /* what a crash must not forget: untold and pending */
	json_t *host;
	uint64_t retained_ns;
	TAILQ_HEAD(pending_head, pending) pending;
	uint64_t pending_max, pending_bytes, pending_count, n_pending;
	bool failing;
	int error;
	uint64_t retry_ns;
	uint64_t lost, lost_records;
	uint64_t untold, untold_records; /* lost since it was last told */
	LIST_HEAD(, journal_follower) followers;
	bool notifying;
};

/* Lock, find the end, cut what is torn. @s has dir and the limits. 0 or -errno. */
int spool_open(struct spool *s, unsigned int fsync_ms, struct diag *d);
void spool_close(struct spool *s);

/*
 * Write one record, an object without seq, as the next line; it is in s->line then. On failure
 * nothing was written, and seq is unused. 0 or -errno.
 */
int spool_write(struct spool *s, const char *text, size_t len);

/* Start a new segment when the one being written has grown old; remove what need not be kept. */
void spool_retain(struct spool *s);
