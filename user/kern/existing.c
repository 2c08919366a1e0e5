// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation
 *
 * A socket gets its note when it is made, so one without a note is older than the programs. Those
 * are looked for through the descriptors of all processes (pidfd_getfd) after the programs were
 * attached: from then on every new socket has a note, and BPF_NOEXIST tells the two apart. The walk
 * is repeated until it finds none, since a descriptor can move to a process that was passed. While
 * it lasts (ZTA_EXISTING_MARKING) the programs let sockets without a note be.
 *
 * A TCP connection whose local port has a listener in its namespace was opened by the peer. What
 * has no descriptor (in a listener's queue, closing, in flight between processes) gets no mark; the
 * packet program knows the first two by their state.
 */
#include "kern/existing.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "base/diag.h"
#include "base/file.h"
#include "base/str.h"
#include "kern/netns.h"
#include "kern/object_private.h"
#include "zta_decide_types.h"

#define ROUNDS_MAX 5 /* of a walk that still finds something new */
#define CGROUP_MAX (64 * 1024)

/* Where a listener is; ns is the cookie, or the inode where there are no cookies. */
struct listener {
	uint64_t ns;
	uint16_t port;
};

struct search {
	struct kern *k;
	uint32_t keep_generation; /* 0 = judge */
	struct listener *listeners;
	size_t n, room;
	bool marking; /* second kind of walk; the first one collects listeners */
	struct kern_existing found;
};

static void close_dir(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir);
}

static int option(int fd, int name)
{
	socklen_t len = sizeof(int);
	int value = -1;

	return getsockopt(fd, SOL_SOCKET, name, &value, &len) < 0 ? -1 : value;
}

static uint16_t local_port(int fd)
{
	struct sockaddr_storage a;
	socklen_t len = sizeof(a);

	if (getsockname(fd, (struct sockaddr *)&a, &len) < 0)
		return 0;
	if (a.ss_family == AF_INET6)
		return ntohs(((struct sockaddr_in6 *)&a)->sin6_port);
	return a.ss_family == AF_INET ? ntohs(((struct sockaddr_in *)&a)->sin_port) : 0;
}

/* @ret: normalised. False: not connected. */
static bool peer_of(int fd, struct zta_addr *ret, uint16_t *ret_port)
{
	struct sockaddr_storage a;
	socklen_t len = sizeof(a);
	struct zta_addr inside;

	*ret = (struct zta_addr){ 0 };
	if (getpeername(fd, (struct sockaddr *)&a, &len) < 0)
		return false;
	if (a.ss_family == AF_INET6) {
		const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&a;

		ret->family = ZTA_V6;
		memcpy(ret->w, &six->sin6_addr, sizeof(ret->w));
		*ret_port = ntohs(six->sin6_port);
		zta_normalise(ret, &inside);
	} else {
		const struct sockaddr_in *four = (const struct sockaddr_in *)&a;

		ret->family = ZTA_V4;
		ret->w[0] = four->sin_addr.s_addr;
		*ret_port = ntohs(four->sin_port);
	}
	return true;
}

/* @ret_cookie: 0 where the kernel does not tell it to user space. */
static uint64_t namespace_of(int fd, uint64_t *ret_cookie)
{
	_cleanup_close_ int ns = -1;
	struct stat st;

	*ret_cookie = 0;
	if (netns_cookie_of(fd, ret_cookie) == 0)
		return *ret_cookie;
	ns = ioctl(fd, SIOCGSKNS);
	return ns >= 0 && fstat(ns, &st) == 0 ? st.st_ino : 0;
}

static int add_listener(struct search *s, uint64_t ns, uint16_t port)
{
	struct listener *bigger;

	if (s->n == s->room) {
		bigger = reallocarray(s->listeners, s->room + 128, sizeof(*bigger));
		if (!bigger)
			return -ENOMEM;
		s->listeners = bigger;
		s->room += 128;
	}
	s->listeners[s->n++] = (struct listener){ .ns = ns, .port = port };
	return 0;
}

static bool has_listener(const struct search *s, uint64_t ns, uint16_t port)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->listeners[i].ns == ns && s->listeners[i].port == port)
			return true;
	return false;
}

/*
 * A connected UDP socket called its peer, whose answers open nothing (bpf/peers.h). `closed`:
 * until its first packet tells whose it is, peers that were noted without a note of the socket
 * count.
 */
static struct zta_sock note_for(struct search *s, int fd)
{
	uint64_t cookie, ns = namespace_of(fd, &cookie);
	struct zta_sock note = {
		.netns = cookie,
		.flags = ZTA_SOCK_ADOPTED,
		.adopted_generation = s->keep_generation,
		.closed = 1,
	};
	int protocol = option(fd, SO_PROTOCOL);
	struct zta_addr peer;
	uint16_t port;

