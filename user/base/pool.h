/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that is released all at once, with the object that it belongs to. */
#pragma once

#include <stddef.h>

struct pool_block;

/* All zero is an empty one. */
struct pool {
	struct pool_block *blocks;
};

/* Each returns NULL without memory. pool_alloc() gives zeroes; (0 * anything) is not NULL. */
void *pool_alloc(struct pool *p, size_t n, size_t size);
void *pool_copy(struct pool *p, const void *data, size_t n, size_t size);
char *pool_strdup(struct pool *p, const char *s);

void pool_free(struct pool *p);
