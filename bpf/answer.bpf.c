// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * DNS answers on their way in: what they say of an address is learnt before the application can
 * read it.
 *
 * Theory of operation
 *
 * An answer is believed when a listed resolver sent it, to a socket that asked this question under
 * this id not long ago; outside the machine's own network namespace it must not have come through
 * lo, and a loopback resolver is nobody there (whoever owns the namespace could be it); inside it,
 * what comes through lo must have an address of the machine, or its query went that way. Nothing is
 * ever refused here: an answer that is not believed, or cannot be read, teaches nothing.
 *
 * The name's most specific pattern is noted with each address of the chain; a name that no pattern
 * matches makes its addresses ordinary ones as well (shared). When an address becomes a public AI's
 * or lies outside the fence of the service that was asked for, cached verdicts end.
 */
#include "asked.h"
#include "dns.h"
#include "peers.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/*
 * Workloads in unknown namespaces. New entries: a bucket that fills at ZTA_OTHERS_RATE. Kernel.
 * Full: who learnt nothing for the longest time starts with a full one again. (Workloads come and
 * go, nobody takes their buckets away.) No lock: who races may take a little more.
 */
struct bucket {
	__u64 left;
	__u64 filled;	/* CLOCK_MONOTONIC ns */
	__u64 captured; /* 1 = its captured resolver was told of */
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, ZTA_BUCKETS_MAX);
	__type(key, __u64);
	__type(value, struct bucket);
} zta_buckets ZTA_MAP;

#define ANSWERS 16 /* of one TCP segment */

static const struct zta_learnt nothing = {};
static const char no_bucket[sizeof(struct bucket)] = {};

static __always_inline struct bucket *bucket_of(__u64 workload)
{
	struct bucket *b = bpf_map_lookup_elem(&zta_buckets, &workload);

	if (b)
		return b;
	bpf_map_update_elem(&zta_buckets, &workload, no_bucket, BPF_NOEXIST);
	return bpf_map_lookup_elem(&zta_buckets, &workload);
}

/* May this workload have a new entry among the others'? */
static __always_inline int take_token(__u64 workload)
{
	__u64 now = bpf_ktime_get_ns(), more, left;
	struct bucket *b = bucket_of(workload);

	if (!b)
		return 0;
	left = b->left;
	more = (now - b->filled) / (ZTA_NS_PER_S / ZTA_OTHERS_RATE);
	if (more) {
		left = more + left > ZTA_OTHERS_BURST ? ZTA_OTHERS_BURST : more + left;
		b->filled = now;
	}
	if (left)
		b->left = left - 1;
	return left != 0;
}

/* The entry of a place, made when there is none. */
static __always_inline struct zta_learnt *get_entry(const struct zta_place *place, __u64 workload)
{
	struct zta_learnt *l = zta_learnt_get(place);

	if (l)
		return l;
	if (zta_is_known(place->netns))
		bpf_map_update_elem(&zta_learnt, place, &nothing, BPF_NOEXIST);
	else if (take_token(workload))
		bpf_map_update_elem(&zta_others, place, &nothing, BPF_NOEXIST);
	return zta_learnt_get(place);
}

static __always_inline __u32 later(__u32 a, __u32 b)
{
	return a > b ? a : b;
}

/* Does the entry say all of this already? Answers that repeat themselves need no lock. */
static __always_inline int is_noted(const struct zta_learnt *l, __u64 what, __u32 now, __u32 until)
{
	for (__u32 i = 0; i < ZTA_ANSWER_GROUPS; i++)
		if (l->v[i].what == what)
			return l->v[i].seen == now && l->v[i].until >= until;
	return 0;
}

/*
 * Write one piece of evidence; the oldest gives way. Returns 1: the pattern was not there, or its
 * time was over and verdicts may have been cached since.
 */
static __always_inline int note(struct zta_learnt *l, struct zta_lock *lock, __u64 what, __u32 now,
				__u32 until)
{
	__u32 cell = 0, oldest = 0xffffffff, fresh = 1;

	bpf_spin_lock(&lock->lock);
	for (__u32 i = 0; i < ZTA_ANSWER_GROUPS; i++) {
		__u64 there = l->v[i].what;

		if ((there & 0xffff) == (what & 0xffff) && there) {
			cell = i;
			fresh = l->v[i].until < now;
			break;
		}
		if (l->v[i].seen < oldest) {
			oldest = l->v[i].seen;
			cell = i;
		}
	}
	cell &= ZTA_ANSWER_GROUPS - 1;
	l->v[cell].until = fresh ? until : later(until, l->v[cell].until);
	l->v[cell].seen = now;
	l->v[cell].what = what;
	bpf_spin_unlock(&lock->lock);
	return fresh;
}

