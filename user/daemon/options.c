/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "base/log.h"

#define OPTION_LIST(X)                                                                         \
	X(CONFIG, "config", "FILE", "daemon configuration (/etc/zta/ztad.json)")               \
	X(POLICY, "policy", "FILE", "policy (/etc/zta/policy.json; absent: the built-in one)") \
	X(CGROUP, "cgroup", "DIR", "cgroup v2 directory to attach to (the cgroup2 mount)")     \
	X(BPFFS, "bpffs", "DIR", "where links and maps are pinned (/sys/fs/bpf/zta)")          \
	X(STATE, "state-dir", "DIR", "journal, last good policy (/var/lib/zta)")               \
	X(RUN, "run-dir", "DIR", "control socket ztad.sock (/run/zta)")                        \
	X(METRICS, "metrics", "ADDR:PORT", "metrics and health, or `off` (127.0.0.1:9465)")    \
	X(CHECK, "check", NULL, "check configuration and policy, say what is wrong, exit")     \
	X(OUTPUT, "output", "json", "with --check: print the result as JSON (-o json)")        \
	X(DETACH, "detach", NULL, "remove every pinned program and map, exit")                 \
	X(RESTORE, "restore", NULL, "attach the last good policy, exit (boot unit)")           \
	X(VERSION, "version", NULL, "print the version, exit")                                 \
	X(HELP, "help", NULL, "print this, exit")

#define X_ENUM(sym, name, arg, help) OPT_##sym,
enum { OPT_FIRST = 0xff, OPTION_LIST(X_ENUM) };

#define X_LONG(sym, name, arg, help) \
	{ name, (arg) ? required_argument : no_argument, NULL, OPT_##sym },
static const struct option long_options[] = { OPTION_LIST(X_LONG){ 0 } };

#define X_HELP(sym, name, arg, help) { name, arg, help },
static const struct {
	const char *name, *arg, *help;
} help_lines[] = { OPTION_LIST(X_HELP) };

void options_help(FILE *f)
{
	fputs("Usage: ztad [OPTION]...\n"
	      "Enforces private-endpoint-only egress for AI workloads on this machine, by "
	      "eBPF.\n\n",
	      f);
	for (size_t i = 0; i < sizeof(help_lines) / sizeof(help_lines[0]); i++) {
		char left[32];

		snprintf(left, sizeof(left), "--%s%s%s", help_lines[i].name,
			 help_lines[i].arg ? " " : "", help_lines[i].arg ? help_lines[i].arg : "");
		fprintf(f, "  %-22s %s\n", left, help_lines[i].help);
	}
	fputs("\nSIGHUP reads the policy file again. SIGTERM ends the daemon and leaves "
	      "enforcement\n"
	      "in place. Exit status: 0 clean end, 1 failure, 2 usage. See ztad(8).\n",
	      f);
}

static int check_metrics(const char *arg, const char **ret, struct diag *d)
{
	const char *colon = strrchr(arg, ':');
	unsigned long port;
	char *end;

	if (!strcmp(arg, "off")) {
		*ret = NULL;
		return 0;
	}
	if (!colon || colon == arg || colon[1] < '0' || colon[1] > '9')
		return diag_set(d, -EINVAL, "--metrics: \"%s\" is neither ADDR:PORT nor off", arg);
	port = strtoul(colon + 1, &end, 10);
	if (*end || port > 65535)
		return diag_set(d, -EINVAL, "--metrics: \"%s\" has no port from 0 to 65535", arg);
	*ret = arg;
	return 0;
}

static int set_action(struct options *o, enum options_action action, struct diag *d)
{
	if (o->action != OPTIONS_RUN && o->action != action)
		return diag_set(d, -EINVAL, "only one of --check, --detach and --restore");
	o->action = action;
	return 0;
}

static int take_option(struct options *o, int c, const char *arg, struct diag *d)
{
	if (arg && !*arg)
		return diag_set(d, -EINVAL, "an option has an empty value");
	switch (c) {
	case OPT_CONFIG:
		o->config = arg;
		o->config_given = true;
		return 0;
	case OPT_POLICY:
		o->policy = arg;
		o->policy_given = true;
		return 0;
	case OPT_CGROUP:
		o->cgroup = arg;
		return 0;
	case OPT_BPFFS:
		o->bpffs = arg;
		return 0;
	case OPT_STATE:
		o->state_dir = arg;
		return 0;
	case OPT_RUN:
		o->run_dir = arg;
		return 0;
	case OPT_METRICS:
		return check_metrics(arg, &o->metrics, d);
	case OPT_CHECK:
		return set_action(o, OPTIONS_CHECK, d);
	case OPT_DETACH:
		return set_action(o, OPTIONS_DETACH, d);
	case OPT_RESTORE:
		return set_action(o, OPTIONS_RESTORE, d);
	case OPT_OUTPUT:
	case 'o':
		if (strcmp(arg, "json") != 0 && strcmp(arg, "table") != 0)
			return diag_set(d, -EINVAL, "-o: \"%s\" is neither json nor table", arg);
		o->json = !strcmp(arg, "json");
		return 0;
	}
	return -EINVAL;
}

int options_parse(int argc, char **argv, struct options *ret, struct diag *d)
{
	struct options o = {
		.config = "/etc/zta/ztad.json",
		.policy = "/etc/zta/policy.json",
		.bpffs = "/sys/fs/bpf/zta",
		.state_dir = "/var/lib/zta",
		.run_dir = "/run/zta",
		.metrics = "127.0.0.1:9465",
	};
	int c, r;

	optind = 0; /* this parser may run more than once in a process */
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":o:h", long_options, NULL)) != -1) {
		if (c == OPT_HELP || c == 'h' || c == OPT_VERSION) {
			o.action = c == OPT_VERSION ? OPTIONS_VERSION : OPTIONS_HELP;
			*ret = o;
			return 0;
		}
		if (c == ':')
			return diag_set(d, -EINVAL, "%s wants a value", argv[optind - 1]);
		if (c == '?')
			return diag_set(d, -EINVAL, "unknown option %s", argv[optind - 1]);
		r = take_option(&o, c, optarg, d);
		if (r < 0)
			return r;
	}
	if (optind < argc)
		return diag_set(d, -EINVAL, "unexpected argument \"%s\"", argv[optind]);
	if (o.json && o.action != OPTIONS_CHECK)
		return diag_set(d, -EINVAL, "-o json goes with --check only");
	*ret = o;
	return 0;
}
