/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Keys and values of the maps that carry policy, workloads and settings.
 *
 * Theory of operation
 *
 * A policy is compiled into seven tables (policy, profiles, prefixes, ports, rules, named, and the
 * two of the cgroup patterns). Each table is an inner map; the outer map has two slots. A new
 * policy fills the slot that is not in force, then one 64-bit word (ZTA_CTL_WORD) names it: every
 * run of a program reads that word once and so sees the old or the new policy, never a mixture.
 *
 * The workload map is outside the slots (the kernel itself adds cgroups as they are made); each of
 * its values carries one answer for each slot instead.
 */
#pragma once

#include <linux/types.h>

#include "zta_limits.h"

/* Changes with any struct or map below; pins of another version are not adopted in place. */
#define ZTA_LAYOUT_VERSION 2

#define ZTA_V4 4
#define ZTA_V6 6

/* An address after zta_normalise(): IPv4 stands in w[0], the rest is 0. Network byte order. */
struct zta_addr {
	__be32 w[4];
	__u32 family; /* ZTA_V4, ZTA_V6; 0 = none */
};
_Static_assert(sizeof(struct zta_addr) == 20, "layout");

/* --- table "policy": one record */
#define ZTA_POLICY_AUDIT (1U << 0) /* mode of the document */

struct zta_policy {
	__u32 generation;
	__u32 flags;	      /* ZTA_POLICY_* */
	__u64 audit_services; /* services whose own mode is audit */
};
_Static_assert(sizeof(struct zta_policy) == 16, "layout");

/* --- table "profiles": array, key = profile id < ZTA_PROFILE_IDS */
#define ZTA_PROFILE_VALID	 (1U << 0)
#define ZTA_PROFILE_AUDIT	 (1U << 1) /* its own mode; the document's is in zta_policy */
#define ZTA_PROFILE_EGRESS_ALLOW (1U << 2) /* egress.default; clear = deny */
#define ZTA_PROFILE_PLATFORM	 (1U << 3)
#define ZTA_PROFILE_IMDS_ALLOW	 (1U << 4)
#define ZTA_PROFILE_IMDS_BROKER	 (1U << 5)
#define ZTA_PROFILE_NO_QUIC	 (1U << 6) /* no-ai and what extends it: UDP 443 */
#define ZTA_PROFILE_HOST	 (1U << 7) /* rows 10 and 11 do not apply */
#define ZTA_PROFILE_SELFTEST	 (1U << 8) /* enforces in every mode; its events are not journalled */
#define ZTA_PROFILE_DNS_LISTED	 (1U << 9)  /* dns.names: listed */
#define ZTA_PROFILE_NO_ECH	 (1U << 10) /* no-ai, what extends it, and deny profiles */

struct zta_profile {
	__u64 services; /* bit n: service n is the profile's */
	__u64 enforced; /* bit n: row 13 concerns service n for this profile */
	__u64 resolve;	/* bit n: service n requires a live answer here (row 11) */
	__u32 flags;	/* ZTA_PROFILE_* */
	__u32 grace_s;	/* resolution_grace_s */
};
_Static_assert(sizeof(struct zta_profile) == 32, "layout");

/*
 * --- table "prefixes": LPM trie of everything that is said by address
 *
 * scope: ZTA_SCOPE_GLOBAL for what holds for everyone (fences, ai_public, private ranges,
 * resolvers), a profile's id for its rules, ZTA_SCOPE_WITHIN + n for named rules that depend on the
 * address as well (`within`).
 * A node carries what itself and all shorter prefixes of its scope say, merged: one look-up.
 * An IPv4 prefix never matches an IPv6 address or the reverse (the family is in the scope word).
 *
 * Example: 10.20.0.0/24 in the global scope = { 32 + 24, ZTA_SCOPE(ZTA_SCOPE_GLOBAL, ZTA_V4),
 * { 10, 20, 0, 0, 0... } }.
 */
#define ZTA_SCOPE_GLOBAL      0xfffffU
#define ZTA_SCOPE_WITHIN      0x10000U
#define ZTA_SCOPE(id, family) (((__u32)(id) << 4) | (family))