/*
 * Learn the address in the room for the pattern. Returns 1 when the address is one of a service
 * outside its fence: r->verdict.services says which.
 */
__noinline __weak int zta_learn(__u32 room, __u32 pattern, __u64 workload)
{
	struct zta_room *r = zta_room(room);
	const struct zta_pattern *p;
	const struct zta_prefix *g;
	struct zta_place place = {};
	struct zta_addr inside;
	struct zta_tables t = {};
	struct zta_learnt *l;
	struct zta_lock *lock;
	__u32 now, until, which, known;
	__u64 outside, what;

	if (!r)
		return 0;
	place.netns = r->c.netns;
	place.addr = r->dns.addr;
	zta_normalise(&place.addr, &inside);
	r->dns.addr = place.addr;
	if (zta_is_any(&place.addr) || zta_is_loopback(&place.addr))
		return 0; /* a sinkhole, or the machine: names nobody */
	l = get_entry(&place, workload);
	if (!l)
		return 0;
	now = r->now;
	until = now + later(r->dns.ttl, ZTA_ANSWER_MIN_S);
	if (!pattern) {
		l->other_until = later(l->other_until, until);
		l->other_seen = now;
		return 0;
	}
	what = ZTA_NAMED(r->dns.question, pattern);
	known = is_noted(l, what, now, until);
	which = (place.addr.w[0] ^ place.addr.w[3] ^ (__u32)place.netns) * 0x9e3779b1 >> 24;
	lock = zta_lock_of(which);
	if (!lock)
		return 0;
	t.slot = r->slot;
	p = zta_get_pattern(&t, pattern);
	g = zta_get_prefix(&t, ZTA_SCOPE_GLOBAL, &place.addr);
	outside = p ? p->services & ~(g ? g->fence : 0) : 0;
	if (!known && note(l, lock, what, now, until) && p &&
	    (outside || (p->flags & ZTA_PATTERN_AI_PUBLIC))) {
		__u32 word = ZTA_CTL_LEARNT;
		__u64 *count = bpf_map_lookup_elem(&zta_control, &word);

		if (count)
			__sync_fetch_and_add(count, 1);
	}
	r->verdict.services = outside;
	return outside != 0;
}

/* The message as it came, for the events that follow. */
static __always_inline void tell_message(struct __sk_buff *skb, struct zta_room *r,
					 struct zta_sock *st)
{
	struct zta_answer_note *n;
	__u64 len = r->dns.len;

	n = bpf_ringbuf_reserve(&zta_notes, sizeof(*n), 0);
	if (!n) {
		zta_stat(ZTA_STAT_NOTE_LOST, 1);
		return;
	}
	zta_fill_event(&n->event, &r->c, st, bpf_ktime_get_boot_ns());
	n->event.type = ZTA_EVENT_ANSWER;
	n->len = len;
	n->pad = 0;
	ZTA_KEEP(len);
	if (len > ZTA_ANSWER_BYTES)
		len = ZTA_ANSWER_BYTES;
	ZTA_KEEP(len);
	if (len < ZTA_DNS_HEAD || bpf_skb_load_bytes(skb, r->message_at, n->message, len) < 0)
		n->len = 0;
	bpf_ringbuf_submit(n, 0);
}

/* An answer of record: a service's name has an address outside its fence. */
__noinline __weak int zta_tell_public(struct __sk_buff *skb, __u32 room, __u32 first)
{
	struct zta_room *r = zta_room(room);
	struct bpf_sock *sk = skb->sk;
	const struct zta_profile *p;
	struct zta_tables t = {};
	__u64 services;

	if (!r || !sk)
		return 0;
	t.slot = r->slot;
	p = zta_get_profile(&t, r->who.profile);
	services = p ? r->verdict.services & p->enforced : 0;
	if (!services)
		return 0;
	r->c.who = r->who;
	r->c.hook = ZTA_HOOK_INGRESS;
	r->c.type = ZTA_EVENT_DNS;
	r->c.name = r->dns.question;
	if (first) {
		r->c.ask.addr = r->wire; /* the resolver */
		tell_message(skb, r, bpf_sk_storage_get(&zta_sockets, sk, 0, 0));
	}
	r->c.ask.addr = r->dns.addr;
	zta_deny(skb, r, ZTA_REASON_RESOLVES_PUBLIC, 13, services);
	return 1;
}

