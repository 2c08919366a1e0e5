/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One judgement for one workload, as every hook makes it. Global functions over a room: the
 * verifier judges each once, whoever calls.
 */
#pragma once

#include "emit.h"
#include "learnt.h"

/* Decide r->c.ask (@carried: for the IPv4 address inside) for r->who: r->verdict. */
__noinline __weak int zta_decide_room(__u32 room, __u32 carried)
{
	struct zta_tables t = { .number = room, .room = zta_room(room) };
	struct zta_room *r = t.room;

	if (!r)
		return 0;
	ZTA_KEEP(r);
	t.room = r;
	t.slot = r->slot;
	r->ask = r->c.ask;
	if (carried)
		r->ask.addr = r->c.ask.carried;
	r->ask.profile = r->who.profile;
	r->ask.flags &= ~ZTA_ASK_QUARANTINED;
	if (r->who.flags & ZTA_WORKLOAD_QUARANTINED)
		r->ask.flags |= ZTA_ASK_QUARANTINED;
	zta_ask_learnt(room, carried);
	zta_judge(&t, &r->ask, &r->verdict);
	return 1;
}

/*
 * Judge r->c.ask for r->who and keep the stricter verdict (and whose it is) in r->c. A pause and an
 * absent daemon weaken a denial to audit, quarantine and the self-test excepted.
 */
__noinline __weak int zta_judge_room(__u32 room)
{
	struct zta_room *r = zta_room(room);
	struct zta_verdict v, inner;

	if (!r)
		return 0;
	zta_decide_room(room, 0);
	v = r->verdict;
	if (r->c.ask.carried.family) {
		zta_decide_room(room, 1);
		inner = r->verdict;
		zta_finish_carried(&v, &inner);
	}
	if ((v.verdict == ZTA_VERDICT_DENY || v.verdict == ZTA_VERDICT_REDIRECT) &&
	    v.reason != ZTA_REASON_QUARANTINED && !(r->who.flags & ZTA_WORKLOAD_SELFTEST))
		ZTA_READ(zta_weaken_by_state(&r->who, &v));
	if (!r->c.who.key || zta_stricter(&v, &r->c.verdict)) {
		r->c.verdict = v;
		r->c.who = r->who;
	}
	return 1;
}
