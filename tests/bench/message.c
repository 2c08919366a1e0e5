// SPDX-License-Identifier: Apache-2.0
#include "message.h"

#include <err.h>
#include <string.h>

#define TTL_S	    60
#define HEAD_BYTES  12
#define RECORD_HEAD 5
#define EXT_NAME    0
#define EXT_KEYS    51
#define EXT_PADDING 21

static uint8_t *put16(uint8_t *at, unsigned value)
{
	at[0] = value >> 8;
	at[1] = value;
	return at + 2;
}

static uint8_t *put32(uint8_t *at, uint32_t value)
{
	return put16(put16(at, value >> 16), value & 0xffff);
}

size_t message_query(uint8_t *m, const char *name)
{
	uint8_t *at = m + HEAD_BYTES;

	memset(m, 0, HEAD_BYTES);
	m[2] = 1; /* recursion is desired */
	m[5] = 1; /* question */
	while (*name) {
		size_t n = strcspn(name, ".");

		*at++ = n;
		memcpy(at, name, n);
		at += n;
		name += n + (name[n] == '.');
	}
	*at++ = 0;
	return put16(put16(at, 1), 1) - m;
}

size_t message_answer(uint8_t *m, size_t size, unsigned addresses, uint32_t first)
{
	uint8_t *at = m + size;

	m[2] |= 0x80;
	m[3] = 0x80;
	put16(m + 6, addresses);
	if (size + addresses * 16 > MESSAGE_MAX)
		errx(1, "%u addresses do not fit", addresses);
	for (unsigned i = 0; i < addresses; i++) {
		at = put16(at, 0xc000 | HEAD_BYTES);
		at = put16(put16(at, 1), 1);
		at = put16(put32(at, TTL_S), 4);
		at = put32(at, first + i);
	}
	return at - m;
}

void message_hello(uint8_t *m, size_t size, const char *name)
{
	size_t n = strlen(name);
	uint8_t *at = m, *extensions, *end = m + size;

	if (size < 200 + n || size > MESSAGE_MAX)
		errx(1, "no ClientHello has %zu octets", size);
	memset(m, 0x5a, size);
	*at++ = 0x16; /* handshake */
	at = put16(at, 0x0301);
	at = put16(at, size - RECORD_HEAD);
	*at++ = 1; /* ClientHello */
	*at++ = 0;
	at = put16(at, size - RECORD_HEAD - 4);
	at = put16(at, 0x0303);
	at += 32; /* random */
	*at++ = 32;
	at += 32;		      /* session */
	at = put16(at, 32) + 32;      /* ciphers */
	at = put16(at, 0x0100);	      /* no compression */
	at = put16(at, end - at - 2); /* extensions */
	extensions = at;
	at = put16(put16(at, EXT_NAME), n + 5);
	at = put16(at, n + 3);
	*at++ = 0; /* a host's */
	at = put16(at, n);
	memcpy(at, name, n);
	at += n;
	at = put16(put16(at, EXT_KEYS), 36) + 36;
	at = put16(put16(at, EXT_PADDING), end - at - 4);
	if (at < extensions || at > end)
		errx(1, "the name does not fit");
}
