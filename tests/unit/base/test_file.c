// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/str.h"

/* A directory of its own for each test, removed with all that the tests make in it. */
static int make_dir(void **state)
{
	char *dir = strdup("/tmp/zta-test-file-XXXXXX");

	*state = dir ? mkdtemp(dir) : NULL;
	return *state ? chdir(*state) : -1;
}

static int remove_dir(void **state)
{
	static const char *const files[] = { "f", "f.tmp", "a/b/c", "a/b", "a" };

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		(void)remove(files[i]); /* most tests make few of them */
	if (chdir("/") < 0 || rmdir(*state) < 0)
		return -1;
	free(*state);
	return 0;
}

static void test_what_is_written_is_read(void **state)
{
	_cleanup_free_ char *text = NULL;
	struct stat st;
	size_t len;

	assert_int_equal(file_write_atomic("f", "one\0two", 7, 0640), 0);
	assert_int_equal(file_read_all("f", 7, &text, &len), 0);
	assert_int_equal(len, 7);
	assert_memory_equal(text, "one\0two\0", 8); /* a NUL follows */
	assert_int_equal(stat("f", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(access("f.tmp", F_OK), -1);
}

static void test_what_is_no_regular_file_is_refused_at_once(void **state)
{
	char *text = NULL;

	assert_int_equal(mkfifo("f", 0600), 0);
	assert_int_equal(file_read_regular("f", 7, &text, NULL), -EINVAL);
	assert_int_equal(file_read_regular("/dev/zero", 7, &text, NULL), -EINVAL);
	assert_int_equal(file_read_regular("/", 7, &text, NULL), -EISDIR);
	assert_int_equal(file_read_regular("a", 7, &text, NULL), -ENOENT);
	assert_int_equal(unlink("f"), 0);
	assert_int_equal(file_write_atomic("f", "eight by", 8, 0600), 0);
	assert_int_equal(file_read_regular("f", 7, &text, NULL), -EFBIG);
	assert_null(text);
	assert_int_equal(file_read_regular("f", 8, &text, NULL), 0);
	assert_string_equal(text, "eight by");
	free(text);
}

static void test_a_file_is_replaced_whole(void **state)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_close_ int old = -1;
	char was[3];

	assert_int_equal(file_write_atomic("f", "old", 3, 0600), 0);
	old = open("f", O_RDONLY | O_CLOEXEC);
	assert_true(old >= 0);
	assert_int_equal(file_write_atomic("f", "newer", 5, 0600), 0);
	assert_int_equal(read(old, was, 3), 3); /* who had it open still sees the old bytes */
	assert_memory_equal(was, "old", 3);
	assert_int_equal(file_read_all("f", 100, &text, NULL), 0);
	assert_string_equal(text, "newer");
}

static void test_a_failure_leaves_nothing_behind(void **state)
{
	assert_int_equal(mkdir("a", 0755), 0);
	assert_int_equal(file_write_atomic("a", "x", 1, 0600), -EISDIR);
	assert_int_equal(access("a.tmp", F_OK), -1);
	assert_int_equal(file_write_atomic("no/such", "x", 1, 0600), -ENOENT);
}

static void test_a_left_over_part_is_replaced(void **state)
{
	_cleanup_free_ char *text = NULL;

	assert_int_equal(file_write_atomic("f.tmp", "left over by a crash", 20, 0600), 0);
	assert_int_equal(file_write_atomic("f", "x", 1, 0600), 0);
	assert_int_equal(file_read_all("f", 100, &text, NULL), 0);
	assert_string_equal(text, "x");
	assert_int_equal(access("f.tmp", F_OK), -1);
}

static void test_limits_and_errors_of_reading(void **state)
{
	char *text = NULL;

	assert_int_equal(file_write_atomic("f", "12345", 5, 0600), 0);
	assert_int_equal(file_read_all("f", 4, &text, NULL), -EFBIG);
	assert_int_equal(file_read_all("gone", 4, &text, NULL), -ENOENT);
	assert_int_equal(file_read_all("/", 4, &text, NULL), -EISDIR);
	assert_int_equal(file_read_all("/dev/zero", 200000, &text, NULL), -EFBIG);
	assert_null(text);
}

static void test_files_without_a_size(void **state)
{
	_cleanup_free_ char *text = NULL;
	size_t len;

	assert_int_equal(file_read_all("/proc/self/status", 1 << 20, &text, &len), 0);
	assert_true(len > 100);
	assert_true(str_starts(text, "Name:"));
}

static void test_directories(void **state)
{
	struct stat st;

	assert_int_equal(file_mkdir_p("a/b/c", 0700), 0);
	assert_int_equal(stat("a/b/c", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(file_mkdir_p("a/b/c", 0700), 0);
	assert_int_equal(file_write_atomic("f", "x", 1, 0600), 0);
	assert_int_equal(file_mkdir_p("f", 0700), -ENOTDIR);
	assert_int_equal(file_mkdir_p("f/x", 0700), -ENOTDIR);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
	const struct CMUnitTest tests[] = {
		TEST(test_what_is_written_is_read),
		TEST(test_what_is_no_regular_file_is_refused_at_once),
		TEST(test_a_file_is_replaced_whole),
		TEST(test_a_failure_leaves_nothing_behind),
		TEST(test_a_left_over_part_is_replaced),
		TEST(test_limits_and_errors_of_reading),
		TEST(test_files_without_a_size),
		TEST(test_directories),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
