/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control API: HTTP and JSON over a Unix socket. A table of verbs, one rule for who may call
 * them, one shape for errors: {"error":"WORD","detail":"TEXT"}.
 *
 * Reading needs root or the read group, changing root or the change group, by what the kernel says
 * about the peer (uid, gid and supplementary groups at connect()). A group that does not exist on
 * this machine admits nobody.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/diag.h"
#include "zta_limits.h"

struct control_req;
struct control_server;
struct httpd_stream;
struct loop;

#define CONTROL_READ_GROUP   "zta"
#define CONTROL_CHANGE_GROUP "zta-admin"
#define CONTROL_BODY_MAX     (ZTA_POLICY_BYTES_MAX + 64 * 1024)

/* Last line of an event stream whose reader was too slow. */
#define CONTROL_STREAM_NOTICE                                                              \
	"{\"error\":\"slow-reader\",\"detail\":\"the stream was cut off: its reader fell " \
	"behind\"}\n"

struct control_verb {
	const char *method; /* "GET" or "POST" */
	const char *path;   /* "/v1/status" */
	bool change;	    /* false: reading */
	const char *query;  /* members it takes, "a b c"; others are 400. NULL: none */
	/*
	 * Replies by one of the control_reply*() or control_stream_start(), now or later, and
	 * returns 0; or has not replied and returns -errno, with @diag of the request saying why:
	 * -EINVAL 400, -EACCES and -EPERM 403, -ENOENT 404, -EBUSY, -EEXIST and -ESTALE 409,
	 * -EFBIG and -E2BIG 413, -EAGAIN 503, anything else 500.
	 */
	int (*fn)(struct control_req *req, void *ctx);
};

struct control_opts {
	const char *path;		  /* of the socket; 0660 root:read_group */
	const char *read_group;		  /* NULL: CONTROL_READ_GROUP */
	const char *change_group;	  /* NULL: CONTROL_CHANGE_GROUP */
	const struct control_verb *verbs; /* static */
	size_t n_verbs;
	void *ctx; /* given to every verb */
};

/* 0, -EADDRINUSE when a daemon listens there, or -errno; @d says why. */
int control_server_new(struct loop *l, const struct control_opts *o, struct control_server **ret,
		       struct diag *d);
void control_server_free(struct control_server *s);

/* The request; valid until it was replied to. */
const char *control_query(const struct control_req *req, const char *name);
const char *control_query_nth(const struct control_req *req, const char *name, size_t n);
const void *control_body(const struct control_req *req, size_t *ret_len);
uid_t control_uid(const struct control_req *req);
pid_t control_pid(const struct control_req *req);
struct diag *control_diag(struct control_req *req);

/* {"uid":0,"pid":1234}: who asked, for admin records. New reference, NULL when out of memory. */
json_t *control_actor(const struct control_req *req);

/* Reply with a document (its reference is taken; NULL is told as 500). */
void control_reply(struct control_req *req, int status, json_t *doc);

/* Reply with bytes as they are (a policy document, the schema as text). */
void control_reply_text(struct control_req *req, const char *type, const void *data, size_t len);

/* Reply with an error; the word comes from the status (400 bad-request, 403 forbidden, ...). */
void control_reply_error(struct control_req *req, int status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Start JSON Lines; see httpd_stream_start(), which also says what becomes of the stream. */
struct httpd_stream *control_stream_start(struct control_req *req, void (*closed)(void *ctx),
					  void *ctx);
