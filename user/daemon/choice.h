/* SPDX-License-Identifier: Apache-2.0 */
/* Which policy a starting daemon puts in force: pure, from what was found. */
#pragma once

#include <stdbool.h>

#include "daemon/store.h"

enum choice_file {
	CHOICE_FILE_ABSENT,
	CHOICE_FILE_UNREADABLE,
	CHOICE_FILE_INVALID, /* refused by the parser or the compiler */
	CHOICE_FILE_VALID,
};

struct choice_in {
	enum choice_file file;
	const char *file_sha256; /* "" unless it could be read */
	bool policy_given;	 /* --policy */
	const struct store *store;
};

enum choice {
	CHOICE_NONE,	/* exit 1; pins stay as they are */
	CHOICE_FILE,	/* the file */
	CHOICE_STORED,	/* what was applied after the file's last change */
	CHOICE_LAST,	/* the last good one, for want of the file */
	CHOICE_BUILTIN, /* nobody has said anything yet */
};

/**
 * choice_at_start() - The later of `apply` and a change of the file, or what is left
 * @ret_problem: the file is not what it should be: the daemon is unhealthy, whatever it enforces
 */
enum choice choice_at_start(const struct choice_in *in, bool *ret_problem);
