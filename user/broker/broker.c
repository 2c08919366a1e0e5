// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation
 *
 * A connection is known by the nonce in its SYN (inspect/syn.h), read when it is accepted. A
 * request takes a place in `waiting`, whose number is in the request's id, and goes to the monitor;
 * the answer finds it there. A client that hangs up meanwhile leaves the place taken until the
 * answer comes, and only then is the connection reported as gone: the monitor's record is whole.
 *
 * A SYN that the kernel did not keep (SYN cookies, under a flood) is nobody's fault: such a client
 * is told to come again, and gets no token either.
 */
#include "broker/broker.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "inspect/syn.h"
#include "net/http.h"
#include "net/httpd.h"

#define PLACES	  4096 /* power of two, above BROKER_CLIENTS_MAX */
#define JSON_TYPE "application/json; charset=utf-8"
#define AGAIN_S	  1

struct conn {
	struct broker_conn who;
	bool unseen; /* the kernel kept no SYN */
	bool closed, asking;
	struct broker *b;
};

/* A request that waits for the monitor or for a token. */
struct waiting {
	uint32_t id; /* 0 = free */
	struct httpd_req *req;
	struct conn *conn;
	struct broker *b;
	struct broker_request q;
	bool fetching;
};

struct broker {
	struct httpd *httpd;
	struct broker_ops ops;
	uint64_t conns;	   /* so far */
	uint32_t requests; /* ids given out, again from 1 after the last */
	struct waiting waiting[PLACES];
	size_t n_waiting;
};

int broker_save_syn(int fd)
{
	int yes = 1;

	return setsockopt(fd, IPPROTO_TCP, TCP_SAVE_SYN, &yes, sizeof(yes)) < 0 ? -errno : 0;
}

/* --- connections */

static void *opened(int fd, void *ctx)
{
	struct conn *c = calloc(1, sizeof(*c));
	uint8_t syn[SYN_BYTES_MAX];
	socklen_t len = sizeof(syn);

	if (!c)
		return NULL;
	c->b = ctx;
	c->who.id = ++c->b->conns;
	if (getsockopt(fd, IPPROTO_TCP, TCP_SAVED_SYN, syn, &len) < 0)
		len = 0;
	c->unseen = !len;
	c->who.vouched = syn_nonce(syn, len, &c->who.nonce) == 0;
	return c;
}

static void conn_end(struct conn *c)
{
	c->b->ops.gone(c->b->ops.ctx, &c->who);
	free(c);
}

static void closed(void *conn, void *ctx)
{
	struct conn *c = conn;

	c->closed = true;
	if (!c->asking)
		conn_end(c);
}

/* --- replies */

static void reply(struct httpd_req *req, int status, struct buf *body)
{
	httpd_reply(req, status, JSON_TYPE, body->data ? body->data : "", body->len);
}

static void reply_error(struct httpd_req *req, enum broker_shape shape, unsigned int status,
			const char *error, const char *text)
{
	_cleanup_buf_ struct buf body = {};

	(void)broker_reply_error(&body, shape, (int)status, error, text); /* the status says it */
	reply(req, (int)status, &body);
}

static void retry_after(struct httpd_req *req, unsigned int s)
{
	char text[16];

	if (!s)
		return;
	(void)snprintf(text, sizeof(text), "%u", s);
	httpd_add_field(req, "Retry-After", text);
}

/* --- places */

static struct waiting *wait_for(struct broker *b, uint32_t id)
{
	struct waiting *w = &b->waiting[id % PLACES];

	return id && w->id == id ? w : NULL;
}

static struct waiting *wait_new(struct broker *b)
{
	if (b->n_waiting == PLACES)
		return NULL;
	for (;;) { /* there is one that is free */
		struct waiting *w = &b->waiting[++b->requests % PLACES];

		if (w->id || !b->requests)
			continue;
		w->id = b->requests;
		w->b = b;
		b->n_waiting++;
		return w;
	}
}

/* Gives the place back; the request was, or is about to be, replied to. */
static struct httpd_req *wait_end(struct waiting *w)
{
	struct httpd_req *req = w->req;
	struct conn *c = w->conn;

	w->b->n_waiting--;
	*w = (struct waiting){ 0 };
	c->asking = false;
	if (c->closed)
		conn_end(c);
	return req;
}

/* --- from request to reply */

static void ask(struct broker *b, struct waiting *w)
{
	enum broker_shape shape = w->q.shape;
	struct httpd_req *req;

	if (b->ops.ask(b->ops.ctx, w->id, &w->conn->who, &w->q) == 0)
		return;
	req = wait_end(w);
	retry_after(req, AGAIN_S);
	reply_error(req, shape, 503, "temporarily_unavailable", "try again");
}

static void request(struct httpd_req *req, void *ctx)
{
	struct conn *c = httpd_conn(req); /* there: the request has just come from it */
	struct broker *b = ctx;
	struct waiting *w = c->unseen ? NULL : wait_new(b);
	struct broker_request q;

	broker_request_read(httpd_head(req), &q);
	if (!w) {
		retry_after(req, AGAIN_S);
		reply_error(req, q.shape, 503, "temporarily_unavailable",
			    "too many clients at once, try again");
		return;
	}
	w->req = req;
	w->conn = c;
	w->q = q;
	c->asking = true;
	ask(b, w);
}

