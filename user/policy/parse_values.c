// SPDX-License-Identifier: Apache-2.0
/* Members and small values of a policy document. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "policy/parse.h"

#define DAY_S	   86400
#define HTTPS_PORT 443

struct tree_node *parse_get(struct parse *ps, const struct tree_node *object, const char *name)
{
	struct tree_node *node = tree_member(ps->t, object, name);

	return node && !node->bad ? node : NULL;
}

bool parse_bool(struct parse *ps, const struct tree_node *object, const char *name, bool absent)
{
	const struct tree_node *node = parse_get(ps, object, name);

	return node ? node->kind == TREE_TRUE : absent;
}

int parse_word(struct parse *ps, const struct tree_node *object, const char *name,
	       const char *const *words, int absent)
{
	const struct tree_node *node = parse_get(ps, object, name);

	for (int i = 0; node && words[i]; i++)
		if (!strcmp(node->text, words[i]))
			return i;
	return absent;
}

int parse_text(struct parse *ps, const struct tree_node *object, const char *name, char **ret)
{
	const struct tree_node *node = parse_get(ps, object, name);
	char *copy;

	if (!node)
		return 0;
	copy = pool_strdup(&ps->p->pool, node->text);
	if (!copy)
		return -ENOMEM;
	*ret = copy;
	return 0;
}

int parse_meta(struct parse *ps, const struct tree_node *object, struct policy_meta *ret)
{
	int r;

	r = parse_text(ps, object, "description", &ret->description);
	if (r == 0)
		r = parse_text(ps, object, "owner", &ret->owner);
	if (r == 0)
		r = parse_text(ps, object, "ticket", &ret->ticket);
	return r;
}

int parse_path(struct parse *ps, const struct tree_node *node, char **ret)
{
	_cleanup_free_ char *path = tree_path(ps->t, node);
	char *copy = path ? pool_strdup(&ps->p->pool, path) : NULL;

	if (!copy)
		return -ENOMEM;
	*ret = copy;
	return 0;
}

enum policy_mode parse_mode(struct parse *ps, const struct tree_node *object,
			    enum policy_mode absent)
{
	static const char *const words[] = {
		[POLICY_MODE_ENFORCE] = "enforce", [POLICY_MODE_AUDIT] = "audit", NULL
	};

	return (enum policy_mode)parse_word(ps, object, "mode", words, (int)absent);
}

int64_t parse_expires(struct parse *ps, const struct tree_node *object)
{
	struct tree_node *node = parse_get(ps, object, "expires");
	int64_t day;

	if (!node)
		return INT64_MAX;
	if (date_parse(node->text, &day) < 0) {
		tree_error(ps->t, node, ps->errors, "\"%s\" is not a date, \"YYYY-MM-DD\"",
			   node->text);
		return INT64_MAX;
	}
	return day + DAY_S; /* valid through that day */
}

/* --- ports */

/* Digits of a port without a leading zero; moves *at behind them. 0 = none. */
static unsigned port_at(const char **at)
{
	unsigned v = 0;

	if (**at < '1' || **at > '9')
		return 0;
	for (; **at >= '0' && **at <= '9'; (*at)++) {
		v = v * 10 + (unsigned)(**at - '0');
		if (v > UINT16_MAX)
			return 0;
	}
	return v;
}

static bool read_range(struct parse *ps, struct tree_node *node, struct policy_port_range *ret)
{
	const char *at = node->text;
	unsigned lo, hi = 0;

	lo = port_at(&at);
	if (lo && !*at) {
		tree_error(ps->t, node, ps->errors,
			   "\"%s\" is a string: a single port is written as a number, %u",
			   node->text, lo);
		return false;
	}
	if (lo && *at == '-') {
		at++;
		hi = port_at(&at);
	}
	if (!hi || *at) {
		tree_error(ps->t, node, ps->errors,
			   "\"%s\" is not a range of ports, \"N-M\" within 1-65535", node->text);
		return false;
	}
	if (lo > hi) {
		tree_error(ps->t, node, ps->errors, "\"%s\" is empty: %u is more than %u",
			   node->text, lo, hi);
		return false;
	}
	*ret = (struct policy_port_range){ (uint16_t)lo, (uint16_t)hi };
	return true;
}

static int by_low(const void *a, const void *b)
{
	const struct policy_port_range *x = a, *y = b;

	return x->lo != y->lo ? (int)x->lo - (int)y->lo : (int)x->hi - (int)y->hi;
}

