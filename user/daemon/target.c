/* SPDX-License-Identifier: Apache-2.0 */
#include "target.h"

#include <string.h>

bool target_holds(const char *target, const char *path)
{
	size_t len = strlen(target);

	while (len && target[len - 1] == '/')
		len--; /* "/" holds everything */
	return !strncmp(path, target, len) && (path[len] == '\0' || path[len] == '/');
}