static void tell(const struct waiting *w, const struct broker_token *t, enum broker_reason reason,
		 const char *text)
{
	w->b->ops.told(w->b->ops.ctx, w->id, reason, t, text);
}

/* An object or resource id was asked for: only the token tells whether it is that one's. */
static bool is_whom_it_asked_for(const struct broker_request *q, const struct broker_token *t)
{
	if (q->selector == BROKER_SELECT_OBJECT)
		return t->object_id && !strcasecmp(q->selected, t->object_id);
	if (q->selector == BROKER_SELECT_RESOURCE)
		return t->resource_id && !strcasecmp(q->selected, t->resource_id);
	return true;
}

static void refuse(struct waiting *w, const struct broker_token *t, enum broker_reason reason)
{
	enum broker_shape shape = w->q.shape;
	struct httpd_req *req;

	tell(w, t, reason, broker_reason_text(reason));
	req = wait_end(w);
	reply_error(req, shape, broker_reason_status(reason), broker_reason_error(reason),
		    broker_reason_text(reason));
}

static void grant(struct waiting *w, const struct broker_token *t)
{
	struct buf body = {};
	struct httpd_req *req;

	if (broker_reply_token(&body, w->q.shape, w->q.audience, t, time(NULL)) < 0) {
		refuse(w, t, BROKER_UPSTREAM);
	} else {
		tell(w, t, BROKER_GRANTED, "");
		req = wait_end(w);
		reply(req, 200, &body);
	}
	if (body.data)
		explicit_bzero(body.data, body.room);
	buf_free(&body);
}

static void fetched(void *arg, const struct broker_token *t, const struct broker_failure *f)
{
	struct waiting *w = arg;
	enum broker_shape shape = w->q.shape;
	struct httpd_req *req;

	if (t && !broker_token_is_clean(t))
		refuse(w, t, BROKER_UPSTREAM);
	else if (t && !is_whom_it_asked_for(&w->q, t))
		refuse(w, t, BROKER_OTHER_IDENTITY);
	else if (t)
		grant(w, t);
	if (t)
		return;
	tell(w, NULL, BROKER_UPSTREAM, f->text);
	req = wait_end(w);
	retry_after(req, f->retry_after_s);
	reply_error(req, shape, f->status,
		    f->status == 400 ? "invalid_request" : "temporarily_unavailable", f->text);
}

/* Refused by the monitor, which knows why; or by its own words. */
static void refuse_plainly(struct waiting *w, enum broker_reason reason, unsigned int again_s)
{
	const struct broker_refusal said = w->q.refusal;
	bool own = reason == BROKER_REQUEST;
	enum broker_shape shape = w->q.shape;
	unsigned int status = own ? said.status : broker_reason_status(reason);
	struct httpd_req *req = wait_end(w);

	retry_after(req, again_s);
	if (status == 405)
		httpd_add_field(req, "Allow", "GET");
	reply_error(req, shape, status, own ? said.error : broker_reason_error(reason),
		    own ? said.text : broker_reason_text(reason));
}

void broker_verdict(struct broker *b, uint32_t id, enum broker_reason reason,
		    unsigned int retry_after_s, const void *grant)
{
	struct waiting *w = wait_for(b, id);

	if (!w || w->fetching)
		return;
	if (reason == BROKER_GRANTED && w->q.what == BROKER_TOKEN) {
		w->fetching = true;
		b->ops.fetch(b->ops.ctx, &w->q, grant, fetched, w);
		return;
	}
	if (reason == BROKER_GRANTED || (reason == BROKER_REQUEST && w->q.what != BROKER_REFUSED))
		reason = BROKER_UNVOUCHED; /* no answer to what it asked: our own bug, so no */
	refuse_plainly(w, reason, retry_after_s);
}

void broker_why(struct broker *b, uint32_t id, const char *json, size_t len)
{
	struct waiting *w = wait_for(b, id);

	if (w && w->q.what == BROKER_WHY)
		httpd_reply(wait_end(w), 200, JSON_TYPE, json, len);
}

/* --- life */

int broker_new(struct loop *l, int fd, const struct broker_ops *ops, struct broker **ret)
{
	_cleanup_close_ int owned = fd;
	struct broker *b = calloc(1, sizeof(*b));
	struct httpd_opts o = {
		.request = request,
		.opened = opened,
		.closed = closed,
		.ctx = b,
		.max_clients = BROKER_CLIENTS_MAX,
		.backlog = BROKER_BACKLOG,
	};
	int r;

	if (!b)
		return -ENOMEM;
	b->ops = *ops;
	r = httpd_new(l, &o, &b->httpd);
	if (r == 0)
		r = httpd_listen_fd(b->httpd, take_fd(owned));
	if (r < 0) {
		broker_free(b);
		return r;
	}
	*ret = b;
	return 0;
}

void broker_free(struct broker *b)
{
	if (!b)
		return;
	httpd_free(b->httpd); /* clients end; those with a request in a place stay */
	for (size_t i = 0; i < PLACES; i++)
		if (b->waiting[i].id)
			free(b->waiting[i].conn);
	free(b);
}
