/* SPDX-License-Identifier: Apache-2.0 */
/* Which policy is in force while the daemon runs: the file, SIGHUP, apply, a rollback. */
#pragma once

#include <stdint.h>

struct daemon;
struct diag;
struct json_t;
struct policy_check;

/* Choose the first policy; touches nothing. For --restore: the last good one. */
int reload_choose(struct daemon *d, struct diag *diag);

/* Put it in force: the programs have tables to ask from here on. */
int reload_start(struct daemon *d, struct diag *diag);

/* Follow files and signals. */
int reload_up(struct daemon *d, struct diag *diag);
void reload_down(struct daemon *d);

/* Look at every watched file; the monitor does from time to time, should a notice get lost. */
void reload_look(struct daemon *d);

struct reload_how {
	uint64_t confirm_ns;  /* 0 = for good */
	struct json_t *actor; /* borrowed */
};

/**
 * reload_apply() - Put a document that came by the control API in force
 * @c:	policy and image are taken on success
 *
 * Return: 1 in force, 0 the same bytes were, or a negative errno (nothing changed).
 */
int reload_apply(struct daemon *d, struct policy_check *c, const struct reload_how *how,
		 struct diag *diag);

/* Keep the policy that waits for it. -ESTALE: none does. */
int reload_confirm(struct daemon *d, struct json_t *actor);

/* The wall clock was set: a policy waits for its confirmation as long as it would have. */
void reload_clock_set(struct daemon *d, int64_t step_ns);

/* What is wrong with the policy file; NULL = nothing. */
const char *reload_problem(const struct daemon *d);

/* "/etc/zta/pause": beside the policy file. */
const char *reload_pause_path(const struct daemon *d);
