// SPDX-License-Identifier: Apache-2.0
/* ztactl: asks and steers the daemon over its control socket; some verbs need no daemon. */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "ctl/args.h"
#include "ctl/verbs.h"

/* In the order of `ztactl --help`. */
static const struct ctl_verb *const verbs[] = {
	&cmd_status,	    &cmd_policy_check,
	&cmd_policy_apply,  &cmd_policy_confirm,
	&cmd_policy_show,   &cmd_policy_diff,
	&cmd_policy_schema, &cmd_explain,
	&cmd_events,	    &cmd_top,
	&cmd_workloads,	    &cmd_services,
	&cmd_names,	    &cmd_token_list,
	&cmd_token_test,    &cmd_pause,
	&cmd_resume,	    &cmd_quarantine,
	&cmd_release,	    &cmd_doctor,
	&cmd_detach,	    NULL,
};

/* Text of workloads may be UTF-8 where the locale says nothing (sudo, cron). */
static void set_locale(void)
{
	if (!setlocale(LC_CTYPE, "") || MB_CUR_MAX == 1)
		(void)setlocale(LC_CTYPE, "C.UTF-8"); /* without it such text stands escaped */
}

static bool want_color(const struct ctl_args *a)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	return !args_has(a, "no-color") && !(no_color && *no_color) &&
	       !(term && !strcmp(term, "dumb")) && isatty(STDOUT_FILENO);
}

static enum ctl_exit read_globals(const struct ctl_args *a, struct ctl *c)
{
	const char *output = args_get(a, "output");

	c->socket = args_get(a, "socket");
	if (!c->socket)
		c->socket = getenv("ZTA_SOCKET");
	if (!c->socket || !*c->socket)
		c->socket = CTL_SOCKET_DEFAULT;
	if (output && strcmp(output, "table") && strcmp(output, "json"))
		return ctl_usage("-o: '%s' is neither table nor json", output);
	c->json = output && !strcmp(output, "json");
	c->color = want_color(a);
	return CTL_OK;
}

static enum ctl_exit print_version(const struct ctl_args *a)
{
	struct ctl c;
	enum ctl_exit r = read_globals(a, &c);

	if (r == CTL_OK && c.json)
		puts("{\"version\":\"" ZTA_VERSION "\"}");
	else if (r == CTL_OK)
		puts("ztactl " ZTA_VERSION);
	return r;
}

static enum ctl_exit run(const struct ctl_args *a)
{
	struct ctl c;
	enum ctl_exit r;

	if (args_has(a, "version"))
		return print_version(a);
	if (args_has(a, "help")) {
		if (a->verb)
			args_help_verb(stdout, a->verb);
		else if (a->group)
			args_help_group(stdout, verbs, a->group);
		else
			args_help(stdout, verbs);
		return CTL_OK;
	}
	if (!a->verb) {
		if (a->group)
			args_help_group(stderr, verbs, a->group);
		else
			args_help(stderr, verbs);
		return CTL_USAGE;
	}
	r = read_globals(a, &c);
	return r == CTL_OK ? a->verb->run(&c, a) : r;
}

int main(int argc, char **argv)
{
	struct ctl_args a;
	enum ctl_exit r;

	set_locale();
	r = args_parse(verbs, argc - 1, argv + 1, &a);
	if (r == CTL_OK)
		r = run(&a);
	args_done(&a);
	if (fflush(stdout) || ferror(stdout)) {
		perror("ztactl: cannot write the output");
		r = CTL_FAILED;
	}
	return r;
}
