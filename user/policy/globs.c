// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation
 *
 * "/system.slice/chat-*.service" is a path through a tree of components. Patterns that begin alike
 * share nodes; a node where a pattern ends has its index in workloads[]. A cgroup stands on every
 * node that its path reaches, and a child's nodes are found from its parent's: one look-up of
 * (node, name), and the node's components with a '*' one by one. This file makes the tree, and
 * walks it as the cgroup_mkdir program does; globs_width.c bounds how many nodes that can be.
 *
 * Sorted by component, patterns that share a node follow each other: one pass with the previous
 * pattern's nodes at hand makes the tree.
 */
#include "policy/globs.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/diag.h"
#include "base/json.h"
#include "policy/compile.h"
#include "policy/globs_width.h"
#include "zta_glob.h"

#define ROOT 1U

/* A component with a '*', and the node that it stands below. */
struct edge {
	uint32_t parent;
	struct zta_glob glob;
};

struct tree {
	const struct policy *policy;
	struct policy_image *image;
	struct image_patterns *patterns; /* of the image */
	struct diag_list *errors;
	struct edge *edges;
	size_t n_edges;
	size_t need_nodes, need_edges;
	bool refused;
};

static void refuse(struct tree *t, const char *path, const char *what, size_t need, size_t fit)
{
	unsigned line = 1, column = 1;

	if (path[0] && t->policy->text)
		(void)json_locate(t->policy->text, t->policy->text_len, path, false, &line,
				  &column); /* else the start of the document */
	(void)diag_list_add(t->errors, line, column, path, "%s: %zu needed, %zu fit", what, need,
			    fit); /* the result says it too */
	t->refused = true;
}

/* The component at @p, without slashes; @ret_len 0 = the end of the path. */
static const char *component(const char *p, size_t *ret_len)
{
	p += strspn(p, "/");
	*ret_len = strcspn(p, "/");
	return p;
}

/* By component: the end before '/', '/' before every other byte. */
static int compare_pattern(const void *x, const void *y)
{
	const struct policy_workload *const *v = x, *const *w = y;
	const unsigned char *a = (const unsigned char *)(*v)->cgroup;
	const unsigned char *b = (const unsigned char *)(*w)->cgroup;

	while (*a && *a == *b) {
		a++;
		b++;
	}
	return (*a == '/' ? 1 : *a ? *a + 1 : 0) - (*b == '/' ? 1 : *b ? *b + 1 : 0);
}

static void add_literal(struct tree *t, uint32_t parent, uint32_t child, const char *text,
			size_t len)
{
	struct image_literal *l = &t->patterns->literals[t->patterns->n_literals++];

	*l = (struct image_literal){ .key.node = parent, .child = child };
	memcpy(l->key.name, text, len);
}

static void add_glob(struct tree *t, uint32_t parent, uint32_t child, const char *text, size_t len)
{
	const char *first = memchr(text, '*', len), *last = memrchr(text, '*', len);
	size_t prefix = (size_t)(first - text), suffix = len - (size_t)(last - text) - 1;
	struct edge *e;

	t->need_edges++;
	if (t->n_edges == ZTA_GLOB_EDGES)
		return; /* counted for the error, never written */
	e = &t->edges[t->n_edges++];
	*e = (struct edge){ .parent = parent,
			    .glob = { .child = child,
				      .prefix_len = (uint16_t)prefix,
				      .suffix_len = (uint16_t)suffix } };
	memcpy(e->glob.prefix, text, prefix);
	memcpy(e->glob.suffix + ZTA_COMPONENT_LEN - suffix, last + 1, suffix);
	for (; first <= last; first++) {
		if (*first == '*')
			e->glob.stays |= 1ULL << e->glob.middle_len;
		else
			e->glob.middle[e->glob.middle_len++] = *first; /* fits, by the parser */
	}
}

/* A new node below @parent, or 0 when there is no room. */
static uint32_t add_node(struct tree *t, uint32_t parent, const char *text, size_t len)
{
	struct image_patterns *patterns = t->patterns;
	uint32_t child = (uint32_t)patterns->n_nodes;

	t->need_nodes++;
	if (patterns->n_nodes == ZTA_GLOB_NODES || !parent)
		return 0;
	patterns->nodes[patterns->n_nodes++] = (struct zta_glob_node){ .entry = ZTA_ENTRY_DEFAULT };
	if (memchr(text, '*', len))
		add_glob(t, parent, child, text, len);
	else
		add_literal(t, parent, child, text, len);
	return child;
}

static void end_pattern(struct tree *t, uint32_t node, size_t entry)
{
	struct zta_glob_node *n = &t->patterns->nodes[node];

	if (!node || n->entry <= entry)
		return;
	n->entry = (uint16_t)entry;
	n->profile = t->image->profile_id[t->policy->workloads[entry].profile];
}

