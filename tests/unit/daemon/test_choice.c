// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/choice.h"

/* a, b: two contents of the file; "" = none */
static const struct {
	const char *says;
	enum choice_file file;
	const char *file_sha;
	bool given;
	enum store_source source; /* of the policy in force when the last daemon ended */
	const char *seen_sha;	  /* contents of the file that it saw last */
	enum choice want;
	bool problem;
} cases[] = {
	{ "first start with a file", CHOICE_FILE_VALID, "a", false, STORE_NONE, "", CHOICE_FILE,
	  false },
	{ "file unchanged", CHOICE_FILE_VALID, "a", false, STORE_FILE, "a", CHOICE_FILE, false },
	{ "file changed meanwhile", CHOICE_FILE_VALID, "b", false, STORE_FILE, "a", CHOICE_FILE,
	  false },
	{ "apply is later than the file", CHOICE_FILE_VALID, "a", false, STORE_APPLY, "a",
	  CHOICE_STORED, false },
	{ "the file's change is later than apply", CHOICE_FILE_VALID, "b", false, STORE_APPLY, "a",
	  CHOICE_FILE, false },
	{ "the file appeared after apply", CHOICE_FILE_VALID, "a", false, STORE_APPLY, "",
	  CHOICE_FILE, false },
	{ "invalid file, last good one", CHOICE_FILE_INVALID, "b", false, STORE_FILE, "a",
	  CHOICE_LAST, true },
	{ "invalid file that apply came after", CHOICE_FILE_INVALID, "b", true, STORE_APPLY, "b",
	  CHOICE_STORED, true },
	{ "invalid file, nothing else", CHOICE_FILE_INVALID, "a", false, STORE_NONE, "",
	  CHOICE_NONE, true },
	{ "invalid file, built-in before", CHOICE_FILE_INVALID, "a", false, STORE_BUILTIN, "",
	  CHOICE_NONE, true },
	{ "unreadable file, last good one", CHOICE_FILE_UNREADABLE, "", false, STORE_FILE, "a",
	  CHOICE_LAST, true },
	{ "unreadable file, nothing else", CHOICE_FILE_UNREADABLE, "", true, STORE_NONE, "",
	  CHOICE_NONE, true },
	{ "file gone", CHOICE_FILE_ABSENT, "", false, STORE_FILE, "a", CHOICE_LAST, true },
	{ "file gone after apply", CHOICE_FILE_ABSENT, "", false, STORE_APPLY, "a", CHOICE_LAST,
	  true },
	{ "no file ever", CHOICE_FILE_ABSENT, "", false, STORE_NONE, "", CHOICE_BUILTIN, false },
	{ "no file ever, second start", CHOICE_FILE_ABSENT, "", false, STORE_BUILTIN, "",
	  CHOICE_BUILTIN, false },
	{ "no file ever, applied", CHOICE_FILE_ABSENT, "", false, STORE_APPLY, "", CHOICE_STORED,
	  false },
	{ "asked for a file that is not there", CHOICE_FILE_ABSENT, "", true, STORE_NONE, "",
	  CHOICE_NONE, true },
	{ "the same, built-in before", CHOICE_FILE_ABSENT, "", true, STORE_BUILTIN, "", CHOICE_NONE,
	  true },
	{ "asked for a file that went", CHOICE_FILE_ABSENT, "", true, STORE_FILE, "a", CHOICE_LAST,
	  true },
};

static void test_the_later_of_apply_and_file_is_in_force(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		static struct store s;
		struct choice_in in = {
			.file = cases[i].file,
			.file_sha256 = cases[i].file_sha,
			.policy_given = cases[i].given,
			.store = &s,
		};
		bool problem;
		enum choice got;

		memset(&s, 0, sizeof(s));
		s.policy.source = cases[i].source;
		snprintf(s.file_sha256, sizeof(s.file_sha256), "%s", cases[i].seen_sha);
		got = choice_at_start(&in, &problem);
		if (got != cases[i].want || problem != cases[i].problem)
			fail_msg("%s: choice %d problem %d", cases[i].says, got, problem);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_later_of_apply_and_file_is_in_force),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
