/* SPDX-License-Identifier: Apache-2.0 */
/* What a name resolves to, and over which names: asked of the resolvers that policy believes. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#include "inspect/lookup.h"

#define RESOLVE_HOSTS_FILE "/etc/hosts"
#define RESOLVE_HOSTS_MAX  16
#define RESOLVE_MAX	   (2 * ZTA_DNS_ADDRS) /* of both families */

struct resolved {
	char addresses[RESOLVE_MAX][INET6_ADDRSTRLEN];
	size_t n_addresses;
	char chain[2 * DNS_CHAIN_MAX][DNS_TEXT_LEN]; /* without the name itself */
	size_t n_chain;
	char hosts[RESOLVE_HOSTS_MAX][INET6_ADDRSTRLEN]; /* of the hosts file */
	size_t n_hosts;
	bool absent;			 /* the resolvers know no address of this name */
	char resolver[INET6_ADDRSTRLEN]; /* who answered; "" = nobody */
	char zone_server[DNS_TEXT_LEN];	 /* who answers for its private-link zone; "" = unknown */
};

/**
 * resolve_name() - A and AAAA records with their chain, and the hosts file
 * @servers:	whom to ask, in this order
 * @ret_why:	reason on failure, static
 *
 * Blocks while resolvers are silent. Not libc's way: that tells neither chain nor resolver, mixes
 * the hosts file in, and asks whom /etc/resolv.conf names.
 * Return: 0, or -ENOENT: neither a resolver nor the hosts file said anything.
 */
int resolve_name(const char *name, const struct lookup_servers *servers, struct resolved *ret,
		 const char **ret_why);

/* The addresses that a hosts file gives a name. A file that cannot be read gives none. */
void resolve_hosts(const char *path, const char *name, struct resolved *to);

/* Would clients that heed the environment send HTTPS for this name to a proxy? */
bool resolve_is_proxied(const char *name);
