/* SPDX-License-Identifier: Apache-2.0 */
/* Rules with a date: announced 14 days before, switched off on the day. */
#pragma once

#include <stddef.h>

struct daemon;

/* Once a second. */
void expiry_tick(struct daemon *d);

/* How many end within 14 days. */
size_t expiry_soon(const struct daemon *d);
