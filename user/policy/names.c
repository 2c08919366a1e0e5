// SPDX-License-Identifier: Apache-2.0
#include "policy/names.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

#define LABEL_MAX 63 /* RFC 1035 2.3.4 */

static bool is_wild(const char *pattern)
{
	return pattern[0] == '*' && pattern[1] == '.';
}

/* Length without the trailing dot. */
static size_t length(const char *text)
{
	size_t n = strlen(text);

	return n && text[n - 1] == '.' ? n - 1 : n;
}

static bool is_address(const char *text)
{
	char bare[NAME_TEXT_LEN]; /* "1.2.3.4." is no name either */
	unsigned char a[16];

	name_normalise(text, bare);
	return inet_pton(AF_INET, bare, a) == 1 || inet_pton(AF_INET6, bare, a) == 1 ||
	       *text == '[';
}

static const char *label_error(const char *s, size_t n)
{
	if (!n)
		return "has an empty label";
	if (n > LABEL_MAX)
		return "has a label of more than 63 octets";
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c == '*')
			return "has a '*' that is not \"*.\" in front";
		if (c >= 0x80)
			return "is not ASCII: write its A-label (xn--...)";
		if (!isalnum(c) && c != '-' && c != '_')
			return "has a character that is no letter, digit, '-' or '_'";
	}
	return NULL;
}

int name_pattern_check(const char *text, const char **ret_error)
{
	size_t n = length(text), labels = 0;
	const char *error = NULL;

	if (!n)
		error = "is empty";
	else if (is_address(text))
		error = "is an IP address, not a name";
	else if (n > NAME_LEN_MAX)
		error = "has more than 253 octets";

	for (size_t at = is_wild(text) ? 2 : 0; !error && at <= n; labels++) {
		const char *dot = memchr(text + at, '.', n - at);
		size_t len = dot ? (size_t)(dot - text) - at : n - at;

		error = label_error(text + at, len);
		at += len + 1;
	}
	if (!error && is_wild(text) && labels < 2)
		error = "needs at least two labels behind \"*.\"";
	if (error) {
		*ret_error = error;
		return -EINVAL;
	}
	return 0;
}

void name_normalise(const char *text, char ret[NAME_TEXT_LEN])
{
	size_t n = length(text);

	n = n < NAME_LEN_MAX ? n : NAME_LEN_MAX;
	for (size_t i = 0; i < n; i++)
		ret[i] = (char)tolower((unsigned char)text[i]);
	ret[n] = '\0';
}

size_t name_backwards(const char *text, char ret[ZTA_NAME_TEXT])
{
	const char *p = is_wild(text) ? text + 1 : text;
	size_t len = length(p), n = len < ZTA_NAME_TEXT ? len : ZTA_NAME_TEXT;

	for (size_t i = 0; i < n; i++)
		ret[i] = (char)tolower((unsigned char)p[len - 1 - i]);
	memset(ret + n, 0, ZTA_NAME_TEXT - n);
	return p == text && n < ZTA_NAME_TEXT ? n + 1 : n;
}

bool name_match(const char *pattern, const char *name)
{
	char p[ZTA_NAME_TEXT], n[ZTA_NAME_TEXT];
	size_t octets = name_backwards(pattern, p);

	if (name[0] == '.' || name[0] == '\0')
		return false; /* no name; "*.a" would match ".a" */
	(void)name_backwards(name, n);
	return !memcmp(p, n, octets);
}

unsigned name_labels(const char *text)
{
	size_t n = length(text);
	unsigned labels = n > 0;

	for (size_t i = 0; i < n; i++)
		labels += text[i] == '.';
	return labels;
}

int name_compare(const char *a, const char *b)
{
	int by_labels = (int)name_labels(a) - (int)name_labels(b);

	return by_labels ? by_labels : (int)is_wild(b) - (int)is_wild(a);
}
