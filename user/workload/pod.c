// SPDX-License-Identifier: Apache-2.0
#include "workload/pod.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"

#define PROJECTED "volumes/kubernetes.io~projected"
#define TOKEN	  "azure-identity-token" /* the file; also the volume, as the webhook names it */
#define RESERVED  "azure-workload-identity-reserved-"

/* 8-4-4-4-12 hexadecimal digits; systemd's slices have '_' for '-'. */
static bool read_uid(const char *s, char uid[POD_UID_LEN])
{
	static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

	for (size_t i = 0; form[i]; i++) {
		if (form[i] == '-' ? s[i] != '-' && s[i] != '_'
				   : !s[i] || !strchr("0123456789abcdef", s[i]))
			return false;
		uid[i] = form[i] == '-' ? '-' : s[i];
	}
	uid[POD_UID_LEN - 1] = '\0';
	return true;
}

/* "pod<uid>", "kubepods-burstable-pod<uid>.slice" */
static bool is_pod(const char *component, size_t len, char uid[POD_UID_LEN])
{
	static const char slice[] = ".slice";
	const size_t n = strlen("pod") + POD_UID_LEN - 1;

	if (len > strlen(slice) && !strncmp(component + len - strlen(slice), slice, strlen(slice)))
		len -= strlen(slice);
	if (len < n || (len > n && component[len - n - 1] != '-') ||
	    strncmp(component + len - n, "pod", 3))
		return false;
	return read_uid(component + len - n + 3, uid);
}

int pod_of_cgroup(const char *path, char uid[POD_UID_LEN])
{
	bool kubernetes = false;

	while (*path) {
		size_t len = strcspn(path, "/");

		if (memmem(path, len, "kubepods", 8))
			kubernetes = true;
		if (kubernetes && is_pod(path, len, uid))
			return 0;
		path += len + (path[len] == '/');
	}
	return kubernetes ? -ENXIO : -ENOENT;
}

uint64_t pod_subject(const char *uid)
{
	uint64_t v = 0xcbf29ce484222325ULL; /* FNV-1a */

	for (; *uid; uid++)
		v = (v ^ (unsigned char)*uid) * 0x100000001b3ULL;
	return v ? v : 1;
}

static int open_dir(int at, const char *path)
{
	struct open_how how = { .flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
				.resolve = RESOLVE_NO_SYMLINKS |
					   (at == AT_FDCWD ? 0 : RESOLVE_BENEATH) };
	int fd = (int)syscall(SYS_openat2, at, path, &how, sizeof(how));

	return fd < 0 ? -errno : fd;
}

static bool is_volume(const char *name)
{
	return !strcmp(name, TOKEN) || str_starts(name, RESERVED);
}

/* Kubelet's writer: "..data" is a symlink to "..<time>.<random>" beside it, swapped as a whole. */
static int open_token(int projected, const char *volume)
{
	_cleanup_close_ int dir = -1, data = -1, fd = -1;
	char name[NAME_MAX + 1];
	struct stat st;
	ssize_t n;

	dir = open_dir(projected, volume);
	if (dir < 0)
		return dir;
	n = readlinkat(dir, "..data", name, sizeof(name) - 1);
	if (n < 0)
		return -errno;
	name[n] = '\0';
	if (n < 3 || !str_starts(name, "..") || strchr(name, '/'))
		return -ELOOP;
	data = open_dir(dir, name);
	if (data < 0)
		return data;
	fd = openat(data, TOKEN, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	return st.st_size > POD_TOKEN_MAX ? -EFBIG : take_fd(fd);
}

int pod_token_open(const char *kubelet, const char *uid)
{
	char pod[POD_UID_LEN], path[sizeof("pods//" PROJECTED) + POD_UID_LEN];
	_cleanup_close_ int root = -1, projected = -1;
	const struct dirent *e;
	int r = -ENOENT;
	DIR *d;

	if (!read_uid(uid, pod))
		return -EINVAL;
	(void)snprintf(path, sizeof(path), "pods/%s/" PROJECTED, pod); /* it fits */
	root = open(kubelet, O_PATH | O_DIRECTORY | O_CLOEXEC); /* the administrator's own word */
	if (root < 0)
		return -errno;
	projected = open_dir(root, path);
	if (projected < 0)
		return projected;
	d = fdopendir(projected);
	if (!d)
		return -errno;
	(void)take_fd(projected); /* d's now */
	while (r == -ENOENT && (e = readdir(d)))
		if (is_volume(e->d_name))
			r = open_token(dirfd(d), e->d_name);
	(void)closedir(d); /* only read from */
	return r;
}
