// SPDX-License-Identifier: Apache-2.0
/* ztactl doctor: what works on this machine, what is missing, what that means. */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/diag.h"
#include "base/host.h"
#include "ctl/call.h"
#include "ctl/table.h"
#include "ctl/verbs.h"

/* A check is required unless the daemon says otherwise. */
static bool required(const json_t *check)
{
	return !json_is_false(json_object_get(check, "required"));
}

static bool failed(const json_t *check)
{
	return !json_is_true(json_object_get(check, "ok"));
}

static int print(const struct ctl *c, const json_t *checks)
{
	static const char *const heads[] = { "CHECK", "RESULT", "DETAIL", NULL };
	_cleanup_table_ struct table *t = table_new(heads);
	const json_t *check;
	size_t i;

	json_array_foreach (checks, i, check) {
		table_add(t, PRINT_PLAIN, print_string(check, "check"));
		if (!failed(check))
			table_add(t, PRINT_GREEN, "ok");
		else if (required(check))
			table_add(t, PRINT_RED, "failed");
		else
			table_add(t, PRINT_YELLOW, "missing");
		table_add(t, PRINT_PLAIN, print_string(check, "detail"));
	}
	return table_print(t, "", c->color, stdout);
}

static json_t *local_checks(void)
{
	struct host_check v[HOST_CHECKS_MAX];
	size_t n = host_checks(v);
	json_t *list = json_array();

	for (size_t i = 0; list && i < n; i++)
		json_array_append_new(list, json_pack("{s:s, s:b, s:b, s:s}", "check", v[i].name,
						      "ok", v[i].ok, "required", v[i].required,
						      "detail", v[i].detail));
	return list;
}

/* Nobody answers: what can be seen from here, and the exit code that says so. */
static enum ctl_exit without_daemon(const struct ctl *c, int r, const char *why)
{
	json_t *checks = local_checks(), *v;

	if (!c->json) {
		(void)print(c, checks); /* the exit code is the same without it */
		json_decref(checks);
		fflush(stdout);
		return call_failed(c, r, why);
	}
	v = json_pack("{s:s, s:s, s:o}", "error", "unreachable", "detail", why, "checks", checks);
	if (!v)
		return call_failed(c, r, why);
	ctl_json(v);
	json_decref(v);
	return CTL_UNREACHABLE;
}

static enum ctl_exit ask(const struct ctl *c, json_t **ret)
{
	struct control_reply_in reply = { 0 };
	struct control_request rq;
	struct diag d = { "" };
	struct call q;
	enum ctl_exit status;
	int r;

	call_init(&q, "GET", "/v1/doctor");
	status = call_request(c, &q, &rq);
	if (status != CTL_OK)
		return status;
	r = control_call(&rq, &reply, &d);
	if (r < 0)
		return control_unreachable(r) ? without_daemon(c, r, d.text)
					      : call_failed(c, r, d.text);
	status = call_document(c, &reply, ret);
	control_reply_in_free(&reply);
	return status;
}

static enum ctl_exit run(const struct ctl *c, const struct ctl_args *a)
{
	const json_t *check;
	enum ctl_exit r;
	json_t *v;
	size_t i;

	r = ask(c, &v);
	if (r != CTL_OK)
		return r;

	json_array_foreach (v, i, check) {
		if (failed(check) && required(check))
			r = CTL_FAILED;
	}
	if (c->json)
		ctl_json(v);
	else if (print(c, v) < 0)
		r = ctl_fail(c, CTL_FAILED, "failed", "%s", strerror(ENOMEM));
	json_decref(v);
	return r;
}

const struct ctl_verb cmd_doctor = {
	.name = "doctor",
	.summary = "what works here, what is missing, what that means",
	.help = "The daemon looks at kernel, BTF, cgroup2, bpffs, capabilities and hooks. What is\n"
		"`missing` is optional; exit 1 when a required check failed. Without a daemon the\n"
		"checks that files can answer are made here, and the exit is 3.",
	.run = run,
};
