// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * connect, sendmsg, sock_create: what a task asks for, refused with EPERM before a packet exists.
 *
 * Theory of operation
 *
 * sock_create notes who made a socket (owner). connect and sendmsg judge the destination for the
 * task that calls (caller) and, when another workload made the socket, for its owner too: the
 * stricter verdict wins. An allowed call writes address and verdict into the socket's note, where
 * the packet program finds them; a denied call writes nothing, so what the socket was connected to
 * before stays judged as before. A socket without a note (an MPTCP subflow connected by a kernel
 * worker, a kernel socket) gets no cached verdict here: its first packet is judged by its owner.
 *
 * A call of IMDS by a profile with imds "broker" is led to the broker; getpeername goes on to say
 * IMDS.
 *
 * A task outside the attach point that uses a socket from inside is judged for the owner alone.
 */
#include "broker.h"
#include "dhcp.h"
#include "peers.h"
#include "row4.h"

#include <linux/in.h>
#include <linux/socket.h>
#include <bpf/bpf_endian.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define PROTO_MPTCP	 262 /* IPPROTO_MPTCP; not in every UAPI header */
#define PROTO_ICMPV6	 58
#define SOCK_TYPE_STREAM 1
#define SOCK_TYPE_DGRAM	 2
#define SOCK_TYPE_RAW	 3
#define FAMILY_INET	 2
#define FAMILY_INET6	 10

static __always_inline __u8 plain_protocol(__u32 protocol)
{
	if (protocol == PROTO_MPTCP)
		return IPPROTO_TCP;
	return protocol == PROTO_ICMPV6 ? IPPROTO_ICMP : protocol;
}

static __noinline int is_local(const struct zta_addr *addr, __u64 netns)
{
	struct zta_local_key key = { .netns = netns, .addr = *addr };

	return bpf_map_lookup_elem(&zta_local, &key) != NULL;
}

/* Who made or used it last: packets do not tell. */
static __always_inline void note_task(struct zta_sock *st)
{
	st->pid = bpf_get_current_pid_tgid() >> 32;
	st->uid = bpf_get_current_uid_gid();
	bpf_get_current_comm(st->comm, sizeof(st->comm));
}

/*
 * An allowed call: packets to this address and port need no further look under this policy word. A
 * verdict that only a pause or an absent daemon weakened is not kept.
 */
static __always_inline void remember(struct zta_sock *st, const struct zta_case *c, __u64 epoch,
				     __u64 caller_key, int connect)
{
	__u8 watch = zta_watch_of(&c->ask, c->verdict.reason, !connect);

	if (c->ask.proto == IPPROTO_UDP) {
		ZTA_READ(zta_note_called(st, c->cookie, &c->ask.addr, c->ask.port, connect));
	} else {
		st->called = c->ask.addr;
		st->called_port = c->ask.port;
		st->flags |= ZTA_SOCK_CALLED | ZTA_SOCK_ACTIVE;
		st->flags &= ~(ZTA_SOCK_INBOUND | ZTA_SOCK_READ | ZTA_SOCK_REDIRECTED |
			       ZTA_SOCK_ANSWERS);
		if (c->verdict.verdict == ZTA_VERDICT_REDIRECT)
			st->flags |= ZTA_SOCK_REDIRECTED;
	}
	st->judged = 0;
	st->sticky = c->ask.proto == IPPROTO_TCP ? c->used : 0;
	st->wire = c->ask.addr;
	st->wire_port = c->ask.port;
	st->watch = watch;
	if (watch & ZTA_WATCH_DNS) /* who answers is looked at, wherever the packet is sent to */
		st->flags |= ZTA_SOCK_ASKED;
	st->caller_key = caller_key;
	if (!(c->verdict.flags & ZTA_VERDICT_WEAKENED))
		st->judged = zta_tie(&c->ask.addr, ZTA_WATCHED(c->ask.port, watch), epoch);
	if (connect) {
		st->adopted_generation = 0;
		st->peers_since = bpf_ktime_get_ns();
		st->peer_time = 0;
	}
	if (st->pid != (__u32)(bpf_get_current_pid_tgid() >> 32))
		note_task(st);
}

/* libc asks for a route by connecting a datagram socket to port 0, 9 or 65535 (RFC 6724). */
static __always_inline int is_probe_port(__u16 port)
{
	return port == 0 || port == 9 || port == 65535;
}

/* Older than the programs, and no policy has come since: answers of such servers go on. */
static __always_inline int is_kept(const struct zta_sock *st)
{
	if (!st)
		return zta_ctl(ZTA_CTL_EXISTING) == ZTA_EXISTING_MARKING;
	return (st->flags & ZTA_SOCK_ADOPTED) && st->adopted_generation &&
	       st->adopted_generation == zta_ctl(ZTA_CTL_GENERATION);
}

/*
 * Did another workload make the socket? owner_key is that of the time when it was made or last
 * judged as a packet; a policy that came since may have moved the boundary, but not between a
 * cgroup and itself.
 */
