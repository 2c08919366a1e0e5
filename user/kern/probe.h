/* SPDX-License-Identifier: Apache-2.0 */
/* What this kernel lets us do, tried out: for `doctor`. */
#pragma once

#include <stddef.h>

#include "base/host.h"

struct kern;

#define KERN_CHECKS_MAX (HOST_CHECKS_MAX + 16)

/**
 * kern_probe() - host_checks() and what only trying can tell
 * @k: what is loaded, or NULL: then hooks are left out
 *
 * Return: how many checks.
 */
size_t kern_probe(struct kern *k, struct host_check v[KERN_CHECKS_MAX]);
