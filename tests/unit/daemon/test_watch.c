// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <poll.h>
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

#include "base/file.h"
#include "daemon/watch.h"

#define DEADLINE_MS 2000

struct scene {
	char dir[64];
	char path[128];
	struct watch *w;
};

static void put(const char *dir, const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static int set_up(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	strcpy(s->dir, "/tmp/zta-watch-XXXXXX");
	if (!mkdtemp(s->dir))
		return -1;
	snprintf(s->path, sizeof(s->path), "%s/policy.json", s->dir);
	*state = s;
	return 0;
}

static int tear_down(void **state)
{
	struct scene *s = *state;
	char command[128];

	watch_close(s->w);
	snprintf(command, sizeof(command), "rm -rf '%s'", s->dir);
	free(s);
	return system(command);
}

/* A notice comes within the deadline, and the file is another. */
static void assert_told(struct scene *s)
{
	struct pollfd p = { .fd = watch_fd(s->w), .events = POLLIN };

	do
		assert_int_equal(poll(&p, 1, DEADLINE_MS), 1);
	while (!watch_drain(s->w));
	assert_true(watch_changed(s->w));
	assert_false(watch_changed(s->w));
}

static void test_a_rename_is_told(void **state)
{
	struct scene *s = *state;
	char other[128];

	put(s->dir, "policy.json", "old");
	assert_int_equal(watch_open(s->path, &s->w), 0);
	assert_false(watch_changed(s->w));
	put(s->dir, "new", "new");
	snprintf(other, sizeof(other), "%s/new", s->dir);
	assert_int_equal(rename(other, s->path), 0);
	assert_told(s);
}

static void test_writing_in_place_is_told_when_it_is_closed(void **state)
{
	struct scene *s = *state;
	struct pollfd p;
	int fd;

	put(s->dir, "policy.json", "old");
	assert_int_equal(watch_open(s->path, &s->w), 0);
	fd = open(s->path, O_WRONLY | O_TRUNC);
	assert_int_equal(write(fd, "new", 3), 3);
	p = (struct pollfd){ .fd = watch_fd(s->w), .events = POLLIN };
	assert_int_equal(poll(&p, 1, 0), 0); /* half a file is nobody's business */
	close(fd);
	assert_told(s);
}

static void test_a_file_that_appears_and_goes_is_told(void **state)
{
	struct scene *s = *state;

	assert_int_equal(watch_open(s->path, &s->w), 0);
	put(s->dir, "policy.json", "new");
	assert_told(s);
	assert_int_equal(unlink(s->path), 0);
	assert_told(s);
}

static void test_a_directory_that_appears_is_followed(void **state)
{
	struct scene *s = *state;
	char deep[128], dir[128];
	struct pollfd p;

	snprintf(dir, sizeof(dir), "%s/a", s->dir);
	snprintf(deep, sizeof(deep), "%s/a/b", s->dir);
	snprintf(s->path, sizeof(s->path), "%s/a/b/policy.json", s->dir);
	assert_int_equal(watch_open(s->path, &s->w), 0);
	p = (struct pollfd){ .fd = watch_fd(s->w), .events = POLLIN };
	assert_int_equal(mkdir(dir, 0755), 0);
	assert_int_equal(poll(&p, 1, DEADLINE_MS), 1);
	(void)watch_drain(s->w);
	assert_int_equal(mkdir(deep, 0755), 0);
	assert_int_equal(poll(&p, 1, DEADLINE_MS), 1);
	(void)watch_drain(s->w);
	put(deep, "policy.json", "new");
	assert_told(s);
}

/* kubelet: policy.json -> ..data/policy.json, ..data -> ..1; then ..data is replaced. */
static void test_a_config_map_swap_is_told(void **state)
{
	struct scene *s = *state;
	char path[256], to[256];

	for (int i = 1; i <= 2; i++) {
		snprintf(path, sizeof(path), "%s/..%d", s->dir, i);
		assert_int_equal(mkdir(path, 0755), 0);
		put(path, "policy.json", i == 1 ? "one" : "two");
	}
	snprintf(path, sizeof(path), "%s/..data", s->dir);
	assert_int_equal(symlink("..1", path), 0);
	assert_int_equal(symlink("..data/policy.json", s->path), 0);
	assert_int_equal(watch_open(s->path, &s->w), 0);

	snprintf(path, sizeof(path), "%s/..data_tmp", s->dir);
	snprintf(to, sizeof(to), "%s/..data", s->dir);
	assert_int_equal(symlink("..2", path), 0);
	assert_int_equal(rename(path, to), 0);
	assert_told(s);
}

static void test_a_linked_file_elsewhere_is_followed(void **state)
{
	struct scene *s = *state;
	char real[128], target[192];

	snprintf(real, sizeof(real), "%s/real", s->dir);
	assert_int_equal(mkdir(real, 0755), 0);
	put(real, "p", "old");
	snprintf(target, sizeof(target), "%s/p", real);
	assert_int_equal(symlink(target, s->path), 0);
	assert_int_equal(watch_open(s->path, &s->w), 0);
	put(real, "p", "newer");
	assert_told(s);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_a_rename_is_told),
		TEST(test_writing_in_place_is_told_when_it_is_closed),
		TEST(test_a_file_that_appears_and_goes_is_told),
		TEST(test_a_directory_that_appears_is_followed),
		TEST(test_a_config_map_swap_is_told),
		TEST(test_a_linked_file_elsewhere_is_followed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
