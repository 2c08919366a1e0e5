// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation
 *
 * The kernel asks a trie once and gets the longest prefix; so each node must say all that shorter
 * prefixes of its scope say too. Entries are sorted by (family, address, length): a prefix then
 * stands directly before everything that it holds. One pass keeps the prefixes that hold the
 * current one on a stack (at most one for each length) and merges with the innermost. A node that
 * would say the same as the one that holds it is left out.
 */
#include "policy/compile_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/prefix.h"

#define DEPTH_MAX 130 /* lengths 0..128, and the empty value at the bottom */

int trie_add(struct trie_entries *t, const struct policy_prefix *p, uint32_t kind, uint32_t ref)
{
	if (t->n == t->room) {
		size_t room = t->room ? t->room * 2 : 64;
		struct trie_entry *v = reallocarray(t->v, room, sizeof(*v));

		if (!v)
			return -ENOMEM;
		t->v = v;
		t->room = room;
	}
	t->v[t->n++] = (struct trie_entry){ .prefix = *p, .kind = kind, .ref = ref };
	return 0;
}

int trie_add_all(struct trie_entries *t, const struct policy_prefixes *p, uint32_t kind,
		 uint32_t ref)
{
	for (size_t i = 0; i < p->n; i++)
		if (trie_add(t, &p->v[i], kind, ref) < 0)
			return -ENOMEM;
	return 0;
}

void trie_free(struct trie_entries *t)
{
	free(t->v);
	*t = (struct trie_entries){};
}

static int compare_entry(const void *x, const void *y)
{
	const struct trie_entry *a = x, *b = y;
	int r = prefix_compare(&a->prefix, &b->prefix);

	if (r)
		return r;
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	return a->ref < b->ref ? -1 : a->ref > b->ref;
}

static int emit(struct compile *c, uint32_t scope_id, const struct policy_prefix *prefix,
		const struct zta_prefix *value)
{
	struct policy_image *image = c->image;
	struct image_prefix *p;

	c->need_prefixes++;
	if (c->need_prefixes > COMPILE_GIVE_UP * (uint64_t)ZTA_PREFIX_NODES)
		return -E2BIG;
	if (c->need_prefixes > ZTA_PREFIX_NODES)
		return 0; /* counted for the error, never written */
	if (image->n_prefixes == c->room_prefixes) {
		size_t room = c->room_prefixes * 2;

		p = reallocarray(image->prefixes, room, sizeof(*p));
		if (!p)
			return -ENOMEM;
		image->prefixes = p;
		c->room_prefixes = room;
	}
	p = &image->prefixes[image->n_prefixes++];
	*p = (struct image_prefix){
		.key = { .prefixlen = 32 + prefix->len,
			 .scope = ZTA_SCOPE(scope_id, prefix->addr.family) },
		.value = *value,
	};
	memcpy(p->key.addr, prefix->addr.w, sizeof(p->key.addr));
	return 0;
}

int trie_build(struct compile *c, uint32_t scope_id, struct trie_entries *t,
	       const struct trie_ops *ops)
{
	struct {
		const struct policy_prefix *prefix;
		struct trie_value value;
	} stack[DEPTH_MAX];
	size_t depth = 0, same;
	int r;

	if (t->n)
		qsort(t->v, t->n, sizeof(*t->v), compare_entry);
	stack[0].prefix = NULL;
	stack[0].value = (struct trie_value){};
	for (size_t i = 0; i < t->n; i += same) {
		for (same = 1; i + same < t->n; same++)
			if (prefix_compare(&t->v[i].prefix, &t->v[i + same].prefix))
				break;
		while (depth && !prefix_covers(stack[depth].prefix, &t->v[i].prefix))
			depth--;
		stack[depth + 1] = stack[depth];
		depth++;
		stack[depth].prefix = &t->v[i].prefix;
		r = ops->merge(c, ops->ctx, &t->v[i], same, &stack[depth].value);
		if (r < 0)
			return r;
		if (!memcmp(&stack[depth].value.prefix, &stack[depth - 1].value.prefix,
			    sizeof(struct zta_prefix)))
			continue;
		r = emit(c, scope_id, &t->v[i].prefix, &stack[depth].value.prefix);
		if (r < 0)
			return r;
	}
	return 0;
}
