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
#include "base/clock.h"
#include "base/str.h"

static void test_beginnings_and_ends(void **state)
{
	assert_true(str_starts("abc", "ab"));
	assert_true(str_starts("abc", ""));
	assert_false(str_starts("ab", "abc"));
	assert_true(str_ends("abc", "bc"));
	assert_true(str_ends("abc", "abc"));
	assert_false(str_ends("bc", "abc"));
	assert_true(str_eq("a", "a"));
	assert_false(str_eq("a", "b"));
	assert_false(str_eq("a", NULL));
	assert_true(str_eq(NULL, NULL));
}

static void test_joining(void **state)
{
	static const char *const v[] = { "a", "", "c" };
	_cleanup_free_ char *three = str_join(v, 3, ", ");
	_cleanup_free_ char *none = str_join(v, 0, ", ");

	assert_string_equal(three, "a, , c");
	assert_string_equal(none, "");
}

static void test_durations(void **state)
{
	static const struct {
		const char *text;
		int r;
		uint64_t ns;
	} v[] = {
		{ "200ms", 0, 200 * NS_PER_MS },
		{ "90s", 0, 90 * NS_PER_S },
		{ "10m", 0, 600 * NS_PER_S },
		{ "24h", 0, 86400 * NS_PER_S },
		{ "90d", 0, 90ULL * 86400 * NS_PER_S },
		{ "0s", 0, 0 },
		{ "106751d", 0, 106751ULL * 86400 * NS_PER_S },
		{ "106752d", -ERANGE, 0 },
		{ "99999999999999999999s", -ERANGE, 0 },
		{ "", -EINVAL, 0 },
		{ "s", -EINVAL, 0 },
		{ "90", -EINVAL, 0 },
		{ "-1s", -EINVAL, 0 },
		{ "+1s", -EINVAL, 0 },
		{ " 1s", -EINVAL, 0 },
		{ "1s ", -EINVAL, 0 },
		{ "1.5s", -EINVAL, 0 },
		{ "1S", -EINVAL, 0 },
		{ "1w", -EINVAL, 0 },
		{ "1h30m", -EINVAL, 0 },
	};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		uint64_t ns = 0;

		if (duration_parse(v[i].text, &ns) != v[i].r || ns != v[i].ns)
			fail_msg("%s", v[i].text);
	}
}

static void test_times_are_printed_with_nine_decimals(void **state)
{
	char text[RFC3339_LEN];

	rfc3339_format(0, text);
	assert_string_equal(text, "1970-01-01T00:00:00.000000000Z");
	rfc3339_format(1795551901 * NS_PER_S + 123456789, text);
	assert_string_equal(text, "2026-11-24T20:25:01.123456789Z");
	rfc3339_format(UINT64_MAX, text);
	assert_string_equal(text, "2554-07-21T23:34:33.709551615Z");
}

static void test_times_are_read(void **state)
{
	static const struct {
		const char *text;
		int r;
		uint64_t ns;
	} v[] = {
		{ "1970-01-01T00:00:00Z", 0, 0 },
		{ "2026-11-24T20:25:01.123456789Z", 0, 1795551901 * NS_PER_S + 123456789 },
		{ "2026-11-24t20:25:01z", 0, 1795551901 * NS_PER_S },
		{ "2026-11-24 22:25:01.5+02:00", 0, 1795551901 * NS_PER_S + 500000000 },
		{ "2026-11-24T18:55:01-01:30", 0, 1795551901 * NS_PER_S },
		{ "2016-12-31T23:59:60Z", 0, 1483228800 * NS_PER_S },
		{ "2028-02-29T00:00:00Z", 0, 1835395200 * NS_PER_S },
		{ "1969-12-31T23:59:59Z", -ERANGE, 0 },
		{ "9999-01-01T00:00:00Z", -ERANGE, 0 },
		{ "2027-02-29T00:00:00Z", -EINVAL, 0 },
		{ "2026-13-01T00:00:00Z", -EINVAL, 0 },
		{ "2026-00-01T00:00:00Z", -EINVAL, 0 },
		{ "2026-01-01T24:00:00Z", -EINVAL, 0 },
		{ "2026-01-01T00:00:00", -EINVAL, 0 },
		{ "2026-01-01T00:00:00.Z", -EINVAL, 0 },
		{ "2026-01-01T00:00:00.1234567890Z", -EINVAL, 0 },
		{ "2026-01-01T00:00:00+2:00", -EINVAL, 0 },
		{ "2026-01-01T00:00:00Zx", -EINVAL, 0 },
		{ "2026-01-01", -EINVAL, 0 },
		{ "", -EINVAL, 0 },
	};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		uint64_t ns = 0;

		if (rfc3339_parse(v[i].text, &ns) != v[i].r || ns != v[i].ns)
			fail_msg("%s", v[i].text);
	}
}

static void test_dates(void **state)
{
	static const char *const wrong[] = { "",	   "2027-06-31",  "2027-6-30",
					     "27-06-30",   "2027-06-30 ", "2027/06/30",
					     "2100-02-29", "2027-06-00" };
	int64_t s = -1;

	assert_int_equal(date_parse("2027-06-30", &s), 0);
	assert_int_equal(s, 1814313600);
	assert_int_equal(date_parse("2000-02-29", &s), 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(date_parse(wrong[i], &s), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_beginnings_and_ends),
		cmocka_unit_test(test_joining),
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_times_are_printed_with_nine_decimals),
		cmocka_unit_test(test_times_are_read),
		cmocka_unit_test(test_dates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
