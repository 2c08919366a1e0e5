// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation
 *
 * Objects are compared member by member. Lists whose members all have a name are matched by it, so
 * that an insertion is one difference; a changed order is told as the lists of names, because order
 * counts in a policy. Of other lists the equal beginning and end are set aside, and what is between
 * is compared position by position, unless it is so long that nobody would read it: a place and two
 * values for each of 65,536 prefixes would cost the daemon more than all else that it does with
 * them. Depth is that of the documents, which the parser limits.
 */
#include "policy/diff.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "zta_limits.h"

#define NAMED_MAX 512 /* longer lists are compared by position */

struct pair {
	const char *path; /* in the new document; of what was removed, in the old one */
	json_t *old, *new;
	unsigned depth;
};

static int compare(json_t *out, const struct pair *p);

static int report(json_t *out, const char *path, json_t *old, json_t *new)
{
	return json_array_append_new(
		out, json_pack("{s:s, s:O?, s:O?}", "path", path, "old", old, "new", new));
}

/* One member or element: compares what both have, reports what one has. */
static int descend(json_t *out, const struct pair *p, json_t *old, json_t *new, char *path)
{
	_cleanup_free_ char *owned = path;
	const struct pair inner = { owned, old, new, p->depth + 1 };

	if (!owned)
		return -1;
	return old && new ? compare(out, &inner) : report(out, owned, old, new);
}

static char *member_path(const struct pair *p, const char *name)
{
	return p->path[0] ? str_dup_printf("%s.%s", p->path, name) : str_dup_printf("%s", name);
}

static int compare_objects(json_t *out, const struct pair *p)
{
	const char *name;
	json_t *value;
	int r = 0;

	json_object_foreach (p->old, name, value) {
		r = descend(out, p, value, json_object_get(p->new, name), member_path(p, name));
		if (r < 0)
			return r;
	}
	json_object_foreach (p->new, name, value) {
		if (!json_object_get(p->old, name))
			r = descend(out, p, NULL, value, member_path(p, name));
		if (r < 0)
			return r;
	}
	return 0;
}

static const char *name_of(const json_t *o)
{
	return json_string_value(json_object_get(o, "name"));
}

static bool all_named(const json_t *list)
{
	size_t i;
	json_t *o;

	json_array_foreach (list, i, o)
		if (!name_of(o))
			return false;
	return json_array_size(list) > 0 && json_array_size(list) <= NAMED_MAX;
}

static ssize_t index_of(const json_t *list, const char *name)
{
	size_t i;
	json_t *o;

	json_array_foreach (list, i, o)
		if (str_eq(name_of(o), name))
			return (ssize_t)i;
	return -1;
}

/* Names of @list that are in @other too, in the order of @list. */
static json_t *common_names(const json_t *list, const json_t *other)
{
	json_t *names = json_array(), *o;
	size_t i;

	json_array_foreach (list, i, o)
		if (index_of(other, name_of(o)) >= 0 &&
		    json_array_append_new(names, json_string(name_of(o))) < 0)
			break;
	return names;
}

static int compare_order(json_t *out, const struct pair *p)
{
	json_t *old = common_names(p->old, p->new), *new = common_names(p->new, p->old);
	int r = 0;

	if (!old || !new)
		r = -1;
	else if (!json_equal(old, new))
		r = report(out, p->path, old, new);
	json_decref(old);
	json_decref(new);
	return r;
}

static char *element_path(const struct pair *p, size_t i)
{
	return str_dup_printf("%s[%zu]", p->path, i);
}

static int compare_named(json_t *out, const struct pair *p)
{
	size_t i;
	json_t *o;
	int r = 0;

	json_array_foreach (p->old, i, o) {
		if (index_of(p->new, name_of(o)) < 0)
			r = descend(out, p, o, NULL, element_path(p, i));
		if (r < 0)
			return r;
	}
	json_array_foreach (p->new, i, o) {
		ssize_t old = index_of(p->old, name_of(o));

		r = descend(out, p, old < 0 ? NULL : json_array_get(p->old, (size_t)old), o,
			    element_path(p, i));
		if (r < 0)
			return r;
	}
	return compare_order(out, p);
}

static int compare_lists(json_t *out, const struct pair *p)
{
	size_t n_old = json_array_size(p->old), n_new = json_array_size(p->new), from = 0;
	int r = 0;

	if (all_named(p->old) && all_named(p->new))
		return compare_named(out, p);
	while (from < n_old && from < n_new &&
	       json_equal(json_array_get(p->old, from), json_array_get(p->new, from)))
		from++;
	while (n_old > from && n_new > from &&
	       json_equal(json_array_get(p->old, n_old - 1), json_array_get(p->new, n_new - 1))) {
		n_old--;
		n_new--;
	}
	if ((n_old > n_new ? n_old : n_new) - from > POLICY_DIFF_PLACES ||
	    json_array_size(out) >= POLICY_DIFF_MANY)
		return report(out, p->path, p->old, p->new);
	for (size_t i = from; r >= 0 && (i < n_old || i < n_new); i++)
		r = descend(out, p, i < n_old ? json_array_get(p->old, i) : NULL,
			    i < n_new ? json_array_get(p->new, i) : NULL, element_path(p, i));
	return r;
}

static int compare(json_t *out, const struct pair *p)
{
	if (json_equal(p->old, p->new))
		return 0;
	if (p->depth <= ZTA_POLICY_DEPTH_MAX && json_is_object(p->old) && json_is_object(p->new))
		return compare_objects(out, p);
	if (p->depth <= ZTA_POLICY_DEPTH_MAX && json_is_array(p->old) && json_is_array(p->new))
		return compare_lists(out, p);
	return report(out, p->path, p->old, p->new);
}

json_t *policy_diff(const char *old_text, const char *new_text)
{
	struct pair p = { .path = "" };
	json_t *out = json_array();

	p.old = json_loads(old_text, JSON_DECODE_ANY, NULL);
	p.new = json_loads(new_text, JSON_DECODE_ANY, NULL);
	if (!out || !p.old || !p.new || compare(out, &p) < 0) {
		json_decref(out);
		out = NULL;
	}
	json_decref(p.old);
	json_decref(p.new);
	return out;
}
