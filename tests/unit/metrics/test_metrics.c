// SPDX-License-Identifier: Apache-2.0
/* The text format, read back by a strict parser: what it takes, Prometheus takes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/str.h"
#include "metrics/metrics.h"

#define SERIES_MAX 256

struct parsed {
	char family[64]; /* being read; its samples must follow its HELP and TYPE */
	char seen[64][64];
	size_t n_seen;
	char *series[SERIES_MAX]; /* "name{labels}" as written */
	char *value[SERIES_MAX];
	size_t n;
};

static bool name_byte(char c, bool first, bool colon)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	       (colon && c == ':') || (!first && c >= '0' && c <= '9');
}

static const char *skip_name(const char *s, bool colon)
{
	if (!name_byte(*s, true, colon))
		fail_msg("not a name: %s", s);
	while (name_byte(*s, false, colon))
		s++;
	return s;
}

/* "{a="b",...}": only the three escapes, no raw line feed (lines were split already). */
static const char *skip_labels(const char *s)
{
	const char *begin = s;

	do {
		s = skip_name(s + 1, false);
		if (s[0] != '=' || s[1] != '"')
			fail_msg("not a label: %s", begin);
		for (s += 2; *s && *s != '"'; s++)
			if (*s == '\\' && *++s != '\\' && *s != '"' && *s != 'n')
				fail_msg("unknown escape: %s", begin);
		if (*s++ != '"')
			fail_msg("open quote: %s", begin);
	} while (*s == ',');
	if (*s++ != '}')
		fail_msg("open brace: %s", begin);
	return s;
}

static void read_sample(struct parsed *p, char *line)
{
	size_t family = strlen(p->family);
	const char *end = skip_name(line, true);
	char *space, *rest;

	if ((size_t)(end - line) != family || strncmp(line, p->family, family))
		fail_msg("sample outside of its family %s: %s", p->family, line);
	if (*end == '{')
		end = skip_labels(end);
	if (*end != ' ')
		fail_msg("no value: %s", line);
	space = line + (end - line);
	*space = '\0';
	errno = 0;
	(void)strtod(space + 1, &rest);
	if (rest == space + 1 || *rest || errno)
		fail_msg("not a number: %s %s", line, space + 1);
	for (size_t i = 0; i < p->n; i++)
		if (!strcmp(p->series[i], line))
			fail_msg("twice: %s", line);
	assert_true(p->n < SERIES_MAX);
	p->series[p->n] = line;
	p->value[p->n++] = space + 1;
}

static void read_family(struct parsed *p, char *help, char *type)
{
	static const char *const types[] = { "counter", "gauge" };
	const char *end;
	bool known = false;

	assert_true(str_starts(help, "# HELP "));
	end = skip_name(help + 7, true);
	snprintf(p->family, sizeof(p->family), "%.*s", (int)(end - help - 7), help + 7);
	assert_int_equal(*end, ' ');
	assert_true(strlen(end + 1) > 10);
	assert_non_null(type);
	assert_true(str_starts(type, "# TYPE "));
	assert_int_equal(strncmp(type + 7, p->family, strlen(p->family)), 0);
	type += 7 + strlen(p->family);
	for (size_t i = 0; i < 2; i++)
		known |= *type == ' ' && !strcmp(type + 1, types[i]);
	assert_true(known);
	assert_int_equal(!strcmp(type + 1, "counter"), str_ends(p->family, "_total"));
	for (size_t i = 0; i < p->n_seen; i++)
		assert_string_not_equal(p->seen[i], p->family);
	strcpy(p->seen[p->n_seen++], p->family);
}

/* Fails the test at the first thing that the format does not allow. */
static void parse(struct parsed *p, struct buf *text)
{
	char *at = text->data, *line;

	*p = (struct parsed){};
	assert_true(str_ends(text->data, "\n"));
	while ((line = strsep(&at, "\n")) && at) {
		if (*line == '#') {
			char *type = strsep(&at, "\n");

			read_family(p, line, type);
		} else {
			read_sample(p, line);
		}
	}
}

static const char *value(const struct parsed *p, const char *series)
{
	for (size_t i = 0; i < p->n; i++)
		if (!strcmp(p->series[i], series))
			return p->value[i];
	fail_msg("no such series: %s", series);
	return NULL;
}