/* One record. Returns 0 when it was the last; r->seen counts addresses, r->told what was told. */
__noinline __weak int zta_record(struct __sk_buff *skb, __u32 room, __u32 pattern, __u64 workload)
{
	struct zta_room *r = zta_room(room);
	int step;

	if (!r)
		return 0;
	step = zta_dns_next(&r->dns);
	if (step == ZTA_DNS_BAD)
		r->result = ZTA_STAT_DNS_MALFORMED;
	if (step == ZTA_DNS_BAD || step == ZTA_DNS_END)
		return 0;
	if (step != ZTA_DNS_ADDRESS)
		return 1;
	if (++r->seen > ZTA_DNS_ADDRS)
		return 0;
	if (!zta_learn(room, pattern, workload)) {
		if (r->result == ZTA_STAT_DNS_IGNORED)
			r->result = ZTA_STAT_DNS_LEARNT;
		return 1;
	}
	zta_tell_public(skb, room, r->result != ZTA_STAT_DNS_PUBLIC);
	r->result = ZTA_STAT_DNS_PUBLIC;
	return 1;
}

/* Read a believed answer to its end. Returns enum zta_stat: what it did. */
static __always_inline int read_records(struct __sk_buff *skb, __u32 room, struct zta_room *r,
					__u32 pattern, __u64 workload)
{
	r->seen = 0;
	r->result = ZTA_STAT_DNS_IGNORED;
	for (int i = 0; i < ZTA_DNS_RECORDS; i++)
		if (!zta_record(skb, room, pattern, workload))
			break;
	return r->result;
}

/*
 * Through lo, but from no address of the machine: by somebody who may send from any address, unless
 * the query went that way too (the machine's administrator may send queries to a proxy on lo).
 */
static __always_inline int is_forged(struct __sk_buff *skb, const struct zta_room *r)
{
	struct zta_local_key local = { .netns = r->c.netns, .addr = r->wire };

	return skb->ifindex == LOOPBACK_IFINDEX && !zta_is_loopback(&r->wire) &&
	       !bpf_map_lookup_elem(&zta_local, &local);
}

__noinline __weak int zta_answer_message(struct __sk_buff *skb, __u32 room, __u32 at, __u32 len)
{
	struct zta_room *r = zta_room(room);
	__u32 pattern, code;
	__u64 workload;

	if (!r)
		return ZTA_STAT_DNS_IGNORED;
	if (!zta_load_message(skb, room, at, len) || !zta_begin_room(room))
		return ZTA_STAT_DNS_MALFORMED;
	if (!(r->dns.flags & ZTA_DNS_QR))
		return ZTA_STAT_DNS_IGNORED;
	code = r->dns.flags & ZTA_DNS_RCODE;
	if (code && code != ZTA_DNS_NXDOMAIN) /* the client waits for another resolver */
		return ZTA_STAT_DNS_IGNORED;
	workload = zta_take_asked(skb, room, is_forged(skb, r));
	if (!workload || !zta_who_key(&r->who, workload, r->slot))
		return ZTA_STAT_DNS_IGNORED;
	pattern = zta_name_find(room, ZTA_NAMES_ALL, 0);
	if (pattern)
		zta_keep_text(room);
	return read_records(skb, room, r, pattern, workload);
}

/* Is the source of the packet one whose answers count? */
__noinline __weak int zta_is_resolver(struct __sk_buff *skb, __u32 room)
{
	struct zta_room *r = zta_room(room);
	struct zta_tables t = {};
	const struct zta_prefix *g;

	if (!r)
		return 0;
	t.slot = r->slot;
	zta_source(skb, &r->wire);
	g = zta_get_prefix(&t, ZTA_SCOPE_GLOBAL, &r->wire);
	return g && (g->flags & ZTA_PREFIX_RESOLVER);
}

