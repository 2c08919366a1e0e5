// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/diag.h"

static void test_a_reason_keeps_the_error(void **state)
{
	struct diag d;

	assert_int_equal(diag_set(&d, -ENOENT, "cannot read '%s':", "x"), -ENOENT);
	assert_string_equal(d.text, "cannot read 'x': No such file or directory");
	assert_int_equal(diag_set(&d, -EINVAL, "plain"), -EINVAL);
	assert_string_equal(d.text, "plain");
	assert_int_equal(diag_set(NULL, -EPERM, "nobody listens"), -EPERM);
}

static void test_a_long_reason_is_cut(void **state)
{
	struct diag d;

	assert_int_equal(diag_set(&d, -EIO, "%0600d:", 0), -EIO);
	assert_int_equal(strlen(d.text), sizeof(d.text) - 1);
}

static void test_items_are_sorted_by_place_and_stay_in_order(void **state)
{
	struct diag_list l = {};

	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(diag_list_add(&l, 7 - i % 7, 1 + i % 3, "", "%u", i), 0);
	diag_list_sort(&l);
	assert_int_equal(l.n, 100);
	for (size_t i = 1; i < l.n; i++) {
		const struct diag_item *a = &l.v[i - 1], *b = &l.v[i];

		assert_true(a->line < b->line || (a->line == b->line && a->column < b->column) ||
			    (a->line == b->line && a->column == b->column &&
			     atoi(a->message) < atoi(b->message)));
	}
	diag_list_free(&l);
	assert_int_equal(l.n, 0);
	diag_list_sort(&l);
}

static void test_items_become_json(void **state)
{
	struct diag_list l = {};
	json_t *array;
	char *text;

	assert_int_equal(diag_list_add(&l, 12, 9, "a[1]", "\"%s\" is wrong", "x"), 0);
	assert_int_equal(diag_list_add(NULL, 1, 1, "", "dropped"), 0);
	array = diag_list_json(&l);
	text = json_dumps(array, JSON_COMPACT);
	assert_string_equal(text, "[{\"line\":12,\"column\":9,\"path\":\"a[1]\","
				  "\"message\":\"\\\"x\\\" is wrong\"}]");
	free(text);
	json_decref(array);
	diag_list_free(&l);
}

static void test_a_full_list_says_so_once(void **state)
{
	struct diag_list l = {};

	for (unsigned i = 0; i < DIAG_LIST_MAX; i++)
		assert_int_equal(diag_list_add(&l, 1, 1 + i, "a", "wrong"), 0);
	assert_int_equal(l.n, DIAG_LIST_MAX);
	assert_false(diag_list_full(&l));
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(diag_list_add(&l, 2, 1 + i, "b", "wrong"), 0);
	assert_true(diag_list_full(&l));
	assert_int_equal(l.n, DIAG_LIST_MAX + 1);
	assert_int_equal(l.v[DIAG_LIST_MAX].line, 2);
	assert_int_equal(l.v[DIAG_LIST_MAX].column, 1);
	assert_string_equal(l.v[DIAG_LIST_MAX].path, "");
	assert_string_equal(l.v[DIAG_LIST_MAX].message,
			    "more than 10000 of these: the others are not told");
	diag_list_free(&l);
	assert_false(diag_list_full(&l));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_reason_keeps_the_error),
		cmocka_unit_test(test_a_long_reason_is_cut),
		cmocka_unit_test(test_items_are_sorted_by_place_and_stay_in_order),
		cmocka_unit_test(test_items_become_json),
		cmocka_unit_test(test_a_full_list_says_so_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
