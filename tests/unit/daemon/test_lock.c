// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/lock.h"

static int make_dir(void **state)
{
	static char dir[64];

	snprintf(dir, sizeof(dir), "/tmp/zta-lock-XXXXXX");
	*state = mkdtemp(dir);
	return *state ? 0 : -1;
}

static int remove_dir(void **state)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/ztad.lock", (char *)*state);
	(void)unlink(path);
	return rmdir(*state);
}

/* A process that takes the lock and holds it until it is killed. */
static pid_t start_holder(const char *dir)
{
	int fds[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		pid_t other;
		int fd;

		if (lock_file(dir, &fd, &other) == 0)
			(void)write(fds[1], "x", 1);
		close(fds[1]);
		for (;;)
			pause();
	}
	close(fds[1]);
	assert_int_equal(read(fds[0], &byte, 1), 1);
	close(fds[0]);
	return pid;
}

static void test_the_holder_is_named_and_its_death_frees_the_lock(void **state)
{
	pid_t pid = start_holder(*state), holder = 0;
	int fd = -1;

	assert_int_equal(lock_file(*state, &fd, &holder), -EBUSY);
	assert_int_equal(holder, pid);
	assert_int_equal(fd, -1); /* untouched */
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(lock_file(*state, &fd, &holder), 0);
	close(fd);
}

static void test_only_root_can_open_the_lock(void **state)
{
	char path[128];
	struct stat st;
	pid_t holder;
	int fd;

	assert_int_equal(lock_file(*state, &fd, &holder), 0);
	snprintf(path, sizeof(path), "%s/ztad.lock", (char *)*state);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	close(fd);
}

static void test_a_missing_directory_and_a_planted_link_are_errors(void **state)
{
	char path[128];
	pid_t holder;
	int fd = -1;

	assert_int_equal(lock_file("/nonexistent", &fd, &holder), -ENOENT);
	snprintf(path, sizeof(path), "%s/ztad.lock", (char *)*state);
	assert_int_equal(symlink("/dev/null", path), 0);
	assert_int_equal(lock_file(*state, &fd, &holder), -ELOOP);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
	const struct CMUnitTest tests[] = {
		TEST(test_the_holder_is_named_and_its_death_frees_the_lock),
		TEST(test_only_root_can_open_the_lock),
		TEST(test_a_missing_directory_and_a_planted_link_are_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
