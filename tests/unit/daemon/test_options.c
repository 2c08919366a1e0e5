// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/diag.h"
#include "daemon/options.h"

#define PARSE(o, d, ...)                                                              \
	({                                                                            \
		char *argv_[] = { (char *)"ztad", ##__VA_ARGS__, NULL };              \
		options_parse(sizeof(argv_) / sizeof(argv_[0]) - 1, argv_, (o), (d)); \
	})

static void test_defaults_are_those_of_the_contract(void **state)
{
	struct options o;

	assert_int_equal(PARSE(&o, NULL), 0);
	assert_int_equal(o.action, OPTIONS_RUN);
	assert_string_equal(o.config, "/etc/zta/ztad.json");
	assert_string_equal(o.policy, "/etc/zta/policy.json");
	assert_null(o.cgroup);
	assert_string_equal(o.bpffs, "/sys/fs/bpf/zta");
	assert_string_equal(o.state_dir, "/var/lib/zta");
	assert_string_equal(o.run_dir, "/run/zta");
	assert_string_equal(o.metrics, "127.0.0.1:9465");
	assert_false(o.policy_given);
	assert_false(o.config_given);
	assert_false(o.json);
}

static void test_values_are_taken(void **state)
{
	struct options o;

	assert_int_equal(PARSE(&o, NULL, "--config", "a", "--policy=b", "--cgroup", "c", "--bpffs",
			       "d", "--state-dir", "e", "--run-dir", "f", "--metrics", "[::1]:0"),
			 0);
	assert_string_equal(o.config, "a");
	assert_true(o.config_given);
	assert_string_equal(o.policy, "b");
	assert_true(o.policy_given);
	assert_string_equal(o.cgroup, "c");
	assert_string_equal(o.bpffs, "d");
	assert_string_equal(o.state_dir, "e");
	assert_string_equal(o.run_dir, "f");
	assert_string_equal(o.metrics, "[::1]:0");
	assert_int_equal(PARSE(&o, NULL, "--metrics", "off"), 0);
	assert_null(o.metrics);
}

static void test_one_action_at_most(void **state)
{
	struct options o;
	struct diag d = { 0 };

	assert_int_equal(PARSE(&o, NULL, "--check", "-o", "json"), 0);
	assert_int_equal(o.action, OPTIONS_CHECK);
	assert_true(o.json);
	assert_int_equal(PARSE(&o, NULL, "--detach"), 0);
	assert_int_equal(o.action, OPTIONS_DETACH);
	assert_int_equal(PARSE(&o, NULL, "--restore"), 0);
	assert_int_equal(o.action, OPTIONS_RESTORE);
	assert_int_equal(PARSE(&o, &d, "--restore", "--detach"), -EINVAL);
	assert_non_null(strstr(d.text, "only one"));
}

static void test_help_and_version_win(void **state)
{
	struct options o;

	assert_int_equal(PARSE(&o, NULL, "--detach", "--help", "--nonsense"), 0);
	assert_int_equal(o.action, OPTIONS_HELP);
	assert_int_equal(PARSE(&o, NULL, "--version"), 0);
	assert_int_equal(o.action, OPTIONS_VERSION);
}

static void test_wrong_words_are_named(void **state)
{
	static const struct {
		const char *a, *b, *says;
	} cases[] = {
		{ "--nonsense", NULL, "--nonsense" },
		{ "--policy", NULL, "--policy" },
		{ "--policy", "", "empty" },
		{ "--detach=1", NULL, "--detach" },
		{ "word", NULL, "word" },
		{ "-o", "json", "--check" },
		{ "-o", "yaml", "yaml" },
		{ "--metrics", "9465", "9465" },
		{ "--metrics", ":9465", ":9465" },
		{ "--metrics", "127.0.0.1:", "127.0.0.1:" },
		{ "--metrics", "127.0.0.1:65536", "65536" },
		{ "--metrics", "127.0.0.1:80x", "80x" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct options o = { .json = true };
		struct diag d = { 0 };
		int r;

		if (cases[i].b)
			r = PARSE(&o, &d, (char *)cases[i].a, (char *)cases[i].b);
		else
			r = PARSE(&o, &d, (char *)cases[i].a);
		assert_int_equal(r, -EINVAL);
		if (!strstr(d.text, cases[i].says))
			fail_msg("\"%s\" does not name %s", d.text, cases[i].says);
		assert_true(o.json); /* untouched */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults_are_those_of_the_contract),
		cmocka_unit_test(test_values_are_taken),
		cmocka_unit_test(test_one_action_at_most),
		cmocka_unit_test(test_help_and_version_win),
		cmocka_unit_test(test_wrong_words_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
