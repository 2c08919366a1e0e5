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
