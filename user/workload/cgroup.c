// SPDX-License-Identifier: Apache-2.0
#include "workload/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"

#define DEPTH_MAX 64 /* the kernel allows more; nobody nests services like that */

struct walk {
	int (*fn)(void *ctx, const struct cgroup_visit *v, void *parent, void **ret_node);
	void *ctx;
};

/* The id of a cgroup is the inode number of its directory (kernfs, 64 bits). */
static int id_of_fd(int fd, uint64_t *ret)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	*ret = st.st_ino;
	return 0;
}

static int visit_dir(struct walk *w, int fd, struct cgroup_visit *v, void *parent);

static int visit_children(struct walk *w, int fd, const struct cgroup_visit *v, void *node)
{
	int copy = dup(fd), r = 0;
	struct dirent *e;
	DIR *dir;

	if (copy < 0)
		return -errno;
	dir = fdopendir(copy);
	if (!dir) {
		r = -errno;
		(void)close(copy); /* nothing was written */
		return r;
	}
	rewinddir(dir); /* dup() shares the position */
	while (!r && (e = readdir(dir))) {
		_cleanup_free_ char *path = NULL;
		_cleanup_close_ int child = -1;
		struct cgroup_visit c = { .name = e->d_name, .depth = v->depth + 1 };

		if (e->d_type != DT_DIR || !strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		child = openat(fd, e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (child < 0)
			continue; /* vanished */
		path = str_dup_printf("%s/%s", v->depth ? v->path : "", e->d_name);
		if (!path)
			r = -ENOMEM;
		c.path = path;
		if (!r)
			r = visit_dir(w, child, &c, node);
	}
	(void)closedir(dir); /* only read from */
	return r;
}

static int visit_dir(struct walk *w, int fd, struct cgroup_visit *v, void *parent)
{
	void *node = NULL;
	int r;

	if (v->depth > DEPTH_MAX || id_of_fd(fd, &v->id) < 0)
		return 0;
	r = w->fn(w->ctx, v, parent, &node);
	return r ? r : visit_children(w, fd, v, node);
}

int cgroup_walk(int root_fd,
		int (*fn)(void *ctx, const struct cgroup_visit *v, void *parent, void **ret_node),
		void *ctx)
{
	struct cgroup_visit v = { .path = "/", .name = "" };
	struct walk w = { .fn = fn, .ctx = ctx };
	_cleanup_close_ int fd = openat(root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : visit_dir(&w, fd, &v, NULL);
}

int cgroup_id_of(int root_fd, const char *path, uint64_t *ret)
{
	const char *below = path + strspn(path, "/");
	_cleanup_close_ int fd = openat(root_fd, *below ? below : ".",
					O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return errno == ENOTDIR ? -ENOENT : -errno;
	return id_of_fd(fd, ret);
}

struct find {
	uint64_t id;
	char *path;
};

static int is_it(void *ctx, const struct cgroup_visit *v, void *parent, void **ret_node)
{
	struct find *f = ctx;

	if (v->id != f->id)
		return 0;
	f->path = strdup(v->path);
	return f->path ? 1 : -ENOMEM;
}

int cgroup_path_of(const char *root, uint64_t id, char **ret)
{
	_cleanup_close_ int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct find f = { .id = id };
	int r;

	if (fd < 0)
		return -errno;
	r = cgroup_walk(fd, is_it, &f);
	if (r < 0)
		return r;
	if (!f.path)
		return -ENOENT;
	*ret = f.path;
	return 0;
}
