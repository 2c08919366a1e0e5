/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What sources of tokens answer, read. Pure: bytes in, structs out. Each host writes the same facts
 * in its own way (numbers as strings, four forms of a time); here they become one.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct secret;

#define TOKEN_REPLY_MAX (64 * 1024)
#define TOKEN_TEXT_MAX	(32 * 1024) /* octets of a token: the broker puts it into a reply */
#define TOKEN_LIFE_MAX	(10LL * 365 * 86400)

struct token_reply {
	struct secret *token; /* the caller's */
	char type[16];	      /* "Bearer", as the reply says */
	int64_t expires;      /* Unix time */
	int64_t not_before;   /* 0 = not said */
	int64_t refresh;      /* Unix time, from refresh_in; 0 = not said */
	char client_id[37], object_id[37], resource_id[256]; /* as the reply says, "" = not said */
};

/**
 * token_reply_read() - The body of a 200
 * @now:	Unix time: what durations count from
 *
 * A time that has passed, or is ten years off, makes the reply invalid, as does neither of
 * expires_on and expires_in. Return: 0, -EBADMSG (@ret_why: a static sentence), -ENOMEM.
 */
int token_reply_read(const char *data, size_t len, int64_t now, struct token_reply *ret,
		     const char **ret_why);

/* What the body of any other status says, for people: never any octet of a secret. */
struct token_refusal {
	char error[64]; /* "invalid_client"; letters, digits and "_.-" alone */
	char text[200]; /* its first line, printable */
	long aadsts;	/* 700024; 0 = none */
};
void token_refusal_read(const char *data, size_t len, struct token_refusal *ret);

/* A point in time in any of the forms that hosts use for expires_on. 0 or -EBADMSG. */
int token_time_read(const char *text, int64_t *ret);

/* Who a token is for, by its own claims (JWT, RFC 7519); not verified: that is its audience's. */
struct token_claims {
	char client_id[37];    /* appid, or azp */
	char object_id[37];    /* oid */
	char resource_id[256]; /* xms_mirid */
	int64_t expires;       /* exp; 0 = not said */
};

/* 0, or -EBADMSG: it is not a JWT that one can look into. */
int token_claims_read(const char *token, size_t len, struct token_claims *ret);

/**
 * token_challenge_read() - "Basic realm=PATH" of a WWW-Authenticate field
 * @path:	gets the path, unquoted
 *
 * Return: 0, -EBADMSG, or -ENOBUFS.
 */
int token_challenge_read(const char *field, char *path, size_t size);
