/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP client on the loop: every call out. The door to libcurl.
 *
 * Never blocks, follows no redirect (a token request is not for whoever the server names), speaks
 * http and https only, takes a bounded body, and has one deadline for the whole of a call.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct httpc;
struct httpc_call;
struct loop;
struct secret;

/* For all calls; strings are copied, NULL or "" = not given. */
struct httpc_opts {
	const char *proxy;	 /* "http://HOST:PORT" */
	const char *no_proxy;	 /* names, joined by ',' */
	const struct secret *ca; /* PEM, instead of the system's; copied */
};

struct httpc_request {
	const char *url;
	const char *const *fields; /* "Name: value"; NULL ends them; NULL: none */
	struct secret *body;	   /* POST, as a form; taken, also on failure. NULL: GET */
	unsigned int timeout_ms;
	size_t max_body;	 /* of the reply; more is an error */
	bool direct;		 /* never through a proxy: it is on this machine */
	const char *connect_to;	 /* "HOST:PORT" in place of the URL's; NULL: as it says */
	const struct secret *ca; /* PEM to believe, and nothing else; NULL: as opts say. Borrowed
				    until the call starts */
};

struct httpc_reply {
	int error; /* 0: there is a status; else a negative errno and error_text */
	const char *error_text;
	int status;
	unsigned int retry_after_s; /* 0 = not said; dates count too */
	const char *content_type;   /* "" = none; so for the next */
	const char *www_authenticate;
	const char *body; /* NUL-terminated; lives as long as the callback runs */
	size_t len;
};

typedef void (*httpc_fn)(const struct httpc_reply *reply, void *ctx);

/* 0, -ENOMEM, or -EIO when libcurl will not start. */
int httpc_new(struct loop *l, const struct httpc_opts *o, struct httpc **ret);
void httpc_free(struct httpc *h); /* calls that run end without a word */

/**
 * httpc_start() - Begin a call
 * @fn:		called once, from the loop, never from here
 * @ret:	for httpc_cancel(); gone when @fn is called
 *
 * Return: 0, -ENOMEM, -EINVAL (not a URL of ours).
 */
int httpc_start(struct httpc *h, const struct httpc_request *q, httpc_fn fn, void *ctx,
		struct httpc_call **ret);

void httpc_cancel(struct httpc_call *c); /* NULL is fine; not from its own @fn */
