/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What BPF_PROG_TEST_RUN carries to and from the programs of bpf/flush.bpf.c. */
#pragma once

#include <linux/types.h>

#include "zta_policy.h"

#define ZTA_TEST_PAD 64 /* bytes in front: the kernel wants to see packet headers there */

/* zta_decide_test: no live answers. */
struct zta_test_case {
	struct zta_addr addr; /* in: as called, not normalised */
	__u32 profile;	      /* in */
	__u32 flags;	      /* in: ZTA_ASK_* */
	__u16 port;	      /* in: host byte order */
	__u8 proto;	      /* in */
	__u8 verdict;	      /* out, as all below */
	__u32 rule;
	__u32 pad;
	__u64 services;
	__u8 reason;
	__u8 row;
	__u8 verdict_flags;
	__u8 pad2[5];
};
_Static_assert(sizeof(struct zta_test_case) == 56, "layout");

/* zta_dns_test: the message follows. What zta_dns.h reads of it, step by step. */
#define ZTA_TEST_DNS_BYTES 3000 /* the kernel takes no more than a page in all */
struct zta_test_dns {
	__u64 seed;	/* in: of the hashes */
	__u32 len;	/* in: octets of the message */
	__u32 begun;	/* out, as all below: 1 = header and question are sound */
	__u64 question; /* hash */
	__u64 digest;	/* of all steps: zta_test_step(), which both sides call */
	__u32 steps;
	__u16 id;
	__u16 type;
};
_Static_assert(sizeof(struct zta_test_dns) == 40, "layout");

/* zta_stream_test: the first octets of a connection, in one piece behind this. */
struct zta_test_stream {
	__u64 seed;  /* in: of the hash */
	__u64 hash;  /* out: of the name so far */
	__u32 len;   /* in */
	__u32 flags; /* in: ZTA_STREAM_PROXY; out: ZTA_STREAM_* */
	__u32 taken; /* out, as all below: octets */
	__u32 state;
	__u32 name_len;
	__u32 port;
};
_Static_assert(sizeof(struct zta_test_stream) == 40, "layout");

static inline __u64 zta_test_mix(__u64 digest, __u64 v)
{
	digest = (digest ^ v) * 0x100000001b3ULL;
	return digest ^ digest >> 29;
}

/* What counts of a step, and where the reader stands then. @d: struct zta_dns */
#define zta_test_step(digest, d, step)                                                             \
	zta_test_mix(zta_test_mix(zta_test_mix(digest, (__u64)(d)->at << 32 | (step)), (d)->want), \
		     (step) == ZTA_DNS_ADDRESS ? zta_test_address((d)->ttl, &(d)->addr) : 0)

static inline __u64 zta_test_address(__u32 ttl, const struct zta_addr *a)
{
	__u64 digest = zta_test_mix(ttl, (__u64)a->family << 32 | a->w[0]);

	return zta_test_mix(zta_test_mix(digest, (__u64)a->w[1] << 32 | a->w[2]), a->w[3]);
}
