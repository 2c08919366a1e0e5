// SPDX-License-Identifier: Apache-2.0
#include "inspect/lookup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/clock.h"

struct ask {
	const struct dns_name *name;
	uint16_t type, id;
	uint8_t query[DNS_QUERY_MAX];
	size_t query_len;
	uint64_t until; /* CLOCK_MONOTONIC ns */
};

static socklen_t socket_address(const struct zta_addr *a, uint16_t port,
				struct sockaddr_storage *ret)
{
	struct sockaddr_in *four = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)ret;

	memset(ret, 0, sizeof(*ret));
	if (a->family == ZTA_V4) {
		four->sin_family = AF_INET;
		four->sin_port = htons(port);
		memcpy(&four->sin_addr, a->w, sizeof(four->sin_addr));
		return sizeof(*four);
	}
	six->sin6_family = AF_INET6;
	six->sin6_port = htons(port);
	memcpy(&six->sin6_addr, a->w, sizeof(six->sin6_addr));
	return sizeof(*six);
}

/* A connected socket; of TCP the connection may still be under way. Return: it, or -errno. */
static int open_to(const struct zta_addr *server, uint16_t port, int kind)
{
	struct sockaddr_storage sa;
	socklen_t len = socket_address(server, port, &sa);
	_cleanup_close_ int fd = socket(sa.ss_family, kind | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&sa, len) < 0 && errno != EINPROGRESS)
		return -errno;
	return take_fd(fd);
}

static int wait_for(int fd, short events, uint64_t until)
{
	struct pollfd p = { .fd = fd, .events = events };
	uint64_t now = clock_mono_ns();
	int r;

	if (now >= until)
		return -ETIMEDOUT;
	r = poll(&p, 1, (int)((until - now) / NS_PER_MS) + 1);
	if (r < 0)
		return errno == EINTR ? 0 : -errno; /* who called us looks again */
	return r ? 0 : -ETIMEDOUT;
}

/* Is it the answer to what was asked? */
static bool belongs(const struct ask *q, const struct dns_answer *a)
{
	return a->id == q->id && a->type == q->type && dns_name_equal(&a->question, q->name);
}

static int ask_udp(int fd, const struct ask *q, struct dns_answer *ret)
{
	uint8_t message[4096];
	int r, bad = 0;
	ssize_t n;

	if (send(fd, q->query, q->query_len, MSG_NOSIGNAL) < 0)
		return -errno;
	for (;;) {
		r = wait_for(fd, POLLIN, q->until);
		if (r < 0)
			return bad ? bad : r;
		n = recv(fd, message, sizeof(message), 0);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (n < 0)
			continue;
		r = dns_answer_read(message, (size_t)n, ret, NULL);
		if (r == 0 && belongs(q, ret) && (ret->truncated || !ret->cut))
			return 0;
		bad = r == 0 && !belongs(q, ret) ? bad : -EBADMSG; /* a better one may follow */
	}
}

static int transfer(int fd, void *bytes, size_t len, bool out, uint64_t until)
{
	size_t done = 0;
	ssize_t n;
	int r;

	while (done < len) {
		r = wait_for(fd, out ? POLLOUT : POLLIN, until);
		if (r < 0)
			return r;
		n = out ? send(fd, (char *)bytes + done, len - done, MSG_NOSIGNAL)
			: recv(fd, (char *)bytes + done, len - done, 0);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (n == 0)
			return -EBADMSG; /* it ended in the middle */
		done += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static int ask_tcp(int fd, const struct ask *q, struct dns_answer *ret)
{
	uint8_t query[2 + DNS_QUERY_MAX] = { q->query_len >> 8, q->query_len & 0xff }, size[2];
	_cleanup_free_ uint8_t *message = NULL;
	size_t len;
	int r;

	memcpy(query + 2, q->query, q->query_len);
	r = transfer(fd, query, 2 + q->query_len, true, q->until);
	if (r == 0)
		r = transfer(fd, size, sizeof(size), false, q->until);
	if (r < 0)
		return r;
	len = (size_t)size[0] << 8 | size[1];
	message = malloc(len ? len : 1);
	if (!message)
		return -ENOMEM;
	r = transfer(fd, message, len, false, q->until);
	if (r == 0)
		r = dns_answer_read(message, len, ret, NULL);
	if (r < 0)
		return r;
	return belongs(q, ret) && !ret->cut && !ret->truncated ? 0 : -EBADMSG;
}

static int ask_by(const struct lookup_servers *s, const struct zta_addr *server, struct ask *q,
		  int kind, struct dns_answer *ret)
{
	_cleanup_close_ int fd = open_to(server, s->port, kind);

	if (fd < 0)
		return fd;
	q->until = clock_mono_ns() + s->timeout_ms * NS_PER_MS;
	return kind == SOCK_DGRAM ? ask_udp(fd, q, ret) : ask_tcp(fd, q, ret);
}

static int ask_one(const struct lookup_servers *s, const struct zta_addr *server, struct ask *q,
		   struct dns_answer *ret)
{
	int r = ask_by(s, server, q, SOCK_DGRAM, ret);

	return r == 0 && ret->truncated ? ask_by(s, server, q, SOCK_STREAM, ret) : r;
}

static int prepare(struct ask *q, const struct dns_name *name, uint16_t type)
{
	*q = (struct ask){ .name = name, .type = type };
	while (getrandom(&q->id, sizeof(q->id), 0) != sizeof(q->id))
		if (errno != EINTR)
			return -errno;
	q->query_len = dns_query_write(name, type, q->id, q->query);
	return 0;
}

int lookup_ask(const struct lookup_servers *s, const struct dns_name *name, uint16_t type,
	       struct lookup *ret)
{
	struct dns_answer answer;
	bool any = false;
	struct ask q;
	int r = -ENOENT; /* nobody to ask */

	for (size_t i = 0; i < LOOKUP_TRIES * s->n; i++) {
		const struct zta_addr *server = &s->v[i % s->n];

		r = prepare(&q, name, type);
		if (r == 0)
			r = ask_one(s, server, &q, &answer);
		if (r < 0)
			continue;
		*ret = (struct lookup){ answer, *server };
		any = true;
		if (answer.rcode == DNS_RCODE_OK || answer.rcode == DNS_RCODE_NXDOMAIN)
			return 0;
	}
	return any ? 0 : r;
}
