/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The network namespace of a TCP socket that has no note: an MPTCP subflow, which the kernel makes.
 * There is no helper for it before 6.18, so it is read where the kernel keeps it; what cannot be
 * read is 0, and no answers count for it.
 */
#pragma once

#include "maps.h"

#include <bpf/bpf_core_read.h>

#define ZTA_KERNEL_STRUCT __attribute__((preserve_access_index))

struct net {
	__u64 net_cookie;
} ZTA_KERNEL_STRUCT;

typedef struct {
	__s64 counter;
} zta_atomic64;

struct net___before_5_12 {
	zta_atomic64 net_cookie;
} ZTA_KERNEL_STRUCT;

typedef struct {
	struct net *net;
} possible_net_t;

struct sock_common {
	possible_net_t skc_net;
} ZTA_KERNEL_STRUCT;

struct sock {
	struct sock_common __sk_common;
} ZTA_KERNEL_STRUCT;

struct inet_sock {
	struct sock sk;
} ZTA_KERNEL_STRUCT;

struct inet_connection_sock {
	struct inet_sock icsk_inet;
} ZTA_KERNEL_STRUCT;

struct tcp_sock {
	struct inet_connection_sock inet_conn;
} ZTA_KERNEL_STRUCT;

__noinline __weak __u64 zta_netns_of(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;
	struct tcp_sock *tcp;
	struct net *net;

	if (!sk)
		return 0;
	tcp = bpf_skc_to_tcp_sock(sk);
	if (!tcp)
		return 0;
	net = tcp->inet_conn.icsk_inet.sk.__sk_common.skc_net.net;
	if (bpf_core_field_exists(net->net_cookie))
		return net->net_cookie;
	return ((struct net___before_5_12 *)net)->net_cookie.counter;
}
