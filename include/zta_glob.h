/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What stands between the first and the last '*' of a component, for both compilers.
 *
 * Shift-And: bit n of the state says that the middle's first n bytes were just found. A bit moves
 * on when the next byte of the name is the next of the middle, and stays where a '*' stood. All
 * bytes of the middle are compared with one of the name at once, so a step has no branch.
 *
 * Example: "a*bc*d*e" has prefix "a", middle "bcd" that stays at bits 0, 2 and 3, suffix "e".
 */
#pragma once

#include "zta_policy.h"

#define ZTA_GLOB_BYTES(byte) ((byte)*0x0101010101010101ULL)

/* Bit n = byte n of a word (the first in memory is 0) is zero. Little endian. */
static inline __u64 zta_glob_zero_bytes(__u64 word)
{
	__u64 low = ZTA_GLOB_BYTES(0x7fULL), tops = ~(((word & low) + low) | word | low);

	return ((tops >> 7) * 0x0102040810204080ULL) >> 56; /* one bit of each byte, side by side */
}

/* The state behind the byte @c of a name; it starts as 1. No byte of a name is NUL. */
static inline __u64 zta_glob_middle_step(const struct zta_glob *g, __u64 state, __u8 c)
{
	__u64 same = 0;

	for (int i = 0; i < ZTA_MIDDLE_LEN / 8; i++) {
		__u64 word;

		__builtin_memcpy(&word, g->middle + i * 8, 8);
		same |= zta_glob_zero_bytes(word ^ ZTA_GLOB_BYTES((__u64)c)) << (i * 8);
	}
	return (state & same) << 1 | (state & g->stays);
}
