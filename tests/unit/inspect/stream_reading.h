/* SPDX-License-Identifier: Apache-2.0 */
/* The reader of first octets over a buffer, as the kernel runs it: for its tests and its fuzzer. */
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "zta_decide_types.h"

#define ZTA_STREAM_INPUT struct reading
#include "zta_stream_types.h"

#define READING_SEED 0x5eed

struct reading {
	const uint8_t *octets; /* of the piece at hand */
	uint32_t n;
	struct zta_stream s;
	int wild;	 /* it asked for octets that the piece has not */
	int ended;	 /* nothing more is read */
	char told[2048]; /* what was judged, in order */
	size_t told_len;
};

#include "zta_stream.h"

static __always_inline __u32 zta_dns_name_at(struct zta_dns *d, __u32 at)
{
	return zta_dns_name(d, at);
}

static __always_inline int zta_stream_load(struct reading *input, __u32 at, __u8 *to, __u32 n)
{
	if (!n || n > ZTA_STREAM_PIECE || at > input->n || n > input->n - at) {
		input->wild = 1;
		return -1;
	}
	memcpy(to, input->octets + at, n);
	return 0;
}

static __always_inline void zta_stream_dispatch(struct reading *input, struct zta_stream *s)
{
	zta_stream_take(s);
}

static inline void reading_begin(struct reading *r, uint32_t flags)
{
	memset(r, 0, sizeof(*r));
	zta_stream_begin(&r->s, READING_SEED, flags);
}

/* The name so far, as text. */
static inline const char *reading_name(const struct reading *r, char *text)
{
	for (uint32_t i = 0; i < r->s.name_len; i++)
		text[i] = r->s.text[ZTA_DNS_TEXT_LAST - i];
	text[r->s.name_len] = '\0';
	return text[0] ? text : "-";
}

/* What is to be judged now, as a word. */
static inline void reading_tell(struct reading *r)
{
	char name[ZTA_DNS_NAME_MAX + 1], *to = r->told + r->told_len;
	size_t room = sizeof(r->told) - r->told_len;
	const struct zta_stream *s = &r->s;
	int n = 0;

	if (s->state == ZTA_STREAM_REQUEST)
		n = snprintf(to, room, " %s:%s:%u",
			     s->flags & ZTA_STREAM_CONNECT ? "connect" : "absolute",
			     reading_name(r, name), s->port);
	else if (s->state == ZTA_STREAM_HELLO)
		n = snprintf(
			to, room, " %s:%s:%u%s", s->flags & ZTA_STREAM_INSIDE ? "inside" : "hello",
			reading_name(r, name), s->port, s->flags & ZTA_STREAM_ECH ? ":ech" : "");
	else
		n = snprintf(to, room, " %s", s->state == ZTA_STREAM_OTHER ? "other" : "malformed");
	r->told_len += (size_t)n < room ? (size_t)n : room - 1;
}

/* Read one piece as bpf/stream.bpf.c does; what is judged may pass, and is told. */
static inline void reading_take(struct reading *r, const uint8_t *octets, uint32_t n)
{
	uint32_t at = 0, taken;

	r->octets = octets;
	r->n = n;
	while (!r->ended) {
		taken = zta_stream_step(r, &r->s, at, n);
		at += taken;
		if (zta_stream_waits(&r->s)) {
			reading_tell(r);
			r->ended = r->s.state != ZTA_STREAM_REQUEST ||
				   !(r->s.flags & ZTA_STREAM_CONNECT);
			if (!r->ended)
				zta_stream_resume(&r->s);
		} else if (!taken) {
			return;
		}
	}
}
