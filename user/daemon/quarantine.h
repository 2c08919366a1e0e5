/* SPDX-License-Identifier: Apache-2.0 */
/* Workloads that are cut off, until released. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct daemon;
struct diag;
struct json_t;

/* Takes up what the state file holds; before the policy is put in force. */
int quarantine_up(struct daemon *d, struct diag *diag);
void quarantine_down(struct daemon *d);

/* What an act did. */
struct quarantine_done {
	size_t workloads; /* cgroups with an entry of their own that it concerns now */
	size_t closed;	  /* connections */
};

/**
 * quarantine_begin() - Cut a cgroup and all below it off
 * @target:	path below the attach point; need not exist yet, and may come again
 * @actor:	borrowed
 *
 * Return: 0 (also when it was already: then the reason is the new one), -EINVAL (not a path, or a
 * pod without Kubernetes) or -errno.
 */
int quarantine_begin(struct daemon *d, const char *target, const char *reason, struct json_t *actor,
		     struct quarantine_done *ret, struct diag *diag);

/* -ENOENT: it was not quarantined. */
int quarantine_end(struct daemon *d, const char *target, const char *reason, struct json_t *actor,
		   struct quarantine_done *ret, struct diag *diag);

/* Is this cgroup, or one above it, quarantined? */
bool quarantine_covers(const struct daemon *d, const char *cgroup);
