// SPDX-License-Identifier: Apache-2.0
/* The rooms that hold bytes: buf, map, pool. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/map.h"
#include "base/pool.h"

static void test_a_buffer_grows(void **state)
{
	_cleanup_buf_ struct buf b = {};

	assert_int_equal(buf_puts(&b, "ab"), 0);
	assert_int_equal(buf_add(&b, "\0c", 2), 0);
	assert_int_equal(buf_printf(&b, "%05d", 7), 0);
	assert_int_equal(b.len, 9);
	assert_memory_equal(b.data, "ab\0c00007", 10);
	for (int i = 0; i < 10000; i++)
		assert_int_equal(buf_puts(&b, "0123456789"), 0);
	assert_int_equal(b.len, 100009);
	assert_int_equal(b.data[b.len], 0);
	assert_int_equal(b.data[100008], '9');
}

static void test_a_buffer_is_consumed_from_its_front(void **state)
{
	_cleanup_buf_ struct buf b = {};

	buf_consume(&b, 3); /* empty: nothing to do */
	assert_int_equal(buf_puts(&b, "abcdef"), 0);
	buf_consume(&b, 2);
	assert_string_equal(b.data, "cdef");
	buf_consume(&b, 100);
	assert_int_equal(b.len, 0);
	assert_string_equal(b.data, "");
}

static void test_a_buffer_gives_its_bytes_away(void **state)
{
	struct buf b = {};
	char *s = buf_take(&b);

	assert_string_equal(s, "");
	free(s);
	assert_int_equal(buf_puts(&b, "x"), 0);
	s = buf_take(&b);
	assert_string_equal(s, "x");
	assert_null(b.data);
	free(s);
}

static void test_a_size_that_cannot_be_is_refused(void **state)
{
	_cleanup_buf_ struct buf b = {};

	assert_int_equal(buf_puts(&b, "x"), 0);
	assert_int_equal(buf_reserve(&b, SIZE_MAX), -ENOMEM);
	assert_int_equal(buf_reserve(&b, SIZE_MAX / 2), -ENOMEM);
	assert_string_equal(b.data, "x");
}

static void test_a_map_keeps_the_first_value(void **state)
{
	struct map m = {};
	size_t value = 0;

	assert_false(map_get(&m, "a", 1, &value));
	assert_int_equal(map_put(&m, "", 0, 1), 1);
	assert_int_equal(map_put(&m, "a", 1, 2), 1);
	assert_int_equal(map_put(&m, "a\0", 2, 3), 1);
	assert_int_equal(map_put(&m, "a", 1, 9), 0);
	assert_true(map_get(&m, "", 0, &value) && value == 1);
	assert_true(map_get(&m, "a", 1, &value) && value == 2);
	assert_true(map_get(&m, "a\0", 2, &value) && value == 3);
	assert_false(map_get(&m, "b", 1, &value));
	assert_int_equal(m.n, 3);
	map_free(&m);
}

static void test_a_map_grows(void **state)
{
	struct map m = {};
	size_t value;

	for (uint32_t i = 0; i < 100000; i++)
		assert_int_equal(map_put(&m, &i, sizeof(i), i * 3), 1);
	for (uint32_t i = 0; i < 100000; i++)
		assert_true(map_get(&m, &i, sizeof(i), &value) && value == i * 3);
	assert_int_equal(m.n, 100000);
	map_free(&m);
}

static void test_a_pool_gives_zeroes_and_copies(void **state)
{
	static const uint16_t from[] = { 1, 2, 3 };
	struct pool p = {};
	uint64_t *zeroes = pool_alloc(&p, 100, sizeof(*zeroes));
	uint16_t *copy = pool_copy(&p, from, 3, sizeof(from[0]));

	for (int i = 0; i < 100; i++)
		assert_true(zeroes[i] == 0);
	assert_memory_equal(copy, from, sizeof(from));
	assert_string_equal(pool_strdup(&p, "text"), "text");
	assert_non_null(pool_alloc(&p, 0, 8));
	assert_null(pool_alloc(&p, SIZE_MAX, 2));
	assert_null(pool_alloc(&p, SIZE_MAX, 1));
	pool_free(&p);
	assert_null(p.blocks);
	pool_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_buffer_grows),
		cmocka_unit_test(test_a_buffer_is_consumed_from_its_front),
		cmocka_unit_test(test_a_buffer_gives_its_bytes_away),
		cmocka_unit_test(test_a_size_that_cannot_be_is_refused),
		cmocka_unit_test(test_a_map_keeps_the_first_value),
		cmocka_unit_test(test_a_map_grows),
		cmocka_unit_test(test_a_pool_gives_zeroes_and_copies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
