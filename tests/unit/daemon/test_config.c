// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/diag.h"
#include "daemon/config.h"

static int parse(const char *text, struct diag_list *errors, struct config *ret)
{
	return config_parse(text, strlen(text), errors, ret);
}

static void test_nothing_said_is_the_default(void **state)
{
	struct diag_list errors = { 0 };
	struct config c = { 0 };

	unsetenv("KUBERNETES_SERVICE_HOST");
	assert_int_equal(parse("{}", &errors, &c), 0);
	assert_null(c.cluster);
	assert_null(c.node_id);
	assert_true(c.existing_keep);
	assert_false(c.log_allowed);
	assert_false(c.orphan_audit);
	assert_int_equal(c.orphan_after_ns, 24 * 3600 * NS_PER_S);
	assert_int_equal(c.journal.segment_bytes, 0);
	assert_int_equal(c.resolve_check.n_names, 0);
	assert_int_equal(c.resolve_check.interval_ns, 60 * NS_PER_S);
	assert_int_equal(errors.n, 0);
	config_free(&c);
}

static void test_an_orphan_weakens_itself_under_kubernetes(void **state)
{
	struct config c;

	setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1", 1);
	config_defaults(&c);
	assert_true(c.orphan_audit);
	unsetenv("KUBERNETES_SERVICE_HOST");
	config_defaults(&c);
	assert_false(c.orphan_audit);
}

static void test_every_member_is_read(void **state)
{
	struct diag_list errors = { 0 };
	struct config c = { 0 };

	assert_int_equal(
		parse("{\"cluster\":\"prod-weu\",\"node_id\":\"n1\",\"existing\":\"judge\","
		      "\"log_allowed\":true,\"orphan\":{\"after\":\"10m\",\"action\":\"audit\"},"
		      "\"journal\":{\"segment_bytes\":65536,\"retain_bytes\":1048576,"
		      "\"retain\":\"90d\",\"fsync\":\"200ms\"},"
		      "\"resolve_check\":{\"names\":[\"a.example\",\"B.example.\"],"
		      "\"interval\":\"5m\"}}",
		      &errors, &c),
		0);
	assert_string_equal(c.cluster, "prod-weu");
	assert_string_equal(c.node_id, "n1");
	assert_false(c.existing_keep);
	assert_true(c.log_allowed);
	assert_true(c.orphan_audit);
	assert_int_equal(c.orphan_after_ns, 600 * NS_PER_S);
	assert_int_equal(c.journal.segment_bytes, 65536);
	assert_int_equal(c.journal.retain_bytes, 1048576);
	assert_int_equal(c.journal.retain_ns, 90 * 86400 * NS_PER_S);
	assert_int_equal(c.journal.fsync_ms, 200);
	assert_int_equal(c.resolve_check.n_names, 2);
	assert_string_equal(c.resolve_check.names[0], "a.example");
	assert_string_equal(c.resolve_check.names[1], "B.example.");
	assert_int_equal(c.resolve_check.interval_ns, 300 * NS_PER_S);
	config_free(&c);
}

