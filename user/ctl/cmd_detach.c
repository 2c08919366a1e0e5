// SPDX-License-Identifier: Apache-2.0
/* ztactl detach: remove enforcement from this machine, after a question. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "ctl/args.h"
#include "ctl/call.h"
#include "ctl/verbs.h"

/* Anything but a clear yes, end of input included, leaves everything as it is. */
static bool confirmed(void)
{
	_cleanup_free_ char *line = NULL;
	size_t room = 0;

	fputs("This removes every program and map: nothing will be enforced or recorded.\n"
	      "Continue? [y/N] ",
	      stderr);
	if (getline(&line, &room, stdin) < 0) {
		fputc('\n', stderr);
		return false;
	}
	line[strcspn(line, "\n")] = '\0';
	return !strcasecmp(line, "y") || !strcasecmp(line, "yes");
}

static enum ctl_exit run(const struct ctl *c, const struct ctl_args *a)
{
	struct call q;
	json_t *v;
	enum ctl_exit r;

	/* Ask the daemon first: a question that cannot be followed by an act is no question. */
	r = call_reach(c);
	if (r != CTL_OK)
		return r;
	if (!args_has(a, "yes") && !confirmed())
		return ctl_fail(c, CTL_FAILED, "aborted", "nothing was changed");

	call_init(&q, "POST", "/v1/detach");
	r = call_print(c, &q, &v);
	if (r != CTL_OK || !v)
		return r;
	puts("detached: nothing is enforced any more");
	json_decref(v);
	return CTL_OK;
}

static const struct ctl_option options[] = {
	{ "yes", 'y', NULL, "do not ask", 0 },
	{ 0 },
};

const struct ctl_verb cmd_detach = {
	.name = "detach",
	.summary = "remove enforcement; asks first",
	.help = "Removes every pinned program and map; the daemon ends. Asks first, on standard\n"
		"input, unless --yes is given. Without a daemon use `ztad --detach`.",
	.options = options,
	.run = run,
};
