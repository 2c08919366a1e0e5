/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records: what the journal holds, one JSON object each. Here a ring record becomes one, and
 * notes of the daemon about itself do. `seq`, `host` and `log` are added by the journal.
 * A value that is not known is a member that is not there.
 */
#pragma once

#include <jansson.h>
#include <stdint.h>

struct zta_event;

enum record_type {
	RECORD_POLICY,
	RECORD_ADMIN,
	RECORD_LIFECYCLE,
	RECORD_DNS, /* look-ups of the daemon itself */
	RECORD_TOKEN,
	RECORD_TYPE_COUNT
};

/* Names for the ids of a ring record. Each may be NULL or return NULL: not known. */
struct record_names {
	const char *(*profile)(void *ctx, uint16_t id);
	/* Of a mask of services: the first in document order. */
	const char *(*service)(void *ctx, uint64_t mask);
	/* Where a rule is written. Ids change with the generation: NULL for one that is gone. */
	const char *(*rule)(void *ctx, uint32_t id, uint32_t generation);
	/* Path of a cgroup of the workload map below the attach point; "/" is that itself. */
	const char *(*cgroup)(void *ctx, uint64_t id);
	const char *(*owner)(void *ctx, uint64_t cgroup_id);
	const char *(*hint)(void *ctx, const struct zta_event *e);
	/* A name by its hash. */
	const char *(*name)(void *ctx, uint64_t hash);
	/* What a resolver said, for type dns: {"resolver","question","chain","addresses"}, new. */
	json_t *(*answer)(void *ctx, const struct zta_event *e);
};

struct record_ctx {
	const struct record_names *names;
	void *ctx;		/* for names */
	const char *policy;	/* name of the policy in force, NULL when none */
	uint32_t generation;	/* in force; for notes */
	int64_t boot_offset_ns; /* CLOCK_REALTIME - CLOCK_BOOTTIME, see record_clock() */
};

/* Take the difference of the two clocks anew (the realtime clock may have been set). */
void record_clock(struct record_ctx *ctx);

/**
 * record_from_event() - The record of a decision
 * @e:		of type egress, socket, dns or tls; an orphan note becomes a lifecycle record
 * @ret:	new reference
 *
 * Bytes that are not UTF-8 (comm and paths are the workload's to choose) become U+FFFD: no
 * workload can keep its record from being written.
 * Return: 0, -ENODATA for notes that are not for the journal (new cgroup, an answer, self-test),
 * -EINVAL for a record that no program of ours makes, -ENOMEM.
 */
int record_from_event(const struct zta_event *e, const struct record_ctx *ctx, json_t **ret);

/**
 * record_note() - A record about policy, an administrator's act, or the daemon's own life
 * @type:	its type
 * @reason:	"applied", "pause", "self-test"; a fixed word
 * @ctx:	NULL: no policy member
 * @members:	further members ("detail", "actor", "until", ...); reference taken, also on failure;
 *		NULL: none
 * @ret:	new reference
 *
 * Shape: {"time","type","reason","policy":{"name","generation"}, members...}.
 * Return: 0, -EINVAL when @members is not an object, -ENOMEM.
 */
int record_note(enum record_type type, const char *reason, const struct record_ctx *ctx,
		json_t *members, json_t **ret);
