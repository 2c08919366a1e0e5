// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation: a head is copied and cut into strings in place, line by line; only CRLF
 * ends a line. Every byte is checked where it stands, so that nothing that is let through can be
 * read in two ways. Chunked bodies are decoded by a state machine that holds no bytes of its own.
 */
#include "net/http.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
	CHUNK_SIZE,
	CHUNK_EXTENSION,
	CHUNK_SIZE_LF,
	CHUNK_DATA,
	CHUNK_DATA_CR,
	CHUNK_DATA_LF,
	CHUNK_TRAILER,
	CHUNK_TRAILER_LF,
	CHUNK_END
};

#define CHUNK_DIGITS_MAX 15
#define CHUNK_LINE_MAX	 HTTP_HEAD_MAX

size_t http_head_end(const char *data, size_t len)
{
	const char *at = data;

	/* an empty line that a bare LF made ends the wait too; parsing then refuses the head */
	while ((at = memchr(at, '\n', len - (size_t)(at - data)))) {
		size_t n = (size_t)(++at - data);

		if (n < len && *at == '\n')
			return n + 1;
		if (n + 1 < len && at[0] == '\r' && at[1] == '\n')
			return n + 2;
	}
	return 0;
}

static bool is_token(const char *s)
{
	static const char others[] = "!#$%&'*+-.^_`|~";

	if (!*s)
		return false;
	for (; *s; s++)
		if (!((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') ||
		      (*s >= '0' && *s <= '9') || strchr(others, *s)))
			return false;
	return true;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Percent-decoding in place; '+' is a space in queries. */
static int decode(char *s, bool query)
{
	char *out = s;

	for (; *s; s++) {
		int c = (unsigned char)*s;

		if (c == '%') {
			int hi = hex(s[1]), lo = hi < 0 ? -1 : hex(s[2]);

			if (lo < 0 || !(c = hi << 4 | lo))
				return -EBADMSG;
			s += 2;
		} else if (c == '+' && query) {
			c = ' ';
		}
		*out++ = (char)c;
	}
	*out = '\0';
	return 0;
}

static int parse_queries(char *text, struct http_head *h)
{
	char *part;

	while ((part = strsep(&text, "&"))) {
		char *value = part;

		if (!*part)
			continue;
		if (h->n_queries == HTTP_QUERIES_MAX)
			return -E2BIG;
		part = strsep(&value, "=");
		if (!value)
			value = part + strlen(part);
		if (decode(part, true) < 0 || decode(value, true) < 0)
			return -EBADMSG;
		h->queries[h->n_queries++] = (struct http_field){ part, value };
	}
	return 0;
}

/* Origin form, or absolute form of which the authority is dropped (RFC 9112 3.2). */
static int parse_target(char *target, struct http_head *h)
{
	char *query;

	h->plain = *target == '/';
	if (!strncasecmp(target, "http://", 7)) {
		target = strpbrk(target + 7, "/?");
		if (!target)
			return -EBADMSG;
	}
	if (*target != '/')
		return -EBADMSG;
	for (const unsigned char *s = (const unsigned char *)target; *s; s++)
		if (*s <= 0x20 || *s >= 0x7f || *s == '#')
			return -EBADMSG;
	h->path = target;
	query = strchr(target, '?');
	if (query)
		*query++ = '\0';
	h->plain = h->plain && !strchr(h->path, '%');
	if (decode(h->path, false) < 0)
		return -EBADMSG;
	return query ? parse_queries(query, h) : 0;
}

static int parse_version(const char *text, struct http_head *h)
{
	if (strncmp(text, "HTTP/", 5) || text[5] < '0' || text[5] > '9' || text[6] != '.' ||
	    text[7] < '0' || text[7] > '9')
		return -EBADMSG;
	if (text[5] != '1')
		return -EPROTONOSUPPORT;
	h->minor = text[7] == '0' ? 0 : 1;
	h->keep_alive = h->minor == 1;
	return 0;
}

static int parse_request_line(char *line, struct http_head *h)
{
	char *target, *version;
	int r;

	h->method = strsep(&line, " ");
	target = strsep(&line, " ");
	version = line;
	if (!target || !version || strlen(version) != 8 || !is_token(h->method))
		return -EBADMSG;
	r = parse_version(version, h);
	return r < 0 ? r : parse_target(target, h);
}

static int parse_status_line(char *line, struct http_head *h)
{
	if (strlen(line) < 12 || line[8] != ' ' || (line[12] && line[12] != ' '))
		return -EBADMSG;
	for (int i = 9; i < 12; i++) {
		if (line[i] < '0' || line[i] > '9')
			return -EBADMSG;
		h->status = h->status * 10 + line[i] - '0';
	}
	return parse_version(line, h);
}

static int parse_field(char *line, struct http_head *h)
{
	char *value = line, *end;
	const char *name = strsep(&value, ":");

	if (!value || !is_token(name)) /* a folded line starts with a space: no token */
		return -EBADMSG;
	value += strspn(value, " \t");
	for (end = value + strlen(value); end > value && (end[-1] == ' ' || end[-1] == '\t');)
		*--end = '\0';
	for (const char *s = value; *s; s++)
		if (((unsigned char)*s < 0x20 && *s != '\t') || *s == 0x7f)
			return -EBADMSG;
	if (h->n_fields == HTTP_FIELDS_MAX)
		return -E2BIG;
	h->fields[h->n_fields++] = (struct http_field){ name, value };
	return 0;
}

static int set_length(const char *value, struct http_head *h)
{
	size_t n = strspn(value, "0123456789");

	if (h->has_length || !n || n > 18 || value[n])
		return -EBADMSG;
	h->has_length = true;
	for (size_t i = 0; i < n; i++)
		h->length = h->length * 10 + (uint64_t)(value[i] - '0');
	return 0;
}

static void set_connection(const char *value, struct http_head *h)
{
	while (*value) {
		size_t n = strcspn(value, ", \t");

		if (n == 5 && !strncasecmp(value, "close", n))
			h->keep_alive = false;
		else if (n == 10 && !strncasecmp(value, "keep-alive", n) && h->minor == 0)
			h->keep_alive = true;
		value += n;
		value += strspn(value, ", \t");
	}
}

/* The fields that say how the message goes on. */
static int parse_framing(struct http_head *h)
{
	size_t hosts = 0;

	for (size_t i = 0; i < h->n_fields; i++) {
		const struct http_field *f = &h->fields[i];

		if (!strcasecmp(f->name, "content-length")) {
			if (set_length(f->value, h) < 0)
				return -EBADMSG;
		} else if (!strcasecmp(f->name, "transfer-encoding")) {
			if (h->chunked || !h->minor)
				return -EBADMSG;
			if (strcasecmp(f->value, "chunked"))
				return -EOPNOTSUPP;
			h->chunked = true;
		} else if (!strcasecmp(f->name, "connection")) {
			set_connection(f->value, h);
		} else if (!strcasecmp(f->name, "expect")) {
			h->expect_continue = !strcasecmp(f->value, "100-continue") && h->minor;
		} else if (!strcasecmp(f->name, "host")) {
			hosts++;
		}
	}
	if (h->chunked && h->has_length)
		return -EBADMSG;
	return h->method && (hosts > 1 || (h->minor && !hosts)) ? -EBADMSG : 0;
}

/* Cuts the line at @*at and moves on to the next; NULL unless CRLF ends it. */
static char *next_line(char **at)
{
	char *line = *at, *end = strchr(line, '\n');

	if (!end || end == line || end[-1] != '\r')
		return NULL;
	end[-1] = '\0';
	*at = end + 1;
	return strchr(line, '\r') ? NULL : line;
}

static int parse(const char *data, size_t len, int (*first)(char *line, struct http_head *h),
		 struct http_head *h)
{
	char *at, *line;
	int r;

	*h = (struct http_head){};
	if (len > HTTP_HEAD_MAX)
		return -E2BIG;
	if (memchr(data, '\0', len))
		return -EBADMSG;
	memcpy(h->text, data, len);
	at = h->text;
	line = next_line(&at);
	if (!line)
		return -EBADMSG;
	r = first(line, h);
	while (r == 0) {
		line = next_line(&at);
		if (!line)
			return -EBADMSG;
		if (!*line)
			return *at ? -EBADMSG : parse_framing(h);
		r = parse_field(line, h);
	}
	return r;
}

int http_parse_request(const char *data, size_t len, struct http_head *ret)
{
	return parse(data, len, parse_request_line, ret);
}

int http_parse_reply(const char *data, size_t len, struct http_head *ret)
{
	return parse(data, len, parse_status_line, ret);
}

const char *http_field(const struct http_head *h, const char *name)
{
	for (size_t i = 0; i < h->n_fields; i++)
		if (!strcasecmp(h->fields[i].name, name))
			return h->fields[i].value;
	return NULL;
}

size_t http_field_count(const struct http_head *h, const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < h->n_fields; i++)
		n += !strcasecmp(h->fields[i].name, name);
	return n;
}

/* A byte of a size line: hex digits, then perhaps an extension, which is skipped. */
static int chunk_size(struct http_chunks *c, char byte)
{
	int digit = hex(byte);

	if (c->state == CHUNK_SIZE && digit >= 0) {
		if (++c->digits > CHUNK_DIGITS_MAX)
			return -EBADMSG;
		c->left = c->left << 4 | (uint64_t)digit;
		return 0;
	}
	if (!c->digits || ++c->line > CHUNK_LINE_MAX)
		return -EBADMSG;
	if (byte == '\r') {
		c->state = CHUNK_SIZE_LF;
	} else if (c->state == CHUNK_SIZE && byte != ';' && byte != ' ' && byte != '\t') {
		return -EBADMSG;
	} else if (byte == '\n') {
		return -EBADMSG;
	} else {
		c->state = CHUNK_EXTENSION;
	}
	return 0;
}

/* A byte of the trailer, which is skipped; `digits` counts those of the line. */
static int chunk_trailer(struct http_chunks *c, char byte)
{
	if (++c->line > CHUNK_LINE_MAX || (byte == '\n' && c->state == CHUNK_TRAILER))
		return -EBADMSG;
	if (c->state == CHUNK_TRAILER_LF) {
		if (byte != '\n')
			return -EBADMSG;
		c->state = c->digits ? CHUNK_TRAILER : CHUNK_END;
		c->digits = 0;
	} else if (byte == '\r') {
		c->state = CHUNK_TRAILER_LF;
	} else {
		c->digits++;
	}
	return 0;
}

static int chunk_byte(struct http_chunks *c, char byte)
{
	switch (c->state) {
	case CHUNK_SIZE:
	case CHUNK_EXTENSION:
		return chunk_size(c, byte);
	case CHUNK_SIZE_LF:
		if (byte != '\n')
			return -EBADMSG;
		c->state = c->left ? CHUNK_DATA : CHUNK_TRAILER;
		c->digits = c->line = 0;
		return 0;
	case CHUNK_DATA_CR:
		c->state = CHUNK_DATA_LF;
		return byte == '\r' ? 0 : -EBADMSG;
	case CHUNK_DATA_LF:
		c->state = CHUNK_SIZE;
		return byte == '\n' ? 0 : -EBADMSG;
	default:
		return chunk_trailer(c, byte);
	}
}

int http_chunks_feed(struct http_chunks *c, char *data, size_t len, size_t *ret_used,
		     size_t *ret_out)
{
	size_t in = 0, out = 0;

	while (in < len && c->state != CHUNK_END) {
		if (c->state == CHUNK_DATA) {
			size_t n = len - in < c->left ? len - in : (size_t)c->left;

			memmove(data + out, data + in, n);
			in += n;
			out += n;
			c->left -= n;
			if (!c->left)
				c->state = CHUNK_DATA_CR;
		} else if (chunk_byte(c, data[in++]) < 0) {
			return -EBADMSG;
		}
	}
	*ret_used = in;
	*ret_out = out;
	return c->state == CHUNK_END;
}

const char *http_phrase(int status)
{
	static const struct {
		int status;
		const char *phrase;
	} table[] = {
		{ 200, "OK" },
		{ 400, "Bad Request" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 408, "Request Timeout" },
		{ 409, "Conflict" },
		{ 413, "Content Too Large" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 503, "Service Unavailable" },
		{ 505, "HTTP Version Not Supported" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].status == status)
			return table[i].phrase;
	return "Unknown";
}

int http_encode(char *out, size_t size, const char *value)
{
	size_t at = strlen(out);

	for (; *value; value++) {
		bool plain = (*value >= 'a' && *value <= 'z') || (*value >= 'A' && *value <= 'Z') ||
			     (*value >= '0' && *value <= '9') || strchr("-._~/:", *value);

		if (at + (plain ? 1 : 3) >= size)
			return -E2BIG;
		if (plain)
			out[at++] = *value;
		else
			at += (size_t)snprintf(out + at, 4, "%%%02X", (unsigned char)*value);
		out[at] = '\0';
	}
	return 0;
}
