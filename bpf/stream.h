/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The first octets of TCP connections: what stream.bpf.c and content.bpf.c share. */
#pragma once

#include "dns.h"
#include "peers.h"

#include "zta_stream_types.h"

/*
 * Readers of connections that have not shown their first octets yet. Kernel. No memory: the
 * connection is refused in closed profiles, elsewhere nothing is read of it.
 */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct zta_stream);
} zta_streams ZTA_MAP;

/* stream.bpf.c: read what a packet adds. Returns 0: it may not leave. */
int zta_stream(struct __sk_buff *skb, __u32 room);

/* content.bpf.c */
enum zta_content {
	ZTA_CONTENT_DENIED,
	ZTA_CONTENT_GO_ON,
	ZTA_CONTENT_END,     /* judged and allowed; nothing more is read */
	ZTA_CONTENT_GIVE_UP, /* cannot be judged */
	ZTA_CONTENT_FOR_NOW, /* denied, but a mode or a pause lets it pass */
};

/* Who is judged: the maker of the socket. Returns 0: nobody. */
int zta_content_who(struct __sk_buff *skb, __u32 room);

/* Judge what the reader of the packet's socket stands at. Returns enum zta_content. */
int zta_content(struct __sk_buff *skb, __u32 room);

/* Tell of a denial. Returns ZTA_PASSED_*: a mode or a pause lets it pass; 0: it does not. */
int zta_stream_refuse(struct __sk_buff *skb, __u32 room, __u32 reason, __u64 services);
