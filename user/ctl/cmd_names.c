// SPDX-License-Identifier: Apache-2.0
/* ztactl names: what live DNS answers said, and what that makes of the addresses. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/call.h"
#include "ctl/table.h"
#include "ctl/verbs.h"

static int compare(const void *a, const void *b)
{
	static const char *const by[] = { "name", "pattern", "address" };
	const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
	int r = 0;

	for (size_t i = 0; !r && i < sizeof(by) / sizeof(by[0]); i++)
		r = strcmp(print_string(x, by[i]), print_string(y, by[i]));
	if (r)
		return r;
	return print_integer(x, "netns") < print_integer(y, "netns") ? -1 : 1;
}

/* The kernel has no order; whoever compares two lists wants one. New reference or NULL. */
static json_t *sorted(const json_t *list)
{
	size_t n = json_array_size(list);
	json_t **v = calloc(n + 1, sizeof(json_t *)), *out = v ? json_array() : NULL;

	for (size_t i = 0; out && i < n; i++)
		v[i] = json_array_get(list, i);
	if (out && n)
		qsort(v, n, sizeof(json_t *), compare);
	for (size_t i = 0; out && i < n; i++)
		if (json_array_append(out, v[i]) < 0) {
			json_decref(out);
			out = NULL;
		}
	free(v);
	return out;
}

static enum print_style style(const char *verdict)
{
	if (!strcmp(verdict, "private-link"))
		return PRINT_GREEN;
	return strcmp(verdict, "default") ? PRINT_RED : PRINT_PLAIN;
}

static int print(const struct ctl *c, const json_t *list)
{
	static const char *const heads[] = { "NAME",	"ADDRESS",    "SERVICE",
					     "VERDICT", ">EXPIRES_S", NULL };
	_cleanup_table_ struct table *t = table_new(heads);
	const json_t *e;
	size_t i;

	json_array_foreach (list, i, e) {
		const char *verdict = print_string(e, "verdict"), *name = print_string(e, "name");

		table_add(t, PRINT_PLAIN, *name ? name : print_string(e, "pattern"));
		table_add(t, PRINT_PLAIN, print_string(e, "address"));
		table_add(t, PRINT_PLAIN, print_string(e, "service"));
		table_add(t, style(verdict), verdict);
		table_addf(t, PRINT_PLAIN, "%lld", (long long)print_integer(e, "expires_s"));
	}
	return table_print(t, "", c->color, stdout);
}

static enum ctl_exit run(const struct ctl *c, const struct ctl_args *a)
{
	json_t *v, *list;
	struct call q;
	enum ctl_exit r;

	call_init(&q, "GET", "/v1/names");
	r = call_json(c, &q, &v);
	if (r != CTL_OK)
		return r;
	list = sorted(v);
	json_decref(v);
	if (list && c->json)
		ctl_json(list);
	if (!list || (!c->json && print(c, list) < 0))
		r = ctl_fail(c, CTL_FAILED, "failed", "%s", strerror(ENOMEM));
	json_decref(list);
	return r;
}

const struct ctl_verb cmd_names = {
	.name = "names",
	.summary = "what live DNS answers said, with their remaining seconds",
	.help = "One line for each name and address that an answer of a believed resolver gave "
		"and\n"
		"that a pattern of the policy matches. The verdict is what such answers make of "
		"the\n"
		"address, for a profile that has the service: private-link, not-resolved (inside\n"
		"another service's fence), resolves-public, ai-public, or default (later rows\n"
		"decide). It counts for EXPIRES_S seconds more.",
	.run = run,
};
