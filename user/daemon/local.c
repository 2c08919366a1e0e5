/* SPDX-License-Identifier: Apache-2.0 */
#include "local.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/cleanup.h"

#define DUMP_WAIT_S 2 /* the kernel answers at once; a lost answer must not stop the loop */

struct list {
	struct zta_addr *v;
	size_t n, room;
};

static int open_socket(int flags, __u32 groups)
{
	struct sockaddr_nl sa = { .nl_family = AF_NETLINK, .nl_groups = groups };
	_cleanup_close_ int fd = -1;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | flags, NETLINK_ROUTE);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return -errno;
	return take_fd(fd);
}

int local_open(void)
{
	return open_socket(SOCK_NONBLOCK, RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR);
}

int local_drain(int fd)
{
	char buf[8192];
	bool changed = false;
	ssize_t n;

	/* What the notices say is not read: the list is taken afresh, so none can be missed. */
	while ((n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0 || (n < 0 && errno == ENOBUFS))
		changed = true;
	return changed;
}

static int append(struct list *l, int family, const void *bytes, size_t len)
{
	struct zta_addr a = { .family = family == AF_INET ? ZTA_V4 : ZTA_V6 };

	if (len != (family == AF_INET ? 4 : 16))
		return 0;
	if (l->n == l->room) {
		size_t room = l->room ? l->room * 2 : 16;
		struct zta_addr *v = reallocarray(l->v, room, sizeof(*v));

		if (!v)
			return -ENOMEM;
		l->v = v;
		l->room = room;
	}
	memcpy(a.w, bytes, len);
	l->v[l->n++] = a;
	return 0;
}

/* IFA_LOCAL is the own side of a point-to-point link, where IFA_ADDRESS is the peer's. */
static int take_message(struct list *l, struct nlmsghdr *h)
{
	struct ifaddrmsg *msg = NLMSG_DATA(h);
	int left = IFA_PAYLOAD(h);
	struct rtattr *own = NULL;

	if (msg->ifa_family != AF_INET && msg->ifa_family != AF_INET6)
		return 0;
	for (struct rtattr *a = IFA_RTA(msg); RTA_OK(a, left); a = RTA_NEXT(a, left))
		if (a->rta_type == IFA_LOCAL || (a->rta_type == IFA_ADDRESS && !own))
			own = a;
	return own ? append(l, msg->ifa_family, RTA_DATA(own), RTA_PAYLOAD(own)) : 0;
}

/* Return: 1 at the end of the dump, 0 when more follows, or a negative errno. */
static int take_batch(struct list *l, char *buf, ssize_t len)
{
	for (struct nlmsghdr *h = (struct nlmsghdr *)buf; NLMSG_OK(h, len);
	     h = NLMSG_NEXT(h, len)) {
		int r;

		if (h->nlmsg_type == NLMSG_DONE)
			return 1;
		if (h->nlmsg_type == NLMSG_ERROR)
			return -EIO;
		if (h->nlmsg_flags & NLM_F_DUMP_INTR)
			return -EAGAIN; /* addresses changed under the dump */
		if (h->nlmsg_type != RTM_NEWADDR)
			continue;
		r = take_message(l, h);
		if (r < 0)
			return r;
	}
	return 0;
}

static int dump(struct list *l)
{
	struct {
		struct nlmsghdr h;
		struct ifaddrmsg m;
	} rq = {
		.h = { .nlmsg_len = sizeof(rq),
		       .nlmsg_type = RTM_GETADDR,
		       .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.m = { .ifa_family = AF_UNSPEC },
	};
	struct timeval wait = { .tv_sec = DUMP_WAIT_S };
	char buf[32768] __attribute__((aligned(NLMSG_ALIGNTO)));
	_cleanup_close_ int fd = -1;
	int r = 0;

	fd = open_socket(0, 0);
	if (fd < 0)
		return fd;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) < 0 ||
	    send(fd, &rq, sizeof(rq), 0) < 0)
		return -errno;
	while (r == 0) {
		ssize_t n = recv(fd, buf, sizeof(buf), 0);

		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		r = take_batch(l, buf, n);
	}
	return r < 0 ? r : 0;
}

int local_list(struct zta_addr **ret, size_t *ret_n)
{
	struct list l = { 0 };
	int r = -EAGAIN;

	for (int attempt = 0; attempt < 5 && r == -EAGAIN; attempt++) {
		l.n = 0;
		r = dump(&l);
	}
	if (r < 0) {
		free(l.v);
		return r;
	}
	*ret = l.v;
	*ret_n = l.n;
	return 0;
}
