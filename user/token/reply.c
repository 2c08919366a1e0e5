// SPDX-License-Identifier: Apache-2.0
#include "token/reply.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/utf8.h"
#include "crypto/b64.h"
#include "crypto/secret.h"

#define TOKEN_LETTERS                                                    \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789" \
	"-._~+/="

/* jansson's recursion is bounded by itself (2048); a reply has one level. */
static json_t *load_object(const char *data, size_t len)
{
	json_t *o = json_loadb(data, len, JSON_REJECT_DUPLICATES, NULL);

	if (o && !json_is_object(o)) {
		json_decref(o);
		return NULL;
	}
	return o;
}

static const char *text_of(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s ? s : "";
}

/* Longer than its place: as if it were not said, rather than another one. */
static void copy_text(char *to, size_t size, const char *from)
{
	size_t len = strlen(from);

	to[0] = '\0';
	if (len < size)
		memcpy(to, from, len + 1);
}

static bool digits_only(const char *s)
{
	return *s && !s[strspn(s, "0123456789")] && strlen(s) <= 18;
}

/* A number of seconds: a JSON number or a string of digits. 0, -ENOENT, -EBADMSG. */
static int seconds_of(const json_t *o, const char *name, int64_t *ret)
{
	const json_t *v = json_object_get(o, name);

	if (!v || json_is_null(v) || (json_is_string(v) && !*json_string_value(v)))
		return -ENOENT;
	if (json_is_integer(v)) {
		*ret = json_integer_value(v);
	} else if (json_is_real(v)) {
		if (!(json_real_value(v) >= 0 && json_real_value(v) < 1e15))
			return -EBADMSG;
		*ret = (int64_t)json_real_value(v);
	} else if (json_is_string(v) && digits_only(json_string_value(v))) {
		*ret = strtoll(json_string_value(v), NULL, 10);
	} else {
		return -EBADMSG;
	}
	return *ret < 0 ? -EBADMSG : 0;
}

static int time_of(const json_t *o, const char *name, int64_t *ret)
{
	const json_t *v = json_object_get(o, name);
	int r = seconds_of(o, name, ret);

	return r == -EBADMSG && json_is_string(v) ? token_time_read(json_string_value(v), ret) : r;
}

/* expires_on, else expires_in. */
static int read_expiry(const json_t *o, int64_t now, int64_t *ret)
{
	int64_t in;
	int r = time_of(o, "expires_on", ret);

	if (r != -ENOENT)
		return r;
	r = seconds_of(o, "expires_in", &in);
	if (r < 0 || in > TOKEN_LIFE_MAX)
		return -EBADMSG;
	*ret = now + in;
	return 0;
}

