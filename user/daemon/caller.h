/* SPDX-License-Identifier: Apache-2.0 */
/* Which workload a process is. */
#pragma once

#include <sys/types.h>

struct daemon;

/**
 * caller_cgroup() - The cgroup of a process, below the attach point
 * @ret: "/...", caller frees; untouched on failure
 *
 * Return: 0, -ENOENT (gone, or outside the attach point) or -errno.
 */
int caller_cgroup(struct daemon *d, pid_t pid, char **ret);
