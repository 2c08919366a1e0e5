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
#include "base/tree.h"

static struct tree *load(const char *text, struct diag_list *errors)
{
	struct tree *t = NULL;

	assert_int_equal(tree_load(text, strlen(text), 8, errors, &t), 0);
	return t;
}

static void test_values_are_found_by_path(void **state)
{
	_cleanup_tree_ struct tree *t = load("{\"a\":[1,{\"b c\":true,\"d\":\"x\\ty\"}],\n"
					     " \"e\":{\"f\":null}}",
					     NULL);
	static const char *const paths[] = { "",       "a", "a[0]", "a[1]", "a[1][\"b c\"]",
					     "a[1].d", "e", "e.f" };
	unsigned line, column;

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct tree_node *node = tree_find(t, paths[i]);
		_cleanup_free_ char *path = NULL;

		assert_non_null(node);
		path = tree_path(t, node);
		assert_string_equal(path, paths[i]);
	}
	assert_null(tree_find(t, "a[2]"));
	assert_null(tree_find(t, "a.b"));
	assert_null(tree_find(t, "e[0]"));
	assert_null(tree_find(t, "e.f.g"));
	assert_null(tree_find(t, "a[0"));
	assert_string_equal(tree_find(t, "a[1].d")->text, "x\ty");
	tree_place(t, tree_find(t, "e.f"), false, &line, &column);
	assert_int_equal(line, 2);
	assert_int_equal(column, 11);
	tree_place(t, tree_find(t, "e.f"), true, &line, &column);
	assert_int_equal(column, 7);
}

static void test_kinds_and_numbers(void **state)
{
	_cleanup_tree_ struct tree *t =
		load("[null,false,true,0,-0,-9007199254740991,9007199254740992,1.5,1e2,\"\",[],{}]",
		     NULL);
	static const enum tree_kind kinds[] = { TREE_NULL,    TREE_FALSE,   TREE_TRUE,
						TREE_INTEGER, TREE_INTEGER, TREE_INTEGER,
						TREE_REAL,    TREE_REAL,    TREE_REAL,
						TREE_STRING,  TREE_ARRAY,   TREE_OBJECT };
	struct tree_node *node;
	size_t n = 0;

	tree_foreach (t, node, tree_root(t)) {
		assert_int_equal(node->kind, kinds[n]);
		assert_int_equal(node->ordinal, n);
		n++;
	}
	assert_int_equal(n, 12);
	assert_true(tree_find(t, "[5]")->integer == -9007199254740991);
}

