// SPDX-License-Identifier: Apache-2.0
/*
 * The reader of RFC 8259 text behind tree_load(). What breaks the structure ends the reading with
 * one error. What does not (an invalid byte inside a string, a name that stands twice) is reported
 * and the reading goes on, so that the other errors of the document are told as well.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "base/json.h"
#include "base/tree_internal.h"
#include "base/utf8.h"

#define FEW_MEMBERS 12 /* up to here comparing each with each is cheaper than sorting */

struct reader {
	struct tree *t;
	struct diag_list *errors;
	size_t at;
	unsigned depth, max_depth;
};

static int read_value(struct reader *rd, uint32_t parent, uint32_t ordinal, const char *key,
		      size_t key_at);

/* An error that ends the reading. */
__attribute__((format(printf, 3, 4))) static int broken(struct reader *rd, size_t at,
							const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	tree_say(rd->t, rd->errors, (uint32_t)at, NULL, fmt, args);
	va_end(args);
	return rd->t->failed ? -ENOMEM : -EINVAL;
}

/* An error inside a string of @node; the reading goes on. */
__attribute__((format(printf, 4, 5))) static void flawed(struct reader *rd, uint32_t node,
							 size_t at, const char *fmt, ...)
{
	va_list args;

	rd->t->nodes[node].bad = true;
	va_start(args, fmt);
	tree_say(rd->t, rd->errors, (uint32_t)at, &rd->t->nodes[node], fmt, args);
	va_end(args);
}

static int unexpected(struct reader *rd, const char *wanted)
{
	unsigned char c;

	if (rd->at >= rd->t->len)
		return broken(rd, rd->at, "expected %s, but the text ends here", wanted);
	c = (unsigned char)rd->t->text[rd->at];
	if (c <= 0x20 || c >= 0x7f)
		return broken(rd, rd->at, "expected %s, not the byte 0x%02x", wanted, c);
	return broken(rd, rd->at, "expected %s, not '%c'", wanted, c);
}

/* The byte at @at, or -1 at the end. */
static int peek(const struct reader *rd, size_t at)
{
	return at < rd->t->len ? (unsigned char)rd->t->text[at] : -1;
}

static void skip_space(struct reader *rd)
{
	int c;

	while ((c = peek(rd, rd->at)) == ' ' || c == '\t' || c == '\n' || c == '\r')
		rd->at++;
}

static bool is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static void put_utf8(struct tree *t, uint32_t c)
{
	unsigned char *at = (unsigned char *)t->arena + t->used;

	if (c < 0x80) {
		*at++ = (unsigned char)c;
	} else if (c < 0x800) {
		*at++ = (unsigned char)(0xc0 | c >> 6);
		*at++ = (unsigned char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		*at++ = (unsigned char)(0xe0 | c >> 12);
		*at++ = (unsigned char)(0x80 | (c >> 6 & 0x3f));
		*at++ = (unsigned char)(0x80 | (c & 0x3f));
	} else {
		*at++ = (unsigned char)(0xf0 | c >> 18);
		*at++ = (unsigned char)(0x80 | (c >> 12 & 0x3f));
		*at++ = (unsigned char)(0x80 | (c >> 6 & 0x3f));
		*at++ = (unsigned char)(0x80 | (c & 0x3f));
	}
	t->used = (size_t)((char *)at - t->arena);
}

/* Four hexadecimal digits behind "\u" at @at, or -1. */
static int32_t hex4(const struct reader *rd, size_t at)
{
	int32_t v = 0;

	for (size_t i = at + 2; i < at + 6; i++) {
		int c = peek(rd, i);

		if (is_digit(c))
			v = v << 4 | (c - '0');
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			v = v << 4 | ((c | 0x20) - 'a' + 10);
		else
			return -1;
	}
	return v;
}

static bool is_escape(const struct reader *rd, size_t at)
{
	return peek(rd, at) == '\\' && peek(rd, at + 1) == 'u';
}

/* "\uXXXX", or two of them that form one character. Returns the number of bytes read. */
static size_t read_unicode(struct reader *rd, uint32_t node)
{
	int32_t c = hex4(rd, rd->at), low;

	if (c < 0) {
		flawed(rd, node, rd->at, "\\u needs four hexadecimal digits");
		return 2;
	}
	if (c == 0) {
		flawed(rd, node, rd->at, "a string must not contain NUL");
		return 6;
	}
	if (c < 0xd800 || c > 0xdfff) {
		put_utf8(rd->t, (uint32_t)c);
		return 6;
	}
	low = is_escape(rd, rd->at + 6) ? hex4(rd, rd->at + 6) : -1;
	if (c > 0xdbff || low < 0xdc00 || low > 0xdfff) {
		flawed(rd, node, rd->at, "half of a surrogate pair");
		return 6;
	}
	put_utf8(rd->t, 0x10000 + ((uint32_t)(c - 0xd800) << 10) + (uint32_t)(low - 0xdc00));
	return 12;
}

static size_t read_escape(struct reader *rd, uint32_t node)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	int c = peek(rd, rd->at + 1);
	const char *found = c > 0 ? strchr(from, c) : NULL;

	if (c < 0 || c == '\n')
		return 1; /* the string ends here, unclosed */
	if (c == 'u')
		return read_unicode(rd, node);
	if (found)
		rd->t->arena[rd->t->used++] = to[found - from];
	else
		flawed(rd, node, rd->at, "unknown escape in a string");
	return 2;
}

