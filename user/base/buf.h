/* SPDX-License-Identifier: Apache-2.0 */
/* A byte buffer that grows. All zero is an empty one. */
#pragma once

#include <stddef.h>

#include "base/cleanup.h"

struct buf {
	char *data; /* NUL-terminated once anything was added; NULL before */
	size_t len; /* without that NUL */
	size_t room;
};

/* Each returns 0 or -ENOMEM, and leaves the buffer as it was on failure. */
int buf_add(struct buf *b, const void *data, size_t len);
int buf_puts(struct buf *b, const char *s);
int buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int buf_reserve(struct buf *b, size_t more); /* room for @more bytes and a NUL */

/* Drops the first @n bytes. */
void buf_consume(struct buf *b, size_t n);

/* The bytes as a string that the caller frees; the buffer is empty then. NULL without memory. */
char *buf_take(struct buf *b);

void buf_free(struct buf *b);
#define _cleanup_buf_ _cleanup_(buf_free)
