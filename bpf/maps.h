/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Every map. Each object defines them weakly; the linker joins them.
 * Written by "user" = the daemon, "kernel" = these programs.
 */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "zta_event.h"
#include "zta_names.h"
#include "zta_policy.h"
#include "zta_sock.h"

#define ZTA_MAP SEC(".maps") __weak

/*
 * Policy tables. Two slots each; user space makes the inner maps anew for every policy and never
 * edits one that is in force. Full: the fill fails before the switch and the old policy stays.
 * Templates give key_size and value_size only: 5.15 to 6.1 would compare BTF.
 */
#define ZTA_TABLE(name, map_type, entries, ksize, vsize, flags) \
	struct name##_inner {                                   \
		__uint(type, map_type);                         \
		__uint(max_entries, entries);                   \
		__uint(key_size, ksize);                        \
		__uint(value_size, vsize);                      \
		__uint(map_flags, flags);                       \
	};                                                      \
	struct {                                                \
		__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);       \
		__uint(max_entries, 2);                         \
		__uint(key_size, sizeof(__u32));                \
		__array(values, struct name##_inner);           \
	} name ZTA_MAP

ZTA_TABLE(zta_policy, BPF_MAP_TYPE_ARRAY, 1, 4, sizeof(struct zta_policy), 0);
ZTA_TABLE(zta_profiles, BPF_MAP_TYPE_ARRAY, ZTA_PROFILE_IDS, 4, sizeof(struct zta_profile), 0);
ZTA_TABLE(zta_prefixes, BPF_MAP_TYPE_LPM_TRIE, ZTA_PREFIX_NODES, sizeof(struct zta_prefix_key),
	  sizeof(struct zta_prefix), BPF_F_NO_PREALLOC);
ZTA_TABLE(zta_ports, BPF_MAP_TYPE_ARRAY, ZTA_PORTS_KEYS, 4, sizeof(__u64), 0);
ZTA_TABLE(zta_rules, BPF_MAP_TYPE_ARRAY, ZTA_LISTS_MAX, 4, sizeof(struct zta_rule), 0);
ZTA_TABLE(zta_named, BPF_MAP_TYPE_HASH, ZTA_NAMED_MAX, sizeof(struct zta_named_key),
	  sizeof(struct zta_list), BPF_F_NO_PREALLOC);
ZTA_TABLE(zta_names, BPF_MAP_TYPE_LPM_TRIE, ZTA_NAME_NODES, sizeof(struct zta_name_key), 4,
	  BPF_F_NO_PREALLOC);
ZTA_TABLE(zta_patterns, BPF_MAP_TYPE_ARRAY, ZTA_PATTERN_IDS, 4, sizeof(struct zta_pattern), 0);
ZTA_TABLE(zta_literals, BPF_MAP_TYPE_HASH, ZTA_GLOB_NODES, sizeof(struct zta_literal_key), 4,
	  BPF_F_NO_PREALLOC);
ZTA_TABLE(zta_globs, BPF_MAP_TYPE_ARRAY, ZTA_GLOB_EDGES, 4, sizeof(struct zta_glob), 0);
ZTA_TABLE(zta_nodes, BPF_MAP_TYPE_ARRAY, ZTA_GLOB_NODES, 4, sizeof(struct zta_glob_node), 0);

/*
 * Matched cgroups -> profile, for both slots. User and kernel (cgroup.bpf.c). Full: the cgroup is
 * judged by its nearest ancestor that has an entry; counted as uncovered.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, ZTA_CGROUPS_MAX);
	__type(key, __u64);
	__type(value, struct zta_workload);
} zta_workloads ZTA_MAP;

/* Cgroups that stand on a pattern. User and kernel. Full: as above. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, ZTA_CGROUPS_MAX);
	__type(key, __u64);
	__type(value, struct zta_cgstate);
} zta_cgstate ZTA_MAP;

/* Own addresses of known namespaces. User. Full: such an address is judged like a foreign one. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, ZTA_LOCAL_MAX);
	__type(key, struct zta_local_key);
	__type(value, __u8);
} zta_local ZTA_MAP;

/* Settings (enum zta_ctl). User; the kernel raises LEVEL_MAX and writes ORPHAN_TOLD. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ZTA_CTL_COUNT);
	__type(key, __u32);
	__type(value, __u64);
} zta_control ZTA_MAP;

/* Decisions. Kernel. Full: counted under the zero key, which user space makes first. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, ZTA_COUNTERS_MAX);
	__type(key, struct zta_counter_key);
	__type(value, __u64);
} zta_counters ZTA_MAP;

/* Bookkeeping of events (enum zta_stat). Kernel. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, ZTA_STAT_COUNT);
	__type(key, __u32);
	__type(value, __u64);
} zta_stats ZTA_MAP;

/*
 * Repeated denials. Kernel; zta_flush deletes. Full: folded by (workload, reason); when even that
 * entry cannot be made the denial goes into the ring unfolded.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, ZTA_FOLD_MAX);
	__type(key, struct zta_fold_key);
	__type(value, struct zta_fold);
} zta_fold ZTA_MAP;

/* UDP peers of closed profiles' sockets. Kernel. Full: the longest silent one is forgotten, and an
 * answer to it is judged by the other rows. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, ZTA_UDP_PEERS);
	__type(key, struct zta_peer_key);
	__type(value, __u64);
} zta_peers ZTA_MAP;

/* Notes of sockets. Kernel; user space marks older sockets. No memory: the socket is refused in
 * closed profiles. Clones go to accepted children. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, struct zta_sock);
} zta_sockets ZTA_MAP;

/*
 * What live answers said. Kernel. Full: the address that was answered longest ago is forgotten (an
 * LRU: never one of the newest), and is then judged as if nobody had named it.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, ZTA_LEARNT_MAX);
	__type(key, struct zta_place);
	__type(value, struct zta_learnt);
} zta_learnt ZTA_MAP;

/* The same of namespaces that are not known: a workload that makes one cannot push out others'. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, ZTA_OTHERS_MAX);
	__type(key, struct zta_place);
	__type(value, struct zta_learnt);
} zta_others ZTA_MAP;

/* Names by their hash, for events and `ztactl names`. Kernel. Full: the oldest is forgotten, and
 * what is told of it has no name. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, ZTA_TEXTS_MAX);
	__type(key, __u64);
	__type(value, struct zta_text);
} zta_texts ZTA_MAP;

/* Queries that left. Kernel. Full: the oldest is forgotten, its answer is not believed. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, ZTA_QUERIES_MAX);
	__type(key, struct zta_query_key);
	__type(value, struct zta_query);
} zta_queries ZTA_MAP;

/* Denials and audits have a ring of their own: nothing else can push one out. Full: counted. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, ZTA_DENIAL_RING_BYTES);
} zta_denials ZTA_MAP;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, ZTA_NOTE_RING_BYTES);
} zta_notes ZTA_MAP;

static __always_inline __u64 zta_ctl(__u32 which)
{
	__u64 *v = bpf_map_lookup_elem(&zta_control, &which);

	return v ? *(volatile __u64 *)v : 0;
}

static __always_inline void zta_stat(__u32 which, __u64 n)
{
	__u64 *v = bpf_map_lookup_elem(&zta_stats, &which);

	if (v)
		__sync_fetch_and_add(v, n); /* programs nest and are preempted */
}
