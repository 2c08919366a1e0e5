/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Queries that wait for their answer: the first ones of a socket in its note, more of them, and
 * those of sockets without a note, in zta_queries (which costs more than all the rest).
 */
#pragma once

#include "dns.h"

#define ZTA_NS_PER_S 1000000000ULL

/* For what can have no lock of its own: learnt entries by a hash of the place, sockets by cookie.
 */
#define ZTA_LOCKS 256
struct zta_lock {
	struct bpf_spin_lock lock;
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ZTA_LOCKS);
	__type(key, __u32);
	__type(value, struct zta_lock);
} zta_locks ZTA_MAP;

static __always_inline struct zta_lock *zta_lock_of(__u32 which)
{
	which &= ZTA_LOCKS - 1;
	return bpf_map_lookup_elem(&zta_locks, &which);
}

static __always_inline int zta_is_asked(const struct zta_asked *a, __u64 what, __u16 type)
{
	return a->what == what && a->type == type;
}

static __always_inline int zta_is_free(const struct zta_asked *a, __u32 now)
{
	return !a->what || now - a->sent > ZTA_QUERY_S;
}

/* The place in the note for a query, ZTA_SOCK_QUERIES = none: the same one sent again, or free. */
static __always_inline __u32 zta_place_asked(const struct zta_sock *st, const struct zta_asked *a)
{
	if (zta_is_asked(&st->asked[0], a->what, a->type))
		return 0;
	if (zta_is_asked(&st->asked[1], a->what, a->type))
		return 1;
	if (zta_is_free(&st->asked[0], a->sent))
		return 0;
	return zta_is_free(&st->asked[1], a->sent) ? 1 : ZTA_SOCK_QUERIES;
}

static __always_inline int zta_note_asked(struct zta_sock *st, struct zta_lock *lock,
					  const struct zta_asked *a)
{
	__u32 place;

	bpf_spin_lock(&lock->lock);
	place = zta_place_asked(st, a);
	if (place == 0)
		st->asked[0] = *a;
	else if (place == 1)
		st->asked[1] = *a;
	bpf_spin_unlock(&lock->lock);
	return place < ZTA_SOCK_QUERIES;
}

static __always_inline struct zta_sock *zta_note_of(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;

	if (!sk)
		return NULL;
	sk = bpf_sk_fullsock(sk);
	return sk ? bpf_sk_storage_get(&zta_sockets, sk, 0, 0) : NULL;
}

/*
 * Does it leave through lo, to an address of the machine (its administrator leads queries to a
 * proxy there)? To another address only options of the socket itself lead it that way.
 */
static __always_inline int zta_leaves_by_lo(struct __sk_buff *skb, __u64 netns)
{
	struct zta_local_key local = { .netns = netns };

	if (skb->ifindex != LOOPBACK_IFINDEX)
		return 0;
	zta_destination(skb, &local.addr);
	return zta_is_loopback(&local.addr) || bpf_map_lookup_elem(&zta_local, &local);
}

/* Keep the query in the room, asked by r->who. */
__noinline __weak int zta_keep_asked(struct __sk_buff *skb, __u32 room)
{
	__u64 cookie = bpf_get_socket_cookie(skb), now = bpf_ktime_get_boot_ns();
	struct zta_sock *st = zta_note_of(skb);
	struct zta_lock *lock = zta_lock_of(cookie);
	struct zta_room *r = zta_room(room);
	struct zta_query_key key = {};
	struct zta_query value = {};
	struct zta_asked a = {};

	if (!r)
		return 0;
	a.what = ZTA_NAMED(r->dns.question, r->dns.id);
	a.workload = r->who.key;
	a.sent = now / ZTA_NS_PER_S;
	a.type = r->dns.type;
	a.by_lo = zta_leaves_by_lo(skb, r->c.netns);
	if (st && lock && zta_note_asked(st, lock, &a))
		return 1;
	key.cookie = cookie;
	key.name = r->dns.question;
	key.id = r->dns.id;
	key.type = r->dns.type;
	value.workload = r->who.key;
	value.sent = now;
	value.by_lo = a.by_lo;
	return bpf_map_update_elem(&zta_queries, &key, &value, BPF_ANY) == 0;
}

/* @forged: only a query that left through lo can be meant. Returns its workload, 0 = none. */
static __always_inline __u64 zta_free_asked(struct zta_asked *a, __u32 now, __u32 forged)
{
	if (zta_is_free(a, now) || (forged && !a->by_lo))
		return 0;
	a->what = 0;
	return a->workload;
}

static __always_inline __u64 zta_unnote_asked(struct zta_sock *st, struct zta_lock *lock,
					      const struct zta_room *r, __u32 forged)
{
	__u64 what = ZTA_NAMED(r->dns.question, r->dns.id), workload = 0;
	__u16 type = r->dns.type;
	__u32 now = r->now;

	bpf_spin_lock(&lock->lock);
	if (zta_is_asked(&st->asked[0], what, type))
		workload = zta_free_asked(&st->asked[0], now, forged);
	else if (zta_is_asked(&st->asked[1], what, type))
		workload = zta_free_asked(&st->asked[1], now, forged);
	bpf_spin_unlock(&lock->lock);
	return workload;
}

/*
 * The workload that asked what the room's message answers, 0 = nobody. The first answer is the one
 * that is read, as by the client: the query is forgotten. Reads the clock for the room.
 */
__noinline __weak __u64 zta_take_asked(struct __sk_buff *skb, __u32 room, __u32 forged)
{
	__u64 cookie = bpf_get_socket_cookie(skb), now = bpf_ktime_get_boot_ns(), workload;
	struct zta_sock *st = zta_note_of(skb);
	struct zta_lock *lock = zta_lock_of(cookie);
	struct zta_room *r = zta_room(room);
	struct zta_query_key key = {};
	struct zta_query *q;

	if (!r)
		return 0;
	r->now = now / ZTA_NS_PER_S;
	workload = st && lock ? zta_unnote_asked(st, lock, r, forged) : 0;
	if (workload)
		return workload;
	key.cookie = cookie;
	key.name = r->dns.question;
	key.id = r->dns.id;
	key.type = r->dns.type;
	q = bpf_map_lookup_elem(&zta_queries, &key);
	if (!q || now - q->sent > ZTA_QUERY_S * ZTA_NS_PER_S || (forged && !q->by_lo))
		return 0;
	workload = q->workload;
	bpf_map_delete_elem(&zta_queries, &key);
	return workload;
}
