// SPDX-License-Identifier: Apache-2.0
/* Each stage holds: a child goes through them, tries what it must not be able to do, and tells. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/diag.h"
#include "worker/isolate.h"

#define NOBODY 65534

/* Return: its wait status. @after runs isolated; what it returns is the exit code. */
static int isolated(bool user_too, int (*after)(void))
{
	int pair[2], status;
	pid_t pid;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct diag d = { 0 };
		bool locked;

		if (user_too && isolate_before_exec(pair[1], NOBODY, NOBODY) < 0)
			_exit(100);
		if (isolate_in_worker(&locked, &d) < 0)
			_exit(101);
		_exit(after());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(pair[0]);
	close(pair[1]);
	return status;
}

static int no_rights(void)
{
	char line[256];
	FILE *f = fopen("/proc/self/status", "re");
	int seen = 0;

	/* not dumpable: its own /proc belongs to root, status can be read all the same */
	while (f && fgets(line, sizeof(line), f)) {
		unsigned long long v;

		if ((!strncmp(line, "CapEff:", 7) || !strncmp(line, "CapPrm:", 7) ||
		     !strncmp(line, "CapInh:", 7) || !strncmp(line, "CapAmb:", 7)) &&
		    sscanf(line + 7, "%llx", &v) == 1 && v)
			return 1;
		if (!strcmp(line, "NoNewPrivs:\t1\n"))
			seen |= 1;
		if (!strcmp(line, "Seccomp:\t2\n"))
			seen |= 2;
		if (!strncmp(line, "Groups:", 7) && strtok(line + 7, " \t\n"))
			return 2;
	}
	if (seen != 3)
		return 3;
	if (geteuid() != NOBODY || getegid() != NOBODY)
		return 4;
	return fcntl(WORKER_FD, F_GETFD) == 0 ? 0 : 5;
}

static void test_no_rights_are_left(void **state)
{
	if (geteuid() != 0)
		skip(); /* another uid is taken on by root only */
	assert_int_equal(isolated(true, no_rights), 0);
}

static int no_files(void)
{
	if (open("/tmp/zta-isolate", O_WRONLY | O_CLOEXEC) >= 0 || errno != ENOSYS)
		return 1;
	if (open("/tmp/zta-isolate", O_RDONLY | O_CREAT | O_CLOEXEC, 0600) >= 0 || errno != ENOSYS)
		return 2;
	if (open("/etc/hosts", O_RDONLY | O_CLOEXEC) < 0)
		return 3; /* a resolver reads it */
	if (unlink("/tmp/zta-isolate") == 0 || errno != ENOSYS)
		return 4;
	if (socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0) >= 0 || errno != ENOSYS)
		return 5;
	if (socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) < 0)
		return 6;
	if (kill(getppid(), 0) == 0 || errno != ENOSYS)
		return 7;
	if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0)
		return 8;
	return 0;
}

static void test_files_are_read_only_and_sockets_few(void **state)
{
	assert_int_equal(isolated(false, no_files), 0);
}

static int run_something(void)
{
	char *argv[] = { NULL };

	(void)execve("/bin/true", argv, argv);
	return 0;
}

static int load_something(void)
{
	(void)syscall(SYS_bpf, 0, NULL, 0);
	return 0;
}

static int split(void)
{
	return fork() < 0 && errno == ENOSYS ? 0 : 1;
}

static void test_what_takes_over_machines_kills(void **state)
{
	int status = isolated(false, run_something);

	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSYS);
	status = isolated(false, load_something);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSYS);
	assert_int_equal(isolated(false, split), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_rights_are_left),
		cmocka_unit_test(test_files_are_read_only_and_sockets_few),
		cmocka_unit_test(test_what_takes_over_machines_kills),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