/* Sorted, overlapping and adjacent ranges joined. Returns how many are left. */
static size_t join(struct policy_port_range *v, size_t n)
{
	size_t out = 0;

	qsort(v, n, sizeof(*v), by_low);
	for (size_t i = 1; i < n; i++) {
		if (v[i].lo > v[out].hi + 1)
			v[++out] = v[i];
		else if (v[i].hi > v[out].hi)
			v[out].hi = v[i].hi;
	}
	return n ? out + 1 : 0;
}

static int https_only(struct parse *ps, struct policy_ports *ret)
{
	static const struct policy_port_range https = { HTTPS_PORT, HTTPS_PORT };

	ret->v = pool_copy(&ps->p->pool, &https, 1, sizeof(https));
	ret->n = 1;
	return ret->v ? 0 : -ENOMEM;
}

int parse_ports(struct parse *ps, const struct tree_node *object, bool https,
		struct policy_ports *ret)
{
	struct tree_node *list = parse_get(ps, object, "ports"), *node;
	struct policy_port_range *v;
	size_t n = 0;

	if (!list)
		return https ? https_only(ps, ret) : 0;
	v = pool_alloc(&ps->p->pool, list->n, sizeof(*v));
	if (!v)
		return -ENOMEM;
	tree_foreach (ps->t, node, list) {
		if (node->bad)
			continue;
		if (node->kind == TREE_INTEGER) {
			v[n].lo = v[n].hi = (uint16_t)node->integer;
			n++;
		} else if (read_range(ps, node, &v[n])) {
			n++;
		}
	}
	*ret = (struct policy_ports){ v, join(v, n) };
	return 0;
}

int parse_strings(struct parse *ps, struct tree_node *list, struct policy_names *ret)
{
	struct tree_node *node;
	size_t n = 0;
	char **v;

	v = pool_alloc(&ps->p->pool, list->n, sizeof(*v));
	if (!v)
		return -ENOMEM;
	tree_foreach (ps->t, node, list) {
		if (node->bad)
			continue;
		v[n] = pool_strdup(&ps->p->pool, node->text);
		if (!v[n++])
			return -ENOMEM;
	}
	*ret = (struct policy_names){ v, n };
	return 0;
}

/* --- names of things */

bool parse_is_thing_name(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return n >= 1 && n <= ZTA_NAME_LEN && !s[n];
}

static int define(struct parse *ps, struct tree_node *name, size_t index, struct map *map,
		  const char *const *builtin)
{
	int r;

	if (!parse_is_thing_name(name->text))
		tree_error(ps->t, name, ps->errors,
			   "\"%s\" is not a name: 1 to 32 of a-z, 0-9 and '-'", name->text);
	for (; builtin && *builtin; builtin++)
		if (!strcmp(name->text, *builtin)) {
			tree_error(ps->t, name, ps->errors,
				   "\"%s\" is built in: it can be extended, not redefined",
				   name->text);
			return 0;
		}

	r = map_put(map, name->text, name->n, index);
	if (r == 0 && !name->bad)
		tree_error(ps->t, name, ps->errors, "\"%s\" is defined a second time", name->text);
	return r < 0 ? r : 0;
}

void parse_own_name(struct parse *ps, const struct tree_node *object, char ret[ZTA_NAME_LEN + 1])
{
	const struct tree_node *name = parse_get(ps, object, "name");

	if (name) /* parse_define() checked its length */
		(void)snprintf(ret, ZTA_NAME_LEN + 1, "%s", name->text);
}

int parse_define(struct parse *ps, struct tree_node *list, struct map *map,
		 const char *const *builtin)
{
	struct tree_node *node, *name;
	int r;

	tree_foreach (ps->t, node, list) {
		name = tree_member(ps->t, node, "name"); /* of one entry too many as well */
		if (!name || name->kind != TREE_STRING)
			continue;
		r = define(ps, name, node->ordinal, map, builtin);
		if (r < 0)
			return r;
	}
	return 0;
}

size_t parse_refer(struct parse *ps, struct tree_node *node, const struct map *map,
		   const char *list, const char *what)
{
	const struct tree_node *definitions = tree_member(ps->t, ps->root, list);
	size_t index;

	if (map_get(map, node->text, node->n, &index))
		return index;
	if (!definitions || !definitions->bad) /* else this only follows from that */
		tree_error(ps->t, node, ps->errors, "no %s is named \"%s\"", what, node->text);
	return PARSE_NONE;
}
