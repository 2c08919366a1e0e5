/* SPDX-License-Identifier: Apache-2.0 */
/* What the rooms of this wing know of each other. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kern/maps.h"
#include "kern/pins.h"
#include "kern/target.h"
#include "zta_event.h"
#include "zta_names.h"
#include "zta_reason.h"
#include "zta_sock.h"

/*
 * X(SYMBOL, name, version): version 0 = belongs to ZTA_LAYOUT_VERSION; else its own, and the map is
 * carried from one layout to the next while that stays the same. The tables come first, in the
 * order of enum kern_table.
 */
#define KERN_MAPS(X)                                  \
	X(POLICY, "zta_policy", 0)                    \
	X(PROFILES, "zta_profiles", 0)                \
	X(PREFIXES, "zta_prefixes", 0)                \
	X(PORTS, "zta_ports", 0)                      \
	X(RULES, "zta_rules", 0)                      \
	X(NAMED, "zta_named", 0)                      \
	X(NAMES, "zta_names", 0)                      \
	X(PATTERNS, "zta_patterns", 0)                \
	X(LITERALS, "zta_literals", 0)                \
	X(GLOBS, "zta_globs", 0)                      \
	X(NODES, "zta_nodes", 0)                      \
	X(WORKLOADS, "zta_workloads", 0)              \
	X(CGSTATE, "zta_cgstate", 0)                  \
	X(LOCAL, "zta_local", 0)                      \
	X(CONTROL, "zta_control", 0)                  \
	X(COUNTERS, "zta_counters", ZTA_EVENT_LAYOUT) \
	X(STATS, "zta_stats", ZTA_EVENT_LAYOUT)       \
	X(FOLD, "zta_fold", ZTA_EVENT_LAYOUT)         \
	X(DENIALS, "zta_denials", ZTA_EVENT_LAYOUT)   \
	X(NOTES, "zta_notes", ZTA_EVENT_LAYOUT)       \
	X(PEERS, "zta_peers", ZTA_SOCK_LAYOUT)        \
	X(SOCKETS, "zta_sockets", ZTA_SOCK_LAYOUT)    \
	X(LEARNT, "zta_learnt", ZTA_LEARNT_LAYOUT)    \
	X(OTHERS, "zta_others", ZTA_LEARNT_LAYOUT)    \
	X(TEXTS, "zta_texts", ZTA_LEARNT_LAYOUT)      \
	X(QUERIES, "zta_queries", ZTA_LEARNT_LAYOUT)  \
	X(BROKER, "zta_broker", 0)                    \
	X(CALLERS, "zta_callers", 0)

#define KERN_ENUM_MAP(sym, name, version) KERN_MAP_##sym,
enum kern_map { KERN_MAPS(KERN_ENUM_MAP) KERN_MAP_COUNT };
_Static_assert((int)KERN_MAP_NODES == (int)KERN_TABLE_NODES, "tables come first");

/* Programs: the hooks in the order of enum zta_hook, then those without a cgroup. */
enum kern_prog {
	KERN_PROG_MKDIR = ZTA_HOOK_COUNT,
	KERN_PROG_RELEASE, /* goes with MKDIR */
	KERN_PROG_FAMILY,
	KERN_PROG_FLUSH,
	KERN_PROG_DECIDE, /* for tests, as the next */
	KERN_PROG_DNS,
	KERN_PROG_STREAM,
	KERN_PROG_COUNT,
};

/* What an inner map must look like: as the template that the outer map was made with. */
struct kern_template {
	uint32_t type, key_size, value_size, max_entries, flags;
};

struct kern {
	struct target target;
	struct pins pins;
	uint32_t layout;
	uint32_t old_layout; /* another one that is pinned, 0 = none: dropped by kern_attach() */
	bool adopted, was_attached;
	bool has_mkdir, has_family;
	const char *no_mkdir, *no_family; /* why not */
	int map[KERN_MAP_COUNT];
	int prog[KERN_PROG_COUNT];
	struct kern_template inner[KERN_TABLE_COUNT];
	uint64_t used[KERN_TABLE_COUNT][2]; /* rows, as filled by this process */
};

extern const char *const kern_prog_names[KERN_PROG_COUNT];
extern const char *const kern_map_names[KERN_MAP_COUNT];

uint64_t kern_map_bytes(int fd); /* memory of one map as the kernel tells it, 0 = unknown */
uint64_t kern_table_bytes(struct kern *k, enum kern_table table); /* inner maps of both slots */
