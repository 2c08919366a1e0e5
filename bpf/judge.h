/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One judgement for one workload, as every hook makes it. */
#pragma once

#include "emit.h"

/*
 * Judge c->ask for @who and keep the stricter verdict (and whose it is) in c. A pause and an
 * absent daemon weaken a denial to audit, quarantine and the self-test excepted.
 */
static __always_inline void zta_judge_for(struct zta_case *c, const struct zta_who *who, __u32 slot)
{
	struct zta_verdict v;

	c->ask.profile = who->profile;
	c->ask.flags &= ~ZTA_ASK_QUARANTINED;
	if (who->flags & ZTA_WORKLOAD_QUARANTINED)
		c->ask.flags |= ZTA_ASK_QUARANTINED;
	zta_decide(&c->ask, &c->ask.addr, &v, slot);
	if (c->ask.carried.family) {
		struct zta_verdict inner;

		zta_decide(&c->ask, &c->ask.carried, &inner, slot);
		zta_finish_carried(&v, &inner);
	}
	if (v.verdict == ZTA_VERDICT_DENY && v.reason != ZTA_REASON_QUARANTINED &&
	    !(who->flags & ZTA_WORKLOAD_SELFTEST))
		ZTA_READ(zta_weaken_by_state(who, &v));
	if (!c->who.key || zta_stricter(&v, &c->verdict)) {
		c->verdict = v;
		c->who = *who;
	}
}