static void every_closed_series_is_there_from_the_start(void **state)
{
	static const char *const zero[] = {
		"zta_hooks_effective",
		"zta_policy_generation",
		"zta_policy_reloads_total{result=\"applied\"}",
		"zta_policy_reloads_total{result=\"rejected\"}",
		"zta_policy_reloads_total{result=\"unchanged\"}",
		"zta_policy_expiring",
		"zta_mode{mode=\"audit\"}",
		"zta_events_lost_total{stage=\"ring\"}",
		"zta_events_lost_total{stage=\"journal\"}",
		"zta_events_held",
		"zta_dns_answers_total{result=\"learnt\"}",
		"zta_dns_answers_total{result=\"public\"}",
		"zta_dns_answers_total{result=\"ignored\"}",
		"zta_dns_answers_total{result=\"malformed\"}",
		"zta_resolve_check{state=\"ok\"}",
		"zta_resolve_check{state=\"public\"}",
		"zta_resolve_check{state=\"absent\"}",
		"zta_resolve_check{state=\"failed\"}",
		"zta_workloads{state=\"enforced\"}",
		"zta_workloads{state=\"audit\"}",
		"zta_workloads{state=\"unknown\"}",
		"zta_workloads{state=\"uncovered\"}",
	};
	static const char *const families[] = {
		"zta_denials_total",	     "zta_decisions_total",
		"zta_hooks_effective",	     "zta_mode",
		"zta_policy_generation",     "zta_policy_reloads_total",
		"zta_policy_expiring",	     "zta_events_lost_total",
		"zta_events_held",	     "zta_dns_answers_total",
		"zta_resolve_check",	     "zta_workloads",
		"zta_unguarded_seconds",     "zta_map_entries",
		"zta_map_capacity",	     "zta_token_requests_total",
		"zta_token_expires_seconds", "zta_build_info",
	};
	struct metrics_snapshot s = { .version = "1", .kernel = "6.1" };
	struct buf b = {};
	struct parsed p;

	assert_int_equal(metrics_render(&s, &b), 0);
	parse(&p, &b);
	for (size_t i = 0; i < sizeof(zero) / sizeof(zero[0]); i++)
		assert_string_equal(value(&p, zero[i]), "0");
	assert_string_equal(value(&p, "zta_unguarded_seconds"), "0.000");
	assert_string_equal(value(&p, "zta_mode{mode=\"enforce\"}"), "1");
	assert_string_equal(value(&p, "zta_build_info{version=\"1\",kernel=\"6.1\"}"), "1");
	assert_int_equal(p.n, sizeof(zero) / sizeof(zero[0]) + 3);
	assert_int_equal(p.n_seen, sizeof(families) / sizeof(families[0]));
	for (size_t i = 0; i < p.n_seen; i++)
		assert_string_equal(p.seen[i], families[i]);
	buf_free(&b);
}

static void tokens_are_counted_by_source_and_outcome(void **state)
{
	static const struct metrics_tokens tokens[] = { { "imds", "granted", 7 },
							{ "", "refused", 2 } };
	static const struct metrics_expiry expiries[] = { { "https://vault.azure.net", 3599 } };
	struct metrics_snapshot s = { .version = "1",
				      .kernel = "6.1",
				      .tokens = tokens,
				      .n_tokens = 2,
				      .expiries = expiries,
				      .n_expiries = 1 };
	struct buf b = {};
	struct parsed p;

	assert_int_equal(metrics_render(&s, &b), 0);
	parse(&p, &b);
	assert_string_equal(
		value(&p, "zta_token_requests_total{source=\"imds\",result=\"granted\"}"), "7");
	assert_string_equal(value(&p, "zta_token_requests_total{source=\"\",result=\"refused\"}"),
			    "2");
	assert_string_equal(
		value(&p, "zta_token_expires_seconds{audience=\"https://vault.azure.net\"}"),
		"3599");
	buf_free(&b);
}

