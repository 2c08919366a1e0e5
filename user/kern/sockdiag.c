// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation
 *
 * sock_diag(7) finds a socket by its addresses, and only in the network namespace of the netlink
 * socket that asks. So a thread enters the namespace, lists the sockets, picks those that are meant
 * (by cookie, which no other socket ever has, or by cgroup) and sends each of them back as
 * SOCK_DESTROY, cookie included: a socket that took over the addresses meanwhile is not hit.
 * CONFIG_INET_DIAG_DESTROY is off in some distributions: EOPNOTSUPP.
 */
#include "kern/sockdiag.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "kern/netns.h"
#include "zta_event.h"

#define REPLY_BYTES  (64 * 1024)
#define ALL_STATES   0xffffffffU
#define ATTR_CGROUP  21 /* INET_DIAG_CGROUP_ID, Linux 5.8; not in every UAPI header */
#define VICTIMS_STEP 64

struct request {
	struct nlmsghdr nlh;
	struct inet_diag_req_v2 req;
};

/* What is to be closed, and what was found. Lives in the calling thread. */
struct closing {
	uint64_t cookie;     /* one socket, or */
	const uint64_t *ids; /* those of these cgroups, sorted */
	size_t n_ids;
	uint64_t netns; /* skip other namespaces, 0 = look into each */
	uint8_t proto;	/* of cookie */
	int closed;
	struct inet_diag_req_v2 *victims; /* of the list being read */
	size_t n, room;
};

static int open_diag(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);

	return fd < 0 ? -errno : fd;
}

static int send_request(int fd, __u16 type, __u16 flags, const struct inet_diag_req_v2 *req)
{
	struct request q = {
		.nlh = {
			.nlmsg_len = sizeof(q),
			.nlmsg_type = type,
			.nlmsg_flags = NLM_F_REQUEST | flags,
		},
		.req = *req,
	};

	return send(fd, &q, sizeof(q), 0) < 0 ? -errno : 0;
}

static bool is_loopback(const struct inet_diag_msg *m)
{
	const __be32 *d = m->id.idiag_dst;

	if (m->idiag_family == AF_INET || (!d[0] && !d[1] && d[2] == htonl(0xffff)))
		return (ntohl(m->idiag_family == AF_INET ? d[0] : d[3]) >> 24) == 127;
	return !d[0] && !d[1] && !d[2] && d[3] == htonl(1);
}

static uint64_t cgroup_of(const struct nlmsghdr *h)
{
	const struct inet_diag_msg *m = NLMSG_DATA(h);
	int left = (int)h->nlmsg_len - (int)NLMSG_LENGTH(sizeof(*m));
	uint64_t id = 0;

	for (const struct rtattr *a = (const void *)(m + 1); RTA_OK(a, left); a = RTA_NEXT(a, left))
		if (a->rta_type == ATTR_CGROUP && RTA_PAYLOAD(a) >= sizeof(id))
			memcpy(&id, RTA_DATA(a), sizeof(id));
	return id;
}

static int compare_ids(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static bool is_meant(const struct closing *c, const struct nlmsghdr *h)
{
	const struct inet_diag_msg *m = NLMSG_DATA(h);
	uint64_t cookie = (uint64_t)m->id.idiag_cookie[1] << 32 | m->id.idiag_cookie[0];
	uint64_t id;

	if (c->cookie)
		return cookie == c->cookie;
	if (!m->id.idiag_dport || m->idiag_state == TCP_LISTEN || is_loopback(m))
		return false;
	id = cgroup_of(h);
	return bsearch(&id, c->ids, c->n_ids, sizeof(id), compare_ids);
}

static int add_victim(struct closing *c, const struct inet_diag_msg *m, uint8_t proto)
{
	struct inet_diag_req_v2 *bigger;

	if (c->n == c->room) {
		bigger = reallocarray(c->victims, c->room + VICTIMS_STEP, sizeof(*bigger));
		if (!bigger)
			return -ENOMEM;
		c->victims = bigger;
		c->room += VICTIMS_STEP;
	}
	c->victims[c->n++] = (struct inet_diag_req_v2){
		.sdiag_family = m->idiag_family,
		.sdiag_protocol = proto,
		.idiag_states = ALL_STATES,
		.id = m->id,
	};
	return 0;
}

static int nl_error(const struct nlmsghdr *h)
{
	const struct nlmsgerr *e = NLMSG_DATA(h);

	return e->error;
}

/* Reads the answer to a listing. 0 at its end. */
static int read_list(int fd, struct closing *c, uint8_t proto)
{
	_cleanup_free_ char *buf = malloc(REPLY_BYTES);
	ssize_t n;
	int r = 0;

	if (!buf)
		return -ENOMEM;
	for (;;) {
		n = recv(fd, buf, REPLY_BYTES, 0);
		if (n < 0)
			return -errno;
		for (struct nlmsghdr *h = (void *)buf; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n)) {
			if (h->nlmsg_type == NLMSG_DONE)
				return r;
			if (h->nlmsg_type == NLMSG_ERROR)
				return nl_error(h);
			if (!r && is_meant(c, h))
				r = add_victim(c, NLMSG_DATA(h), proto);
		}
	}
}

