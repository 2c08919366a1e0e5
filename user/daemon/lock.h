/* SPDX-License-Identifier: Apache-2.0 */
/* One daemon for each run directory. (The journal and the pins have locks of their own.) */
#pragma once

#include <sys/types.h>

/**
 * lock_file() - Take the lock of a run directory
 * @dir:	directory; the lock is its file ztad.lock, which only root can open
 * @ret_fd:	the lock: held until this and every copy of it are closed
 * @ret_holder:	on -EBUSY the process that has it, 0 when it cannot be seen from here
 *
 * Return: 0, -EBUSY, or a negative errno.
 */
int lock_file(const char *dir, int *ret_fd, pid_t *ret_holder);
