// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation: libevent's buffers and listener carry the bytes; the requests are ours.
 * (evhttp of libevent 2.1 bounds neither the number of clients nor the time of a whole request,
 * so that a few silent clients would keep everybody else out.) Each client is in one of six
 * states, and every state that waits for the client has a deadline that its single bytes do not
 * move. The list of clients is ordered by when they entered their state: when all places are
 * taken, newcomers wait in the backlog for 50 ms, then those that have waited longest and are not
 * in a handler or a stream make room, until half of the places are free. So everybody has that long
 * at least to send a request, and no flood can drive out somebody who does.
 */
#include "net/httpd.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <event2/event.h>
#include <event2/listener.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/diag.h"
#include "net/httpd_private.h"
#include "net/loop.h"

#define BACKLOG	     128
#define PAUSE_MS     50
#define NS_PER_PAUSE (PAUSE_MS * NS_PER_MS)

/* Newcomers wait in the backlog for a moment. */
static void pause_listeners(struct httpd *h)
{
	struct timeval tv = { 0, PAUSE_MS * 1000 };

	for (size_t i = 0; i < h->n_listeners; i++)
		(void)evconnlistener_disable(h->listeners[i]);
	(void)event_add(h->resume, &tv); /* memory came with the event */
}

static void on_resume(evutil_socket_t fd, short what, void *ctx)
{
	uint64_t now = clock_mono_ns();
	struct httpd_client *c, *next;
	struct httpd *h = ctx;
	bool young = false;

	for (c = TAILQ_FIRST(&h->clients); c && h->n_clients > h->o.max_clients / 2; c = next) {
		next = TAILQ_NEXT(c, entry);
		if (c->state == CLIENT_BUSY || c->state == CLIENT_STREAM)
			continue;
		if (now - c->since_ns >= NS_PER_PAUSE)
			client_free(c);
		else
			young = true;
	}
	if (h->n_clients >= h->o.max_clients && young) {
		pause_listeners(h);
		return;
	}
	for (size_t i = 0; i < h->n_listeners; i++)
		(void)evconnlistener_enable(h->listeners[i]); /* epoll knows the fd already */
}

int httpd_new(struct loop *l, const struct httpd_opts *o, struct httpd **ret)
{
	struct httpd *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	h->loop = l;
	h->o = *o;
	if (!h->o.max_clients)
		h->o.max_clients = HTTPD_CLIENTS_MAX;
	if (!h->o.backlog)
		h->o.backlog = BACKLOG;
	if (!h->o.request_ms)
		h->o.request_ms = HTTPD_REQUEST_MS;
	if (!h->o.reply_ms)
		h->o.reply_ms = HTTPD_REPLY_MS;
	TAILQ_INIT(&h->clients);
	TAILQ_INIT(&h->reqs);
	h->resume = evtimer_new(loop_base(l), on_resume, h);
	if (!h->resume) {
		free(h);
		return -ENOMEM;
	}
	*ret = h;
	return 0;
}

void httpd_free(struct httpd *h)
{
	struct httpd_client *c;
	struct httpd_req *req;

	if (!h)
		return;
	for (size_t i = 0; i < h->n_listeners; i++)
		evconnlistener_free(h->listeners[i]);
	while ((c = TAILQ_FIRST(&h->clients)))
		client_free(c);
	while ((req = TAILQ_FIRST(&h->reqs)))
		req_free(req);
	if (h->unix_path)
		(void)unlink(h->unix_path); /* a stale one is replaced by the next listener */
	free(h->unix_path);
	event_free(h->resume);
	free(h);
}

static void on_accept(struct evconnlistener *lev, evutil_socket_t fd, struct sockaddr *sa, int len,
		      void *ctx)
{
	static const char full[] = "HTTP/1.1 503 Service Unavailable\r\n"
				   "Content-Length: 0\r\nConnection: close\r\n\r\n";
	struct httpd *h = ctx;

	if (h->n_clients >= h->o.max_clients) { /* nobody could make room */
		(void)send(fd, full, sizeof(full) - 1, MSG_DONTWAIT | MSG_NOSIGNAL); /* courtesy */
		(void)close(fd);
		return;
	}
	(void)client_new(h, fd, sa->sa_family == AF_UNIX); /* no memory: the client is dropped */
	if (h->n_clients >= h->o.max_clients)
		pause_listeners(h);
}

/* Out of descriptors or memory: the waiting client stays in the backlog, the loop must not spin. */
static void on_accept_error(struct evconnlistener *lev, void *ctx)
{
	pause_listeners(ctx);
}

static int start(struct httpd *h, int *fd)
{
	struct evconnlistener *lev;

	if (h->n_listeners == HTTPD_LISTENERS_MAX)
		return -ENOSPC;
	if (listen(*fd, h->o.backlog) < 0)
		return -errno;
	lev = evconnlistener_new(loop_base(h->loop), on_accept, h,
				 LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, *fd);
	if (!lev)
		return -ENOMEM;
	(void)take_fd(*fd);
	evconnlistener_set_error_cb(lev, on_accept_error);
	h->listeners[h->n_listeners++] = lev;
	return 0;
}

