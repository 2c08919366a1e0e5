/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Records of the two rings, and the table that folds repeated denials. */
#pragma once

#include <linux/bpf.h>
#include <linux/types.h>

#include "zta_policy.h"

/* Version of both rings, the fold table and the counters alone: carried over other layouts. */
#define ZTA_EVENT_LAYOUT 2

enum zta_event_type {
	ZTA_EVENT_EGRESS = 1, /* a decision about a destination */
	ZTA_EVENT_SOCKET,     /* row 4: a socket was refused */
	ZTA_EVENT_CGROUP,     /* note: the kernel gave a new cgroup its workload */
	ZTA_EVENT_ORPHAN,     /* note: heartbeat too old, weakened to audit */
	ZTA_EVENT_DNS,	      /* a query that was refused, an answer of record (§3.4) */
	ZTA_EVENT_TLS,	      /* a server name or the authority of a proxy request */
	ZTA_EVENT_ANSWER,     /* note: struct zta_answer_note */
	ZTA_EVENT_CLOSE,      /* note: close the socket (netns, cookie), its denial is folded */
	ZTA_EVENT_CAPTURED, /* note: an answer of a resolver that arrived where none is believed */
};

#define ZTA_EVENT_PROBE	   (1U << 0) /* refused connect() of a datagram socket */
#define ZTA_EVENT_FOLDED   (1U << 1) /* destination is left out: too many from this workload */
#define ZTA_EVENT_PROCESS  (1U << 2) /* pid, uid, comm are known */
#define ZTA_EVENT_SELFTEST (1U << 3)
#define ZTA_EVENT_CUT                                                               \
	(1U << 4) /* packet of an open connection: close the socket (netns, cookie) \
		   */
#define ZTA_EVENT_PAUSED (1U << 5) /* passed because of a pause or an absent daemon */

/* The same for both rings; unused members are 0. Times are CLOCK_BOOTTIME ns. */
struct zta_event {
	__u64 time;		 /* of the first of the folded */
	__u64 cgroup;		 /* leaf cgroup of the judged side */
	__u64 workload;		 /* key in the workload map */
	__u64 netns;		 /* cookie of the socket's namespace, 0 = unknown */
	__u64 cookie;		 /* of the socket */
	__u64 services;		 /* services that the decision spoke about */
	__u64 name;		 /* hash of the name asked, answered or shown; 0 = none */
	struct zta_addr addr;	 /* the address judged (normalised, as called) */
	struct zta_addr carried; /* the IPv4 one inside, when that was denied */
	struct zta_addr called;	 /* at egress: the address of the call, when the packet's differs */
	__u32 rule;		 /* id, ZTA_RULE_NONE */
	__u32 count;		 /* how many this record stands for */
	__u32 generation;
	__u32 pid; /* host pid namespace (tgid) */
	__u32 uid;
	__u32 flags; /* ZTA_EVENT_* */
	__u16 port;  /* host byte order */
	__u16 profile;
	__u16 sport; /* own port, host byte order, 0 = unknown */
	__u8 type;   /* enum zta_event_type */
	__u8 verdict;
	__u8 reason;
	__u8 row;      /* 0 = none */
	__u8 hook;     /* enum zta_hook */
	__u8 proto;    /* IPPROTO_*; of type SOCKET the protocol asked for */
	__u8 socktype; /* type SOCKET: SOCK_* */
	__u8 pad[3];
	char comm[ZTA_COMM_LEN];
};
_Static_assert(sizeof(struct zta_event) == 176, "layout");

/* Type ANSWER: event.addr is the resolver, event.name the question. */
#define ZTA_ANSWER_BYTES 4096
struct zta_answer_note {
	struct zta_event event;
	__u32 len; /* octets of message that count */
	__u32 pad;
	__u8 message[ZTA_ANSWER_BYTES]; /* the DNS message, as it came */
};

struct zta_fold_key {
	__u64 workload;
	__u64 name;
	struct zta_addr addr; /* zero when folded by (workload, reason) alone */
	__u16 port;
	__u8 proto;
	__u8 reason;
	__u8 verdict;
	__u8 type;
	__u8 socktype;
	__u8 pad[5];
};
_Static_assert(sizeof(struct zta_fold_key) == 48, "layout");

/* Value of the fold table. Written under the lock, except event, which whoever made it fills. */
struct zta_fold {
	struct bpf_spin_lock lock;
	__u32 held;	  /* folded since it was told last */
	__u64 first;	  /* CLOCK_BOOTTIME ns: when the row began */
	__u64 told;	  /* when it was told last */
	__u64 held_first; /* time of the first that is held */
	__u32 gone;	  /* zta_flush deletes it: fold no more */
	__u32 ready;	  /* event is filled in */
	struct zta_event event;
};
_Static_assert(sizeof(struct zta_fold) == 216, "layout");
