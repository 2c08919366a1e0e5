/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP server on the loop, over a Unix socket or TCP.
 *
 * No client can hold up another: a request has a deadline as a whole (not a byte), replies have
 * one too, and when all places are taken the client that has kept its place longest without
 * finishing a request (or taking its reply) loses it to the newcomer.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct diag;
struct http_head;
struct httpd;
struct httpd_req;
struct httpd_stream;
struct loop;

#define HTTPD_CLIENTS_MAX  64
#define HTTPD_STREAMS_MAX  32		 /* of these; the rest stays free for short requests */
#define HTTPD_STREAM_BYTES (1024 * 1024) /* waiting for a slow reader before it is cut off */
#define HTTPD_REQUEST_MS   10000	 /* silence before a request, and the whole of its head */
#define HTTPD_BODY_MS	   30000
#define HTTPD_REPLY_MS	   30000 /* for a client to take its reply */

/* Who is at the other end of a Unix socket, by the kernel's word at connect(). */
struct httpd_peer {
	bool known; /* false: TCP */
	uid_t uid;
	gid_t gid;
	pid_t pid;
	gid_t *groups; /* supplementary */
	size_t n_groups;
};

struct httpd_opts {
	/*
	 * A whole request. Exactly one httpd_reply() or httpd_stream_start() must follow, now or
	 * later; until then @req stays valid, also when the client goes away.
	 */
	void (*request)(struct httpd_req *req, void *ctx);
	/*
	 * Optional, with the head only, before the body is read. True: go on. False: it has
	 * replied. Keeps strangers from making us hold bodies.
	 */
	bool (*admit)(struct httpd_req *req, void *ctx);
	/* Optional: replies to what the server itself refuses (400, 408, 413, 431, 501, 503, 505).
	 */
	void (*refuse)(struct httpd_req *req, int status, void *ctx);
	/*
	 * Optional: a client has come; @fd is for asking the kernel about it. What it returns is
	 * the client's httpd_conn(), NULL: no memory, the client is dropped. closed() ends it.
	 */
	void *(*opened)(int fd, void *ctx);
	void (*closed)(void *conn, void *ctx);
	void *ctx;
	size_t max_body;	   /* 0: no bodies */
	size_t max_clients;	   /* 0: HTTPD_CLIENTS_MAX */
	int backlog;		   /* clients that wait to be accepted; 0: 128 */
	unsigned int request_ms;   /* 0: HTTPD_REQUEST_MS */
	unsigned int reply_ms;	   /* 0: HTTPD_REPLY_MS */
	const char *stream_notice; /* last line for a reader that was cut off; NULL: none */
};

/* @o is copied, what it points to must live as long as the server. 0 or -ENOMEM. */
int httpd_new(struct loop *l, const struct httpd_opts *o, struct httpd **ret);

/*
 * Closes listeners and clients, removes the Unix socket. Open streams get closed(); every httpd_req
 * is gone. Not from a handler.
 */
void httpd_free(struct httpd *h);

/**
 * httpd_listen_unix() - Listen on a path
 * @path:	a socket that nobody listens on any more is replaced
 * @mode:	permissions
 * @gid:	group, (gid_t)-1 to leave it
 *
 * Nobody can connect before mode and group are set.
 * Return: 0, -EADDRINUSE when somebody listens there, -ENAMETOOLONG, or what bind() says.
 */
int httpd_listen_unix(struct httpd *h, const char *path, mode_t mode, gid_t gid, struct diag *d);

/**
 * httpd_listen_tcp() - Listen on "ADDR:PORT" or "[ADDR6]:PORT", numeric; port 0 takes a free one
 * @ret_port:	port in use, host order; may be NULL
 *
 * Return: 0, -EINVAL (not an address and port), -EADDRINUSE, or what bind() says.
 */
int httpd_listen_tcp(struct httpd *h, const char *addr_port, uint16_t *ret_port, struct diag *d);

/* Listen on a TCP socket that somebody has bound; the socket is taken, also on failure. */
int httpd_listen_fd(struct httpd *h, int fd);

/* The request. All pointers live as long as @req. */
const char *httpd_method(const struct httpd_req *req);
const char *httpd_path(const struct httpd_req *req); /* decoded, without the query */
/* First value of a query member, NULL when absent; of the nth (from 0); name of the nth member. */
const char *httpd_query(const struct httpd_req *req, const char *name);
const char *httpd_query_nth(const struct httpd_req *req, const char *name, size_t n);
const char *httpd_query_name(const struct httpd_req *req, size_t i);
const void *httpd_body(const struct httpd_req *req, size_t *ret_len);
const struct httpd_peer *httpd_peer(const struct httpd_req *req);
const struct http_head *httpd_head(const struct httpd_req *req);
/* What opened() made of its client, NULL when that has gone. */
void *httpd_conn(const struct httpd_req *req);

/* Add a field to the reply ("Allow", "GET, HEAD"); before httpd_reply() or httpd_stream_start(). */
void httpd_add_field(struct httpd_req *req, const char *name, const char *value);

/* Reply with @len bytes (copied; not sent to HEAD) and give @req back. */
void httpd_reply(struct httpd_req *req, int status, const char *type, const void *data, size_t len);

/**
 * httpd_stream_start() - Reply 200 with a body that has no end yet, and give @req back
 * @closed:	called when the client goes away; @stream is gone then
 *
 * A stream ends in exactly one way: httpd_stream_end(), a failed httpd_stream_write(), or @closed.
 * Return: the stream; NULL when the client has gone or HTTPD_STREAMS_MAX are open (it was told
 * 503). @req is given back in any case.
 */
struct httpd_stream *httpd_stream_start(struct httpd_req *req, const char *type,
					void (*closed)(void *ctx), void *ctx);

/**
 * httpd_stream_write() - Send more
 *
 * Never waits. A reader that leaves HTTPD_STREAM_BYTES unread gets the notice as its last line and
 * is cut off.
 * Return: 0; -ENOBUFS or -ENOMEM: cut off, the stream is gone, without a call of closed().
 */
int httpd_stream_write(struct httpd_stream *s, const void *data, size_t len);

/* Bytes that the client has not taken yet: whoever can wait for room should. */
size_t httpd_stream_pending(const struct httpd_stream *s);

/* End of the body: what was written is still delivered. The stream is gone. */
void httpd_stream_end(struct httpd_stream *s);
