// SPDX-License-Identifier: Apache-2.0
/* Who may have a token for what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "broker/judge.h"
#include "policy/brief.h"

#define VAULT "https://vault.azure.net"
#define ARM   "https://management.azure.com"
#define GUID  "0a000000-0000-0000-0000-00000000000f"

static char *vault[] = { VAULT }, *both[] = { VAULT, "api://b" };

static const struct brief_profile one = { .broker = true,
					  .identity = { GUID, vault, 1, 60, NULL } };
static const struct brief_profile wide = { .broker = true,
					   .identity = { GUID, both, 2, 60, NULL } };
static const struct brief_profile other = {
	.broker = true, .identity = { "0b000000-0000-0000-0000-00000000000f", vault, 1, 60, NULL }
};
static const struct brief_profile machine = { .broker = true,
					      .identity = { "", vault, 1, 60, NULL } };
static const struct brief_profile shut = { .identity = { GUID, vault, 1, 60, NULL } };
static const struct brief_profile nobody = { .broker = true };

static enum broker_reason judge(const struct brief_profile *owner,
				const struct brief_profile *caller, const char *audience)
{
	const struct broker_judged j = { owner, caller, true, false };
	struct broker_request q = { .what = BROKER_TOKEN };

	strcpy(q.audience, audience);
	return broker_judge(&j, &q);
}

static void what_is_listed_is_granted_and_nothing_else(void **state)
{
	assert_int_equal(judge(&one, &one, VAULT), BROKER_GRANTED);
	assert_int_equal(judge(&one, &one, VAULT "/"), BROKER_GRANTED);
	assert_int_equal(judge(&machine, &machine, VAULT), BROKER_GRANTED);
	assert_int_equal(judge(&one, &one, VAULT "//"), BROKER_AUDIENCE);
	assert_int_equal(judge(&one, &one, "https://vault.azure.net.evil.example"),
			 BROKER_AUDIENCE);
	assert_int_equal(judge(&one, &one, "https://VAULT.azure.net"), BROKER_AUDIENCE);
	assert_int_equal(judge(&one, &one, ARM), BROKER_AUDIENCE);
	assert_int_equal(judge(&one, &one, "https://graph.microsoft.com"), BROKER_AUDIENCE);
	assert_int_equal(judge(&one, &one, "00000003-0000-0000-c000-000000000000"),
			 BROKER_AUDIENCE);
}

static void owner_and_caller_are_judged_both(void **state)
{
	assert_int_equal(judge(&one, &wide, VAULT), BROKER_GRANTED);
	assert_int_equal(judge(&one, &wide, "api://b"), BROKER_AUDIENCE);
	assert_int_equal(judge(&wide, &one, "api://b"), BROKER_AUDIENCE);
	assert_int_equal(judge(&one, &other, VAULT), BROKER_TWO_IDENTITIES);
	assert_int_equal(judge(&one, &machine, VAULT), BROKER_TWO_IDENTITIES);
	assert_int_equal(judge(&one, &shut, VAULT), BROKER_NOT_BROKER);
	assert_int_equal(judge(&shut, &one, VAULT), BROKER_NOT_BROKER);
	assert_int_equal(judge(&nobody, &one, VAULT), BROKER_NO_IDENTITY);
	assert_int_equal(judge(&one, &nobody, VAULT), BROKER_NO_IDENTITY);
	assert_int_equal(judge(NULL, &one, VAULT), BROKER_NO_WORKLOAD);
	assert_int_equal(judge(&one, NULL, VAULT), BROKER_NO_WORKLOAD);
}

static void nothing_helps_who_is_not_vouched_for(void **state)
{
	const struct broker_judged stranger = { &one, &one, false, false };
	const struct broker_judged cut = { &one, &one, true, true };
	struct broker_request q = { .what = BROKER_TOKEN, .audience = VAULT };

	assert_int_equal(broker_judge(&stranger, &q), BROKER_UNVOUCHED);
	assert_int_equal(broker_judge(&cut, &q), BROKER_QUARANTINED);
	q.what = BROKER_REFUSED; /* a stranger hears no more from a wrong request either */
	assert_int_equal(broker_judge(&stranger, &q), BROKER_UNVOUCHED);
	assert_int_equal(broker_judge(&cut, &q), BROKER_REQUEST);
}

static void another_identity_cannot_be_asked_for(void **state)
{
	const struct broker_judged j = { &one, &one, true, false };
	const struct broker_judged m = { &machine, &machine, true, false };
	struct broker_request q = { .audience = VAULT, .selector = BROKER_SELECT_CLIENT };

	strcpy(q.selected, "0A000000-0000-0000-0000-00000000000F");
	assert_int_equal(broker_judge(&j, &q), BROKER_GRANTED);
	assert_int_equal(broker_judge(&m, &q), BROKER_OTHER_IDENTITY);
	strcpy(q.selected, "0b000000-0000-0000-0000-00000000000f");
	assert_int_equal(broker_judge(&j, &q), BROKER_OTHER_IDENTITY);
	strcpy(q.selected, "");
	assert_int_equal(broker_judge(&j, &q), BROKER_OTHER_IDENTITY);
}

static void every_reason_has_its_words(void **state)
{
	for (int r = 0; r < BROKER_REASON_COUNT; r++) {
		assert_true(*broker_reason_word(r));
		assert_true(r == BROKER_GRANTED || broker_reason_status(r) >= 400);
		assert_true(r == BROKER_GRANTED || *broker_reason_error(r));
		assert_true(r == BROKER_GRANTED || r == BROKER_REQUEST || *broker_reason_text(r));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_listed_is_granted_and_nothing_else),
		cmocka_unit_test(owner_and_caller_are_judged_both),
		cmocka_unit_test(nothing_helps_who_is_not_vouched_for),
		cmocka_unit_test(another_identity_cannot_be_asked_for),
		cmocka_unit_test(every_reason_has_its_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
