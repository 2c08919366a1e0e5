/* SPDX-License-Identifier: Apache-2.0 */
/* Typed access to the flat maps, and to the policy tables of the two slots. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "zta_policy.h"

struct diag;
struct kern;

/* --- settings */
uint64_t kern_ctl_get(struct kern *k, enum zta_ctl which);
int kern_ctl_set(struct kern *k, enum zta_ctl which, uint64_t value);
int kern_ctl_bump(struct kern *k); /* a new epoch: every cached verdict is judged again */

/*
 * Before an entry so deep below the attach point is written: programs look no deeper than they
 * must. -E2BIG: deeper than they can look (ZTA_CGROUP_LEVELS).
 */
int kern_level_reach(struct kern *k, int depth);

/* --- workloads. 0, -ENOENT, -EEXIST, -E2BIG (full) or -errno */
int kern_workload_get(struct kern *k, uint64_t cgroup, struct zta_workload *ret);
int kern_workload_new(struct kern *k, uint64_t cgroup, const struct zta_workload *w);
int kern_workload_set(struct kern *k, uint64_t cgroup, const struct zta_workload *w);
int kern_workload_del(struct kern *k, uint64_t cgroup);

/* Ids of all entries: caller frees. */
int kern_workload_ids(struct kern *k, uint64_t **ret, size_t *ret_n);

int kern_cgstate_get(struct kern *k, uint64_t cgroup, struct zta_cgstate *ret);
int kern_cgstate_new(struct kern *k, uint64_t cgroup, const struct zta_cgstate *s);
int kern_cgstate_set(struct kern *k, uint64_t cgroup, const struct zta_cgstate *s);
int kern_cgstate_del(struct kern *k, uint64_t cgroup);
int kern_cgstate_ids(struct kern *k, uint64_t **ret, size_t *ret_n);

/* Waits until each mkdir of a cgroup that has told the kernel program is visible to readdir. */
int kern_cgroup_barrier(struct kern *k);

/* --- own addresses: makes @v the only ones of that network namespace. -E2BIG when full */
int kern_local_sync(struct kern *k, uint64_t netns, const struct zta_addr *v, size_t n);

/* --- counters, summed over CPUs */
struct kern_counter {
	struct zta_counter_key key;
	uint64_t value;
};
int kern_counters_read(struct kern *k, struct kern_counter **ret, size_t *ret_n); /* caller frees */

/* held = seen - told - lost, read so that it is never negative */
int kern_stats_read(struct kern *k, uint64_t ret[ZTA_STAT_COUNT]);

struct kern_map_use {
	const char *map; /* static, without "zta_" */
	uint64_t used, capacity, bytes;
};
/* Maps that can run full; caller frees. */
int kern_map_usage(struct kern *k, struct kern_map_use **ret, size_t *ret_n);

/* --- policy tables */
enum kern_table {
	KERN_TABLE_POLICY,
	KERN_TABLE_PROFILES,
	KERN_TABLE_PREFIXES,
	KERN_TABLE_PORTS,
	KERN_TABLE_RULES,
	KERN_TABLE_NAMED,
	KERN_TABLE_NAMES,
	KERN_TABLE_PATTERNS,
	KERN_TABLE_LITERALS,
	KERN_TABLE_GLOBS,
	KERN_TABLE_NODES,
	KERN_TABLE_COUNT,
};

/* Rows of a table, as they stand in arrays of structs. */
struct kern_rows {
	const void *keys; /* NULL: the key is the row's number */
	size_t key_stride;
	const void *values;
	size_t value_stride;
	size_t n;
	bool sparse; /* rows whose value is all zero are left out (arrays start as zero) */
};

/**
 * kern_slot_fill() - Make new inner maps, fill them, put them into a slot
 * @rows: by enum kern_table
 *
 * The slot must not be the one in force; after a failure it may hold some of the new maps.
 * Return: 0, -E2BIG, -ENOMEM or -errno.
 */
int kern_slot_fill(struct kern *k, unsigned slot, const struct kern_rows rows[KERN_TABLE_COUNT],
		   struct diag *d);

/* Takes the inner maps out of a slot that is not in force. */
int kern_slot_clear(struct kern *k, unsigned slot);

/* Slot in force: 0 or 1. */
unsigned kern_slot(struct kern *k);

/**
 * kern_switch() - Put a slot in force, in one write
 *
 * Returns when no program runs any more that has seen the other slot.
 * Return: 0; 1 = it is in force, but the other slot may be in use yet; -errno = it is not.
 */
int kern_switch(struct kern *k, unsigned slot, uint32_t generation);