static void decisions_are_added_up_by_their_labels(void **state)
{
	static const struct metrics_decision decisions[] = {
		{ "", "rag", "deny", "public-egress", "", 3 },
		{ "", "rag", "allow", "private-link", "openai", 10 },
		{ "ml", "rag", "deny", "not-resolved", "openai", 1 },
		{ "", "rag", "deny", "not-resolved", "openai", 4 },
		{ "", "base", "audit", "public-egress", "", 7 },
		{ "", "rag", "allow", "private-link", "vault", 5 },
		{ NULL, "rag", "deny", "not-resolved", NULL, 2 },
		{ "", "rag", "deny", "not-resolved", "openai", 100 },
	};
	struct metrics_snapshot s = { .decisions = decisions,
				      .n_decisions = sizeof(decisions) / sizeof(decisions[0]) };
	struct buf b = {};
	struct parsed p;

	assert_int_equal(metrics_render(&s, &b), 0);
	parse(&p, &b);
#define DENIALS(labels)	  value(&p, "zta_denials_total{namespace=" labels "}")
#define DECISIONS(labels) value(&p, "zta_decisions_total{verdict=" labels "}")
	assert_string_equal(DENIALS("\"\",profile=\"rag\",reason=\"public-egress\",service=\"\""),
			    "3");
	assert_string_equal(
		DENIALS("\"\",profile=\"rag\",reason=\"not-resolved\",service=\"openai\""), "104");
	assert_string_equal(
		DENIALS("\"ml\",profile=\"rag\",reason=\"not-resolved\",service=\"openai\""), "1");
	assert_string_equal(DENIALS("\"\",profile=\"rag\",reason=\"not-resolved\",service=\"\""),
			    "2");
	assert_string_equal(DECISIONS("\"allow\",reason=\"private-link\",profile=\"rag\""), "15");
	assert_string_equal(DECISIONS("\"deny\",reason=\"not-resolved\",profile=\"rag\""), "107");
	assert_string_equal(DECISIONS("\"deny\",reason=\"public-egress\",profile=\"rag\""), "3");
	assert_string_equal(DECISIONS("\"audit\",reason=\"public-egress\",profile=\"base\""), "7");
	for (size_t i = 0, n = 0; i < p.n; i++) {
		n += str_starts(p.series[i], "zta_denials_total{");
		assert_true(n <= 4); /* audit is no denial */
	}
	buf_free(&b);
}

static void labels_are_escaped_and_numbers_exact(void **state)
{
	static const struct metrics_map maps[] = { { "wo\"rk\\lo\nads", 5, 16384 },
						   { "prefixes", 0, 65600 } };
	struct metrics_snapshot s = {
		.maps = maps,
		.n_maps = 2,
		.hooks_effective = true,
		.mode = METRICS_MODE_AUDIT,
		.generation = 12,
		.reloads = { 1, 2, 3 },
		.lost = { UINT64_MAX, 4 },
		.held = 9007199254740993ULL,
		.answers = { 9, 10, 11, 12 },
		.resolve = { 13, 14, 15, 16 },
		.workloads = { 5, 6, 7, 8 },
		.unguarded_s = 1.5,
		.expiring = 2,
		.version = "a\"b",
	};
	struct buf b = {};
	struct parsed p;

	assert_int_equal(metrics_render(&s, &b), 0);
	assert_null(strstr(b.data, "wo\"rk"));
	parse(&p, &b);
	assert_string_equal(value(&p, "zta_map_entries{map=\"wo\\\"rk\\\\lo\\nads\"}"), "5");
	assert_string_equal(value(&p, "zta_map_capacity{map=\"prefixes\"}"), "65600");
	assert_string_equal(value(&p, "zta_hooks_effective"), "1");
	assert_string_equal(value(&p, "zta_mode{mode=\"enforce\"}"), "0");
	assert_string_equal(value(&p, "zta_mode{mode=\"audit\"}"), "1");
	assert_string_equal(value(&p, "zta_policy_generation"), "12");
	assert_string_equal(value(&p, "zta_policy_reloads_total{result=\"unchanged\"}"), "3");
	assert_string_equal(value(&p, "zta_events_lost_total{stage=\"ring\"}"),
			    "18446744073709551615");
	assert_string_equal(value(&p, "zta_events_held"), "9007199254740993");
	assert_string_equal(value(&p, "zta_dns_answers_total{result=\"learnt\"}"), "9");
	assert_string_equal(value(&p, "zta_dns_answers_total{result=\"malformed\"}"), "12");
	assert_string_equal(value(&p, "zta_resolve_check{state=\"public\"}"), "14");
	assert_string_equal(value(&p, "zta_workloads{state=\"uncovered\"}"), "8");
	assert_string_equal(value(&p, "zta_unguarded_seconds"), "1.500");
	assert_string_equal(value(&p, "zta_build_info{version=\"a\\\"b\",kernel=\"\"}"), "1");
	buf_free(&b);
}

static void rendering_appends(void **state)
{
	struct metrics_snapshot s = {};
	struct buf b = {};

	assert_int_equal(buf_puts(&b, "# first\n"), 0);
	assert_int_equal(metrics_render(&s, &b), 0);
	assert_true(str_starts(b.data, "# first\n# HELP "));
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_closed_series_is_there_from_the_start),
		cmocka_unit_test(tokens_are_counted_by_source_and_outcome),
		cmocka_unit_test(decisions_are_added_up_by_their_labels),
		cmocka_unit_test(labels_are_escaped_and_numbers_exact),
		cmocka_unit_test(rendering_appends),
	};

	return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