static int destroy(int fd, const struct inet_diag_req_v2 *victim)
{
	char buf[4096];
	struct nlmsghdr *h = (void *)buf;
	ssize_t n;
	int r;

	r = send_request(fd, SOCK_DESTROY, NLM_F_ACK, victim);
	if (r < 0)
		return r;
	n = recv(fd, buf, sizeof(buf), 0);
	if (n < 0)
		return -errno;
	return NLMSG_OK(h, n) && h->nlmsg_type == NLMSG_ERROR ? nl_error(h) : -EBADMSG;
}

/* List, then close: a listing that is still running would be cut by other requests. */
static int close_kind(int fd, struct closing *c, uint8_t family, uint8_t proto)
{
	struct inet_diag_req_v2 req = {
		.sdiag_family = family,
		.sdiag_protocol = proto,
		.idiag_states = ALL_STATES,
	};
	int r;

	c->n = 0;
	r = send_request(fd, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &req);
	if (!r)
		r = read_list(fd, c, proto);
	if (r == -ENOENT) /* udp_diag or tcp_diag is a module and not there */
		return 0;
	for (size_t i = 0; !r && i < c->n; i++) {
		r = destroy(fd, &c->victims[i]);
		if (!r)
			c->closed++;
		else if (r == -ENOENT || r == -ESTALE)
			r = 0; /* it was faster */
	}
	return r;
}

/* In the namespace's thread. > 0: found, no need to look further. */
static int close_here(void *ctx)
{
	static const uint8_t protos[] = { IPPROTO_TCP, IPPROTO_UDP };
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	_cleanup_close_ int fd = open_diag();
	struct closing *c = ctx;
	uint64_t cookie;
	int r = 0;

	if (fd < 0)
		return fd;
	if (c->netns && netns_cookie_of(fd, &cookie) == 0 && cookie != c->netns)
		return 0;
	for (int p = 0; p < 2; p++) {
		if (c->cookie && c->proto != protos[p])
			continue;
		for (int f = 0; !r && f < 2; f++)
			r = close_kind(fd, c, families[f], protos[p]);
	}
	return r < 0 ? r : c->cookie && c->closed;
}

int sock_close(uint64_t netns, uint32_t pid, uint64_t cookie, uint8_t proto)
{
	struct closing c = { .cookie = cookie, .netns = netns, .proto = proto };
	int r;

	if (!cookie || (proto != IPPROTO_TCP && proto != IPPROTO_UDP))
		return -EINVAL;
	r = netns_each(pid, close_here, &c);
	free(c.victims);
	if (r < 0)
		return r;
	return c.closed ? 0 : -ENOENT;
}

int sock_close_event(const struct zta_event *e)
{
	return sock_close(e->netns, e->pid, e->cookie, e->proto);
}

int sock_close_cgroups(const uint64_t *ids, size_t n)
{
	struct closing c = { .ids = ids, .n_ids = n };
	int r;

	r = netns_each(0, close_here, &c);
	free(c.victims);
	return r < 0 && !c.closed ? r : c.closed;
}

/* Two ends of a connection on the loopback address of this namespace. */
static int make_pair(int ends[2])
{
	_cleanup_close_ int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	_cleanup_close_ int one = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(a);
	int other;

	if (listener < 0 || one < 0 || bind(listener, (struct sockaddr *)&a, len) < 0 ||
	    listen(listener, 1) < 0 || getsockname(listener, (struct sockaddr *)&a, &len) < 0 ||
	    connect(one, (struct sockaddr *)&a, len) < 0)
		return -errno;
	other = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (other < 0)
		return -errno;
	ends[0] = take_fd(one);
	ends[1] = other;
	return 0;
}

bool sock_can_close(void)
{
	_cleanup_close_ int one = -1, other = -1;
	struct closing c = { .proto = IPPROTO_TCP };
	socklen_t len = sizeof(c.cookie);
	int ends[2] = { -1, -1 };

	if (make_pair(ends) < 0)
		return false;
	one = ends[0];
	other = ends[1];
	if (getsockopt(one, SOL_SOCKET, SO_COOKIE, &c.cookie, &len) < 0)
		return false;
	(void)close_here(&c); /* what matters is whether it was closed */
	free(c.victims);
	return c.closed == 1;
}
