/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Scratch memory: one room for each run that has more to look at than a cached verdict.
 *
 * Cgroup programs nest and are preempted, so per-CPU scratch would be overwritten; the stack has
 * 512 bytes for the whole chain of calls, and what the verifier knows of it multiplies the states.
 * A room is claimed under its lock and given back by the same run; what stands in it travels to
 * global functions by its number. No free room (more runs nested and preempted on one CPU than
 * ZTA_ROOM_TRIES): closed, the call or packet is refused and counted.
 */
#pragma once

#include "maps.h"

#include "zta_decide_types.h"
#include "zta_dns_types.h"

#define ZTA_ROOMS      512
#define ZTA_ROOM_TRIES 16
#define ZTA_ROOM_NONE  0xffffffffU

struct zta_who {
	__u64 key; /* cgroup id of the entry; 0 = outside the attach point */
	__u64 pause_until;
	__u32 profile;
	__u32 flags; /* ZTA_WORKLOAD_* */
};

/* One judgement, as it is told. */
struct zta_case {
	struct zta_ask ask;	    /* ask.answers is not used here */
	struct zta_verdict verdict; /* the strictest so far */
	struct zta_who who;	    /* whose verdict that is; key 0 = nobody was judged */
	struct zta_addr called;	    /* as called, where ask.addr is the packet's; or family 0 */
	__u64 cookie;
	__u64 netns;  /* cookie of the socket's namespace */
	__u64 sticky; /* patterns that named the address when the connection began, 16 bits each */
	__u64 used;   /* out: patterns that name it now, likewise */
	__u64 name;   /* hash of the name, for telling; 0 = none */
	__u32 flags;  /* ZTA_EVENT_* */
	__u16 sport;
	__u8 hook;
	__u8 socktype;
	__u8 type; /* ZTA_EVENT_*; 0 = by hook */
	__u8 pad[7];
};

struct zta_room {
	struct bpf_spin_lock lock;
	__u32 busy;
	__u32 slot; /* of the policy, for the whole run */
	__u32 seen; /* packet.bpf.c: SEEN_*; query.bpf.c: ZTA_SEEN_LISTED; answer.bpf.c */
	struct zta_case c;
	struct zta_who who; /* who is judged now */
	struct zta_ask ask; /* what is decided now */
	struct zta_verdict verdict;
	struct zta_ruling ruling;
	struct zta_answers answers; /* for ask.addr */
	struct zta_addr wire;	    /* destination of the packet */
	__u16 wire_port;
	__u16 result;	  /* answer.bpf.c: enum zta_stat */
	__u32 proxies;	  /* of the destination: mask */
	__u32 message_at; /* of dns.m in the packet */
	__u32 now;	  /* answer.bpf.c: CLOCK_BOOTTIME s, read once for a message */
	struct zta_dns dns;
};

#define ZTA_SEEN_LISTED (1U << 8)  /* the maker's profile may ask for listed names only */
#define ZTA_SEEN_CLOSED (1U << 9)  /* it denies by default */
#define ZTA_SEEN_PROXY	(1U << 10) /* the destination is a proxy */

/* Rooms. Kernel. All taken: see above. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ZTA_ROOMS);
	__type(key, __u32);
	__type(value, struct zta_room);
} zta_rooms ZTA_MAP;

static __always_inline struct zta_room *zta_room(__u32 number)
{
	return bpf_map_lookup_elem(&zta_rooms, &number);
}

/* Returns its number, or ZTA_ROOM_NONE. */
__noinline __weak __u32 zta_room_find(__u32 from)
{
	for (__u32 i = 0; i < ZTA_ROOM_TRIES; i++) {
		__u32 number = (from + i) & (ZTA_ROOMS - 1), taken;
		struct zta_room *r = zta_room(number);

		if (!r)
			break;
		bpf_spin_lock(&r->lock);
		taken = r->busy;
		r->busy = 1;
		bpf_spin_unlock(&r->lock);
		if (!taken)
			return number;
	}
	return ZTA_ROOM_NONE;
}

static __always_inline struct zta_room *zta_room_take(__u32 *number)
{
	struct zta_room *r;

	*number = zta_room_find(bpf_get_smp_processor_id() * 4);
	r = zta_room(*number);
	if (!r) {
		zta_stat(ZTA_STAT_NO_ROOM, 1);
		return NULL;
	}
	r->seen = 0;
	__builtin_memset(&r->c, 0, sizeof(r->c));
	return r;
}

static __always_inline void zta_room_give(struct zta_room *r)
{
	*(volatile __u32 *)&r->busy = 0; /* only its owner writes while it is set */
}
