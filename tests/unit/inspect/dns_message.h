/* SPDX-License-Identifier: Apache-2.0 */
/* DNS messages, put together octet by octet: what a resolver sends, and what none would. */
#pragma once

#include <assert.h>
#include <stdint.h>
#include <string.h>

struct message {
	uint8_t bytes[70000];
	size_t len;
};

static inline void put8(struct message *m, unsigned int v)
{
	assert(m->len < sizeof(m->bytes));
	m->bytes[m->len++] = (uint8_t)v;
}

static inline void put16(struct message *m, unsigned int v)
{
	put8(m, v >> 8);
	put8(m, v & 0xff);
}

static inline void put32(struct message *m, uint32_t v)
{
	put16(m, v >> 16);
	put16(m, v & 0xffff);
}

static inline void put_bytes(struct message *m, const void *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		put8(m, ((const uint8_t *)bytes)[i]);
}

/* "a.example": labels between dots, as they stand; "" is the root. */
static inline void put_name(struct message *m, const char *name)
{
	while (*name) {
		size_t n = strcspn(name, ".");

		put8(m, n);
		put_bytes(m, name, n);
		name += n + (name[n] == '.');
	}
	put8(m, 0);
}

static inline void put_pointer(struct message *m, size_t to)
{
	put16(m, 0xc000 | to);
}

static inline void put_header(struct message *m, unsigned int flags, unsigned int questions,
			      unsigned int answers)
{
	put16(m, 0x1234);
	put16(m, flags);
	put16(m, questions);
	put16(m, answers);
	put32(m, 0);
}

/* What stands between a record's owner and its data. */
static inline void put_fixed(struct message *m, unsigned int type, uint32_t ttl, size_t len)
{
	put16(m, type);
	put16(m, 1);
	put32(m, ttl);
	put16(m, len);
}

/* Header and question of a response, to which the question's name stands at octet 12. */
static inline void put_response(struct message *m, const char *name, unsigned int type,
				unsigned int answers)
{
	m->len = 0;
	put_header(m, 0x8180, 1, answers);
	put_name(m, name);
	put16(m, type);
	put16(m, 1);
}

static inline void put_a(struct message *m, const char *owner, uint32_t ttl, uint32_t addr)
{
	put_name(m, owner);
	put_fixed(m, 1, ttl, 4);
	put32(m, addr);
}

static inline void put_aaaa(struct message *m, const char *owner, uint32_t ttl,
			    const uint8_t addr[16])
{
	put_name(m, owner);
	put_fixed(m, 28, ttl, 16);
	put_bytes(m, addr, 16);
}

static inline void put_cname(struct message *m, const char *owner, const char *target)
{
	size_t at;

	put_name(m, owner);
	put_fixed(m, 5, 60, 0);
	at = m->len;
	put_name(m, target);
	m->bytes[at - 2] = (uint8_t)((m->len - at) >> 8);
	m->bytes[at - 1] = (uint8_t)(m->len - at);
}
