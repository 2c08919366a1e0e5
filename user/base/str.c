// SPDX-License-Identifier: Apache-2.0
#include "base/str.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

char *str_dup_printf(const char *fmt, ...)
{
	va_list args;
	char *s;
	int r;

	va_start(args, fmt);
	r = vasprintf(&s, fmt, args);
	va_end(args);
	return r < 0 ? NULL : s;
}

bool str_eq(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

bool str_starts(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

bool str_ends(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && !memcmp(s + n - m, suffix, m);
}

char *str_join(const char *const *v, size_t n, const char *separator)
{
	size_t len = 1;
	char *s, *at;

	for (size_t i = 0; i < n; i++)
		len += strlen(v[i]) + strlen(separator);
	s = at = malloc(len);
	if (!s)
		return NULL;
	*at = '\0';
	for (size_t i = 0; i < n; i++) {
		if (i)
			at = stpcpy(at, separator);
		at = stpcpy(at, v[i]);
	}
	return s;
}

int duration_parse(const char *text, uint64_t *ret_ns)
{
	static const struct {
		const char *unit;
		uint64_t ns;
	} units[] = {
		{ "ms", NS_PER_MS },	  { "s", NS_PER_S },	     { "m", 60 * NS_PER_S },
		{ "h", 3600 * NS_PER_S }, { "d", 86400 * NS_PER_S },
	};
	uint64_t n, ns;
	char *end;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno)
		return -ERANGE;

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(end, units[i].unit))
			continue;
		if (__builtin_mul_overflow(n, units[i].ns, &ns) || ns > INT64_MAX)
			return -ERANGE;
		*ret_ns = ns;
		return 0;
	}
	return -EINVAL;
}

void rfc3339_format(uint64_t realtime_ns, char ret[RFC3339_LEN])
{
	time_t s = (time_t)(realtime_ns / NS_PER_S);
	struct tm tm;
	size_t n;

	(void)gmtime_r(&s, &tm); /* cannot fail: 2^64 ns end in 2554 */
	n = strftime(ret, RFC3339_LEN, "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(ret + n, RFC3339_LEN - n, ".%09luZ",
		       (unsigned long)(realtime_ns % NS_PER_S));
}

/* Exactly @n digits; moves *at behind them. */
static int digits(const char **at, int n, int *ret)
{
	int v = 0;

	for (int i = 0; i < n; i++, (*at)++) {
		if (!isdigit((unsigned char)**at))
			return -EINVAL;
		v = v * 10 + (**at - '0');
	}
	*ret = v;
	return 0;
}

static int days_in(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return month == 2 && leap ? 29 : days[month - 1];
}

static int date_at(const char **at, int64_t *ret_s)
{
	int year, month, day;
	struct tm tm;

	if (digits(at, 4, &year) < 0 || *(*at)++ != '-')
		return -EINVAL;
	if (digits(at, 2, &month) < 0 || *(*at)++ != '-')
		return -EINVAL;
	if (digits(at, 2, &day) < 0)
		return -EINVAL;
	if (month < 1 || month > 12 || day < 1 || day > days_in(year, month))
		return -EINVAL;
	tm = (struct tm){ .tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day };
	*ret_s = timegm(&tm);
	return 0;
}

static int time_of_day_at(const char **at, int64_t *ret_s)
{
	int hour, minute, second;

	if (digits(at, 2, &hour) < 0 || *(*at)++ != ':')
		return -EINVAL;
	if (digits(at, 2, &minute) < 0 || *(*at)++ != ':')
		return -EINVAL;
	if (digits(at, 2, &second) < 0 || hour > 23 || minute > 59 || second > 60)
		return -EINVAL;
	*ret_s = hour * 3600 + minute * 60 + second;
	return 0;
}

static int fraction_at(const char **at, int64_t *ret_ns)
{
	int64_t ns = 0, unit = NS_PER_S;

	if (**at == '.') {
		if (!isdigit((unsigned char)*++*at))
			return -EINVAL;
		for (; isdigit((unsigned char)**at); (*at)++) {
			if (unit == 1)
				return -EINVAL;
			unit /= 10;
			ns += (**at - '0') * unit;
		}
	}
	*ret_ns = ns;
	return 0;
}

static int offset_at(const char **at, int64_t *ret_s)
{
	int hour, minute;
	char c = *(*at)++;

	*ret_s = 0;
	if (c == 'Z' || c == 'z')
		return 0;
	if (c != '+' && c != '-')
		return -EINVAL;
	if (digits(at, 2, &hour) < 0 || *(*at)++ != ':' || digits(at, 2, &minute) < 0)
		return -EINVAL;
	if (hour > 23 || minute > 59)
		return -EINVAL;
	*ret_s = (c == '-' ? -1 : 1) * (hour * 3600 + minute * 60);
	return 0;
}

int rfc3339_parse(const char *text, uint64_t *ret_ns)
{
	int64_t day, second, ns, offset, s;

	if (date_at(&text, &day) < 0 || !strchr("Tt ", *text) || !*text)
		return -EINVAL;
	text++;
	if (time_of_day_at(&text, &second) < 0 || fraction_at(&text, &ns) < 0 ||
	    offset_at(&text, &offset) < 0 || *text)
		return -EINVAL;

	s = day + second - offset;
	if (s < 0 || s > (int64_t)(INT64_MAX / NS_PER_S) - 1)
		return -ERANGE;
	*ret_ns = (uint64_t)s * NS_PER_S + (uint64_t)ns;
	return 0;
}

int date_parse(const char *text, int64_t *ret_s)
{
	int64_t s;

	if (date_at(&text, &s) < 0 || *text)
		return -EINVAL;
	*ret_s = s;
	return 0;
}
