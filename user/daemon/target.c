/* SPDX-License-Identifier: Apache-2.0 */
#include "target.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/diag.h"
#include "control/server.h"

/* A path from "/" on without empty, "." and ".." components; a '/' may stand at its end. */
static bool is_path(const char *at)
{
	if (*at != '/')
		return false;
	while (*at++ == '/' && *at) {
		size_t len = strcspn(at, "/");

		if (!len || !strncmp(at, ".", len) || !strncmp(at, "..", len))
			return false;
		at += len;
	}
	return true;
}

int target_read(struct control_req *req, const char *name, char **ret)
{
	const char *text = control_query(req, name);
	_cleanup_free_ char *path = NULL;
	size_t len;

	if (!text) {
		*ret = NULL;
		return 0;
	}
	if (text[0] != '/')
		return diag_set(control_diag(req), -EINVAL,
				"%s: \"%s\" is not a cgroup path (it starts with /); pods need "
				"Kubernetes, and none is configured here",
				name, text);
	if (!is_path(text))
		return diag_set(control_diag(req), -EINVAL,
				"%s: \"%s\" is not a cgroup path below the attach point", name,
				text);
	path = strdup(text);
	if (!path)
		return -ENOMEM;
	len = strlen(path);
	if (len > 1 && path[len - 1] == '/')
		path[len - 1] = '\0';
	*ret = take_ptr(path);
	return 0;
}

bool target_holds(const char *target, const char *path)
{
	size_t len = strlen(target);

	while (len && target[len - 1] == '/')
		len--; /* "/" holds everything */
	return !strncmp(path, target, len) && (path[len] == '\0' || path[len] == '/');
}
