/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* DHCP, which no verdict may break: recognised by ports and destination, at the call as well. */
#pragma once

#include <bpf/bpf_endian.h>

#include "zta_decide_types.h"

static __always_inline int zta_is_private4(__be32 a)
{
	__u32 h = bpf_ntohl(a);

	return h >> 24 == 10 || h >> 20 == 0xac1 || h >> 16 == 0xc0a8 || h >> 16 == 0xa9fe ||
	       h >> 22 == 0x191 /* 100.64.0.0/10 */;
}

/*
 * DHCP: 68 to 67 of IPv4, 546 to 547 of IPv6. Only where a DHCP server can be: broadcast, private,
 * link-local, multicast, and 168.63.129.16, which is Azure's. A public address would be a way out.
 */
static __always_inline int zta_is_dhcp(const struct zta_addr *dst, __u16 sport, __u16 dport)
{
	if (dst->family == ZTA_V4)
		return sport == 68 && dport == 67 &&
		       (dst->w[0] == 0xffffffff || zta_is_private4(dst->w[0]) ||
			dst->w[0] == bpf_htonl(0xa83f8110));
	return sport == 546 && dport == 547 &&
	       ((dst->w[0] & bpf_htonl(0xff000000)) == bpf_htonl(0xff000000) ||
		(dst->w[0] & bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000) ||
		(dst->w[0] & bpf_htonl(0xfe000000)) == bpf_htonl(0xfc000000));
}
