// SPDX-License-Identifier: Apache-2.0
#include "control/client.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "net/http.h"

#define READ_BYTES     (64 * 1024)
#define LINE_MAX_BYTES (1024 * 1024)

typedef int (*sink_fn)(void *ctx, const char *data, size_t len);

struct conn {
	int fd;
	int timeout_ms; /* -1: none */
	struct buf in;	/* read, not used yet */
	struct http_head *head;
};

static void conn_close(struct conn *c)
{
	cleanup_close(&c->fd);
	buf_free(&c->in);
	free(c->head);
}

static int wait_for(const struct conn *c, short what)
{
	struct pollfd p = { .fd = c->fd, .events = what };
	int r = poll(&p, 1, c->timeout_ms);

	if (r < 0)
		return -errno;
	return r ? 0 : -ETIMEDOUT;
}

static int conn_open(struct conn *c, const struct control_request *rq)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	unsigned int ms = rq->timeout_ms ? rq->timeout_ms : CONTROL_TIMEOUT_MS;
	struct timeval tv = { ms / 1000, (ms % 1000) * 1000 };

	if (strlen(rq->socket) >= sizeof(sun.sun_path))
		return -ENAMETOOLONG;
	memcpy(sun.sun_path, rq->socket, strlen(rq->socket));
	c->timeout_ms = (int)ms;
	c->head = malloc(sizeof(*c->head));
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (!c->head || c->fd < 0)
		return c->head ? -errno : -ENOMEM;
	/* a full backlog makes connect() wait as long as SO_SNDTIMEO says, then EAGAIN */
	if (setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)) < 0)
		return -errno;
	if (connect(c->fd, (const struct sockaddr *)&sun, sizeof(sun)) < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	return 0;
}