/* 0: nobody listens on the path (any more). */
static int check_stale(const struct sockaddr_un *sun)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	/* EAGAIN: a full backlog, so somebody is there */
	if (connect(fd, (const struct sockaddr *)sun, sizeof(*sun)) == 0 || errno == EAGAIN)
		return -EADDRINUSE;
	if (errno != ECONNREFUSED)
		return errno == ENOENT ? 0 : -errno;
	return unlink(sun->sun_path) < 0 ? -errno : 0;
}

/* Bound but not listening: who connects is refused until the rights stand. */
static int bind_unix(const struct sockaddr_un *sun, mode_t mode, gid_t gid, int *ret)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || bind(fd, (const struct sockaddr *)sun, sizeof(*sun)) < 0)
		return -errno;
	if (chmod(sun->sun_path, 0) < 0 || chown(sun->sun_path, (uid_t)-1, gid) < 0 ||
	    chmod(sun->sun_path, mode) < 0) {
		int r = -errno;

		(void)unlink(sun->sun_path); /* what counts is why we fail */
		return r;
	}
	*ret = take_fd(fd);
	return 0;
}

int httpd_listen_unix(struct httpd *h, const char *path, mode_t mode, gid_t gid, struct diag *d)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	_cleanup_free_ char *copy = strdup(path);
	_cleanup_close_ int fd = -1;
	int r;

	if (!copy)
		return diag_set(d, -ENOMEM, "cannot listen on '%s':", path);
	if (h->unix_path)
		return diag_set(d, -EALREADY, "cannot listen on '%s' too:", path);
	if (strlen(path) >= sizeof(sun.sun_path))
		return diag_set(d, -ENAMETOOLONG, "the socket path '%s' has more than %zu bytes",
				path, sizeof(sun.sun_path) - 1);
	memcpy(sun.sun_path, path, strlen(path));
	r = check_stale(&sun);
	if (r == -EADDRINUSE)
		return diag_set(d, r, "another process listens on '%s'", path);
	if (r == 0)
		r = bind_unix(&sun, mode, gid, &fd);
	if (r == 0)
		r = start(h, &fd);
	if (r < 0)
		return diag_set(d, r, "cannot listen on '%s':", path);
	h->unix_path = take_ptr(copy);
	return 0;
}

/* "ADDR:PORT" or "[ADDR6]:PORT", digits only: nothing is looked up. */
static int parse_address(const char *text, struct addrinfo **ret)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
				  .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE };
	const char *colon = strrchr(text, ':');
	size_t n = colon ? (size_t)(colon - text) : 0, digits;
	char host[64];

	if (n == 0 || n >= sizeof(host))
		return -EINVAL;
	digits = strspn(colon + 1, "0123456789");
	if (!digits || digits > 5 || colon[1 + digits] || atoi(colon + 1) > 65535)
		return -EINVAL;
	hints.ai_family = AF_INET;
	if (*text == '[') {
		if (n < 3 || colon[-1] != ']')
			return -EINVAL;
		hints.ai_family = AF_INET6;
		text++;
		n -= 2;
	}
	memcpy(host, text, n);
	host[n] = '\0';
	return getaddrinfo(host, colon + 1, &hints, ret) ? -EINVAL : 0;
}

static int bind_tcp(const struct addrinfo *ai, int *ret)
{
	_cleanup_close_ int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
					0);
	int one = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0)
		return -errno;
	if (ai->ai_family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) < 0)
		return -errno;
	if (bind(fd, ai->ai_addr, ai->ai_addrlen) < 0)
		return -errno;
	*ret = take_fd(fd);
	return 0;
}

int httpd_listen_fd(struct httpd *h, int fd)
{
	_cleanup_close_ int owned = fd;

	return start(h, &owned);
}

int httpd_listen_tcp(struct httpd *h, const char *addr_port, uint16_t *ret_port, struct diag *d)
{
	struct sockaddr_storage ss = {};
	socklen_t len = sizeof(ss);
	_cleanup_close_ int fd = -1;
	struct addrinfo *ai;
	int r, bound;

	if (parse_address(addr_port, &ai) < 0)
		return diag_set(d, -EINVAL, "'%s' is not ADDRESS:PORT or [ADDRESS6]:PORT",
				addr_port);
	r = bind_tcp(ai, &fd);
	freeaddrinfo(ai);
	bound = fd;
	if (r == 0)
		r = start(h, &fd);
	if (r == 0 && getsockname(bound, (struct sockaddr *)&ss, &len) < 0)
		r = -errno;
	if (r < 0)
		return diag_set(d, r, "cannot listen on %s:", addr_port);
	if (ret_port)
		*ret_port = ntohs(ss.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&ss)->sin6_port
							   : ((struct sockaddr_in *)&ss)->sin_port);
	return 0;
}