/* A resolver's address that stands where none is believed: told once for each workload. */
__noinline __weak int zta_tell_captured(struct __sk_buff *skb, __u32 room)
{
	__u64 workload = zta_owner_of(skb);
	struct zta_room *r = zta_room(room);
	struct zta_event *e;
	struct bucket *b;

	if (!r || !zta_who_key(&r->who, workload, r->slot))
		return 0;
	b = bucket_of(workload);
	if (!b || b->captured)
		return 0;
	b->captured = 1;
	e = bpf_ringbuf_reserve(&zta_notes, sizeof(*e), 0);
	if (!e) {
		b->captured = 0;
		zta_stat(ZTA_STAT_NOTE_LOST, 1);
		return 0;
	}
	r->c.who = r->who;
	r->c.ask.addr = r->wire;
	r->c.ask.port = ZTA_PORT_DNS;
	r->c.hook = ZTA_HOOK_INGRESS;
	r->c.verdict.rule = ZTA_RULE_NONE;
	r->c.verdict.reason = ZTA_REASON_CAPTURED_DNS;
	zta_fill_event(e, &r->c, NULL, bpf_ktime_get_boot_ns());
	e->type = ZTA_EVENT_CAPTURED;
	bpf_ringbuf_submit(e, 0);
	return 1;
}

/*
 * The next whole message of a segment: offset | length << 16, 0 = none. Only where a message begins
 * in the stream is one looked for: what stands inside another one may be of anybody's making (a TXT
 * record), and the asker can have segments cut wherever it likes. A message that is split over
 * several is passed over; behind a hole, a length that is split, or more messages than ANSWERS,
 * nothing is read of the connection any more.
 */
__noinline __weak __u32 zta_next_answer(struct __sk_buff *skb)
{
	struct zta_sock *st = zta_note_of(skb);
	__u64 payload = zta_payload(skb);
	__u32 at = ZTA_PAYLOAD_AT(payload), left = ZTA_PAYLOAD_LEN(payload), past, len;
	__u8 size[2];

	if (!st || !(st->flags & ZTA_SOCK_ANSWERS))
		return 0;
	past = st->answers_at - (__u32)(zta_tcp_head(skb) >> 32);
	if (past >= left || left - past < 2)
		return 0;
	at += past;
	if (bpf_skb_load_bytes(skb, at, size, 2) < 0)
		return 0;
	len = size[0] << 8 | size[1];
	st->answers_at += 2 + len;
	return 2 + len > left - past ? 0 : (at + 2) | len << 16;
}

/* The resolver's SYN: where its first message will begin. */
__noinline __weak int zta_begin_answers(struct __sk_buff *skb)
{
	struct zta_sock *st = zta_note_of(skb);
	__u64 head = zta_tcp_head(skb);

	if (!st || !(head & ZTA_TCP_SYN) || (st->flags & ZTA_SOCK_ANSWERS))
		return 0;
	st->answers_at = (head >> 32) + 1;
	st->flags |= ZTA_SOCK_ANSWERS;
	return 1;
}

/* Through lo, or from a loopback address, outside the machine's own namespace. */
static __always_inline int is_captured(struct __sk_buff *skb, const struct zta_room *r, __u64 netns)
{
	return !zta_is_known(netns) &&
	       (skb->ifindex == LOOPBACK_IFINDEX || zta_is_loopback(&r->wire));
}

__noinline int zta_answer(struct __sk_buff *skb, __u32 room, __u64 netns)
{
	struct zta_room *r = zta_room(room);
	__u64 payload;
	__u32 tcp, next;

	if (!r || !netns)
		return 0;
	payload = zta_payload(skb);
	tcp = payload & ZTA_PAYLOAD_TCP;
	if (ZTA_PAYLOAD_SPORT(payload) != ZTA_PORT_DNS)
		return 0;
	if (tcp)
		zta_begin_answers(skb);
	if (!ZTA_PAYLOAD_LEN(payload))
		return 0;
	r->c.netns = netns;
	r->c.ask.proto = tcp ? IPPROTO_TCP : IPPROTO_UDP;
	if (!zta_is_resolver(skb, room)) {
		zta_stat(ZTA_STAT_DNS_IGNORED, 1);
	} else if (is_captured(skb, r, netns)) {
		zta_stat(ZTA_STAT_DNS_IGNORED, 1);
		zta_tell_captured(skb, room);
	} else if (tcp) {
		for (int i = 0; i < ANSWERS; i++) {
			next = zta_next_answer(skb);
			if (!next)
				break;
			zta_stat(zta_answer_message(skb, room, next & 0xffff, next >> 16), 1);
		}
	} else {
		zta_stat(zta_answer_message(skb, room, ZTA_PAYLOAD_AT(payload),
					    ZTA_PAYLOAD_LEN(payload)),
			 1);
	}
	return 1;
}
