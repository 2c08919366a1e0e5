/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is kept with a socket (map zta_sockets), and who sent UDP to it (map zta_peers).
 * The note is made in sock_create, before an application can exhaust the socket's option memory.
 * A socket without a note was made by the kernel, or is older than the programs: it is judged
 * afresh for each packet, never allowed because of the missing note.
 */
#pragma once

#include <linux/types.h>

#include "zta_policy.h"

#define ZTA_SOCK_LAYOUT 4 /* version of struct zta_sock alone */

#define ZTA_SOCK_BORN	 (1U << 0) /* seen by sock_create */
#define ZTA_SOCK_ADOPTED (1U << 1) /* marked by the daemon: older than the programs */
#define ZTA_SOCK_INBOUND (1U << 2) /* TCP: the peer (called) opened it */
#define ZTA_SOCK_CALLED	 (1U << 3) /* called, called_port hold */
#define ZTA_SOCK_ACTIVE	 (1U << 4) /* TCP: connect was allowed, and no listen came after it */

#define ZTA_SOCK_ASKED (1U << 5) /* a query left: answers are read */

#define ZTA_SOCK_READ (1U << 6) /* TCP: its first octets were read and may pass */

#define ZTA_SOCK_REDIRECTED (1U << 7) /* called IMDS, connected to the broker */

#define ZTA_SOCK_ANSWERS (1U << 8) /* TCP: answers_at holds */

#define ZTA_WATCH_DNS	 (1U << 0) /* queries to a resolver */
#define ZTA_WATCH_STREAM (1U << 1) /* the first bytes: ClientHello, proxy request */

#define ZTA_CALLED_LAST ((__u64)1 << 62) /* called_time of connect: until the next call */

/* A DNS query that waits for its answer. */
#define ZTA_SOCK_QUERIES 2 /* A and AAAA; more are kept in zta_queries */
struct zta_asked {
	__u64 what;	/* ZTA_NAMED(hash of the name, id as on the wire); 0 = free */
	__u64 workload; /* key in the workload map */
	__u32 sent;	/* CLOCK_BOOTTIME s */
	__u16 type;	/* host byte order */
	__u16 by_lo;	/* 1 = it left through lo, and so its answer may come */
};
_Static_assert(sizeof(struct zta_asked) == 24, "layout");

/*
 * Zero where unknown. Threads that share a socket, and packets that come in meanwhile, write here
 * at the same time; so what belongs together (an address, its port, a policy) is tied by one word
 * that only fits all of it: zta_tie().
 */
struct zta_sock {
	__u64 netns;	  /* cookie of its network namespace */
	__u64 owner;	  /* leaf cgroup of its maker */
	__u64 owner_key;  /* that one's key in the workload map */
	__u64 caller_key; /* of the task that called connect or sendmsg, when it differs */
	__u64 judged; /* ties wire, wire_port, watch, zta_epoch(): such packets pass. 0 = none */
	__u64 sticky; /* TCP: patterns that named wire when it was judged, 16 bits each */
	__u64 nonce;  /* in the SYN of a call to the broker, until it is answered; 0 = none */
	union {
		__u64 called_time; /* UDP: CLOCK_MONOTONIC ns of the call, or ZTA_CALLED_LAST */
		__u32 answers_at;  /* TCP: sequence number where a resolver's next message begins */
	};
	__u64 peers_word;	/* ZTA_CTL_WORD under which closed holds */
	__u64 peers_since;	/* peers from before are forgotten (connect clears the mark) */
	__u64 peer_tie;		/* ties peer, peer_port */
	__u64 peer_time;	/* CLOCK_MONOTONIC ns of the last packet of peer, 0 = none */
	struct zta_addr called; /* as called, normalised */
	struct zta_addr wire;	/* destination of the packets that are judged already */
	struct zta_addr peer;	/* last UDP peer */
	__u16 called_port;	/* host byte order, all three */
	__u16 wire_port;
	__u16 peer_port;
	__u8 closed; /* 1 = its profile is closed: all its UDP peers are kept, not only the last */
	__u8 watch;  /* ZTA_WATCH_*: what is looked at in packets that pass */
	__u32 adopted_generation; /* ADOPTED: kept unjudged while this is in force */
	__u32 flags;		  /* ZTA_SOCK_* */
	__u32 pid;		  /* of the maker or last caller, host pid namespace */
	__u32 uid;
	char comm[ZTA_COMM_LEN];
	struct zta_asked asked[ZTA_SOCK_QUERIES]; /* under a lock of zta_locks */
};
_Static_assert(sizeof(struct zta_sock) == 248, "layout");

/*
 * LRU hash: the latest UDP peers of closed profiles' sockets -> CLOCK_MONOTONIC ns. With
 * ZTA_PEER_CALLED: not a peer, but whom the socket itself called then (bpf/peers.h). Handshakes
 * forged on lo too: cookie = netns | 1 << 63, pad = own port (bpf/forged.h).
 */
#define ZTA_PEER_CALLED ((__u64)1 << 63)
struct zta_peer_key {
	__u64 cookie;
	struct zta_addr addr;
	__u16 port; /* host byte order */
	__u16 pad;
};
_Static_assert(sizeof(struct zta_peer_key) == 32, "layout");
