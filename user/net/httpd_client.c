// SPDX-License-Identifier: Apache-2.0
/* Clients of the HTTP server: reading requests, deadlines, the end. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "base/clock.h"
#include "net/httpd_private.h"
#include "net/loop.h"

#define GROUPS_MAX 65536 /* NGROUPS_MAX of Linux */

void client_enter(struct httpd_client *c, enum client_state state, unsigned int ms)
{
	struct timeval tv = { ms / 1000, (ms % 1000) * 1000 };

	c->state = state;
	c->since_ns = clock_mono_ns();
	TAILQ_REMOVE(&c->h->clients, c, entry);
	TAILQ_INSERT_TAIL(&c->h->clients, c, entry);
	(void)event_del(c->deadline); /* of the last state, if it had one */
	if (ms)
		(void)event_add(c->deadline, &tv); /* memory came with the event */
}

void client_free(struct httpd_client *c)
{
	struct httpd_stream *s = c->stream;

	TAILQ_REMOVE(&c->h->clients, c, entry);
	c->h->n_clients--;
	if (c->req && c->state == CLIENT_BUSY)
		c->req->c = NULL; /* the handler's, until it replies */
	else if (c->req)
		req_free(c->req);
	if (s)
		c->h->n_streams--;
	if (c->deadline)
		event_free(c->deadline);
	if (c->bev)
		bufferevent_free(c->bev);
	free(c->peer.groups);
	if (c->conn && c->h->o.closed)
		c->h->o.closed(c->conn, c->h->o.ctx);
	free(c);
	if (s && s->closed)
		s->closed(s->ctx);
	free(s);
}

/* Reply with a status of our own making, then hang up. */
static void fail(struct httpd_client *c, int status)
{
	c->unread = true;
	req_refuse(c->req, status);
}

static int status_of(int r)
{
	switch (r) {
	case -E2BIG:
		return 431;
	case -EOPNOTSUPP:
		return 501;
	case -EPROTONOSUPPORT:
		return 505;
	default:
		return 400;
	}
}

static bool request_new(struct httpd_client *c)
{
	struct httpd_req *req = calloc(1, sizeof(*req));

	if (!req)
		return false;
	req->h = c->h;
	req->c = c;
	TAILQ_INSERT_TAIL(&c->h->reqs, req, entry);
	c->req = req;
	return true;
}

/* The whole request is here. */
static void hand_over(struct httpd_client *c)
{
	client_enter(c, CLIENT_BUSY, 0);
	c->h->o.request(c->req, c->h->o.ctx);
}

static void begin_body(struct httpd_client *c)
{
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
	struct httpd_req *req = c->req;

	if (req->head.length > c->h->o.max_body || (req->head.chunked && !c->h->o.max_body)) {
		fail(c, 413);
		return;
	}
	if (!req->head.chunked && !req->head.length) {
		hand_over(c);
		return;
	}
	if (req->head.expect_continue)
		(void)bufferevent_write(c->bev, go_on, sizeof(go_on) - 1); /* or it times out */
	client_enter(c, CLIENT_BODY, HTTPD_BODY_MS);
}

/* Returns false when more bytes are needed. */
static bool read_head(struct httpd_client *c, struct evbuffer *in)
{
	size_t have = evbuffer_get_length(in), len;
	const char *data;
	int r;

	if (have > HTTP_HEAD_MAX)
		have = HTTP_HEAD_MAX;
	data = (const char *)evbuffer_pullup(in, (ev_ssize_t)have);
	if (!data)
		return false; /* no memory: the next bytes try again, or the deadline ends it */
	if (!c->req && have >= 2 && data[0] == '\r' && data[1] == '\n') {
		(void)evbuffer_drain(in, 2); /* RFC 9112 2.2: an empty line before a request */
		return true;
	}
	len = http_head_end(data, have);
	if (!len && have < HTTP_HEAD_MAX)
		return false;
	if (!request_new(c))
		return false;
	r = len ? http_parse_request(data, len, &c->req->head) : -E2BIG;
	(void)evbuffer_drain(in, len); /* of bytes that are there */
	if (r < 0) {
		fail(c, status_of(r));
		return true;
	}
	c->keep_alive = c->req->head.keep_alive;
	c->unread = c->req->head.chunked || c->req->head.length;
	if (!c->h->o.admit || c->h->o.admit(c->req, c->h->o.ctx))
		begin_body(c);
	return true;
}

/* The next bytes of a body, at most as many as belong to it: 1 whole, 0 more to come, -errno. */
static int take_body(struct httpd_req *req, struct evbuffer *in, size_t max)
{
	size_t have = evbuffer_get_length(in), used, out;
	uint64_t missing = req->head.length - req->body.len;
	char *at;
	int r;

	if (!req->head.chunked && have > missing)
		have = (size_t)missing;
	if (buf_reserve(&req->body, have) < 0)
		return -ENOMEM;
	at = req->body.data + req->body.len;
	used = out = have;
	if (evbuffer_copyout(in, at, have) != (ev_ssize_t)have)
		return -EIO;
	r = have == missing;
	if (req->head.chunked)
		r = http_chunks_feed(&req->chunks, at, have, &used, &out);
	if (r < 0)
		return r;
	(void)evbuffer_drain(in, used); /* of bytes that are there */
	req->body.len += out;
	req->body.data[req->body.len] = '\0';
	return req->body.len > max ? -EFBIG : r;
}

