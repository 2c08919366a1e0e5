/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.1 messages as text (RFC 9112): heads, chunked bodies, targets. Pure: bytes in, structs
 * out, nothing is read or written. Both sides use it, the server in httpd.c and control/client.c.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_HEAD_MAX	 16384 /* request or status line and all fields */
#define HTTP_FIELDS_MAX	 64
#define HTTP_QUERIES_MAX 160 /* a name's 100 addresses and its chain */

struct http_field {
	const char *name, *value; /* NUL-terminated, inside the head's own text */
};

struct http_head {
	char text[HTTP_HEAD_MAX + 1]; /* copy, cut into strings */
	const char *method;	      /* requests */
	char *path;		      /* requests: decoded, without the query */
	bool plain;		      /* the path stood in the request just like this, alone */
	int status;		      /* replies */
	int minor;		      /* HTTP/1.minor */
	struct http_field fields[HTTP_FIELDS_MAX];
	size_t n_fields;
	struct http_field queries[HTTP_QUERIES_MAX]; /* requests: decoded, in order */
	size_t n_queries;
	bool has_length, chunked, keep_alive, expect_continue;
	uint64_t length; /* of the body; 0 unless has_length */
};

/**
 * http_head_end() - Where a head ends
 *
 * Return: bytes of the head, its empty line included; 0 when it is not complete yet.
 */
size_t http_head_end(const char *data, size_t len);

/**
 * http_parse_request() - Parse the head of a request
 * @data:	@len bytes, as http_head_end() found them
 * @ret:	overwritten
 *
 * Refuses what two readers could understand differently: obsolete line folding, space before a
 * colon, several or malformed Content-Length, Content-Length together with Transfer-Encoding,
 * control characters, bare CR, a method or target outside the grammar.
 * Return: 0, or -EBADMSG (400), -E2BIG (431), -EOPNOTSUPP (501: coding), -EPROTONOSUPPORT (505).
 */
int http_parse_request(const char *data, size_t len, struct http_head *ret);

/* The same for the head of a reply. */
int http_parse_reply(const char *data, size_t len, struct http_head *ret);

/* Value of a field, name without regard to case; NULL when absent. */
const char *http_field(const struct http_head *h, const char *name);
/* How many fields have that name. */
size_t http_field_count(const struct http_head *h, const char *name);

/* A chunked body being read. All zero at the start. */
struct http_chunks {
	uint64_t left; /* of the chunk being read */
	int state;
	unsigned int digits, line; /* of the size; bytes of the line being read */
};

/**
 * http_chunks_feed() - Decode a piece of a chunked body
 * @data:	@len bytes; decoded bytes are moved to its front
 * @ret_used:	bytes of @data that were consumed (encoded)
 * @ret_out:	bytes at the front of @data that are body now
 *
 * Return: 1 at the end of the body, 0 when more is needed, -EBADMSG.
 */
int http_chunks_feed(struct http_chunks *c, char *data, size_t len, size_t *ret_used,
		     size_t *ret_out);

/* Reason phrase of a status; "Unknown" for others. */
const char *http_phrase(int status);

/* Append @value percent-encoded to the NUL-terminated text in @out of @size bytes; -E2BIG. */
int http_encode(char *out, size_t size, const char *value);
