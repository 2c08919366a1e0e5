/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reading a packet at the cgroup hooks: data starts at the IP header.
 *
 * zta_packet_read() takes the whole header chain apart (eight IPv6 extension headers at most) and
 * is used where the cached verdict does not fit; zta_packet_is_network() knows what no verdict may
 * break.
 */
#pragma once

#include "maps.h"

#include <bpf/bpf_endian.h>
#include <stddef.h>

#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include "dhcp.h"
#include "zta_decide.h"

#define ZTA_PACKET_MALFORMED (1U << 0) /* cannot be read to its transport header */
#define ZTA_PACKET_ROUTED    (1U << 1) /* IPv4 options or an IPv6 routing header */
#define ZTA_PACKET_FRAGMENT  (1U << 2) /* not the first: no transport header */

#define PROTO_ICMPV6   58
#define PROTO_HOPOPTS  0
#define PROTO_ROUTING  43
#define PROTO_FRAGMENT 44
#define PROTO_AH       51
#define PROTO_DSTOPTS  60
#define EXTENSIONS_MAX 8

struct zta_packet {
	struct zta_addr src; /* not normalised */
	struct zta_addr dst;
	__u32 flags; /* ZTA_PACKET_* */
	__u16 sport; /* host byte order, both; 0 without TCP or UDP */
	__u16 dport;
	__u8 proto; /* as in the header; ICMPv6 is 58 */
	__u8 type;  /* ICMP type, TCP flags byte */
	__u8 hops;
	__u8 pad;
};

/*
 * The three readers are global functions: each result is one word, and the verifier follows their
 * loops and branches once.
 */
#define ZTA_HEAD(flags, proto, hops, l4) \
	((__u64)(flags) | (__u64)(proto) << 8 | (__u64)(hops) << 16 | (__u64)(l4) << 32)

__noinline __weak __u64 zta_packet_head4(struct __sk_buff *skb)
{
	struct iphdr ip;
	__u32 flags = 0;

	if (bpf_skb_load_bytes(skb, 0, &ip, sizeof(ip)) < 0 || ip.ihl < 5)
		return ZTA_PACKET_MALFORMED;
	if (ip.ihl != 5)
		flags |= ZTA_PACKET_ROUTED;
	if (ip.frag_off & bpf_htons(0x1fff))
		flags |= ZTA_PACKET_FRAGMENT;
	return ZTA_HEAD(flags, ip.protocol, ip.ttl, ip.ihl * 4);
}

static __always_inline int zta_is_extension(__u32 next)
{
	return next == PROTO_HOPOPTS || next == PROTO_ROUTING || next == PROTO_FRAGMENT ||
	       next == PROTO_AH || next == PROTO_DSTOPTS;
}

__noinline __weak __u64 zta_packet_head6(struct __sk_buff *skb)
{
	struct ipv6hdr ip;
	__u32 next, at = sizeof(ip), flags = 0;

	if (bpf_skb_load_bytes(skb, 0, &ip, sizeof(ip)) < 0)
		return ZTA_PACKET_MALFORMED;
	next = ip.nexthdr;
	for (int i = 0; i < EXTENSIONS_MAX && zta_is_extension(next); i++) {
		__u8 ext[4]; /* next header, length, fragment offset */

		if (bpf_skb_load_bytes(skb, at, ext, 4) < 0)
			return ZTA_PACKET_MALFORMED;
		if (next == PROTO_ROUTING)
			flags |= ZTA_PACKET_ROUTED;
		at += next == PROTO_FRAGMENT ? 8
		      : next == PROTO_AH     ? (ext[1] + 2) * 4
					     : (ext[1] + 1) * 8;
		if (next == PROTO_FRAGMENT && (ext[2] || (ext[3] & 0xf8))) {
			flags |= ZTA_PACKET_FRAGMENT;
			next = ext[0];
			break;
		}
		next = ext[0];
	}
	if (!(flags & ZTA_PACKET_FRAGMENT) && zta_is_extension(next))
		flags |= ZTA_PACKET_MALFORMED; /* a longer chain than anybody needs */
	return ZTA_HEAD(flags, next, ip.hop_limit, at);
}

