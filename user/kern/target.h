/* SPDX-License-Identifier: Apache-2.0 */
/* The cgroup that the programs attach to. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct diag;

struct target {
	char *path;
	const char *below; /* of path: below the mount, "" = the mount itself */
	int fd;
	uint64_t id;
	int level; /* depth below the real root; -1 = cannot be told (a cgroup namespace) */
	bool is_root;
};

/**
 * target_open() - Find and open the attach point
 * @path: NULL = the cgroup2 mount
 * @ret:  overwritten; caller runs target_close()
 *
 * Return: 0, -ENODEV (no cgroup2 here), -ENOTDIR (not a cgroup2 directory) or -errno.
 */
int target_open(const char *path, struct target *ret, struct diag *d);
void target_close(struct target *t);
