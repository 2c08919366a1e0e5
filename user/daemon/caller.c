/* SPDX-License-Identifier: Apache-2.0 */
#include "caller.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/host.h"
#include "base/str.h"
#include "daemon/daemon.h"
#include "kern/object.h"
#include "workload/cgroup.h"

#define PROC_CGROUP_MAX 65536

/* "0::/system.slice/x.service": the line of cgroup v2. */
static const char *v2_path(char *text)
{
	char *save, *line;

	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (str_starts(line, "0::/"))
			return line + 3;
	return NULL;
}

int caller_cgroup(struct daemon *d, pid_t pid, char **ret)
{
	_cleanup_free_ char *mount = NULL;
	_cleanup_free_ char *text = NULL;
	_cleanup_free_ char *dir = NULL;
	char proc[64];
	const char *path;
	struct stat st;
	int r;

	snprintf(proc, sizeof(proc), "/proc/%d/cgroup", pid);
	r = file_read_all(proc, PROC_CGROUP_MAX, &text, NULL);
	if (r < 0)
		return r;
	path = v2_path(text);
	if (!path)
		return -ENOENT;
	r = host_mount_find("cgroup2", &mount, NULL);
	if (r < 0)
		return r;
	dir = str_dup_printf("%s%s", mount, path);
	if (!dir)
		return -ENOMEM;
	if (stat(dir, &st) < 0)
		return -errno;
	return cgroup_path_of(kern_cgroup_path(d->kern), st.st_ino, ret); /* inode = cgroup id */
}
