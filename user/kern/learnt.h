/* SPDX-License-Identifier: Apache-2.0 */
/* What live answers said, as the kernel holds it. */
#pragma once

#include <stdint.h>

#include "zta_names.h"

struct kern;

/**
 * kern_text_get() - A name by its hash
 * @ret: forwards, in lower case; octets that patterns cannot hold are 0xff
 *
 * Return: 0, -ENOENT (forgotten, or never heard of) or -errno.
 */
int kern_text_get(struct kern *k, uint64_t hash, char ret[ZTA_NAME_OCTETS]);

/* What live answers said of one address. Return: 0, -ENOENT or -errno. */
int kern_learnt_get(struct kern *k, const struct zta_place *at, struct zta_learnt *ret);

/**
 * kern_learnt_each() - Every address that a live answer has named, of all network namespaces
 * @fn: returns 0 to go on; anything else ends it
 *
 * Answers come and go meanwhile: one may be left out or come twice.
 * Return: 0, what @fn returned, or -errno.
 */
int kern_learnt_each(struct kern *k,
		     int (*fn)(void *ctx, const struct zta_place *at,
			       const struct zta_learnt *said),
		     void *ctx);
