// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "token/retry.h"

/* Milliseconds waited while a source says @status, and how often it is asked. */
static int64_t wait_all(enum token_schedule s, int status, unsigned int after_s, unsigned *ret_n)
{
	struct token_try t = { .schedule = s, .status = status, .after_s = after_s };
	int64_t sum = 0;
	int ms;

	do {
		t.tries++;
		t.gone += status == 410;
		ms = token_retry_ms(&t);
		sum += ms > 0 ? ms : 0;
	} while (ms >= 0 && t.tries < 100);
	*ret_n = t.tries;
	return sum;
}

static void test_imds(void **state)
{
	unsigned int n;

	assert_int_equal(wait_all(TOKEN_SCHEDULE_IMDS, 404, 0, &n), 15000);
	assert_int_equal(n, 5);
	assert_int_equal(wait_all(TOKEN_SCHEDULE_IMDS, 0, 0, &n), 15000);
	assert_int_equal(wait_all(TOKEN_SCHEDULE_IMDS, 503, 0, &n), 15000);
	assert_int_equal(wait_all(TOKEN_SCHEDULE_IMDS, 410, 0, &n), 70000);
	assert_int_equal(n, 8);
	assert_int_equal(wait_all(TOKEN_SCHEDULE_IMDS, 429, 3, &n), 3000 + 3000 + 4000 + 8000);
	assert_int_equal(wait_all(TOKEN_SCHEDULE_IMDS, 429, 3600, &n), 0);
	assert_int_equal(n, 1);
	for (int status = 400; status < 410; status++)
		if (status != 404)
			assert_int_equal(wait_all(TOKEN_SCHEDULE_IMDS, status, 0, &n), 0);
}

static void test_others(void **state)
{
	unsigned int n;

	assert_int_equal(wait_all(TOKEN_SCHEDULE_LOCAL, 404, 0, &n), 0);
	assert_int_equal(wait_all(TOKEN_SCHEDULE_LOCAL, 410, 0, &n), 0);
	assert_int_equal(wait_all(TOKEN_SCHEDULE_LOCAL, 500, 0, &n), 3000);
	assert_int_equal(n, 3);
	assert_int_equal(wait_all(TOKEN_SCHEDULE_ENTRA, 429, 7, &n), 14000);
	assert_int_equal(wait_all(TOKEN_SCHEDULE_ENTRA, 400, 0, &n), 0);
	assert_int_equal(n, 1);
}

static void test_an_expired_assertion_is_read_anew_once(void **state)
{
	struct token_try t = {
		.schedule = TOKEN_SCHEDULE_ENTRA, .status = 401, .tries = 1, .stale = true
	};

	assert_int_equal(token_retry_ms(&t), 0);
	t.reread = true;
	assert_int_equal(token_retry_ms(&t), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_imds),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_an_expired_assertion_is_read_anew_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
