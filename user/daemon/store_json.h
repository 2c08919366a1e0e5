/* SPDX-License-Identifier: Apache-2.0 */
/* The text of state.json; store.c's own. */
#pragma once

#include <stddef.h>

struct store;

/* @s is empty but for its directory. 0, -EINVAL (not a state of ours; @s is half filled), -ENOMEM.
 */
int store_from_json(const char *text, size_t len, struct store *s);

/* New string, caller frees. 0 or -ENOMEM. */
int store_to_json(const struct store *s, char **ret);