static __always_inline int is_of_another(const struct zta_sock *st, __u64 caller_key)
{
	return st->owner_key && st->owner_key != caller_key &&
	       !(caller_key && st->owner == bpf_get_current_cgroup_id());
}

/*
 * To the broker. Without a note nobody could be vouched for, and its packets would be judged by the
 * broker's address: closed.
 */
static __always_inline int redirect(struct zta_case *c, struct zta_sock *st)
{
	const struct zta_broker *b = zta_the_broker();

	if (!b || b->addr.family != ZTA_V4 || !st)
		return 0;
	c->ask.addr = b->addr;
	c->ask.port = b->port;
	return 1;
}

#define REFUSED	   0
#define GO_ON	   1
#define REDIRECTED 2 /* to what stands in r->c.ask */

/* The address stands in r->c.ask. */
static __always_inline int on_call(struct bpf_sock_addr *ctx, __u32 room, struct zta_room *r,
				   int connect)
{
	__u64 epoch = zta_epoch(), caller_key = 0;
	struct bpf_sock *sk = ctx->sk;
	struct zta_sock *st = sk ? bpf_sk_storage_get(&zta_sockets, sk, 0, 0) : NULL;
	struct zta_case *c = &r->c;
	int peer;

	r->slot = epoch & 1;
	c->netns = bpf_get_netns_cookie(ctx);
	c->cookie = bpf_get_socket_cookie(ctx);
	c->ask.port = bpf_ntohs(ctx->user_port);
	c->ask.proto = plain_protocol(ctx->protocol);
	if (c->ask.proto == IPPROTO_ICMP)
		c->ask.port = 0;
	zta_normalise(&c->ask.addr, &c->ask.carried);
	if (c->ask.proto == IPPROTO_UDP && sk &&
	    zta_is_dhcp(&c->ask.addr, sk->src_port, c->ask.port))
		return GO_ON;
	peer = c->ask.proto == IPPROTO_UDP && zta_is_peer(st, c->cookie, &c->ask.addr, c->ask.port);
	if (!connect && is_kept(st)) { /* the packet program passes it, or not when quarantined */
		if (!peer)
			ZTA_READ(zta_note_called(st, c->cookie, &c->ask.addr, c->ask.port, 0));
		return GO_ON;
	}
	if (connect && c->ask.proto == IPPROTO_TCP && zta_the_broker())
		c->ask.flags |= ZTA_ASK_BROKER;
	if (is_local(&c->ask.addr, c->netns))
		c->ask.flags |= ZTA_ASK_LOCAL;
	if (ctx->type == SOCK_TYPE_RAW)
		c->ask.flags |= ZTA_ASK_RAW;
	if (st && (st->flags & ZTA_SOCK_ADOPTED))
		c->ask.flags |= ZTA_ASK_ADOPTED;
	if (st && peer)
		c->ask.flags |= ZTA_ASK_INBOUND;

	if (zta_who_task(&r->who, r->slot)) {
		caller_key = r->who.key;
		if (r->who.flags & ZTA_WORKLOAD_SELFTEST)
			c->flags |= ZTA_EVENT_SELFTEST;
		zta_judge_room(room);
	}
	if (st && is_of_another(st, caller_key) && zta_who_key(&r->who, st->owner_key, r->slot))
		zta_judge_room(room);
	if (!c->who.key) /* neither side is ours to judge here: the packet program does */
		return GO_ON;
	if (!(c->flags & ZTA_EVENT_SELFTEST))
		ZTA_READ(zta_count(c));
	if (c->verdict.verdict == ZTA_VERDICT_DENY || c->verdict.verdict == ZTA_VERDICT_AUDIT) {
		if (connect && ctx->type == SOCK_TYPE_DGRAM)
			c->flags |= ZTA_EVENT_PROBE;
		ZTA_READ(zta_tell(c, st, 1));
	} else {
		zta_tell_allowed(c, st);
	}
	if (c->verdict.verdict == ZTA_VERDICT_DENY)
		return REFUSED;
	if (c->verdict.verdict == ZTA_VERDICT_REDIRECT && !redirect(c, st))
		return REFUSED;
	/* an answer to a peer is no call of its own: what the peer sends next opens it anew */
	if (st && c->verdict.reason != ZTA_REASON_INBOUND &&
	    !(connect && ctx->type == SOCK_TYPE_DGRAM && is_probe_port(c->ask.port)))
		remember(st, c, epoch, caller_key, connect);
	return c->verdict.verdict == ZTA_VERDICT_REDIRECT ? REDIRECTED : GO_ON;
}

static __always_inline int on_call4(struct bpf_sock_addr *ctx, __u8 hook, int connect)
{
	struct zta_room *r;
	__u32 room;
	int go_on;

	r = zta_room_take(&room);
	if (!r)
		return 0;
	r->c.hook = hook;
	r->c.ask.addr.w[0] = ctx->user_ip4;
	r->c.ask.addr.family = ZTA_V4;
	go_on = on_call(ctx, room, r, connect);
	if (go_on == REDIRECTED) {
		ctx->user_ip4 = r->c.ask.addr.w[0];
		ctx->user_port = bpf_htons(r->c.ask.port);
	}
	zta_room_give(r);
	return go_on != REFUSED;
}

