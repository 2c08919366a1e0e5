/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The metric families, and a snapshot in the Prometheus text format 0.0.4. Pure: the daemon fills
 * the snapshot (the counters live in the kernel's maps), this prints it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

enum metrics_mode { METRICS_MODE_ENFORCE, METRICS_MODE_AUDIT, METRICS_MODE_COUNT };
enum metrics_reload {
	METRICS_RELOAD_APPLIED,
	METRICS_RELOAD_REJECTED,
	METRICS_RELOAD_UNCHANGED,
	METRICS_RELOAD_COUNT
};
enum metrics_stage { METRICS_STAGE_RING, METRICS_STAGE_JOURNAL, METRICS_STAGE_COUNT };
enum metrics_answer {
	METRICS_ANSWER_LEARNT,
	METRICS_ANSWER_PUBLIC,
	METRICS_ANSWER_IGNORED,
	METRICS_ANSWER_MALFORMED,
	METRICS_ANSWER_COUNT
};
enum metrics_resolve {
	METRICS_RESOLVE_OK,
	METRICS_RESOLVE_PUBLIC,
	METRICS_RESOLVE_ABSENT,
	METRICS_RESOLVE_FAILED,
	METRICS_RESOLVE_COUNT
};
enum metrics_workload {
	METRICS_WORKLOAD_ENFORCED,
	METRICS_WORKLOAD_AUDIT,
	METRICS_WORKLOAD_UNKNOWN,
	METRICS_WORKLOAD_UNCOVERED,
	METRICS_WORKLOAD_COUNT
};

/* One counter of the kernel with its ids decoded. Strings are borrowed, NULL prints as "". */
struct metrics_decision {
	const char *namespace; /* of the pod; "" for host processes */
	const char *profile;
	const char *verdict; /* allow, redirect, audit, deny */
	const char *reason;
	const char *service; /* "" when none */
	uint64_t count;
};

struct metrics_map {
	const char *map;
	uint64_t entries, capacity;
};

/* Requests for tokens; strings as above. */
struct metrics_tokens {
	const char *source; /* "" when refused before a source was asked */
	const char *result; /* granted, refused, failed */
	uint64_t count;
};

struct metrics_expiry {
	const char *audience;
	uint64_t expires_s;
};

struct metrics_snapshot {
	/* Several with the same labels are added up; any order. */
	const struct metrics_decision *decisions;
	size_t n_decisions;
	const struct metrics_map *maps;
	size_t n_maps;
	const struct metrics_tokens *tokens;
	size_t n_tokens;
	const struct metrics_expiry *expiries;
	size_t n_expiries;
	bool hooks_effective;
	enum metrics_mode mode; /* in force: the weakest of document and pause */
	uint64_t generation;
	uint64_t reloads[METRICS_RELOAD_COUNT];
	uint64_t lost[METRICS_STAGE_COUNT];
	uint64_t held;
	uint64_t answers[METRICS_ANSWER_COUNT]; /* DNS */
	uint64_t resolve[METRICS_RESOLVE_COUNT];
	uint64_t workloads[METRICS_WORKLOAD_COUNT];
	double unguarded_s;
	uint64_t expiring; /* rules that expire within 14 days */
	const char *version, *kernel;
};

/**
 * metrics_render() - Print every family
 * @out:	appended to
 *
 * Families stand in a fixed order, series sorted by their labels. Every series whose labels are a
 * closed set is there, with 0 if need be. `zta_denials_total` counts verdict deny.
 * Return: 0 or -ENOMEM.
 */
int metrics_render(const struct metrics_snapshot *s, struct buf *out);
