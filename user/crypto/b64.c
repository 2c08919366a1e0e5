// SPDX-License-Identifier: Apache-2.0
#include "crypto/b64.h"

#include <errno.h>
#include <stdint.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void b64_encode(const void *data, size_t len, char *out)
{
	const uint8_t *in = data;

	for (size_t i = 0; i < len; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		uint32_t v = (uint32_t)in[i] << 16 | (uint32_t)(n > 1 ? in[i + 1] : 0) << 8 |
			     (n > 2 ? in[i + 2] : 0);

		for (size_t k = 0; k <= n; k++)
			*out++ = alphabet[v >> (18 - 6 * k) & 63];
	}
	*out = '\0';
}

static int value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '-' ? 62 : c == '_' ? 63 : -1;
}

int b64_decode(const char *text, size_t len, void *out, size_t size)
{
	uint8_t *to = out;
	size_t used = 0;
	uint32_t bits = 0;
	unsigned int n = 0;

	if (len % 4 == 1)
		return -EBADMSG;
	for (size_t i = 0; i < len; i++) {
		int v = value(text[i]);

		if (v < 0)
			return -EBADMSG;
		bits = bits << 6 | (uint32_t)v;
		n += 6;
		if (n < 8)
			continue;
		n -= 8;
		if (used == size)
			return -ENOBUFS;
		to[used++] = (uint8_t)(bits >> n);
	}
	return bits & ((1U << n) - 1) ? -EBADMSG : (int)used;
}
