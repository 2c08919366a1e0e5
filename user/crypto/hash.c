// SPDX-License-Identifier: Apache-2.0
#include "crypto/hash.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>

int hash_sha256(const void *data, size_t len, uint8_t ret[HASH_BYTES])
{
	unsigned int n = HASH_BYTES;

	return EVP_Digest(data, len, ret, &n, EVP_sha256(), NULL) == 1 ? 0 : -EIO;
}

int hash_sha256_hex(const void *data, size_t len, char ret[HASH_HEX_LEN])
{
	uint8_t sum[HASH_BYTES];
	int r;

	r = hash_sha256(data, len, sum);
	if (r < 0)
		return r;
	for (int i = 0; i < HASH_BYTES; i++)
		(void)snprintf(ret + 2 * i, 3, "%02x", sum[i]);
	return 0;
}
