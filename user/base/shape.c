// SPDX-License-Identifier: Apache-2.0
#include "base/shape.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/tree.h"

/* --- check */

static const char *kind_name(const struct tree_node *node)
{
	static const char *const names[] = {
		[TREE_NULL] = "null",	  [TREE_FALSE] = "false",
		[TREE_TRUE] = "true",	  [TREE_INTEGER] = "a number",
		[TREE_REAL] = "a number", [TREE_STRING] = "a string",
		[TREE_ARRAY] = "a list",  [TREE_OBJECT] = "an object",
	};

	return names[node->kind];
}

/* Whether the JSON type is the shape's; the value itself may still be wrong. */
static bool type_fits(const struct shape *s, const struct tree_node *node)
{
	switch (s->kind) {
	case SHAPE_STRING:
	case SHAPE_WORD:
		return node->kind == TREE_STRING;
	case SHAPE_INTEGER:
		return node->kind == TREE_INTEGER || node->kind == TREE_REAL;
	case SHAPE_BOOL:
		return node->kind == TREE_FALSE || node->kind == TREE_TRUE;
	case SHAPE_LIST:
		return node->kind == TREE_ARRAY;
	case SHAPE_OBJECT:
	case SHAPE_MAP:
		return node->kind == TREE_OBJECT;
	case SHAPE_EITHER:
		for (const struct shape *const *e = s->either; *e; e++)
			if (type_fits(*e, node))
				return true;
		return false;
	}
	return false;
}

static const char *what_of(const struct shape *s)
{
	static const char *const names[] = {
		[SHAPE_STRING] = "a string",  [SHAPE_WORD] = "a string",
		[SHAPE_INTEGER] = "a number", [SHAPE_BOOL] = "true or false",
		[SHAPE_LIST] = "a list",      [SHAPE_OBJECT] = "an object",
		[SHAPE_MAP] = "an object",    [SHAPE_EITHER] = "of another type",
	};

	return s->what ? s->what : names[s->kind];
}

static void check_word(struct tree *t, struct tree_node *node, const struct shape *s,
		       struct diag_list *errors)
{
	char list[256] = "";
	size_t at = 0;

	for (const char *const *w = s->words; *w; w++) {
		if (!strcmp(node->text, *w))
			return;
		at += (size_t)snprintf(list + at, sizeof(list) - at, "%s\"%s\"", at ? ", " : "",
				       *w);
		if (at >= sizeof(list))
			break; /* cut; a table with that many words would be another kind */
	}
	tree_error(t, node, errors, "\"%s\" is not one of %s", node->text, list);
}

static void check_integer(struct tree *t, struct tree_node *node, const struct shape *s,
			  struct diag_list *errors)
{
	if (node->kind != TREE_INTEGER || node->integer < s->min || node->integer > s->max)
		tree_error(t, node, errors,
			   "not an integer from %lld to %lld (no fraction, no exponent)",
			   (long long)s->min, (long long)s->max);
}

static void check_list(struct tree *t, struct tree_node *node, const struct shape *s,
		       struct diag_list *errors)
{
	struct tree_node *child;

	if (node->n < s->min)
		tree_error(t, node, errors, "needs at least %lld entry", (long long)s->min);
	tree_foreach (t, child, node) {
		shape_check(t, child, s->item, errors);
		if (s->max && child->ordinal == s->max)
			tree_error(t, child, errors, "more than %lld entries", (long long)s->max);
		child->bad |= s->max && child->ordinal > s->max; /* told once */
	}
}

static const struct shape_member *find_member(const struct shape *s, const char *name)
{
	for (const struct shape_member *const *table = s->members; table && *table; table++)
		for (const struct shape_member *m = *table; m->name; m++)
			if (!strcmp(m->name, name))
				return m;
	return NULL;
}

static void check_members(struct tree *t, struct tree_node *node, const struct shape *s,
			  struct diag_list *errors)
{
	struct tree_node *child;
	int64_t others = 0;

	tree_foreach (t, child, node) {
		const struct shape_member *m = find_member(s, child->key);

		if (m) {
			shape_check(t, child, m->shape, errors);
		} else if (s->kind == SHAPE_OBJECT && !child->bad) {
			tree_error_key(t, child, errors, "unknown member \"%s\"", child->key);
		} else if (s->kind == SHAPE_MAP) {
			shape_check(t, child, s->item, errors);
			if (s->max && others == s->max)
				tree_error_key(t, child, errors, "more than %lld of these",
					       (long long)s->max);
			child->bad |= s->max && others++ > s->max; /* told once */
		}
	}
	for (const struct shape_member *const *table = s->members; table && *table; table++)
		for (const struct shape_member *m = *table; m->name; m++)
			if (m->required && !tree_member(t, node, m->name))
				tree_note(t, node, errors, "\"%s\" is missing", m->name);
}

void shape_check(struct tree *t, struct tree_node *node, const struct shape *s,
		 struct diag_list *errors)
{
	if (node->bad)
		return;
	if (!type_fits(s, node)) {
		tree_error(t, node, errors, "must be %s, not %s", what_of(s), kind_name(node));
		return;
	}

