// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "names/vectors.h"
#include "policy/names.h"

static const char *normal(const char *name, char *room)
{
	name_normalise(name, room);
	return room;
}

static void check_vector(const struct vector *v, void *ctx)
{
	const char *best = NULL;

	for (size_t i = 0; i < v->n; i++)
		if (name_match(v->patterns[i], v->name) &&
		    (!best || name_compare(v->patterns[i], best) > 0))
			best = v->patterns[i];
	if (!best != !v->want || (best && strcmp(normal(best, ctx), v->want) != 0))
		fail_msg("vectors.txt:%d: %s", v->line, best ? best : "none");
}

static void test_the_pattern_that_decides(void **state)
{
	char room[NAME_TEXT_LEN];

	vectors_each(check_vector, room);
}

static void test_what_is_no_name_matches_nothing(void **state)
{
	assert_false(name_match("a.b", ""));
	assert_false(name_match("*.a.b", ""));
	assert_false(name_match("*.a.b", ".a.b"));
}

static void test_the_text_of_the_tries(void **state)
{
	char text[ZTA_NAME_TEXT], want[ZTA_NAME_TEXT] = "elpmaxe.a", name[256];

	assert_int_equal(name_backwards("A.example.", text), 10); /* with its NUL */
	assert_memory_equal(text, want, sizeof(text));
	assert_int_equal(name_backwards("*.example", text), 8);
	assert_string_equal(text, "elpmaxe.");
	memset(name, 'a', sizeof(name));
	for (size_t n = 198; n <= 202; n++) {
		name[n] = '\0';
		assert_int_equal(name_backwards(name, text), n < 200 ? n + 1 : 200);
		name[n] = 'a';
	}
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
		cmocka_unit_test(test_the_pattern_that_decides),
		cmocka_unit_test(test_what_is_no_name_matches_nothing),
		cmocka_unit_test(test_the_text_of_the_tries),
		cmocka_unit_test(test_more_labels_win_then_an_exact_name),
		cmocka_unit_test(test_normal_form),
		cmocka_unit_test(test_the_longest_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
