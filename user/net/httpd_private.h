/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the HTTP server share: httpd.c listens, httpd_client.c reads, httpd_reply.c
 * writes. */
#pragma once

#include <sys/queue.h>

#include "base/buf.h"
#include "net/http.h"
#include "net/httpd.h"

struct bufferevent;
struct event;
struct evconnlistener;

#define HTTPD_LISTENERS_MAX 4
#define HTTPD_INPUT_BYTES   (64 * 1024) /* read ahead of what is parsed */
#define HTTPD_LINGER_MS	    2000	/* for a client to stop sending what is not wanted */
#define HTTPD_LAST_MS	    300000	/* for a reader that was cut off to take what it has */

/* Where a client stands. Only those in CLIENT_BUSY and CLIENT_STREAM keep their place for sure. */
enum client_state {
	CLIENT_HEAD,   /* silent, or sending a head */
	CLIENT_BODY,   /* sending a body */
	CLIENT_BUSY,   /* the handler has the request */
	CLIENT_REPLY,  /* taking a reply */
	CLIENT_STREAM, /* taking a reply that has no end yet */
	CLIENT_LINGER, /* was told; what it still sends is thrown away */
};

struct httpd_req {
	TAILQ_ENTRY(httpd_req) entry;
	struct httpd *h;
	struct httpd_client *c; /* NULL: it has gone */
	struct http_head head;
	struct http_chunks chunks;
	struct buf body;
	struct buf fields; /* added to the reply */
	struct httpd_peer no_peer;
};

struct httpd_stream {
	struct httpd_client *c;
	bool chunked; /* HTTP/1.0 gets the bytes as they are */
	void (*closed)(void *ctx);
	void *ctx;
};

struct httpd_client {
	TAILQ_ENTRY(httpd_client) entry; /* longest in its state first */
	struct httpd *h;
	struct bufferevent *bev;
	struct event *deadline;
	enum client_state state;
	uint64_t since_ns;	     /* in this state; CLOCK_MONOTONIC */
	struct httpd_req *req;	     /* until it was replied to */
	struct httpd_stream *stream; /* in CLIENT_STREAM */
	struct httpd_peer peer;
	void *conn;		      /* of the handler's making */
	bool keep_alive, eof, unread; /* unread: it may still send what nobody will read */
};

struct httpd {
	struct loop *loop;
	struct httpd_opts o;
	struct evconnlistener *listeners[HTTPD_LISTENERS_MAX];
	size_t n_listeners;
	char *unix_path;
	struct event *resume; /* listeners that were paused */
	TAILQ_HEAD(, httpd_client) clients;
	TAILQ_HEAD(, httpd_req) reqs;
	size_t n_clients, n_streams;
};

/* httpd_client.c */
int client_new(struct httpd *h, int fd, bool local); /* fd is taken, also on failure */
void client_free(struct httpd_client *c);
/* Enter a state; the whole of it may last @ms (0: for ever). */
void client_enter(struct httpd_client *c, enum client_state state, unsigned int ms);

/* httpd_reply.c */
void req_free(struct httpd_req *req);
/* Reply with a status of the server's own making. */
void req_refuse(struct httpd_req *req, int status);
/* All of the reply is out: the next request, or the end. May free the client. */
void client_replied(struct httpd_client *c);
