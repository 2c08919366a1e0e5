/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where the payload of a TCP or UDP packet stands. Of IPv4 options, routing headers and later
 * fragments none is read: a query is refused where names are guarded, an answer is not believed.
 */
#pragma once

#include "packet.h"

/*
 * What zta_payload() returns: offset | TCP | length << 16 | sport << 32 | dport << 48; 0 = not
 * plain.
 */
#define ZTA_PAYLOAD_TCP	     0x8000U
#define ZTA_PAYLOAD_AT(p)    ((__u32)(p)&0x7fff)
#define LOOPBACK_IFINDEX     1
#define ZTA_PAYLOAD_LEN(p)   ((__u32)((p) >> 16) & 0xffff)
#define ZTA_PAYLOAD_SPORT(p) ((__u32)((p) >> 32) & 0xffff)
#define ZTA_PAYLOAD_DPORT(p) ((__u32)((p) >> 48) & 0xffff)

static __always_inline void zta_source(struct __sk_buff *skb, struct zta_addr *a)
{
	__builtin_memset(a, 0, sizeof(*a));
	if (skb->protocol == bpf_htons(0x0800)) {
		a->family = ZTA_V4;
		bpf_skb_load_bytes(skb, offsetof(struct iphdr, saddr), a->w, 4);
	} else {
		a->family = ZTA_V6;
		bpf_skb_load_bytes(skb, offsetof(struct ipv6hdr, saddr), a->w, 16);
	}
}

static __always_inline void zta_destination(struct __sk_buff *skb, struct zta_addr *a)
{
	__builtin_memset(a, 0, sizeof(*a));
	if (skb->protocol == bpf_htons(0x0800)) {
		a->family = ZTA_V4;
		bpf_skb_load_bytes(skb, offsetof(struct iphdr, daddr), a->w, 4);
	} else {
		a->family = ZTA_V6;
		bpf_skb_load_bytes(skb, offsetof(struct ipv6hdr, daddr), a->w, 16);
	}
}

/* Where the TCP or UDP header stands: offset | protocol << 16; 0 = nowhere */
static __always_inline __u32 zta_transport(struct __sk_buff *skb)
{
	__u64 head = skb->protocol == bpf_htons(0x0800) ? zta_packet_head4(skb)
							: zta_packet_head6(skb);

	if (head & 0xff)
		return 0;
	return (__u32)(head >> 32 & 0xffff) | (__u32)(head >> 8 & 0xff) << 16;
}

__noinline __weak __u64 zta_payload(struct __sk_buff *skb)
{
	__u32 transport = zta_transport(skb), at = transport & 0xffff, proto = transport >> 16;
	__u32 end = skb->len, ports;
	__u8 l4[20];

	if (proto == IPPROTO_UDP) {
		if (bpf_skb_load_bytes(skb, at, l4, 8) < 0)
			return 0;
		at += 8;
	} else if (proto == IPPROTO_TCP) {
		if (bpf_skb_load_bytes(skb, at, l4, 20) < 0)
			return 0;
		at += (l4[12] >> 4) * 4;
	} else {
		return 0;
	}
	if (at > end || at > 0x7fff)
		return 0;
	ports = l4[0] << 8 | l4[1] | (__u32)(l4[2] << 8 | l4[3]) << 16;
	return at | (proto == IPPROTO_TCP ? ZTA_PAYLOAD_TCP : 0) |
	       (__u64)(end - at > 0xffff ? 0xffff : end - at) << 16 | (__u64)ports << 32;
}

#define ZTA_TCP_SYN 0x02
#define ZTA_TCP_URG 0x20

/* Sequence number and flags of a TCP packet: flags | seq << 32; 0 = cannot be read */
__noinline __weak __u64 zta_tcp_head(struct __sk_buff *skb)
{
	__u32 at = zta_transport(skb) & 0xffff;
	__u8 h[14];

	if (bpf_skb_load_bytes(skb, at, h, sizeof(h)) < 0)
		return 0;
	return (__u64)((__u32)h[4] << 24 | h[5] << 16 | h[6] << 8 | h[7]) << 32 | h[13] | 0x100;
}
