/* SPDX-License-Identifier: Apache-2.0 */
/* Strings, and the textual forms of durations and times. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RFC3339_LEN 40 /* room for rfc3339_format() */

/* New string, caller frees; NULL without memory. */
char *str_dup_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

bool str_eq(const char *a, const char *b); /* NULL equals only NULL */
bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);

/* The @n strings with @separator between them: new string, caller frees; NULL without memory. */
char *str_join(const char *const *v, size_t n, const char *separator);

/**
 * duration_parse() - "200ms", "90s", "10m", "24h", "90d" as nanoseconds
 *
 * Digits and one unit, nothing else. Return: 0, -EINVAL or -ERANGE (over 2^63 ns).
 */
int duration_parse(const char *text, uint64_t *ret_ns);

/* RFC 3339, UTC, nine decimals: "2026-11-23T20:25:01.123456789Z". */
void rfc3339_format(uint64_t realtime_ns, char ret[RFC3339_LEN]);

/**
 * rfc3339_parse() - RFC 3339 as nanoseconds since 1970
 *
 * Date, 'T' (or 't', or a space), time, up to nine decimals, 'Z' or an offset. A leap second is
 * read as the second after it. Return: 0, -EINVAL or -ERANGE (before 1970 or after 2262).
 */
int rfc3339_parse(const char *text, uint64_t *ret_ns);

/* "2027-06-30" as the first second of that day, UTC. Return: 0 or -EINVAL (no such day too). */
int date_parse(const char *text, int64_t *ret_s);
