/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256, by libcrypto. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define HASH_BYTES   32
#define HASH_HEX_LEN 65 /* with the NUL */

/* Return: 0 or -EIO (libcrypto refused, for instance in a FIPS set-up without it). */
int hash_sha256(const void *data, size_t len, uint8_t ret[HASH_BYTES]);
int hash_sha256_hex(const void *data, size_t len, char ret[HASH_HEX_LEN]);
