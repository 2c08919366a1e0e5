/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who is calling? The kernel's word about a connection to the broker.
 *
 * Theory of operation
 *
 * When a socket connects to the broker, sockops draws a random nonce, writes nonce -> caller into
 * zta_callers and lets the SYN carry the nonce in a TCP option (kind 253, RFC 6994). The listener
 * has TCP_SAVE_SYN, reads TCP_SAVED_SYN after accept, takes the entry and deletes it. No option, an
 * unknown or a used nonce: nobody vouches for the caller. Addresses and ports are never the key:
 * they can be taken over and forged.
 */
#pragma once

#include "zta_policy.h"

#define ZTA_NONCE_KIND	 253
#define ZTA_NONCE_EXID	 0x7a74 /* network byte order on the wire: "zt" */
#define ZTA_NONCE_OCTETS 12	/* of the option: kind, length, ExID, nonce */

/* LRU hash zta_callers: key = nonce (__u64, as its octets stand on the wire) */
struct zta_caller {
	__u64 owner;  /* key in the workload map of the socket's maker; 0 = outside */
	__u64 caller; /* of the task that called connect, 0 = outside */
	__u64 cookie; /* of the calling socket */
	__u64 netns;  /* cookie of its network namespace */
	__u64 time;   /* CLOCK_MONOTONIC ns of the SYN */
	__u32 pid;    /* of the caller, host pid namespace */
	__u32 uid;
	__u32 redirected; /* 1 = it called 169.254.169.254:80 */
	__u32 pad;
};
_Static_assert(sizeof(struct zta_caller) == 56, "layout");

#define ZTA_CALLERS_MAX 16384

/* array zta_broker, one entry: where broker profiles' calls of IMDS go; family 0 = nowhere */
struct zta_broker {
	struct zta_addr addr; /* normalised */
	__u16 port;	      /* host byte order */
	__u16 pad;
};
_Static_assert(sizeof(struct zta_broker) == 24, "layout");
