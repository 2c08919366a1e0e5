// SPDX-License-Identifier: Apache-2.0
/* Name patterns. Each different one is in the pool once, and counted once. */
#include <errno.h>
#include <string.h>

#include "policy/names.h"
#include "policy/parse.h"
#include "policy/presets.h"

/* The pool's copy of a pattern; @node is where to complain when there are too many. */
static int intern(struct parse *ps, struct tree_node *node, const char *text, char **ret)
{
	char name[NAME_TEXT_LEN], *copy;
	size_t known;
	int r;

	name_normalise(text, name);
	if (map_get(&ps->names, name, strlen(name), &known)) {
		*ret = (char *)known;
		return 0;
	}
	copy = pool_strdup(&ps->p->pool, name);
	if (!copy)
		return -ENOMEM;
	r = map_put(&ps->names, name, strlen(name), (size_t)copy);
	if (r < 0)
		return r;
	if (ps->names.n > ZTA_NAMES_MAX && !ps->too_many_names) {
		ps->too_many_names = true;
		tree_error(ps->t, node, ps->errors, "more than %u different names", ZTA_NAMES_MAX);
	}
	*ret = copy;
	return 0;
}

int parse_name(struct parse *ps, struct tree_node *node, char **ret)
{
	const char *why;

	if (node->bad)
		return 0;
	if (name_pattern_check(node->text, &why) < 0) {
		tree_error(ps->t, node, ps->errors, "\"%s\" %s", node->text, why);
		return 0;
	}
	return intern(ps, node, node->text, ret);
}

/* How many patterns the members of an object have room for. */
static size_t presets_size(const struct preset *preset)
{
	size_t n = 0;

	while (preset && preset->names[n])
		n++;
	return n;
}

static int add_preset(struct parse *ps, struct tree_node *node, struct policy_names *names)
{
	const struct preset *preset = node->bad ? NULL : preset_find(node->text);
	int r = 0;

	for (size_t i = 0; r == 0 && preset && preset->names[i]; i++)
		r = intern(ps, node, preset->names[i], &names->v[names->n++]);
	return r;
}

static int add_names(struct parse *ps, struct tree_node *list, struct policy_names *names)
{
	struct tree_node *node;
	int r;

	tree_foreach (ps->t, node, list) {
		r = parse_name(ps, node, &names->v[names->n]);
		if (r < 0)
			return r;
		names->n += names->v[names->n] != NULL;
	}
	return 0;
}

int parse_name_list(struct parse *ps, struct tree_node *list, struct policy_names *ret)
{
	struct policy_names names = {};
	int r;

	names.v = pool_alloc(&ps->p->pool, list->n, sizeof(*names.v));
	if (!names.v)
		return -ENOMEM;
	r = add_names(ps, list, &names);
	if (r == 0)
		*ret = names;
	return r;
}

int parse_names(struct parse *ps, const struct tree_node *object, struct policy_names *ret)
{
	struct tree_node *list = parse_get(ps, object, "names");
	struct tree_node *presets = parse_get(ps, object, "presets");
	struct tree_node *preset = parse_get(ps, object, "preset"), *node;
	size_t room = list ? list->n : 0;
	struct policy_names names = {};
	int r = 0;

	if (preset)
		room += presets_size(preset_find(preset->text));
	if (presets)
		tree_foreach (ps->t, node, presets)
			room += node->bad ? 0 : presets_size(preset_find(node->text));
	names.v = pool_alloc(&ps->p->pool, room, sizeof(*names.v));
	if (!names.v)
		return -ENOMEM;

	if (list)
		r = add_names(ps, list, &names);
	if (r == 0 && preset)
		r = add_preset(ps, preset, &names);
	if (presets)
		tree_foreach (ps->t, node, presets)
			if (r == 0)
				r = add_preset(ps, node, &names);
	if (r == 0)
		*ret = names;
	return r;
}
