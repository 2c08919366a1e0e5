// SPDX-License-Identifier: Apache-2.0
#include "ctl/print.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wchar.h>
#include <wctype.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"

#define MINUTE 60
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

#define ESCAPED_LEN 4 /* \xNN */
#define LABEL_WIDTH 10

static const char *const style_on[PRINT_STYLE_COUNT] = {
	[PRINT_PLAIN] = "",	     [PRINT_BOLD] = "\033[1m",	   [PRINT_DIM] = "\033[2m",
	[PRINT_RED] = "\033[1;31m",  [PRINT_GREEN] = "\033[1;32m", [PRINT_YELLOW] = "\033[1;33m",
	[PRINT_CYAN] = "\033[1;36m",
};

const char *print_on(bool color, enum print_style s)
{
	return color ? style_on[s] : "";
}

const char *print_off(bool color, enum print_style s)
{
	return color && s != PRINT_PLAIN ? "\033[0m" : "";
}

enum print_style print_verdict_style(const char *verdict)
{
	if (!strcmp(verdict, "deny"))
		return PRINT_RED;
	if (!strcmp(verdict, "audit"))
		return PRINT_YELLOW;
	if (!strcmp(verdict, "allow"))
		return PRINT_GREEN;
	if (!strcmp(verdict, "redirect"))
		return PRINT_CYAN;
	return PRINT_PLAIN;
}

/* Bytes of the printable character at @text, 0 when there is none that a terminal may get. */
static size_t printable(const char *text, wchar_t *ret)
{
	mbstate_t state = { 0 };
	size_t n = mbrtowc(ret, text, strlen(text), &state);

	if (n == 0 || n > MB_LEN_MAX || !iswprint(*ret))
		return 0;
	if ((*ret >= 0x200e && *ret <= 0x200f) || (*ret >= 0x2028 && *ret <= 0x202e) ||
	    (*ret >= 0x2066 && *ret <= 0x2069))
		return 0; /* marks and overrides of direction, line separators */
	return n;
}

char *print_clean(const char *text)
{
	char *ret = malloc(strlen(text) * ESCAPED_LEN + 1), *at = ret;
	wchar_t wide;

	if (!ret)
		return NULL;
	while (*text) {
		size_t n = printable(text, &wide);

		if (n) {
			memcpy(at, text, n);
			at += n;
			text += n;
		} else {
			at += sprintf(at, "\\x%02x", (unsigned char)*text++);
		}
	}
	*at = '\0';
	return ret;
}

void print_field(bool color, const char *label, enum print_style s, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_free_ char *clean = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	clean = text ? print_clean(text) : NULL;
	if (clean && *clean)
		printf("  %s%-*s%s  %s%s%s\n", print_on(color, PRINT_BOLD), LABEL_WIDTH, label,
		       print_off(color, PRINT_BOLD), print_on(color, s), clean,
		       print_off(color, s));
}

size_t print_width(const char *text)
{
	size_t width = 0;
	wchar_t wide;

	while (*text) {
		size_t n = printable(text, &wide);
		int columns = n ? wcwidth(wide) : 1;

		width += columns > 0 ? columns : 0;
		text += n ? n : 1;
	}
	return width;
}

const char *print_duration(uint64_t s, char ret[static PRINT_DURATION_LEN])
{
	if (s < MINUTE)
		snprintf(ret, PRINT_DURATION_LEN, "%us", (unsigned int)s);
	else if (s < HOUR)
		snprintf(ret, PRINT_DURATION_LEN, "%um %us", (unsigned int)(s / MINUTE),
			 (unsigned int)(s % MINUTE));
	else if (s < DAY)
		snprintf(ret, PRINT_DURATION_LEN, "%uh %um", (unsigned int)(s / HOUR),
			 (unsigned int)(s % HOUR / MINUTE));
	else
		snprintf(ret, PRINT_DURATION_LEN, "%llud %uh", (unsigned long long)(s / DAY),
			 (unsigned int)(s % DAY / HOUR));
	return ret;
}

const char *print_time(const char *rfc3339, char ret[static PRINT_TIME_LEN])
{
	struct tm tm;
	uint64_t ns;
	time_t s;

	strcpy(ret, "-");
	if (rfc3339_parse(rfc3339, &ns) < 0)
		return ret;
	s = ns / NS_PER_S;
	if (localtime_r(&s, &tm))
		strftime(ret, PRINT_TIME_LEN, "%Y-%m-%d %H:%M:%S", &tm);
	return ret;
}

const json_t *print_member(const json_t *v, const char *path)
{
	char name[64];

	while (v && *path) {
		size_t len = strcspn(path, ".");

		snprintf(name, sizeof(name), "%.*s", (int)len, path);
		v = json_object_get(v, name);
		path += len + (path[len] == '.');
	}
	return v;
}

const char *print_string(const json_t *v, const char *path)
{
	const char *text = json_string_value(print_member(v, path));

	return text ? text : "";
}

json_int_t print_integer(const json_t *v, const char *path)
{
	return json_integer_value(print_member(v, path));
}
