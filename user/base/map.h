/* SPDX-License-Identifier: Apache-2.0 */
/* A hash from byte strings to numbers. Keys are copied. All zero is an empty one. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_slot;

struct map {
	struct map_slot *slots;
	size_t room; /* power of two */
	size_t n;
	char *bytes; /* the keys */
	size_t bytes_len, bytes_room;
};

/* Return: 1 (new), 0 (the key was there; its value stays), -ENOMEM. */
int map_put(struct map *m, const void *key, size_t len, size_t value);

bool map_get(const struct map *m, const void *key, size_t len, size_t *ret_value);

void map_free(struct map *m);
