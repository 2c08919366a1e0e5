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
#include "base/shape.h"
#include "base/tree.h"

static const struct shape word = { .kind = SHAPE_WORD,
				   .words = (const char *const[]){ "on", "off", NULL } };
static const struct shape number = { .kind = SHAPE_INTEGER, .min = 1, .max = 9 };
static const struct shape either = { .kind = SHAPE_EITHER,
				     .what = "a number or a word",
				     .either = (const struct shape *const[]){ &number, &word,
									      NULL } };
static const struct shape list = { .kind = SHAPE_LIST, .min = 1, .max = 2, .item = &either };
static const struct shape text = { .kind = SHAPE_STRING, .min = 1, .max = 4, .pattern = "^x" };
static const struct shape map = { .kind = SHAPE_MAP, .pattern = "^k", .max = 2, .item = &text };
static const struct shape_member members[] = {
	{ .name = "list", .shape = &list, .required = true, .note = "some", .def = "[1]" },
	{ .name = "map", .shape = &map },
	{ .name = "flag", .shape = &(const struct shape){ .kind = SHAPE_BOOL } },
	{}
};
static const struct shape root = { .kind = SHAPE_OBJECT,
				   .members = (const struct shape_member *const[]){ members, NULL },
				   .extra = "{\"minProperties\":1}" };

static void assert_check(const char *document, const char *wanted)
{
	struct diag_list errors = {};
	_cleanup_tree_ struct tree *t = NULL;
	char got[2048] = "";

	assert_int_equal(tree_load(document, strlen(document), 8, &errors, &t), 0);
	shape_check(t, tree_root(t), &root, &errors);
	diag_list_sort(&errors);
	for (size_t i = 0; i < errors.n; i++)
		(void)snprintf(got + strlen(got), sizeof(got) - strlen(got), "%u %s: %s\n",
			       errors.v[i].column, errors.v[i].path, errors.v[i].message);
	diag_list_free(&errors);
	assert_string_equal(got, wanted);
}

static void test_what_fits(void **state)
{
	assert_check("{\"list\":[1]}", "");
	assert_check("{\"list\":[9,\"off\"],\"map\":{\"a\":\"x\",\"b\":\"y\"},\"flag\":false}", "");
}

static void test_what_does_not(void **state)
{
	assert_check("[]", "1 : must be an object, not a list\n");
	assert_check("{}", "1 : \"list\" is missing\n");
	assert_check("{\"list\":[]}", "9 list: needs at least 1 entry\n");
	assert_check("{\"list\":[1,2,3,4]}", "14 list[2]: more than 2 entries\n");
	assert_check("{\"list\":[0,10]}",
		     "10 list[0]: not an integer from 1 to 9 (no fraction, no exponent)\n"
		     "12 list[1]: not an integer from 1 to 9 (no fraction, no exponent)\n");
	assert_check("{\"list\":[\"up\",null]}",
		     "10 list[0]: \"up\" is not one of \"on\", \"off\"\n"
		     "15 list[1]: must be a number or a word, not null\n");
	assert_check("{\"list\":[1],\"map\":{\"a\":\"\"},\"flag\":1}",
		     "24 map.a: must not be empty\n"
		     "35 flag: must be true or false, not a number\n");
	assert_check("{\"list\":[1],\"map\":{\"a\":\"x\",\"b\":\"x\",\"c\":\"x\",\"d\":\"x\"}}",
		     "36 map.c: more than 2 of these\n");
	assert_check("{\"list\":[1],\"map\":{\"a\":\"xxxx\",\"b\":\"xxxxx\"}}",
		     "35 map.b: has more than 4 bytes\n");
	assert_check("{\"list\":[1],\"lst\":{\"deep\":[]}}", "13 lst: unknown member \"lst\"\n");
}

static void test_the_same_tables_give_the_schema(void **state)
{
	json_t *schema = shape_schema(&root), *wanted;

	wanted = json_loads(
		"{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"list\"],"
		"\"minProperties\":1,\"properties\":{"
		"\"list\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":2,\"description\":"
		"\"some\","
		"\"default\":[1],\"items\":{\"anyOf\":["
		"{\"type\":\"integer\",\"minimum\":1,\"maximum\":9},"
		"{\"type\":\"string\",\"enum\":[\"on\",\"off\"]}]}},"
		"\"map\":{\"type\":\"object\",\"propertyNames\":{\"pattern\":\"^k\"},"
		"\"maxProperties\":2,"
		"\"additionalProperties\":{\"type\":\"string\",\"minLength\":1,"
		"\"maxLength\":4,\"pattern\":\"^x\"},"
		"\"properties\":{},\"required\":[]},"
		"\"flag\":{\"type\":\"boolean\"}}}",
		0, NULL);
	assert_non_null(wanted);
	if (!json_equal(schema, wanted)) {
		json_dumpf(schema, stderr, JSON_INDENT(1));
		fail();
	}
	json_decref(schema);
	json_decref(wanted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_fits),
		cmocka_unit_test(test_what_does_not),
		cmocka_unit_test(test_the_same_tables_give_the_schema),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
