// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy/names.h"

static void test_matches(void **state)
{
	static const struct {
		const char *pattern, *name;
		bool match;
	} v[] = {
		{ "a.b", "a.b", true },
		{ "a.b", "A.B.", true },
		{ "A.b.", "a.B", true },
		{ "a.b", "x.a.b", false },
		{ "a.b", "a.bb", false },
		{ "*.a.b", "x.a.b", true },
		{ "*.a.b", "y.x.a.b", true },
		{ "*.A.b", "X.a.B.", true },
		{ "*.a.b", "a.b", false },
		{ "*.a.b", ".a.b", false },
		{ "*.a.b", "xa.b", false },
		{ "*.a.b", "x-a.b", false },
		{ "*.a.b", "x.a.b.c", false },
		{ "*.openai.azure.com", "my.privatelink.openai.azure.com", true },
		{ "*.openai.azure.com", "openai.azure.com.evil.example", false },
		{ "*.openai.azure.com", "evilopenai.azure.com", false },
		{ "a.b", "", false },
		{ "*.a.b", "", false },
	};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		if (name_match(v[i].pattern, v[i].name) != v[i].match)
			fail_msg("%s against %s", v[i].pattern, v[i].name);
}

static void test_more_labels_win_then_an_exact_name(void **state)
{
	assert_true(name_compare("*.x.a.b", "*.a.b") > 0);
	assert_true(name_compare("*.a.b", "*.x.a.b") < 0);
	assert_true(name_compare("y.a.b", "*.a.b") > 0); /* '*' is a label */
	assert_true(name_compare("*.a.b", "y.a.b") < 0);
	assert_int_equal(name_compare("*.a.b", "*.a.b"), 0);
	assert_int_equal(name_compare("y.a.b", "y.a.b"), 0);
	assert_int_equal(name_labels("*.a.b"), 3);
	assert_int_equal(name_labels("a.b."), 2);
	assert_int_equal(name_labels(""), 0);
}

static void test_normal_form(void **state)
{
	char name[NAME_TEXT_LEN];

	name_normalise("*.A.b.", name);
	assert_string_equal(name, "*.a.b");
	name_normalise("", name);
	assert_string_equal(name, "");
}

static void test_the_longest_name(void **state)
{
	char name[256];
	const char *why = NULL;

	for (size_t i = 0; i < 254; i++)
		name[i] = i % 64 == 63 ? '.' : 'a';
	name[253] = '\0';
	assert_int_equal(name_pattern_check(name, &why), 0);
	name[253] = '.'; /* a trailing dot does not count */
	name[254] = '\0';
	assert_int_equal(name_pattern_check(name, &why), 0);
	assert_null(why);
	name[253] = 'a';
	assert_int_equal(name_pattern_check(name, &why), -EINVAL);
	assert_string_equal(why, "has more than 253 octets");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_matches),
		cmocka_unit_test(test_more_labels_win_then_an_exact_name),
		cmocka_unit_test(test_normal_form),
		cmocka_unit_test(test_the_longest_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
