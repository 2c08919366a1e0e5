/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens, keys and assertions: in pages of their own, locked, left out of core dumps, wiped when
 * freed. Never printed: whoever must speak of one uses secret_tag().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"

struct secret;

#define SECRET_TAG 9 /* with the NUL */

/**
 * secret_alloc() - An empty one
 * @room:	most bytes it will hold
 *
 * Memory that cannot be locked (a low limit) is used all the same: secret_locked() tells.
 * Return: 0 or -ENOMEM.
 */
int secret_alloc(size_t room, struct secret **ret);
int secret_new(const void *data, size_t len, struct secret **ret);

/* 0, or -ENOBUFS: there is no room, nothing was added. */
int secret_append(struct secret *s, const void *data, size_t len);

/* All that a descriptor gives, from its start: 0, -EFBIG (over @max), -errno. */
int secret_read(int fd, size_t max, struct secret **ret);

const char *secret_text(const struct secret *s); /* NUL-terminated */
char *secret_bytes(struct secret *s);		 /* to be cut up in place */
size_t secret_len(const struct secret *s);
bool secret_locked(const struct secret *s);
bool secret_equal(const struct secret *a, const struct secret *b); /* in constant time */

/* Eight hex digits of its SHA-256: tells two apart, gives nothing away. */
void secret_tag(const struct secret *s, char ret[SECRET_TAG]);

void secret_free(struct secret *s); /* NULL is fine */
CLEANUP_DEFINE(struct secret *, secret_free)
#define _cleanup_secret_ _cleanup_(secret_free_p)

/* Overwrites, whatever the compiler thinks of it. */
void secret_wipe(void *data, size_t len);
