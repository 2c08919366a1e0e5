// SPDX-License-Identifier: Apache-2.0
#include "ctl/ctl.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/utf8.h"
#include "ctl/print.h"

enum ctl_exit ctl_usage(const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_free_ char *clean = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	clean = text ? print_clean(text) : NULL;
	fprintf(stderr, "ztactl: %s\n", clean ? clean : "wrong usage");
	return CTL_USAGE;
}

enum ctl_exit ctl_fail(const struct ctl *c, enum ctl_exit status, const char *error,
		       const char *fmt, ...)
{
	_cleanup_free_ char *detail = NULL;
	json_t *v;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&detail, fmt, ap) < 0)
		detail = NULL;
	va_end(ap);

	if (!c->json) {
		_cleanup_free_ char *clean = print_clean(detail ? detail : error);

		fprintf(stderr, "ztactl: %s\n", clean ? clean : error);
		return status;
	}
	v = json_pack("{s:s, s:o}", "error", error, "detail",
		      utf8_json(detail ? detail : "", detail ? strlen(detail) : 0));
	if (v)
		ctl_json(v);
	else /* memory ran out: still one JSON value */
		puts("{\"error\":\"failed\",\"detail\":\"the reason cannot be shown\"}");
	json_decref(v);
	return status;
}

void ctl_json(const json_t *v)
{
	json_dumpf(v, stdout, JSON_COMPACT | JSON_ENCODE_ANY);
	putchar('\n');
}

void ctl_places(const char *file, const char *kind, const json_t *list)
{
	_cleanup_free_ char *clean_file = print_clean(file);
	const json_t *item;
	size_t i;

	json_array_foreach (list, i, item) {
		const char *path = print_string(item, "path");
		_cleanup_free_ char *message = print_clean(print_string(item, "message"));
		_cleanup_free_ char *clean_path = print_clean(path);

		fprintf(stderr, "%s:%lld:%lld: %s%s%s%s\n", clean_file ? clean_file : "",
			(long long)print_integer(item, "line"),
			(long long)print_integer(item, "column"), kind,
			clean_path ? clean_path : "", *path ? ": " : "", message ? message : "");
	}
}
