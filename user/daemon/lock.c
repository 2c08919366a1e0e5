/* SPDX-License-Identifier: Apache-2.0 */
#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"

/* Who holds a flock on this inode, by /proc/locks: "1: FLOCK ADVISORY WRITE 812 08:01:1311 0 EOF"
 */
static pid_t holder_of(int fd)
{
	_cleanup_fclose_ FILE *f = NULL;
	unsigned int maj, min;
	unsigned long ino;
	struct stat st;
	char line[256];
	int pid;

	if (fstat(fd, &st) < 0)
		return 0;
	f = fopen("/proc/locks", "re");
	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%*s FLOCK %*s %*s %d %x:%x:%lu", &pid, &maj, &min, &ino) == 4 &&
		    ino == st.st_ino && makedev(maj, min) == st.st_dev && pid > 0)
			return pid;
	return 0;
}

int lock_file(const char *dir, int *ret_fd, pid_t *ret_holder)
{
	_cleanup_close_ int fd = -1;
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/ztad.lock", dir) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK)
			return -errno;
		*ret_holder = holder_of(fd);
		return -EBUSY;
	}
	*ret_fd = take_fd(fd);
	return 0;
}
