/* SPDX-License-Identifier: Apache-2.0 */
/* What `ztactl explain` was asked: read from the options, answered from a document, printed. */
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "ctl/ctl.h"
#include "policy/explain.h"

struct ctl_args;

struct question {
	const char *name; /* or NULL: then addr */
	struct zta_addr addr;
	uint16_t port;
	uint8_t proto; /* IPPROTO_* */
	struct explain_answer *answers;
	size_t n_answers;
	const char *cgroup, *profile; /* at most one of them */
};

/**
 * question_read() - Check all options of explain, and read those for --addr and --name
 * @ret:	caller runs question_free(), also on failure
 * Return: CTL_OK or CTL_USAGE after having said why.
 */
enum ctl_exit question_read(const struct ctl_args *a, struct question *ret);
void question_free(struct question *q);

/**
 * question_offline() - Answer from a policy document alone
 * @file:	the document
 * @ret:	new reference: the explain object
 * Return: CTL_OK, or an exit code after having said why.
 */
enum ctl_exit question_offline(const struct ctl *c, const struct question *q, const char *file,
			       json_t **ret);

/* Print an explain object, for an address or for a name. */
void question_print(const struct ctl *c, const json_t *v);
