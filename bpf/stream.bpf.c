// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The first octets that a TCP connection sends: server names and what is asked of proxies.
 *
 * Theory of operation
 *
 * A connection that was allowed by address is watched from its SYN until its ClientHello (or a
 * proxy's request and the ClientHello inside) was read; then nothing is kept of it and its packets
 * pass by their cached verdict. The reader stands in socket storage (zta_streams) with the sequence
 * number of the octet it waits for: octets sent again pass, octets out of order wait for the others
 * (they are dropped, TCP sends them again).
 *
 * What is judged: content.bpf.c. What cannot be judged (a malformed or endless hello, urgent data
 * inside it, storage that cannot be made) is closed for profiles that deny by default, and open for
 * others. A connection whose first octet was not seen (older than the programs) is past this check.
 *
 * A denied connection sends no more data; the daemon closes it. Its last name is judged again when
 * policy changes, and so is one that a mode or a pause let pass, also when the pause is over.
 */
#include "stream.h"

#define ZTA_STREAM_INPUT struct __sk_buff
#include "zta_stream.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define STEPS 8 /* in one go */
#define GOES  200

static __always_inline int zta_stream_load(struct __sk_buff *input, __u32 at, __u8 *to, __u32 n)
{
	__u64 octets = n;

	ZTA_KEEP(octets); /* what is 1 to 16 already, said as 5.10 understands it */
	octets = ((octets - 1) & (ZTA_STREAM_PIECE - 1)) + 1;
	return bpf_skb_load_bytes(input, at, to, octets);
}

__noinline __weak int zta_stream_taken(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;
	struct zta_stream *s = sk ? bpf_sk_storage_get(&zta_streams, sk, 0, 0) : NULL;

	if (s)
		zta_stream_take(s);
	return 0;
}

static __always_inline void zta_stream_dispatch(struct __sk_buff *input, struct zta_stream *s)
{
	zta_stream_taken(input);
}

/* Take octets of the packet from @at to @end. Returns the offset behind what was taken. */
__noinline __weak __u32 zta_stream_run(struct __sk_buff *skb, __u32 at, __u32 end)
{
	struct bpf_sock *sk = skb->sk;
	struct zta_stream *s;

	if (!sk)
		return at;
	s = bpf_sk_storage_get(&zta_streams, sk, 0, 0);
	if (!s)
		return at;
	for (int i = 0; i < STEPS; i++) {
		__u32 n = zta_stream_step(skb, s, at, end);

		if (!n)
			break;
		at += n;
	}
	return at;
}

/* Packets pass by the cached verdict, if there is one, until it ends. */
static __noinline int pass_by(struct zta_sock *st)
{
	__u64 epoch = zta_epoch();

	if (st->judged != zta_tie(&st->wire, ZTA_WATCHED(st->wire_port, ZTA_WATCH_STREAM), epoch))
		return 0;
	st->judged = 0;
	st->watch = 0;
	st->judged = zta_tie(&st->wire, ZTA_WATCHED(st->wire_port, 0), epoch);
	return 1;
}

/* No more is read of this connection. */
static __always_inline int end(struct bpf_sock *sk, struct zta_sock *st)
{
	if (st) {
		st->flags |= ZTA_SOCK_READ;
		ZTA_READ(pass_by(st));
	}
	bpf_sk_storage_delete(&zta_streams, sk);
	return 1;
}

/* What was denied passes for now: by its mode until policy changes, else packet by packet. */
static __always_inline int pass_for_now(struct zta_sock *st, const struct zta_stream *s)
{
	if (st && s->passed == ZTA_PASSED_BY_MODE)
		ZTA_READ(pass_by(st));
	return 1;
}

/* Of a reader that waits because of a denial: does that still hold? Then 1 + its `passed`. */
__noinline __weak int zta_stream_denied(struct __sk_buff *skb, __u32 room)
{
	struct bpf_sock *sk = skb->sk;
	struct zta_room *r = zta_room(room);
	struct zta_stream *s = sk ? bpf_sk_storage_get(&zta_streams, sk, 0, 0) : NULL;

	if (!s || !r)
		return 0;
	if (s->passed == ZTA_PASSED_BY_STATE)
		return zta_paused(&r->who) || zta_orphaned() ? 1 + ZTA_PASSED_BY_STATE : 0;
	return s->epoch == zta_epoch() ? 1 + s->passed : 0;
}

/* Closed where policy denies by default. Returns 1: it passes, and is looked at no more. */
static __always_inline int give_up(struct __sk_buff *skb, __u32 room, struct bpf_sock *sk,
				   struct zta_sock *st)
{
	struct zta_room *r = zta_room(room);

	if (r && !(r->seen & ZTA_SEEN_CLOSED))
		return end(sk, st);
	return zta_stream_refuse(skb, room, ZTA_REASON_MALFORMED, 0) ? end(sk, st) : 0;
}

/* The SYN: where the first octet will be. Returns 0: no storage. */
static __always_inline int begin(struct bpf_sock *sk, struct zta_room *r, __u32 seq)
{
	struct zta_stream *s;

	s = bpf_sk_storage_get(&zta_streams, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!s)
		return 0;
	zta_stream_begin(s, zta_ctl(ZTA_CTL_SEED), r->seen & ZTA_SEEN_PROXY ? ZTA_STREAM_PROXY : 0);
	s->next = seq;
	return 1;
}

#define GO_ON 2

/* What the reader stands at. Returns 1: it passes, 0: it does not, or GO_ON reading. */
static __always_inline int judge(struct __sk_buff *skb, __u32 room, struct bpf_sock *sk,
				 struct zta_sock *st, struct zta_stream *s)
{
	int passed = zta_content(skb, room);

	if (passed == ZTA_CONTENT_END)
		return end(sk, st);
	if (passed == ZTA_CONTENT_GIVE_UP)
		return give_up(skb, room, sk, st);
	if (passed == ZTA_CONTENT_FOR_NOW)
		return pass_for_now(st, s);
	if (passed != ZTA_CONTENT_GO_ON)
		return 0;
	zta_stream_resume(s);
	return GO_ON;
}

__noinline int zta_stream(struct __sk_buff *skb, __u32 room)
{
	struct zta_room *r = zta_room(room);
	struct bpf_sock *sk = skb->sk;
	__u64 payload, head;
	struct zta_stream *s;
	struct zta_sock *st;
	__u32 at, to, seq;
	int passed;

	if (!r || !sk)
		return 0;
	sk = bpf_sk_fullsock(sk);
	if (!sk)
		return 1;
	st = bpf_sk_storage_get(&zta_sockets, sk, 0, 0);
	if (!zta_content_who(skb, room))
		return 1; /* not below the attach point (any more) */
	payload = zta_payload(skb);
	head = zta_tcp_head(skb);
	if (!payload || !head)
		return give_up(skb, room, sk, st);
	at = ZTA_PAYLOAD_AT(payload);
	to = at + ZTA_PAYLOAD_LEN(payload);
	seq = head >> 32;
	if (head & ZTA_TCP_SYN) {
		if (!begin(sk, r, ++seq))
			return give_up(skb, room, sk, st);
	}
	if (at == to)
		return 1;
	s = bpf_sk_storage_get(&zta_streams, sk, 0, 0);
	if (!s)
		return end(sk, st); /* older than the programs */
	if (zta_stream_waits(s)) {  /* denied before */
		passed = zta_stream_denied(skb, room);
		if (passed)
			return passed > 1;
		passed = judge(skb, room, sk, st, s);
		if (passed != GO_ON)
			return passed;
	}
	if ((__s32)(s->next - seq) < 0)
		return r->seen & ZTA_SEEN_CLOSED ? 0 : end(sk, st); /* a hole before it */
	if ((__s32)(seq + (to - at) - s->next) <= 0)
		return 1; /* sent again */
	if (head & ZTA_TCP_URG)
		return give_up(skb, room, sk, st);
	at += s->next - seq;
	for (int i = 0; i < GOES; i++) {
		__u32 was = at;

		at = zta_stream_run(skb, at, to);
		s = bpf_sk_storage_get(&zta_streams, sk, 0, 0);
		if (!s)
			return 1;
		s->next += at - was;
		if (zta_stream_waits(s)) {
			passed = judge(skb, room, sk, st, s);
			if (passed != GO_ON)
				return passed;
		} else if (at == was) { /* once more after the last octet: that may be the end */
			return 1;
		}
	}
	return give_up(skb, room, sk, st); /* longer than anybody's */
}
