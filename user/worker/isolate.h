/* SPDX-License-Identifier: Apache-2.0 */
/* What the worker gives up, stage by stage. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct diag;

#define WORKER_FD 3 /* the worker's end of the pair, after isolate_before_exec() */

/**
 * isolate_before_exec() - In the child, as root, right after fork(): stages 1 to 3
 * @channel: becomes WORKER_FD; every other descriptor but stdin, stdout, stderr is closed at exec
 *
 * Only what may be called between fork() and exec of a process with threads.
 * Return: 0 or -errno.
 */
int isolate_before_exec(int channel, uid_t uid, gid_t gid);

/**
 * isolate_in_worker() - In the new program: stages 4 to 7, before anything foreign is read
 * @ret_locked: all of its memory is locked
 *
 * Return: 0, or -errno and @d says which stage failed. The worker ends then.
 */
int isolate_in_worker(bool *ret_locked, struct diag *d);
