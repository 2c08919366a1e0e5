// SPDX-License-Identifier: Apache-2.0
#include "daemon/worker_files.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "daemon/config.h"
#include "worker/protocol.h"

/* Regular, not too large; what is not there yet, or a pipe, is never waited for. */
static int accept_file(int *fd, off_t max)
{
	struct stat st;

	if (*fd < 0)
		return -errno;
	if (fstat(*fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	return st.st_size > max ? -EFBIG : take_fd(*fd);
}

/* Kubernetes puts projected files behind symlinks that it swaps: they are followed here. */
static int open_configured(const char *path, const char *variable)
{
	_cleanup_close_ int fd = -1;

	if (!path)
		path = getenv(variable);
	if (!path || !*path)
		return -ENOENT;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	return accept_file(&fd, WORKER_FILE_BYTES);
}

int worker_files_open_arc(const char *dir, const char *path)
{
	struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
				.resolve = RESOLVE_NO_SYMLINKS };
	_cleanup_close_ int dir_fd = -1, fd = -1;
	size_t len = strlen(dir);
	const char *name = path + len + 1;

	if (strncmp(path, dir, len) || path[len] != '/' || strchr(name, '/') ||
	    !str_ends(name, ".key"))
		return -EINVAL;
	dir_fd = (int)syscall(SYS_openat2, AT_FDCWD, dir, &how, sizeof(how));
	if (dir_fd < 0)
		return -errno;
	fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW);
	return accept_file(&fd, WORKER_ARC_BYTES);
}

int worker_files_open(const struct config *c, const struct worker_open *q)
{
	switch (q->file) {
	case WORKER_FILE_FEDERATED:
		return open_configured(c->tokens.token_file, "AZURE_FEDERATED_TOKEN_FILE");
	case WORKER_FILE_CERTIFICATE:
		return open_configured(c->tokens.certificate_file, "AZURE_CLIENT_CERTIFICATE_PATH");
	case WORKER_FILE_PROXY_CA:
		return open_configured(NULL, "AZURE_KUBERNETES_CA_FILE");
	case WORKER_FILE_ARC:
		return worker_files_open_arc(WORKER_FILES_ARC_DIR, q->name);
	default:
		return -EINVAL;
	}
}
