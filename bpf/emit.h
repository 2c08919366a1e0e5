/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Counting and telling.
 *
 * Theory of operation
 *
 * Every decision adds one to zta_counters. A denial (or what audit let pass) is told through the
 * ring zta_denials: the first of a (workload, destination, reason) at once, repeats folded in
 * zta_fold under a spin lock and told once a minute for ten minutes, then once in ten. What is
 * folded and not yet told is "held"; seen = told + held + lost holds exactly, whatever races. A
 * workload that finds more than 64 new destinations a second is folded by (workload, reason)
 * alone, so that a flood cannot push others out.
 */
#pragma once

#include "room.h"
#include "tables.h"
#include "workload.h"

#define NS_PER_S 1000000000ULL

static __always_inline __u8 zta_type(const struct zta_case *c)
{
	if (c->type)
		return c->type;
	return c->hook == ZTA_HOOK_SOCK_CREATE ? ZTA_EVENT_SOCKET : ZTA_EVENT_EGRESS;
}

static __noinline int zta_count(const struct zta_case *c)
{
	struct zta_counter_key key = {
		.profile = c->who.profile,
		.reason = c->verdict.reason,
		.verdict = c->verdict.verdict,
		.service = zta_lowest(c->verdict.services),
	};
	__u64 one = 1, *n;

	n = bpf_map_lookup_elem(&zta_counters, &key);
	if (!n) {
		__u64 zero = 0;

		bpf_map_update_elem(&zta_counters, &key, &zero, BPF_NOEXIST);
		n = bpf_map_lookup_elem(&zta_counters, &key);
	}
	if (!n) { /* full */
		__builtin_memset(&key, 0, sizeof(key));
		n = bpf_map_lookup_elem(&zta_counters, &key);
	}
	if (n)
		__sync_fetch_and_add(n, one);
	return n != NULL;
}

static __always_inline void zta_fill_event(struct zta_event *e, const struct zta_case *c,
					   const struct zta_sock *st, __u64 now)
{
	__builtin_memset(e, 0, sizeof(*e));
	e->time = now;
	e->workload = c->who.key;
	e->cgroup = st && st->owner ? st->owner : c->who.key;
	e->netns = st ? st->netns : c->netns;
	e->cookie = c->cookie;
	e->services = c->verdict.services;
	e->addr = c->ask.addr;
	e->carried = c->ask.carried;
	if (!(c->verdict.flags & ZTA_VERDICT_CARRIED))
		e->carried.family = 0;
	e->called = c->called;
	e->name = c->name;
	e->rule = c->verdict.rule;
	e->count = 1;
	e->generation = zta_ctl(ZTA_CTL_GENERATION);
	e->flags = c->flags;
	if (c->verdict.flags & ZTA_VERDICT_WEAKENED)
		e->flags |= ZTA_EVENT_PAUSED;
	e->port = c->ask.port;
	e->profile = c->who.profile;
	e->sport = c->sport;
	e->type = zta_type(c);
	e->verdict = c->verdict.verdict;
	e->reason = c->verdict.reason;
	e->row = c->verdict.row;
	e->hook = c->hook;
	e->proto = c->ask.proto;
	e->socktype = c->socktype;
	if (st && st->pid) {
		e->pid = st->pid;
		e->uid = st->uid;
		e->flags |= ZTA_EVENT_PROCESS;
		__builtin_memcpy(e->comm, st->comm, sizeof(e->comm));
	}
}

/* Who runs now; for hooks that run in the task. */
static __always_inline void zta_event_task(struct zta_event *e)
{
	e->pid = bpf_get_current_pid_tgid() >> 32;
	e->uid = bpf_get_current_uid_gid();
	e->flags |= ZTA_EVENT_PROCESS;
	bpf_get_current_comm(e->comm, sizeof(e->comm));
}

static __always_inline void zta_tell_one(const struct zta_case *c, const struct zta_sock *st,
					 __u64 now, int task)
{
	struct zta_event *e = bpf_ringbuf_reserve(&zta_denials, sizeof(*e), 0);

	if (!e) {
		if (!(c->flags & ZTA_EVENT_SELFTEST))
			zta_stat(ZTA_STAT_LOST, 1);
		return;
	}
	zta_fill_event(e, c, st, now);
	if (task)
		zta_event_task(e);
	if (!(c->flags & ZTA_EVENT_SELFTEST))
		zta_stat(ZTA_STAT_TOLD, 1);
	bpf_ringbuf_submit(e, 0);
}

static const char zta_zeros[sizeof(struct zta_fold)] = {};

/* The entry of a key, made when there is none. *fresh = this run made it. NULL: no room. */
static __always_inline struct zta_fold *zta_fold_get(const struct zta_fold_key *key, int *fresh)
{
	struct zta_fold *f = bpf_map_lookup_elem(&zta_fold, key);

	*fresh = 0;
	if (f)
		return f;
	*fresh = bpf_map_update_elem(&zta_fold, key, zta_zeros, BPF_NOEXIST) == 0;
	return bpf_map_lookup_elem(&zta_fold, key);
}

/* More than ZTA_FOLD_BURST new destinations of this workload within a second? */
static __always_inline int zta_flooding(__u64 workload, __u64 now)
{
	struct zta_fold_key key = { .workload = workload, .reason = 0xff };
	struct zta_fold *f;
	int fresh, n;

	f = zta_fold_get(&key, &fresh);
	if (!f)
		return 1;
	bpf_spin_lock(&f->lock);
	if (now - f->told > NS_PER_S) {
		f->told = now;
		f->ready = 0; /* here: how many in this second */
	}
	n = ++f->ready;
	bpf_spin_unlock(&f->lock);
	return n > ZTA_FOLD_BURST;
}