struct zta_prefix_key {
	__u32 prefixlen; /* 32 (scope) + bits of the address */
	__u32 scope;
	__u8 addr[16]; /* network byte order; IPv4 in the first four */
};
_Static_assert(sizeof(struct zta_prefix_key) == 24, "layout");

#define ZTA_PREFIX_AI_PUBLIC (1U << 0)
#define ZTA_PREFIX_PRIVATE   (1U << 1)
#define ZTA_PREFIX_RESOLVER  (1U << 2)

/* A run of zta_rule in the table "rules", best match first. */
struct zta_list {
	__u32 first;
	__u16 count; /* 0 = none, at most ZTA_LIST_MAX */
	__u16 flags; /* ZTA_LIST_*; in the table "named" only */
};
/*
 * AI_ALLOW: an ai_public_allow entry of the profile covers the name, row 13 is lifted.
 * OWN_NAME: a rule of the profile is more specific about the name than ai_public and services are;
 *	for row 13 it is an ordinary name.
 * WITHIN: first = n, the list is that of the node in scope ZTA_SCOPE_WITHIN + n; count is 0.
 */
#define ZTA_LIST_AI_ALLOW (1U << 0)
#define ZTA_LIST_OWN_NAME (1U << 1)
#define ZTA_LIST_WITHIN	  (1U << 2)

struct zta_prefix {
	__u64 fence;	 /* services whose private_link holds the address */
	__u64 dedicated; /* of these, the dedicated ones */
	struct zta_list rules;
	__u32 flags;   /* ZTA_PREFIX_* */
	__u32 proxies; /* bit n: proxies[n] of the policy holds the address (global scope) */
};
_Static_assert(sizeof(struct zta_prefix) == 32, "layout");

/*
 * --- table "ports": array, value = __u64: key = port: mask of the services that have it; key =
 * ZTA_PORTS_PROXY + port: mask of the proxies that have it
 */
#define ZTA_PORTS_PROXY 65536
#define ZTA_PORTS_KEYS	(2 * 65536)

/* --- table "rules": array of rule entries that lists point into */
#define ZTA_PROTO_TCP	(1U << 0)
#define ZTA_PROTO_UDP	(1U << 1)
#define ZTA_PROTO_ICMP	(1U << 2) /* ICMP and ICMPv6 echo */
#define ZTA_PROTO_OTHER (1U << 3)
#define ZTA_PROTO_ANY	0xfU

#define ZTA_RULE_ALLOW 0
#define ZTA_RULE_DENY  1

#define ZTA_RULE_AUDIT	(1U << 0)
#define ZTA_RULE_PORTS	(1U << 1) /* port_lo..port_hi count; else any port and icmp too */
#define ZTA_RULE_WITHIN (1U << 2) /* a named rule that has `within`: may open private addresses */
#define ZTA_RULE_PLAIN	(1U << 3) /* a named rule with "tls": false: any first bytes will do */

/*
 * One entry for each (rule, port range). A list is sorted by prefix length, longest first, and at
 * equal length denials first, so the first entry that has port and protocol decides. Named rules:
 * by pattern, most specific first, then denials first.
 */
struct zta_rule {
	__u16 port_lo; /* host byte order, inclusive */
	__u16 port_hi;
	__u8 protos;	/* ZTA_PROTO_* */
	__u8 action;	/* ZTA_RULE_ALLOW.. */
	__u8 prefixlen; /* of the address, 0..128; 0 for named rules, which count as a host */
	__u8 flags;	/* ZTA_RULE_AUDIT.. */
	__u32 pad;
	__u32 id; /* index of the rule in struct policy, for events */
};
_Static_assert(sizeof(struct zta_rule) == 16, "layout");
#define ZTA_RULE_NONE 0xffffffffU

/*
 * --- table "named": hash, what rules of a profile say of a name: for addresses that a live answer
 * gave for it (proxy 0), or asked of a proxy (n + 1: proxies[n]). The list of a proxy holds the
 * rules `proxy` alone, and WITHIN is never set.
 */
