// SPDX-License-Identifier: Apache-2.0
#include "policy/compile_intern.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* FNV-1a. Who writes policy is trusted: collisions cost time, never a wrong answer. */
static uint64_t hash_bytes(const uint8_t *v, size_t n)
{
	uint64_t h = 0xcbf29ce484222325ULL;

	for (size_t i = 0; i < n; i++)
		h = (h ^ v[i]) * 0x100000001b3ULL;
	return h;
}

static int grow_slots(struct intern *t)
{
	size_t n = t->n_slots ? t->n_slots * 2 : 1024;
	struct intern_slot *slots = calloc(n, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	for (size_t i = 0; i < t->n_slots; i++) {
		size_t at = t->slots[i].hash & (n - 1);

		if (!t->slots[i].count)
			continue;
		while (slots[at].count)
			at = (at + 1) & (n - 1);
		slots[at] = t->slots[i];
	}
	free(t->slots);
	t->slots = slots;
	t->n_slots = n;
	return 0;
}

static int append(struct intern *t, const void *v, uint32_t n)
{
	size_t room = t->room ? t->room : 256;
	void *p;

	while (room < t->n + n)
		room *= 2;
	if (room != t->room) {
		p = reallocarray(t->v, room, t->size);
		if (!p)
			return -ENOMEM;
		t->v = p;
		t->room = room;
	}
	memcpy(t->v + t->n * t->size, v, n * t->size);
	t->n += n;
	return 0;
}

int intern_run(struct intern *t, const void *v, uint32_t n, uint32_t *ret_first, bool *ret_new)
{
	uint64_t hash = hash_bytes(v, n * t->size);
	size_t at;
	int r;

	if (t->used * 2 >= t->n_slots) {
		r = grow_slots(t);
		if (r < 0)
			return r;
	}
	for (at = hash & (t->n_slots - 1); t->slots[at].count; at = (at + 1) & (t->n_slots - 1)) {
		const struct intern_slot *s = &t->slots[at];

		if (s->hash == hash && s->count == n &&
		    !memcmp(t->v + s->first * t->size, v, n * t->size)) {
			*ret_first = s->first;
			if (ret_new)
				*ret_new = false;
			return 0;
		}
	}
	r = append(t, v, n);
	if (r < 0)
		return r;
	t->slots[at] = (struct intern_slot){ hash, (uint32_t)(t->n - n), n };
	t->used++;
	*ret_first = t->slots[at].first;
	if (ret_new)
		*ret_new = true;
	return 0;
}

void intern_free(struct intern *t)
{
	free(t->v);
	free(t->slots);
	*t = (struct intern){ .size = t->size };
}
