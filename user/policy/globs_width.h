/* SPDX-License-Identifier: Apache-2.0 */
/* How many nodes of the pattern tree one cgroup can stand on. */
#pragma once

#include <stddef.h>

#include "policy/image.h"

/**
 * globs_width() - Most nodes that any path could stand on at once
 *
 * An upper bound: below nodes that one name reaches together it assumes the worst name for each.
 * Return: the bound, 1 for a tree without '*'; SIZE_MAX without memory.
 */
size_t globs_width(const struct image_patterns *patterns);