static __always_inline int on_call6(struct bpf_sock_addr *ctx, __u8 hook, int connect)
{
	struct zta_room *r;
	__u32 room;
	int go_on;

	r = zta_room_take(&room);
	if (!r)
		return 0;
	r->c.hook = hook;
	r->c.ask.addr.w[0] = ctx->user_ip6[0];
	r->c.ask.addr.w[1] = ctx->user_ip6[1];
	r->c.ask.addr.w[2] = ctx->user_ip6[2];
	r->c.ask.addr.w[3] = ctx->user_ip6[3];
	r->c.ask.addr.family = ZTA_V6;
	go_on = on_call(ctx, room, r, connect);
	if (go_on == REDIRECTED) { /* only an IPv4-mapped one is */
		ctx->user_ip6[3] = r->c.ask.addr.w[0];
		ctx->user_port = bpf_htons(r->c.ask.port);
	}
	zta_room_give(r);
	return go_on != REFUSED;
}

SEC("cgroup/connect4")
int zta_connect4(struct bpf_sock_addr *ctx)
{
	return on_call4(ctx, ZTA_HOOK_CONNECT4, 1);
}

SEC("cgroup/connect6")
int zta_connect6(struct bpf_sock_addr *ctx)
{
	return on_call6(ctx, ZTA_HOOK_CONNECT6, 1);
}

/* Whom the caller believes to talk to. */
static __always_inline int is_redirected(struct bpf_sock_addr *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	struct zta_sock *st = sk ? bpf_sk_storage_get(&zta_sockets, sk, 0, 0) : NULL;

	return st && (st->flags & ZTA_SOCK_REDIRECTED);
}

SEC("cgroup/getpeername4")
int zta_peername4(struct bpf_sock_addr *ctx)
{
	if (is_redirected(ctx)) {
		ctx->user_ip4 = ZTA_IMDS;
		ctx->user_port = bpf_htons(ZTA_IMDS_PORT);
	}
	return 1;
}

SEC("cgroup/getpeername6")
int zta_peername6(struct bpf_sock_addr *ctx)
{
	if (is_redirected(ctx)) {
		ctx->user_ip6[3] = ZTA_IMDS;
		ctx->user_port = bpf_htons(ZTA_IMDS_PORT);
	}
	return 1;
}

SEC("cgroup/sendmsg4")
int zta_sendmsg4(struct bpf_sock_addr *ctx)
{
	return on_call4(ctx, ZTA_HOOK_SENDMSG4, 0);
}

SEC("cgroup/sendmsg6")
int zta_sendmsg6(struct bpf_sock_addr *ctx)
{
	return on_call6(ctx, ZTA_HOOK_SENDMSG6, 0);
}

/* Row 4: what a closed profile may not even make. */
static __always_inline int is_plain_socket(__u32 type, __u32 protocol)
{
	__u8 p = plain_protocol(protocol);

	return type != SOCK_TYPE_RAW && (p == IPPROTO_TCP || p == IPPROTO_UDP || p == IPPROTO_ICMP);
}

static __always_inline int judge_socket(struct bpf_sock *ctx, const struct zta_who *who,
					__u8 reason, __u32 slot)
{
	struct zta_case c = { .hook = ZTA_HOOK_SOCK_CREATE };

	c.netns = bpf_get_netns_cookie(ctx);
	c.ask.proto = plain_protocol(ctx->protocol);
	c.socktype = ctx->type;
	c.ask.addr.family = ctx->family == FAMILY_INET6 ? ZTA_V6 : ZTA_V4;
	return zta_judge_socket(&c, who, reason, slot);
}

SEC("cgroup/sock_create")
int zta_create(struct bpf_sock *ctx)
{
	__u64 word = zta_ctl(ZTA_CTL_WORD);
	__u32 slot = word & 1;
	struct zta_tables t = { .slot = slot };
	struct zta_who who = {};
	struct zta_sock *st;

	if (ctx->family != FAMILY_INET && ctx->family != FAMILY_INET6)
		return 1;
	if (!zta_who_task(&who, slot))
		return 1;
	if (!is_plain_socket(ctx->type, ctx->protocol) &&
	    !judge_socket(ctx, &who, ZTA_REASON_PROTOCOL, slot))
		return 0;
	st = bpf_sk_storage_get(&zta_sockets, ctx, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!st) { /* closed for closed profiles: without a note the caches would lie */
		zta_stat(ZTA_STAT_NO_STORAGE, 1);
		return judge_socket(ctx, &who, ZTA_REASON_NO_STORAGE, slot);
	}
	st->netns = bpf_get_netns_cookie(ctx);
	st->owner = bpf_get_current_cgroup_id();
	st->owner_key = who.key;
	st->flags = ZTA_SOCK_BORN;
	st->peers_word = word;
	st->closed = zta_who_closed(zta_get_profile(&t, who.profile));
	note_task(st);
	return 1;
}
