/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/diag.h"
#include "base/file.h"
#include "base/shape.h"
#include "base/str.h"
#include "base/tree.h"
#include "daemon/resolve_plan.h"
#include "policy/names.h"

#define CONFIG_DEPTH_MAX 8
#define ORPHAN_AFTER_NS	 (24ULL * 3600 * NS_PER_S)
#define BYTES_MAX	 (1LL << 50)
#define RESOLVE_NS	 (60 * NS_PER_S)

static const char *const existing_words[] = { "keep", "judge", NULL };
static const char *const action_words[] = { "audit", "keep", NULL };

static const struct shape text_shape = {
	.kind = SHAPE_STRING, .what = "a text", .min = 1, .max = 253
};
static const struct shape bool_shape = { .kind = SHAPE_BOOL, .what = "true or false" };
static const struct shape duration_shape = {
	.kind = SHAPE_STRING, .what = "a duration (\"90s\", \"10m\", \"24h\", \"90d\")", .min = 1
};
static const struct shape bytes_shape = {
	.kind = SHAPE_INTEGER, .what = "a number of bytes", .min = 4096, .max = BYTES_MAX
};
static const struct shape existing_shape = { .kind = SHAPE_WORD,
					     .what = "\"keep\" or \"judge\"",
					     .words = existing_words };
static const struct shape action_shape = { .kind = SHAPE_WORD,
					   .what = "\"audit\" or \"keep\"",
					   .words = action_words };

static const struct shape_member orphan_members[] = {
	{ .name = "after", .shape = &duration_shape },
	{ .name = "action", .shape = &action_shape },
	{ 0 },
};
static const struct shape_member *const orphan_tables[] = { orphan_members, NULL };
static const struct shape orphan_shape = { .kind = SHAPE_OBJECT,
					   .what = "an object",
					   .members = orphan_tables };

static const struct shape_member journal_members[] = {
	{ .name = "segment_bytes", .shape = &bytes_shape },
	{ .name = "retain_bytes", .shape = &bytes_shape },
	{ .name = "retain", .shape = &duration_shape },
	{ .name = "fsync", .shape = &duration_shape },
	{ 0 },
};
static const struct shape_member *const journal_tables[] = { journal_members, NULL };
static const struct shape journal_shape = { .kind = SHAPE_OBJECT,
					    .what = "an object",
					    .members = journal_tables };

static const struct shape name_shape = {
	.kind = SHAPE_STRING, .what = "a name", .min = 1, .max = 254
};
static const struct shape names_shape = {
	.kind = SHAPE_LIST, .item = &name_shape, .what = "a list of names", .max = RESOLVE_NAMES_MAX
};
static const struct shape_member resolve_members[] = {
	{ .name = "names", .shape = &names_shape },
	{ .name = "interval", .shape = &duration_shape },
	{ 0 },
};
static const struct shape_member *const resolve_tables[] = { resolve_members, NULL };
static const struct shape resolve_shape = { .kind = SHAPE_OBJECT,
					    .what = "an object",
					    .members = resolve_tables };

static const struct shape_member config_members[] = {
	{ .name = "cluster", .shape = &text_shape },
	{ .name = "node_id", .shape = &text_shape },
	{ .name = "existing", .shape = &existing_shape },
	{ .name = "log_allowed", .shape = &bool_shape },
	{ .name = "orphan", .shape = &orphan_shape },
	{ .name = "journal", .shape = &journal_shape },
	{ .name = "resolve_check", .shape = &resolve_shape },
	{ 0 },
};
static const struct shape_member *const config_tables[] = { config_members, NULL };
static const struct shape config_shape = { .kind = SHAPE_OBJECT,
					   .what = "an object",
					   .members = config_tables };

void config_defaults(struct config *c)
{
	*c = (struct config){
		.existing_keep = true,
		.orphan_audit = getenv("KUBERNETES_SERVICE_HOST") != NULL,
		.orphan_after_ns = ORPHAN_AFTER_NS,
		.resolve_check.interval_ns = RESOLVE_NS,
	};
}

void config_free(struct config *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->resolve_check.n_names; i++)
		free(c->resolve_check.names[i]);
	free(c->resolve_check.names);
	free(c->cluster);
	free(c->node_id);
	*c = (struct config){ 0 };
}

/* A document being read: values of wrong shape were reported and are marked bad. */
struct reading {
	struct tree *tree;
	struct diag_list *errors;
	bool no_memory;
};

static struct tree_node *sound(struct reading *rd, const struct tree_node *of, const char *name)
{
	struct tree_node *n = of && !of->bad ? tree_member(rd->tree, of, name) : NULL;

	return n && !n->bad ? n : NULL;
}

static void read_text(struct reading *rd, const struct tree_node *of, const char *name, char **ret)
{
	struct tree_node *n = sound(rd, of, name);

	if (!n)
		return;
	*ret = strdup(n->text);
	if (!*ret)
		rd->no_memory = true;
}

