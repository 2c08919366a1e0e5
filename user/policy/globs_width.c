// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation
 *
 * Which children of a node can one name reach together? A literal one, and with it every glob that
 * matches that name; or globs alone: those whose prefixes begin alike and whose suffixes end alike
 * (what stands between two '*' can only make them fewer).
 * Each such set is found from its longest prefix and longest suffix. The widest level below a node
 * is that of the set whose members' own widths add up to most; children have higher numbers than
 * their parents, so one pass from the last node to the first has them at hand.
 */
#include "policy/globs_width.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "policy/globs.h"

/* Of one node: how many nodes below it, or itself, a path can stand on n levels down. */
struct width {
	uint16_t at[ZTA_CGROUP_LEVELS + 1];
};

/* Levels of the children's sum, one further down. */
static void add(struct width *sum, const struct width *child)
{
	for (size_t i = 0; i < ZTA_CGROUP_LEVELS; i++) {
		unsigned v = sum->at[i + 1] + child->at[i];

		sum->at[i + 1] = (uint16_t)(v < UINT16_MAX ? v : UINT16_MAX);
	}
}

static void widen(struct width *w, const struct width *sum)
{
	for (size_t i = 1; i <= ZTA_CGROUP_LEVELS; i++)
		if (sum->at[i] > w->at[i])
			w->at[i] = sum->at[i];
}

static const char *suffix_of(const struct zta_glob *g)
{
	return g->suffix + ZTA_COMPONENT_LEN - g->suffix_len;
}

/* Does @g match every name that begins with @prefix's prefix and ends with @suffix's suffix? */
static bool goes_with(const struct zta_glob *g, const struct zta_glob *prefix,
		      const struct zta_glob *suffix)
{
	if (g->prefix_len > prefix->prefix_len || g->suffix_len > suffix->suffix_len)
		return false;
	return !memcmp(g->prefix, prefix->prefix, g->prefix_len) &&
	       !memcmp(suffix_of(g), suffix->suffix + ZTA_COMPONENT_LEN - g->suffix_len,
		       g->suffix_len);
}

static void by_globs(const struct image_patterns *patterns, uint32_t node, struct width *widths)
{
	const struct zta_glob *v = patterns->globs + patterns->nodes[node].first_glob;
	size_t n = patterns->nodes[node].globs;

	for (size_t p = 0; p < n; p++) {
		for (size_t s = 0; s < n; s++) {
			struct width sum = {};

			for (size_t i = 0; i < n; i++)
				if (goes_with(&v[i], &v[p], &v[s]))
					add(&sum, &widths[v[i].child]);
			widen(&widths[node], &sum);
		}
	}
}

static void by_literal(const struct image_patterns *patterns, const struct image_literal *l,
		       struct width *widths)
{
	const struct zta_glob_node *node = &patterns->nodes[l->key.node];
	size_t len = strnlen(l->key.name, sizeof(l->key.name));
	struct width sum = {};

	add(&sum, &widths[l->child]);
	for (size_t i = 0; i < node->globs; i++) {
		const struct zta_glob *g = &patterns->globs[node->first_glob + i];

		if (globs_match(g, l->key.name, len))
			add(&sum, &widths[g->child]);
	}
	widen(&widths[l->key.node], &sum);
}

size_t globs_width(const struct image_patterns *patterns)
{
	_cleanup_free_ struct width *widths = calloc(patterns->n_nodes + 1, sizeof(*widths));
	size_t literal = patterns->n_literals, most = 0;

	if (!widths)
		return SIZE_MAX;
	for (size_t node = patterns->n_nodes - 1; node > 0; node--) {
		widths[node].at[0] = 1;
		by_globs(patterns, (uint32_t)node, widths);
		while (literal && patterns->literals[literal - 1].key.node == node)
			by_literal(patterns, &patterns->literals[--literal], widths);
	}
	for (size_t i = 0; i <= ZTA_CGROUP_LEVELS; i++)
		most = widths[1].at[i] > most ? widths[1].at[i] : most;
	return most;
}
