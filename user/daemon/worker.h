/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The monitor's side of the worker: start it, tell it what to do, open files for it, start it again
 * when it ends. Nothing that is enforced depends on it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "worker/protocol.h"

struct daemon;
struct diag;

#define WORKER_NAME "ztad: worker" /* argv[0] of the process: main() starts worker_main() by it */

int worker_up(struct daemon *d, struct diag *diag);
void worker_down(struct daemon *d);

struct worker_state {
	bool ready;	   /* isolated, configured, serving */
	pid_t pid;	   /* 0 = none runs */
	uint64_t restarts; /* since the daemon started */
	const char *user;  /* as which it runs */
	bool fallback;	   /* that is not the configured one, which does not exist */
};
void worker_state(const struct daemon *d, struct worker_state *ret);

/* What sources were asked for and how that went, over all workers so far. */
const struct worker_counted *worker_counted(const struct daemon *d);

/* Send it a message. 0, -EPIPE when none is ready, or as channel_send(). */
int worker_send(struct daemon *d, const void *m, int fd);

typedef void (*worker_told_fn)(const struct worker_told *told, void *ctx);

/**
 * worker_test() - Have a token, not to see it but to know that it can be had
 * @m:	head is filled here
 * @fn:	called once: with what the worker said, or with NULL when it ended before
 *
 * Return: 0, -EAGAIN (no worker is ready, or too many ask), -ENOMEM.
 */
int worker_test(struct daemon *d, struct worker_test *m, worker_told_fn fn, void *ctx);

typedef void (*worker_entry_fn)(const struct worker_entry *e, void *ctx);

/* The cached tokens: @fn for each, then one with last = 1; NULL when the worker ended. As above. */
int worker_list(struct daemon *d, worker_entry_fn fn, void *ctx);
