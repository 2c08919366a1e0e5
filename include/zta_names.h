/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Keys and values of the maps about names: what policy says of a name, what live answers said.
 *
 * Theory of operation
 *
 * A name is written backwards, in lower case, without a trailing dot: the pattern "*.example.com"
 * is the prefix "moc.elpmaxe." of every name below it, the exact pattern "a.example.com" is
 * "moc.elpmaxe.a" with its NUL. The longest match of a trie is then the pattern with the most
 * labels, and an exact one before "*". Octets of a label that no pattern may hold ('.', NUL) are
 * written as 0xff. Of names longer than ZTA_NAME_TEXT the last octets count.
 *
 * What an answer said is kept by the id of the pattern, and ids stay with a pattern over policies
 * (struct policy_ids): a learnt address means what the policy in force says of that pattern.
 */
#pragma once

#include "zta_policy.h"

/* --- table "names": LPM trie -> __u32 */
#define ZTA_NAME_TEXT 200
struct zta_name_key {
	__u32 prefixlen; /* bits: 32 (scope) + 8 for each octet, the NUL of an exact one included */
	__u32 scope;	 /* ZTA_NAMES_*, or a profile's id */
	char text[ZTA_NAME_TEXT];
};
_Static_assert(sizeof(struct zta_name_key) == 208, "layout");

/* value: id of the pattern; every pattern of the policy */
#define ZTA_NAMES_ALL 0xffffffffU
/*
 * value: octets of the suffix, the dot in front included. Search suffixes of the machine: the
 * suffix "corp.example" is the text "elpmaxe.proc.".
 */
#define ZTA_NAMES_SUFFIX 0xfffffffeU
/* scope = a profile's id, value 1: names that it may ask for under dns.names "listed" */

/* --- table "patterns": array, key = id of a pattern, 0 = none */
#define ZTA_PATTERN_AI_PUBLIC (1U << 0)
#define ZTA_PATTERN_VALID     (1U << 1) /* of the policy in force */

/*
 * services, AI_PUBLIC: what this pattern, or the nearest one that covers it, is to everyone. A
 * pattern of rules alone has neither.
 */
struct zta_pattern {
	__u64 services;
	__u16 group; /* for table "named", 0 = no rule speaks of it */
	__u16 flags; /* ZTA_PATTERN_* */
	__u32 pad;
};
_Static_assert(sizeof(struct zta_pattern) == 16, "layout");

/* A name in 48 bits (seeded hash of its backward text) and the pattern that matches it. */
#define ZTA_NAME_BITS	   48
#define ZTA_NAMED(hash, p) ((__u64)(hash) << 16 | (__u16)(p))
#define ZTA_NAME_OF(what)  ((what) >> 16)

/* --- learnt answers: LRU hash, zta_learnt for known network namespaces, zta_others for the rest */
struct zta_place {
	__u64 netns; /* cookie */
	struct zta_addr addr;
	__u32 pad;
};
_Static_assert(sizeof(struct zta_place) == 32, "layout");

/* Version of struct zta_learnt and the map of texts alone: carried over other layouts. */
#define ZTA_LEARNT_LAYOUT 1

/* Times are CLOCK_BOOTTIME seconds. Counts until max(until, seen + resolution_grace_s). */
struct zta_evidence {
	__u64 what;  /* ZTA_NAMED(), 0 = free */
	__u32 seen;  /* the last time it was answered */
	__u32 until; /* its TTL ends */
};

struct zta_learnt {
	struct zta_evidence v[ZTA_ANSWER_GROUPS];
	__u32 other_seen; /* a name without a pattern, likewise; 0 = none */
	__u32 other_until;
};
_Static_assert(sizeof(struct zta_learnt) == 136, "layout");

/* --- texts: LRU hash, key = hash of a name (__u64, 48 bits) */
#define ZTA_NAME_OCTETS 256
struct zta_text {
	char name[ZTA_NAME_OCTETS]; /* backwards, NUL-terminated, zero padded */
};

/* --- queries seen leaving: LRU hash */
struct zta_query_key {
	__u64 cookie; /* of the socket */
	__u64 name;   /* hash */
	__u16 id;     /* as on the wire */
	__u16 type;   /* host byte order */
	__u32 pad;
};
_Static_assert(sizeof(struct zta_query_key) == 24, "layout");

struct zta_query {
	__u64 workload; /* key in the workload map */
	__u64 sent;	/* CLOCK_BOOTTIME ns */
	__u64 by_lo;	/* 1 = it left through lo, and so its answer may come */
};