static const char *wrong(const json_t *o, int64_t now, struct token_reply *t)
{
	const char *token = text_of(o, "access_token"), *type = text_of(o, "token_type");
	int64_t in;

	if (!*token)
		return "the reply has no access_token";
	if (token[strspn(token, TOKEN_LETTERS)] || strlen(token) > TOKEN_TEXT_MAX)
		return "the access_token has characters that no token has, or too many";
	if (!*type || strlen(type) >= sizeof(t->type) ||
	    type[strspn(type, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")])
		return "the reply has no token_type";
	copy_text(t->type, sizeof(t->type), type);
	if (read_expiry(o, now, &t->expires) < 0)
		return "the reply does not say when the token expires";
	if (t->expires <= now || t->expires - now > TOKEN_LIFE_MAX)
		return "the token has expired, or never will";
	if (time_of(o, "not_before", &t->not_before) < 0)
		t->not_before = 0;
	if (seconds_of(o, "refresh_in", &in) == 0 && in < t->expires - now)
		t->refresh = now + in;
	copy_text(t->client_id, sizeof(t->client_id), text_of(o, "client_id"));
	copy_text(t->object_id, sizeof(t->object_id), text_of(o, "object_id"));
	copy_text(t->resource_id, sizeof(t->resource_id), text_of(o, "msi_res_id"));
	return NULL;
}

int token_reply_read(const char *data, size_t len, int64_t now, struct token_reply *ret,
		     const char **ret_why)
{
	json_t *o = len <= TOKEN_REPLY_MAX ? load_object(data, len) : NULL;
	struct token_reply t = { 0 };
	const char *why = o ? wrong(o, now, &t) : "the reply is not a JSON object";
	int r = -EBADMSG;

	if (!why) {
		const json_t *token = json_object_get(o, "access_token");

		r = secret_new(json_string_value(token), json_string_length(token), &t.token);
	}
	if (r == 0)
		*ret = t;
	else if (why)
		*ret_why = why;
	json_decref(o);
	return r;
}

static void copy_line(char *to, size_t size, const char *from)
{
	size_t n = 0;

	while (*from && *from != '\r' && *from != '\n' && n + 1 < size) {
		size_t len = utf8_len(from, strlen(from));

		if (n + len >= size)
			break;
		for (size_t i = 0; i < len; i++)
			to[n++] = (unsigned char)from[i] < 0x20 || from[i] == 0x7f ? '?' : from[i];
		from += len;
	}
	to[n] = '\0';
}

static long aadsts_of(const json_t *o, const char *text)
{
	const json_t *codes = json_object_get(o, "error_codes");
	const char *at = strstr(text, "AADSTS");

	if (json_is_integer(json_array_get(codes, 0)))
		return (long)json_integer_value(json_array_get(codes, 0));
	return at ? strtol(at + strlen("AADSTS"), NULL, 10) : 0;
}

/* {"error":"…","error_description":"…"}, {"error":{"code","message"}}, {"statusCode","message"} */
void token_refusal_read(const char *data, size_t len, struct token_refusal *ret)
{
	json_t *o = len <= TOKEN_REPLY_MAX ? load_object(data, len) : NULL;
	const json_t *inner = json_object_get(o, "error");
	const char *error, *text;

	*ret = (struct token_refusal){ 0 };
	if (!o)
		return;
	error = json_is_object(inner) ? text_of(inner, "code") : text_of(o, "error");
	text = json_is_object(inner) ? text_of(inner, "message") : text_of(o, "error_description");
	if (!*text)
		text = text_of(o, "message");
	if (!error[strspn(error, TOKEN_LETTERS)])
		copy_text(ret->error, sizeof(ret->error), error);
	copy_line(ret->text, sizeof(ret->text), text);
	ret->aadsts = aadsts_of(o, text);
	json_decref(o);
}

int token_claims_read(const char *token, size_t len, struct token_claims *ret)
{
	const char *first = memchr(token, '.', len), *second;
	_cleanup_secret_ struct secret *text = NULL;
	const char *azp;
	json_t *o;
	int n;

	if (!first || len > TOKEN_TEXT_MAX)
		return -EBADMSG;
	second = memchr(first + 1, '.', len - (size_t)(first + 1 - token));
	if (!second || memchr(second + 1, '.', len - (size_t)(second + 1 - token)))
		return -EBADMSG; /* five parts: encrypted for its audience */
	if (secret_alloc(len, &text) < 0)
		return -ENOMEM;
	n = b64_decode(first + 1, (size_t)(second - first - 1), secret_bytes(text), len);
	o = n < 0 ? NULL : load_object(secret_bytes(text), (size_t)n);
	if (!o)
		return -EBADMSG;
	*ret = (struct token_claims){ 0 };
	azp = *text_of(o, "appid") ? text_of(o, "appid") : text_of(o, "azp");
	copy_text(ret->client_id, sizeof(ret->client_id), azp);
	copy_text(ret->object_id, sizeof(ret->object_id), text_of(o, "oid"));
	copy_text(ret->resource_id, sizeof(ret->resource_id), text_of(o, "xms_mirid"));
	if (seconds_of(o, "exp", &ret->expires) < 0)
		ret->expires = 0;
	json_decref(o);
	return 0;
}

int token_challenge_read(const char *field, char *path, size_t size)
{
	static const char start[] = "Basic realm=";
	size_t len;

	if (strncasecmp(field, start, strlen(start)) != 0)
		return -EBADMSG;
	field += strlen(start);
	len = strlen(field);
	if (*field == '"') {
		field++;
		len = len >= 2 && field[len - 2] == '"' ? len - 2 : 0;
	}
	if (!len || memchr(field, '"', len) || memchr(field, ',', len))
		return -EBADMSG;
	if (len >= size)
		return -ENOBUFS;
	memcpy(path, field, len);
	path[len] = '\0';
	return 0;
}
