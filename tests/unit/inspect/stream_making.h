/* SPDX-License-Identifier: Apache-2.0 */
/* First flights to read, and that they are read alike however they come. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stream_reading.h"

#define FLIGHT_MAX 24000

static struct reading whole, parts;

struct flight {
	uint8_t octets[FLIGHT_MAX];
	uint32_t n;
};

static inline const char *told_of(uint32_t flags, const uint8_t *octets, uint32_t n)
{
	uint8_t *copy = malloc(n ? n : 1); /* what reads behind its end is seen by ASan */

	assert_non_null(copy);
	memcpy(copy, octets, n);
	reading_begin(&whole, flags);
	reading_take(&whole, copy, n);
	free(copy);
	assert_false(whole.wild);
	return whole.told;
}

/* In any two pieces, octet by octet, and in pieces of 3: the same is told as of the whole. */
static inline void same_in_pieces(uint32_t flags, const uint8_t *octets, uint32_t n)
{
	for (uint32_t cut = 0; cut <= n; cut++) {
		reading_begin(&parts, flags);
		reading_take(&parts, octets, cut);
		reading_take(&parts, octets + cut, n - cut);
		assert_string_equal(parts.told, whole.told);
		assert_false(parts.wild);
	}
	for (uint32_t size = 1; size <= 3; size += 2) {
		reading_begin(&parts, flags);
		for (uint32_t at = 0; at < n; at += size)
			reading_take(&parts, octets + at, n - at < size ? n - at : size);
		assert_string_equal(parts.told, whole.told);
	}
}

static inline void expect(uint32_t flags, const uint8_t *octets, uint32_t n, const char *want)
{
	assert_string_equal(told_of(flags, octets, n), want);
	same_in_pieces(flags, octets, n);
}

static inline void expect_text(uint32_t flags, const char *text, const char *want)
{
	expect(flags, (const uint8_t *)text, strlen(text), want);
}

struct maker {
	struct flight f;
	uint32_t extensions; /* where their length stands */
};

static inline void put(struct maker *m, const void *octets, uint32_t n)
{
	assert_true(m->f.n + n <= FLIGHT_MAX);
	if (octets)
		memcpy(m->f.octets + m->f.n, octets, n);
	else
		memset(m->f.octets + m->f.n, 0, n);
	m->f.n += n;
}

static inline void put16(struct maker *m, uint32_t v)
{
	uint8_t two[2] = { v >> 8, v };

	put(m, two, 2);
}

static inline void set16(struct maker *m, uint32_t at, uint32_t v)
{
	m->f.octets[at] = v >> 8;
	m->f.octets[at + 1] = v;
}

/* Up to the extensions; their length is put by finish(). */
static inline void start(struct maker *m)
{
	static const uint8_t head[] = { 0x16, 3, 1, 0, 0, 1, 0, 0, 0, 3, 3 };
	static const uint8_t suites[] = { 0, 2, 0x13, 1, 1, 0 };

	m->f.n = 0;
	put(m, head, sizeof(head));
	put(m, NULL, 32 + 1);
	put(m, suites, sizeof(suites));
	m->extensions = m->f.n;
	put16(m, 0);
}

static inline void put_extension(struct maker *m, uint32_t kind, const void *octets, uint32_t n)
{
	put16(m, kind);
	put16(m, n);
	put(m, octets, n);
}

static inline void put_server_name(struct maker *m, const char *name, uint32_t n)
{
	put16(m, ZTA_STREAM_EXT_NAME);
	put16(m, n + 5);
	put16(m, n + 3);
	put(m, "", 1);
	put16(m, n);
	put(m, name, n);
}

static inline void finish(struct maker *m)
{
	set16(m, m->extensions, m->f.n - m->extensions - 2);
	set16(m, 3, m->f.n - 5);
	set16(m, 7, m->f.n - 9);
}

static struct maker made;
