// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * sockops: who opened a TCP connection, and who calls the broker (identity.h).
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
#include "identity.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("sockops")
int zta_sockops(struct bpf_sock_ops *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	struct zta_sock *st;

	if (!sk)
		return 1;
	if (ctx->op != BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB) {
		st = bpf_sk_storage_get(&zta_sockets, sk, 0, 0);
		if (ctx->op == BPF_SOCK_OPS_TCP_LISTEN_CB && st)
			st->flags &= ~ZTA_SOCK_ACTIVE;
		else if (ctx->op == BPF_SOCK_OPS_TCP_CONNECT_CB)
			zta_name_caller(ctx, st);
		else if (ctx->op == BPF_SOCK_OPS_HDR_OPT_LEN_CB)
			zta_reserve_option(ctx, st);
		else if (ctx->op == BPF_SOCK_OPS_WRITE_HDR_OPT_CB)
			zta_write_option(ctx, st);
		else if (ctx->op == BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB)
			zta_end_option(ctx, st);
		return 1;
	}
	st = bpf_sk_storage_get(&zta_sockets, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!st) { /* closed: without the mark its packets are judged like its own connections */
		zta_stat(ZTA_STAT_NO_STORAGE, 1);
		return 1;
	}
	if (st->flags & ZTA_SOCK_ACTIVE)
		return 1;
	zta_remote(ctx, &st->called);
	st->called_port = bpf_ntohl(ctx->remote_port);
	st->caller_key = 0;
	st->flags = (st->flags & ZTA_SOCK_BORN) | ZTA_SOCK_CALLED;
	if (!zta_is_forged(st, &st->called, st->called_port, ctx->local_port))
		st->flags |= ZTA_SOCK_INBOUND;
	return 1;
}