/* @path[k]: node of the pattern's first k components; those that @before shares are there. */
static void add_pattern(struct tree *t, size_t entry, const char *before,
			uint32_t path[ZTA_CGROUP_LEVELS + 1])
{
	const struct policy_workload *w = &t->policy->workloads[entry];
	const char *p = w->cgroup;
	bool shared = true;
	size_t depth = 0, len, old;

	for (p = component(p, &len); len; p = component(p + len, &len)) {
		assert(len < ZTA_COMPONENT_LEN && depth < ZTA_CGROUP_LEVELS); /* by the parser */
		before = component(before, &old);
		shared = shared && old == len && !memcmp(before, p, len);
		before += old;
		if (!shared)
			path[depth + 1] = add_node(t, path[depth], p, len);
		depth++;
	}
	end_pattern(t, path[depth], entry);
}

static int add_patterns(struct tree *t)
{
	const struct policy *p = t->policy;
	_cleanup_free_ const struct policy_workload **v = calloc(p->n_workloads + 1, sizeof(*v));
	uint32_t path[ZTA_CGROUP_LEVELS + 1] = { ROOT };
	size_t n = 0;

	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < p->n_workloads; i++)
		if (p->workloads[i].cgroup)
			v[n++] = &p->workloads[i];
	if (n)
		qsort(v, n, sizeof(*v), compare_pattern);
	for (size_t i = 0; i < n; i++)
		add_pattern(t, (size_t)(v[i] - p->workloads), i ? v[i - 1]->cgroup : "", path);
	return 0;
}

static int compare_edge(const void *x, const void *y)
{
	const struct edge *a = x, *b = y;

	return a->parent < b->parent ? -1 : a->parent > b->parent;
}

static int compare_literal(const void *x, const void *y)
{
	const struct image_literal *a = x, *b = y;

	if (a->key.node != b->key.node)
		return a->key.node < b->key.node ? -1 : 1;
	return memcmp(a->key.name, b->key.name, sizeof(a->key.name));
}

/* Each node's components with a '*' one after the other. */
static void place_globs(struct tree *t)
{
	struct image_patterns *patterns = t->patterns;

	if (t->n_edges)
		qsort(t->edges, t->n_edges, sizeof(*t->edges), compare_edge);
	for (size_t i = 0; i < t->n_edges; i++) {
		struct zta_glob_node *n = &patterns->nodes[t->edges[i].parent];

		if (!n->globs)
			n->first_glob = (uint32_t)i;
		n->globs++;
		patterns->globs[i] = t->edges[i].glob;
	}
	patterns->n_globs = t->n_edges;
}

static int preflight(struct tree *t)
{
	const struct image_patterns *patterns = t->patterns;
	size_t globs = 0, width;

	for (size_t i = 0; i < patterns->n_nodes; i++)
		globs = patterns->nodes[i].globs > globs ? patterns->nodes[i].globs : globs;
	if (t->need_nodes > ZTA_GLOB_NODES)
		refuse(t, "workloads", "nodes of cgroup patterns", t->need_nodes, ZTA_GLOB_NODES);
	if (t->need_edges > ZTA_GLOB_EDGES)
		refuse(t, "workloads", "cgroup components with a '*'", t->need_edges,
		       ZTA_GLOB_EDGES);
	if (globs > ZTA_GLOBS_PER_NODE)
		refuse(t, "workloads", "components with a '*' below one cgroup", globs,
		       ZTA_GLOBS_PER_NODE);
	if (t->refused)
		return -E2BIG;
	width = globs_width(patterns);
	if (width == SIZE_MAX)
		return -ENOMEM;
	if (width > ZTA_GLOB_STATES)
		refuse(t, "workloads", "patterns that one cgroup can be on the way to", width,
		       ZTA_GLOB_STATES);
	return t->refused ? -E2BIG : 0;
}

int globs_compile(const struct policy *p, struct policy_image *image, struct diag_list *errors)
{
	_cleanup_free_ struct edge *edges = calloc(ZTA_GLOB_EDGES, sizeof(*edges));
	struct image_patterns *patterns = &image->patterns;
	struct tree t = {
		.policy = p, .image = image, .patterns = patterns, .errors = errors, .edges = edges
	};
	int r;

	patterns->nodes = calloc(ZTA_GLOB_NODES, sizeof(*patterns->nodes));
	patterns->literals = calloc(ZTA_GLOB_NODES, sizeof(*patterns->literals));
	patterns->globs = calloc(ZTA_GLOB_EDGES, sizeof(*patterns->globs));
	if (!edges || !patterns->nodes || !patterns->literals || !patterns->globs)
		return -ENOMEM;
	patterns->nodes[0].entry = patterns->nodes[ROOT].entry = ZTA_ENTRY_DEFAULT;
	patterns->n_nodes = t.need_nodes = ROOT + 1;
	r = add_patterns(&t);
	if (r < 0)
		return r;
	place_globs(&t);
	if (patterns->n_literals)
		qsort(patterns->literals, patterns->n_literals, sizeof(*patterns->literals),
		      compare_literal);
	return preflight(&t);
}

