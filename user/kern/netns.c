// SPDX-License-Identifier: Apache-2.0
#include "kern/netns.h"

#include <bpf/bpf.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "kern/object_private.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif
#define MOUNTINFO_MAX (16 * 1024 * 1024)

int netns_cookie_of(int sock_fd, uint64_t *ret)
{
	socklen_t len = sizeof(*ret);

	return getsockopt(sock_fd, SOL_SOCKET, SO_NETNS_COOKIE, ret, &len) < 0 ? -errno : 0;
}

/* In a child, inside a cgroup of its own below the attach point: what is a new socket's note? */
static int note_in_cgroup(struct kern *k, int cgroup, uint64_t *ret)
{
	_cleanup_close_ int procs = openat(cgroup, "cgroup.procs", O_WRONLY | O_CLOEXEC);
	_cleanup_close_ int fd = -1;
	struct zta_sock note;
	int r;

	if (procs < 0 || write(procs, "0", 1) < 0)
		return -errno;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	r = bpf_map_lookup_elem(k->map[KERN_MAP_SOCKETS], &fd, &note);
	if (r < 0)
		return r;
	*ret = note.netns;
	return note.netns ? 0 : -ENODATA;
}

static int cookie_by_note(struct kern *k, uint64_t *ret)
{
	_cleanup_close_ int cgroup = -1, in = -1, out = -1;
	uint64_t cookie = 0;
	int ends[2], status;
	char name[32];
	pid_t pid;

	(void)snprintf(name, sizeof(name), "zta-netns-%d", getpid());
	if (mkdirat(k->target.fd, name, 0700) < 0 && errno != EEXIST)
		return -errno;
	cgroup = openat(k->target.fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (cgroup < 0 || pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	in = ends[0];
	out = ends[1];
	pid = fork();
	if (pid == 0) {
		bool ok = note_in_cgroup(k, cgroup, &cookie) == 0 &&
			  write(out, &cookie, sizeof(cookie)) == sizeof(cookie);
		_exit(!ok);
	}
	if (pid > 0) {
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		if (status == 0 && read(in, &cookie, sizeof(cookie)) != sizeof(cookie))
			cookie = 0;
	}
	(void)unlinkat(k->target.fd, name,
		       AT_REMOVEDIR); /* empty again; else the next call uses it */
	if (!cookie)
		return -ENODATA;
	*ret = cookie;
	return 0;
}

int netns_cookie(struct kern *k, uint64_t *ret)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int r;

	if (fd < 0)
		return -errno;
	r = netns_cookie_of(fd, ret);
	if (r != -ENOPROTOOPT)
		return r;
	return k ? cookie_by_note(k, ret) : -ENODATA;
}

struct visit {
	int fd;
	int (*fn)(void *ctx);
	void *ctx;
	int result;
};

static void *run_inside(void *arg)
{
	struct visit *v = arg;

	if (v->fd >= 0 && setns(v->fd, CLONE_NEWNET) < 0)
		v->result = -errno;
	else
		v->result = v->fn(v->ctx);
	return NULL;
}

int netns_call(int netns_fd, int (*fn)(void *ctx), void *ctx)
{
	struct visit v = { .fd = netns_fd, .fn = fn, .ctx = ctx };
	sigset_t all, before;
	pthread_t thread;
	int r;

	/* signals are for the loop of the calling thread */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_BLOCK, &all, &before);
	r = pthread_create(&thread, NULL, run_inside, &v);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r)
		return -r;
	(void)pthread_join(thread, NULL); /* cannot fail for a thread just made */
	return v.result;
}

/* Namespaces that were visited, by inode. */
struct seen {
	ino_t *v;
	size_t n, room;
};

static int see(struct seen *s, ino_t ino)
{
	ino_t *bigger;

	for (size_t i = 0; i < s->n; i++)
		if (s->v[i] == ino)
			return 0;
	if (s->n == s->room) {
		bigger = reallocarray(s->v, s->room + 64, sizeof(*s->v));
		if (!bigger)
			return -ENOMEM;
		s->v = bigger;
		s->room += 64;
	}
	s->v[s->n++] = ino;
	return 1;
}

struct walk {
	struct seen seen;
	int (*fn)(void *ctx);
	void *ctx;
	int error;
};

/* > 0 stops. A namespace that vanishes meanwhile has nothing left to do. */
static int visit_path(struct walk *w, const char *path)
{
	_cleanup_close_ int fd = -1;
	struct stat st;
	int r;

	if (stat(path, &st) < 0)
		return 0;
	r = see(&w->seen, st.st_ino);
	if (r <= 0)
		return r;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	r = netns_call(fd, w->fn, w->ctx);
	if (r < 0)
		w->error = r;
	return r > 0 ? r : 0;
}

static void close_dir(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir);
}

static int visit_processes(struct walk *w)
{
	_cleanup_(close_dir) DIR *proc = opendir("/proc");
	char path[64];
	struct dirent *e;
	int r = 0;

	if (!proc)
		return -errno;
	while (!r && (e = readdir(proc))) {
		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%.16s/ns/net", e->d_name);
		r = visit_path(w, path);
	}
	return r;
}

/* Namespaces without a process are held by bind mounts, such as those of ip-netns(8). */
static int visit_mounts(struct walk *w)
{
	_cleanup_free_ char *text = NULL;
	char *save = NULL, path[256];
	int r;

	r = file_read_all("/proc/self/mountinfo", MOUNTINFO_MAX, &text, NULL);
	if (r < 0)
		return r;
	for (char *line = strtok_r(text, "\n", &save); line && !r;
	     line = strtok_r(NULL, "\n", &save))
		if (sscanf(line, "%*d %*d %*s net:[%*d] %255s", path) == 1)
			r = visit_path(w, path);
	return r;
}

int netns_each(uint32_t first_pid, int (*fn)(void *ctx), void *ctx)
{
	struct walk w = { .fn = fn, .ctx = ctx };
	char path[64];
	int r = 0;

	if (first_pid) {
		(void)snprintf(path, sizeof(path), "/proc/%u/ns/net", first_pid);
		r = visit_path(&w, path);
	}
	if (!r)
		r = visit_path(&w, "/proc/self/ns/net");
	if (!r)
		r = visit_processes(&w);
	if (!r)
		r = visit_mounts(&w);
	free(w.seen.v);
	return r ? r : w.error;
}
