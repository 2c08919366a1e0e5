// SPDX-License-Identifier: Apache-2.0
#include "broker/judge.h"

#include <strings.h>

#include "policy/brief.h"

static const struct {
	const char *word;
	unsigned int status;
	const char *error, *text;
} reasons[BROKER_REASON_COUNT] = {
	[BROKER_GRANTED] = { "granted", 200, "", "" },
	[BROKER_UNVOUCHED] = { "unvouched", 403, "access_denied",
			       "the kernel does not vouch for this caller: it is in no guarded "
			       "cgroup, "
			       "or came by a way that does not tell who it is" },
	[BROKER_NO_WORKLOAD] = { "no-workload", 403, "access_denied",
				 "this caller is outside any workload" },
	[BROKER_NOT_BROKER] = { "not-broker", 403, "access_denied",
				"the profile of this workload does not use the broker" },
	[BROKER_NO_IDENTITY] = { "no-identity", 403, "access_denied",
				 "the profile of this workload has no identity" },
	[BROKER_TWO_IDENTITIES] = { "two-identities", 403, "access_denied",
				    "the socket was made by one workload and connected by "
				    "another" },
	[BROKER_QUARANTINED] = { "quarantine", 403, "access_denied",
				 "this workload is quarantined" },
	[BROKER_AUDIENCE] = { "audience-not-allowed", 403, "access_denied",
			      "the profile of this workload does not list this audience" },
	[BROKER_OTHER_IDENTITY] = { "identity-not-allowed", 403, "access_denied",
				    "the identity asked for is not the one of this workload" },
	[BROKER_RATE] = { "rate", 429, "invalid_request",
			  "Temporarily throttled, too many requests" },
	[BROKER_REQUEST] = { "bad-request", 400, "invalid_request", "" },
	[BROKER_UPSTREAM] = { "upstream", 503, "temporarily_unavailable",
			      "no token can be had at the moment" },
};

static enum broker_reason judge_profile(const struct brief_profile *p)
{
	if (!p)
		return BROKER_NO_WORKLOAD;
	if (!p->broker)
		return BROKER_NOT_BROKER;
	return p->identity.n_audiences ? BROKER_GRANTED : BROKER_NO_IDENTITY;
}

/* An object or resource id is compared with what the token says, when there is one. */
static bool asks_for_another(const struct policy_identity *id, const struct broker_request *q)
{
	return q->selector == BROKER_SELECT_CLIENT && strcasecmp(q->selected, id->client_id) != 0;
}

enum broker_reason broker_judge(const struct broker_judged *j, const struct broker_request *q)
{
	const struct policy_identity *owner, *caller;
	enum broker_reason r;

	if (!j->vouched)
		return BROKER_UNVOUCHED;
	if (!j->owner || !j->caller)
		return BROKER_NO_WORKLOAD;
	if (q->what == BROKER_REFUSED)
		return BROKER_REQUEST;
	if (j->quarantined)
		return BROKER_QUARANTINED;
	r = judge_profile(j->owner);
	if (r == BROKER_GRANTED)
		r = judge_profile(j->caller);
	if (r != BROKER_GRANTED)
		return r;
	owner = &j->owner->identity;
	caller = &j->caller->identity;
	if (strcasecmp(owner->client_id, caller->client_id) != 0)
		return BROKER_TWO_IDENTITIES;
	if (!identity_allows(owner, q->audience) || !identity_allows(caller, q->audience))
		return BROKER_AUDIENCE;
	return asks_for_another(owner, q) ? BROKER_OTHER_IDENTITY : BROKER_GRANTED;
}

const char *broker_reason_word(enum broker_reason reason)
{
	return reasons[reason].word;
}

unsigned int broker_reason_status(enum broker_reason reason)
{
	return reasons[reason].status;
}

const char *broker_reason_error(enum broker_reason reason)
{
	return reasons[reason].error;
}

const char *broker_reason_text(enum broker_reason reason)
{
	return reasons[reason].text;
}
