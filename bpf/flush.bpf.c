// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Programs that are never attached: user space runs them with BPF_PROG_TEST_RUN.
 *
 * zta_flush tells what one fold entry holds and deletes it. Only here can that be done without
 * losing a count: the entry is marked gone under its lock, so whoever finds it afterwards tells
 * its denial unfolded. zta_decide_test answers one question of the parity test, zta_dns_test reads
 * a DNS message as the hooks do.
 * All take and give a struct in the packet, behind ZTA_TEST_PAD bytes.
 */
#include "dns.h"

#include "zta_test.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("tc")
int zta_flush(struct __sk_buff *skb)
{
	struct zta_fold_key key;
	struct zta_event *e;
	struct zta_fold *f;
	__u64 first;
	__u32 n;

	if (bpf_skb_load_bytes(skb, ZTA_TEST_PAD, &key, sizeof(key)) < 0)
		return 1;
	f = bpf_map_lookup_elem(&zta_fold, &key);
	if (!f)
		return 1;
	e = bpf_ringbuf_reserve(&zta_denials, sizeof(*e), 0);
	if (!e)
		return 2; /* full: it stays held */
	bpf_spin_lock(&f->lock);
	n = f->held;
	first = f->held_first;
	f->held = 0;
	f->gone = 1;
	bpf_spin_unlock(&f->lock);
	if (!n) {
		bpf_ringbuf_discard(e, 0);
	} else {
		*e = f->event;
		e->time = first;
		e->count = n;
		zta_stat(ZTA_STAT_TOLD, n);
		bpf_ringbuf_submit(e, 0);
	}
	bpf_map_delete_elem(&zta_fold, &key);
	return 0;
}

SEC("tc")
int zta_decide_test(struct __sk_buff *skb)
{
	struct zta_test_case t;
	struct zta_verdict v;
	struct zta_room *r;
	__u32 room;

	if (bpf_skb_load_bytes(skb, ZTA_TEST_PAD, &t, sizeof(t)) < 0)
		return 1;
	r = zta_room_take(&room);
	if (!r)
		return 1;
	r->slot = zta_ctl(ZTA_CTL_WORD) & 1;
	r->c.ask.addr = t.addr;
	r->c.ask.port = t.port;
	r->c.ask.proto = t.proto;
	r->c.ask.flags = t.flags & 0xffff;
	zta_normalise(&r->c.ask.addr, &r->c.ask.carried);
	r->who.key = 1;
	r->who.profile = t.profile;
	r->who.flags = ZTA_WORKLOAD_SELFTEST; /* whatever the pause */
	if (t.flags & ZTA_ASK_QUARANTINED)
		r->who.flags |= ZTA_WORKLOAD_QUARANTINED;
	zta_judge_room(room);
	v = r->c.verdict;
	zta_room_give(r);
	t.services = v.services;
	t.rule = v.rule;
	t.verdict = v.verdict;
	t.reason = v.reason;
	t.row = v.row;
	t.verdict_flags = v.flags;
	return bpf_skb_store_bytes(skb, ZTA_TEST_PAD, &t, sizeof(t), 0) ? 2 : 0;
}

/* The next record of the room's message, enum zta_dns_step. */
__noinline __weak int zta_test_next(__u32 room)
{
	struct zta_room *r = zta_room(room);

	return r ? zta_dns_next(&r->dns) : ZTA_DNS_END;
}

SEC("tc")
int zta_dns_test(struct __sk_buff *skb)
{
	struct zta_test_dns t;
	struct zta_room *r;
	__u32 room;

	if (bpf_skb_load_bytes(skb, ZTA_TEST_PAD, &t, sizeof(t)) < 0)
		return 1;
	r = zta_room_take(&room);
	if (!r)
		return 1;
	t.begun = zta_load_message(skb, room, ZTA_TEST_PAD + sizeof(t), t.len);
	r->dns.seed = t.seed;
	t.begun = t.begun && zta_begin_room(room);
	t.steps = 0;
	t.digest = 0;
	t.question = r->dns.question;
	t.id = r->dns.id;
	t.type = r->dns.type;
	for (int i = 0; i < ZTA_DNS_RECORDS && t.begun; i++) {
		int step = zta_test_next(room);

		t.steps++;
		t.digest = zta_test_step(t.digest, &r->dns, step);
		if (step == ZTA_DNS_BAD || step == ZTA_DNS_END)
			break;
	}
	zta_room_give(r);
	return bpf_skb_store_bytes(skb, ZTA_TEST_PAD, &t, sizeof(t), 0) ? 2 : 0;
}
