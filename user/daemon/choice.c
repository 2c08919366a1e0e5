/* SPDX-License-Identifier: Apache-2.0 */
#include "choice.h"

#include <string.h>

enum choice choice_at_start(const struct choice_in *in, bool *ret_problem)
{
	const struct store *s = in->store;
	/* The built-in policy is no last good one: nobody asked for it. */
	bool stored = s->policy.source == STORE_FILE || s->policy.source == STORE_APPLY;
	bool changed = strcmp(in->file_sha256, s->file_sha256) != 0;
	bool applied = s->policy.source == STORE_APPLY && !changed;

	*ret_problem = in->file != CHOICE_FILE_VALID;
	switch (in->file) {
	case CHOICE_FILE_VALID:
		return applied ? CHOICE_STORED : CHOICE_FILE;
	case CHOICE_FILE_INVALID:
		if (applied)
			return CHOICE_STORED;
		return stored ? CHOICE_LAST : CHOICE_NONE;
	case CHOICE_FILE_UNREADABLE:
		return stored ? CHOICE_LAST : CHOICE_NONE;
	case CHOICE_FILE_ABSENT:
		break;
	}
	if (!in->policy_given && !s->file_sha256[0] && s->policy.source != STORE_FILE) {
		*ret_problem = false; /* there never was a file */
		return applied ? CHOICE_STORED : CHOICE_BUILTIN;
	}
	return stored ? CHOICE_LAST : CHOICE_NONE;
}
