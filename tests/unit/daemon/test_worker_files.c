// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/config.h"
#include "daemon/worker_files.h"
#include "worker/protocol.h"

static char dir[64], tokens[96];

static const char *in(const char *name)
{
	static char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", tokens, name);
	return path;
}

static void put(const char *path, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)len), 0);
	close(fd);
}

static int set_up(void **state)
{
	char cmd[160];

	strcpy(dir, "/tmp/zta-files-XXXXXX");
	assert_non_null(mkdtemp(dir));
	(void)snprintf(tokens, sizeof(tokens), "%s/tokens", dir);
	assert_int_equal(mkdir(tokens, 0700), 0);
	put(in("a.key"), 4096);
	put(in("large.key"), 4097);
	put(in("a.txt"), 10);
	(void)snprintf(cmd, sizeof(cmd), "%s/x.key", dir);
	put(cmd, 10);
	assert_int_equal(symlink(cmd, in("link.key")), 0);
	assert_int_equal(mkdir(in("dir.key"), 0700), 0);
	assert_int_equal(mkfifo(in("pipe.key"), 0600), 0);
	(void)snprintf(cmd, sizeof(cmd), "%s/away", dir);
	assert_int_equal(symlink(tokens, cmd), 0);
	return 0;
}

static int tear_down(void **state)
{
	char cmd[160];

	(void)snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return system(cmd); /* NOLINT: a path of ours */
}

static void arc_is(const char *path, int want)
{
	int fd = worker_files_open_arc(tokens, path);

	if (want < 0)
		assert_int_equal(fd, want);
	else
		assert_true(fd >= 0);
	if (fd >= 0)
		close(fd);
}

static void test_arc_challenges(void **state)
{
	char path[256];

	arc_is(in("a.key"), 0);
	arc_is(in("large.key"), -EFBIG);
	arc_is(in("a.txt"), -EINVAL);
	arc_is(in("../x.key"), -EINVAL);
	arc_is(in("./a.key"), -EINVAL);
	arc_is(in("/a.key"), -EINVAL);
	arc_is(in("link.key"), -ELOOP);
	arc_is(in("dir.key"), -EINVAL);
	arc_is(in("pipe.key"), -EINVAL);
	arc_is(in("gone.key"), -ENOENT);
	arc_is("", -EINVAL);
	arc_is("a.key", -EINVAL);
	(void)snprintf(path, sizeof(path), "%s/x.key", dir);
	arc_is(path, -EINVAL);
	(void)snprintf(path, sizeof(path), "%sx/a.key", tokens);
	arc_is(path, -EINVAL);
}

static void test_a_linked_directory_is_another_directory(void **state)
{
	char away[96], path[128];
	int fd;

	(void)snprintf(away, sizeof(away), "%s/away", dir);
	(void)snprintf(path, sizeof(path), "%s/a.key", away);
	fd = worker_files_open_arc(away, path);
	assert_int_equal(fd, -ELOOP);
}

static void test_configured_files(void **state)
{
	struct config c = { .tokens.token_file = strdup(in("link.key")) };
	struct worker_open q = { .file = WORKER_FILE_FEDERATED };
	int fd = worker_files_open(&c, &q);

	assert_true(fd >= 0); /* behind a symlink, as Kubernetes has them */
	close(fd);
	free(c.tokens.token_file);
	c.tokens.token_file = strdup(in("pipe.key"));
	assert_int_equal(worker_files_open(&c, &q), -EINVAL);
	put(in("huge"), WORKER_FILE_BYTES + 1);
	free(c.tokens.token_file);
	c.tokens.token_file = strdup(in("huge"));
	assert_int_equal(worker_files_open(&c, &q), -EFBIG);
	free(c.tokens.token_file);
	c.tokens.token_file = NULL;
	unsetenv("AZURE_FEDERATED_TOKEN_FILE");
	assert_int_equal(worker_files_open(&c, &q), -ENOENT);
	setenv("AZURE_FEDERATED_TOKEN_FILE", in("a.txt"), 1);
	fd = worker_files_open(&c, &q);
	assert_true(fd >= 0);
	close(fd);
	q.file = WORKER_FILE_COUNT;
	assert_int_equal(worker_files_open(&c, &q), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arc_challenges),
		cmocka_unit_test(test_a_linked_directory_is_another_directory),
		cmocka_unit_test(test_configured_files),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
