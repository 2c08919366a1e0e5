/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Row 4: a socket that a closed profile may not even make. */
#pragma once

#include "judge.h"

/*
 * @c: hook, protocol, kind of socket, and in ask.addr.family what is folded apart
 * @reason: of the denial
 *
 * Return: 1 = the socket may be made (audit, a pause).
 */
static __always_inline int zta_judge_socket(struct zta_case *c, const struct zta_who *who,
					    __u8 reason, __u32 slot)
{
	struct zta_tables t = { .slot = slot };
	const struct zta_profile *p = zta_get_profile(&t, who->profile);
	const struct zta_policy *doc = zta_get_policy(&t);

	if (!zta_who_closed(p) || !doc)
		return 1;
	c->who = *who;
	c->verdict.rule = ZTA_RULE_NONE;
	zta_set(&c->verdict, ZTA_VERDICT_DENY, reason, 4);
	if (p)
		zta_weaken(doc, p, &c->ask, 0, &c->verdict);
	if (c->verdict.verdict == ZTA_VERDICT_DENY && !(who->flags & ZTA_WORKLOAD_SELFTEST))
		ZTA_READ(zta_weaken_by_state(who, &c->verdict));
	ZTA_READ(zta_count(c));
	ZTA_READ(zta_tell(c, NULL, 1));
	return c->verdict.verdict != ZTA_VERDICT_DENY;
}
