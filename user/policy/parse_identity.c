// SPDX-License-Identifier: Apache-2.0
/* The member `identity` of a profile. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "policy/parse.h"

#define SCOPE_END   "/.default"
#define RATE_MINUTE 60

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && !strcmp(s + n - m, end);
}

/* One entry that is none, told by what its author may have meant. */
static void report_audience(struct parse *ps, struct tree_node *node)
{
	if (strchr(node->text, '*'))
		tree_error(ps->t, node, ps->errors,
			   "audiences have no patterns: each one is listed");
	else
		tree_error(ps->t, node, ps->errors,
			   "\"%s\" is not an audience: 1 to %u letters, digits and \"-._~:/\"",
			   node->text, ZTA_AUDIENCE_MAX);
}

static bool check_audience(struct parse *ps, struct tree_node *node, struct policy_identity *id)
{
	size_t n = strlen(node->text);

	if (!identity_is_audience(node->text)) {
		report_audience(ps, node);
		return false;
	}
	if (ends_with(node->text, SCOPE_END)) {
		tree_error(ps->t, node, ps->errors, "this is a scope; its audience is \"%.*s\"",
			   (int)(n - strlen(SCOPE_END)), node->text);
		return false;
	}
	if (identity_allows(id, node->text)) {
		tree_error(ps->t, node, ps->errors, "\"%s\" is listed a second time", node->text);
		return false;
	}
	return true;
}

static int read_audiences(struct parse *ps, const struct tree_node *object,
			  struct policy_identity *id)
{
	struct tree_node *list = parse_get(ps, object, "audiences"), *node;

	if (!list)
		return 0;
	id->audiences = pool_alloc(&ps->p->pool, list->n, sizeof(*id->audiences));
	if (!id->audiences)
		return -ENOMEM;
	tree_foreach (ps->t, node, list) {
		char *copy;

		if (node->bad || !check_audience(ps, node, id))
			continue;
		copy = pool_strdup(&ps->p->pool, node->text);
		if (!copy)
			return -ENOMEM;
		id->audiences[id->n_audiences++] = copy;
	}
	return 0;
}

static void read_client_id(struct parse *ps, const struct tree_node *object,
			   struct policy_identity *id)
{
	struct tree_node *node = parse_get(ps, object, "client_id");

	if (!node)
		return;
	if (!identity_is_guid(node->text)) {
		tree_error(ps->t, node, ps->errors,
			   "\"%s\" is not a client id: a GUID, "
			   "\"00000000-0000-0000-0000-000000000000\"",
			   node->text);
		return;
	}
	for (size_t i = 0; i < IDENTITY_GUID_LEN; i++) {
		char c = node->text[i];

		id->client_id[i] = (char)(c >= 'A' && c <= 'F' ? c + 'a' - 'A' : c);
	}
}

int parse_identity(struct parse *ps, const struct tree_node *profile, struct policy_identity *ret)
{
	struct tree_node *object = parse_get(ps, profile, "identity"), *rate;
	struct policy_identity id = { .rate_per_minute = RATE_MINUTE };
	int r;

	if (!object)
		return 0;
	rate = parse_get(ps, object, "rate_per_minute");
	if (rate)
		id.rate_per_minute = (uint32_t)rate->integer;
	read_client_id(ps, object, &id);
	r = parse_path(ps, object, &id.path);
	if (r == 0)
		r = read_audiences(ps, object, &id);
	if (r == 0)
		*ret = id;
	return r;
}
