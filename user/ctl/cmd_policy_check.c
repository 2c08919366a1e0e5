// SPDX-License-Identifier: Apache-2.0
/* ztactl policy check: every error, then a summary. No daemon, no privileges. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "ctl/args.h"
#include "ctl/document.h"
#include "ctl/table.h"
#include "ctl/verbs.h"

#define FULL_PERCENT 80 /* of a map: worth a colour */

static int print_maps(const struct ctl *c, const json_t *maps)
{
	static const char *const heads[] = { "MAP", ">USED", ">CAPACITY", ">FULL", NULL };
	_cleanup_table_ struct table *t = table_new(heads);
	const json_t *map;
	size_t i;

	if (!json_array_size(maps))
		return 0;
	json_array_foreach (maps, i, map) {
		json_int_t used = print_integer(map, "used");
		json_int_t capacity = print_integer(map, "capacity");
		json_int_t percent = capacity ? used * 100 / capacity : 0;

		table_add(t, PRINT_PLAIN, print_string(map, "map"));
		table_addf(t, PRINT_PLAIN, "%lld", (long long)used);
		table_addf(t, PRINT_PLAIN, "%lld", (long long)capacity);
		table_addf(t, percent < FULL_PERCENT ? PRINT_PLAIN : PRINT_YELLOW, "%lld%%",
			   (long long)percent);
	}
	putchar('\n');
	return table_print(t, "  ", c->color, stdout);
}

static int print(const struct ctl *c, const char *file, const json_t *v)
{
	static const char *const counts[] = { "services",  "names",	 "prefixes", "profiles",
					      "workloads", "identities", NULL };
	const json_t *errors = json_object_get(v, "errors");
	const json_t *warnings = json_object_get(v, "warnings");
	const json_t *summary = json_object_get(v, "summary");
	bool valid = json_is_true(json_object_get(v, "valid"));
	enum print_style s = valid ? PRINT_GREEN : PRINT_RED;
	_cleanup_free_ char *clean = print_clean(file);
	char n_errors[32], n_warnings[32];

	ctl_places(file, "", errors);
	ctl_places(file, "warning: ", warnings);
	document_count(n_errors, sizeof(n_errors), json_array_size(errors), "error");
	document_count(n_warnings, sizeof(n_warnings), json_array_size(warnings), "warning");
	printf("%s: %s%s%s, %s, %s\n", clean ? clean : "", print_on(c->color, s),
	       valid ? "valid" : "not valid", print_off(c->color, s), n_errors, n_warnings);
	if (!valid)
		return 0;
	for (size_t i = 0; counts[i]; i++)
		print_field(c->color, counts[i], PRINT_PLAIN, "%lld",
			    (long long)print_integer(summary, counts[i]));
	return print_maps(c, json_object_get(summary, "maps"));
}

static enum ctl_exit run(const struct ctl *c, const struct ctl_args *a)
{
	_cleanup_policy_check_ struct policy_check check = { 0 };
	enum ctl_exit r = document_check(c, a->operand, NULL, &check);
	json_t *v;

	if (r != CTL_OK)
		return r;
	v = policy_check_json(&check, a->operand);
	if (!v)
		return ctl_fail(c, CTL_FAILED, "failed", "%s", strerror(ENOMEM));
	r = check.image ? CTL_OK : CTL_FAILED;
	if (c->json)
		ctl_json(v);
	else if (print(c, a->operand, v) < 0)
		r = ctl_fail(c, CTL_FAILED, "failed", "%s", strerror(ENOMEM));
	json_decref(v);
	return r;
}

const struct ctl_verb cmd_policy_check = {
	.name = "policy check",
	.operand = "FILE",
	.summary = "every error of a document, then a summary; needs no daemon",
	.help = "Errors and warnings with their places on stderr, then what the document holds "
		"and\n"
		"how full each map would be. Exit 1 when it is not valid; warnings change nothing.",
	.run = run,
};
