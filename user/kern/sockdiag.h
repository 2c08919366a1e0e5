/* SPDX-License-Identifier: Apache-2.0 */
/* Closing sockets of others (SOCK_DESTROY), in whatever network namespace they are. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct zta_event;

/* Can this kernel close sockets (CONFIG_INET_DIAG_DESTROY), and may we? Tried on one of our own. */
bool sock_can_close(void);

/**
 * sock_close() - Close one socket
 * @netns:	cookie of its network namespace, 0 = unknown
 * @pid:	a process that may still be in that namespace (looked at first), 0 = unknown
 * @cookie:	of the socket: never another's, even if address and port were taken over
 * @proto:	IPPROTO_TCP or IPPROTO_UDP
 *
 * TCP: its owner gets ECONNABORTED. Return: 0, -ENOENT (gone already), -EOPNOTSUPP or -errno.
 */
int sock_close(uint64_t netns, uint32_t pid, uint64_t cookie, uint8_t proto);

/* sock_close() for the socket that an event with ZTA_EVENT_CUT tells of. */
int sock_close_event(const struct zta_event *e);

/**
 * sock_close_cgroups() - Close the connections of cgroups, in every network namespace
 * @ids:	cgroup ids, sorted; a socket belongs to the cgroup that made it
 *
 * Connections between loopback addresses stay, and so do listeners and unconnected sockets.
 * Return: how many were closed, or -errno.
 */
int sock_close_cgroups(const uint64_t *ids, size_t n);
