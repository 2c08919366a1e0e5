/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's command line. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

struct diag;

enum options_action {
	OPTIONS_RUN,
	OPTIONS_CHECK,
	OPTIONS_DETACH,
	OPTIONS_RESTORE,
	OPTIONS_VERSION,
	OPTIONS_HELP,
};

/* Strings are the command line's own or static. */
struct options {
	enum options_action action;
	const char *config;
	const char *policy;
	const char *cgroup; /* NULL = the cgroup2 mount */
	const char *bpffs;
	const char *state_dir;
	const char *run_dir;
	const char *metrics; /* "ADDR:PORT", NULL = off */
	bool config_given;   /* then the file must exist */
	bool policy_given;
	bool json; /* --check -o json */
};

/**
 * options_parse() - Read the command line
 * @argc, @argv: as main() got them
 * @ret:	filled with defaults and what was given; untouched on failure
 *
 * Return: 0 or -EINVAL (usage, @d says which word).
 */
int options_parse(int argc, char **argv, struct options *ret, struct diag *d);

void options_help(FILE *f);