static bool read_body(struct httpd_client *c, struct evbuffer *in)
{
	int r = take_body(c->req, in, c->h->o.max_body);

	if (r == 0)
		return false;
	if (r < 0) {
		fail(c, r == -EFBIG ? 413 : r == -EBADMSG ? 400 : 503);
		return true;
	}
	c->unread = false;
	hand_over(c);
	return true;
}

/* As far as the bytes that are here reach. */
static void process(struct httpd_client *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	bool more = true;

	while (more && evbuffer_get_length(in)) {
		switch (c->state) {
		case CLIENT_HEAD:
			more = read_head(c, in);
			break;
		case CLIENT_BODY:
			more = read_body(c, in);
			break;
		case CLIENT_STREAM:
		case CLIENT_LINGER:
			(void)evbuffer_drain(in, evbuffer_get_length(in)); /* nobody's */
			break;
		default:
			more = false; /* a next request waits until this one is done */
		}
	}
}

static void on_read(struct bufferevent *bev, void *ctx)
{
	process(ctx);
}

static void on_written(struct bufferevent *bev, void *ctx)
{
	struct httpd_client *c = ctx;

	if (c->state == CLIENT_REPLY && !evbuffer_get_length(bufferevent_get_output(bev)))
		client_replied(c);
}

/*
 * The end of what the client sends. It may have closed only that side, so what it asked for is
 * still done; a stream ends, since whether its reader is there could not be told until the next
 * record.
 */
static void on_event(struct bufferevent *bev, short what, void *ctx)
{
	struct httpd_client *c = ctx;

	if (what & BEV_EVENT_EOF) {
		c->eof = true;
		process(c);
		if (c->state == CLIENT_BUSY || c->state == CLIENT_REPLY)
			return;
	}
	client_free(c);
}

static void on_deadline(evutil_socket_t fd, short what, void *ctx)
{
	struct httpd_client *c = ctx;
	bool begun = c->state == CLIENT_BODY || evbuffer_get_length(bufferevent_get_input(c->bev));

	if ((c->state == CLIENT_HEAD || c->state == CLIENT_BODY) && begun && !c->eof &&
	    (c->req || request_new(c)))
		fail(c, 408);
	else
		client_free(c);
}

void client_replied(struct httpd_client *c)
{
	if (c->keep_alive && !c->eof) {
		client_enter(c, CLIENT_HEAD, c->h->o.request_ms);
		process(c);
	} else if (c->unread && !c->eof) {
		/* closing now could destroy the reply before the client has read it */
		(void)shutdown(bufferevent_getfd(c->bev), SHUT_WR); /* it may have gone already */
		client_enter(c, CLIENT_LINGER, HTTPD_LINGER_MS);
		process(c);
	} else {
		client_free(c);
	}
}

static int read_peer(int fd, struct httpd_peer *p)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return -errno;
	p->uid = cred.uid;
	p->gid = cred.gid;
	p->pid = cred.pid;
	len = 0;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &len) == 0 || errno != ERANGE)
		len = 0; /* none, or a kernel that cannot say (before 4.13) */
	if (len > GROUPS_MAX * sizeof(gid_t))
		return -E2BIG;
	if (len) {
		p->groups = malloc(len);
		if (!p->groups)
			return -ENOMEM;
		if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, p->groups, &len) < 0)
			return -errno;
	}
	p->n_groups = len / sizeof(gid_t);
	p->known = true;
	return 0;
}

int client_new(struct httpd *h, int fd, bool local)
{
	struct httpd_client *c = calloc(1, sizeof(*c));
	int r = 0;

	if (!c) {
		(void)close(fd);
		return -ENOMEM;
	}
	c->h = h;
	TAILQ_INSERT_TAIL(&h->clients, c, entry);
	h->n_clients++;
	c->bev = bufferevent_socket_new(loop_base(h->loop), fd, BEV_OPT_CLOSE_ON_FREE);
	if (!c->bev)
		(void)close(fd);
	c->deadline = evtimer_new(loop_base(h->loop), on_deadline, c);
	if (!c->bev || !c->deadline)
		r = -ENOMEM;
	if (r == 0 && local)
		r = read_peer(fd, &c->peer);
	if (r == 0 && h->o.opened) {
		c->conn = h->o.opened(fd, h->o.ctx);
		r = c->conn ? 0 : -ENOMEM;
	}
	if (r < 0) {
		client_free(c);
		return r;
	}
	bufferevent_setcb(c->bev, on_read, on_written, on_event, c);
	bufferevent_setwatermark(c->bev, EV_READ, 0, HTTPD_INPUT_BYTES);
	client_enter(c, CLIENT_HEAD, h->o.request_ms);
	if (bufferevent_enable(c->bev, EV_READ | EV_WRITE) < 0) {
		client_free(c);
		return -ENOMEM;
	}
	return 0;
}
