/* SPDX-License-Identifier: Apache-2.0 */
/* base64url without padding (RFC 4648, section 5; RFC 7515, appendix C). */
#pragma once

#include <stddef.h>

#define B64_LEN(n) (((n)*4 + 2) / 3 + 1) /* room for @n encoded octets and a NUL */

/* Writes text and NUL: B64_LEN(@len) bytes at @out. */
void b64_encode(const void *data, size_t len, char *out);

/**
 * b64_decode() - Strictly: the alphabet alone, no padding, no bits left over
 * @out:	@size bytes
 *
 * Return: octets written, -EBADMSG, or -ENOBUFS.
 */
int b64_decode(const char *text, size_t len, void *out, size_t size);
