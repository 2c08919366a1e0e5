/* SPDX-License-Identifier: Apache-2.0 */
/* What the resolver "system" of a policy stands for on this machine. */
#pragma once

#include "policy/policy.h"

#define RESOLVERS_ETC	   "/etc/resolv.conf"
#define RESOLVERS_UPSTREAM "/run/systemd/resolve/resolv.conf"

/**
 * resolvers_read() - Nameservers of a resolv.conf
 * @etc:	path of the file that libc reads
 * @upstream:	path of systemd-resolved's own, read too when @etc names its stub: the stub asks
 *		these, from a socket of its own
 * @ret:	sorted, without doubles; caller frees ret->v; untouched on failure
 *
 * A file that is missing or a line that cannot be read gives nothing: fewer resolvers are
 * believed, never more.
 * Return: 0 or -ENOMEM.
 */
int resolvers_read(const char *etc, const char *upstream, struct policy_prefixes *ret);
