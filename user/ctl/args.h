/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: tables of options, what was given, and the help printed from the tables. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "ctl/ctl.h"

#define CTL_OPTION_REQUIRED (1U << 0)
#define CTL_OPTION_MANY	    (1U << 1) /* may repeat; otherwise the last one counts */

struct ctl_option {
	const char *name; /* the same name takes a value in every verb or in none */
	char letter;	  /* 0 = long only; a name of one letter is no long option */
	const char *arg;  /* what its value is called in help; NULL = a flag */
	const char *help;
	unsigned int flags; /* CTL_OPTION_* */
};

struct ctl_given {
	const struct ctl_option *option;
	const char *value; /* "" for flags */
};

struct ctl_args {
	const struct ctl_verb *verb; /* NULL = none was given */
	const char *group;	     /* "policy" when only the first word of a verb was given */
	const char *operand;	     /* NULL only when the verb takes none */
	struct ctl_given *given;
	size_t n_given;
};

extern const struct ctl_option ctl_global_options[];

/**
 * args_parse() - Read a command line
 * @verbs:	table, ends with NULL
 * @argv:	without the program's name; borrowed by @ret
 * @ret:	caller runs args_done(), also on failure
 *
 * Options may stand anywhere. With --help or --version nothing else is asked for.
 * Return: CTL_OK or CTL_USAGE after having said why.
 */
enum ctl_exit args_parse(const struct ctl_verb *const *verbs, int argc, char **argv,
			 struct ctl_args *ret);
void args_done(struct ctl_args *a);

/* Value of an option (the last one given; "" for a flag), NULL when it was not given. */
const char *args_get(const struct ctl_args *a, const char *name);
bool args_has(const struct ctl_args *a, const char *name);

/* Values of an option that may repeat, one after the other; NULL ends. *i starts at 0. */
const char *args_next(const struct ctl_args *a, const char *name, size_t *i);

/**
 * args_number() - Value of an option as a decimal integer
 * @ret:	untouched when the option was not given
 * Return: CTL_OK or CTL_USAGE after having said why.
 */
enum ctl_exit args_number(const struct ctl_args *a, const char *name, uint64_t min, uint64_t max,
			  uint64_t *ret);

/* As args_number(), for a duration ("90s", "10m", "24h", "90d") longer than nothing; seconds. */
enum ctl_exit args_duration(const struct ctl_args *a, const char *name, uint64_t *ret_s);

/* CTL_USAGE when --since was given and is neither a duration nor an RFC 3339 time. */
enum ctl_exit args_check_since(const struct ctl_args *a);

/* CTL_USAGE when @path (NULL: fine) is not "/a/b" without ".", ".." and "//"; @what names it. */
enum ctl_exit args_check_cgroup(const char *what, const char *path);

/* Help for everything, for a group of verbs ("policy"), for one verb. */
void args_help(FILE *f, const struct ctl_verb *const *verbs);
void args_help_group(FILE *f, const struct ctl_verb *const *verbs, const char *group);
void args_help_verb(FILE *f, const struct ctl_verb *verb);
