// SPDX-License-Identifier: Apache-2.0
/* ztactl token list, token test: what is cached, can one be had. A token is never shown. */
#include <errno.h>
#include <string.h>

#include "ctl/args.h"
#include "ctl/call.h"
#include "ctl/table.h"
#include "ctl/verbs.h"

static int print_list(const struct ctl *c, const json_t *list)
{
	static const char *const heads[] = { "AUDIENCE",   "IDENTITY", "SOURCE",
					     ">EXPIRES_S", "ERROR",    NULL };
	_cleanup_table_ struct table *t = table_new(heads);
	const json_t *e;
	size_t i;

	json_array_foreach (list, i, e) {
		const char *identity = print_string(e, "identity");

		table_add(t, PRINT_PLAIN, print_string(e, "audience"));
		table_add(t, PRINT_PLAIN, *identity ? identity : "system-assigned");
		table_add(t, PRINT_PLAIN, print_string(e, "source"));
		table_addf(t, PRINT_PLAIN, "%lld", (long long)print_integer(e, "expires_s"));
		table_add(t, PRINT_RED, print_string(e, "error"));
	}
	return table_print(t, "", c->color, stdout);
}

static enum ctl_exit run_list(const struct ctl *c, const struct ctl_args *a)
{
	struct call q;
	enum ctl_exit r;
	json_t *v;

	call_init(&q, "GET", "/v1/token/list");
	r = call_print(c, &q, &v);
	if (r != CTL_OK || !v)
		return r;
	if (print_list(c, v) < 0)
		r = ctl_fail(c, CTL_FAILED, "failed", "%s", strerror(ENOMEM));
	json_decref(v);
	return r;
}

static void print_test(const struct ctl *c, const json_t *v)
{
	bool ok = json_is_true(json_object_get(v, "ok"));
	const char *source = print_string(v, "source"), *client = print_string(v, "client_id");
	const char *detail = print_string(v, "detail");
	char time[PRINT_TIME_LEN];

	print_field(c->color, "token", ok ? PRINT_GREEN : PRINT_RED, "%s",
		    !ok						 ? "cannot be had"
		    : json_is_true(json_object_get(v, "cached")) ? "cached"
								 : "fetched");
	print_field(c->color, "audience", PRINT_PLAIN, "%s", print_string(v, "audience"));
	if (*source)
		print_field(c->color, "source", PRINT_PLAIN, "%s", source);
	if (*client)
		print_field(c->color, "identity", PRINT_PLAIN, "%s", client);
	if (ok)
		print_field(c->color, "expires", PRINT_PLAIN, "%s",
			    print_time(print_string(v, "expires"), time));
	if (*detail)
		print_field(c->color, "why", PRINT_RED, "%s", detail);
}

static enum ctl_exit run_test(const struct ctl *c, const struct ctl_args *a)
{
	struct call q;
	enum ctl_exit r;
	bool ok;
	json_t *v;

	if (args_has(a, "client-id") && args_has(a, "profile"))
		return ctl_usage("--client-id, --profile: only one of them");
	call_init(&q, "POST", "/v1/token/test");
	call_add(&q, "audience", args_get(a, "audience"));
	call_add(&q, "client_id", args_get(a, "client-id"));
	call_add(&q, "profile", args_get(a, "profile"));
	r = call_json(c, &q, &v);
	if (r != CTL_OK)
		return r;
	ok = json_is_true(json_object_get(v, "ok"));
	if (c->json)
		ctl_json(v);
	else
		print_test(c, v);
	json_decref(v);
	return ok ? CTL_OK : CTL_FAILED;
}

static const struct ctl_option test_options[] = {
	{ "audience", 0, "A", "for what: https://cognitiveservices.azure.com",
	  CTL_OPTION_REQUIRED },
	{ "client-id", 0, "ID", "of which identity; default: the configured one", 0 },
	{ "profile", 0, "NAME", "of the identity of that profile", 0 },
	{ 0 },
};

const struct ctl_verb cmd_token_list = {
	.name = "token list",
	.summary = "which tokens are cached; never the tokens",
	.help = "One line for each audience and identity that workloads have asked for: where the\n"
		"token is from, how long it is good for, and why the last refresh failed.",
	.run = run_list,
};

const struct ctl_verb cmd_token_test = {
	.name = "token test",
	.summary = "can a token be had?",
	.help = "Has the worker fetch a token, or find it in its cache, and says from where and\n"
		"until when; never the token. The policy is not asked: this is about the\n"
		"identity and the way to Azure. Exit 1 when none can be had.",
	.options = test_options,
	.run = run_test,
};
