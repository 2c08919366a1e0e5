// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation
 *
 *	<dir>/v1/zta_workloads …   the maps of layout 1
 *	<dir>/links/connect4 …     one link a hook; a link keeps its program, and that its maps
 *	<dir>/new, <dir>/old       maps that are not yet, or no longer, a set
 *	<dir>/links/connect4-new   a link that is about to take the place of connect4
 *
 * bpffs has rename(2), for directories too, and replaces a file atomically. So a v<n> is always
 * complete: it is filled as `new` and renamed, and renamed to `old` before it is emptied. Whatever
 * moment a crash chooses, the links that are pinned work, with the maps that their programs hold:
 *
 * - while `new` is filled: the links are untouched. The next start removes `new`.
 * - v2 is there, links still lead to programs on v1, or some here and some there: each judges by
 *   the policy of its own set, and both sets were filled from the same document. The next start
 *   (of either version) moves all links to its own set and then drops the other.
 * - `old` is half removed: no link leads there. The next start removes the rest.
 * - connect4-new is pinned: it was attached before, so the older connect4 is not needed; the next
 *   start renames it. Until then both run, and the stricter verdict counts.
 *
 * The directory is locked (flock): two daemons never work on the same pins.
 */
#include "kern/pins.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "base/cleanup.h"
#include "base/diag.h"
#include "base/file.h"
#include "base/str.h"

#define BPFFS	     "/sys/fs/bpf"
#define LOCKS_MAX    (4 * 1024 * 1024)
#define LINK_PENDING "-new"

static void close_dir(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir);
}

int pins_path(const struct pins *p, char ret[PATH_MAX], const char *fmt, ...)
{
	int at = snprintf(ret, PATH_MAX, "%s/", p->dir), n;
	va_list ap;

	if (at < 0 || at >= PATH_MAX)
		return -ENAMETOOLONG;
	va_start(ap, fmt);
	n = vsnprintf(ret + at, PATH_MAX - at, fmt, ap);
	va_end(ap);
	return n < 0 || n >= PATH_MAX - at ? -ENAMETOOLONG : 0;
}

/* Is the directory, or the nearest one above it that exists, in a bpffs? */
static bool in_bpffs(const char *dir)
{
	char path[PATH_MAX];
	struct statfs fs;

	(void)snprintf(path, sizeof(path), "%s", dir);
	while (statfs(path, &fs) < 0) {
		char *slash = strrchr(path, '/');

		if (errno != ENOENT || !slash || slash == path)
			return false;
		*slash = '\0';
	}
	return fs.f_type == BPF_FS_MAGIC;
}

bool pins_exist(const char *dir)
{
	return access(dir, F_OK) == 0 && in_bpffs(dir);
}

static int mount_bpffs(const char *dir, struct diag *d)
{
	const char *at = !strcmp(dir, BPFFS) || str_starts(dir, BPFFS "/") ? BPFFS : dir;
	int r;

	r = file_mkdir_p(at, 0700);
	if (r < 0)
		return diag_set(d, r, "cannot make '%s':", at);
	if (mount("bpf", at, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") < 0)
		return diag_set(d, -errno, "cannot mount bpffs at '%s':", at);
	return 0;
}

/* Who holds the lock? Best effort, for the message: 0 = not known. */
static int lock_holder(int fd)
{
	_cleanup_free_ char *text = NULL;
	unsigned major, minor;
	unsigned long inode;
	char *save = NULL;
	struct stat st;
	int pid;

	if (fstat(fd, &st) < 0 || file_read_all("/proc/locks", LOCKS_MAX, &text, NULL) < 0)
		return 0;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (sscanf(line, "%*d: FLOCK %*s %*s %d %x:%x:%lu", &pid, &major, &minor, &inode) ==
			    4 &&
		    inode == st.st_ino && makedev(major, minor) == st.st_dev)
			return pid;
	return 0;
}

static int lock_dir(const char *dir, struct diag *d)
{
	_cleanup_close_ int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return diag_set(d, -errno, "cannot open '%s':", dir);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		int r = -errno, pid = lock_holder(fd);

		if (r != -EWOULDBLOCK)
			return diag_set(d, r, "cannot lock '%s':", dir);
		if (pid)
			return diag_set(d, -EBUSY, "the pins in '%s' are in use by process %d", dir,
					pid);
		return diag_set(d, -EBUSY, "the pins in '%s' are in use by another process", dir);
	}
	return take_fd(fd);
}

/* The files of a directory, and the directory. What is not there is removed already. */
static int drop_dir(const char *path)
{
	_cleanup_(close_dir) DIR *dir = opendir(path);
	struct dirent *e;
	int r = 0;

	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while ((e = readdir(dir)))
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..") &&
		    unlinkat(dirfd(dir), e->d_name, 0) < 0 && errno != ENOENT)
			r = -errno;
	if (rmdir(path) < 0 && errno != ENOENT && !r)
		r = -errno;
	return r;
}

static int drop_name(const struct pins *p, const char *name)
{
	char path[PATH_MAX];
	int r = pins_path(p, path, "%s", name);

	return r < 0 ? r : drop_dir(path);
}

/* A link that was attached but has not yet taken its place. */
static int finish_links(const struct pins *p)
{
	_cleanup_(close_dir) DIR *dir = NULL;
	char path[PATH_MAX], name[NAME_MAX + 1];
	struct dirent *e;
	int r;

	r = pins_path(p, path, "links");
	if (r < 0)
		return r;
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while ((e = readdir(dir))) {
		if (!str_ends(e->d_name, LINK_PENDING))
			continue;
		(void)snprintf(name, sizeof(name), "%s", e->d_name);
		name[strlen(name) - strlen(LINK_PENDING)] = '\0';
		if (renameat(dirfd(dir), e->d_name, dirfd(dir), name) < 0)
			return -errno;
	}
	return 0;
}

