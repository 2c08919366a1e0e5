/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A place of one's own for the programs: a cgroup below the cgroup2 mount, a directory of pins, a
 * network namespace whose traffic ends in a veth that nobody listens at. Included behind cmocka.h.
 */
#pragma once

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/host.h"
#include "base/str.h"
#include "kern/existing.h"
#include "kern/maps.h"
#include "kern/object.h"
#include "policy/apply.h"
#include "unit/policy/compiled.h"
#include "workload/cgroup.h"
#include "workload/registry.h"

struct site {
	char *cgroup, *bpffs;
	struct kern *kern;
	struct registry *registry;
	uint32_t generation;
};

static inline struct kern_opts site_opts(const struct site *s)
{
	return (struct kern_opts){ .cgroup = s->cgroup, .bpffs = s->bpffs, .adopt = true };
}

/* Fails the test with the reason. */
#define site_ok(r, d)                                                 \
	do {                                                          \
		if ((r) < 0)                                          \
			fail_msg("%s: %s", (d).text, strerror(-(r))); \
	} while (0)

static inline void site_make(struct site *s)
{
	char *mount;

	*s = (struct site){ 0 };
	assert_int_equal(host_mount_find("cgroup2", &mount, NULL), 0);
	s->cgroup = str_dup_printf("%s/zta-bpf-%d", mount, getpid());
	s->bpffs = str_dup_printf("/sys/fs/bpf/zta-bpf-%d", getpid());
	free(mount);
	assert_int_equal(mkdir(s->cgroup, 0755), 0);
	s->registry = registry_new();
	assert_non_null(s->registry);
}

static inline void site_open_with(struct site *s, const struct kern_opts *o)
{
	struct diag d = { "" };
	int r = kern_open(o, &s->kern, &d);

	site_ok(r, d);
}

static inline void site_open(struct site *s)
{
	struct kern_opts o = site_opts(s);

	site_open_with(s, &o);
}

/* Let go as a daemon does that ends: pins stay. */
static inline void site_close(struct site *s)
{
	kern_close(s->kern);
	s->kern = NULL;
}

static inline void site_apply(struct site *s, const char *members)
{
	struct diag d = { "" };
	struct compiled c;
	int r;

	compiled_open(&c, members);
	assert_non_null(c.image);
	c.image->policy.generation = ++s->generation;
	r = policy_apply(s->kern, c.image, s->registry, &d);
	site_ok(r, d);
	compiled_close(&c);
}

static inline int site_rescan(struct site *s, const char *members)
{
	struct compiled c;
	int r;

	compiled_open(&c, members);
	assert_non_null(c.image);
	r = policy_rescan(s->kern, &c.image->patterns, s->registry);
	compiled_close(&c);
	return r;
}

static inline void site_attach(struct site *s)
{
	struct diag d = { "" };
	int r = kern_attach(s->kern, &d);

	site_ok(r, d);
	r = kern_mark_existing(s->kern, true, NULL, &d);
	site_ok(r, d);
}

static inline char *site_path(const struct site *s, const char *below)
{
	return str_dup_printf("%s%s", s->cgroup, below);
}

/* Make a cgroup "/a/b" below the site, parents too; returns its id. */
static inline uint64_t site_mkdir(const struct site *s, const char *below)
{
	char *path = site_path(s, below);
	struct stat st;

	for (char *p = path + strlen(s->cgroup) + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		if (mkdir(path, 0755) < 0)
			assert_int_equal(errno, EEXIST);
		*p = '/';
	}
	if (mkdir(path, 0755) < 0)
		assert_int_equal(errno, EEXIST);
	assert_int_equal(stat(path, &st), 0);
	free(path);
	return st.st_ino;
}

static inline void site_rmdir(const struct site *s, const char *below)
{
	char *path = site_path(s, below);

	assert_int_equal(rmdir(path), 0);
	free(path);
}

static inline int site_join(const struct site *s, const char *below)
{
	char *path = str_dup_printf("%s%s/cgroup.procs", s->cgroup, below);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : write(fd, "0", 1);

	free(path);
	if (fd >= 0)
		(void)close(fd); /* the write is what counts */
	return n == 1 ? 0 : -1;
}

