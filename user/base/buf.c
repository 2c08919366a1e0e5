// SPDX-License-Identifier: Apache-2.0
#include "base/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_MIN 256

int buf_reserve(struct buf *b, size_t more)
{
	size_t need, room;
	char *data;

	if (__builtin_add_overflow(b->len, more, &need) || need > SIZE_MAX / 2 - ROOM_MIN)
		return -ENOMEM;
	need++;
	if (need <= b->room)
		return 0;

	room = need < b->room * 2 ? b->room * 2 : need;
	room = room < ROOM_MIN ? ROOM_MIN : room;
	data = realloc(b->data, room);
	if (!data)
		return -ENOMEM;
	data[b->len] = '\0';
	b->data = data;
	b->room = room;
	return 0;
}

int buf_add(struct buf *b, const void *data, size_t len)
{
	int r;

	r = buf_reserve(b, len);
	if (r < 0)
		return r;
	if (len)
		memcpy(b->data + b->len, data, len);
	b->len += len;
	b->data[b->len] = '\0';
	return 0;
}

int buf_puts(struct buf *b, const char *s)
{
	return buf_add(b, s, strlen(s));
}

int buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list args;
	int n, r;

	va_start(args, fmt);
	n = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (n < 0)
		return -ENOMEM;

	r = buf_reserve(b, n);
	if (r < 0)
		return r;
	va_start(args, fmt);
	(void)vsnprintf(b->data + b->len, (size_t)n + 1, fmt, args); /* measured above */
	va_end(args);
	b->len += n;
	return 0;
}

void buf_consume(struct buf *b, size_t n)
{
	if (n >= b->len) {
		b->len = 0;
	} else {
		memmove(b->data, b->data + n, b->len - n);
		b->len -= n;
	}
	if (b->data)
		b->data[b->len] = '\0';
}

char *buf_take(struct buf *b)
{
	char *data;

	if (buf_reserve(b, 0) < 0)
		return NULL;
	data = b->data;
	*b = (struct buf){};
	return data;
}

void buf_free(struct buf *b)
{
	free(b->data);
	*b = (struct buf){};
}