static void read_duration(struct reading *rd, const struct tree_node *of, const char *name,
			  uint64_t min_ns, uint64_t *ret)
{
	struct tree_node *n = sound(rd, of, name);
	uint64_t ns;

	if (!n)
		return;
	if (duration_parse(n->text, &ns) < 0)
		tree_error(rd->tree, n, rd->errors, "\"%s\" is not a duration", n->text);
	else if (ns < min_ns)
		tree_error(rd->tree, n, rd->errors, "\"%s\" is too short", n->text);
	else
		*ret = ns;
}

static void read_bytes(struct reading *rd, const struct tree_node *of, const char *name,
		       uint64_t *ret)
{
	struct tree_node *n = sound(rd, of, name);

	if (n)
		*ret = n->integer;
}

static void read_orphan(struct reading *rd, const struct tree_node *of, struct config *c)
{
	struct tree_node *action = sound(rd, of, "action");

	read_duration(rd, of, "after", NS_PER_S, &c->orphan_after_ns);
	if (action)
		c->orphan_audit = !strcmp(action->text, "audit");
}

static void read_journal(struct reading *rd, const struct tree_node *of, struct config *c)
{
	struct tree_node *fsync_at = sound(rd, of, "fsync");
	uint64_t fsync_ns = 0;

	read_bytes(rd, of, "segment_bytes", &c->journal.segment_bytes);
	read_bytes(rd, of, "retain_bytes", &c->journal.retain_bytes);
	read_duration(rd, of, "retain", NS_PER_S, &c->journal.retain_ns);
	read_duration(rd, of, "fsync", NS_PER_MS, &fsync_ns);
	if (fsync_ns > 60 * NS_PER_S)
		tree_error(rd->tree, fsync_at, rd->errors, "\"%s\" is longer than 60s",
			   fsync_at->text);
	c->journal.fsync_ms = fsync_ns / NS_PER_MS;
}

static void read_names(struct reading *rd, const struct tree_node *list, struct config *c)
{
	struct tree_node *entry;
	const char *why = "is a pattern";

	if (!list || !list->n)
		return;
	c->resolve_check.names = calloc(list->n, sizeof(char *));
	if (!c->resolve_check.names) {
		rd->no_memory = true;
		return;
	}
	tree_foreach (rd->tree, entry, list) {
		char **to = &c->resolve_check.names[c->resolve_check.n_names];

		if (entry->bad)
			continue;
		if (name_pattern_check(entry->text, &why) < 0 || entry->text[0] == '*') {
			tree_error(rd->tree, entry, rd->errors, "\"%s\" %s", entry->text, why);
			continue;
		}
		*to = strdup(entry->text);
		if (!*to)
			rd->no_memory = true;
		else
			c->resolve_check.n_names++;
	}
}

static void read_resolve_check(struct reading *rd, const struct tree_node *of, struct config *c)
{
	read_duration(rd, of, "interval", NS_PER_S, &c->resolve_check.interval_ns);
	read_names(rd, sound(rd, of, "names"), c);
}

static void read_config(struct reading *rd, struct config *c)
{
	struct tree_node *root = tree_root(rd->tree);
	struct tree_node *existing = sound(rd, root, "existing");
	struct tree_node *log_allowed = sound(rd, root, "log_allowed");

	read_text(rd, root, "cluster", &c->cluster);
	read_text(rd, root, "node_id", &c->node_id);
	if (existing)
		c->existing_keep = !strcmp(existing->text, "keep");
	if (log_allowed)
		c->log_allowed = log_allowed->kind == TREE_TRUE;
	read_orphan(rd, sound(rd, root, "orphan"), c);
	read_journal(rd, sound(rd, root, "journal"), c);
	read_resolve_check(rd, sound(rd, root, "resolve_check"), c);
}

int config_parse(const char *text, size_t len, struct diag_list *errors, struct config *ret)
{
	_cleanup_(config_free) struct config c;
	_cleanup_tree_ struct tree *tree = NULL;
	struct reading rd = { .errors = errors };
	size_t before = errors->n;
	int r;

	config_defaults(&c);
	r = tree_load(text, len, CONFIG_DEPTH_MAX, errors, &tree);
	if (r < 0)
		return r;
	rd.tree = tree;
	shape_check(tree, tree_root(tree), &config_shape, errors);
	read_config(&rd, &c);
	if (rd.no_memory || tree_failed(tree))
		return -ENOMEM;
	diag_list_sort(errors);
	if (errors->n > before)
		return -EINVAL;
	*ret = c;
	c = (struct config){ 0 }; /* the caller's now */
	return 0;
}

int config_load(const char *path, bool must_exist, struct diag_list *errors, struct config *ret,
		struct diag *d)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	int r;

	r = file_read_all(path, CONFIG_BYTES_MAX, &text, &len);
	if (r == -ENOENT && !must_exist) {
		config_defaults(ret);
		return 0;
	}
	if (r < 0)
		return diag_set(d, r, "cannot read '%s':", path);
	r = config_parse(text, len, errors, ret);
	return r < 0 ? diag_set(d, r, "'%s' is not a valid configuration", path) : 0;
}
