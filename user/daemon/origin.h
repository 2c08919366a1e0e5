/* SPDX-License-Identifier: Apache-2.0 */
/* Where documents come from: the policy file, the state directory, the built-in one. */
#pragma once

#include <stdbool.h>

#include "daemon/choice.h"
#include "policy/check.h"

struct daemon;
struct diag;

/* The policy file, read and checked. */
struct origin_file {
	enum choice_file state;
	char sha256[HASH_HEX_LEN];  /* "" unless it could be read */
	char why[512];		    /* unless valid: one line */
	struct policy_check policy; /* valid: complete */
};

/* Look at the file. Errors of the document are logged, each in a line. 0 or -ENOMEM. */
int origin_read_file(struct daemon *d, struct origin_file *ret);
void origin_file_free(struct origin_file *f);

/* A document of the state directory, checked. @ret as with policy_check(). 0 or -errno. */
int origin_read_stored(struct daemon *d, const struct store_policy *which, struct policy_check *ret,
		       struct diag *diag);

/* What a starting daemon puts in force. */
struct origin_chosen {
	struct policy_check policy;
	enum store_source source;
	bool last_good;	   /* for want of the file */
	bool rolled_back;  /* nobody confirmed the one that was in force */
	char problem[512]; /* with the file; "" = none */
};

/**
 * origin_choose() - Choose it
 * @ret: caller runs origin_chosen_free(); untouched on failure
 *
 * Changes the store's fields (not its file) where time has decided: a rollback that is due, the
 * contents of the file as last seen.
 * Return: 0, or a negative errno: there is no policy, @diag says why.
 */
int origin_choose(struct daemon *d, struct origin_chosen *ret, struct diag *diag);

/* For --restore: the last good policy, whatever the file says. -ENOENT when there is none. */
int origin_choose_last(struct daemon *d, struct origin_chosen *ret, struct diag *diag);
void origin_chosen_free(struct origin_chosen *c);
