/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which workload a task or a socket belongs to: the nearest ancestor cgroup in zta_workloads.
 * Only levels between the attach point and the deepest entry are asked.
 */
#pragma once

#include "room.h"

#include <linux/in.h>

static __always_inline int zta_who_key(struct zta_who *who, __u64 key, __u32 slot)
{
	struct zta_workload *w = key ? bpf_map_lookup_elem(&zta_workloads, &key) : NULL;

	if (!w)
		return 0;
	who->key = key;
	who->pause_until = w->pause_until;
	who->profile = w->profile[slot & 1];
	who->flags = w->flags;
	return 1;
}

/* The task that runs now. Not in cgroup_skb programs. */
static __noinline int zta_who_task(struct zta_who *who, __u32 slot)
{
	int min = zta_ctl(ZTA_CTL_LEVEL_MIN), max = zta_ctl(ZTA_CTL_LEVEL_MAX);

	who->key = 0;
	for (int i = 0; i < ZTA_CGROUP_LEVELS; i++) {
		int level = max - i;

		if (level < min || level < 0)
			break;
		if (zta_who_key(who, bpf_get_current_ancestor_cgroup_id(level), slot))
			return 1;
	}
	return 0;
}

/*
 * The maker of the socket of this packet: the key of its entry, 0 = outside the attach point. A
 * global function, so that the verifier follows its loop once.
 */
__noinline __weak __u64 zta_owner_of(struct __sk_buff *skb)
{
	int min = zta_ctl(ZTA_CTL_LEVEL_MIN), max = zta_ctl(ZTA_CTL_LEVEL_MAX);

	for (int i = 0; i < ZTA_CGROUP_LEVELS; i++) {
		int level = max - i;
		__u64 key;

		if (level < min || level < 0)
			break;
		key = bpf_skb_ancestor_cgroup_id(skb, level);
		if (key && bpf_map_lookup_elem(&zta_workloads, &key))
			return key;
	}
	return 0;
}

/*
 * What cached verdicts hold under: the policy in force and every change of workloads, and what
 * answers said that closes an address.
 */
static __always_inline __u64 zta_epoch(void)
{
	return zta_ctl(ZTA_CTL_WORD) + (zta_ctl(ZTA_CTL_LEARNT) << 32);
}

/* What has to be looked at in the packets of an allowed call. @read: its first octets were. */
static __always_inline __u8 zta_watch_of(const struct zta_ask *ask, __u8 reason, int read)
{
	if (reason == ZTA_REASON_RESOLVER)
		return ZTA_WATCH_DNS;
	if (reason == ZTA_REASON_LOOPBACK && ask->port == ZTA_PORT_DNS)
		return ZTA_WATCH_DNS; /* it may be a resolver as well */
	if (ask->proto != IPPROTO_TCP || read)
		return 0;
	return reason == ZTA_REASON_PRIVATE_LINK || reason == ZTA_REASON_EGRESS_RULE_ALLOW ||
			       reason == ZTA_REASON_DEFAULT
		       ? ZTA_WATCH_STREAM
		       : 0;
}

/* Is this workload's closed to what policy does not list? No profile: closed. */
static __always_inline int zta_who_closed(const struct zta_profile *p)
{
	return !p || !(p->flags & ZTA_PROFILE_EGRESS_ALLOW);
}

/*
 * Paused, or the daemon gone for longer than policy bears (CLOCK_MONOTONIC, so that a suspended
 * machine does not weaken itself). Asked only after a denial.
 */
static __always_inline int zta_orphaned(void)
{
	__u64 after = zta_ctl(ZTA_CTL_ORPHAN_NS), beat = zta_ctl(ZTA_CTL_HEARTBEAT);
	__u64 now = bpf_ktime_get_ns();

	return after && now > beat && now - beat > after;
}

static __always_inline int zta_paused(const struct zta_who *who)
{
	__u64 all = zta_ctl(ZTA_CTL_PAUSE_UNTIL);
	__u64 until = all > who->pause_until ? all : who->pause_until;

	return until && bpf_ktime_get_boot_ns() < until;
}