/* One character of a string that is none of '"', '\\' and line break. */
static size_t read_char(struct reader *rd, uint32_t node, bool *told)
{
	const char *s = rd->t->text + rd->at;
	unsigned char c = (unsigned char)*s;
	size_t n = utf8_len(s, rd->t->len - rd->at);

	if (c >= 0x20 && n) {
		memcpy(rd->t->arena + rd->t->used, s, n);
		rd->t->used += n;
		return n;
	}
	if (!*told && c == 0)
		flawed(rd, node, rd->at, "a string must not contain NUL");
	else if (!*told && c < 0x20)
		flawed(rd, node, rd->at, "control character 0x%02x must be written as \\u00%02x", c,
		       c);
	else if (!*told)
		flawed(rd, node, rd->at, "invalid UTF-8 (byte 0x%02x)", c);
	*told = true; /* the rest of such a string says nothing new */
	return 1;
}

/* The string at rd->at, decoded into the arena. Flaws belong to @node. */
static int read_string(struct reader *rd, uint32_t node, const char **ret, uint32_t *ret_len)
{
	size_t start = rd->at++, used = rd->t->used;
	bool told = false;

	for (;;) {
		int c = peek(rd, rd->at);

		if (c < 0 || c == '\n')
			return broken(rd, start, "this string is not closed");
		if (c == '"')
			break;
		rd->at += c == '\\' ? read_escape(rd, node) : read_char(rd, node, &told);
	}
	rd->at++;
	*ret = rd->t->arena + used;
	*ret_len = (uint32_t)(rd->t->used - used);
	rd->t->arena[rd->t->used++] = '\0'; /* fits: the two quotes were not copied */
	return 0;
}

static int read_number(struct reader *rd, struct tree_node *node)
{
	size_t start = rd->at, first;
	bool integer = true;

	rd->at += peek(rd, rd->at) == '-';
	first = rd->at;
	while (is_digit(peek(rd, rd->at)))
		rd->at++;
	if (rd->at == first)
		return unexpected(rd, "a digit");
	if (rd->at - first > 1 && rd->t->text[first] == '0')
		return broken(rd, start, "a number must not start with 0");
	if (peek(rd, rd->at) == '.') {
		integer = false;
		if (!is_digit(peek(rd, ++rd->at)))
			return unexpected(rd, "a digit");
		while (is_digit(peek(rd, rd->at)))
			rd->at++;
	}
	if ((peek(rd, rd->at) | 0x20) == 'e') {
		integer = false;
		rd->at++;
		rd->at += peek(rd, rd->at) == '+' || peek(rd, rd->at) == '-';
		if (!is_digit(peek(rd, rd->at)))
			return unexpected(rd, "a digit");
		while (is_digit(peek(rd, rd->at)))
			rd->at++;
	}

	node->kind = TREE_REAL;
	if (integer && rd->at - first <= 16) { /* 2^53 has 16 digits */
		int64_t v = 0;

		for (size_t i = first; i < rd->at; i++)
			v = v * 10 + (rd->t->text[i] - '0');
		node->integer = first > start ? -v : v;
		if (v <= JSON_INT_MAX)
			node->kind = TREE_INTEGER;
	}
	return 0;
}

