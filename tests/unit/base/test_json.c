// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/diag.h"
#include "base/json.h"

static void test_a_document_becomes_a_value(void **state)
{
	static const char text[] = " {\"a\": [1, \"x\"]} ";
	struct diag_list errors = {};
	json_t *o = NULL;

	assert_int_equal(json_load_checked(text, strlen(text), 32, &errors, &o), 0);
	assert_int_equal(errors.n, 0);
	assert_int_equal(json_integer_value(json_array_get(json_object_get(o, "a"), 0)), 1);
	json_decref(o);
}

static void test_every_error_has_its_place(void **state)
{
	static const char text[] = "{\"b\":1.5,\n\"a\":1,\"a\":2,\n\"c\":[99999999999999999999]}x";
	static const struct {
		unsigned line, column;
		const char *path;
	} wanted[] = { { 1, 6, "b" }, { 2, 7, "a" }, { 3, 6, "c[0]" }, { 3, 28, "" } };
	struct diag_list errors = {};
	json_t *o = NULL;

	assert_int_equal(json_load_checked(text, strlen(text), 32, &errors, &o), -EINVAL);
	assert_null(o);
	assert_int_equal(errors.n, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(errors.v[i].line, wanted[i].line);
		assert_int_equal(errors.v[i].column, wanted[i].column);
		assert_string_equal(errors.v[i].path, wanted[i].path);
	}
	diag_list_free(&errors);
}

static void test_the_depth_is_the_callers(void **state)
{
	struct diag_list errors = {};
	json_t *o = NULL;

	assert_int_equal(json_load_checked("[[1]]", 5, 2, &errors, &o), 0);
	json_decref(o);
	o = NULL;
	assert_int_equal(json_load_checked("[[[1]]]", 7, 2, &errors, &o), -EINVAL);
	assert_int_equal(errors.v[0].column, 3);
	diag_list_free(&errors);
}

static void test_values_are_located(void **state)
{
	static const char text[] = "{\"a\":\n [1, {\"b\": 2}]}";
	unsigned line, column;

	assert_int_equal(json_locate(text, strlen(text), "a[1].b", false, &line, &column), 0);
	assert_int_equal(line, 2);
	assert_int_equal(column, 12);
	assert_int_equal(json_locate(text, strlen(text), "a[1].b", true, &line, &column), 0);
	assert_int_equal(column, 7);
	assert_int_equal(json_locate(text, strlen(text), "", false, &line, &column), 0);
	assert_int_equal(line, 1);
	assert_int_equal(column, 1);
	assert_int_equal(json_locate(text, strlen(text), "a[2]", false, &line, &column), -ENOENT);
	assert_int_equal(json_locate("{", 1, "a", false, &line, &column), -EINVAL);
}

static void test_text_is_set(void **state)
{
	json_t *o = json_object();

	assert_int_equal(json_set_text(o, "a", "%d-%s", 1, "x"), 0);
	assert_string_equal(json_string_value(json_object_get(o, "a")), "1-x");
	assert_int_equal(json_set_text(o, "b", "%s", "\xff"), -ENOMEM); /* not UTF-8 */
	json_decref(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_document_becomes_a_value),
		cmocka_unit_test(test_every_error_has_its_place),
		cmocka_unit_test(test_the_depth_is_the_callers),
		cmocka_unit_test(test_values_are_located),
		cmocka_unit_test(test_text_is_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
