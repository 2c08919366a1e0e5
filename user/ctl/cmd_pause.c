// SPDX-License-Identifier: Apache-2.0
/* ztactl pause, resume: nothing is blocked for a while. */
#include <stdio.h>

#include "base/cleanup.h"
#include "ctl/args.h"
#include "ctl/call.h"
#include "ctl/print.h"
#include "ctl/verbs.h"

static enum ctl_exit run_pause(const struct ctl *c, const struct ctl_args *a)
{
	char until[PRINT_TIME_LEN];
	uint64_t seconds;
	struct call q;
	json_t *v;
	enum ctl_exit r;

	r = args_duration(a, "for", &seconds);
	if (r == CTL_OK)
		r = args_check_cgroup("--workload", args_get(a, "workload"));
	if (r != CTL_OK)
		return r;
	if (!*args_get(a, "reason"))
		return ctl_usage("--reason: say why, it is recorded");

	call_init(&q, "POST", "/v1/pause");
	call_add(&q, "for", args_get(a, "for"));
	call_add(&q, "reason", args_get(a, "reason"));
	call_add(&q, "workload", args_get(a, "workload"));
	r = call_print(c, &q, &v);
	if (r != CTL_OK || !v)
		return r;

	printf("%spaused%s until %s: nothing is blocked", print_on(c->color, PRINT_YELLOW),
	       print_off(c->color, PRINT_YELLOW), print_time(print_string(v, "until"), until));
	if (args_has(a, "workload")) {
		_cleanup_free_ char *workload = print_clean(args_get(a, "workload"));

		printf(" for %s", workload ? workload : "the workload");
	}
	puts("; `ztactl resume` ends it earlier");
	json_decref(v);
	return CTL_OK;
}

static enum ctl_exit run_resume(const struct ctl *c, const struct ctl_args *a)
{
	struct call q;
	json_t *v;
	enum ctl_exit r = args_check_cgroup("--workload", args_get(a, "workload"));

	if (r != CTL_OK)
		return r;
	call_init(&q, "POST", "/v1/resume");
	call_add(&q, "workload", args_get(a, "workload"));
	r = call_print(c, &q, &v);
	if (r != CTL_OK || !v)
		return r;
	puts("resumed: the policy is in force");
	json_decref(v);
	return CTL_OK;
}

static const struct ctl_option pause_options[] = {
	{ "for", 0, "D", "how long: 90s, 10m, 24h, 90d", CTL_OPTION_REQUIRED },
	{ "reason", 0, "R", "why; recorded", CTL_OPTION_REQUIRED },
	{ "workload", 0, "W", "only this cgroup path and what is below it", 0 },
	{ 0 },
};

static const struct ctl_option resume_options[] = {
	{ "workload", 0, "W", "end only the pause of this cgroup path", 0 },
	{ 0 },
};

const struct ctl_verb cmd_pause = {
	.name = "pause",
	.summary = "block nothing for a while",
	.help = "Kill switch: nothing is blocked or redirected until the time is over or until\n"
		"`resume`; what would have been denied is recorded with verdict audit. It "
		"survives\n"
		"a restart, ends by itself, and is an event. Quarantine holds all the same.",
	.options = pause_options,
	.run = run_pause,
};

const struct ctl_verb cmd_resume = {
	.name = "resume",
	.summary = "end a pause",
	.help = "End every pause now, or with --workload that of one workload.",
	.options = resume_options,
	.run = run_resume,
};
