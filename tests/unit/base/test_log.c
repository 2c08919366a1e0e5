// SPDX-License-Identifier: Apache-2.0
/* log and clock. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"

static char said[8192];

/* What log_line() writes to stderr. */
#define SAID(call)                                                              \
	({                                                                      \
		int pipe_[2], old_ = dup(STDERR_FILENO);                        \
		ssize_t n_;                                                     \
		assert_true(old_ >= 0);                                         \
		assert_int_equal(pipe(pipe_), 0);                               \
		assert_int_equal(dup2(pipe_[1], STDERR_FILENO), STDERR_FILENO); \
		call;                                                           \
		assert_int_equal(dup2(old_, STDERR_FILENO), STDERR_FILENO);     \
		close(old_);                                                    \
		close(pipe_[1]);                                                \
		n_ = read(pipe_[0], said, sizeof(said) - 1);                    \
		assert_true(n_ >= 0);                                           \
		said[n_] = '\0';                                                \
		close(pipe_[0]);                                                \
		said;                                                           \
	})

static int without_journal(void **state)
{
	log_set_level(LOG_LEVEL_INFO);
	return unsetenv("JOURNAL_STREAM");
}

static void test_a_line_starts_with_its_level(void **state)
{
	assert_string_equal(SAID(log_err("wing: what key=%d", 1)), "error: wing: what key=1\n");
	assert_string_equal(SAID(log_warn("x")), "warning: x\n");
	assert_string_equal(SAID(log_info("x")), "x\n");
}

static void test_under_systemd_with_its_priority(void **state)
{
	assert_int_equal(setenv("JOURNAL_STREAM", "8:1", 1), 0);
	assert_string_equal(SAID(log_err("x")), "<3>x\n");
	assert_string_equal(SAID(log_info("x")), "<6>x\n");
}

static void test_levels_are_dropped(void **state)
{
	assert_string_equal(SAID(log_debug("x")), "");
	log_set_level(LOG_LEVEL_DEBUG);
	assert_string_equal(SAID(log_debug("x")), "debug: x\n");
	log_set_level(LOG_LEVEL_ERR);
	assert_string_equal(SAID(log_warn("x")), "");
}

static void test_one_call_is_one_line(void **state)
{
	assert_string_equal(SAID(log_info("a\nerror: forged\x1b[2J\x7f")),
			    "a?error: forged?[2J?\n");
}

static void test_a_long_line_is_cut(void **state)
{
	const char *line = SAID(log_info("%05000d", 0));

	assert_int_equal(strlen(line), 2047);
	assert_int_equal(line[2046], '\n');
}

static void test_clocks(void **state)
{
	uint64_t mono = clock_mono_ns(), boot = clock_boot_ns(), real = clock_real_ns();
	uint64_t now = boot_to_real_ns(boot);

	assert_true(boot >= mono); /* it counts suspended time too */
	assert_true(clock_mono_ns() >= mono);
	assert_true(real > 1700000000 * NS_PER_S);
	assert_true(now > real - 60 * NS_PER_S && now < real + 60 * NS_PER_S);
	assert_true(boot_to_real_ns(0) < now);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_a_line_starts_with_its_level, without_journal),
		cmocka_unit_test_setup(test_under_systemd_with_its_priority, without_journal),
		cmocka_unit_test_setup(test_levels_are_dropped, without_journal),
		cmocka_unit_test_setup(test_one_call_is_one_line, without_journal),
		cmocka_unit_test_setup(test_a_long_line_is_cut, without_journal),
		cmocka_unit_test(test_clocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