struct zta_named_key {
	__u16 profile;
	__u16 proxy;
	__u32 group; /* id of the name pattern, never 0 */
};
/* value: struct zta_list */

/*
 * What live answers of the socket's network namespace say about one address. All zero = nothing.
 * `outside` and `named` exclude each other for one service.
 */
#define ZTA_ANSWER_AI_PUBLIC (1U << 0) /* given for an ai_public name */
#define ZTA_ANSWER_OTHER     (1U << 1) /* also given for a name of neither kind */

struct zta_answers {
	__u64 named;			 /* services that named it, inside their fence */
	__u64 outside;			 /* services that named it, outside their fence */
	__u32 flags;			 /* ZTA_ANSWER_* */
	__u16 groups[ZTA_ANSWER_GROUPS]; /* name patterns that named it, 0 = none */
	__u32 pad;
};
_Static_assert(sizeof(struct zta_answers) == 40, "layout");

/*
 * --- workloads: hash, key = cgroup id (__u64)
 * The nearest ancestor of a cgroup that has an entry decides. The attach point always has one (the
 * default profile). Written by user space, and by the cgroup_mkdir program for new cgroups.
 */
#define ZTA_WORKLOAD_QUARANTINED (1U << 0)
#define ZTA_WORKLOAD_SELFTEST	 (1U << 1)
#define ZTA_ENTRY_DEFAULT	 0xffffU /* no entry of workloads[]: the default profile */

struct zta_workload {
	__u64 pause_until; /* CLOCK_BOOTTIME ns, 0 = not paused */
	__u16 profile[2];  /* id, for each slot */
	__u16 entry[2];	   /* index in workloads[] or ZTA_ENTRY_DEFAULT, for each slot */
	__u32 flags;	   /* ZTA_WORKLOAD_* */
	__u32 pad;
};
_Static_assert(sizeof(struct zta_workload) == 24, "layout");

/*
 * --- cgroup patterns, for the cgroup_mkdir program
 * The patterns of workloads[] form a tree of components, root = node 1 (the attach point). A
 * cgroup stands on every node that its path reaches (zta_cgstate); a child's are found from its
 * parent's and its own name: one hash look-up for the literal component, a scan of the node's
 * components with a '*' for the rest.
 */
struct zta_literal_key { /* table "literals": hash -> __u32 child node */
	__u32 node;
	char name[ZTA_COMPONENT_LEN]; /* NUL padded */
};

/* table "globs": array. The globs of a node are consecutive. */
struct zta_glob {
	__u32 child;
	__u16 prefix_len; /* prefix_len + suffix_len <= length of the component */
	__u16 suffix_len;
	__u64 stays;	  /* bits of the state that a '*' keeps, see zta_glob.h */
	__u16 middle_len; /* without its '*'; 0 = any */
	__u16 pad[3];
	char middle[ZTA_MIDDLE_LEN];	/* NUL padded */
	char prefix[ZTA_COMPONENT_LEN]; /* left-aligned, zero padded */
	char suffix[ZTA_COMPONENT_LEN]; /* right-aligned: the last byte of the text is the last */
};
_Static_assert(sizeof(struct zta_glob) == 344, "layout");

/* table "nodes": array, key = node */
struct zta_glob_node {
	__u32 first_glob;
	__u16 globs;   /* at most ZTA_GLOBS_PER_NODE */
	__u16 entry;   /* lowest workloads[] index that ends here, ZTA_ENTRY_DEFAULT = none */
	__u16 profile; /* of that entry */
	__u16 pad;
};
_Static_assert(sizeof(struct zta_glob_node) == 12, "layout");

/* hash, key = cgroup id; only cgroups that stand on a node. One answer for each slot. */
struct zta_cgstate {
	__u16 nodes[2][ZTA_GLOB_STATES]; /* 0 = none */
	__u16 entry[2];			 /* lowest index that matches it or an ancestor */
	__u16 profile[2];
	__u32 flags;
	__u32 pad;
};
_Static_assert(sizeof(struct zta_cgstate) == 48, "layout");

