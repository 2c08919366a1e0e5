// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation
 *
 * A document goes through three passes. tree_load() reads the text and keeps the place of each
 * value. shape_check() holds it against the tables of parse_shapes.c: types, members, words,
 * ranges. The readers (parse_*.c) then build the model and check what tables cannot say. Each pass
 * marks what it reports as bad, and later ones leave that alone: so all errors are told, and none
 * that only follows from another. For the same reason a thing that is defined wrongly still has
 * its name registered.
 *
 * The readers run to the end whatever they find; the model of a document with errors is thrown
 * away. Arrays of the model have an element for each entry of the document, so that an index is
 * an ordinal in the text. Everything lies in the policy's pool. The order below is that of
 * dependence: sets, services and proxies, then what refers to them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "crypto/hash.h"
#include "policy/parse.h"

CLEANUP_DEFINE(struct policy *, policy_free)

void policy_free(struct policy *p)
{
	struct pool pool;

	if (!p)
		return;
	pool = p->pool; /* the policy itself lies outside it */
	pool_free(&pool);
	free(p);
}

int policy_find_profile(const struct policy *p, const char *name)
{
	for (size_t i = 0; i < p->n_profiles; i++)
		if (!strcmp(p->profiles[i].name, name))
			return (int)i;
	return -ENOENT;
}

int policy_needs_kubernetes(const struct policy *p, struct diag_list *errors)
{
	int n = 0;

	for (size_t i = 0; i < p->n_rules; i++) {
		const struct policy_rule *rule = &p->rules[i];
		char path[256];

		if (rule->dest != POLICY_DEST_TO)
			continue;
		n++;
		(void)snprintf(path, sizeof(path), "%s.to", rule->path); /* numbers: fits */
		if (diag_list_add(errors, rule->line, rule->column, path,
				  "\"to\" needs Kubernetes, which this machine is not part of") < 0)
			return -ENOMEM;
	}
	return n;
}

static int parse_metadata(struct parse *ps)
{
	struct tree_node *node = parse_get(ps, ps->root, "metadata");
	struct tree_node *revision = node ? parse_get(ps, node, "revision") : NULL;
	int r;

	ps->p->mode = parse_mode(ps, ps->root, POLICY_MODE_ENFORCE);
	r = parse_meta(ps, ps->root, &ps->p->meta);
	if (r < 0 || !node)
		return r;
	ps->p->revision = revision ? revision->integer : 0;
	return parse_text(ps, node, "name", &ps->p->name);
}

static int keep_text(struct parse *ps, const char *text, size_t len)
{
	struct policy *p = ps->p;

	p->text = pool_alloc(&p->pool, len + 1, 1);
	if (!p->text)
		return -ENOMEM;
	memcpy(p->text, text, len);
	p->text_len = len;
	p->n_names = ps->names.n;
	p->n_prefixes = ps->prefixes.n;
	return hash_sha256_hex(text, len, p->sha256);
}

static int read_all(struct parse *ps)
{
	static int (*const readers[])(struct parse *) = {
		parse_metadata, parse_define_sets, parse_resolvers, parse_private_ranges,
		parse_services, parse_ai_public,   parse_proxies,   parse_define_profiles,
		parse_rules,	parse_profiles,	   parse_workloads, parse_resolve_sets,
	};
	int r = 0;

	ps->root = tree_root(ps->t);
	shape_check(ps->t, ps->root, &policy_shape, ps->errors);
	if (ps->root->bad) /* not even an object */
		return 0;
	for (size_t i = 0; r == 0 && i < sizeof(readers) / sizeof(readers[0]); i++)
		r = readers[i](ps);
	return r;
}

static void parse_done(struct parse *ps)
{
	map_free(&ps->set_names);
	map_free(&ps->service_names);
	map_free(&ps->proxy_names);
	map_free(&ps->profile_names);
	map_free(&ps->names);
	map_free(&ps->prefixes);
	free(ps->sets);
	free(ps->profiles);
	free(ps->rule_nodes);
	tree_free(ps->t);
}

static int parse_text_of(struct parse *ps, const char *text, size_t len)
{
	size_t before = ps->errors->n;
	int r;

	if (len > ZTA_POLICY_BYTES_MAX) {
		r = diag_list_add(ps->errors, 1, 1, "", "%zu bytes: a policy has at most %d", len,
				  ZTA_POLICY_BYTES_MAX);
		return r < 0 ? r : -EFBIG;
	}
	r = tree_load(text, len, ZTA_POLICY_DEPTH_MAX, ps->errors, &ps->t);
	if (r == 0)
		r = read_all(ps);
	if (r == 0 && ps->errors->n > before)
		r = -EINVAL;
	if (r == 0) {
		parse_warnings(ps);
		r = keep_text(ps, text, len);
	}
	return ps->t && tree_failed(ps->t) ? -ENOMEM : r;
}

int policy_parse(const char *text, size_t len, struct diag_list *errors, struct diag_list *warnings,
		 struct policy **ret)
{
	_cleanup_(policy_free_p) struct policy *p = calloc(1, sizeof(*p));
	_cleanup_(parse_done) struct parse ps = { .errors = errors, .warnings = warnings, .p = p };
	int r;

	if (!p)
		return -ENOMEM;
	r = parse_text_of(&ps, text, len);
	diag_list_sort(errors);
	if (warnings)
		diag_list_sort(warnings);
	if (r < 0)
		return r;
	*ret = take_ptr(p);
	return 0;
}
