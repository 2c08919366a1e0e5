/* SPDX-License-Identifier: Apache-2.0 */
#include "watch.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

/* Not IN_MODIFY: a file that is still being written is nobody's business. */
#define WATCH_MASK                                                                               \
	(IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_DELETE_SELF | \
	 IN_MOVE_SELF | IN_ATTRIB)

/* What a file looked like; all zero = absent. */
struct sign {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime, ctime;
};

struct watch {
	int fd;
	char *path;
	struct sign sign;
};

/* The directory of a path, or the nearest one above that exists. */
static void add_dir_of(int fd, const char *path)
{
	char dir[PATH_MAX];

	if (strlen(path) >= sizeof(dir))
		return;
	strcpy(dir, path);
	do {
		char *up = dirname(dir);

		if (up != dir)
			memmove(dir, up, strlen(up) + 1);
		if (inotify_add_watch(fd, dir, WATCH_MASK | IN_ONLYDIR) >= 0)
			return;
	} while (errno == ENOENT && strcmp(dir, "/") != 0 && strcmp(dir, ".") != 0);
}

/* Directories come and go: repeated after each event. Adding one twice changes nothing. */
static void add_dirs(struct watch *w)
{
	_cleanup_free_ char *real = realpath(w->path, NULL);

	add_dir_of(w->fd, w->path);
	if (real)
		add_dir_of(w->fd, real);
}

int watch_open(const char *path, struct watch **ret)
{
	struct watch *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	w->path = strdup(path);
	if (w->fd < 0 || !w->path) {
		int r = w->fd < 0 ? -errno : -ENOMEM;

		watch_close(w);
		return r;
	}
	add_dirs(w);
	(void)watch_changed(w); /* the first signature */
	*ret = w;
	return 0;
}

void watch_close(struct watch *w)
{
	if (!w)
		return;
	if (w->fd >= 0)
		(void)close(w->fd); /* nothing was written through it */
	free(w->path);
	free(w);
}

int watch_fd(const struct watch *w)
{
	return w->fd;
}

const char *watch_path(const struct watch *w)
{
	return w->path;
}

/* A regular file that appears is told again when its writer closes it; a link or directory not. */
static bool matters(const struct watch *w, const struct inotify_event *e)
{
	struct stat st;

	if (e->mask & ~(__u32)IN_CREATE)
		return true;
	return lstat(w->path, &st) == 0 && S_ISLNK(st.st_mode);
}

bool watch_drain(struct watch *w)
{
	char buf[8192] __attribute__((aligned(__alignof__(struct inotify_event))));
	bool any = false;
	ssize_t n;

	while ((n = read(w->fd, buf, sizeof(buf))) > 0)
		for (char *p = buf; p < buf + n;) {
			struct inotify_event *e = (struct inotify_event *)p;

			any = any || matters(w, e);
			p += sizeof(*e) + e->len;
		}
	add_dirs(w);
	return any;
}

bool watch_changed(struct watch *w)
{
	struct sign now = { 0 };
	struct stat st;
	bool changed;

	if (stat(w->path, &st) == 0)
		now = (struct sign){ .dev = st.st_dev,
				     .ino = st.st_ino,
				     .size = st.st_size,
				     .mtime = st.st_mtim,
				     .ctime = st.st_ctim };
	changed = memcmp(&now, &w->sign, sizeof(now)) != 0;
	w->sign = now;
	return changed;
}
