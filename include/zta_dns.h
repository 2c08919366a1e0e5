/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * DNS messages (RFC 1035), read from a buffer of fixed size: the same text in the kernel and in the
 * tests and fuzzers of user space.
 *
 * Theory of operation
 *
 * Whoever includes this defines zta_dns_name_at(d, at): zta_dns_name(), which the kernel puts
 * behind a global function. Every index is masked, so that no length has to be proved; every
 * position is compared with d->len before it is believed. A name is written backwards into d->text
 * (see zta_names.h) and hashed on the way. A compression pointer must lead to before the name that
 * holds it, each one further: no loops.
 *
 * An answer is read once, in order: a record counts when its owner is the question or what the
 * CNAMEs before it led to. What else an answer carries is not believed.
 */
#pragma once

#include "zta_dns_types.h"

static __always_inline __u32 zta_dns_name_at(struct zta_dns *d, __u32 at);

static __always_inline __u32 zta_dns_u8(const struct zta_dns *d, __u32 at)
{
	return d->m[at & (ZTA_DNS_BYTES - 1)];
}

static __always_inline __u32 zta_dns_u16(const struct zta_dns *d, __u32 at)
{
	return zta_dns_u8(d, at) << 8 | zta_dns_u8(d, at + 1);
}

static __always_inline __u32 zta_dns_u32(const struct zta_dns *d, __u32 at)
{
	return zta_dns_u16(d, at) << 16 | zta_dns_u16(d, at + 2);
}

/* One octet of a label: lower case; what no pattern may hold is 0xff. Without branches. */
static __always_inline __u32 zta_dns_fold(__u32 c)
{
	__u32 upper = (c - 'A') < 26U, odd = (c == '.') | (c == 0);

	return ((c + (upper << 5)) | (0U - odd)) & 0xff;
}

static __always_inline __u64 zta_dns_mix(__u64 hash, __u32 c)
{
	return (hash ^ c) * 0x100000001b3ULL;
}

/* 48 bits, never 0 */
static __always_inline __u64 zta_dns_finish(__u64 hash)
{
	hash ^= hash >> 29;
	hash *= 0xbf58476d1ce4e5b9ULL;
	return (hash >> 16) | 1;
}

/*
 * Make the verifier forget what it knows of a number below 65,536: what differs between two ways
 * through a loop would be a state of its own for each combination, and there are millions. Adds a
 * zero that it cannot see through.
 */
#define ZTA_DNS_FORGET(d, number) \
	((number) = ((number) ^ *(const volatile __u32 *)&(d)->zero) & 0xffff)

/**
 * zta_dns_name() - Read the name at an offset: d->text, d->name_len, d->hash
 *
 * Return: where it ends in the place it began, 0 when it is malformed.
 */
static __always_inline __u32 zta_dns_name(struct zta_dns *d, __u32 at)
{
	__u32 floor = at, end = 0, left = 0, n = 0;
	__u64 hash = d->seed;

	for (__u32 i = 0; i < ZTA_DNS_STEPS; i++) {
		__u32 c, place;

		ZTA_DNS_FORGET(d, at);
		ZTA_DNS_FORGET(d, floor);
		ZTA_DNS_FORGET(d, end);
		ZTA_DNS_FORGET(d, left);
		ZTA_DNS_FORGET(d, n);
		c = zta_dns_u8(d, at);
		if (at >= d->len)
			return 0;
		at++;
		if (!left) {
			if (c >= 0xc0) {
				__u32 to = (c & 0x3f) << 8 | zta_dns_u8(d, at);

				if (at >= d->len || to >= floor)
					return 0;
				if (!end)
					end = at + 1;
				floor = to;
				at = to;
				continue;
			}
			if (c >= 0x40)
				return 0;
			if (!c) {
				d->name_len = n;
				d->hash = zta_dns_finish(hash);
				d->text[ZTA_DNS_TEXT_LAST + 1] = 0;
				return end ? end : at;
			}
			left = c;
			if (!n)
				continue;
			c = '.';
		} else {
			left--;
			c = zta_dns_fold(c);
		}
		if (n >= ZTA_DNS_NAME_MAX)
			return 0;
		place = ZTA_DNS_TEXT_LAST - n;
		ZTA_KEEP(place);
		d->text[place & (ZTA_DNS_TEXT - 1)] = c;
		hash = zta_dns_mix(hash, c);
		n++;
	}
	return 0;
}

