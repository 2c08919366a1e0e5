// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation
 *
 * Which of the named rules of a (profile, pattern) pair decides may depend on the address: one with
 * `within` holds only inside its prefixes, and one that allows without `within` never opens a
 * private address. Such a pair gets a scope of its own in the prefix trie, where every node carries
 * the list that holds there, in order of precedence, so that the first entry decides again. In
 * private ranges what allows without `within` stands last: to reach it means that nothing else
 * matched (reason `rebinding`).
 */
#include "policy/compile_parts.h"

#include <errno.h>
#include <stdio.h>

#define RULES_MAX 64 /* bits of trie_value.within */

enum kind { KIND_EVERYWHERE, KIND_PRIVATE, KIND_WITHIN };

struct scope {
	const uint32_t *rules;
	size_t n;
};

static bool opens_public(const struct policy_rule *r)
{
	return r->action == POLICY_ACTION_ALLOW && !r->has_within;
}

static int merge_within(struct compile *c, void *ctx, const struct trie_entry *own, size_t n,
			struct trie_value *value)
{
	const struct scope *s = ctx;
	struct rule_list l = {};

	for (size_t i = 0; i < n; i++) {
		if (own[i].kind == KIND_WITHIN)
			value->within |= 1ULL << own[i].ref;
		else if (own[i].kind == KIND_PRIVATE)
			value->private_range = true;
	}
	for (unsigned last = 0; last < 2; last++) {
		for (size_t i = 0; i < s->n; i++) {
			const struct policy_rule *r = &c->policy->rules[s->rules[i]];

			if (r->has_within && !(value->within & 1ULL << i))
				continue;
			if ((value->private_range && opens_public(r)) == (last == 1))
				rule_list_add(&l, c->policy, s->rules[i], 0);
		}
	}
	return rule_list_store(c, &l, s->rules[0], "a name", &value->prefix.rules);
}

static int build(struct compile *c, uint32_t scope_id, struct scope *s)
{
	static const struct policy_prefix everything[] = { { .addr = { .family = ZTA_V4 } },
							   { .addr = { .family = ZTA_V6 } } };
	const struct trie_ops ops = { .merge = merge_within, .ctx = s };
	struct trie_entries t = {};
	bool everywhere = false;
	int r;

	r = trie_add_all(&t, &c->policy->private_ranges, KIND_PRIVATE, 0);
	for (size_t i = 0; r >= 0 && i < s->n; i++) {
		const struct policy_rule *rule = &c->policy->rules[s->rules[i]];

		if (rule->has_within)
			r = trie_add_all(&t, &rule->within, KIND_WITHIN, (uint32_t)i);
		else
			everywhere = true;
	}
	for (size_t i = 0; r >= 0 && everywhere && i < 2; i++)
		r = trie_add(&t, &everything[i], KIND_EVERYWHERE, 0);
	if (r >= 0)
		r = trie_build(c, scope_id, &t, &ops);
	trie_free(&t);
	return r;
}

int compile_within(struct compile *c, const uint32_t *v, size_t n, struct zta_list *ret)
{
	struct scope s = { .rules = v, .n = n };
	uint32_t first;
	bool fresh;
	int r;

	*ret = (struct zta_list){};
	if (n > RULES_MAX) {
		if (c->long_lists++ == 0)
			(void)compile_refuse(c, c->policy->rules[v[0]].path,
					     "a name can match %zu rules, %d fit beside `within`",
					     n, RULES_MAX);
		return 0;
	}
	r = intern_run(&c->scopes, v, (uint32_t)n, &first, &fresh);
	if (r < 0)
		return r;
	ret->first = first + 1; /* unique, as runs do not overlap */
	ret->flags = ZTA_LIST_WITHIN;
	if (ZTA_SCOPE_WITHIN + ret->first >= ZTA_SCOPE_GLOBAL)
		return -E2BIG; /* far behind ZTA_NAMED_MAX */
	return fresh ? build(c, ZTA_SCOPE_WITHIN + ret->first, &s) : 0;
}
