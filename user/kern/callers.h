/* SPDX-License-Identifier: Apache-2.0 */
/* The broker in the kernel's eyes: where it listens, and who called it (zta_identity.h). */
#pragma once

#include <stdint.h>

#include "zta_identity.h"

struct kern;

/* Where calls of IMDS are led to; NULL: nowhere, they are denied. 0 or -errno. */
int kern_broker_set(struct kern *k, const struct zta_broker *b);

/**
 * kern_caller_take() - Who called with this nonce; the nonce is used then
 *
 * Return: 0; -ENOENT: unknown or used, so nobody vouches; or -errno, which means the same.
 */
int kern_caller_take(struct kern *k, uint64_t nonce, struct zta_caller *ret);