/* --- own addresses: hash, value = __u8. Row 3 at connect. Kept by the daemon. */
struct zta_local_key {
	__u64 netns; /* cookie */
	struct zta_addr addr;
	__u32 pad;
};
_Static_assert(sizeof(struct zta_local_key) == 32, "layout");

#define ZTA_EXISTING_JUDGE 0
#define ZTA_EXISTING_KEEP  1
#define ZTA_EXISTING_MARKING                                                \
	2 /* first attach: sockets without a note pass until all are marked \
	   */

/*
 * --- settings that change at run time: array of __u64. Each word is written and read whole.
 */
enum zta_ctl {
	ZTA_CTL_LAYOUT,	     /* ZTA_LAYOUT_VERSION */
	ZTA_CTL_WORD,	     /* bit 0: slot in force; the rest: counts every change (epoch) */
	ZTA_CTL_GENERATION,  /* of the policy in force */
	ZTA_CTL_PAUSE_UNTIL, /* CLOCK_BOOTTIME ns, 0 = no pause */
	ZTA_CTL_HEARTBEAT,   /* CLOCK_MONOTONIC ns of the daemon's last sign of life */
	ZTA_CTL_ORPHAN_NS,   /* weaken to audit when the heartbeat is older; 0 = keep enforcing */
	ZTA_CTL_NETNS,	     /* cookie of the machine's own (the daemon's) network namespace */
	ZTA_CTL_LEVEL_MIN,   /* cgroup level of the attach point */
	ZTA_CTL_LEVEL_MAX,   /* deepest level that has an entry in the workload map */
	ZTA_CTL_EXISTING,    /* sockets older than the programs: ZTA_EXISTING_* */
	ZTA_CTL_ROOT,	     /* cgroup id of the attach point */
	ZTA_CTL_LOG_ALLOWED, /* 1 = allowed connections are events too */
	ZTA_CTL_FILLING,     /* 1 = the slot not in force is being filled: its patterns count too */
	ZTA_CTL_ORPHAN_TOLD, /* heartbeat whose absence the kernel has told */
	ZTA_CTL_LEARNT, /* counts addresses that answers made public AI's or put outside a fence */
	ZTA_CTL_SEED,	/* random, of the hashes of names; never changes while maps live */
	ZTA_CTL_COUNT
};

/* --- decision counters: per-CPU hash, value = __u64 */
struct zta_counter_key {
	__u16 profile;
	__u8 reason;
	__u8 verdict;
	__u8 service; /* bit number; ZTA_SERVICE_NONE */
	__u8 pad[3];
};
_Static_assert(sizeof(struct zta_counter_key) == 8, "layout");
#define ZTA_SERVICE_NONE 0xff

/* --- bookkeeping of events: per-CPU array of __u64. held = seen - told - lost */
enum zta_stat {
	ZTA_STAT_SEEN,	     /* denials and audits that happened */
	ZTA_STAT_TOLD,	     /* of these, put into the ring (with their counts) */
	ZTA_STAT_LOST,	     /* of these, refused by a full ring */
	ZTA_STAT_NOTE_LOST,  /* other records refused by a full ring */
	ZTA_STAT_UNCOVERED,  /* new cgroups that matched but found the workload map full */
	ZTA_STAT_NO_STORAGE, /* sockets whose storage could not be made */
	ZTA_STAT_NO_ROOM,    /* calls and packets refused for want of scratch memory */
	/* Messages of resolvers, each counted once, as what it did. */
	ZTA_STAT_DNS_LEARNT,	/* it named an address (private link, rules, other names) */
	ZTA_STAT_DNS_PUBLIC,	/* it gave a service's name an address outside the fence */
	ZTA_STAT_DNS_IGNORED,	/* not believed, or nothing in it that is learnt */
	ZTA_STAT_DNS_MALFORMED, /* could not be read */
	ZTA_STAT_COUNT
};
