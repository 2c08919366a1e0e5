/* SPDX-License-Identifier: Apache-2.0 */
/* What the bench's programs share: the clock, where they stand, sockets. All end the program on
 * failure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/** now_ns() - CLOCK_MONOTONIC */
uint64_t now_ns(void);

/** join_netns() - Move to the network namespace of a file */
void join_netns(const char *path);

/** join_cgroup() - Move to the cgroup of a directory */
void join_cgroup(const char *dir);

/** new_socket() - An IPv4 socket of a type */
int new_socket(int type);

/** close_hard() - Close with a reset: no TIME_WAIT, so the ports last */
void close_hard(int fd);

/** sort_times() - Shortest first */
void sort_times(uint64_t *took, size_t count);
