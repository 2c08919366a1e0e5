// SPDX-License-Identifier: Apache-2.0
/*
 * RFC 791, RFC 8200 and RFC 9293 for the headers, RFC 6994 for the option. IPv6 may put options
 * and a routing header before TCP; anything else there is no SYN that a listener accepts.
 */
#include "inspect/syn.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "zta_identity.h"

#define PROTO_TCP	 6
#define NEXT_HOP	 0
#define NEXT_ROUTING	 43
#define NEXT_DESTINATION 60
#define V4_BYTES_MIN	 20
#define V6_BYTES	 40
#define TCP_BYTES_MIN	 20
#define TCP_FLAGS_AT	 13
#define TCP_SYN		 0x02
#define TCP_ACK		 0x10
#define OPTION_END	 0
#define OPTION_NOP	 1

/* What is not read yet. */
struct rest {
	const uint8_t *at;
	size_t len;
};

static bool skip(struct rest *r, size_t n)
{
	if (n > r->len)
		return false;
	r->at += n;
	r->len -= n;
	return true;
}

static bool skip_v4(struct rest *r)
{
	return r->len >= V4_BYTES_MIN && r->at[9] == PROTO_TCP && (r->at[0] & 0xf) >= 5 &&
	       skip(r, (size_t)(r->at[0] & 0xf) * 4);
}

/* Each extension header is at least 8 octets: the loop ends with the bytes. */
static bool skip_v6(struct rest *r)
{
	uint8_t next;

	if (r->len < V6_BYTES)
		return false;
	next = r->at[6];
	(void)skip(r, V6_BYTES); /* they are there */
	while (next == NEXT_HOP || next == NEXT_ROUTING || next == NEXT_DESTINATION) {
		if (r->len < 2)
			return false;
		next = r->at[0];
		if (!skip(r, ((size_t)r->at[1] + 1) * 8))
			return false;
	}
	return next == PROTO_TCP;
}

static bool skip_ip(struct rest *r)
{
	if (!r->len)
		return false;
	switch (r->at[0] >> 4) {
	case 4:
		return skip_v4(r);
	case 6:
		return skip_v6(r);
	default:
		return false;
	}
}

/* Leaves the options. Data behind them (Fast Open) is not saved; if it were, it is not read. */
static bool skip_tcp(struct rest *r)
{
	size_t header;

	if (r->len < TCP_BYTES_MIN || (r->at[TCP_FLAGS_AT] & (TCP_SYN | TCP_ACK)) != TCP_SYN)
		return false;
	header = (size_t)(r->at[12] >> 4) * 4;
	if (header < TCP_BYTES_MIN || header > r->len)
		return false;
	r->len = header;
	return skip(r, TCP_BYTES_MIN);
}

static bool is_nonce(const uint8_t *option)
{
	return option[0] == ZTA_NONCE_KIND && option[1] == ZTA_NONCE_OCTETS &&
	       option[2] == ZTA_NONCE_EXID >> 8 && option[3] == (ZTA_NONCE_EXID & 0xff);
}

int syn_nonce(const uint8_t *data, size_t len, uint64_t *ret)
{
	struct rest r = { data, len };
	const uint8_t *found = NULL;

	if (len > SYN_BYTES_MAX || !skip_ip(&r) || !skip_tcp(&r))
		return -EBADMSG;
	while (r.len && r.at[0] != OPTION_END) {
		size_t n = 1;

		if (r.at[0] != OPTION_NOP) {
			if (r.len < 2 || r.at[1] < 2 || r.at[1] > r.len)
				return -EBADMSG;
			n = r.at[1];
			if (is_nonce(r.at) && found)
				return -EBADMSG;
			if (is_nonce(r.at))
				found = r.at;
		}
		(void)skip(&r, n); /* they are there */
	}
	if (!found)
		return -ENODATA;
	memcpy(ret, found + 4, sizeof(*ret));
	return 0;
}