#define ZTA_L4_SHORT (1ULL << 63)

/* Ports and, of ICMP, the type: sport | dport << 16 | type << 32. */
__noinline __weak __u64 zta_packet_l4(struct __sk_buff *skb, __u32 at, __u32 proto)
{
	__u8 head[8];

	if (proto != IPPROTO_TCP && proto != IPPROTO_UDP && proto != IPPROTO_ICMP &&
	    proto != PROTO_ICMPV6)
		return 0;
	if (bpf_skb_load_bytes(skb, at, head, sizeof(head)) < 0)
		return ZTA_L4_SHORT;
	if (proto == IPPROTO_ICMP || proto == PROTO_ICMPV6)
		return (__u64)head[0] << 32;
	return head[0] << 8 | head[1] | (__u64)(head[2] << 8 | head[3]) << 16;
}

static __always_inline void zta_packet_read(struct __sk_buff *skb, struct zta_packet *p)
{
	__u64 head, l4;

	__builtin_memset(p, 0, sizeof(*p));
	if (skb->protocol == bpf_htons(0x0800)) {
		p->src.family = p->dst.family = ZTA_V4;
		head = zta_packet_head4(skb);
		bpf_skb_load_bytes(skb, offsetof(struct iphdr, saddr), p->src.w, 4);
		bpf_skb_load_bytes(skb, offsetof(struct iphdr, daddr), p->dst.w, 4);
	} else {
		p->src.family = p->dst.family = ZTA_V6;
		head = zta_packet_head6(skb);
		bpf_skb_load_bytes(skb, offsetof(struct ipv6hdr, saddr), p->src.w, 16);
		bpf_skb_load_bytes(skb, offsetof(struct ipv6hdr, daddr), p->dst.w, 16);
	}
	p->flags = head & 0xff;
	p->proto = head >> 8;
	p->hops = head >> 16;
	if (p->flags & (ZTA_PACKET_FRAGMENT | ZTA_PACKET_MALFORMED))
		return;
	l4 = zta_packet_l4(skb, head >> 32, p->proto);
	if (l4 & ZTA_L4_SHORT)
		p->flags |= ZTA_PACKET_MALFORMED;
	p->sport = l4;
	p->dport = l4 >> 16;
	p->type = l4 >> 32;
}

/*
 * What no verdict may break. @kernel: the socket has no note and is a raw one, which only the
 * kernel's own control sockets are (ICMP errors and echo replies, RST, TIME_WAIT and SYN-cookie
 * answers); everything else is recognised by the packet alone.
 */
static __always_inline int zta_packet_is_network(const struct zta_packet *p, int kernel)
{
	if (p->flags & (ZTA_PACKET_MALFORMED | ZTA_PACKET_ROUTED | ZTA_PACKET_FRAGMENT))
		return 0;
	if (p->proto == PROTO_ICMPV6) {
		__be32 scope = p->dst.w[0] & bpf_htonl(0xffff0000);

		if (((p->type >= 130 && p->type <= 137) || p->type == 143) &&
		    (p->hops == 255 || p->hops == 1) &&
		    ((p->dst.w[0] & bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000) ||
		     scope == bpf_htonl(0xff020000)))
			return 1;
		/* the kernel probes neighbours by their global addresses too */
		return kernel && (p->type <= 4 || p->type == 129 ||
				  (p->type >= 133 && p->type <= 137 && p->hops == 255));
	}
	if (p->proto == IPPROTO_ICMP)
		return kernel && (p->type == 0 || p->type == 3 || p->type == 4 || p->type == 5 ||
				  p->type == 11 || p->type == 12 || p->type == 14);
	if (p->proto == IPPROTO_UDP)
		return zta_is_dhcp(&p->dst, p->sport, p->dport);
	return kernel && p->proto == IPPROTO_TCP;
}
