// SPDX-License-Identifier: Apache-2.0
/* ztactl policy show, diff, schema. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "ctl/args.h"
#include "ctl/call.h"
#include "ctl/changes.h"
#include "ctl/document.h"
#include "ctl/verbs.h"
#include "policy/diff.h"
#include "policy/policy.h"
#include "policy/schema.h"

/* The document in force, byte for byte. */
static enum ctl_exit in_force(const struct ctl *c, struct control_reply_in *ret)
{
	struct call q;
	enum ctl_exit r;

	call_init(&q, "GET", "/v1/policy/show");
	r = call_reply(c, &q, ret);
	if (r == CTL_OK && ret->status != 200)
		r = call_refused(c, ret->status, ret->body, ret->len);
	return r;
}

static enum ctl_exit run_show(const struct ctl *c, const struct ctl_args *a)
{
	struct control_reply_in reply = { 0 };
	enum ctl_exit r = CTL_OK;

	if (args_has(a, "default")) {
		fputs(policy_builtin_text(), stdout);
		return CTL_OK;
	}
	r = in_force(c, &reply);
	if (r == CTL_OK)
		fwrite(reply.body, 1, reply.len, stdout);
	control_reply_in_free(&reply);
	return r;
}

static enum ctl_exit print_diff(const struct ctl *c, const char *old, const char *new)
{
	json_t *changes = policy_diff(old, new);
	enum ctl_exit r = json_array_size(changes) ? CTL_FAILED : CTL_OK;
	json_t *v;

	if (!changes)
		return ctl_fail(c, CTL_FAILED, "failed", "%s", strerror(ENOMEM));
	if (c->json) {
		v = json_pack("{s:O}", "changes", changes);
		ctl_json(v);
		json_decref(v);
	} else if (r == CTL_OK) {
		puts("no difference");
	} else {
		changes_print(c, changes);
	}
	json_decref(changes);
	return r;
}

static enum ctl_exit run_diff(const struct ctl *c, const struct ctl_args *a)
{
	_cleanup_policy_check_ struct policy_check check = { 0 };
	struct control_reply_in reply = { 0 };
	_cleanup_free_ char *text = NULL;
	enum ctl_exit r = in_force(c, &reply);

	if (r == CTL_OK)
		r = document_check(c, a->operand, &text, &check);
	if (r == CTL_OK && !check.image) {
		json_t *errors = diag_list_json(&check.errors);

		r = document_refuse(c, a->operand, errors);
		json_decref(errors);
	} else if (r == CTL_OK) {
		r = print_diff(c, reply.body, text);
	}
	control_reply_in_free(&reply);
	return r;
}

static enum ctl_exit run_schema(const struct ctl *c, const struct ctl_args *a)
{
	json_t *schema = policy_schema();

	if (!schema)
		return ctl_fail(c, CTL_FAILED, "failed", "%s", strerror(ENOMEM));
	if (c->json) {
		ctl_json(schema);
	} else {
		json_dumpf(schema, stdout, JSON_INDENT(2));
		putchar('\n');
	}
	json_decref(schema);
	return CTL_OK;
}

static const struct ctl_option show_options[] = {
	{ "default", 0, NULL, "the built-in policy; needs no daemon", 0 },
	{ 0 },
};

const struct ctl_verb cmd_policy_show = {
	.name = "policy show",
	.summary = "the document in force, byte for byte",
	.help = "What the daemon accepted last, as it was written.",
	.options = show_options,
	.run = run_show,
};

const struct ctl_verb cmd_policy_diff = {
	.name = "policy diff",
	.operand = "FILE",
	.summary = "what FILE would change in the policy in force",
	.help = "Compares by meaning, not by line. Exit 0 when nothing differs, 1 when something\n"
		"does.",
	.run = run_diff,
};

const struct ctl_verb cmd_policy_schema = {
	.name = "policy schema",
	.summary = "the JSON Schema of policy documents; needs no daemon",
	.help = "JSON Schema 2020-12, for editors and for checks in a pipeline.",
	.run = run_schema,
};
