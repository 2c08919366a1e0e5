/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fdatasync() on a thread of its own: a slow disk must not stop the loop. The thread has all
 * signals blocked and touches nothing but the descriptors given here.
 */
#pragma once

struct syncer;

/* @interval_ms: how long after the first dirty mark it starts. 0 or -errno. */
int syncer_new(unsigned int interval_ms, struct syncer **ret);

/* Syncs what is dirty, then ends the thread. Blocks. NULL is fine. */
void syncer_free(struct syncer *s);

/* Sync this file from now on (duplicated); the one before is synced a last time and let go. */
int syncer_file(struct syncer *s, int fd);

/* The file was written to. Never waits for the disk. */
void syncer_dirty(struct syncer *s);

/* Outcome of the last sync: 0 or -errno. */
int syncer_error(struct syncer *s);

/* Wait until all that is dirty now is on the disk. 0 or -errno. */
int syncer_wait(struct syncer *s);
