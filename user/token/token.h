/* SPDX-License-Identifier: Apache-2.0 */
/* A token that is held, and the key under which it is. */
#pragma once

#include "token/provider.h"

struct secret;

struct token {
	unsigned int refs;
	struct secret *text;
	char type[16];
	enum token_source source;
	int64_t expires, not_before; /* Unix time; not_before: or when it came */
	char client_id[37], object_id[37], resource_id[256]; /* "" = not known */
};

/* Takes reply->token, also on failure. NULL: no memory. */
struct token *token_new(enum token_source source, struct token_reply *reply, int64_t now);
struct token *token_ref(struct token *t);
void token_unref(struct token *t); /* NULL is fine; the last one wipes it */

#define TOKEN_MARGIN_S 300 /* a quarter of its life, where that is less than twice this */

/* Is it good for whoever gets it now? */
bool token_is_good(const struct token *t, int64_t now);

/* Who asks for what; "" = not given. */
struct tokens_want {
	enum worker_selector selector;
	const char *selected;  /* "" with NONE: the configured identity, else the system-assigned */
	const char *tenant_id; /* "" = the configured one */
	const char *audience;
	uint64_t subject; /* a workload with a projected token of its own; 0 = none */
	int subject_fd;	  /* that token; -1 = none. Stays the caller's */
};

/* False: a name is too long, or there is no audience. */
bool token_key_make(const struct token_site *s, const struct tokens_want *w, struct token_key *ret);

/* Identities are compared without regard to case, as Azure does; audiences byte by byte. */
bool token_key_same(const struct token_key *a, const struct token_key *b);
