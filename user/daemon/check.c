/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/diag.h"
#include "base/file.h"
#include "base/utf8.h"
#include "daemon/config.h"
#include "daemon/options.h"
#include "policy/check.h"
#include "policy/resolvers.h"

#define FILE_BYTES_MAX (16 * 1024 * 1024) /* the parser says what is too large, up to here */

struct checking {
	const char *config_name, *policy_name;
	struct diag_list config_errors;
	struct policy_check policy;
	bool valid;
};

/* What is wrong with a file as a whole. */
static void add_whole(struct checking *c, struct diag_list *l, const char *text)
{
	(void)diag_list_add(l, 1, 1, "", "%s", text); /* without memory: still not valid */
	c->valid = false;
}

static void check_config(const struct options *o, struct checking *c)
{
	struct config config = { 0 };
	struct diag d = { 0 };

	if (config_load(o->config, o->config_given, &c->config_errors, &config, &d) < 0) {
		if (!c->config_errors.n)
			add_whole(c, &c->config_errors, d.text);
		c->valid = false;
	}
	config_free(&config);
}

static int read_policy(const struct options *o, struct checking *c, char **ret, size_t *ret_len)
{
	int r = file_read_all(o->policy, FILE_BYTES_MAX, ret, ret_len);

	if (r != -ENOENT || o->policy_given)
		return r;
	c->policy_name = "built-in";
	*ret = strdup(policy_builtin_text());
	if (!*ret)
		return -ENOMEM;
	*ret_len = strlen(*ret);
	return 0;
}

static void check_policy(const struct options *o, struct checking *c)
{
	_cleanup_resolvers_ struct resolvers system = { 0 };
	struct compile_opts opts = { .generation = 1,
				     .now = time(NULL),
				     .resolvers = &system.servers,
				     .search = &system.search };
	_cleanup_free_ char *text = NULL;
	char why[512];
	size_t len;
	int r;

	r = read_policy(o, c, &text, &len);
	if (r < 0) {
		snprintf(why, sizeof(why), "cannot read the file: %s", strerror(-r));
		add_whole(c, &c->policy.errors, why);
		return;
	}
	r = resolvers_read(RESOLVERS_ETC, RESOLVERS_UPSTREAM, &system);
	if (r == 0)
		r = policy_check(text, len, &opts, &c->policy);
	if (r == 0 && policy_needs_kubernetes(c->policy.policy, &c->policy.errors) != 0)
		r = -EINVAL;
	if (r < 0)
		c->valid = false;
}

static void print_list(const char *file, const char *kind, const struct diag_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		fprintf(stderr, "%s:%u:%u: %s%s%s%s\n", file, l->v[i].line, l->v[i].column, kind,
			l->v[i].path, *l->v[i].path ? ": " : "", l->v[i].message);
}

static void print_text(const struct checking *c)
{
	print_list(c->config_name, "", &c->config_errors);
	print_list(c->policy_name, "", &c->policy.errors);
	print_list(c->policy_name, "warning: ", &c->policy.warnings);
	if (c->valid)
		printf("%s and %s: valid\n", c->config_name, c->policy_name);
}

/* Items of a list with the file that they are about. */
static int extend(json_t *to, const char *file, const struct diag_list *l)
{
	json_t *items = diag_list_json(l), *item;
	int r = items ? 0 : -1;
	size_t i;

	json_array_foreach (items, i, item)
		if (r == 0)
			r = json_object_set_new(item, "file", utf8_json(file, strlen(file)));
	if (r == 0)
		r = json_array_extend(to, items);
	json_decref(items);
	return r;
}

/* The shape of `policy check`, errors of both files in one list. */
static int print_json(const struct checking *c)
{
	json_t *o = policy_check_json(&c->policy, c->policy_name);
	json_t *errors = json_array(), *warnings = json_array();
	int r = o && errors && warnings ? 0 : -1;

	if (r == 0)
		r = extend(errors, c->config_name, &c->config_errors);
	if (r == 0)
		r = extend(errors, c->policy_name, &c->policy.errors);
	if (r == 0)
		r = extend(warnings, c->policy_name, &c->policy.warnings);
	if (r == 0)
		r = json_object_set_new(o, "valid", json_boolean(c->valid));
	if (r == 0)
		r = json_object_set(o, "errors", errors);
	if (r == 0)
		r = json_object_set(o, "warnings", warnings);
	if (r == 0)
		r = json_dumpf(o, stdout, JSON_COMPACT);
	if (r == 0)
		putchar('\n');
	json_decref(errors);
	json_decref(warnings);
	json_decref(o);
	return r;
}

int check_run(const struct options *o)
{
	struct checking c = {
		.config_name = o->config,
		.policy_name = o->policy,
		.valid = true,
	};

	check_config(o, &c);
	check_policy(o, &c);
	if (!o->json)
		print_text(&c);
	else if (print_json(&c) < 0)
		c.valid = false;
	policy_check_free(&c.policy);
	diag_list_free(&c.config_errors);
	return c.valid ? 0 : 1;
}