static int read_literal(struct reader *rd, struct tree_node *node)
{
	static const struct {
		const char *word;
		enum tree_kind kind;
	} words[] = { { "null", TREE_NULL }, { "false", TREE_FALSE }, { "true", TREE_TRUE } };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t len = strlen(words[i].word);

		if (rd->t->len - rd->at < len || memcmp(rd->t->text + rd->at, words[i].word, len))
			continue;
		node->kind = words[i].kind;
		rd->at += len;
		return 0;
	}
	return unexpected(rd, "a value");
}

static int by_key(const void *a, const void *b, void *tree)
{
	const struct tree_node *x = &((struct tree *)tree)->nodes[*(const uint32_t *)a];
	const struct tree_node *y = &((struct tree *)tree)->nodes[*(const uint32_t *)b];
	int r = strcmp(x->key, y->key);

	return r ? r : x->ordinal < y->ordinal ? -1 : 1;
}

static void mark_duplicate(struct reader *rd, struct tree_node *node)
{
	node->duplicate = true;
	tree_error_key(rd->t, node, rd->errors, "member \"%s\" stands here a second time",
		       node->key);
}

static int find_duplicates(struct reader *rd, uint32_t object)
{
	_cleanup_free_ uint32_t *v = NULL;
	struct tree_node *nodes = rd->t->nodes;
	uint32_t n = nodes[object].n, at = object + 1;

	if (n < 2)
		return 0;
	if (n <= FEW_MEMBERS) {
		for (uint32_t i = 0; i < n; i++, at = nodes[at].next)
			for (uint32_t j = object + 1; j < at; j = nodes[j].next)
				if (!nodes[at].duplicate && !strcmp(nodes[j].key, nodes[at].key))
					mark_duplicate(rd, &nodes[at]);
		return 0;
	}

	v = calloc(n, sizeof(*v));
	if (!v)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++, at = nodes[at].next)
		v[i] = at;
	qsort_r(v, n, sizeof(*v), by_key, rd->t);
	for (uint32_t i = 1; i < n; i++)
		if (!strcmp(nodes[v[i - 1]].key, nodes[v[i]].key))
			mark_duplicate(rd, &nodes[v[i]]);
	return 0;
}

/* A name and the value behind it; for arrays just the value. */
static int read_child(struct reader *rd, uint32_t parent, uint32_t ordinal, bool named)
{
	bool was_bad = rd->t->nodes[parent].bad, bad_key = false;
	uint32_t len, child;
	const char *key = NULL;
	size_t key_at = rd->at;
	int r;

	if (named) {
		if (peek(rd, rd->at) != '"')
			return unexpected(rd, "a name in quotes");
		r = read_string(rd, parent, &key, &len);
		if (r < 0)
			return r;
		bad_key = rd->t->nodes[parent].bad && !was_bad;
		rd->t->nodes[parent].bad = was_bad;
		skip_space(rd);
		if (peek(rd, rd->at) != ':')
			return unexpected(rd, "':'");
		rd->at++;
	}
	child = (uint32_t)rd->t->n_nodes;
	r = read_value(rd, parent, ordinal, key, key_at);
	if (r == 0 && bad_key) /* the member is at fault, not the object around it */
		rd->t->nodes[child].bad = true;
	return r;
}

