// SPDX-License-Identifier: Apache-2.0
#include "crypto/rand.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

void rand_bytes(void *data, size_t len)
{
	char *at = data;

	while (len) {
		ssize_t n = getrandom(at, len, 0);

		if (n < 0 && errno != EINTR)
			abort(); /* there is no kernel without it */
		if (n > 0) {
			at += n;
			len -= (size_t)n;
		}
	}
}

uint64_t rand_below(uint64_t n)
{
	uint64_t v;

	rand_bytes(&v, sizeof(v));
	return n ? v % n : 0;
}

void rand_uuid(char ret[RAND_UUID_LEN])
{
	uint8_t b[16];

	rand_bytes(b, sizeof(b));
	b[6] = (b[6] & 0x0f) | 0x40;
	b[8] = (b[8] & 0x3f) | 0x80;
	(void)snprintf(ret, RAND_UUID_LEN, /* it fits */
		       "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
		       b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12],
		       b[13], b[14], b[15]);
}
