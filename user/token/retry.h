/* SPDX-License-Identifier: Apache-2.0 */
/* When to ask a source again. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum token_schedule {
	TOKEN_SCHEDULE_IMDS,  /* 404, 410 (updating: 7 times 10 s), 429, 5xx, silence; 5 tries */
	TOKEN_SCHEDULE_LOCAL, /* Arc, App Service: 408, 429, 5xx, silence; 3 tries */
	TOKEN_SCHEDULE_ENTRA, /* 408, 429, 5xx, silence; 3 tries; an expired assertion once more */
};

struct token_try {
	enum token_schedule schedule;
	unsigned int tries;   /* made so far, this one included */
	unsigned int gone;    /* of these, answered 410 */
	int status;	      /* HTTP; 0 = no answer */
	unsigned int after_s; /* Retry-After; 0 = not said */
	bool stale;	      /* AADSTS700024: the assertion had expired */
	bool reread;	      /* that was tried once already */
};

#define TOKEN_AFTER_MAX_S 60 /* a source that wants us to wait longer than that: the breaker's */

/* Milliseconds until the next try, -1 = give up. Jitter is the caller's. */
int token_retry_ms(const struct token_try *t);

/* Would another try at another time mend it? Not a refusal, then, but a source that is ill. */
bool token_retry_is_outage(enum token_schedule schedule, int status);
