/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The reader of first octets (zta_stream.h): what is asked of a proxy, CONNECT and absolute form
 * (RFC 9112 3.2). Of a CONNECT only one form is read, the one that clients send: what proxies could
 * read as another name than we do is malformed.
 */
#pragma once

#include "zta_stream_hello.h"

/* The name of a request ends: who judges it goes on with zta_stream_resume(). */
static __always_inline void zta_stream_asked(struct zta_stream *s, __u32 c)
{
	s->line = c; /* what ended it */
	s->state = ZTA_STREAM_REQUEST;
}

static __always_inline int zta_stream_ends_authority(__u32 c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '/' || c == '?' || c == '#';
}

/* A '@': what stands before it was a name and a password, which a CONNECT has not. */
static __always_inline void zta_stream_userinfo(struct zta_stream *s)
{
	zta_stream_forget_name(s);
	s->port = 0;
	s->state = s->flags & ZTA_STREAM_CONNECT ? ZTA_STREAM_MALFORMED : ZTA_STREAM_AUTHORITY;
}

enum zta_stream_line {
	ZTA_STREAM_LINE_START,
	ZTA_STREAM_LINE_INSIDE,
	ZTA_STREAM_LINE_END,   /* behind the CR of a line */
	ZTA_STREAM_LINE_EMPTY, /* behind the CR of a line with nothing in it */
};

/*
 * One octet of a header field behind a CONNECT. What proxies read in different ways is malformed:
 * a CR that no LF follows, a line that goes on in the next one, and a body (RFC 9110 9.3.6: a
 * CONNECT has none), in which a second request could hide from us when the first is refused.
 */
static __always_inline void zta_stream_field(struct zta_stream *s, __u32 c)
{
	const __u64 transfer = 0x7472616e73666572, content = 0x636f6e74656e742d;
	__u32 line = s->line;

	if (c == '\n') {
		s->state = line == ZTA_STREAM_LINE_START || line == ZTA_STREAM_LINE_EMPTY
				   ? ZTA_STREAM_TUNNEL
				   : ZTA_STREAM_FIELDS;
		s->line = ZTA_STREAM_LINE_START;
		s->left = 0;
		s->flags &= ~ZTA_STREAM_BODY;
		return;
	}
	if (line >= ZTA_STREAM_LINE_END || (!s->left && (c == ' ' || c == '\t'))) {
		s->state = ZTA_STREAM_MALFORMED;
		return;
	}
	if (c == '\r') {
		s->line = line == ZTA_STREAM_LINE_START ? ZTA_STREAM_LINE_EMPTY
							: ZTA_STREAM_LINE_END;
		return;
	}
	s->line = ZTA_STREAM_LINE_INSIDE;
	if (s->left < 8)
		s->hash = s->hash << 8 | zta_dns_fold(c);
	else if (s->left == 8 && (s->hash == transfer || (s->hash == content && (c | 32) == 'l')))
		s->flags |= ZTA_STREAM_BODY;
	if (s->left < 9)
		s->left++;
	else if ((s->flags & ZTA_STREAM_BODY) && (s->hash == transfer ? c > ' ' : c - '1' < 9U))
		s->state = ZTA_STREAM_MALFORMED; /* "content-length: 0" is none */
}

/*
 * Some octets of the header fields, which an empty line closes: s->have becomes how many of them
 * belong to it.
 */
static __always_inline void zta_stream_fields(struct zta_stream *s)
{
	for (__u32 i = 0; i < ZTA_STREAM_PIECE; i++) {
		if (i >= s->have)
			break;
		zta_stream_field(s, s->buf[i & (ZTA_STREAM_PIECE - 1)]);
		if (s->state != ZTA_STREAM_FIELDS) {
			s->have = i + 1;
			break;
		}
	}
}

/* What follows the authority of a CONNECT, from "H" to the end of the line. */
static __always_inline void zta_stream_version(struct zta_stream *s)
{
	__u64 got = 0;

	for (int i = 0; i < 7; i++)
		got = got << 8 | s->buf[i];
	if (got != 0x485454502f312e /* "HTTP/1." */ || (__u32)(s->buf[7] - '0') > 9 ||
	    (s->buf[8] != '\r' && s->buf[8] != '\n')) {
		s->state = ZTA_STREAM_MALFORMED;
		return;
	}
	zta_stream_want(s, ZTA_STREAM_FIELDS, 1);
	s->line = s->buf[8] == '\r' ? ZTA_STREAM_LINE_END : ZTA_STREAM_LINE_START;
	s->left = 0;
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
		if (zta_stream_ends_authority(c)) {
			zta_stream_asked(s, c);
		} else if (c == '@') {
			zta_stream_userinfo(s);
		} else {
			s->port = zta_least(s->port * 10 + ((c - '0') & 0xf), 0x10000);
			if ((s->flags & ZTA_STREAM_CONNECT) && (c - '0' > 9U || s->port > 0xffff))
				s->state = ZTA_STREAM_MALFORMED;
		}
		return;
	default:
		break;
	}
	/* ZTA_STREAM_AUTHORITY */
	if (zta_stream_ends_authority(c)) {
		zta_stream_asked(s, c);
	} else if (c == '@') {
		zta_stream_userinfo(s);
	} else if (c == ':' && !(s->flags & ZTA_STREAM_LITERAL)) {
		s->state = ZTA_STREAM_PORT;
	} else {
		if (c == '[' || c == ']') {
			s->flags ^= ZTA_STREAM_LITERAL; /* an IPv6 address: there ':' is no end */
			c = 0;				/* and no name */
		}
		zta_stream_put(s, c > ' ' ? c : 0);
	}
}

/*
 * After a request was judged: the fields behind a CONNECT; of anything else no more is known. The
 * port stays, it is that of the hello in the tunnel.
 */
static __always_inline void zta_stream_resume(struct zta_stream *s)
{
	zta_stream_forget_name(s);
	if (!(s->flags & ZTA_STREAM_CONNECT))
		s->state = ZTA_STREAM_OTHER;
	else if (s->line == ' ')
		zta_stream_want(s, ZTA_STREAM_VERSION, 9);
	else /* more of a target, which proxies may read as part of the name, or no version */
		s->state = ZTA_STREAM_MALFORMED;
}
