// SPDX-License-Identifier: Apache-2.0
#include "token/token.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "crypto/secret.h"
#include "token/reply.h"

struct token *token_new(enum token_source source, struct token_reply *reply, int64_t now)
{
	struct token *k = calloc(1, sizeof(*k));

	if (!k) {
		secret_free(reply->token);
		return NULL;
	}
	k->refs = 1;
	k->text = take_ptr(reply->token);
	memcpy(k->type, reply->type, sizeof(k->type));
	k->source = source;
	k->expires = reply->expires;
	k->not_before = reply->not_before ? reply->not_before : now;
	memcpy(k->client_id, reply->client_id, sizeof(k->client_id));
	memcpy(k->object_id, reply->object_id, sizeof(k->object_id));
	memcpy(k->resource_id, reply->resource_id, sizeof(k->resource_id));
	return k;
}

struct token *token_ref(struct token *t)
{
	t->refs++;
	return t;
}

void token_unref(struct token *t)
{
	if (!t || --t->refs)
		return;
	secret_free(t->text);
	free(t);
}

bool token_is_good(const struct token *t, int64_t now)
{
	int64_t life = t->expires - t->not_before;
	int64_t margin = life > 2 * TOKEN_MARGIN_S ? TOKEN_MARGIN_S : life / 4;

	return t->expires - now > margin;
}

static bool asks_entra(enum token_source s)
{
	return s == TOKEN_SOURCE_WORKLOAD || s == TOKEN_SOURCE_CERTIFICATE ||
	       s == TOKEN_SOURCE_ENVIRONMENT;
}

bool token_key_make(const struct token_site *s, const struct tokens_want *w, struct token_key *ret)
{
	const char *tenant = *w->tenant_id ? w->tenant_id : s->tenant_id;
	const char *selected = w->selected;

	memset(ret, 0, sizeof(*ret));
	ret->source = w->subject ? TOKEN_SOURCE_WORKLOAD : s->source;
	ret->selector = w->selector;
	ret->subject = w->subject;
	if (ret->selector == WORKER_SELECT_NONE && *s->client_id) {
		ret->selector = WORKER_SELECT_CLIENT;
		selected = s->client_id;
	}
	if (strlen(selected) >= sizeof(ret->selected) || strlen(tenant) >= sizeof(ret->tenant_id) ||
	    strlen(w->audience) >= sizeof(ret->audience) || !*w->audience)
		return false;
	if (ret->selector != WORKER_SELECT_NONE)
		strcpy(ret->selected, selected);
	if (asks_entra(ret->source))
		strcpy(ret->tenant_id, tenant);
	strcpy(ret->audience, w->audience);
	return true;
}

bool token_key_same(const struct token_key *a, const struct token_key *b)
{
	return a->source == b->source && a->selector == b->selector && a->subject == b->subject &&
	       !strcmp(a->audience, b->audience) && !strcasecmp(a->selected, b->selected) &&
	       !strcasecmp(a->tenant_id, b->tenant_id);
}
