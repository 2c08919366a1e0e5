/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The question and the answer of zta_decide.h, and what an address really is. */
#pragma once

#include "zta_policy.h"
#include "zta_reason.h"

#ifndef __always_inline /* libc has it, the kernel's UAPI has not */
#define __always_inline inline __attribute__((always_inline))
#endif

/*
 * The compiler forgets what it knows of a value: a mask or check behind this stays where it is, for
 * the verifier to see; no address in a map value is computed before the check for NULL.
 */
#define ZTA_KEEP(value) asm volatile("" : "+r"(value))

#define ZTA_ASK_INBOUND	    (1U << 0) /* row 2 holds */
#define ZTA_ASK_LOCAL	    (1U << 1) /* row 3: own address, or the packet leaves by lo */
#define ZTA_ASK_QUARANTINED (1U << 2) /* row 1 */
#define ZTA_ASK_ADOPTED	    (1U << 3) /* socket older than the programs: row 11 never applies */
#define ZTA_ASK_MALFORMED   (1U << 4) /* options, routing header, unparsable */
#define ZTA_ASK_RAW	    (1U << 5) /* raw socket, whatever the packet says */
#define ZTA_ASK_WEAK	    (1U << 6) /* paused, or the daemon is gone for too long */
#define ZTA_ASK_BROKER	    (1U << 7) /* a broker is there to redirect to */

struct zta_ask {
	const struct zta_answers *answers; /* for addr; NULL = no live answer */
	struct zta_addr addr;		   /* normalised */
	struct zta_addr carried;	   /* IPv4 inside addr; family 0 = none */
	__u32 profile;
	__u32 flags; /* ZTA_ASK_* */
	__u16 port;  /* host byte order; 0 for icmp */
	__u8 proto;  /* IPPROTO_TCP, _UDP, _ICMP (echo of both families) or any other */
	__u8 pad;
};

struct zta_verdict {
	__u64 services; /* the services that the deciding row spoke about */
	__u32 rule;	/* id, ZTA_RULE_NONE */
	__u8 verdict;
	__u8 reason;
	__u8 row;
	__u8 flags; /* ZTA_VERDICT_* */
};
#define ZTA_VERDICT_CARRIED  (1U << 0) /* the address inside decided */
#define ZTA_VERDICT_WEAKENED (1U << 1) /* audit only because of ZTA_ASK_WEAK */

/* What the rules of row 14 (and the ai_public_allow entries of row 13) say. */
struct zta_ruling {
	__u32 rule; /* id of the winner, ZTA_RULE_NONE */
	__u8 prefixlen;
	__u8 action;
	__u8 audit;
	__u8 ai_allow;	/* row 13 is lifted */
	__u8 own_name;	/* for this profile the address also serves an ordinary name */
	__u8 rebinding; /* a named rule would have opened a private address without `within` */
	__u8 named;	/* the winner is a named one */
	__u8 plain;	/* ... with "tls": false */
};

#define ZTA_PORT_DNS 53
#define ZTA_PORT_DOT 853

static __always_inline __be32 zta_be32(__u32 host)
{
	return (__be32)__builtin_bswap32(host); /* both targets are little-endian */
}

/**
 * zta_normalise() - What an IPv6 address really is
 * @a:	family ZTA_V6 (ZTA_V4 is left alone); an IPv4-mapped one becomes ZTA_V4
 * @carried: the IPv4 address inside (IPv4-compatible, NAT64 64:ff9b::/96, 6to4, Teredo), or
 *	family 0. Not opened twice.
 */
static __always_inline void zta_normalise(struct zta_addr *a, struct zta_addr *carried)
{
	__u32 inside = 0, found = 0;

	carried->w[0] = carried->w[1] = carried->w[2] = carried->w[3] = 0;
	carried->family = 0;
	if (a->family != ZTA_V6)
		return;
	if (a->w[0] == 0 && a->w[1] == 0) {
		if (a->w[2] == zta_be32(0x0000ffff)) { /* RFC 4291 2.5.5.2 */
			a->w[0] = a->w[3];
			a->w[2] = a->w[3] = 0;
			a->family = ZTA_V4;
			return;
		}
		if (a->w[2] == 0 && a->w[3] != 0 && a->w[3] != zta_be32(1)) { /* 2.5.5.1 */
			inside = a->w[3];
			found = 1;
		}
	} else if (a->w[0] == zta_be32(0x0064ff9b) && a->w[1] == 0 && a->w[2] == 0) { /* RFC 6052 */
		inside = a->w[3];
		found = 1;
	} else if ((a->w[0] & zta_be32(0xffff0000)) == zta_be32(0x20020000)) { /* RFC 3056 */
		inside = zta_be32((zta_be32(a->w[0]) & 0xffff) << 16 | zta_be32(a->w[1]) >> 16);
		found = 1;
	} else if (a->w[0] == zta_be32(0x20010000)) { /* RFC 4380: client address, inverted */
		inside = ~a->w[3];
		found = 1;
	}
	if (found) {
		carried->w[0] = inside;
		carried->family = ZTA_V4;
	}
}

static __always_inline int zta_is_loopback(const struct zta_addr *a)
{
	if (a->family == ZTA_V4)
		return (a->w[0] & zta_be32(0xff000000)) == zta_be32(0x7f000000);
	return !a->w[0] && !a->w[1] && !a->w[2] && a->w[3] == zta_be32(1);
}

static __always_inline int zta_is_any(const struct zta_addr *a)
{
	return !a->w[0] && !a->w[1] && !a->w[2] && !a->w[3];
}
