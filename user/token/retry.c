// SPDX-License-Identifier: Apache-2.0
#include "token/retry.h"

#define IMDS_TRIES  5
#define IMDS_GONE   7 /* 70 s: as long as an update of IMDS takes at most */
#define GONE_MS	    10000
#define FIRST_MS    1000
#define OTHER_TRIES 3
#define MAX_MS	    16000

bool token_retry_is_outage(enum token_schedule schedule, int status)
{
	if (status == 0 || status == 429 || status >= 500)
		return true;
	if (schedule == TOKEN_SCHEDULE_IMDS)
		return status == 404 || status == 410;
	return status == 408;
}

int token_retry_ms(const struct token_try *t)
{
	unsigned int other = t->tries - t->gone;
	unsigned int most = t->schedule == TOKEN_SCHEDULE_IMDS ? IMDS_TRIES : OTHER_TRIES;
	int ms;

	if (t->stale && !t->reread)
		return 0;
	if (!token_retry_is_outage(t->schedule, t->status))
		return -1;
	if (t->schedule == TOKEN_SCHEDULE_IMDS && t->status == 410)
		return t->gone <= IMDS_GONE ? GONE_MS : -1;
	if (other >= most || t->after_s > TOKEN_AFTER_MAX_S)
		return -1;
	ms = FIRST_MS << (other - 1);
	if (ms > MAX_MS)
		ms = MAX_MS;
	return (int)t->after_s * 1000 > ms ? (int)t->after_s * 1000 : ms;
}
