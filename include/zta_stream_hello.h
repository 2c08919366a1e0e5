/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The reader of first octets (zta_stream.h): what stands in a ClientHello, and names in general. */
#pragma once

#include "zta_dns.h"
#include "zta_stream_types.h"

static __always_inline __u32 zta_least(__u32 a, __u32 b)
{
	return a < b ? a : b;
}

static __always_inline void zta_stream_want(struct zta_stream *s, __u8 state, __u8 need)
{
	s->state = state;
	s->need = need;
	s->have = 0;
}

static __always_inline void zta_stream_forget_name(struct zta_stream *s)
{
	s->name_len = 0;
	s->hash = s->seed;
}

/* One octet of a name, as zta_dns_name() writes it. A name that is too long is malformed. */
static __always_inline void zta_stream_put(struct zta_stream *s, __u32 c)
{
	__u32 n = s->name_len, place = ZTA_DNS_TEXT_LAST - n;

	if (n >= ZTA_DNS_NAME_MAX) {
		s->state = ZTA_STREAM_MALFORMED;
		return;
	}
	if (c != '.')
		c = zta_dns_fold(c);
	ZTA_KEEP(place);
	s->text[place & (ZTA_DNS_TEXT - 1)] = c;
	s->hash = zta_dns_mix(s->hash, c);
	s->name_len = n + 1;
}

/* What follows an extension, or the hello's end. */
static __always_inline void zta_stream_extension(struct zta_stream *s)
{
	zta_stream_want(s, ZTA_STREAM_EXTENSION, 4);
}

/* Pass over @n octets of the hello. */
static __always_inline void zta_stream_skip(struct zta_stream *s, __u32 n)
{
	if (n > s->hello)
		s->state = ZTA_STREAM_MALFORMED;
	s->skip = n;
}

/* What stands in a hello: each case knows what its octets mean, and what comes next. */
static __always_inline void zta_stream_hello(struct zta_stream *s)
{
	__u32 a = s->buf[0], b = s->buf[1], two = a << 8 | b;

	switch (s->state) {
	case ZTA_STREAM_HANDSHAKE: /* type, length; then version and random are passed over */
		s->hello = b << 16 | s->buf[2] << 8 | s->buf[3];
		if (a != 1) { /* no server takes that first */
			s->state = ZTA_STREAM_OTHER;
			return;
		}
		if (s->hello < 34 + 1 || s->hello > ZTA_STREAM_HELLO_MAX) {
			s->state = ZTA_STREAM_MALFORMED;
			return;
		}
		zta_stream_want(s, ZTA_STREAM_SESSION, 1);
		zta_stream_skip(s, 34);
		return;
	case ZTA_STREAM_SESSION:
		zta_stream_want(s, ZTA_STREAM_CIPHERS, 2);
		zta_stream_skip(s, a);
		return;
	case ZTA_STREAM_CIPHERS:
		zta_stream_want(s, ZTA_STREAM_COMPRESSION, 1);
		zta_stream_skip(s, two);
		return;
	case ZTA_STREAM_COMPRESSION:
		zta_stream_want(s, ZTA_STREAM_EXTENSIONS, 2);
		zta_stream_skip(s, a);
		return;
	case ZTA_STREAM_EXTENSIONS:
		zta_stream_extension(s);
		if (two != s->hello)
			s->state = ZTA_STREAM_MALFORMED;
		return;
	case ZTA_STREAM_EXTENSION:
		s->extension = s->buf[2] << 8 | s->buf[3];
		if (two == ZTA_STREAM_EXT_NAME) {
			zta_stream_want(s, ZTA_STREAM_NAME_HEAD, 5);
			if (s->extension < 5 || s->extension > s->hello ||
			    (s->flags & ZTA_STREAM_NAMED))
				s->state = ZTA_STREAM_MALFORMED;
			s->flags |= ZTA_STREAM_NAMED;
			return;
		}
		if (two == ZTA_STREAM_EXT_ECH)
			s->flags |= ZTA_STREAM_ECH;
		zta_stream_extension(s);
		zta_stream_skip(s, s->extension);
		return;
	case ZTA_STREAM_NAME_HEAD: /* length of the list, kind, length of its only name */
		s->extension -= 5;
		s->left = s->buf[3] << 8 | s->buf[4];
		if (two != s->extension + 3 || s->buf[2] || !s->left || s->left != s->extension ||
		    s->left > ZTA_DNS_NAME_MAX) {
			s->state = ZTA_STREAM_MALFORMED;
			return;
		}
		zta_stream_forget_name(s);
		zta_stream_want(s, ZTA_STREAM_NAME, zta_least(s->left, ZTA_STREAM_PIECE));
		return;
	default: /* ZTA_STREAM_NAME */
		for (__u32 i = 0; i < ZTA_STREAM_PIECE; i++) {
			if (i >= s->have)
				break;
			zta_stream_put(s, s->buf[i & (ZTA_STREAM_PIECE - 1)]);
		}
		if (s->state == ZTA_STREAM_MALFORMED)
			return;
		s->left -= zta_least(s->have, s->left);
		if (s->left) {
			zta_stream_want(s, ZTA_STREAM_NAME, zta_least(s->left, ZTA_STREAM_PIECE));
			return;
		}
		zta_stream_extension(s);
	}
}