/* Runs @fn in a child inside a cgroup of the site: what it returns (0..100), 101 = no such place */
static inline int site_run(const struct site *s, const char *below, int (*fn)(const void *arg),
			   const void *arg)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(site_join(s, below) < 0 ? 101 : fn(arg));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* The rest of this process lives in a namespace where every address leads to a veth that nobody
 * listens at. */
static inline void site_netns(void)
{
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	assert_int_equal(system("ip link set lo up && ip link add d0 type veth peer name d1 && "
				"ip addr add 10.77.0.1/24 dev d0 && "
				"ip -6 addr add fd77::1/64 dev d0 nodad && ip link set d1 up && ip "
				"link set d0 up && "
				"ip route add default via 10.77.0.2 && "
				"ip -6 route add default via fd77::2"),
			 0);
}

static inline void site_sweep_dir(const char *path)
{
	char *command = str_dup_printf("find '%s' -depth -type d -exec rmdir {} \\; 2>/dev/null",
				       path);

	(void)system(command); /* what is left is told by the next test that finds it */
	free(command);
}

static inline void site_free(struct site *s)
{
	struct kern_opts o = site_opts(s);
	struct diag d = { "" };
	int r;

	site_close(s);
	r = kern_detach(&o, &d);
	site_ok(r, d);
	registry_free(s->registry);
	site_sweep_dir(s->cgroup);
	free(s->cgroup);
	free(s->bpffs);
	*s = (struct site){ 0 };
}

/* --- what a workload does: 0, or the errno */

struct site_dest {
	int family, type, protocol;
	const char *address;
	uint16_t port;
};

static inline socklen_t site_sockaddr(const struct site_dest *t, struct sockaddr_storage *a)
{
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)a;
	struct sockaddr_in *four = (struct sockaddr_in *)a;

	memset(a, 0, sizeof(*a));
	a->ss_family = (sa_family_t)t->family;
	if (t->family == AF_INET6) {
		six->sin6_port = htons(t->port);
		return inet_pton(AF_INET6, t->address, &six->sin6_addr) == 1 ? sizeof(*six) : 0;
	}
	four->sin_port = htons(t->port);
	return inet_pton(AF_INET, t->address, &four->sin_addr) == 1 ? sizeof(*four) : 0;
}

/* Nobody answers in the namespace: a TCP connect that is allowed stays on its way. */
static inline int site_do_connect(const void *arg)
{
	const struct site_dest *t = arg;
	int fd = socket(t->family, t->type | SOCK_NONBLOCK | SOCK_CLOEXEC, t->protocol);
	struct sockaddr_storage a;
	socklen_t len = site_sockaddr(t, &a);

	if (fd < 0)
		return errno;
	return connect(fd, (struct sockaddr *)&a, len) < 0 && errno != EINPROGRESS ? errno : 0;
}

static inline int site_do_send(const void *arg)
{
	const struct site_dest *t = arg;
	int fd = socket(t->family, t->type | SOCK_CLOEXEC, t->protocol);
	struct sockaddr_storage a;
	socklen_t len = site_sockaddr(t, &a);

	if (fd < 0)
		return errno;
	return sendto(fd, "x", 1, 0, (struct sockaddr *)&a, len) < 0 ? errno : 0;
}

static inline int site_do_socket(const void *arg)
{
	const struct site_dest *t = arg;

	return socket(t->family, t->type | SOCK_CLOEXEC, t->protocol) < 0 ? errno : 0;
}

static inline int site_connect(const struct site *s, const char *below, const char *address,
			       uint16_t port)
{
	struct site_dest t = { strchr(address, ':') ? AF_INET6 : AF_INET, SOCK_STREAM, 0, address,
			       port };

	return site_run(s, below, site_do_connect, &t);
}

static inline int site_send(const struct site *s, const char *below, const char *address,
			    uint16_t port)
{
	struct site_dest t = { strchr(address, ':') ? AF_INET6 : AF_INET, SOCK_DGRAM, 0, address,
			       port };

	return site_run(s, below, site_do_send, &t);
}