/* A daemon that hangs up while we send may have replied before: that is for the reader to see. */
static int send_all(struct conn *c, const char *data, size_t len)
{
	while (len) {
		ssize_t n;
		int r = wait_for(c, POLLOUT);

		if (r < 0)
			return r;
		n = send(c->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
			return 0;
		if (n < 0 && errno != EAGAIN)
			return -errno;
		if (n > 0) {
			data += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

static int send_request(struct conn *c, const struct control_request *rq)
{
	_cleanup_buf_ struct buf b = {};
	int r;

	r = buf_printf(&b, "%s %s HTTP/1.1\r\nHost: zta\r\nConnection: close\r\n", rq->method,
		       rq->target);
	if (r == 0 && rq->body)
		r = buf_printf(&b, "Content-Type: application/json\r\nContent-Length: %zu\r\n",
			       rq->len);
	if (r == 0)
		r = buf_puts(&b, "\r\n");
	if (r == 0)
		r = send_all(c, b.data, b.len);
	return r == 0 && rq->body ? send_all(c, rq->body, rq->len) : r;
}

/* More bytes into c->in: 1, 0 at the end, -errno. */
static int receive(struct conn *c)
{
	ssize_t n;
	int r = wait_for(c, POLLIN);

	if (r < 0)
		return r;
	r = buf_reserve(&c->in, READ_BYTES);
	if (r < 0)
		return r;
	n = recv(c->fd, c->in.data + c->in.len, READ_BYTES, MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN ? 1 : -errno;
	c->in.len += (size_t)n;
	return n > 0;
}

/* The head of the reply; those of 1xx are passed over (RFC 9110 15.2). */
static int read_head(struct conn *c)
{
	for (;;) {
		size_t n = c->in.len ? http_head_end(c->in.data, c->in.len) : 0;
		int r;

		if (n) {
			if (http_parse_reply(c->in.data, n, c->head) < 0)
				return -EPROTO;
			buf_consume(&c->in, n);
			if (c->head->status >= 200)
				return 0;
			continue;
		}
		if (c->in.len > HTTP_HEAD_MAX)
			return -EPROTO;
		r = receive(c);
		if (r <= 0)
			return r < 0 ? r : c->in.len ? -EPROTO : -ECONNRESET;
	}
}

static int read_chunked(struct conn *c, sink_fn sink, void *ctx)
{
	struct http_chunks chunks = {};

	for (;;) {
		size_t used = 0, out = 0;
		int r = c->in.len ? http_chunks_feed(&chunks, c->in.data, c->in.len, &used, &out)
				  : 0;
		int end = r;

		if (r < 0)
			return -EPROTO;
		r = out ? sink(ctx, c->in.data, out) : 0;
		if (r || end)
			return r;
		buf_consume(&c->in, used);
		r = receive(c);
		if (r <= 0)
			return r < 0 ? r : -ECONNRESET;
	}
}

/* Content-Length, or to the end of the connection. */
static int read_plain(struct conn *c, sink_fn sink, void *ctx)
{
	uint64_t left = c->head->has_length ? c->head->length : UINT64_MAX;

	for (;;) {
		size_t n = c->in.len < left ? c->in.len : (size_t)left;
		int r = n ? sink(ctx, c->in.data, n) : 0;

		left -= n;
		if (r || !left)
			return r;
		buf_consume(&c->in, n);
		r = receive(c);
		if (r == 0 && !c->head->has_length)
			return 0;
		if (r <= 0)
			return r < 0 ? r : -ECONNRESET;
	}
}

static int read_body(struct conn *c, sink_fn sink, void *ctx)
{
	return c->head->chunked ? read_chunked(c, sink, ctx) : read_plain(c, sink, ctx);
}

static int keep(void *ctx, const char *data, size_t len)
{
	struct buf *b = ctx;

	return b->len + len > CONTROL_REPLY_MAX ? -EFBIG : buf_add(b, data, len);
}

static int read_whole(struct conn *c, struct control_reply_in *ret)
{
	_cleanup_buf_ struct buf body = {};
	size_t len;
	char *text;
	int r;

	r = read_body(c, keep, &body);
	if (r == 0)
		r = buf_reserve(&body, 1);
	if (r < 0)
		return r;
	len = body.len;
	text = buf_take(&body);
	if (!text)
		return -ENOMEM;
	*ret = (struct control_reply_in){ c->head->status, text, len };
	return 0;
}

static int explain(const struct control_request *rq, int r, struct diag *d)
{
	switch (r) {
	case -ENOENT:
	case -ECONNREFUSED:
		return diag_set(d, r, "no daemon listens on '%s'", rq->socket);
	case -EACCES:
		return diag_set(d, r, "may not open '%s' (root or a member of group zta may)",
				rq->socket);
	case -ECONNRESET:
		return diag_set(d, r, "the daemon went away before it had replied");
	case -ETIMEDOUT:
		return diag_set(d, r, "the daemon does not answer");
	case -EPROTO:
		return diag_set(d, r, "what listens on '%s' does not speak HTTP", rq->socket);
	case -EFBIG:
		return diag_set(d, r, "the reply is larger than %lu bytes", CONTROL_REPLY_MAX);
	default:
		return diag_set(d, r, "cannot talk to the daemon at '%s':", rq->socket);
	}
}

/* Up to the head of the reply. */
static int begin(struct conn *c, const struct control_request *rq)
{
	int r = conn_open(c, rq);

	if (r == 0)
		r = send_request(c, rq);
	return r == 0 ? read_head(c) : r;
}

int control_call(const struct control_request *rq, struct control_reply_in *ret, struct diag *d)
{
	_cleanup_(conn_close) struct conn c = { .fd = -1 };
	int r;

	r = begin(&c, rq);
	if (r == 0)
		r = read_whole(&c, ret);
	return r < 0 ? explain(rq, r, d) : 0;
}

void control_reply_in_free(struct control_reply_in *r)
{
	free(r->body);
	*r = (struct control_reply_in){};
}

struct lines {
	struct buf line;
	int (*fn)(void *ctx, const char *line, size_t len);
	void *ctx;
	bool stopped; /* by fn: its result is the caller's, not an error of ours */
};

static int give_line(struct lines *l)
{
	int r = buf_add(&l->line, "", 1); /* terminated, and not NULL when empty */

	if (r < 0)
		return r;
	r = l->fn(l->ctx, l->line.data, l->line.len - 1);
	l->stopped = r != 0;
	l->line.len = 0;
	return r;
}

static int split(void *ctx, const char *data, size_t len)
{
	struct lines *l = ctx;
	const char *end = data + len, *nl;

	for (; data < end; data = nl + 1) {
		int r;

		nl = memchr(data, '\n', (size_t)(end - data));
		if (l->line.len + (size_t)((nl ? nl : end) - data) > LINE_MAX_BYTES)
			return -EFBIG;
		r = buf_add(&l->line, data, (size_t)((nl ? nl : end) - data));
		if (r < 0 || !nl)
			return r;
		r = give_line(l);
		if (r)
			return r;
	}
	return 0;
}

int control_stream(const struct control_request *rq,
		   int (*fn)(void *ctx, const char *line, size_t len), void *ctx,
		   struct control_reply_in *ret, struct diag *d)
{
	_cleanup_(conn_close) struct conn c = { .fd = -1 };
	struct lines lines = { .fn = fn, .ctx = ctx };
	int r;

	r = begin(&c, rq);
	if (r == 0 && c.head->status != 200) {
		r = read_whole(&c, ret);
	} else if (r == 0) {
		*ret = (struct control_reply_in){ .status = 200 };
		c.timeout_ms = -1;
		r = read_body(&c, split, &lines);
		if (r == 0 && lines.line.len)
			r = give_line(&lines);
	}
	buf_free(&lines.line);
	return r < 0 && !lines.stopped ? explain(rq, r, d) : r;
}

int control_unreachable(int r)
{
	switch (r) {
	case -ENOENT:
	case -ENOTDIR:
	case -ELOOP:
	case -ENAMETOOLONG:
	case -EPROTOTYPE: /* a socket, but none that speaks HTTP */
	case -ECONNREFUSED:
	case -ECONNRESET:
	case -ETIMEDOUT:
	case -EPROTO:
		return 1;
	default:
		return 0;
	}
}

int control_target_add(char *target, size_t size, const char *name, const char *value)
{
	size_t at = strlen(target);
	int n;

	if (!value)
		return 0;
	n = snprintf(target + at, size - at, "%c%s=", strchr(target, '?') ? '&' : '?', name);
	if (n < 0 || (size_t)n >= size - at)
		return -E2BIG;
	return http_encode(target, size, value);
}
