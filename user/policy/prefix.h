/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and prefixes as text: RFC 4291 and dotted quads in, RFC 5952 out. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>

#include "policy/policy.h"

struct diag;

#define PREFIX_TEXT_LEN (INET6_ADDRSTRLEN + 4) /* "/128" */

/**
 * prefix_parse() - "10.0.0.0/8", "fd00::/8", or an address, which is a host
 * @d:	gets the whole sentence, the text quoted and with a hint where there is one
 *
 * Refused: host bits, leading zeros, zone ids, IPv4-mapped forms (write IPv4).
 * Return: 0 or -EINVAL.
 */
int prefix_parse(const char *text, struct policy_prefix *ret, struct diag *d);

/* An address; an IPv4-mapped one is that IPv4 address. Return: 0 or -EINVAL. */
int addr_parse(const char *text, struct zta_addr *ret);

void addr_format(const struct zta_addr *a, char ret[INET6_ADDRSTRLEN]);

/* With "/n" unless it is a host. */
void prefix_format(const struct policy_prefix *p, char ret[PREFIX_TEXT_LEN]);

/* Bits of a host of that family: 32 or 128. */
unsigned addr_bits(const struct zta_addr *a);

/* Whether @outer holds the whole of @inner. */
bool prefix_covers(const struct policy_prefix *outer, const struct policy_prefix *inner);

/* Address, then length; IPv4 first. For sorting; 0 = the same prefix. */
int prefix_compare(const struct policy_prefix *a, const struct policy_prefix *b);