/* Once a minute for ten minutes, then once in ten. */
static __always_inline __u64 zta_interval(__u64 age)
{
	return age < 600 * NS_PER_S ? 60 * NS_PER_S : 600 * NS_PER_S;
}

/* A denial that is folded: its connection is to be closed all the same. */
static __noinline int zta_tell_close(const struct zta_case *c, const struct zta_sock *st)
{
	struct zta_event *e = bpf_ringbuf_reserve(&zta_notes, sizeof(*e), 0);

	if (!e) { /* it times out */
		zta_stat(ZTA_STAT_NOTE_LOST, 1);
		return 0;
	}
	zta_fill_event(e, c, st, bpf_ktime_get_boot_ns());
	e->type = ZTA_EVENT_CLOSE;
	bpf_ringbuf_submit(e, 0);
	return 1;
}

/* A denial or audit: told at once, or folded. @task: the hook runs in the task that did it. */
static __noinline int zta_tell(const struct zta_case *c, const struct zta_sock *st, int task)
{
	__u64 now = bpf_ktime_get_boot_ns(), first = now;
	struct zta_fold_key key = {
		.workload = c->who.key,
		.addr = c->ask.addr,
		.port = c->ask.port,
		.proto = c->ask.proto,
		.reason = c->verdict.reason,
		.verdict = c->verdict.verdict,
		.type = zta_type(c),
		.name = c->name,
		.socktype = c->socktype,
	};
	__u32 n = 0, gone;
	struct zta_fold *f;
	int fresh;

	if (c->flags & ZTA_EVENT_SELFTEST) {
		zta_tell_one(c, st, now, task);
		return 0;
	}
	zta_stat(ZTA_STAT_SEEN, 1);
	f = bpf_map_lookup_elem(&zta_fold, &key);
	if (!f && zta_flooding(c->who.key, now)) {
		__builtin_memset(&key.addr, 0, sizeof(key.addr));
		key.name = 0;
		key.port = 0;
		key.proto = 0;
	}
	f = zta_fold_get(&key, &fresh);
	if (!f) {
		zta_tell_one(c, st, now, task);
		return 0;
	}
	if (fresh) {
		zta_fill_event(&f->event, c, st, now);
		if (task)
			zta_event_task(&f->event);
		if (!key.addr.family && !key.name && c->ask.addr.family) {
			f->event.flags |= ZTA_EVENT_FOLDED;
			__builtin_memset(&f->event.addr, 0, sizeof(f->event.addr));
			f->event.port = 0;
			f->event.name = 0;
		}
	}
	bpf_spin_lock(&f->lock);
	gone = f->gone;
	if (!gone) {
		if (fresh) {
			f->first = now;
			f->ready = 1;
		}
		if (!f->held)
			f->held_first = now;
		f->held++;
		if (fresh || (f->ready && now - f->told >= zta_interval(now - f->first))) {
			n = f->held;
			first = f->held_first;
			f->held = 0;
			f->told = now;
		}
	}
	bpf_spin_unlock(&f->lock);
	if (gone) {
		zta_tell_one(c, st, now, task);
	} else if (n) {
		struct zta_event *e = bpf_ringbuf_reserve(&zta_denials, sizeof(*e), 0);

		if (!e) {
			zta_stat(ZTA_STAT_LOST, n);
			return 0;
		}
		*e = f->event;
		e->time = first;
		e->count = n;
		zta_stat(ZTA_STAT_TOLD, n);
		bpf_ringbuf_submit(e, 0);
	}
	/* what was told otherwise names the socket itself */
	if (!gone && !fresh && (c->flags & ZTA_EVENT_CUT) && c->verdict.verdict == ZTA_VERDICT_DENY)
		ZTA_READ(zta_tell_close(c, st));
	return 0;
}

/* An allowed call, when ztad.json asks for each. */
static __always_inline void zta_tell_allowed(const struct zta_case *c, const struct zta_sock *st)
{
	struct zta_event *e;

	if (!zta_ctl(ZTA_CTL_LOG_ALLOWED) || (c->flags & ZTA_EVENT_SELFTEST))
		return;
	e = bpf_ringbuf_reserve(&zta_notes, sizeof(*e), 0);
	if (!e) {
		zta_stat(ZTA_STAT_NOTE_LOST, 1);
		return;
	}
	zta_fill_event(e, c, st, bpf_ktime_get_boot_ns());
	zta_event_task(e);
	bpf_ringbuf_submit(e, 0);
}

/* Once for each absence of the daemon. */
static __always_inline void zta_tell_orphan(void)
{
	__u32 which = ZTA_CTL_ORPHAN_TOLD;
	__u64 beat = zta_ctl(ZTA_CTL_HEARTBEAT);
	struct zta_event *e;

	if (zta_ctl(ZTA_CTL_ORPHAN_TOLD) == beat)
		return;
	bpf_map_update_elem(&zta_control, &which, &beat, BPF_ANY);
	e = bpf_ringbuf_reserve(&zta_notes, sizeof(*e), 0);
	if (!e) {
		zta_stat(ZTA_STAT_NOTE_LOST, 1);
		return;
	}
	__builtin_memset(e, 0, sizeof(*e));
	e->time = bpf_ktime_get_boot_ns();
	e->type = ZTA_EVENT_ORPHAN;
	e->count = 1;
	e->rule = ZTA_RULE_NONE;
	bpf_ringbuf_submit(e, 0);
}

/* What only the state of the moment decides, asked after a denial: a pause, an absent daemon. */
static __noinline int zta_weaken_by_state(const struct zta_who *who, struct zta_verdict *v)
{
	if (zta_paused(who)) {
		zta_soften(v);
	} else if (zta_orphaned()) {
		zta_soften(v);
		zta_tell_orphan();
	}
	return v->verdict;
}
