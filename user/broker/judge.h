/* SPDX-License-Identifier: Apache-2.0 */
/*
 * May this caller have a token? Pure: the kernel's word about the caller comes in as profiles, the
 * policy in force as what they hold.
 *
 * Owner (the socket's maker) and caller (who connected) are judged both: a connection that one made
 * and another opened is nobody's alone, so both must be allowed, for the same identity. Who uses
 * the connection later does not matter: whoever hands an open connection on, hands on what it can
 * ask for, as with any descriptor.
 */
#pragma once

#include <stdbool.h>

#include "broker/request.h"

struct brief_profile;

enum broker_reason {
	BROKER_GRANTED,
	BROKER_UNVOUCHED,   /* the kernel does not vouch for the caller */
	BROKER_NO_WORKLOAD, /* outside any workload, or its cgroup is gone */
	BROKER_NOT_BROKER,  /* a profile without `imds: broker` */
	BROKER_NO_IDENTITY, /* a profile without `identity` */
	BROKER_TWO_IDENTITIES,
	BROKER_QUARANTINED,
	BROKER_AUDIENCE,
	BROKER_OTHER_IDENTITY, /* it asked for another one */
	BROKER_RATE,
	BROKER_REQUEST,	 /* refused by its own words: broker_request.refusal */
	BROKER_UPSTREAM, /* allowed, but no token could be had */
	BROKER_REASON_COUNT
};

struct broker_judged {
	const struct brief_profile *owner, *caller; /* NULL: outside any workload */
	bool vouched;
	bool quarantined; /* either of them */
};

enum broker_reason broker_judge(const struct broker_judged *j, const struct broker_request *q);

/* The word in events: "audience-not-allowed". */
const char *broker_reason_word(enum broker_reason reason);
/* HTTP status, Azure's word, and a sentence for the client, of a reason that refuses. */
unsigned int broker_reason_status(enum broker_reason reason);
const char *broker_reason_error(enum broker_reason reason);
const char *broker_reason_text(enum broker_reason reason);
