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

#include "zta_stream_request.h"

static __always_inline int zta_stream_load(ZTA_STREAM_INPUT *input, __u32 at, __u8 *to, __u32 n);

static __always_inline void zta_stream_dispatch(ZTA_STREAM_INPUT *input, struct zta_stream *s);

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

/* The first octet, of the connection or of a tunnel. */
static __always_inline void zta_stream_first(struct zta_stream *s)
{
	__u32 c = s->buf[0], tunnel = s->state == ZTA_STREAM_TUNNEL;

	if (c - 0x14 < 3U) { /* a record; zta_stream_record() knows better than one octet */
		s->record_buf[0] = c;
		s->record_have = 1;
		s->flags |= tunnel ? ZTA_STREAM_INSIDE : 0;
		zta_stream_want(s, ZTA_STREAM_HANDSHAKE, 4);
	} else if ((s->flags & ZTA_STREAM_PROXY) && (c == '\r' || c == '\n')) {
		s->have = 0;
	} else if ((s->flags & ZTA_STREAM_PROXY) && c >= 'A' && c <= 'Z') {
		zta_stream_want(s, ZTA_STREAM_METHOD, 1);
		zta_stream_forget_name(s);
		s->port = 0;
		s->flags &= ~(ZTA_STREAM_LITERAL | ZTA_STREAM_CONNECT);
		s->flags |= c == 'C' ? ZTA_STREAM_CONNECT : 0;
		s->left = 1;
	} else {
		s->state = ZTA_STREAM_OTHER;
	}
}

/*
 * The head of a record: a handshake of TLS 1.x, not empty. Servers pass over an alert that comes
 * first; what they take for no record at all is no TLS.
 */
static __always_inline void zta_stream_record(struct zta_stream *s)
{
	s->record = s->record_buf[3] << 8 | s->record_buf[4];
	s->record_have = 0;
	if (s->record_buf[0] == 0x16 && s->record_buf[1] == 3 && s->record &&
	    s->record <= ZTA_STREAM_RECORD_MAX)
		return;
	s->state = s->state == ZTA_STREAM_HANDSHAKE && !s->have &&
				   (s->record_buf[1] != 3 || s->record > ZTA_STREAM_RECORD_MAX)
			   ? ZTA_STREAM_OTHER
			   : ZTA_STREAM_MALFORMED;
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
	else if (s->state == ZTA_STREAM_VERSION)
		zta_stream_version(s);
	else if (s->state == ZTA_STREAM_FIRST || s->state == ZTA_STREAM_TUNNEL)
		zta_stream_first(s);
	else
		zta_stream_request(s);
}

/* May the hello end here? It may go without extensions. */
static __always_inline int zta_stream_may_end(const struct zta_stream *s)
{
	return !s->have && (s->state == ZTA_STREAM_EXTENSION || s->state == ZTA_STREAM_EXTENSIONS);
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
	if (s->state > ZTA_STREAM_HANDSHAKE && !s->hello && !s->skip) {
		s->state = zta_stream_may_end(s) ? ZTA_STREAM_HELLO : ZTA_STREAM_MALFORMED;
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
