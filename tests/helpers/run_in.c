// SPDX-License-Identifier: Apache-2.0
/*
 * run_in [-c CGROUP_DIR] [-n NETNS_FILE | -N] [-u UID] COMMAND [ARG...]
 *
 * Puts itself into a cgroup, a network namespace (-N: a new one, so that the kernel's own sockets
 * of that namespace belong to the cgroup) and a uid, in this order, then becomes COMMAND. A socket
 * that COMMAND makes is therefore born where the test wants it.
 */
#include <err.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void join_cgroup(const char *dir)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "0", 1) != 1)
		err(125, "%s", path);
	close(fd);
}

static void join_netns(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, CLONE_NEWNET))
		err(125, "%s", path);
	close(fd);
}

static void become(uid_t uid)
{
	if (setgroups(0, NULL) || setresgid(uid, uid, uid) || setresuid(uid, uid, uid))
		err(125, "uid %u", uid);
}

int main(int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "+c:n:Nu:")) != -1) {
		if (c == 'c')
			join_cgroup(optarg);
		else if (c == 'n')
			join_netns(optarg);
		else if (c == 'N' && unshare(CLONE_NEWNET))
			err(125, "new network namespace");
		else if (c == 'u')
			become((uid_t)strtoul(optarg, NULL, 10));
		else if (c == '?')
			return 125;
	}
	if (optind >= argc)
		errx(125, "no command");
	execvp(argv[optind], argv + optind);
	err(127, "%s", argv[optind]);
}