int pins_open(const char *dir, struct pins *ret, struct diag *d)
{
	struct pins p = { .lock = -1 };
	int r;

	if (!in_bpffs(dir)) {
		r = mount_bpffs(dir, d);
		if (r < 0)
			return r;
	}
	r = file_mkdir_p(dir, 0700);
	if (r < 0)
		return diag_set(d, r, "cannot make '%s':", dir);
	p.dir = strdup(dir);
	if (!p.dir)
		return diag_set(d, -ENOMEM, "no memory");
	p.lock = lock_dir(dir, d);
	if (p.lock < 0) {
		r = p.lock;
		pins_close(&p);
		return r;
	}
	r = drop_name(&p, "new");
	if (!r)
		r = drop_name(&p, "old");
	if (!r)
		r = finish_links(&p);
	if (r < 0) {
		pins_close(&p);
		return diag_set(d, r, "cannot tidy up '%s':", dir);
	}
	*ret = p;
	return 0;
}

void pins_close(struct pins *p)
{
	if (p->lock >= 0)
		(void)close(p->lock);
	p->lock = -1;
	free(p->dir);
	p->dir = NULL;
}

bool pins_has_layout(const struct pins *p, uint32_t layout)
{
	char path[PATH_MAX];

	return pins_path(p, path, "v%u", layout) == 0 && access(path, F_OK) == 0;
}

uint32_t pins_other_layout(const struct pins *p, uint32_t layout)
{
	_cleanup_(close_dir) DIR *dir = opendir(p->dir);
	struct dirent *e;
	unsigned n;
	char rest;

	while (dir && (e = readdir(dir)))
		if (sscanf(e->d_name, "v%u%c", &n, &rest) == 1 && n && n != layout)
			return n;
	return 0;
}

int pins_begin_layout(const struct pins *p)
{
	char path[PATH_MAX];
	int r = pins_path(p, path, "new");

	if (!r)
		r = drop_dir(path);
	if (!r && mkdir(path, 0700) < 0)
		r = -errno;
	return r;
}

int pins_commit_layout(const struct pins *p, uint32_t layout)
{
	char from[PATH_MAX], to[PATH_MAX];
	int r = pins_path(p, from, "new");

	if (!r)
		r = pins_path(p, to, "v%u", layout);
	if (!r && rename(from, to) < 0)
		r = -errno;
	return r;
}

int pins_drop_layout(const struct pins *p, uint32_t layout)
{
	char from[PATH_MAX], to[PATH_MAX];
	int r = pins_path(p, from, "v%u", layout);

	if (!r)
		r = pins_path(p, to, "old");
	if (!r)
		r = drop_dir(to);
	if (!r && rename(from, to) < 0)
		r = errno == ENOENT ? 0 : -errno;
	return r ? r : drop_dir(to);
}

bool pins_has_links(const struct pins *p)
{
	_cleanup_(close_dir) DIR *dir = NULL;
	char path[PATH_MAX];
	struct dirent *e;

	if (pins_path(p, path, "links") < 0)
		return false;
	dir = opendir(path);
	while (dir && (e = readdir(dir)))
		if (e->d_name[0] != '.')
			return true;
	return false;
}

int pins_put_link(const struct pins *p, const char *name, int fd)
{
	char pending[PATH_MAX], path[PATH_MAX];
	int r;

	r = pins_path(p, path, "links");
	if (!r && mkdir(path, 0700) < 0 && errno != EEXIST)
		r = -errno;
	if (!r)
		r = pins_path(p, pending, "links/%s" LINK_PENDING, name);
	if (!r)
		r = pins_path(p, path, "links/%s", name);
	if (!r && bpf_obj_pin(fd, pending) < 0)
		r = -errno;
	if (r < 0)
		return r;
	if (rename(pending, path) < 0) {
		r = -errno;
		(void)unlink(pending); /* the link it was to replace is still there */
	}
	return r;
}

int pins_get_link(const struct pins *p, const char *name)
{
	char path[PATH_MAX];
	int r = pins_path(p, path, "links/%s", name);

	if (r < 0)
		return r;
	r = bpf_obj_get(path);
	return r < 0 ? -errno : r;
}

static bool is_listed(const char *const *names, const char *name)
{
	for (; names && *names; names++)
		if (!strcmp(*names, name))
			return true;
	return false;
}

/*
 * The kernel ends a link some time after its last pin is gone; here it is wanted at once. Raw
 * tracepoints cannot be detached: for those the later end has to do.
 */
static int drop_link(const struct pins *p, int dir, const char *name)
{
	_cleanup_close_ int fd = pins_get_link(p, name);

	if (fd >= 0)
		(void)bpf_link_detach(fd);
	return unlinkat(dir, name, 0) < 0 && errno != ENOENT ? -errno : 0;
}

int pins_drop_links(const struct pins *p, const char *const *keep)
{
	_cleanup_(close_dir) DIR *dir = NULL;
	char path[PATH_MAX];
	struct dirent *e;
	int r;

	r = pins_path(p, path, "links");
	if (r < 0)
		return r;
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while (!r && (e = readdir(dir)))
		if (e->d_name[0] != '.' && !is_listed(keep, e->d_name))
			r = drop_link(p, dirfd(dir), e->d_name);
	if (!keep && !r && rmdir(path) < 0)
		r = -errno;
	return r;
}

int pins_drop_all(const struct pins *p)
{
	uint32_t layout;
	int r;

	r = pins_drop_links(p, NULL);
	while (!r && (layout = pins_other_layout(p, 0)))
		r = pins_drop_layout(p, layout);
	if (!r)
		r = drop_name(p, "new");
	if (!r)
		r = drop_name(p, "old");
	return r;
}