static int read_children(struct reader *rd, uint32_t node, bool named)
{
	char end = named ? '}' : ']';
	uint32_t n = 0;
	int r;

	if (rd->depth++ >= rd->max_depth)
		return broken(rd, rd->at, "more than %u levels of arrays and objects",
			      rd->max_depth);
	rd->at++;
	skip_space(rd);
	while (peek(rd, rd->at) != end) {
		if (n && peek(rd, rd->at) != ',')
			return unexpected(rd, named ? "',' or '}'" : "',' or ']'");
		rd->at += n > 0;
		skip_space(rd);
		r = read_child(rd, node, n, named);
		if (r < 0)
			return r;
		n++;
		skip_space(rd);
	}
	rd->at++;
	rd->depth--;
	rd->t->nodes[node].n = n;
	rd->t->nodes[node].kind = named ? TREE_OBJECT : TREE_ARRAY;
	rd->t->nodes[node].next = (uint32_t)rd->t->n_nodes;
	return named ? find_duplicates(rd, node) : 0;
}

static int new_node(struct tree *t)
{
	if (t->n_nodes == t->room) {
		size_t room = t->room ? t->room * 2 : t->len / 32 + 16;
		struct tree_node *nodes = reallocarray(t->nodes, room, sizeof(*nodes));

		if (!nodes)
			return -ENOMEM;
		t->nodes = nodes;
		t->room = room;
	}
	t->nodes[t->n_nodes++] = (struct tree_node){};
	return 0;
}

static int read_value(struct reader *rd, uint32_t parent, uint32_t ordinal, const char *key,
		      size_t key_at)
{
	uint32_t i = (uint32_t)rd->t->n_nodes, len = 0;
	struct tree_node *node;
	const char *text;
	int c, r;

	skip_space(rd);
	c = peek(rd, rd->at);
	r = new_node(rd->t);
	if (r < 0)
		return r;
	node = &rd->t->nodes[i];
	*node = (struct tree_node){ .offset = (uint32_t)rd->at,
				    .key_at = (uint32_t)key_at,
				    .next = i + 1,
				    .parent = parent,
				    .ordinal = ordinal,
				    .key = key };
	if (c == '{' || c == '[')
		return read_children(rd, i, c == '{');
	if (c == '-' || is_digit(c))
		return read_number(rd, node);
	if (c != '"')
		return read_literal(rd, node);

	r = read_string(rd, i, &text, &len);
	if (r < 0)
		return r;
	node->kind = TREE_STRING;
	node->text = text;
	node->n = len;
	return 0;
}

static int read_document(struct reader *rd)
{
	int r;

	if (rd->t->len >= 3 && !memcmp(rd->t->text, "\xef\xbb\xbf", 3)) {
		(void)broken(rd, 0, "the text starts with a byte order mark");
		rd->at = 3; /* what follows can still be read */
	}
	skip_space(rd);
	if (rd->at >= rd->t->len)
		return broken(rd, rd->at, "the document is empty");
	r = read_value(rd, 0, 0, NULL, 0);
	if (r < 0)
		return r;
	skip_space(rd);
	if (rd->at < rd->t->len)
		(void)broken(rd, rd->at, "text after the end of the document");
	return rd->t->failed ? -ENOMEM : 0;
}

int tree_load(const char *text, size_t len, unsigned max_depth, struct diag_list *errors,
	      struct tree **ret)
{
	_cleanup_tree_ struct tree *t = calloc(1, sizeof(*t));
	struct reader rd = { .t = t, .errors = errors, .max_depth = max_depth };
	int r;

	if (!t)
		return -ENOMEM;
	if (len > INT32_MAX)
		return -EFBIG;
	t->text = text;
	t->len = len;
	t->arena = malloc(len + 1);
	if (!t->arena)
		return -ENOMEM;

	r = read_document(&rd);
	if (r < 0)
		return r;
	*ret = take_ptr(t);
	return 0;
}
