/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DNS messages (RFC 1035 4.1): an answer read whole, a query written. Pure; any bytes will do.
 * The kernel learns addresses by a reading of its own, which keeps less: this one is for people.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "zta_limits.h"
#include "zta_policy.h"

#define DNS_NAME_MAX	255  /* octets on the wire, the root's included */
#define DNS_TEXT_LEN	1016 /* dns_name_text(): 4 for each of 253 octets, and more */
#define DNS_CHAIN_MAX	16   /* links of a chain; resolvers give up at about as many */
#define DNS_QUERY_MAX	(12 + DNS_NAME_MAX + 4 + 11)
#define DNS_MESSAGE_MAX 65535
#define DNS_UDP_MAX	1232 /* what a query offers to take (EDNS): no fragments anywhere */

#define DNS_TYPE_A     1
#define DNS_TYPE_CNAME 5
#define DNS_TYPE_SOA   6
#define DNS_TYPE_AAAA  28
#define DNS_TYPE_ANY   255

#define DNS_RCODE_OK	   0
#define DNS_RCODE_NXDOMAIN 3

/* As on the wire without compression: labels with their lengths, the root's 0 last; lower case. */
struct dns_name {
	uint8_t len;
	uint8_t wire[DNS_NAME_MAX];
};

struct dns_address {
	struct zta_addr addr; /* as answered, not normalised */
	uint32_t ttl_s;	      /* of 2^31 and more: 0 (RFC 2181, 8) */
};

/*
 * Addresses are those of the last name of the chain; a record of any other name, class or type, or
 * outside of the answer section, is nobody's answer to this question.
 */
struct dns_answer {
	uint16_t id;
	uint8_t rcode;
	bool truncated; /* the sender says so (TC) */
	bool cut;	/* the message ends before its records do */
	bool more; /* addresses beyond ZTA_DNS_ADDRS, or links beyond DNS_CHAIN_MAX, are left out */
	uint16_t type; /* asked for */
	struct dns_name question;
	struct dns_name chain[DNS_CHAIN_MAX]; /* in order, without the question */
	size_t n_chain;
	struct dns_address addresses[ZTA_DNS_ADDRS];
	size_t n_addresses;
	struct dns_name authority; /* asked for SOA: the zone's first server; len 0 = none */
};

/**
 * dns_answer_read() - Read a response
 * @msg:	without the length that DNS over TCP puts in front
 * @ret:	overwritten, also on failure
 * @ret_why:	static reason on failure; may be NULL
 *
 * The CNAME records are followed from the question in whatever order they stand. Refused: what is
 * no response to one standard query, names that are longer than names can be or whose pointers do
 * not lead backwards, addresses of a wrong size, chains that come back to themselves or fork.
 * Return: 0 or -EBADMSG.
 */
int dns_answer_read(const void *msg, size_t len, struct dns_answer *ret, const char **ret_why);

/* Can dns_answer_read() have made this? Of an answer that another process read. */
bool dns_answer_is_sound(const struct dns_answer *a);

/**
 * dns_query_write() - A query for one name, recursion desired, with EDNS
 * Return: its octets.
 */
size_t dns_query_write(const struct dns_name *name, uint16_t type, uint16_t id,
		       uint8_t ret[DNS_QUERY_MAX]);

/* A name from text, escapes as below, a trailing dot is ignored. Return: 0 or -EINVAL. */
int dns_name_read(const char *text, struct dns_name *ret);

/* "a.example.com"; "." in a label is "\.", what is no printable ASCII "\DDD"; the root is ".". */
void dns_name_text(const struct dns_name *n, char ret[DNS_TEXT_LEN]);

bool dns_name_equal(const struct dns_name *a, const struct dns_name *b);
