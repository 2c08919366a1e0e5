/* SPDX-License-Identifier: Apache-2.0 */
/* One token from its source: files, requests, retries, until there is one or there is none. */
#pragma once

#include "token/provider.h"
#include "token/reply.h"

struct fetch;
struct fetcher;
struct httpc;
struct loop;

typedef void (*fetch_file_fn)(int fd, int error, void *ctx);

struct fetcher_opts {
	struct loop *loop;
	struct httpc *http;
	const struct token_site *site;
	/*
	 * Open a file of enum worker_file: @fn is called once, later, with a descriptor that it
	 * owns, or -1 and an error. 0, or -errno: it will not be called.
	 */
	int (*open_file)(int file, const char *name, fetch_file_fn fn, void *fn_ctx, void *ctx);
	void (*count)(enum token_source source, enum worker_result result, void *ctx);
	void *ctx;
};

struct fetch_result {
	int error;	      /* 0: reply; -EACCES: refused; -EINVAL: cannot be asked so; others:
				 the source is ill */
	int status;	      /* last HTTP status; 0 = none */
	unsigned int retry_s; /* what the source wants to be left alone for; 0 = not said */
	bool outage;	      /* another time may mend it */
	const char *text;     /* why not, for people */
	struct token_reply reply; /* reply.token is the callback's */
};

typedef void (*fetch_fn)(struct fetch_result *r, void *ctx);

int fetcher_new(const struct fetcher_opts *o, struct fetcher **ret);
void fetcher_free(struct fetcher *f); /* after every fetch has ended or was cancelled */

/**
 * fetch_start() - Begin
 * @subject_fd:	a projected token, read anew for each request; -1: what the source has. Stays the
 *		caller's
 * @fn:		called once, never from here
 *
 * Return: 0, -ENOMEM, -errno.
 */
int fetch_start(struct fetcher *f, const struct token_key *k, int subject_fd, fetch_fn fn,
		void *ctx, struct fetch **ret);
void fetch_cancel(struct fetch *x); /* NULL is fine */
