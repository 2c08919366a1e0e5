/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of the broker's replies, as Azure's SDKs read them. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "broker/request.h"

struct buf;

struct broker_token {
	const char *token;		     /* base64url and dots */
	const char *type;		     /* "Bearer"; letters */
	const char *client_id;		     /* "" = not known, as the two below with NULL */
	const char *object_id, *resource_id; /* in the token */
	const char *source;		     /* a fixed word: where it is from */
	int64_t expires, not_before;	     /* Unix time; not_before 0 = not known */
	bool cached;
};

/* Characters that a token, its type and a client id may have: they stand in JSON as they are. */
bool broker_token_is_clean(const struct broker_token *t);

/*
 * 200: all values are strings, as IMDS and App Service send them. The text holds a secret: the
 * caller wipes it. 0 or -ENOMEM.
 */
int broker_reply_token(struct buf *out, enum broker_shape shape, const char *audience,
		       const struct broker_token *t, int64_t now);

/* {"error","error_description"}, or {"statusCode","message"}. 0 or -ENOMEM. */
int broker_reply_error(struct buf *out, enum broker_shape shape, int status, const char *error,
		       const char *text);
