// SPDX-License-Identifier: Apache-2.0
/* workloads, the default profiles and system_namespaces. */
#include <errno.h>
#include <string.h>

#include "policy/parse.h"

/* What is wrong with a component of a cgroup pattern, or NULL. */
static const char *component_error(const char *s, size_t n)
{
	const char *first = memchr(s, '*', n), *last = memrchr(s, '*', n);
	size_t middle = 0;

	for (; first && first < last; first++)
		middle += *first != '*';
	if (s[0] == '.' && (n == 1 || (n == 2 && s[1] == '.')))
		return "has a component \".\" or \"..\"";
	if (n >= ZTA_COMPONENT_LEN)
		return "has a component of more than 127 bytes";
	if (middle >= ZTA_MIDDLE_LEN)
		return "has more than 63 bytes between the first and the last '*' of a component";
	return NULL;
}

/* Drops a trailing '/' in place. */
static const char *cgroup_error(char *path)
{
	const char *error = NULL;
	size_t n = strlen(path), levels = 0;

	if (path[0] != '/')
		return "does not start with '/': it is a path below the attach point";
	if (strstr(path, "//"))
		return "has an empty component (\"//\")";
	if (n > 1 && path[n - 1] == '/')
		path[--n] = '\0';
	for (char *at = path + 1, *end; n > 1 && !error; at = end + 1) {
		end = strchrnul(at, '/');
		error = component_error(at, (size_t)(end - at));
		if (++levels > ZTA_CGROUP_LEVELS)
			error = "has more than 32 components";
		if (!*end)
			break;
	}
	return error;
}

static int read_cgroup(struct parse *ps, struct tree_node *node, struct policy_workload *w)
{
	const char *error;

	w->cgroup = pool_strdup(&ps->p->pool, node->text);
	if (!w->cgroup)
		return -ENOMEM;
	error = cgroup_error(w->cgroup);
	if (error)
		tree_error(ps->t, node, ps->errors, "\"%s\" %s", node->text, error);
	return 0;
}

/* --- kubernetes */

#define LABEL_KEY_MAX 317 /* prefix (253), '/', name (63) */

/* "key=value" for each member. */
static int read_labels(struct parse *ps, const struct tree_node *object, const char *name,
		       struct policy_names *ret)
{
	struct tree_node *labels = parse_get(ps, object, name), *node;
	size_t n = 0;

	if (!labels)
		return 0;
	ret->v = pool_alloc(&ps->p->pool, labels->n, sizeof(*ret->v));
	if (!ret->v)
		return -ENOMEM;
	tree_foreach (ps->t, node, labels) {
		size_t key;

		if (node->bad)
			continue;
		key = strlen(node->key);
		if (!key || key > LABEL_KEY_MAX ||
		    strspn(node->key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._/-") != key) {
			tree_error_key(ps->t, node, ps->errors, "\"%s\" is not the name of a label",
				       node->key);
			continue;
		}
		ret->v[n] = pool_alloc(&ps->p->pool, key + 1 + node->n + 1, 1);
		if (!ret->v[n])
			return -ENOMEM;
		(void)stpcpy(stpcpy(stpcpy(ret->v[n++], node->key), "="), node->text);
	}
	ret->n = n;
	return 0;
}

static void check_namespace(struct parse *ps, struct tree_node *node)
{
	size_t n = strspn(node->text, "abcdefghijklmnopqrstuvwxyz0123456789-");

	n += node->text[n] == '*';
	if (node->text[n])
		tree_error(ps->t, node, ps->errors,
			   "\"%s\" is not a namespace (a '*' may stand at its end)", node->text);
}

static int read_namespaces(struct parse *ps, const struct tree_node *object,
			   struct policy_names *ret)
{
	struct tree_node *node = parse_get(ps, object, "namespace"), *entry;

	if (!node)
		return 0;
	if (node->kind == TREE_STRING) {
		check_namespace(ps, node);
		ret->v = pool_alloc(&ps->p->pool, 1, sizeof(*ret->v));
		ret->n = 1;
		return ret->v ? parse_text(ps, object, "namespace", &ret->v[0]) : -ENOMEM;
	}
	tree_foreach (ps->t, entry, node)
		if (!entry->bad)
			check_namespace(ps, entry);
	return parse_strings(ps, node, ret);
}

static int read_kubernetes(struct parse *ps, const struct tree_node *node,
			   struct policy_k8s_match *match)
{
	struct tree_node *containers = parse_get(ps, node, "containers");
	int r;

