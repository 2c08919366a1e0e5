/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Look-ups of our own: one name, asked of given resolvers, with the whole answer. libc tells
 * neither the chain nor who answered and adds the hosts file; libevent's resolver tells no chain;
 * c-ares would, for one more library in a daemon that otherwise speaks to nobody. This is the small
 * part of it that is needed: UDP, TCP when an answer is truncated, the next resolver when one is
 * silent.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "inspect/dns.h"

#define LOOKUP_PORT	  53
#define LOOKUP_TIMEOUT_MS 2000 /* for each attempt, TCP's included */
#define LOOKUP_TRIES	  2    /* of all resolvers in turn */

struct lookup_servers {
	const struct zta_addr *v; /* in this order */
	size_t n;
	uint16_t port; /* host byte order */
	unsigned int timeout_ms;
};

struct lookup {
	struct dns_answer answer; /* whole: neither truncated nor cut */
	struct zta_addr resolver; /* who gave it */
};

/**
 * lookup_ask() - Ask for one name and type
 * @ret: untouched on failure
 *
 * Blocks, for LOOKUP_TRIES * n * timeout_ms and as much again for TCP at most. Only the resolver
 * asked can answer (the socket is connected), and only this question, under its random id; what
 * else comes is passed over. A resolver that fails (SERVFAIL, REFUSED, ...) counts as silent while
 * there is another.
 * Return: 0 (also for a name that does not exist: answer.rcode), -EBADMSG (answers that cannot be
 * read), -ETIMEDOUT, or the -errno of the last attempt (-EPERM: the policy refused the query).
 */
int lookup_ask(const struct lookup_servers *s, const struct dns_name *name, uint16_t type,
	       struct lookup *ret);
