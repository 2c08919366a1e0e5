// SPDX-License-Identifier: Apache-2.0
/* ztactl quarantine, release: cut a workload off from everything but loopback. */
#include <stdio.h>

#include "base/cleanup.h"
#include "ctl/args.h"
#include "ctl/call.h"
#include "ctl/print.h"
#include "ctl/verbs.h"

static enum ctl_exit change(const struct ctl *c, const struct ctl_args *a, const char *path,
			    json_t **ret)
{
	const char *reason = args_get(a, "reason");
	enum ctl_exit r = args_check_cgroup("TARGET", a->operand);
	struct call q;

	if (r != CTL_OK)
		return r;
	if (reason && !*reason)
		return ctl_usage("--reason: say why, it is recorded");
	call_init(&q, "POST", path);
	call_add(&q, "target", a->operand);
	call_add(&q, "reason", reason);
	return call_print(c, &q, ret);
}

static enum ctl_exit run_quarantine(const struct ctl *c, const struct ctl_args *a)
{
	_cleanup_free_ char *target = print_clean(a->operand);
	json_t *v;
	enum ctl_exit r = change(c, a, "/v1/quarantine", &v);

	if (r != CTL_OK || !v)
		return r;
	printf("%squarantined%s %s: %lld workload(s), %lld connection(s) closed\n",
	       print_on(c->color, PRINT_RED), print_off(c->color, PRINT_RED),
	       target ? target : "it", (long long)print_integer(v, "workloads"),
	       (long long)print_integer(v, "closed"));
	json_decref(v);
	return CTL_OK;
}

static enum ctl_exit run_release(const struct ctl *c, const struct ctl_args *a)
{
	_cleanup_free_ char *target = print_clean(a->operand);
	json_t *v;
	enum ctl_exit r = change(c, a, "/v1/release", &v);

	if (r != CTL_OK || !v)
		return r;
	printf("released %s: the policy decides again\n", target ? target : "it");
	json_decref(v);
	return CTL_OK;
}

static const struct ctl_option quarantine_options[] = {
	{ "reason", 0, "R", "why; recorded", CTL_OPTION_REQUIRED },
	{ 0 },
};

static const struct ctl_option release_options[] = {
	{ "reason", 0, "R", "why; recorded", 0 },
	{ 0 },
};

const struct ctl_verb cmd_quarantine = {
	.name = "quarantine",
	.operand = "TARGET",
	.summary = "cut a workload off, close its connections",
	.help = "TARGET is a cgroup path below the attach point. It and what is below it may "
		"reach\n"
		"nothing but loopback, in every mode and during a pause, until `release`; open\n"
		"connections are closed. It survives a restart and is an event.",
	.options = quarantine_options,
	.run = run_quarantine,
};

const struct ctl_verb cmd_release = {
	.name = "release",
	.operand = "TARGET",
	.summary = "end a quarantine",
	.help = "TARGET as it was given to `quarantine`.",
	.options = release_options,
	.run = run_release,
};
