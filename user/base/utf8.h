/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 in text that somebody else chose. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Bytes of the UTF-8 sequence at @s (RFC 3629, table 3-7 of Unicode), 0 = not one. */
size_t utf8_len(const char *s, size_t len);

bool utf8_valid(const char *s);

/* A JSON string from any bytes: each that is not UTF-8 becomes U+FFFD. NULL when out of memory. */
json_t *utf8_json(const char *bytes, size_t len);