void globs_root(const struct image_patterns *patterns, unsigned slot, struct zta_cgstate *ret)
{
	const struct zta_glob_node *root = &patterns->nodes[ROOT];
	bool matched = root->entry != ZTA_ENTRY_DEFAULT;

	memset(ret->nodes[slot], 0, sizeof(ret->nodes[slot]));
	ret->nodes[slot][0] = ROOT;
	ret->entry[slot] = root->entry;
	ret->profile[slot] = matched ? root->profile : patterns->default_profile;
}

static uint32_t find_literal(const struct image_patterns *patterns, uint32_t node, const char *name,
			     size_t len)
{
	struct image_literal want = { .key.node = node };
	const struct image_literal *l;

	if (len >= ZTA_COMPONENT_LEN || !patterns->n_literals)
		return 0;
	memcpy(want.key.name, name, len);
	l = bsearch(&want, patterns->literals, patterns->n_literals, sizeof(want), compare_literal);
	return l ? l->child : 0;
}

bool globs_match(const struct zta_glob *g, const char *name, size_t len)
{
	uint64_t state = 1;

	if (len < (size_t)g->prefix_len + g->suffix_len ||
	    memcmp(g->prefix, name, g->prefix_len) != 0 ||
	    memcmp(g->suffix + ZTA_COMPONENT_LEN - g->suffix_len, name + len - g->suffix_len,
		   g->suffix_len) != 0)
		return false;
	for (size_t i = g->prefix_len; i + g->suffix_len < len; i++)
		state = zta_glob_middle_step(g, state, (unsigned char)name[i]);
	return state >> g->middle_len & 1;
}

void globs_step(const struct image_patterns *patterns, unsigned slot,
		const struct zta_cgstate *parent, const char *component_name,
		struct zta_cgstate *ret)
{
	size_t len = strlen(component_name), n = 0;
	uint32_t found[ZTA_GLOB_STATES * (1 + ZTA_GLOBS_PER_NODE)];

	for (size_t i = 0; i < ZTA_GLOB_STATES && parent->nodes[slot][i]; i++) {
		const struct zta_glob_node *node = &patterns->nodes[parent->nodes[slot][i]];
		uint32_t child = find_literal(patterns, parent->nodes[slot][i], component_name,
					      len);

		if (child)
			found[n++] = child;
		for (uint32_t k = 0; k < node->globs; k++)
			if (globs_match(&patterns->globs[node->first_glob + k], component_name,
					len))
				found[n++] = patterns->globs[node->first_glob + k].child;
	}
	memset(ret->nodes[slot], 0, sizeof(ret->nodes[slot]));
	ret->entry[slot] = parent->entry[slot];
	ret->profile[slot] = parent->profile[slot];
	for (size_t i = 0; i < n && i < ZTA_GLOB_STATES; i++) { /* the compiler refused more */
		ret->nodes[slot][i] = (uint16_t)found[i];
		if (patterns->nodes[found[i]].entry < ret->entry[slot]) {
			ret->entry[slot] = patterns->nodes[found[i]].entry;
			ret->profile[slot] = patterns->nodes[found[i]].profile;
		}
	}
}

static bool component_matches(const char *pattern, size_t n, const char *name, size_t len)
{
	size_t p = 0, i = 0, star = n, from = 0;

	while (i < len) {
		if (p < n && pattern[p] == '*') {
			star = p++;
			from = i;
		} else if (p < n && pattern[p] == name[i]) {
			p++;
			i++;
		} else if (star < n) { /* the last '*' takes one byte more */
			p = star + 1;
			i = ++from;
		} else {
			return false;
		}
	}
	while (p < n && pattern[p] == '*')
		p++;
	return p == n;
}

/* Does the pattern match the path or one above it? */
static bool pattern_matches(const char *pattern, const char *path)
{
	size_t n, len;

	for (pattern = component(pattern, &n); n; pattern = component(pattern + n, &n)) {
		path = component(path, &len);
		if (!len || !component_matches(pattern, n, path, len))
			return false;
		path += len;
	}
	return true;
}

int policy_workload_of(const struct policy *p, const char *cgroup_path)
{
	for (size_t i = 0; i < p->n_workloads; i++)
		if (p->workloads[i].cgroup && pattern_matches(p->workloads[i].cgroup, cgroup_path))
			return (int)i;
	return -1;
}
