/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The first octets of a TCP connection: a ClientHello (RFC 8446, 5246), or what is asked of a proxy
 * (RFC 9112) and the ClientHello inside. The same text in the kernel, the tests and the fuzzers.
 *
 * Theory of operation
 *
 * A machine that needs the next few octets or passes over many, one step at a time. It keeps no
 * message, only where it stands, so that octets may come in any pieces: records split, a hello in
 * one-byte writes. Whoever includes this defines ZTA_STREAM_INPUT, what the octets come from, and
 * zta_stream_load(input, at, to, n), which copies 1 to ZTA_STREAM_PIECE octets at an offset of it,
 * and zta_stream_dispatch(input, s): zta_stream_take(s), which the kernel puts behind a global
 * function;
 * zta_stream_step() returns how many octets it took. It stands still (0) in the states that
 * somebody must judge, and at the end of the input.
 *
 * Two layers: octets of records are counted down in s->record, those of the hello in s->hello.
 */
#pragma once

#include "zta_dns.h"
#include "zta_stream_types.h"

static __always_inline int zta_stream_load(ZTA_STREAM_INPUT *input, __u32 at, __u8 *to, __u32 n);

static __always_inline void zta_stream_dispatch(ZTA_STREAM_INPUT *input, struct zta_stream *s);

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

static __always_inline void zta_stream_begin(struct zta_stream *s, __u64 seed, __u32 flags)
{
	s->skip = s->record = s->hello = 0;
	s->record_have = 0;
	s->flags = flags;
	s->name_len = 0;
	s->seed = s->hash = seed;
	s->port = 0;
	zta_stream_want(s, ZTA_STREAM_FIRST, 1);
}

static __always_inline void zta_stream_forget_name(struct zta_stream *s)
{
	s->name_len = 0;
	s->hash = s->seed;
	s->port = 0;
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
		if (a != 1 || s->hello < 34 + 1 || s->hello > ZTA_STREAM_HELLO_MAX) {
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
	case ZTA_STREAM_NAME_HEAD: /* length of the list, kind, length of the name */
		s->extension -= 5;
		s->left = s->buf[3] << 8 | s->buf[4];
		if (s->buf[2] || !s->left || s->left > s->extension || s->left > ZTA_DNS_NAME_MAX) {
			s->state = ZTA_STREAM_MALFORMED;
			return;
		}
		s->extension -= s->left;
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
		zta_stream_skip(s, s->extension);
	}
}

/* The name of a request ends: who judges it goes on with zta_stream_resume(). */
static __always_inline void zta_stream_asked(struct zta_stream *s, __u32 c)
{
	s->line = c == '\n' ? 0 : 1;
	s->state = ZTA_STREAM_REQUEST;
}

static __always_inline int zta_stream_ends_authority(__u32 c)
{
	return c <= ' ' || c == '/' || c == '?' || c == '#';
}

/*
 * Some octets of the header fields behind a CONNECT, which two line ends in a row close: s->have
 * becomes how many of them belong to it.
 */
static __always_inline void zta_stream_fields(struct zta_stream *s)
{
	for (__u32 i = 0; i < ZTA_STREAM_PIECE; i++) {
		__u32 c = s->buf[i & (ZTA_STREAM_PIECE - 1)];

		if (i >= s->have)
			break;
		if (c == '\n' && !s->line) {
			s->have = i + 1;
			s->state = ZTA_STREAM_TUNNEL;
			break;
		}
		if (c != '\r')
			s->line = c != '\n';
	}
}

/* One octet of a request line. */
static __always_inline void zta_stream_request(struct zta_stream *s)
{
	const __u64 connect = 0x5443454e4e4f43; /* "CONNECT", from the lowest octet on */
	__u32 c = s->buf[0];

	s->have = 0;
	switch (s->state) {
	case ZTA_STREAM_METHOD:
		if (c == ' ' || c == '\t') {
			if (s->left != 7)
				s->flags &= ~ZTA_STREAM_CONNECT;
			s->state = ZTA_STREAM_TARGET;
			return;
		}
		if (c < ' ' || s->left > 31) {
			s->state = ZTA_STREAM_MALFORMED;
			return;
		}
		if (s->left > 6 || c != (connect >> (s->left & 7) * 8 & 0xff))
			s->flags &= ~ZTA_STREAM_CONNECT;
		s->left++;
		return;
	case ZTA_STREAM_TARGET:
		if (c == ' ' || c == '\t')
			return;
		if (s->flags & ZTA_STREAM_CONNECT) {
			s->state = ZTA_STREAM_AUTHORITY;
			break;
		}
		s->state = c == '/' || c == '*' ? ZTA_STREAM_MALFORMED : ZTA_STREAM_SCHEME;
		s->left = 0;
		return;
	case ZTA_STREAM_SCHEME: /* to behind "://" */
		if (c <= ' ')
			s->state = ZTA_STREAM_MALFORMED;
		if (c == ':' && !s->left)
			s->left = 1;
		else if (c == '/' && s->left)
			s->left++;
		else if (s->left)
			s->state = ZTA_STREAM_MALFORMED;
		if (s->left == 3)
			s->state = ZTA_STREAM_AUTHORITY;
		return;
	case ZTA_STREAM_PORT:
		if (c == '@') { /* that was a password */
			zta_stream_forget_name(s);
			s->state = ZTA_STREAM_AUTHORITY;
		} else if (zta_stream_ends_authority(c)) {
			zta_stream_asked(s, c);
		} else {
			s->port = s->port * 10 + (c - '0') % 10;
		}
		return;
	default:
		break;
	}
	/* ZTA_STREAM_AUTHORITY */
	if (c == '@')
		zta_stream_forget_name(s);
	else if (c == ':' && !(s->flags & ZTA_STREAM_LITERAL))
		s->state = ZTA_STREAM_PORT;
	else if (c == '[' || c == ']')
		s->flags ^= ZTA_STREAM_LITERAL; /* an IPv6 address: no name has a ':' */
	else if (zta_stream_ends_authority(c))
		zta_stream_asked(s, c);
	else
		zta_stream_put(s, c);
}

