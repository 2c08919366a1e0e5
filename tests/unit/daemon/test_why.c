// SPDX-License-Identifier: Apache-2.0
/* What a workload hears about its own denials. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/why.h"

static int setup(void **state)
{
	*state = why_new();
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	why_free(*state);
	return 0;
}

static void note(struct why *w, unsigned int workload, const char *verdict, unsigned int reason,
		 const char *hint)
{
	json_t *o = json_pack("{s:s, s:s, s:{s:i}, s:{s:i}, s:{s:s}, s:s}", "verdict", verdict,
			      "reason", "", "workload", "id", (int)workload, "process", "pid", 7,
			      "host", "name", "secret-node", "hint", hint);
	char text[16];

	assert_non_null(o);
	(void)snprintf(text, sizeof(text), "r%u", reason);
	assert_int_equal(json_object_set_new(o, "reason", json_string(text)), 0);
	why_note(w, o);
	json_decref(o);
}

/* The reasons told, and that it is JSON. */
static void assert_told(struct why *w, unsigned int workload, const char *want)
{
	char got[256] = "";
	json_t *v, *one;
	size_t len, i;
	char *text = why_json(w, workload, &len);

	assert_non_null(text);
	assert_int_equal(strlen(text), len);
	assert_null(strstr(text, "secret-node"));
	assert_null(strstr(text, "pid"));
	v = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	json_array_foreach (json_object_get(v, "denials"), i, one) {
		strcat(got, json_string_value(json_object_get(one, "reason")));
		strcat(got, " ");
	}
	assert_string_equal(got, want);
	json_decref(v);
	free(text);
}

static void each_hears_its_own_and_no_other(void **state)
{
	struct why *w = *state;

	note(w, 1, "deny", 1, "h");
	note(w, 2, "audit", 2, "h");
	note(w, 1, "allow", 3, "h");
	note(w, 0, "deny", 4, "h");
	assert_told(w, 1, "r1 ");
	assert_told(w, 2, "r2 ");
	assert_told(w, 3, "");
	assert_told(w, 0, "");
}

static void the_last_ones_in_their_order(void **state)
{
	struct why *w = *state;

	for (unsigned int i = 1; i <= 11; i++)
		note(w, 1, "deny", i, "h");
	assert_told(w, 1, "r4 r5 r6 r7 r8 r9 r10 r11 ");
}

static void the_longest_silent_is_forgotten(void **state)
{
	struct why *w = *state;

	for (unsigned int i = 1; i <= WHY_WORKLOADS; i++)
		note(w, i, "deny", i, "h");
	note(w, 1, "deny", 9, "h");
	note(w, 1000, "deny", 1, "h");
	assert_told(w, 1, "r1 r9 ");
	assert_told(w, 2, "");
	assert_told(w, 3, "r3 ");
	assert_told(w, 1000, "r1 ");
}

static void one_that_is_too_long_goes_without_its_hint(void **state)
{
	struct why *w = *state;
	char hint[WHY_BYTES + 1];
	size_t len;
	char *text;

	memset(hint, 'h', sizeof(hint) - 1);
	hint[sizeof(hint) - 1] = '\0';
	note(w, 1, "deny", 1, hint);
	note(w, 1, "deny", 2, "short");
	assert_told(w, 1, "r1 r2 ");
	text = why_json(w, 1, &len);
	assert_true(len < WHY_BYTES);
	assert_non_null(strstr(text, "\"hint\":\"short\""));
	free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_hears_its_own_and_no_other),
		TEST(the_last_ones_in_their_order),
		TEST(the_longest_silent_is_forgotten),
		TEST(one_that_is_too_long_goes_without_its_hint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
