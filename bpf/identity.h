/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The nonce in the SYN of a call to the broker: drawn when the socket connects, carried by a TCP
 * option, written again with each SYN that is sent again (zta_identity.h has the why).
 */
#pragma once

#include "broker.h"

#define TCP_SYN_ONLY 0x02

/*
 * 64 bits that nobody can guess who saw others: the generator of the kernel is no secret to who
 * watches it long enough, the seed is.
 */
static __always_inline __u64 zta_draw(__u64 cookie)
{
	__u64 x = (__u64)bpf_get_prandom_u32() << 32 | bpf_get_prandom_u32();
	__u64 key = zta_ctl(ZTA_CTL_SEED);

	for (int i = 0; i < 4; i++) {
		x ^= key + cookie;
		x *= 0xbf58476d1ce4e5b9ULL;
		x ^= x >> 31;
		key = (key << 23 | key >> 41) * 0x94d049bb133111ebULL;
	}
	x ^= bpf_ktime_get_ns() * 0x9e3779b97f4a7c15ULL;
	x *= 0x94d049bb133111ebULL;
	return (x ^ x >> 29) | 1;
}

static __always_inline void zta_remote(struct bpf_sock_ops *ctx, struct zta_addr *a)
{
	struct zta_addr carried;

	__builtin_memset(a, 0, sizeof(*a));
	if (ctx->family == 2) {
		a->family = ZTA_V4;
		a->w[0] = ctx->remote_ip4;
		return;
	}
	a->family = ZTA_V6;
	a->w[0] = ctx->remote_ip6[0];
	a->w[1] = ctx->remote_ip6[1];
	a->w[2] = ctx->remote_ip6[2];
	a->w[3] = ctx->remote_ip6[3];
	zta_normalise(a, &carried);
}

/* The socket is about to connect (TCP_CONNECT_CB, its connect hook has run under the same lock). */
static __always_inline void zta_name_caller(struct bpf_sock_ops *ctx, struct zta_sock *st)
{
	struct zta_caller c = {};
	struct zta_addr to;
	__u64 nonce;

	if (!st)
		return;
	st->nonce = 0;
	zta_remote(ctx, &to);
	if (!zta_is_broker(&to, bpf_ntohl(ctx->remote_port)))
		return;
	c.owner = st->owner_key;
	c.caller = st->caller_key;
	c.cookie = bpf_get_socket_cookie(ctx);
	c.netns = st->netns;
	c.time = bpf_ktime_get_ns();
	c.pid = st->pid;
	c.uid = st->uid;
	c.redirected = !!(st->flags & ZTA_SOCK_REDIRECTED);
	nonce = zta_draw(c.cookie);
	if (bpf_map_update_elem(&zta_callers, &nonce, &c, BPF_NOEXIST))
		return;
	st->nonce = nonce;
	bpf_sock_ops_cb_flags_set(ctx,
				  ctx->bpf_sock_ops_cb_flags | BPF_SOCK_OPS_WRITE_HDR_OPT_CB_FLAG);
}

/* Room for the option, in a SYN only. */
static __always_inline void zta_reserve_option(struct bpf_sock_ops *ctx, const struct zta_sock *st)
{
	if (st && st->nonce && (ctx->skb_tcp_flags & TCP_SYN_ONLY))
		bpf_reserve_hdr_opt(ctx, ZTA_NONCE_OCTETS, 0);
}

static __always_inline void zta_write_option(struct bpf_sock_ops *ctx, const struct zta_sock *st)
{
	__u8 option[ZTA_NONCE_OCTETS] = { ZTA_NONCE_KIND, ZTA_NONCE_OCTETS, ZTA_NONCE_EXID >> 8,
					  ZTA_NONCE_EXID & 0xff };

	if (!st || !st->nonce || !(ctx->skb_tcp_flags & TCP_SYN_ONLY))
		return;
	__builtin_memcpy(option + 4, &st->nonce, sizeof(st->nonce));
	bpf_store_hdr_opt(ctx, option, sizeof(option), 0);
}

/* The handshake is done: later packets carry no option. */
static __always_inline void zta_end_option(struct bpf_sock_ops *ctx, struct zta_sock *st)
{
	if (!st || !st->nonce)
		return;
	st->nonce = 0;
	bpf_sock_ops_cb_flags_set(ctx,
				  ctx->bpf_sock_ops_cb_flags & ~BPF_SOCK_OPS_WRITE_HDR_OPT_CB_FLAG);
}
