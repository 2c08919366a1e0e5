/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A provider knows the words of one source: how it is asked, and what counts as its answer. When to
 * ask, what to keep and whom to tell is fetch.c's and tokens.c's. Providers are pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "token/retry.h"
#include "token/site.h"

struct diag;
struct httpc_reply;
struct secret;
struct token_reply;

/* Whose token, and for what. */
struct token_key {
	enum token_source source;
	enum worker_selector selector;	/* NONE: the system-assigned identity */
	char selected[WORKER_SELECTED]; /* "" with NONE */
	char tenant_id[WORKER_GUID];	/* Entra's; "" elsewhere */
	uint64_t subject;		/* whose assertion; 0 = the configured one */
	char audience[ZTA_AUDIENCE_MAX + 4];
};

#define TOKEN_URL_MAX	3072
#define TOKEN_FIELDS	4
#define TOKEN_FIELD_MAX (6 * 1024) /* Basic, with the contents of a key file */

struct token_request {
	char url[TOKEN_URL_MAX];
	char fields[TOKEN_FIELDS][TOKEN_FIELD_MAX]; /* may hold secrets: wiped by whoever made it */
	unsigned int n_fields;
	struct secret *body;	/* POST; NULL: GET */
	bool direct;		/* never through a proxy */
	const char *connect_to; /* as httpc.h; borrowed from the site; NULL */
};

struct provider {
	enum token_schedule schedule;
	int file; /* enum worker_file, read anew before each request; -1 = none */
	/*
	 * Write the request. @file: what that file holds, or what a challenge asked for; NULL
	 * else. 0, or -EINVAL and @d.
	 */
	int (*request)(const struct token_site *s, const struct token_key *k,
		       const struct secret *file, int64_t now, struct token_request *ret,
		       struct diag *d);
	/*
	 * The reply asks for the contents of a file (path in @path) before there is a token: 1.
	 * 0: it does not. -EACCES: it should have, or asks for what it may not. NULL: never.
	 */
	int (*challenge)(const struct httpc_reply *r, bool answered, char *path, size_t size,
			 struct diag *d);
	bool echoes; /* the reply must repeat the identity that was asked for */
};

/* NULL for TOKEN_SOURCE_CHAIN. */
const struct provider *provider_of(enum token_source source);

extern const struct provider provider_imds, provider_app, provider_arc, provider_workload,
	provider_certificate;

/* Append a field; a value that does not fit, or would be two fields, is -EINVAL. */
int provider_add_field(struct token_request *q, const char *name, const char *value);

/* "?api-version=…&resource=…" and the identity, by the names that the host has for it. */
struct provider_names {
	const char *version;
	const char *by[WORKER_SELECTOR_COUNT]; /* NULL: it cannot be named so */
};
int provider_add_query(struct token_request *q, const char *base, const struct provider_names *n,
		       const struct token_key *k, struct diag *d);

/**
 * provider_check_identity() - Is it the identity that was asked for?
 *
 * By the token's own claims, else by what the reply says. What cannot be told is refused when an
 * identity was asked for: a host with one identity gives its token to whoever asks for another.
 * Return: 0, or -EACCES and @d.
 */
int provider_check_identity(const struct provider *p, const struct token_key *k,
			    struct token_reply *reply, struct diag *d);
