// SPDX-License-Identifier: Apache-2.0
/* Help, printed from the tables that the parser reads. */
#include <string.h>

#include "ctl/args.h"

#define VERB_COLUMN   30
#define OPTION_COLUMN 26

static void print_option(FILE *f, const struct ctl_option *o)
{
	char left[64];

	if (!o->name[1])
		snprintf(left, sizeof(left), "-%s %s", o->name, o->arg ? o->arg : "");
	else
		snprintf(left, sizeof(left), "%c%c%s --%s%s%s", o->letter ? '-' : ' ',
			 o->letter ? o->letter : ' ', o->letter ? "," : " ", o->name,
			 o->arg ? " " : "", o->arg ? o->arg : "");
	fprintf(f, "  %-*s  %s%s\n", OPTION_COLUMN, left, o->help,
		o->flags & CTL_OPTION_MANY ? " (may repeat)" : "");
}

static void print_options(FILE *f, const char *title, const struct ctl_option *o)
{
	if (!o || !o->name)
		return;
	fprintf(f, "\n%s:\n", title);
	for (; o->name; o++)
		print_option(f, o);
}

static void print_verb(FILE *f, const struct ctl_verb *v)
{
	char left[128];
	int n = snprintf(left, sizeof(left), "%s%s%s", v->name, v->operand ? " " : "",
			 v->operand ? v->operand : "");

	for (const struct ctl_option *o = v->options; o && o->name; o++) {
		if (o->flags & CTL_OPTION_REQUIRED)
			n += snprintf(left + n, sizeof(left) - n, " --%s %s", o->name, o->arg);
	}
	fprintf(f, "  %-*s  %s\n", VERB_COLUMN, left, v->summary);
}

void args_help(FILE *f, const struct ctl_verb *const *verbs)
{
	fputs("Usage: ztactl [OPTION]... VERB [ARGUMENT]...\n"
	      "\n"
	      "Ask and steer the zta agent of this machine.\n"
	      "\n"
	      "Verbs:\n",
	      f);
	for (; *verbs; verbs++)
		print_verb(f, *verbs);
	print_options(f, "Options, before or after the verb", ctl_global_options);
	fputs("\n"
	      "Exit: 0 ok, 1 failed or unhealthy, 2 wrong usage, 3 daemon unreachable,\n"
	      "4 denied by the daemon. `ztactl VERB --help` tells more; so does ztactl(1).\n",
	      f);
}

void args_help_group(FILE *f, const struct ctl_verb *const *verbs, const char *group)
{
	size_t len = strlen(group);

	fprintf(f, "Usage: ztactl %s VERB [ARGUMENT]...\n\nVerbs:\n", group);
	for (; *verbs; verbs++) {
		if (!strncmp((*verbs)->name, group, len) && (*verbs)->name[len] == ' ')
			print_verb(f, *verbs);
	}
	print_options(f, "Options, before or after the verb", ctl_global_options);
}

static void print_synopsis(FILE *f, const struct ctl_verb *v)
{
	fprintf(f, "Usage: ztactl %s", v->name);
	for (const struct ctl_option *o = v->options; o && o->name; o++) {
		bool required = o->flags & CTL_OPTION_REQUIRED;

		fprintf(f, " %s", required ? "" : "[");
		if (o->letter)
			fprintf(f, "-%c", o->letter);
		else
			fprintf(f, "--%s", o->name);
		fprintf(f, "%s%s%s%s", o->arg ? " " : "", o->arg ? o->arg : "", required ? "" : "]",
			o->flags & CTL_OPTION_MANY ? "..." : "");
	}
	fprintf(f, "%s%s\n", v->operand ? " " : "", v->operand ? v->operand : "");
}

void args_help_verb(FILE *f, const struct ctl_verb *verb)
{
	print_synopsis(f, verb);
	fprintf(f, "\n%s\n", verb->help);
	print_options(f, "Options", verb->options);
	print_options(f, "Global options", ctl_global_options);
}
