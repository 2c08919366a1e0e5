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
#include "daemon/listener.h"
#include "daemon/resolve_plan.h"
#include "policy/identity.h"
#include "policy/names.h"
#include "worker/protocol.h"

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

static const char *const cloud_words[] = { "public", "usgov", "china", NULL };
static const char *const cloud_hosts[] = { "https://login.microsoftonline.com/",
					   "https://login.microsoftonline.us/",
					   "https://login.chinacloudapi.cn/" };
static const struct shape place_shape = {
	.kind = SHAPE_STRING, .what = "a text", .min = 1, .max = WORKER_TEXT - 1
};
static const struct shape guid_shape = {
	.kind = SHAPE_STRING, .what = "a GUID", .min = 1, .max = WORKER_GUID - 1
};
static const struct shape cloud_shape = { .kind = SHAPE_WORD,
					  .what = "\"public\", \"usgov\" or \"china\"",
					  .words = cloud_words };
static const struct shape source_shape = { .kind = SHAPE_WORD,
					   .what = "a source of tokens",
					   .words = token_source_names };
static const struct shape no_proxy_shape = {
	.kind = SHAPE_LIST, .item = &name_shape, .what = "a list of names", .max = 64
};
static const struct shape_member tokens_members[] = {
	{ .name = "source", .shape = &source_shape },
	{ .name = "cloud", .shape = &cloud_shape },
	{ .name = "authority_host", .shape = &place_shape },
	{ .name = "tenant_id", .shape = &guid_shape },
	{ .name = "client_id", .shape = &guid_shape },
	{ .name = "token_file", .shape = &place_shape },
	{ .name = "certificate_file", .shape = &place_shape },
	{ .name = "imds_endpoint", .shape = &place_shape },
	{ .name = "kubelet_dir", .shape = &place_shape },
	{ 0 },
};
static const struct shape_member *const tokens_tables[] = { tokens_members, NULL };
static const struct shape tokens_shape = { .kind = SHAPE_OBJECT,
					   .what = "an object",
					   .members = tokens_tables };

static const struct shape_member broker_members[] = {
	{ .name = "listen", .shape = &place_shape },
	{ 0 },
};
static const struct shape_member *const broker_tables[] = { broker_members, NULL };
static const struct shape broker_shape = { .kind = SHAPE_OBJECT,
					   .what = "an object",
					   .members = broker_tables };

static const struct shape_member config_members[] = {
	{ .name = "cluster", .shape = &text_shape },
	{ .name = "node_id", .shape = &text_shape },
	{ .name = "existing", .shape = &existing_shape },
	{ .name = "log_allowed", .shape = &bool_shape },
	{ .name = "orphan", .shape = &orphan_shape },
	{ .name = "journal", .shape = &journal_shape },
	{ .name = "resolve_check", .shape = &resolve_shape },
	{ .name = "proxy", .shape = &place_shape },
	{ .name = "no_proxy", .shape = &no_proxy_shape },
	{ .name = "ca_file", .shape = &place_shape },
	{ .name = "worker_user", .shape = &text_shape },
	{ .name = "tokens", .shape = &tokens_shape },
	{ .name = "broker", .shape = &broker_shape },
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
	free(c->broker_listen);
	free(c->proxy);
	free(c->no_proxy);
	free(c->ca_file);
	free(c->worker_user);
	free(c->tokens.authority);
	free(c->tokens.tenant_id);
	free(c->tokens.client_id);
	free(c->tokens.token_file);
	free(c->tokens.certificate_file);
	free(c->tokens.imds_endpoint);
	free(c->tokens.kubelet_dir);
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

static void read_no_proxy(struct reading *rd, struct tree_node *list, struct config *c)
{
	const char *names[64];
	struct tree_node *entry;
	size_t n = 0;

	if (!list)
		return;
	tree_foreach (rd->tree, entry, list)
		if (!entry->bad && n < sizeof(names) / sizeof(names[0]))
			names[n++] = entry->text;
	c->no_proxy = str_join(names, n, ",");
	if (!c->no_proxy)
		rd->no_memory = true;
	else if (strlen(c->no_proxy) >= WORKER_TEXT)
		tree_error(rd->tree, list, rd->errors, "together longer than %d octets",
			   WORKER_TEXT - 1);
}

static void read_guid(struct reading *rd, const struct tree_node *of, const char *name, char **ret)
{
	struct tree_node *n = sound(rd, of, name);

	if (n && !identity_is_guid(n->text))
		tree_error(rd->tree, n, rd->errors, "\"%s\" is not a GUID", n->text);
	read_text(rd, of, name, ret);
}

static void read_absolute(struct reading *rd, const struct tree_node *of, const char *name,
			  char **ret)
{
	struct tree_node *n = sound(rd, of, name);

	if (n && n->text[0] != '/')
		tree_error(rd->tree, n, rd->errors, "\"%s\" is not an absolute path", n->text);
	read_text(rd, of, name, ret);
}

static void read_url(struct reading *rd, const struct tree_node *of, const char *name,
		     const char *scheme, char **ret)
{
	struct tree_node *n = sound(rd, of, name);

	if (n && !str_starts(n->text, scheme))
		tree_error(rd->tree, n, rd->errors, "\"%s\" does not start with \"%s\"", n->text,
			   scheme);
	read_text(rd, of, name, ret);
}

static void read_tokens(struct reading *rd, const struct tree_node *of, struct config *c)
{
	struct tree_node *source = sound(rd, of, "source"), *cloud = sound(rd, of, "cloud");
	struct tree_node *host = sound(rd, of, "authority_host");

	if (source)
		c->tokens.source = token_source_find(source->text);
	read_url(rd, of, "authority_host", "https://", &c->tokens.authority);
	if (cloud && host)
		tree_error(rd->tree, host, rd->errors, "stands beside cloud: only one may");
	for (size_t i = 0; cloud && !host && cloud_words[i]; i++)
		if (!strcmp(cloud->text, cloud_words[i]) &&
		    !(c->tokens.authority = strdup(cloud_hosts[i])))
			rd->no_memory = true;
	read_guid(rd, of, "tenant_id", &c->tokens.tenant_id);
	read_guid(rd, of, "client_id", &c->tokens.client_id);
	read_absolute(rd, of, "token_file", &c->tokens.token_file);
	read_absolute(rd, of, "certificate_file", &c->tokens.certificate_file);
	read_url(rd, of, "imds_endpoint", "http://", &c->tokens.imds_endpoint);
	read_absolute(rd, of, "kubelet_dir", &c->tokens.kubelet_dir);
}

static void read_broker(struct reading *rd, const struct tree_node *of, struct config *c)
{
	struct tree_node *n = sound(rd, of, "listen");
	struct listener_address address;

	if (n && strcmp(n->text, LISTENER_OFF) != 0 && listener_parse(n->text, &address) < 0)
		tree_error(rd->tree, n, rd->errors,
			   "\"%s\" is not one ADDRESS:PORT, [ADDRESS6]:PORT or \"off\"", n->text);
	read_text(rd, of, "listen", &c->broker_listen);
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
	read_url(rd, root, "proxy", "http", &c->proxy);
	read_no_proxy(rd, sound(rd, root, "no_proxy"), c);
	read_absolute(rd, root, "ca_file", &c->ca_file);
	read_text(rd, root, "worker_user", &c->worker_user);
	read_tokens(rd, sound(rd, root, "tokens"), c);
	read_broker(rd, sound(rd, root, "broker"), c);
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