static void test_escapes_are_decoded(void **state)
{
	_cleanup_tree_ struct tree *t = load("[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\\u20ac"
					     "\\ud83d\\ude00\"]",
					     NULL);

	assert_string_equal(tree_find(t, "[0]")->text,
			    "\"\\/\b\f\n\r\t\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
}

static void assert_broken(const char *text, unsigned line, unsigned column, const char *message)
{
	struct diag_list errors = {};
	struct tree *t = NULL;

	assert_int_equal(tree_load(text, strlen(text), 8, &errors, &t), -EINVAL);
	assert_int_equal(errors.n, 1);
	assert_null(t);
	if (errors.v[0].line != line || errors.v[0].column != column ||
	    !strstr(errors.v[0].message, message))
		fail_msg("%s: %u:%u: %s", text, errors.v[0].line, errors.v[0].column,
			 errors.v[0].message);
	diag_list_free(&errors);
}

static void test_broken_structure_is_told_where_it_breaks(void **state)
{
	assert_broken("", 1, 1, "empty");
	assert_broken(" \n ", 2, 2, "empty");
	assert_broken("[1 2]", 1, 4, "expected ',' or ']', not '2'");
	assert_broken("[1,]", 1, 4, "expected a value, not ']'");
	assert_broken("{\"a\" 1}", 1, 6, "expected ':'");
	assert_broken("{\"a\":}", 1, 6, "expected a value, not '}'");
	assert_broken("{a:1}", 1, 2, "expected a name in quotes");
	assert_broken("[01]", 1, 2, "must not start with 0");
	assert_broken("[-]", 1, 3, "expected a digit");
	assert_broken("[1.]", 1, 4, "expected a digit");
	assert_broken("[1e+]", 1, 5, "expected a digit");
	assert_broken("[+1]", 1, 2, "expected a value");
	assert_broken("[nul]", 1, 2, "expected a value");
	assert_broken("[nullx]", 1, 6, "expected ',' or ']'");
	assert_broken("[NaN]", 1, 2, "expected a value");
	assert_broken("['a']", 1, 2, "expected a value");
	assert_broken("[\"a", 1, 2, "not closed");
	assert_broken("[\"a\\", 1, 2, "not closed");
	assert_broken("[\"a\nb\"]", 1, 2, "not closed");
	assert_broken("[[[[[[[[[", 1, 9, "more than 8 levels");
	assert_broken("\x01", 1, 1, "the byte 0x01");
}

static void test_duplicates_are_left_out(void **state)
{
	static const char *const texts[] = {
		"{\"a\":1,\"b\":2,\"a\":3,\"a\":4}",
		"{\"k0\":0,\"k1\":0,\"k2\":0,\"k3\":0,\"k4\":0,\"k5\":0,\"k6\":0,\"k7\":0,\"k8\":0,"
		"\"k9\":0,\"kA\":0,\"a\":1,\"b\":2,\"a\":3,\"a\":4}",
	};

	for (size_t i = 0; i < 2; i++) {
		struct diag_list errors = {};
		_cleanup_tree_ struct tree *t = load(texts[i], &errors);
		struct tree_node *node;
		size_t n = 0;

		assert_int_equal(errors.n, 2);
		assert_string_equal(errors.v[0].path, "a");
		assert_true(tree_member(t, tree_root(t), "a")->integer == 1);
		tree_foreach (t, node, tree_root(t))
			n++;
		assert_int_equal(n, i ? 13 : 2);
		diag_list_free(&errors);
	}
}

static void test_flaws_inside_strings_do_not_end_the_reading(void **state)
{
	struct diag_list errors = {};
	_cleanup_tree_ struct tree *t = load(
		"[\"\\q\",\"\\u12\",\"\\udc00\",\"\\ud800x\",\"\\u0000\",\"\xff\xff\",1]", &errors);
	static const unsigned columns[] = { 3, 8, 15, 24, 34, 43 };

	assert_int_equal(errors.n, 6);
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(errors.v[i].column, columns[i]);
	assert_true(tree_find(t, "[5]")->bad);
	assert_false(tree_find(t, "[6]")->bad);
	diag_list_free(&errors);
}

static void test_a_flawed_name_spoils_its_member_only(void **state)
{
	struct diag_list errors = {};
	_cleanup_tree_ struct tree *t = load("{\"a\xff\":1,\"b\":2}", &errors);

	assert_int_equal(errors.n, 1);
	assert_false(tree_root(t)->bad);
	assert_true(tree_child(t, tree_root(t))->bad);
	assert_false(tree_member(t, tree_root(t), "b")->bad);
	diag_list_free(&errors);
}

/* In each error once more it would be the square of the document. */
static void test_long_names_and_values_are_cut(void **state)
{
	static char text[2 * 20000 + 16] = "{\"";
	_cleanup_tree_ struct tree *t = NULL;
	struct diag_list errors = {};
	struct tree_node *node;
	char *at = text + 2;

	for (unsigned i = 0; i < 10000; i++)
		at = stpcpy(at, "\xc3\xa4"); /* a character of two bytes */
	at = stpcpy(at, "\":[\"");
	for (unsigned i = 0; i < 20000; i++)
		*at++ = 'v';
	strcpy(at, "\"]}");
	t = load(text, &errors);
	node = tree_child(t, tree_child(t, tree_root(t)));
	assert_int_equal(node->n, 20000);
	tree_error(t, node, &errors, "\"%s\" is not it", node->text);
	tree_error(t, node, &errors, "\"%s\" is not it", tree_child(t, tree_root(t))->key);

	assert_int_equal(strlen(errors.v[0].path), strlen("[\"...\"][0]") + 320);
	assert_int_equal(strlen(errors.v[0].message), 500 + 3 + 500);
	assert_memory_equal(errors.v[0].message, "\"vv", 3);
	assert_string_equal(strstr(errors.v[0].message, "\" is"), "\" is not it");
	for (unsigned i = 0; i < 2; i++) {
		json_t *v = json_string(errors.v[i].message); /* NULL unless UTF-8 */

		assert_non_null(v);
		json_decref(v);
	}
	diag_list_free(&errors);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values_are_found_by_path),
		cmocka_unit_test(test_kinds_and_numbers),
		cmocka_unit_test(test_escapes_are_decoded),
		cmocka_unit_test(test_broken_structure_is_told_where_it_breaks),
		cmocka_unit_test(test_duplicates_are_left_out),
		cmocka_unit_test(test_flaws_inside_strings_do_not_end_the_reading),
		cmocka_unit_test(test_a_flawed_name_spoils_its_member_only),
		cmocka_unit_test(test_long_names_and_values_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
