/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's own addresses, and word of their changes, by rtnetlink(7). */
#pragma once

#include <stddef.h>

#include "zta_policy.h"

/**
 * local_open() - Listen for changes of addresses in this network namespace
 *
 * Return: a socket, or a negative errno.
 */
int local_open(void);

/**
 * local_drain() - Read what has come
 *
 * Return: 1 when addresses may have changed (also when notices were lost), else 0.
 */
int local_drain(int fd);

/**
 * local_list() - The addresses as they are now
 * @ret:	caller frees; normalised, in no order
 *
 * Return: 0 or a negative errno.
 */
int local_list(struct zta_addr **ret, size_t *ret_n);
