// SPDX-License-Identifier: Apache-2.0
#include "kern/target.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/cleanup.h"
#include "base/diag.h"
#include "base/host.h"
#include "base/str.h"

#define INIT_CGROUP_NS \
	0xeffffffbU /* inode of the first cgroup namespace, include/linux/proc_ns.h */

static int components(const char *path)
{
	int n = 0;

	for (; *path; path++)
		n += path[0] == '/' && path[1] && path[1] != '/';
	return n;
}

/*
 * Programs see levels from the real root. Only the first cgroup namespace shows where that is;
 * elsewhere the level stays unknown, and the programs look at every level.
 */
static int level_of(const char *path, const char *mount, const char *root)
{
	struct stat st;

	if (stat("/proc/self/ns/cgroup", &st) < 0 || st.st_ino != INIT_CGROUP_NS)
		return -1;
	if (str_starts(root, "/..") || !str_starts(path, mount))
		return -1;
	return components(root) + components(path + strlen(mount));
}

int target_open(const char *path, struct target *ret, struct diag *d)
{
	_cleanup_free_ char *mount = NULL, *root = NULL, *real = NULL;
	_cleanup_close_ int fd = -1;
	struct statfs fs;
	struct stat st;
	int r;

	r = host_mount_find("cgroup2", &mount, &root);
	if (r == -ENOENT)
		return diag_set(d, -ENODEV, "no cgroup2 file system is mounted");
	if (r < 0)
		return diag_set(d, r, "cannot read /proc/self/mountinfo:");
	real = realpath(path ? path : mount, NULL);
	if (!real)
		return diag_set(d, -errno, "cannot use cgroup '%s':", path ? path : mount);
	fd = open(real, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || fstatfs(fd, &fs) < 0)
		return diag_set(d, -errno, "cannot use cgroup '%s':", real);
	if (fs.f_type != CGROUP2_SUPER_MAGIC)
		return diag_set(d, -ENOTDIR, "'%s' is not in a cgroup2 file system", real);

	ret->level = level_of(real, mount, root);
	ret->is_root = !strcmp(real, mount);
	ret->id = st.st_ino; /* 64 bits wide: the inode number is the id that programs see */
	ret->fd = take_fd(fd);
	ret->below = str_starts(real, mount) ? real + strlen(mount) : "";
	ret->path = take_ptr(real);
	return 0;
}

void target_close(struct target *t)
{
	free(t->path);
	t->path = NULL;
	if (t->fd >= 0)
		(void)close(t->fd);
	t->fd = -1;
}
