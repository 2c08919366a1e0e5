// SPDX-License-Identifier: Apache-2.0
#include "base/map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_MIN 64

struct map_slot {
	size_t at; /* in bytes, + 1; 0 = free */
	size_t len;
	size_t value;
	uint64_t hash;
};

/* FNV-1a, folded once more because the low bits choose the slot. */
static uint64_t hash_of(const void *key, size_t len)
{
	const unsigned char *s = key;
	uint64_t h = 0xcbf29ce484222325ULL;

	for (size_t i = 0; i < len; i++)
		h = (h ^ s[i]) * 0x100000001b3ULL;
	return h ^ h >> 32;
}

/* The key's slot, or the free one where it belongs. The map is never full. */
static struct map_slot *find(const struct map *m, const void *key, size_t len, uint64_t hash)
{
	for (size_t i = hash & (m->room - 1);; i = (i + 1) & (m->room - 1)) {
		struct map_slot *s = &m->slots[i];

		if (!s->at ||
		    (s->hash == hash && s->len == len && !memcmp(m->bytes + s->at - 1, key, len)))
			return s;
	}
}

static int grow(struct map *m)
{
	size_t room = m->room ? m->room * 2 : ROOM_MIN;
	struct map_slot *slots = calloc(room, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	for (size_t i = 0; i < m->room; i++) {
		size_t to = m->slots[i].hash & (room - 1);

		if (!m->slots[i].at)
			continue;
		while (slots[to].at)
			to = (to + 1) & (room - 1);
		slots[to] = m->slots[i];
	}
	free(m->slots);
	m->slots = slots;
	m->room = room;
	return 0;
}

static int keep_key(struct map *m, const void *key, size_t len)
{
	if (!m->bytes || m->bytes_len + len > m->bytes_room) {
		size_t room = (m->bytes_len + len) * 2 + ROOM_MIN;
		char *bytes = realloc(m->bytes, room);

		if (!bytes)
			return -ENOMEM;
		m->bytes = bytes;
		m->bytes_room = room;
	}
	if (len)
		memcpy(m->bytes + m->bytes_len, key, len);
	m->bytes_len += len;
	return 0;
}

int map_put(struct map *m, const void *key, size_t len, size_t value)
{
	uint64_t hash = hash_of(key, len);
	struct map_slot *s;
	int r;

	if (m->n >= m->room / 2) {
		r = grow(m);
		if (r < 0)
			return r;
	}
	s = find(m, key, len, hash);
	if (s->at)
		return 0;
	r = keep_key(m, key, len);
	if (r < 0)
		return r;
	*s = (struct map_slot){ m->bytes_len - len + 1, len, value, hash };
	m->n++;
	return 1;
}

bool map_get(const struct map *m, const void *key, size_t len, size_t *ret_value)
{
	const struct map_slot *s;

	if (!m->room)
		return false;
	s = find(m, key, len, hash_of(key, len));
	if (!s->at)
		return false;
	*ret_value = s->value;
	return true;
}

void map_free(struct map *m)
{
	free(m->slots);
	free(m->bytes);
	*m = (struct map){};
}
