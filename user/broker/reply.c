// SPDX-License-Identifier: Apache-2.0
#include "broker/reply.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/utf8.h"

#define LETTERS	   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define CLEAN	   LETTERS "0123456789-._~+/="
#define REST_BYTES 1024 /* of a reply, without token and audience */

static bool is_clean(const char *s)
{
	return *s && !s[strspn(s, CLEAN)];
}

bool broker_token_is_clean(const struct broker_token *t)
{
	return is_clean(t->token) && is_clean(t->type) &&
	       (!*t->client_id || is_clean(t->client_id));
}

static int put_imds(struct buf *out, const char *audience, const struct broker_token *t,
		    int64_t now)
{
	int64_t left = t->expires > now ? t->expires - now : 0;

	return buf_printf(out,
			  "{\"access_token\":\"%s\",\"client_id\":\"%s\",\"expires_in\":\"%" PRId64
			  "\",\"expires_on\":\"%" PRId64 "\",\"ext_expires_in\":\"%" PRId64
			  "\",\"not_before\":\"%" PRId64 "\",\"refresh_token\":\"\","
			  "\"resource\":\"%s\",\"token_type\":\"%s\"}",
			  t->token, t->client_id, left, t->expires, left,
			  t->not_before ? t->not_before : now, audience, t->type);
}

int broker_reply_token(struct buf *out, enum broker_shape shape, const char *audience,
		       const struct broker_token *t, int64_t now)
{
	/* at once: a buffer that grows leaves copies behind */
	if (buf_reserve(out, strlen(t->token) + strlen(audience) + REST_BYTES) < 0)
		return -ENOMEM;
	if (shape == BROKER_SHAPE_IMDS)
		return put_imds(out, audience, t, now);
	return buf_printf(out,
			  "{\"access_token\":\"%s\",\"client_id\":\"%s\",\"expires_on\":\"%" PRId64
			  "\",\"resource\":\"%s\",\"token_type\":\"%s\"}",
			  t->token, t->client_id, t->expires, audience, t->type);
}

int broker_reply_error(struct buf *out, enum broker_shape shape, int status, const char *error,
		       const char *text)
{
	json_t *clean = utf8_json(text, strlen(text)), *o;
	char *dump;
	int r;

	if (shape == BROKER_SHAPE_IMDS)
		o = json_pack("{s:s, s:o}", "error", error, "error_description", clean);
	else
		o = json_pack("{s:i, s:o}", "statusCode", status, "message", clean);
	dump = o ? json_dumps(o, JSON_COMPACT) : NULL;
	r = dump ? buf_puts(out, dump) : -ENOMEM;
	free(dump);
	json_decref(o);
	return r;
}
