/* SPDX-License-Identifier: Apache-2.0 */
/* Records of type token: one for each grant and refusal, never the token. */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "broker/judge.h"
#include "zta_identity.h"

struct daemon;
struct policy_identity;

struct desk_case {
	enum broker_reason reason;
	const char *said;			/* of BROKER_REQUEST: the reason's word */
	const struct zta_caller *who;		/* NULL: nobody vouches */
	uint16_t profile;			/* of the caller; 0 = outside any workload */
	const struct policy_identity *identity; /* of that profile, NULL = none */
	const char *audience;			/* "" = none */
	/* of what was granted: */
	const char *source, *client_id, *text; /* "" = not known */
	int64_t expires;		       /* Unix time, 0 = none */
	bool cached;
};

/* New reference, NULL without memory. */
json_t *desk_record(struct daemon *d, const struct desk_case *c);
