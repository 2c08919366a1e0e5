// SPDX-License-Identifier: Apache-2.0
#include "base/utf8.h"

#include <string.h>

#include "base/buf.h"

size_t utf8_len(const char *s, size_t len)
{
	const unsigned char *u = (const unsigned char *)s;
	unsigned char lo = 0x80, hi = 0xbf; /* of the second byte */
	size_t n;

	if (!len)
		return 0;
	if (*u < 0x80)
		return 1;
	if (*u < 0xc2 || *u > 0xf4)
		return 0;
	n = *u < 0xe0 ? 2 : *u < 0xf0 ? 3 : 4;
	if (*u == 0xe0)
		lo = 0xa0; /* shorter form */
	else if (*u == 0xed)
		hi = 0x9f; /* surrogates */
	else if (*u == 0xf0)
		lo = 0x90; /* shorter form */
	else if (*u == 0xf4)
		hi = 0x8f; /* above U+10FFFF */
	if (len < n || u[1] < lo || u[1] > hi)
		return 0;
	for (size_t i = 2; i < n; i++)
		if (u[i] < 0x80 || u[i] > 0xbf)
			return 0;
	return n;
}

bool utf8_valid(const char *s)
{
	size_t len = strlen(s), n;

	for (; len; s += n, len -= n) {
		n = utf8_len(s, len);
		if (!n)
			return false;
	}
	return true;
}

json_t *utf8_json(const char *bytes, size_t len)
{
	_cleanup_buf_ struct buf b = {};

	for (size_t at = 0; at < len;) {
		size_t n = utf8_len(bytes + at, len - at);
		int r = n ? buf_add(&b, bytes + at, n) : buf_puts(&b, "\xef\xbf\xbd");

		if (r < 0)
			return NULL;
		at += n ? n : 1;
	}
	return json_stringn(b.data ? b.data : "", b.len);
}
