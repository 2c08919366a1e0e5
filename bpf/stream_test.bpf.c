// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * zta_stream_test: never attached, run by BPF_PROG_TEST_RUN. Reads the first octets of a connection
 * as stream.bpf.c does, from the packet that it is given instead of a socket's: so the corpus of
 * the fuzzer goes through this build as well. What is to be judged may pass.
 */
#include "maps.h"

#include "zta_stream_types.h"
#include "zta_test.h"

#define ZTA_STREAM_INPUT struct __sk_buff
#include "zta_stream.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define STEPS 8
#define GOES  512

/* The reader. One test at a time. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct zta_stream);
} zta_tried ZTA_MAP;

static __always_inline struct zta_stream *tried(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&zta_tried, &zero);
}

static __always_inline __u32 zta_dns_name_at(struct zta_dns *d, __u32 at)
{
	return 0; /* no message is read here */
}

static __always_inline int zta_stream_load(struct __sk_buff *input, __u32 at, __u8 *to, __u32 n)
{
	__u64 octets = n;

	ZTA_KEEP(octets); /* what is 1 to 16 already, said as 5.10 understands it */
	octets = ((octets - 1) & (ZTA_STREAM_PIECE - 1)) + 1;
	return bpf_skb_load_bytes(input, at, to, octets);
}

__noinline __weak int zta_tried_take(__u32 unused)
{
	struct zta_stream *s = tried();

	if (s)
		zta_stream_take(s);
	return 0;
}

static __always_inline void zta_stream_dispatch(struct __sk_buff *input, struct zta_stream *s)
{
	zta_tried_take(0);
}

/* Returns the offset behind what was taken. */
__noinline __weak __u32 zta_tried_run(struct __sk_buff *skb, __u32 at, __u32 end)
{
	struct zta_stream *s = tried();

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

/* Returns 0 when nothing more is read. */
static __always_inline int zta_tried_go(struct __sk_buff *skb, __u32 *at, __u32 end)
{
	struct zta_stream *s = tried();
	__u32 was = *at;

	if (!s)
		return 0;
	*at = zta_tried_run(skb, was, end);
	if (s->state == ZTA_STREAM_REQUEST && (s->flags & ZTA_STREAM_CONNECT)) {
		zta_stream_resume(s);
		return 1;
	}
	return !zta_stream_waits(s) && *at != was;
}

SEC("tc")
int zta_stream_test(struct __sk_buff *skb)
{
	struct zta_stream *s = tried();
	struct zta_test_stream t;
	__u32 at, end;

	if (!s || bpf_skb_load_bytes(skb, ZTA_TEST_PAD, &t, sizeof(t)) < 0)
		return 1;
	zta_stream_begin(s, t.seed, t.flags & ZTA_STREAM_PROXY);
	at = ZTA_TEST_PAD + sizeof(t);
	end = at + t.len;
	for (int i = 0; i < GOES; i++)
		if (!zta_tried_go(skb, &at, end))
			break;
	t.taken = at - ZTA_TEST_PAD - sizeof(t);
	t.hash = s->hash;
	t.name_len = s->name_len;
	t.port = s->port;
	t.state = s->state;
	t.flags = s->flags;
	return bpf_skb_store_bytes(skb, ZTA_TEST_PAD, &t, sizeof(t), 0) ? 2 : 0;
}
