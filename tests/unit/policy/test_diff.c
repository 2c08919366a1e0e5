// SPDX-License-Identifier: Apache-2.0
/* Differences of documents, as "PATH old -> new" lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "policy/diff.h"

static char *quoted(const char *text)
{
	char *copy = strdup(text);

	for (char *p = copy; *p; p++)
		if (*p == '\'')
			*p = '"';
	return copy;
}

static void assert_diff(const char *old, const char *new, const char *want)
{
	char *a = quoted(old), *b = quoted(new), *c = quoted(want);
	json_t *list = policy_diff(a, b), *o;
	struct buf got = {};
	size_t i;

	assert_non_null(list);
	json_array_foreach (list, i, o) {
		char *x = json_dumps(json_object_get(o, "old"), JSON_ENCODE_ANY | JSON_COMPACT);
		char *y = json_dumps(json_object_get(o, "new"), JSON_ENCODE_ANY | JSON_COMPACT);

		assert_int_equal(json_object_size(o), 3);
		assert_int_equal(buf_printf(&got, "%s%s %s -> %s", i ? "\n" : "",
					    json_string_value(json_object_get(o, "path")), x, y),
				 0);
		free(x);
		free(y);
	}
	assert_string_equal(got.data ? got.data : "", c);
	buf_free(&got);
	json_decref(list);
	free(a);
	free(b);
	free(c);
}

static void equal_documents_have_no_difference(void **state)
{
	assert_diff("{'a':1,'b':[1,2]}", "{ 'b': [1, 2],\n'a': 1 }", "");
}

static void members_are_told_by_their_place(void **state)
{
	assert_diff("{'mode':'audit','metadata':{'name':'x','revision':1}}",
		    "{'mode':'enforce','metadata':{'name':'x','revision':2}}",
		    "mode 'audit' -> 'enforce'\nmetadata.revision 1 -> 2");
	assert_diff("{'a':{'x':1}}", "{'a':{},'b':true}", "a.x 1 -> null\nb null -> true");
	assert_diff("{'a':[1]}", "{'a':'1'}", "a [1] -> '1'");
}

static void named_members_are_matched_by_name(void **state)
{
	assert_diff("{'services':[{'name':'a','p':1},{'name':'b','p':1}]}",
		    "{'services':[{'name':'new'},{'name':'a','p':1},{'name':'b','p':2}]}",
		    "services[0] null -> {'name':'new'}\nservices[2].p 1 -> 2");
	assert_diff("{'services':[{'name':'a'},{'name':'b'}]}", "{'services':[{'name':'b'}]}",
		    "services[0] {'name':'a'} -> null");
	assert_diff("{'services':[{'name':'a'},{'name':'b'}]}",
		    "{'services':[{'name':'b'},{'name':'a'}]}", "services ['a','b'] -> ['b','a']");
}

static void other_lists_are_compared_between_what_is_equal(void **state)
{
	assert_diff("{'r':['10.0.0.0/8','10.1.0.0/16']}",
		    "{'r':['9.9.9.9','10.0.0.0/8','10.1.0.0/16']}", "r[0] null -> '9.9.9.9'");
	assert_diff("{'r':[1,2,3,4]}", "{'r':[1,4]}", "r[1] 2 -> null\nr[2] 3 -> null");
	assert_diff("{'r':[{'action':'allow','cidr':'x'},{'action':'deny'}]}",
		    "{'r':[{'action':'deny','cidr':'x'},{'action':'deny'}]}",
		    "r[0].action 'allow' -> 'deny'");
	assert_diff("{'r':[]}", "{'r':[{'name':'a'}]}", "r[0] null -> {'name':'a'}");
}

/* {"r":[0,1,2,...]} with @n numbers, the first of them being @first. */
static char *numbers(unsigned first, unsigned n)
{
	struct buf b = {};

	assert_int_equal(buf_puts(&b, "{\"r\":["), 0);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(buf_printf(&b, "%s%u", i ? "," : "", first + i), 0);
	assert_int_equal(buf_puts(&b, "]}"), 0);
	return buf_take(&b);
}

/* From the list 0, 1, ... of @n_old numbers to @first, @first + 1, ... of @n. */
static json_t *diff_of_lists(unsigned n_old, unsigned first, unsigned n)
{
	char *old = numbers(0, n_old), *new = numbers(first, n);
	json_t *list = policy_diff(old, new);

	assert_non_null(list);
	free(old);
	free(new);
	return list;
}

static void a_long_stretch_is_told_as_one_difference(void **state)
{
	json_t *list = diff_of_lists(10, 0, 10 + POLICY_DIFF_PLACES), *o;

	assert_int_equal(json_array_size(list), POLICY_DIFF_PLACES); /* the tenth to the last */
	json_decref(list);
	list = diff_of_lists(5 + POLICY_DIFF_PLACES, 1000000, POLICY_DIFF_PLACES);
	assert_int_equal(json_array_size(list), 1);
	o = json_array_get(list, 0);
	assert_string_equal(json_string_value(json_object_get(o, "path")), "r");
	assert_int_equal(json_array_size(json_object_get(o, "old")), 5 + POLICY_DIFF_PLACES);
	assert_int_equal(json_array_size(json_object_get(o, "new")), POLICY_DIFF_PLACES);
	json_decref(list);
	list = diff_of_lists(0, 0, 1 + POLICY_DIFF_PLACES);
	assert_int_equal(json_array_size(list), 1);
	json_decref(list);
}

/* [{"name":"p0","r":[0,...]},...] */
static char *profiles(unsigned n, unsigned first)
{
	struct buf b = {};

	for (unsigned i = 0; i < n; i++) {
		char *list = numbers(first, 1000);

		assert_int_equal(
			buf_printf(&b, "%s{\"name\":\"p%u\",%s", i ? "," : "[", i, list + 1), 0);
		free(list);
	}
	assert_int_equal(buf_puts(&b, "]"), 0);
	return buf_take(&b);
}

static void after_many_differences_lists_are_told_as_one(void **state)
{
	char *old = profiles(10, 0), *new = profiles(10, 5000);
	json_t *list = policy_diff(old, new), *o;

	/* five lists place by place, then the other five */
	assert_int_equal(json_array_size(list), 5 * 1000 + 5);
	o = json_array_get(list, 5004);
	assert_string_equal(json_string_value(json_object_get(o, "path")), "[9].r");
	assert_int_equal(json_array_size(json_object_get(o, "new")), 1000);
	json_decref(list);
	free(old);
	free(new);
}

static void what_is_no_document_has_no_difference(void **state)
{
	assert_null(policy_diff("{", "{}"));
	assert_null(policy_diff("{}", ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_documents_have_no_difference),
		cmocka_unit_test(members_are_told_by_their_place),
		cmocka_unit_test(named_members_are_matched_by_name),
		cmocka_unit_test(other_lists_are_compared_between_what_is_equal),
		cmocka_unit_test(a_long_stretch_is_told_as_one_difference),
		cmocka_unit_test(after_many_differences_lists_are_told_as_one),
		cmocka_unit_test(what_is_no_document_has_no_difference),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
