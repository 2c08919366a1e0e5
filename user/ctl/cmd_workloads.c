// SPDX-License-Identifier: Apache-2.0
/* ztactl workloads: which cgroups are judged, and by which profile. */
#include <errno.h>
#include <string.h>

#include "ctl/call.h"
#include "ctl/table.h"
#include "ctl/verbs.h"

static enum print_style state_style(const char *state)
{
	if (!strcmp(state, "quarantined") || !strcmp(state, "uncovered"))
		return PRINT_RED;
	if (!strcmp(state, "unknown"))
		return PRINT_YELLOW;
	return PRINT_PLAIN;
}

static int print(const struct ctl *c, const json_t *list)
{
	static const char *const heads[] = { "CGROUP", "PROFILE", "MODE", "STATE", ">ID", NULL };
	_cleanup_table_ struct table *t = table_new(heads);
	const json_t *w;
	size_t i;

	json_array_foreach (list, i, w) {
		const char *mode = print_string(w, "mode"), *state = print_string(w, "state");

		table_add(t, PRINT_PLAIN, print_string(w, "cgroup"));
		table_add(t, PRINT_PLAIN, print_string(w, "profile"));
		table_add(t, strcmp(mode, "audit") ? PRINT_PLAIN : PRINT_YELLOW, mode);
		table_add(t, state_style(state), state);
		table_addf(t, PRINT_PLAIN, "%lld", (long long)print_integer(w, "id"));
	}
	return table_print(t, "", c->color, stdout);
}

static enum ctl_exit run(const struct ctl *c, const struct ctl_args *a)
{
	struct call q;
	json_t *v;
	enum ctl_exit r;

	call_init(&q, "GET", "/v1/workloads");
	r = call_print(c, &q, &v);
	if (r == CTL_OK && v && print(c, v) < 0)
		r = ctl_fail(c, CTL_FAILED, "failed", "%s", strerror(ENOMEM));
	if (r == CTL_OK)
		json_decref(v);
	return r;
}

const struct ctl_verb cmd_workloads = {
	.name = "workloads",
	.summary = "what is matched, and by which profile it is judged",
	.help = "One line for each matched cgroup, and one for the attach point: everything that\n"
		"no entry of the policy matches.",
	.run = run,
};
