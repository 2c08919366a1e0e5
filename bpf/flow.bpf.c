// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * sockops: who opened a TCP connection.
 *
 * A connection that a peer opened is allowed by row 2. The child of a listener inherits the
 * listener's note (the map clones); when its handshake is done it is marked here, with the peer's
 * address, before it can send a byte; not when the handshake was forged on lo. connect() on the
 * same socket clears the mark. Two ends whose SYNs cross open the connection both, and the kernel
 * ends that handshake as if the peer had: a socket that called stays one that called.
 */
#include "maps.h"

#include <stddef.h>

#include <bpf/bpf_endian.h>

#include "forged.h"
#include "zta_decide_types.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("sockops")
int zta_sockops(struct bpf_sock_ops *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	struct zta_addr carried;
	struct zta_sock *st;

	if (!sk)
		return 1;
	if (ctx->op == BPF_SOCK_OPS_TCP_LISTEN_CB) {
		st = bpf_sk_storage_get(&zta_sockets, sk, 0, 0);
		if (st)
			st->flags &= ~ZTA_SOCK_ACTIVE;
		return 1;
	}
	if (ctx->op != BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB)
		return 1;
	st = bpf_sk_storage_get(&zta_sockets, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!st) { /* closed: without the mark its packets are judged like its own connections */
		zta_stat(ZTA_STAT_NO_STORAGE, 1);
		return 1;
	}
	if (st->flags & ZTA_SOCK_ACTIVE)
		return 1;
	__builtin_memset(&st->called, 0, sizeof(st->called));
	if (ctx->family == 2) {
		st->called.family = ZTA_V4;
		st->called.w[0] = ctx->remote_ip4;
	} else {
		st->called.family = ZTA_V6;
		st->called.w[0] = ctx->remote_ip6[0];
		st->called.w[1] = ctx->remote_ip6[1];
		st->called.w[2] = ctx->remote_ip6[2];
		st->called.w[3] = ctx->remote_ip6[3];
		zta_normalise(&st->called, &carried);
	}
	st->called_port = bpf_ntohl(ctx->remote_port);
	st->caller_key = 0;
	st->flags = (st->flags & ZTA_SOCK_BORN) | ZTA_SOCK_CALLED;
	if (!zta_is_forged(st, &st->called, st->called_port, ctx->local_port))
		st->flags |= ZTA_SOCK_INBOUND;
	return 1;
}
