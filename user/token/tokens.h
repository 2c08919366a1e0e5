/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tokens that are held: one per source, identity and audience. However many ask, a source is
 * asked once; a token is renewed at half its life and served while that fails, until five minutes
 * before its end.
 */
#pragma once

#include "token/fetch.h"
#include "token/token.h"

struct tokens;
struct tokens_wait;

#define TOKENS_MAX	   512 /* entries */
#define TOKENS_WAITING_MAX 8192

struct tokens_result {
	struct token *token; /* borrowed: token_ref() to keep it; NULL: error */
	int error;  /* -EACCES refused, -EINVAL not possible so, -EBUSY the source rests or is
		       too busy, others: it is ill */
	int status; /* HTTP, of the source; 0 = none */
	unsigned int retry_s; /* when to come again; 0 = never mind */
	enum token_source source;
	bool cached;
	const char *text; /* why not, for people */
};
typedef void (*tokens_fn)(const struct tokens_result *r, void *ctx);

/* Where tokens are had from; fetch.c's, or a test's. */
struct tokens_origin {
	int (*start)(const struct token_key *k, int subject_fd, fetch_fn fn, void *fn_ctx,
		     struct fetch **ret, void *ctx);
	void (*cancel)(struct fetch *f, void *ctx);
	int64_t (*now)(void *ctx);  /* Unix time */
	int64_t (*mono)(void *ctx); /* seconds, never set */
	void *ctx;
};

int tokens_new(struct loop *l, const struct token_site *site, const struct tokens_origin *o,
	       struct tokens **ret);
void tokens_free(struct tokens *t); /* whoever waits hears -ECANCELED; all is wiped */

/**
 * tokens_get() - Have a token
 * @fn:		called once: from here when the answer is there, else later
 * @ret:	to give up waiting, NULL when @fn was called; gone when it is. May be NULL
 */
void tokens_get(struct tokens *t, const struct tokens_want *w, tokens_fn fn, void *ctx,
		struct tokens_wait **ret);
void tokens_give_up(struct tokens_wait *w); /* NULL is fine; @fn will not be called */

/* Renew what is due, wipe what has expired. Once a second by itself. */
void tokens_tick(struct tokens *t);

struct tokens_entry {
	const struct token_key *key;
	const struct token *token; /* NULL: none is held */
	int64_t refresh;	   /* Unix time; 0 = none is planned */
	unsigned int waiting;
	const char *text; /* the last failure, "" = none since the last token */
};
void tokens_each(const struct tokens *t, void (*fn)(const struct tokens_entry *e, void *ctx),
		 void *ctx);
