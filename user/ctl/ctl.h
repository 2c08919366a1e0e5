/* SPDX-License-Identifier: Apache-2.0 */
/* What every verb of ztactl shares: the invocation, exit codes, failures, JSON output. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct ctl_args;
struct ctl_option;
struct diag_list;

#define CTL_SOCKET_DEFAULT "/run/zta/ztad.sock"

/* Judged in this order: usage, unreachable, denied, failed. */
enum ctl_exit {
	CTL_OK = 0,
	CTL_FAILED = 1, /* or unhealthy, denied by policy, differs */
	CTL_USAGE = 2,
	CTL_UNREACHABLE = 3,
	CTL_DENIED = 4,
};

/* One invocation: the global options. */
struct ctl {
	const char *socket;
	bool json;
	bool color;
};

struct ctl_verb {
	const char *name;		  /* one word or two: "policy check" */
	const char *operand;		  /* "FILE"; NULL = takes none */
	const char *summary;		  /* one line of `ztactl --help` */
	const char *help;		  /* paragraphs of `ztactl VERB --help` */
	const struct ctl_option *options; /* ends with a NULL name; NULL = none */
	/* Returns an exit code after having said why; never called with wrong usage of the table.
	 */
	enum ctl_exit (*run)(const struct ctl *c, const struct ctl_args *a);
};

/**
 * ctl_usage() - Say on stderr what is wrong with the command line
 * Plain text even with -o json.
 * Return: CTL_USAGE
 */
enum ctl_exit ctl_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/**
 * ctl_fail() - Say that the verb failed
 * @status:	returned as is
 * @error:	what, a fixed word: "unreachable"
 * @fmt:	a sentence for people
 *
 * {"error","detail"} on stdout with -o json, else the sentence on stderr.
 */
enum ctl_exit ctl_fail(const struct ctl *c, enum ctl_exit status, const char *error,
		       const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Print @v as one line of JSON on stdout. */
void ctl_json(const json_t *v);

/**
 * ctl_places() - Print errors or warnings with their places on stderr, as compilers do
 * @file:	name as the user gave it
 * @kind:	"" for errors, "warning: "
 * @list:	JSON array of {"line","column","path","message"}
 */
void ctl_places(const char *file, const char *kind, const json_t *list);
