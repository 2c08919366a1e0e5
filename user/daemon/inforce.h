/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy in force, and the one way to replace it.
 *
 * Theory of operation
 *
 * A document is checked (parsed, compiled once to see that it fits). inforce_put() gives
 * it a generation, writes the state file with everything that the new policy needs (document,
 * generation, ids), and then has policy/apply switch the kernel. Killed before the switch, the
 * kernel holds the old policy and the next daemon finds the new one in the state: it puts that in
 * force. Killed after it, both say the same. A failed switch takes the state back.
 *
 * In memory stays a brief: what events, cgroups and dates need. The document itself is held open in
 * the state directory; explain, services, a difference and a refresh read it again, which for
 * 65,536 prefixes takes 150 ms and 16 MiB while it lasts. What that left behind goes back to the
 * kernel in the seconds after (inforce_tidy()).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/store.h"
#include "policy/brief.h"
#include "policy/policy.h"
#include "policy/resolvers.h"

struct daemon;
struct diag;
struct policy_check;

struct inforce {
	struct policy_brief *brief; /* NULL until the first one */
	int document;		    /* its bytes, held open; -1 = none */
	uint32_t generation;
	unsigned fills;		/* counts whatever was put in force, the same document anew too */
	bool last_good;		/* for want of the file */
	uint64_t refresh_after; /* CLOCK_MONOTONIC ns: not before, the last attempt failed */
	bool undocumented;	/* its text could not be written: `document` is memory */
	unsigned untidy;	/* so many seconds more, much memory may turn out to be free */
	bool unsaved; /* the state directory could not be written: a restart knows the old one */
	struct resolvers resolvers; /* what "system" stands for, search suffixes */
};

int inforce_up(struct daemon *d, struct diag *diag);
void inforce_down(struct daemon *d);

/**
 * inforce_check() - policy_check(), as far as this machine can tell
 * @ret:	caller runs policy_check_free(), also on failure
 *
 * Beyond it: `to` needs Kubernetes, which is not there.
 * Return: as policy_check().
 */
int inforce_check(struct daemon *d, const char *text, size_t len, struct policy_check *ret);

/**
 * inforce_put() - Put a checked document in force
 * @c:		borrowed; its image is replaced when it was compiled for something else
 * @source:	who wants it
 *
 * Return: 1 in force now, 0 it was already (the same bytes: same generation), or a negative errno:
 * the old one stays.
 */
int inforce_put(struct daemon *d, struct policy_check *c, enum store_source source,
		struct diag *diag);

/**
 * inforce_start() - The same for the policy that a starting daemon has chosen
 *
 * The bytes that were in force before keep their generation; maps are filled in any case.
 */
int inforce_start(struct daemon *d, struct policy_check *c, enum store_source source,
		  struct diag *diag);

/* The bytes of the policy in force, caller frees; a NUL follows. 0 or -errno, @diag says why. */
int inforce_text(struct daemon *d, char **ret, size_t *ret_len, struct diag *diag);

/**
 * inforce_load() - The policy in force, model and tables
 * @ret:	caller runs policy_check_free(), also on failure; complete on success
 *
 * The tables are those that the kernel holds. For people who ask, not for events: see above.
 * Return: 0 or -errno, @diag says why.
 */
int inforce_load(struct daemon *d, struct policy_check *ret, struct diag *diag);

/* Once a second: give free memory back to the kernel, while there can be much. */
void inforce_tidy(struct daemon *d);

/* Compile again and fill the maps: a rule expired, a resolver changed. Same generation. */
int inforce_refresh(struct daemon *d, struct diag *diag);

/* Take resolvers and search suffixes of the machine anew; refresh when the policy has to know. */
void inforce_follow_resolvers(struct daemon *d);

/* Write the state file; a failure is remembered and makes the daemon unhealthy. */
void inforce_save(struct daemon *d);
