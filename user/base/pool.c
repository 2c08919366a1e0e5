// SPDX-License-Identifier: Apache-2.0
#include "base/pool.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* One block for each request: AddressSanitizer and valgrind then see every overrun. */
struct pool_block {
	struct pool_block *next;
	alignas(max_align_t) char data[];
};

void *pool_alloc(struct pool *p, size_t n, size_t size)
{
	struct pool_block *b;
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes) || bytes > SIZE_MAX - sizeof(*b))
		return NULL;
	b = calloc(1, sizeof(*b) + bytes);
	if (!b)
		return NULL;
	b->next = p->blocks;
	p->blocks = b;
	return b->data;
}

void *pool_copy(struct pool *p, const void *data, size_t n, size_t size)
{
	void *copy = pool_alloc(p, n, size);

	if (copy && n)
		memcpy(copy, data, n * size);
	return copy;
}

char *pool_strdup(struct pool *p, const char *s)
{
	return pool_copy(p, s, strlen(s) + 1, 1);
}

void pool_free(struct pool *p)
{
	while (p->blocks) {
		struct pool_block *b = p->blocks;

		p->blocks = b->next;
		free(b);
	}
}
