// SPDX-License-Identifier: Apache-2.0
/* Which names are looked up, and whom that asks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "daemon/resolve_plan.h"
#include "policy/check.h"
#include "policy/compile.h"
#include "policy/prefix.h"

#define HEAD                                                           \
	"{\"apiVersion\":\"zta/v1\",\"kind\":\"Policy\",\"metadata\":" \
	"{\"name\":\"t\"},\"mode\":\"enforce\","

static struct resolve_plan plan;

static struct policy_prefixes system_of(const char *const *texts, size_t n)
{
	static struct policy_prefix v[8];

	for (size_t i = 0; i < n; i++) {
		assert_int_equal(addr_parse(texts[i], &v[i].addr), 0);
		v[i].len = v[i].addr.family == ZTA_V4 ? 32 : 128;
	}
	return (struct policy_prefixes){ .v = v, .n = n };
}

/* @rest: of the document behind HEAD. The plan has the machine's resolvers 10.0.0.9 and ::9. */
static void make(const char *rest, char *const *extra, size_t n_extra)
{
	static const char *const texts[] = { "10.0.0.9", "fd00::9" };
	struct policy_prefixes system = system_of(texts, 2);
	struct compile_opts o = { .generation = 1, .resolvers = &system };
	struct policy_check c;
	char *text = NULL;

	assert_true(asprintf(&text, "%s%s", HEAD, rest) > 0);
	if (policy_check(text, strlen(text), &o, &c) < 0)
		fail_msg("%s: %s", c.errors.v[0].path, c.errors.v[0].message);
	resolve_plan_free(&plan);
	assert_int_equal(resolve_plan_make(c.policy, c.image, extra, n_extra, &system, &plan), 0);
	policy_check_free(&c);
	free(text);
}

static void expect_names(const char *want)
{
	_cleanup_buf_ struct buf b = { 0 };

	assert_int_equal(buf_puts(&b, ""), 0);
	for (size_t i = 0; i < plan.n_names; i++)
		assert_int_equal(buf_printf(&b, "%s%s", i ? " " : "", plan.names[i]), 0);
	assert_string_equal(b.data, want);
}

static void expect_servers(const char *want)
{
	_cleanup_buf_ struct buf b = { 0 };
	char text[INET6_ADDRSTRLEN];

	assert_int_equal(buf_puts(&b, ""), 0);
	for (size_t i = 0; i < plan.n_servers; i++) {
		addr_format(&plan.servers[i], text);
		assert_int_equal(buf_printf(&b, "%s%s", i ? " " : "", text), 0);
	}
	assert_string_equal(b.data, want);
}

static void exact_names_that_somebody_wrote(void **state)
{
	char *extra[] = { (char *)"Extra.example.", (char *)"b.example" };

	make("\"ai_public\":{\"names\":[\"ai.example\"]},"
	     "\"services\":[{\"name\":\"s\",\"preset\":\"azure-monitor\",\"names\":"
	     "[\"B.example\",\"*.wild.example.com\",\"a.example\"],\"private_link\":[\"10.0.0.0/"
	     "24\"]}],"
	     "\"profiles\":[{\"name\":\"p\",\"egress\":{\"rules\":["
	     "{\"action\":\"allow\",\"names\":[\"r.example\",\"a.example\"]},"
	     "{\"action\":\"allow\",\"presets\":[\"entra\"]},"
	     "{\"action\":\"deny\",\"names\":[\"bad.example\"]},"
	     "{\"action\":\"allow\",\"cidr\":\"10.1.0.0/16\"}]}}]}",
	     extra, 2);
	expect_names("extra.example b.example a.example r.example");
	assert_int_equal(plan.n_left_out, 0);
	make("\"services\":[]}", NULL, 0);
	expect_names("");
}

static void more_than_fit_are_counted(void **state)
{
	_cleanup_buf_ struct buf b = { 0 };

	assert_int_equal(buf_puts(&b, "\"services\":[{\"name\":\"s\",\"private_link\":"
				      "[\"10.0.0.0/24\"],\"names\":["),
			 0);
	for (int i = 0; i < RESOLVE_NAMES_MAX + 3; i++)
		assert_int_equal(buf_printf(&b, "%s\"n%d.example\"", i ? "," : "", i), 0);
	assert_int_equal(buf_puts(&b, "]}]}"), 0);
	make(b.data, NULL, 0);
	assert_int_equal(plan.n_names, RESOLVE_NAMES_MAX);
	assert_int_equal(plan.n_left_out, 3);
}

static void whom_the_policy_believes_is_asked(void **state)
{
	make("\"resolvers\":[\"10.0.0.4\",\"10.2.0.0/16\",\"fd00::4\"]}", NULL, 0);
	expect_servers("10.0.0.4 fd00::4");
	make("\"resolvers\":[\"system\",\"10.0.0.9\"]}", NULL, 0);
	expect_servers("10.0.0.9 fd00::9");
	make("\"resolvers\":[\"10.0.0.0/24\"]}", NULL, 0);
	expect_servers("10.0.0.9");
	make("\"resolvers\":[]}", NULL, 0);
	expect_servers("");
}

static int clear(void **state)
{
	resolve_plan_free(&plan);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exact_names_that_somebody_wrote),
		cmocka_unit_test(more_than_fit_are_counted),
		cmocka_unit_test(whom_the_policy_believes_is_asked),
	};

	return cmocka_run_group_tests_name("resolve_plan", tests, NULL, clear);
}
