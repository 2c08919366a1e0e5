// SPDX-License-Identifier: Apache-2.0
#include "daemon/desk_record.h"

#include <string.h>

#include "audit/record.h"
#include "base/clock.h"
#include "base/str.h"
#include "base/utf8.h"
#include "daemon/daemon.h"
#include "daemon/names.h"
#include "policy/identity.h"

static json_t *text(const char *s)
{
	return s && *s ? utf8_json(s, strlen(s)) : NULL;
}

/* {"cgroup","id","profile","owner"} of one side; NULL: outside. */
static json_t *workload(const struct record_ctx *ctx, uint64_t id, uint16_t profile)
{
	const struct record_names *n = ctx->names;

	if (!id)
		return NULL;
	return json_pack("{s:o*, s:I, s:o*, s:o*}", "cgroup", text(n->cgroup(ctx->ctx, id)), "id",
			 (json_int_t)id, "profile",
			 profile ? text(n->profile(ctx->ctx, profile)) : NULL, "owner",
			 text(n->owner(ctx->ctx, id)));
}

static json_t *token(const struct desk_case *c)
{
	char expires[RFC3339_LEN] = "";
	const char *asked = c->identity ? c->identity->client_id : NULL;

	if (c->expires > 0)
		rfc3339_format((uint64_t)c->expires * NS_PER_S, expires);
	if (c->identity && !*asked)
		asked = "system-assigned";
	return json_pack("{s:o*, s:o*, s:o*, s:o*, s:o*, s:o*}", "audience", text(c->audience),
			 "identity", text(asked), "client_id", text(c->client_id), "source",
			 text(c->source), "expires", text(expires), "cached",
			 c->reason == BROKER_GRANTED ? json_boolean(c->cached) : NULL);
}

static const char *hint(const struct desk_case *c)
{
	switch (c->reason) {
	case BROKER_AUDIENCE:
		return "list the audience in \"identity\" of the profile, if the workload needs it";
	case BROKER_NO_IDENTITY:
		return "give the profile an \"identity\"";
	case BROKER_NOT_BROKER:
		return "set \"imds\": \"broker\" in the profile, if the workload needs tokens";
	case BROKER_OTHER_IDENTITY:
		return "ask for no identity, or for the one of the profile";
	case BROKER_UPSTREAM:
		return c->text;
	default:
		return NULL;
	}
}

static const char *word(const struct desk_case *c)
{
	return c->reason == BROKER_REQUEST && c->said && *c->said ? c->said
								  : broker_reason_word(c->reason);
}

json_t *desk_record(struct daemon *d, const struct desk_case *c)
{
	const struct record_ctx *ctx = names_ctx(d);
	bool maker = c->who && c->who->owner && c->who->owner != c->who->caller;
	json_t *record = NULL;
	json_t *process = c->who ? json_pack("{s:I, s:I}", "pid", (json_int_t)c->who->pid, "uid",
					     (json_int_t)c->who->uid)
				 : NULL;
	json_t *members = json_pack("{s:s, s:o*, s:o*, s:o*, s:o*, s:o*, s:i, s:o*}", "verdict",
				    c->reason == BROKER_GRANTED ? "allow" : "deny", "workload",
				    c->who ? workload(ctx, c->who->caller, c->profile) : NULL,
				    "maker", maker ? workload(ctx, c->who->owner, 0) : NULL,
				    "process", process, "token", token(c), "rule",
				    text(c->identity ? c->identity->path : NULL), "count", 1,
				    "hint", text(hint(c)));

	if (!members)
		return NULL;
	if (c->reason == BROKER_REQUEST && str_eq(c->said, BROKER_PROBE))
		(void)json_object_set_new(members, "probe", json_true()); /* else it looks worse */
	(void)record_note(RECORD_TOKEN, word(c), ctx, members, &record);  /* NULL is counted */
	return record;
}
