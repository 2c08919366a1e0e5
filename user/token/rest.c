// SPDX-License-Identifier: Apache-2.0
#include "token/rest.h"

void rest_note(struct rest *r, bool outage, bool throttled, unsigned int after_s, int64_t now)
{
	int64_t seconds = REST_MIN_S;

	if (!outage) { /* it lives, whatever it said */
		r->outages = 0;
		r->until = 0;
		return;
	}
	r->outages++;
	if (r->outages < REST_OUTAGES && !after_s && !throttled)
		return;
	for (unsigned int i = REST_OUTAGES; i < r->outages && seconds < REST_MAX_S; i++)
		seconds *= 2;
	if (seconds > REST_MAX_S)
		seconds = REST_MAX_S;
	if (seconds < (int64_t)after_s)
		seconds = after_s;
	r->until = now + seconds;
}

unsigned int rest_left(const struct rest *r, int64_t now)
{
	return r->until > now ? (unsigned int)(r->until - now) : 0;
}

bool rest_may_start(const struct rest *r)
{
	return r->running < (r->until ? 1 : REST_AT_ONCE);
}
