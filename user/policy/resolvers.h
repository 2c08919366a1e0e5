/* SPDX-License-Identifier: Apache-2.0 */
/* What the resolver "system" of a policy stands for on this machine, and its search suffixes. */
#pragma once

#include "base/cleanup.h"
#include "policy/policy.h"

#define RESOLVERS_ETC	   "/etc/resolv.conf"
#define RESOLVERS_UPSTREAM "/run/systemd/resolve/resolv.conf"

struct resolvers {
	struct policy_prefixes servers; /* hosts */
	struct policy_names search; /* suffixes that libc tries names with, as name_normalise() */
};

/**
 * resolvers_read() - Nameservers and search suffixes of a resolv.conf
 * @etc:	path of the file that libc reads
 * @upstream:	path of systemd-resolved's own, read too when @etc names its stub: the stub asks
 *		these, from a socket of its own
 * @ret:	both lists sorted, without doubles; caller runs resolvers_free(); untouched on
 *		failure
 *
 * As libc does, the last "search" or "domain" line of a file counts. A file that is missing or a
 * line that cannot be read gives nothing: fewer resolvers are believed and fewer names may be
 * asked for, never more.
 * Return: 0 or -ENOMEM.
 */
int resolvers_read(const char *etc, const char *upstream, struct resolvers *ret);
void resolvers_free(struct resolvers *r);
#define _cleanup_resolvers_ _cleanup_(resolvers_free)

bool resolvers_same_servers(const struct resolvers *a, const struct resolvers *b);
bool resolvers_same_search(const struct resolvers *a, const struct resolvers *b);
