/* SPDX-License-Identifier: Apache-2.0 */
/* Network namespaces: their cookies, the list of them, and work done inside one. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct kern;

/* Cookie of the network namespace of a socket. 0, -ENOPROTOOPT (before Linux 5.14) or -errno. */
int netns_cookie_of(int sock_fd, uint64_t *ret);

/**
 * netns_cookie() - Cookie of the network namespace of this process
 * @k: attached; before Linux 5.14 a socket is made below the attach point and its note read.
 *     NULL: only what the kernel tells by itself
 *
 * Return: 0, -ENODATA (cannot be told yet) or -errno.
 */
int netns_cookie(struct kern *k, uint64_t *ret);

/**
 * netns_call() - Run a function inside a network namespace
 * @netns_fd: of it; -1 = stay in this one
 *
 * In a thread of its own, which ends with the call. Return: what @fn returns, or -errno.
 */
int netns_call(int netns_fd, int (*fn)(void *ctx), void *ctx);

/**
 * netns_each() - Run a function inside every network namespace that a process or a mount holds
 * @first_pid: look there first, 0 = none
 * @fn:	returns > 0 to stop, 0 to go on, -errno is remembered and the others are still visited
 *
 * Return: what stopped it, else the last error, else 0.
 */
int netns_each(uint32_t first_pid, int (*fn)(void *ctx), void *ctx);
