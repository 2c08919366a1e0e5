// SPDX-License-Identifier: Apache-2.0
/* The handler's side of the HTTP server: what a request says, replies, streams. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "net/httpd_private.h"

void req_free(struct httpd_req *req)
{
	TAILQ_REMOVE(&req->h->reqs, req, entry);
	buf_free(&req->body);
	buf_free(&req->fields);
	free(req);
}

const char *httpd_method(const struct httpd_req *req)
{
	return req->head.method;
}

const char *httpd_path(const struct httpd_req *req)
{
	return req->head.path;
}

const char *httpd_query_nth(const struct httpd_req *req, const char *name, size_t n)
{
	for (size_t i = 0; i < req->head.n_queries; i++)
		if (!strcmp(req->head.queries[i].name, name) && n-- == 0)
			return req->head.queries[i].value;
	return NULL;
}

const char *httpd_query(const struct httpd_req *req, const char *name)
{
	return httpd_query_nth(req, name, 0);
}

const char *httpd_query_name(const struct httpd_req *req, size_t i)
{
	return i < req->head.n_queries ? req->head.queries[i].name : NULL;
}

const void *httpd_body(const struct httpd_req *req, size_t *ret_len)
{
	*ret_len = req->body.len;
	return req->body.data ? req->body.data : "";
}

const struct httpd_peer *httpd_peer(const struct httpd_req *req)
{
	return req->c ? &req->c->peer : &req->no_peer;
}

void httpd_add_field(struct httpd_req *req, const char *name, const char *value)
{
	/* without memory the reply lacks a courtesy, nothing else */
	(void)buf_printf(&req->fields, "%s: %s\r\n", name, value);
}

const struct http_head *httpd_head(const struct httpd_req *req)
{
	return &req->head;
}

void *httpd_conn(const struct httpd_req *req)
{
	return req->c ? req->c->conn : NULL;
}

/* Status line and fields; @framing says how long the body is. */
static int put_head(struct httpd_client *c, int status, const char *type, const char *framing)
{
	struct httpd_req *req = c->req;
	time_t now = time(NULL);
	char date[64];
	struct tm tm;

	(void)strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &tm));
	return evbuffer_add_printf(bufferevent_get_output(c->bev),
				   "HTTP/1.1 %d %s\r\nDate: %s\r\nContent-Type: %s\r\n%s%s"
				   "Cache-Control: no-store\r\n%s\r\n",
				   status, http_phrase(status), date, type, framing,
				   req->fields.data ? req->fields.data : "",
				   !c->keep_alive	  ? "Connection: close\r\n"
				   : req->head.minor == 0 ? "Connection: keep-alive\r\n"
							  : "") < 0
		       ? -ENOMEM
		       : 0;
}

void httpd_reply(struct httpd_req *req, int status, const char *type, const void *data, size_t len)
{
	struct httpd_client *c = req->c;
	bool head = req->head.method && !strcmp(req->head.method, "HEAD");
	char framing[64];
	int r;

	if (c) {
		if (c->unread || c->eof)
			c->keep_alive = false;
		(void)snprintf(framing, sizeof(framing), "Content-Length: %zu\r\n", len);
		r = put_head(c, status, type, framing);
		if (r == 0 && !head)
			r = evbuffer_add(bufferevent_get_output(c->bev), data, len);
		if (r < 0) /* no memory: what was queued is sent, its length betrays the cut */
			c->keep_alive = false;
		c->req = NULL;
		client_enter(c, CLIENT_REPLY, c->h->o.reply_ms);
	}
	req_free(req);
}

void req_refuse(struct httpd_req *req, int status)
{
	const char *phrase = http_phrase(status);

	if (req->h->o.refuse)
		req->h->o.refuse(req, status, req->h->o.ctx);
	else
		httpd_reply(req, status, "text/plain", phrase, strlen(phrase));
}

struct httpd_stream *httpd_stream_start(struct httpd_req *req, const char *type,
					void (*closed)(void *ctx), void *ctx)
{
	struct httpd_client *c = req->c;
	struct httpd_stream *s;

	s = c && c->h->n_streams < HTTPD_STREAMS_MAX ? calloc(1, sizeof(*s)) : NULL;
	if (!s) {
		req_refuse(req, 503);
		return NULL;
	}
	*s = (struct httpd_stream){ c, req->head.minor > 0, closed, ctx };
	if (c->unread || c->eof || !s->chunked)
		c->keep_alive = false;
	if (put_head(c, 200, type, s->chunked ? "Transfer-Encoding: chunked\r\n" : "") < 0) {
		free(s);
		req_refuse(req, 503);
		return NULL;
	}
	c->req = NULL;
	c->stream = s;
	c->h->n_streams++;
	client_enter(c, CLIENT_STREAM, 0);
	req_free(req);
	return s;
}

static int put_chunk(struct httpd_stream *s, const void *data, size_t len)
{
	struct evbuffer *out = bufferevent_get_output(s->c->bev);

	if (!len)
		return 0;			/* an empty chunk would be the end */
	if (evbuffer_expand(out, len + 32) < 0) /* all of the chunk or nothing */
		return -ENOMEM;
	if (s->chunked && evbuffer_add_printf(out, "%zx\r\n", len) < 0)
		return -ENOMEM;
	if (evbuffer_add(out, data, len) < 0 || (s->chunked && evbuffer_add(out, "\r\n", 2) < 0))
		return -ENOMEM;
	return 0;
}

/* The stream is over, the client takes the rest within @ms. */
static void finish(struct httpd_stream *s, unsigned int ms)
{
	struct httpd_client *c = s->c;
	struct evbuffer *out = bufferevent_get_output(c->bev);

	if (s->chunked && evbuffer_add(out, "0\r\n\r\n", 5) < 0)
		c->keep_alive = false; /* the missing end tells the client */
	c->stream = NULL;
	c->h->n_streams--;
	free(s);
	client_enter(c, CLIENT_REPLY, ms);
	/* nothing left to write: the loop's next turn goes on from here */
	if (!evbuffer_get_length(out))
		bufferevent_trigger(c->bev, EV_WRITE, BEV_OPT_DEFER_CALLBACKS);
}

int httpd_stream_write(struct httpd_stream *s, const void *data, size_t len)
{
	const char *notice = s->c->h->o.stream_notice;
	int r = -ENOBUFS;

	if (httpd_stream_pending(s) + len <= HTTPD_STREAM_BYTES) {
		r = put_chunk(s, data, len);
		if (r == 0)
			return 0;
	}
	if (notice)
		(void)put_chunk(s, notice, strlen(notice)); /* the cut itself tells the rest */
	s->c->keep_alive = false;
	finish(s, HTTPD_LAST_MS);
	return r;
}

size_t httpd_stream_pending(const struct httpd_stream *s)
{
	return evbuffer_get_length(bufferevent_get_output(s->c->bev));
}

void httpd_stream_end(struct httpd_stream *s)
{
	finish(s, s->c->h->o.reply_ms);
}