	if (!peer_of(fd, &peer, &port))
		return note;
	if (protocol == IPPROTO_UDP) {
		note.flags |= ZTA_SOCK_CALLED;
		note.called = peer;
		note.called_port = port;
		note.called_time = ZTA_CALLED_LAST;
	} else if (protocol == IPPROTO_TCP && !option(fd, SO_ACCEPTCONN) &&
		   has_listener(s, ns, local_port(fd))) {
		note.flags |= ZTA_SOCK_INBOUND;
	}
	return note;
}

static int mark(struct search *s, int fd)
{
	struct zta_sock note = note_for(s, fd);
	int r;

	r = bpf_map_update_elem(s->k->map[KERN_MAP_SOCKETS], &fd, &note, BPF_NOEXIST);
	if (r == -EEXIST)
		return 0; /* younger than the programs, or marked before */
	if (r < 0) {
		s->found.failed++;
		return 0;
	}
	s->found.marked++;
	s->found.inbound += !!(note.flags & ZTA_SOCK_INBOUND);
	return 0;
}

static int look_at(struct search *s, int pidfd, int number)
{
	_cleanup_close_ int fd = (int)syscall(SYS_pidfd_getfd, pidfd, number, 0);
	uint64_t cookie;
	int domain;

	if (fd < 0) {
		if (errno == EPERM && s->marking)
			s->found.failed++;
		return errno == EMFILE || errno == ENOMEM ? -errno : 0;
	}
	domain = option(fd, SO_DOMAIN);
	if (domain != AF_INET && domain != AF_INET6)
		return 0;
	if (s->marking)
		return mark(s, fd);
	if (option(fd, SO_ACCEPTCONN) == 1)
		return add_listener(s, namespace_of(fd, &cookie), local_port(fd));
	return 0;
}

static int walk_process(struct search *s, int pid)
{
	_cleanup_(close_dir) DIR *dir = NULL;
	_cleanup_close_ int pidfd = -1;
	char path[64], to[64];
	struct dirent *e;
	ssize_t n;
	int r = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	while (!r && dir && (e = readdir(dir))) {
		n = readlinkat(dirfd(dir), e->d_name, to, sizeof(to) - 1);
		if (n < 0)
			continue;
		to[n] = '\0';
		if (!str_starts(to, "socket:["))
			continue;
		if (pidfd < 0)
			pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
		if (pidfd < 0)
			break; /* it has ended */
		r = look_at(s, pidfd, atoi(e->d_name));
	}
	return r;
}

/* Only what runs below the attach point: the rest of the machine is none of ours. */
static bool is_below(const struct kern *k, int pid)
{
	_cleanup_free_ char *text = NULL;
	const char *below = k->target.below;
	char path[64], *at;

	if (k->target.is_root)
		return true;
	(void)snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
	if (file_read_all(path, CGROUP_MAX, &text, NULL) < 0)
		return false;
	at = str_starts(text, "0::") ? text : strstr(text, "\n0::");
	if (!at)
		return false;
	at = strchr(at, '/');
	if (!at || strncmp(at, below, strlen(below)))
		return false;
	at += strlen(below);
	return *at == '/' || *at == '\n' || *at == '\0';
}

static int walk(struct search *s)
{
	_cleanup_(close_dir) DIR *proc = opendir("/proc");
	struct dirent *e;
	int r = 0;

	if (!proc)
		return -errno;
	while (!r && (e = readdir(proc)))
		if (isdigit((unsigned char)e->d_name[0]) && is_below(s->k, atoi(e->d_name)))
			r = walk_process(s, atoi(e->d_name));
	return r;
}

int kern_mark_existing(struct kern *k, bool keep, struct kern_existing *ret, struct diag *d)
{
	struct search s = { .k = k };
	unsigned before;
	int r;

	s.keep_generation = keep ? (uint32_t)kern_ctl_get(k, ZTA_CTL_GENERATION) : 0;
	r = walk(&s);
	s.marking = true;
	for (int i = 0; !r && i < ROUNDS_MAX; i++) {
		before = s.found.marked;
		s.found.failed = 0;
		r = walk(&s);
		if (s.found.marked == before)
			break;
	}
	free(s.listeners);
	if (r < 0)
		return diag_set(d, r, "cannot mark the sockets that are open:");
	r = kern_ctl_set(k, ZTA_CTL_EXISTING, keep ? ZTA_EXISTING_KEEP : ZTA_EXISTING_JUDGE);
	if (r < 0)
		return diag_set(d, r, "cannot write the settings:");
	if (ret)
		*ret = s.found;
	return 0;
}
