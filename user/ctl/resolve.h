/* SPDX-License-Identifier: Apache-2.0 */
/* What a name resolves to here, and over which names: libc's addresses, DNS's chain. */
#pragma once

#include <netinet/in.h>
#include <stddef.h>

/* What is beyond is left out. */
#define RESOLVE_ADDRESSES_MAX 100
#define RESOLVE_CHAIN_MAX     32

struct resolved {
	char addresses[RESOLVE_ADDRESSES_MAX][INET6_ADDRSTRLEN];
	size_t n_addresses;
	char *chain[RESOLVE_CHAIN_MAX]; /* without the name itself */
	size_t n_chain;
};

/**
 * resolve_name() - Addresses as getaddrinfo() gives them to applications
 * @ret:	caller runs resolve_free()
 * @ret_why:	static reason on failure
 *
 * The chain is asked of DNS in one query of its own; without an answer it is empty.
 * Return: 0 or -ENOENT.
 */
int resolve_name(const char *name, struct resolved *ret, const char **ret_why);
void resolve_free(struct resolved *r);