static void test_each_error_has_its_place(void **state)
{
	static const struct {
		const char *text;
		unsigned line, column;
		const char *path;
	} cases[] = {
		{ "{\n \"clusters\": \"x\"}", 2, 2, "clusters" },
		{ "{\"cluster\": 7}", 1, 13, "cluster" },
		{ "{\"cluster\": \"\"}", 1, 13, "cluster" },
		{ "{\"existing\": \"maybe\"}", 1, 14, "existing" },
		{ "{\"log_allowed\": \"true\"}", 1, 17, "log_allowed" },
		{ "{\"orphan\": {\n\"after\": \"1y\"}}", 2, 10, "orphan.after" },
		{ "{\"orphan\": {\"after\": \"0s\"}}", 1, 22, "orphan.after" },
		{ "{\"orphan\": {\"action\": \"die\"}}", 1, 23, "orphan.action" },
		{ "{\"journal\": {\"segment_bytes\": 1}}", 1, 31, "journal.segment_bytes" },
		{ "{\"journal\": {\"fsync\": \"2m\"}}", 1, 23, "journal.fsync" },
		{ "{\"journal\": {\"strict\": true}}", 1, 14, "journal.strict" },
		{ "{\"resolve_check\": {\"interval\": \"10ms\"}}", 1, 32,
		  "resolve_check.interval" },
		{ "{\"resolve_check\": {\"names\": [\"a.example\", \"*.example.com\"]}}", 1, 43,
		  "resolve_check.names[1]" },
		{ "{\"resolve_check\": {\"names\": [\"10.0.0.1\"]}}", 1, 30,
		  "resolve_check.names[0]" },
		{ "{\"resolve_check\": {\"names\": \"a.example\"}}", 1, 29, "resolve_check.names" },
		{ "{\"sinks\": []}", 1, 2, "sinks" }, /* nothing reads it: not accepted */
		{ "[]", 1, 1, "" },
		{ "{\"cluster\": \"a\", \"cluster\": \"b\"}", 1, 18, "cluster" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct diag_list errors = { 0 };
		struct config c = { 0 };

		if (parse(cases[i].text, &errors, &c) != -EINVAL)
			fail_msg("accepted: %s", cases[i].text);
		assert_int_equal(errors.n, 1);
		if (errors.v[0].line != cases[i].line || errors.v[0].column != cases[i].column ||
		    strcmp(errors.v[0].path, cases[i].path) != 0)
			fail_msg("%s: %u:%u %s: %s", cases[i].text, errors.v[0].line,
				 errors.v[0].column, errors.v[0].path, errors.v[0].message);
		assert_null(c.cluster); /* untouched */
		diag_list_free(&errors);
	}
}

static void test_all_errors_are_reported(void **state)
{
	struct diag_list errors = { 0 };
	struct config c = { 0 };

	assert_int_equal(parse("{\"a\": 1, \"existing\": \"x\", \"journal\": {\"retain\": \"y\"}}",
			       &errors, &c),
			 -EINVAL);
	assert_int_equal(errors.n, 3);
	assert_string_equal(errors.v[0].path, "a");
	assert_string_equal(errors.v[2].path, "journal.retain");
	diag_list_free(&errors);
}

static void test_what_is_no_json_is_refused(void **state)
{
	static const char *const texts[] = {
		"", "{", "{} {}", "{\"cluster\":}", "\xef\xbb\xbf{}", "{\"cluster\":\"\xff\"}"
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct diag_list errors = { 0 };
		struct config c = { 0 };

		assert_int_equal(parse(texts[i], &errors, &c), -EINVAL);
		assert_true(errors.n >= 1);
		diag_list_free(&errors);
	}
}

static void test_sources_of_tokens(void **state)
{
	struct diag_list errors = { 0 };
	struct config c = { 0 };

	assert_int_equal(
		parse("{\"worker_user\":\"w\",\"proxy\":\"http://p:1\",\"no_proxy\":[\"a\",\".b\"],"
		      "\"ca_file\":\"/"
		      "ca\",\"broker\":{\"listen\":\"10.0.0.1:80\"},\"tokens\":{\"source\":"
		      "\"workload-identity\","
		      "\"cloud\":\"usgov\",\"tenant_id\":\"11111111-2222-3333-4444-555555555555\","
		      "\"client_id\":\"11111111-2222-3333-4444-666666666666\","
		      "\"token_file\":\"/t\",\"certificate_file\":\"/c\","
		      "\"imds_endpoint\":\"http://127.0.0.1:1\",\"kubelet_dir\":\"/k\"}}",
		      &errors, &c),
		0);
	assert_string_equal(c.worker_user, "w");
	assert_string_equal(c.proxy, "http://p:1");
	assert_string_equal(c.no_proxy, "a,.b");
	assert_string_equal(c.ca_file, "/ca");
	assert_int_equal(c.tokens.source, TOKEN_SOURCE_WORKLOAD);
	assert_string_equal(c.broker_listen, "10.0.0.1:80");
	assert_string_equal(c.tokens.authority, "https://login.microsoftonline.us/");
	assert_string_equal(c.tokens.tenant_id, "11111111-2222-3333-4444-555555555555");
	assert_string_equal(c.tokens.client_id, "11111111-2222-3333-4444-666666666666");
	assert_string_equal(c.tokens.token_file, "/t");
	assert_string_equal(c.tokens.certificate_file, "/c");
	assert_string_equal(c.tokens.imds_endpoint, "http://127.0.0.1:1");
	assert_string_equal(c.tokens.kubelet_dir, "/k");
	config_free(&c);
}

static void test_sources_that_cannot_be(void **state)
{
	static const char *const texts[] = {
		"{\"tokens\":{\"source\":\"Imds\"}}",
		"{\"tokens\":{\"cloud\":\"mars\"}}",
		"{\"tokens\":{\"cloud\":\"china\",\"authority_host\":\"https://a/\"}}",
		"{\"tokens\":{\"authority_host\":\"http://a/\"}}",
		"{\"tokens\":{\"client_id\":\"me\"}}",
		"{\"tokens\":{\"tenant_id\":\"contoso\"}}",
		"{\"tokens\":{\"token_file\":\"t\"}}",
		"{\"tokens\":{\"imds_endpoint\":\"https://a\"}}",
		"{\"tokens\":{\"secret\":\"s\"}}",
		"{\"ca_file\":\"ca\"}",
		"{\"proxy\":\"socks5://a\"}",
		"{\"no_proxy\":\"a\"}",
		"{\"broker\":{\"listen\":\"0.0.0.0:9466\"}}",
		"{\"broker\":{\"listen\":\"localhost:9466\"}}",
		"{\"broker\":{\"port\":1}}",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct diag_list errors = { 0 };
		struct config c = { 0 };

		assert_int_equal(parse(texts[i], &errors, &c), -EINVAL);
		assert_int_equal(errors.n, 1);
		diag_list_free(&errors);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_said_is_the_default),
		cmocka_unit_test(test_an_orphan_weakens_itself_under_kubernetes),
		cmocka_unit_test(test_every_member_is_read),
		cmocka_unit_test(test_each_error_has_its_place),
		cmocka_unit_test(test_all_errors_are_reported),
		cmocka_unit_test(test_what_is_no_json_is_refused),
		cmocka_unit_test(test_sources_of_tokens),
		cmocka_unit_test(test_sources_that_cannot_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
