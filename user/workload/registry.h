/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which cgroups are workloads, by policy's patterns, by quarantine and by pause; kept in step with
 * the kernel's map.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "zta_policy.h"

struct kern;
struct registry;

/* How a policy's cgroup patterns are asked; policy/apply.h makes one from an image. */
struct registry_patterns {
	void (*root)(const void *ctx, unsigned slot, struct zta_cgstate *ret);
	void (*step)(const void *ctx, unsigned slot, const struct zta_cgstate *parent,
		     const char *component, struct zta_cgstate *ret);
	const void *ctx;
	uint16_t default_profile;  /* id, both */
	uint16_t selftest_profile; /* of the cgroup /zta-selftest, whatever patterns say */
};

/* One cgroup with an entry of its own. */
struct registry_entry {
	const char *path; /* below the attach point, "/" = it; NULL = no longer known */
	uint64_t id;
	uint16_t entry;	  /* index in workloads[], ZTA_ENTRY_DEFAULT = none */
	uint16_t profile; /* id */
	bool matched;	  /* an entry of workloads[] ends here */
	bool quarantined;
	bool uncovered;	      /* found the map full: judged as its nearest ancestor with an entry */
	bool alive;	      /* false: the cgroup is gone, its sockets may not be */
	uint64_t pause_until; /* CLOCK_BOOTTIME ns, 0 = not paused */
};

struct registry *registry_new(void); /* NULL without memory */
void registry_free(struct registry *r);
CLEANUP_DEFINE(struct registry *, registry_free)
#define _cleanup_registry_ _cleanup_(registry_free_p)

/**
 * registry_scan() - Walk the tree and write each workload's answer for one slot
 * @k:		its attach point is the root of the walk
 * @slot:	which answers are written; those of the other slot are kept
 *
 * In the slot in force, entries that say what their nearest ancestor says are removed.
 * Used by policy/apply.c for the slot that is being filled, and by the daemon for the slot in force
 * (policy_rescan()): every few seconds where the kernel cannot do it itself, after quarantine,
 * release and pause, and when an event names a cgroup that is not known.
 * Return: 1 when something changed in the map, 0 when not, -errno.
 */
int registry_scan(struct registry *r, struct kern *k, const struct registry_patterns *p,
		  unsigned slot);

/* Each entry of the map but the self-test's, the attach point first, then by path. fn != 0 stops.
 */
int registry_each(const struct registry *r, int (*fn)(void *ctx, const struct registry_entry *e),
		  void *ctx);

/* Path of a workload (cgroup id), NULL = not known (then scan, or cgroup_path_of()). */
const char *registry_find_path(const struct registry *r, uint64_t id);
const struct registry_entry *registry_find(const struct registry *r, uint64_t id);

/**
 * registry_quarantine() - Cut a cgroup and all below it off, from the next scan on
 * @path: below the attach point; need not exist yet, or may come again
 *
 * Return: 0, -EEXIST (it is), -EINVAL (not such a path) or -ENOMEM.
 */
int registry_quarantine(struct registry *r, const char *path);
int registry_release(struct registry *r, const char *path); /* -ENOENT: it was not */

/* Pause one cgroup and all below it until then (CLOCK_BOOTTIME ns), 0 = no more. */
int registry_pause(struct registry *r, const char *path, uint64_t until);

/* Ids of a live cgroup and of all below it, sorted; caller frees. 0, -ENOENT or -errno. */
int registry_subtree(struct kern *k, const char *path, uint64_t **ret, size_t *ret_n);