/* After a request was judged: the fields behind a CONNECT; of anything else no more is known. */
static __always_inline void zta_stream_resume(struct zta_stream *s)
{
	zta_stream_forget_name(s);
	if (s->flags & ZTA_STREAM_CONNECT)
		zta_stream_want(s, ZTA_STREAM_FIELDS, 1);
	else
		s->state = ZTA_STREAM_OTHER;
}

/* The first octet, of the connection or of a tunnel. */
static __always_inline void zta_stream_first(struct zta_stream *s)
{
	__u32 c = s->buf[0], tunnel = s->state == ZTA_STREAM_TUNNEL;

	if (c == 0x16) {
		s->record_buf[0] = c;
		s->record_have = 1;
		s->flags |= tunnel ? ZTA_STREAM_INSIDE : 0;
		zta_stream_want(s, ZTA_STREAM_HANDSHAKE, 4);
	} else if ((s->flags & ZTA_STREAM_PROXY) && (c == '\r' || c == '\n')) {
		s->have = 0;
	} else if ((s->flags & ZTA_STREAM_PROXY) && c >= 'A' && c <= 'Z') {
		zta_stream_want(s, ZTA_STREAM_METHOD, 1);
		s->flags |= c == 'C' ? ZTA_STREAM_CONNECT : 0;
		s->flags &= c == 'C' ? ~0 : ~ZTA_STREAM_CONNECT;
		s->left = 1;
	} else {
		s->state = ZTA_STREAM_OTHER;
	}
}

/* The head of a record: a handshake of TLS 1.x, not empty. */
static __always_inline void zta_stream_record(struct zta_stream *s)
{
	s->record = s->record_buf[3] << 8 | s->record_buf[4];
	s->record_have = 0;
	if (s->record_buf[0] != 0x16 || s->record_buf[1] != 3 || !s->record ||
	    s->record > ZTA_STREAM_RECORD_MAX)
		s->state = ZTA_STREAM_MALFORMED;
}

static __always_inline int zta_stream_waits(const struct zta_stream *s)
{
	return s->state >= ZTA_STREAM_REQUEST;
}

/* s->buf has what the state needed. */
static __always_inline void zta_stream_take(struct zta_stream *s)
{
	if (s->state >= ZTA_STREAM_HANDSHAKE)
		zta_stream_hello(s);
	else if (s->state == ZTA_STREAM_FIELDS)
		zta_stream_fields(s);
	else if (s->state == ZTA_STREAM_FIRST || s->state == ZTA_STREAM_TUNNEL)
		zta_stream_first(s);
	else
		zta_stream_request(s);
}

/**
 * zta_stream_step() - Take the octets from @at on, at most to @end
 *
 * Return: how many were taken; 0 when it waits for more, or to be judged.
 */
static __always_inline __u32 zta_stream_step(ZTA_STREAM_INPUT *input, struct zta_stream *s,
					     __u32 at, __u32 end)
{
	__u32 n = end - at, body = s->state >= ZTA_STREAM_HANDSHAKE, have;

	if (zta_stream_waits(s))
		return 0;
	if (s->state == ZTA_STREAM_EXTENSION && !s->hello && !s->skip && !s->have) {
		s->state = ZTA_STREAM_HELLO;
		return 0;
	}
	if (at >= end)
		return 0;
	if (body && !s->record) {
		have = s->record_have & 7;
		n = zta_least(n, 5 - zta_least(have, 4));
		if (zta_stream_load(input, at, &s->record_buf[have], n))
			return 0;
		s->record_have = have + n;
		if (s->record_have >= 5)
			zta_stream_record(s);
		return n;
	}
	if (body)
		n = zta_least(n, s->record);
	if (s->skip) {
		n = zta_least(n, s->skip);
		s->skip -= n;
		s->record -= n;
		s->hello -= n;
		return n;
	}
	if (s->state == ZTA_STREAM_FIELDS) /* as many as there are */
		s->need = zta_least(n, ZTA_STREAM_PIECE);
	have = s->have & (ZTA_STREAM_PIECE - 1);
	n = zta_least(n, s->need - zta_least(have, s->need));
	n = zta_least(n, ZTA_STREAM_PIECE);
	if (!n || zta_stream_load(input, at, &s->buf[have], n)) {
		s->state = ZTA_STREAM_MALFORMED;
		return 0;
	}
	s->have = have + n;
	if (body) {
		s->record -= n;
		if (s->state != ZTA_STREAM_HANDSHAKE) {
			if (n > s->hello)
				s->state = ZTA_STREAM_MALFORMED;
			s->hello -= n;
		}
	}
	if (s->have < s->need || s->state == ZTA_STREAM_MALFORMED)
		return n;
	if (s->state != ZTA_STREAM_FIELDS) {
		zta_stream_dispatch(input, s);
		return n;
	}
	zta_stream_dispatch(input, s);
	n = zta_least(n, s->have);
	zta_stream_want(s, s->state, 1);
	return n;
}
