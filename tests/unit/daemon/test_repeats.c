// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/repeats.h"

#define START (1000 * NS_PER_S)

struct site {
	struct repeats *r;
	unsigned int records;
	uint64_t count; /* of all records */
	uint64_t last;
};

static void told(void *ctx, json_t *record)
{
	struct site *s = ctx;

	s->records++;
	s->last = (uint64_t)json_integer_value(json_object_get(record, "count"));
	s->count += s->last;
	json_decref(record);
}

static int setup(void **state)
{
	struct site *s = calloc(1, sizeof(*s));

	s->r = repeats_new(told, s);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct site *s = *state;

	repeats_free(s->r);
	free(s);
	return 0;
}

static void put(struct site *s, uint64_t workload, uint32_t reason, const char *audience,
		uint64_t at_s)
{
	repeats_put(s->r, &(struct repeats_key){ workload, reason, audience },
		    json_pack("{s:i}", "count", 1), START + at_s * NS_PER_S);
}

static void at_once_then_each_minute_then_each_ten(void **state)
{
	struct site *s = *state;

	for (uint64_t t = 0; t < 3600; t++) {
		put(s, 1, 1, "a", t);
		repeats_tick(s->r, false, START + t * NS_PER_S);
	}
	/* 1 + 10 in the first ten minutes (0, 60, ..., 600), then 1200, 1800, 2400, 3000 */
	assert_int_equal(s->records, 1 + 10 + 4);
	assert_int_equal(s->last, 600);
	assert_int_equal(repeats_held(s->r), 599);
	assert_int_equal(s->count + repeats_held(s->r), 3600);
	repeats_tick(s->r, true, START + 3600 * NS_PER_S);
	assert_int_equal(s->count, 3600);
	assert_int_equal(repeats_held(s->r), 0);
}

static void what_is_held_is_told_without_another(void **state)
{
	struct site *s = *state;

	put(s, 1, 1, "a", 0);
	put(s, 1, 1, "a", 1);
	put(s, 1, 1, "a", 2);
	assert_int_equal(s->records, 1);
	repeats_tick(s->r, false, START + 59 * NS_PER_S);
	assert_int_equal(s->records, 1);
	repeats_tick(s->r, false, START + 60 * NS_PER_S);
	assert_int_equal(s->records, 2);
	assert_int_equal(s->last, 2);
	repeats_tick(s->r, false, START + 700 * NS_PER_S); /* forgotten */
	put(s, 1, 1, "a", 701);
	assert_int_equal(s->records, 3);
}

static void others_are_told_for_themselves(void **state)
{
	struct site *s = *state;

	put(s, 1, 1, "a", 0);
	put(s, 1, 1, "b", 0);
	put(s, 1, 2, "a", 0);
	put(s, 2, 1, "a", 0);
	assert_int_equal(s->records, 4);
}

static void who_makes_up_audiences_is_folded_wider(void **state)
{
	struct site *s = *state;
	char audience[32];

	for (unsigned int i = 0; i < 10000; i++) {
		(void)snprintf(audience, sizeof(audience), "api://%u", i);
		put(s, 1, 1, audience, 0);
	}
	assert_int_equal(s->records, REPEATS_EACH_MAX + 1);
	assert_int_equal(s->count + repeats_held(s->r), 10000);
	put(s, 2, 1, "api://0", 0);
	assert_int_equal(s->records, REPEATS_EACH_MAX + 2);
}

static void nothing_is_lost_when_it_is_full(void **state)
{
	struct site *s = *state;

	for (uint64_t w = 1; w <= 2 * REPEATS_MAX; w++) {
		put(s, w, 1, "a", w);
		put(s, w, 1, "a", w);
	}
	assert_int_equal(s->count + repeats_held(s->r), 4 * REPEATS_MAX);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(at_once_then_each_minute_then_each_ten),
		TEST(what_is_held_is_told_without_another),
		TEST(others_are_told_for_themselves),
		TEST(who_makes_up_audiences_is_folded_wider),
		TEST(nothing_is_lost_when_it_is_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
