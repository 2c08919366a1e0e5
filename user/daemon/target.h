/* SPDX-License-Identifier: Apache-2.0 */
/* Cgroups as targets of an administrator's act. */
#pragma once

#include <stdbool.h>

/* Is @path the cgroup @target or below it? Both start with "/". */
bool target_holds(const char *target, const char *path);
