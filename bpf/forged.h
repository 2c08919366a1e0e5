/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Handshakes forged on lo.
 *
 * Whoever holds CAP_NET_RAW can put a packet on lo that claims to come from anywhere; a listener
 * would answer it and row 2 would then let everything out to that "peer". A TCP packet that reaches
 * a listener through lo with a source that is not local is remembered here, right before sockops
 * would mark the child, and the mark is refused. The map is zta_peers (an LRU whose newest entry is
 * never the victim); bit 63 of the key's cookie keeps the two uses apart.
 */
#pragma once

#include "maps.h"

static __always_inline struct zta_peer_key zta_forged_key(const struct zta_sock *st,
							  const struct zta_addr *peer,
							  __u16 peer_port, __u16 own_port)
{
	struct zta_peer_key key = {
		.cookie = (st ? st->netns : 0) | 1ULL << 63,
		.addr = *peer,
		.port = peer_port,
		.pad = own_port,
	};

	return key;
}

static __always_inline int zta_is_forged(const struct zta_sock *st, const struct zta_addr *peer,
					 __u16 peer_port, __u16 own_port)
{
	struct zta_peer_key key = zta_forged_key(st, peer, peer_port, own_port);

	return bpf_map_lookup_elem(&zta_peers, &key) != NULL;
}
