/* SPDX-License-Identifier: Apache-2.0 */
/* Cgroups as targets of an administrator's act. */
#pragma once

#include <stdbool.h>

struct control_req;

/**
 * target_read() - A cgroup path among the members of a query
 * @name: of the member
 * @ret:  the path without a '/' at its end, caller frees; NULL when the member is absent
 *
 * Return: 0, -EINVAL (said) or -ENOMEM.
 */
int target_read(struct control_req *req, const char *name, char **ret);

/* Is @path the cgroup @target or below it? Both start with "/". */
bool target_holds(const char *target, const char *path);