	switch (s->kind) {
	case SHAPE_STRING:
		if (node->n < s->min)
			tree_error(t, node, errors, "must not be empty");
		else if (s->max && node->n > s->max)
			tree_error(t, node, errors, "has more than %lld bytes", (long long)s->max);
		break;
	case SHAPE_BOOL:
		break;
	case SHAPE_WORD:
		check_word(t, node, s, errors);
		break;
	case SHAPE_INTEGER:
		check_integer(t, node, s, errors);
		break;
	case SHAPE_LIST:
		check_list(t, node, s, errors);
		break;
	case SHAPE_OBJECT:
	case SHAPE_MAP:
		check_members(t, node, s, errors);
		break;
	case SHAPE_EITHER:
		for (const struct shape *const *e = s->either; *e; e++)
			if (type_fits(*e, node)) {
				shape_check(t, node, *e, errors);
				break;
			}
		break;
	}
}

/* --- schema. Steals the value; a NULL one (no memory) makes the whole NULL. */

static int set(json_t *o, const char *name, json_t *value)
{
	return json_object_set_new(o, name, value) < 0 ? -ENOMEM : 0;
}

static int words_schema(json_t *o, const struct shape *s)
{
	json_t *list = json_array();

	for (const char *const *w = s->words; *w; w++)
		if (json_array_append_new(list, json_string(*w)) < 0) {
			json_decref(list);
			return -ENOMEM;
		}
	return set(o, "enum", list);
}

static int list_schema(json_t *o, const struct shape *s)
{
	int r = set(o, "items", shape_schema(s->item));

	if (r == 0 && s->min)
		r = set(o, "minItems", json_integer(s->min));
	if (r == 0 && s->max)
		r = set(o, "maxItems", json_integer(s->max));
	return r;
}

static int member_schema(json_t *properties, json_t *required, const struct shape_member *m)
{
	json_t *o = shape_schema(m->shape);
	int r = set(properties, m->name, o);

	if (r == 0 && m->note)
		r = set(o, "description", json_string(m->note));
	if (r == 0 && m->def)
		r = set(o, "default", json_loads(m->def, JSON_DECODE_ANY, NULL));
	if (r == 0 && m->required)
		r = json_array_append_new(required, json_string(m->name)) < 0 ? -ENOMEM : 0;
	return r;
}

static int members_schema(json_t *o, const struct shape *s)
{
	json_t *properties = json_object(), *required = json_array();
	int r = set(o, "properties", properties);

	if (r == 0)
		r = set(o, "required", required);
	else
		json_decref(required);
	for (const struct shape_member *const *t = s->members; r == 0 && t && *t; t++)
		for (const struct shape_member *m = *t; r == 0 && m->name; m++)
			r = member_schema(properties, required, m);
	if (r == 0 && s->kind == SHAPE_OBJECT)
		return set(o, "additionalProperties", json_false());
	if (r == 0)
		r = set(o, "additionalProperties", shape_schema(s->item));
	if (r == 0 && s->max) /* the named members are not counted */
		r = set(o, "maxProperties",
			json_integer(s->max + (json_int_t)json_object_size(properties)));
	if (r == 0 && s->pattern)
		r = set(o, "propertyNames", json_pack("{s:s}", "pattern", s->pattern));
	return r;
}

static int either_schema(json_t *o, const struct shape *s)
{
	json_t *list = json_array();
	int r = set(o, "anyOf", list);

	for (const struct shape *const *e = s->either; r == 0 && *e; e++)
		r = json_array_append_new(list, shape_schema(*e)) < 0 ? -ENOMEM : 0;
	return r;
}

static int fill_schema(json_t *o, const struct shape *s)
{
	static const char *const types[] = {
		[SHAPE_STRING] = "string", [SHAPE_WORD] = "string", [SHAPE_INTEGER] = "integer",
		[SHAPE_BOOL] = "boolean",  [SHAPE_LIST] = "array",  [SHAPE_OBJECT] = "object",
		[SHAPE_MAP] = "object",	   [SHAPE_EITHER] = NULL,
	};
	int r = types[s->kind] ? set(o, "type", json_string(types[s->kind])) : 0;

	if (r < 0)
		return r;
	switch (s->kind) {
	case SHAPE_STRING:
		if (s->min && set(o, "minLength", json_integer(s->min)) < 0)
			return -ENOMEM;
		if (s->max && set(o, "maxLength", json_integer(s->max)) < 0)
			return -ENOMEM;
		return s->pattern ? set(o, "pattern", json_string(s->pattern)) : 0;
	case SHAPE_WORD:
		return words_schema(o, s);
	case SHAPE_INTEGER:
		r = set(o, "minimum", json_integer(s->min));
		return r < 0 ? r : set(o, "maximum", json_integer(s->max));
	case SHAPE_BOOL:
		return 0;
	case SHAPE_LIST:
		return list_schema(o, s);
	case SHAPE_OBJECT:
	case SHAPE_MAP:
		return members_schema(o, s);
	case SHAPE_EITHER:
		return either_schema(o, s);
	}
	return 0;
}

json_t *shape_schema(const struct shape *s)
{
	json_t *o = json_object(), *extra = NULL;
	int r = o ? fill_schema(o, s) : -ENOMEM;

	if (r == 0 && s->extra) {
		extra = json_loads(s->extra, 0, NULL);
		r = extra ? json_object_update(o, extra) : -ENOMEM;
		json_decref(extra);
	}
	if (r < 0) {
		json_decref(o);
		return NULL;
	}
	return o;
}
