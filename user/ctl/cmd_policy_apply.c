// SPDX-License-Identifier: Apache-2.0
/* ztactl policy apply, confirm: through the daemon, which alone decides what it accepts. */
#include <stdio.h>

#include "base/cleanup.h"
#include "ctl/args.h"
#include "ctl/call.h"
#include "ctl/changes.h"
#include "ctl/document.h"
#include "ctl/print.h"
#include "ctl/verbs.h"

static void print(const struct ctl *c, const struct ctl_args *a, const json_t *v)
{
	const json_t *changes = json_object_get(v, "changes");
	long long generation = print_integer(v, "generation");
	const char *confirm = args_get(a, "confirm");
	char count[32];

	document_count(count, sizeof(count), json_array_size(changes), "change");
	if (json_is_true(json_object_get(v, "unchanged")))
		printf("unchanged: generation %lld is in force\n", generation);
	else if (!json_is_true(json_object_get(v, "applied")))
		printf("would be applied: %s\n", count);
	else
		printf("%sapplied%s: generation %lld, %s\n", print_on(c->color, PRINT_GREEN),
		       print_off(c->color, PRINT_GREEN), generation, count);
	changes_print(c, changes);
	if (confirm && json_is_true(json_object_get(v, "applied")))
		printf("goes back in %s unless `ztactl policy confirm` comes before\n", confirm);
}

static enum ctl_exit judge(const struct ctl *c, const struct ctl_args *a,
			   const struct control_reply_in *reply)
{
	json_t *v = json_loadb(reply->body, reply->len, 0, NULL);
	const json_t *errors = json_object_get(v, "errors");
	enum ctl_exit r = CTL_OK;

	if (json_array_size(errors))
		r = document_refuse(c, a->operand, errors);
	else if (reply->status != 200)
		r = call_refused(c, reply->status, reply->body, reply->len);
	else if (!v)
		r = ctl_fail(c, CTL_FAILED, "failed", "the daemon's reply is no JSON");
	else if (c->json)
		ctl_json(v);
	else {
		ctl_places(a->operand, "warning: ", json_object_get(v, "warnings"));
		print(c, a, v);
	}
	json_decref(v);
	return r;
}

static enum ctl_exit run_apply(const struct ctl *c, const struct ctl_args *a)
{
	struct control_reply_in reply = { 0 };
	_cleanup_free_ char *text = NULL;
	uint64_t confirm_s;
	enum ctl_exit r;
	struct call q;
	size_t len;

	if (args_has(a, "dry-run") && args_has(a, "confirm"))
		return ctl_usage("--dry-run and --confirm exclude each other");
	r = args_duration(a, "confirm", &confirm_s);
	if (r == CTL_OK)
		r = call_reach(c); /* weighs more than a file that cannot be read */
	if (r == CTL_OK)
		r = document_read(c, a->operand, &text, &len);
	if (r != CTL_OK)
		return r;

	call_init(&q, "POST", "/v1/policy");
	call_add(&q, "dry-run", args_has(a, "dry-run") ? "true" : NULL);
	call_add(&q, "confirm", args_get(a, "confirm"));
	q.body = text;
	q.len = len;
	r = call_reply(c, &q, &reply);
	if (r == CTL_OK)
		r = judge(c, a, &reply);
	control_reply_in_free(&reply);
	return r;
}

static enum ctl_exit run_confirm(const struct ctl *c, const struct ctl_args *a)
{
	struct call q;
	json_t *v;
	enum ctl_exit r;

	call_init(&q, "POST", "/v1/policy/confirm");
	r = call_print(c, &q, &v);
	if (r != CTL_OK || !v)
		return r;
	printf("confirmed: generation %lld stays\n", (long long)print_integer(v, "generation"));
	json_decref(v);
	return CTL_OK;
}

static const struct ctl_option apply_options[] = {
	{ "dry-run", 0, NULL, "everything but the switch", 0 },
	{ "confirm", 0, "D", "go back after D (90s, 10m, 24h) unless confirmed", 0 },
	{ 0 },
};

const struct ctl_verb cmd_policy_apply = {
	.name = "policy apply",
	.operand = "FILE",
	.summary = "put a document in force, print what changed",
	.help = "Atomic: every packet sees the old or the new policy. A document that is not "
		"valid\n"
		"changes nothing. The daemon's policy file is not written.",
	.options = apply_options,
	.run = run_apply,
};

const struct ctl_verb cmd_policy_confirm = {
	.name = "policy confirm",
	.summary = "keep what was applied with --confirm",
	.help = "Without it the previous generation comes back when the time is over.",
	.run = run_confirm,
};