/**
 * zta_dns_begin() - Read header and question
 *
 * Return: 1; 0 when it is malformed or does not hold exactly one question of class IN.
 */
static __always_inline int zta_dns_begin(struct zta_dns *d)
{
	__u32 end;

	if (d->len < ZTA_DNS_HEAD)
		return 0;
	d->id = zta_dns_u16(d, 0);
	d->flags = zta_dns_u16(d, 2);
	d->left = zta_dns_u16(d, 6);
	if (zta_dns_u16(d, 4) != 1 || (d->flags & ZTA_DNS_OPCODE))
		return 0;
	end = zta_dns_name_at(d, ZTA_DNS_HEAD);
	if (!end || end + 4 > d->len || zta_dns_u16(d, end + 2) != ZTA_DNS_IN)
		return 0;
	d->type = zta_dns_u16(d, end);
	d->at = end + 4;
	d->question = d->want = d->pointer_hash = d->hash;
	d->pointer = ZTA_DNS_HEAD;
	d->chain_ttl = ZTA_DNS_TTL_MAX;
	return 1;
}

enum zta_dns_step {
	ZTA_DNS_END,	/* no more records */
	ZTA_DNS_BAD,	/* malformed: nothing behind this can be read */
	ZTA_DNS_SKIP,	/* a record that does not count */
	ZTA_DNS_ALIAS,	/* a CNAME: d->want is its target */
	ZTA_DNS_ADDRESS /* d->addr, d->ttl */
};

/* The owner of a record: where it ends, its hash in d->hash; 0 when malformed. */
static __always_inline __u32 zta_dns_owner(struct zta_dns *d, __u32 at)
{
	__u32 c = zta_dns_u8(d, at), to = (c & 0x3f) << 8 | zta_dns_u8(d, at + 1), end;

	if (c >= 0xc0 && to == d->pointer) {
		d->hash = d->pointer_hash;
		return at + 2;
	}
	end = zta_dns_name_at(d, at);
	if (end && c >= 0xc0) {
		d->pointer = to;
		d->pointer_hash = d->hash;
	}
	return end;
}

static __always_inline enum zta_dns_step zta_dns_next(struct zta_dns *d)
{
	__u32 end, type, len, data, ttl;

	if (!d->left)
		return ZTA_DNS_END;
	d->left--;
	end = zta_dns_owner(d, d->at);
	if (!end || end + 10 > d->len)
		return ZTA_DNS_BAD;
	type = zta_dns_u16(d, end);
	ttl = zta_dns_u32(d, end + 4);
	len = zta_dns_u16(d, end + 8);
	data = end + 10;
	if (data + len > d->len)
		return ZTA_DNS_BAD;
	d->at = data + len;
	if (d->hash != d->want || zta_dns_u16(d, end + 2) != ZTA_DNS_IN)
		return ZTA_DNS_SKIP;
	if (ttl & 0x80000000) /* RFC 2181 8 */
		ttl = 0;
	if (ttl > d->chain_ttl)
		ttl = d->chain_ttl;
	if (type == ZTA_DNS_CNAME) {
		end = zta_dns_name_at(d, data);
		if (!end || end != data + len)
			return ZTA_DNS_BAD;
		d->want = d->pointer_hash = d->hash;
		d->pointer = data;
		d->chain_ttl = ttl;
		return ZTA_DNS_ALIAS;
	}
	d->ttl = ttl;
	d->addr.w[0] = d->addr.w[1] = d->addr.w[2] = d->addr.w[3] = 0;
	if (type == ZTA_DNS_A && len == 4) {
		d->addr.family = ZTA_V4;
		d->addr.w[0] = zta_be32(zta_dns_u32(d, data));
		return ZTA_DNS_ADDRESS;
	}
	if (type == ZTA_DNS_AAAA && len == 16) {
		d->addr.family = ZTA_V6;
		d->addr.w[0] = zta_be32(zta_dns_u32(d, data));
		d->addr.w[1] = zta_be32(zta_dns_u32(d, data + 4));
		d->addr.w[2] = zta_be32(zta_dns_u32(d, data + 8));
		d->addr.w[3] = zta_be32(zta_dns_u32(d, data + 12));
		return ZTA_DNS_ADDRESS;
	}
	return ZTA_DNS_SKIP;
}