	r = read_namespaces(ps, node, &match->namespaces);
	if (r == 0)
		r = read_labels(ps, node, "namespaceLabels", &match->namespace_labels);
	if (r == 0)
		r = read_labels(ps, node, "labels", &match->labels);
	if (r == 0)
		r = parse_text(ps, node, "serviceAccount", &match->service_account);
	if (r == 0 && containers)
		r = parse_strings(ps, containers, &match->containers);
	return r;
}

/* --- entries */

static int read_match(struct parse *ps, const struct tree_node *node, struct policy_workload *w)
{
	struct tree_node *cgroup = tree_member(ps->t, node, "cgroup");
	struct tree_node *kubernetes = tree_member(ps->t, node, "kubernetes");
	int r = 0;

	if (!cgroup && !kubernetes)
		tree_note(ps->t, node, ps->errors, "\"cgroup\" or \"kubernetes\" is missing");
	if (cgroup && kubernetes)
		tree_error(ps->t, cgroup->offset > kubernetes->offset ? cgroup : kubernetes,
			   ps->errors, "\"cgroup\" and \"kubernetes\" exclude each other");
	if (cgroup && !cgroup->bad)
		r = read_cgroup(ps, cgroup, w);
	if (r == 0 && kubernetes && !kubernetes->bad)
		r = read_kubernetes(ps, kubernetes, &w->k8s);
	return r;
}

static int read_workload(struct parse *ps, const struct tree_node *node, struct policy_workload *w)
{
	struct tree_node *match = parse_get(ps, node, "match");
	struct tree_node *profile = parse_get(ps, node, "profile");
	int r;

	if (profile)
		w->profile = parse_refer_profile(ps, profile);
	r = parse_path(ps, node, &w->path);
	if (r == 0)
		r = parse_meta(ps, node, &w->meta);
	return r == 0 && match ? read_match(ps, match, w) : r;
}

static void read_default(struct parse *ps, const char *name, const char *absent, size_t *ret)
{
	struct tree_node *node = parse_get(ps, ps->root, name);

	if (node)
		*ret = parse_refer_profile(ps, node);
	else
		(void)map_get(&ps->profile_names, absent, strlen(absent), ret); /* built in */
}

static int read_system_namespaces(struct parse *ps)
{
	static const char *const defaults[] = { "kube-system", "gatekeeper-system", "calico-system",
						"tigera-operator" };
	struct tree_node *list = parse_get(ps, ps->root, "system_namespaces"), *entry;
	struct policy_names *names = &ps->p->system_namespaces;

	if (list) {
		tree_foreach (ps->t, entry, list)
			if (!entry->bad)
				check_namespace(ps, entry);
		return parse_strings(ps, list, names);
	}
	names->v = pool_alloc(&ps->p->pool, 4, sizeof(*names->v));
	if (!names->v)
		return -ENOMEM;
	for (; names->n < 4; names->n++) {
		names->v[names->n] = pool_strdup(&ps->p->pool, defaults[names->n]);
		if (!names->v[names->n])
			return -ENOMEM;
	}
	return 0;
}

int parse_workloads(struct parse *ps)
{
	struct tree_node *list = parse_get(ps, ps->root, "workloads"), *node;
	int r;

	read_default(ps, "default_profile", "host", &ps->p->default_profile);
	read_default(ps, "default_pod_profile", "host", &ps->p->default_pod_profile);
	read_default(ps, "unknown_profile", "no-ai", &ps->p->unknown_profile);
	r = read_system_namespaces(ps);
	if (r < 0 || !list)
		return r;

	ps->p->workloads = pool_alloc(&ps->p->pool, list->n, sizeof(*ps->p->workloads));
	if (!ps->p->workloads)
		return -ENOMEM;
	ps->p->n_workloads = list->n;
	tree_foreach (ps->t, node, list) {
		r = node->bad ? 0 : read_workload(ps, node, &ps->p->workloads[node->ordinal]);
		if (r < 0)
			return r;
	}
	return 0;
}
