/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a document could be put in force: parsed and compiled, with all that is to say of it. */
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/diag.h"
#include "policy/compile.h"

struct policy_check {
	struct policy *policy;	    /* NULL when it could not be parsed */
	struct policy_image *image; /* NULL when it could not be compiled: not valid */
	struct diag_list errors, warnings;
};

/**
 * policy_check() - Parse and compile
 * @o:		for policy_compile()
 * @ret:	caller runs policy_check_free(), also on failure
 *
 * Pure. Return: 0, -EINVAL, -EFBIG or -E2BIG (@ret->errors says why), -ENOMEM.
 */
int policy_check(const char *text, size_t len, const struct compile_opts *o,
		 struct policy_check *ret);
void policy_check_free(struct policy_check *c);
#define _cleanup_policy_check_ _cleanup_(policy_check_free)

/**
 * policy_check_json() - {"file","valid","errors","warnings","summary"}
 * @file: as the user gave it
 *
 * The summary is all zero for a document that could not be parsed.
 * Return: new reference, NULL without memory.
 */
json_t *policy_check_json(const struct policy_check *c, const char *file);
