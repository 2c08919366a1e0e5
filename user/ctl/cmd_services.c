// SPDX-License-Identifier: Apache-2.0
/* ztactl services: what is protected; and what presets a policy can use. */
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "ctl/args.h"
#include "ctl/call.h"
#include "ctl/table.h"
#include "ctl/verbs.h"
#include "policy/presets.h"

#define LIST_WIDTH 48 /* of a long list, in a table; the first entry is always shown */

/* "a, b and 9 more" */
static void add_list(struct table *t, const json_t *list)
{
	_cleanup_buf_ struct buf text = { 0 };
	size_t i, n = json_array_size(list);
	const json_t *v;

	json_array_foreach (list, i, v) {
		const char *word = json_is_string(v) ? json_string_value(v) : "";

		if (i && text.len + strlen(word) > LIST_WIDTH)
			break;
		if (json_is_integer(v))
			(void)buf_printf(&text, "%s%lld", i ? ", " : "",
					 (long long)json_integer_value(v));
		else
			(void)buf_printf(&text, "%s%s", i ? ", " : "", word);
	}
	if (i < n)
		(void)buf_printf(&text, " and %zu more", n - i);
	table_add(t, PRINT_PLAIN, text.data ? text.data : "");
}

static int print(const struct ctl *c, const json_t *list, const char *const *heads,
		 const char *const *members)
{
	_cleanup_table_ struct table *t = table_new(heads);
	const json_t *entry;
	size_t i;

	json_array_foreach (list, i, entry) {
		for (size_t m = 0; members[m]; m++) {
			const json_t *v = json_object_get(entry, members[m]);

			if (json_is_array(v))
				add_list(t, v);
			else
				table_add(t, PRINT_PLAIN, print_string(entry, members[m]));
		}
	}
	return table_print(t, "", c->color, stdout);
}

static json_t *strings(const char *const *v)
{
	json_t *list = json_array();

	for (; list && v && *v; v++)
		json_array_append_new(list, json_string(*v));
	return list;
}

static json_t *presets(void)
{
	static const char *const uses[] = {
		[PRESET_SERVICE] = "services",
		[PRESET_AI_PUBLIC] = "ai_public",
		[PRESET_RULE] = "rules",
	};
	json_t *list = json_array();
	size_t n;
	const struct preset *p = preset_list(&n);

	for (size_t i = 0; list && i < n; i++)
		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:b, s:o, s:o, s:o}", "name", p[i].name,
						"use", uses[p[i].use], "ai", p[i].ai, "names",
						strings(p[i].names), "zones", strings(p[i].zones),
						"prefixes", strings(p[i].prefixes)));
	return list;
}

static enum ctl_exit show(const struct ctl *c, json_t *list, const char *const *heads,
			  const char *const *members)
{
	enum ctl_exit r = CTL_OK;

	if (!list)
		r = ctl_fail(c, CTL_FAILED, "failed", "%s", strerror(ENOMEM));
	else if (c->json)
		ctl_json(list);
	else if (print(c, list, heads, members) < 0)
		r = ctl_fail(c, CTL_FAILED, "failed", "%s", strerror(ENOMEM));
	json_decref(list);
	return r;
}

static enum ctl_exit run(const struct ctl *c, const struct ctl_args *a)
{
	static const char *const heads[] = { "NAME", "PRIVATE LINK", "PORTS", "NAMES", NULL };
	static const char *const members[] = { "name", "private_link", "ports", "names", NULL };
	static const char *const preset_heads[] = { "PRESET", "FOR",	  "NAMES",
						    "ZONES",  "PREFIXES", NULL };
	static const char *const preset_members[] = { "name",  "use",	   "names",
						      "zones", "prefixes", NULL };
	struct call q;
	json_t *v;
	enum ctl_exit r;

	if (args_has(a, "presets"))
		return show(c, presets(), preset_heads, preset_members);
	call_init(&q, "GET", "/v1/services");
	r = call_json(c, &q, &v);
	return r == CTL_OK ? show(c, v, heads, members) : r;
}

static const struct ctl_option options[] = {
	{ "presets", 0, NULL, "the built-in presets; needs no daemon", 0 },
	{ 0 },
};

const struct ctl_verb cmd_services = {
	.name = "services",
	.summary = "what is protected; presets that a policy can use",
	.help = "Services of the policy in force with their private-link prefixes. Long lists are\n"
		"shortened in the table; -o json has them whole.",
	.options = options,
	.run = run,
};
