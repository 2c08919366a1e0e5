/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Row 2 for UDP: who sent to a socket, and whom it called itself.
 *
 * Theory of operation
 *
 * A peer is an address and port that sent to this very socket within ZTA_UDP_PEER_S. The last one
 * stands in the socket's note; closed profiles keep the others in zta_peers as well. (A socket of
 * another profile keeps its last peer while it never called anyone: that is a server, whose
 * answers go on when a policy closes its profile.)
 *
 * An answer makes nobody a peer: a destination that was called would go on to be reached, by its
 * own answers, after a policy that denies it. Who called first is forgotten ZTA_UDP_PEER_S after
 * the last datagram either way. The last one called stands in the note; when another is called,
 * the former goes into zta_peers with ZTA_PEER_CALLED. Whom connect called stays called while
 * nobody else is: its datagrams pass no hook that could tell when the last one left.
 *
 * When zta_peers forgets a peer, the answer to it is judged by the other rows. When it forgets who
 * was called, that one's next datagram opens row 2: no more than it could do for any other socket.
 */
#pragma once

#include "maps.h"

#include "zta_decide_types.h"

#define ZTA_PEER_NS	    ((__u64)ZTA_UDP_PEER_S * 1000000000)
#define ZTA_PEER_REFRESH_NS ((__u64)10 * 1000000000) /* what is younger is not written anew */

static __always_inline int zta_same_addr(const struct zta_addr *a, const struct zta_addr *b)
{
	return a->family == b->family && a->w[0] == b->w[0] && a->w[1] == b->w[1] &&
	       a->w[2] == b->w[2] && a->w[3] == b->w[3];
}

/* Port and what is watched, for zta_tie(). */
#define ZTA_WATCHED(port, watch) ((__u32)(port) | (__u32)(watch) << 16)

/*
 * One word, never 0, that fits this address, port and policy word: who reads an address of which
 * two threads wrote a half each finds that the word does not fit. It does not stand for the
 * address, which is compared as well.
 */
static __always_inline __u64 zta_tie(const struct zta_addr *a, __u32 port, __u64 word)
{
	__u64 high = (__u64)a->w[0] << 32 | a->w[1], low = (__u64)a->w[2] << 32 | a->w[3];

	return (high ^ low * 0x9e3779b97f4a7c15ULL ^ (__u64)port << 17 ^
		word * 0xc2b2ae3d27d4eb4fULL) |
	       1;
}

static __always_inline int zta_is_last_peer(const struct zta_sock *st, const struct zta_addr *addr,
					    __u16 port)
{
	return st->peer_port == port && zta_same_addr(&st->peer, addr) &&
	       st->peer_tie == zta_tie(addr, port, 0);
}

static __always_inline int zta_is_called(const struct zta_sock *st, const struct zta_addr *addr,
					 __u16 port)
{
	return (st->flags & ZTA_SOCK_CALLED) && st->called_port == port &&
	       zta_same_addr(&st->called, addr);
}

/* @st: NULL for a socket that waits for its mark */
static __noinline int zta_is_peer(const struct zta_sock *st, __u64 cookie,
				  const struct zta_addr *addr, __u16 port)
{
	struct zta_peer_key key = { .cookie = cookie, .addr = *addr, .port = port };
	__u64 now = bpf_ktime_get_ns(), since = st ? st->peers_since : 0, then, *seen;

	if (st && zta_is_last_peer(st, addr, port)) {
		then = st->peer_time;
		if (then > since && now < then + ZTA_PEER_NS)
			return 1;
	}
	if (st && !st->closed)
		return 0;
	seen = bpf_map_lookup_elem(&zta_peers, &key);
	then = seen ? *seen : 0;
	return then > since && !(then & ZTA_PEER_CALLED) && now < then + ZTA_PEER_NS;
}

/* An allowed UDP call to somebody who is no peer. @st may be NULL, as above. */
static __noinline int zta_note_called(struct zta_sock *st, __u64 cookie,
				      const struct zta_addr *addr, __u16 port, int connect)
{
	struct zta_peer_key key = { .cookie = cookie, .addr = *addr, .port = port };
	__u64 now = bpf_ktime_get_ns(), value = now | ZTA_PEER_CALLED;

	if (!st)
		return bpf_map_update_elem(&zta_peers, &key, &value, BPF_ANY) == 0;
	if (st->closed && (st->flags & ZTA_SOCK_CALLED) && !zta_is_called(st, addr, port)) {
		key.addr = st->called;
		key.port = st->called_port;
		bpf_map_update_elem(&zta_peers, &key, &value, BPF_ANY);
	}
	st->called = *addr;
	st->called_port = port;
	st->called_time = connect ? ZTA_CALLED_LAST : now;
	st->flags |= ZTA_SOCK_CALLED;
	return 1;
}

/* Is what came from there an answer? Then it was called a moment ago, once more. */
static __always_inline int zta_is_answer(struct zta_sock *st, const struct zta_peer_key *key,
					 __u64 now)
{
	__u64 *seen, then;

	if (st && zta_is_called(st, &key->addr, key->port)) {
		then = st->called_time;
		if (then != ZTA_CALLED_LAST && now < then + ZTA_PEER_NS)
			st->called_time = now;
		if (now < then + ZTA_PEER_NS)
			return 1;
	}
	seen = bpf_map_lookup_elem(&zta_peers, key);
	then = seen ? *seen : 0;
	if (!(then & ZTA_PEER_CALLED))
		return 0;
	then &= ~ZTA_PEER_CALLED;
	if (now >= then + ZTA_PEER_NS)
		return 0;
	if (now >= then + ZTA_PEER_REFRESH_NS) {
		now |= ZTA_PEER_CALLED;
		bpf_map_update_elem(&zta_peers, key, &now, BPF_ANY);
	}
	return 1;
}

/*
 * A datagram came in. @connected: it comes from whom connect named, and only one who was a peer
 * before (a server connected to its client) goes on being one.
 */
static __noinline int zta_note_peer(struct zta_sock *st, __u64 cookie, const struct zta_addr *addr,
				    __u16 port, int connected)
{
	struct zta_peer_key key = { .cookie = cookie, .addr = *addr, .port = port };
	__u64 now = bpf_ktime_get_ns();

	if (st && now < st->peer_time + ZTA_PEER_REFRESH_NS && zta_is_last_peer(st, addr, port))
		return 0;
	if (st && !st->closed && (st->flags & ZTA_SOCK_CALLED))
		return 0;
	if (zta_is_answer(st, &key, now))
		return 0;
	if (connected && !zta_is_peer(st, cookie, addr, port))
		return 0;
	if (!st || st->closed)
		bpf_map_update_elem(&zta_peers, &key, &now, BPF_ANY);
	if (!st)
		return 1;
	st->peer_tie = 0;
	st->peer = *addr;
	st->peer_port = port;
	st->peer_time = now;
	st->peer_tie = zta_tie(addr, port, 0);
	return 1;
}
