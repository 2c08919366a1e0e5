// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/rate.h"

#define START (1000 * NS_PER_S)

static int setup(void **state)
{
	*state = rate_new();
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	rate_free(*state);
	return 0;
}

static void a_minutes_worth_at_once_then_one_at_a_time(void **state)
{
	uint32_t wait = 0;

	for (int i = 0; i < 60; i++)
		assert_true(rate_take(*state, 1, 60, START, &wait));
	assert_false(rate_take(*state, 1, 60, START, &wait));
	assert_true(wait == 1 || wait == 2);
	assert_false(rate_take(*state, 1, 60, START + NS_PER_S / 2, &wait));
	assert_true(rate_take(*state, 1, 60, START + NS_PER_S, &wait));
	assert_false(rate_take(*state, 1, 60, START + NS_PER_S, &wait));
	assert_true(rate_take(*state, 2, 60, START, &wait)); /* somebody else */
	for (int i = 0; i < 60; i++)			     /* full again, and no fuller */
		assert_true(rate_take(*state, 1, 60, START + 500 * NS_PER_S, &wait));
	assert_false(rate_take(*state, 1, 60, START + 500 * NS_PER_S, &wait));
}

static void the_least_and_the_most(void **state)
{
	uint32_t wait = 0;

	assert_true(rate_take(*state, 1, 1, START, &wait));
	assert_false(rate_take(*state, 1, 1, START, &wait));
	assert_true(wait == 60 || wait == 61);
	assert_true(rate_take(*state, 1, 1, START + 60 * NS_PER_S, &wait));
	for (int i = 0; i < 60000; i++)
		assert_true(rate_take(*state, 2, 60000, START, &wait));
	assert_false(rate_take(*state, 2, 60000, START, &wait));
	assert_int_equal(wait, 1);
}

static void the_least_recently_used_is_forgotten(void **state)
{
	uint32_t wait;

	for (uint64_t key = 0; key < RATE_KEYS_MAX; key++)
		assert_true(rate_take(*state, key, 1, START + key, &wait));
	assert_false(rate_take(*state, 0, 1, START + RATE_KEYS_MAX, &wait)); /* kept, and used */
	assert_true(rate_take(*state, 5000, 1, START + 5000, &wait));
	assert_true(rate_take(*state, 1, 1, START + 5001, &wait)); /* was forgotten */
	assert_false(rate_take(*state, 0, 1, START + 5002, &wait));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_minutes_worth_at_once_then_one_at_a_time),
		TEST(the_least_and_the_most),
		TEST(the_least_recently_used_is_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
