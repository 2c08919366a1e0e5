/* SPDX-License-Identifier: Apache-2.0 */
/* Capabilities: what is missing at start, and what is kept afterwards. */
#pragma once

#include <stdbool.h>

struct diag;

/* Everything the daemon (with a @worker or without) will need is there? 0 or -EPERM; @d names what
 * is missing, and why. */
int isolate_check(bool worker, struct diag *d);

/**
 * isolate_drop() - Give up what the daemon does not need from here on
 *
 * Before any thread is made: capabilities are a thread's own. The bounding set, the ambient set and
 * no_new_privs are set too: nothing that this process starts can get more. Return: 0 or a negative
 * errno.
 */
int isolate_drop(bool worker, struct diag *d);
