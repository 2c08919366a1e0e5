// SPDX-License-Identifier: Apache-2.0
/* What the cases of tests/policy cannot write down: sizes, odd bytes, many errors, time. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/diag.h"
#include "policy/policy.h"

#define HEAD                                                                            \
	"{\"apiVersion\":\"zta/v1\",\"kind\":\"Policy\",\"metadata\":{\"name\":\"t\"}," \
	"\"mode\":\"enforce\""

/* A document of HEAD, the list @open item,item,... ] and an end. */
struct list {
	const char *open, *item, *close; /* item has one %zu: its number */
};

struct outcome {
	int r;
	struct diag_list errors, warnings;
	struct policy *p;
	uint64_t ns;
};

static void done(struct outcome *o)
{
	diag_list_free(&o->errors);
	diag_list_free(&o->warnings);
	policy_free(o->p);
}
#define _outcome_ _cleanup_(done) struct outcome

static struct outcome parse(const char *text, size_t len)
{
	struct outcome o = {};
	uint64_t start = clock_mono_ns();

	o.r = policy_parse(text, len, &o.errors, &o.warnings, &o.p);
	o.ns = clock_mono_ns() - start;
	assert_true((o.r == 0) == (o.p != NULL));
	assert_true((o.r == 0) == (o.errors.n == 0));
	return o;
}

static struct outcome parse_list(const struct list *l, size_t n)
{
	_cleanup_buf_ struct buf b = {};

	assert_int_equal(buf_printf(&b, HEAD ",%s", l->open), 0);
	for (size_t i = 0; i < n; i++) {
		if (i)
			assert_int_equal(buf_puts(&b, ",\n"), 0);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		assert_int_equal(buf_printf(&b, l->item, i), 0);
#pragma GCC diagnostic pop
	}
	assert_int_equal(buf_puts(&b, l->close), 0);
	return parse(b.data, b.len);
}

static void assert_item(const struct diag_item *item, const char *path, const char *message)
{
	assert_string_equal(item->path, path);
	if (!strstr(item->message, message))
		fail_msg("\"%s\" lacks \"%s\"", item->message, message);
}

/* @n entries are accepted; one more is one error, at @path. */
static void assert_limit(const struct list *l, size_t n, const char *path, const char *message)
{
	_outcome_ fits = parse_list(l, n);
	_outcome_ more = parse_list(l, n + 1);

	assert_int_equal(fits.r, 0);
	assert_int_equal(more.r, -EINVAL);
	assert_int_equal(more.errors.n, 1);
	assert_item(&more.errors.v[0], path, message);
	assert_true(fits.ns < 2 * NS_PER_S);
	assert_true(more.ns < 2 * NS_PER_S);
}

static void test_64_services(void **state)
{
	static const struct list l = {
		"\"services\":[",
		"{\"name\":\"s%zu\",\"names\":[\"a.b\"],\"private_link\":[\"10.0.0.1\"]}", "]}"
	};

	assert_limit(&l, 64, "services[64]", "more than 64");
}

static void test_32_proxies(void **state)
{
	static const struct list l = { "\"proxies\":[",
				       "{\"name\":\"p%zu\",\"cidrs\":[\"10.0.0.1\"]}", "]}" };

	assert_limit(&l, 32, "proxies[32]", "more than 32");
}

static void test_256_profiles(void **state)
{
	static const struct list l = { "\"profiles\":[", "{\"name\":\"p%zu\"}", "]}" };

	assert_limit(&l, 256, "profiles[256]", "more than 256");
}

static void test_4096_workloads(void **state)
{
	static const struct list l = { "\"workloads\":[",
				       "{\"match\":{\"cgroup\":\"/c%zu\"},\"profile\":\"host\"}",
				       "]}" };

	assert_limit(&l, 4096, "workloads[4096]", "more than 4096");
}

static void test_256_sets(void **state)
{
	static const struct list l = { "\"prefixes\":{", "\"s%zu\":[\"10.0.0.0/8\"]", "}}" };

	assert_limit(&l, 256, "prefixes.s256", "more than 256");
}

static void test_64_audiences_of_an_identity(void **state)
{
	static const struct list l = {
		"\"profiles\":[{\"name\":\"r\",\"identity\":{\"audiences\":[", "\"api://a%zu\"",
		"]}}]}"
	};

	assert_limit(&l, 64, "profiles[0].identity.audiences[64]", "more than 64");
}

static void test_1024_rules_of_a_profile(void **state)
{
	static const struct list l = {
		"\"profiles\":[{\"name\":\"r\",\"egress\":{\"rules\":[",
		"{\"action\":\"allow\",\"cidr\":\"10.0.0.0/8\",\"ports\":[1],\"owner\":\"%zu\"}",
		"]}}]}"
	};

	assert_limit(&l, 1024, "profiles[0].egress.rules[1024]", "more than 1024");
}

static void test_1024_rules_with_inherited_ones(void **state)
{
	static const struct list l = {
		"\"profiles\":[{\"name\":\"p\",\"egress\":{\"rules\":["
		"{\"action\":\"allow\",\"cidr\":\"10.0.0.0/8\"},"
		"{\"action\":\"allow\",\"cidr\":\"11.0.0.0/8\"}]}},"
		"{\"name\":\"grandchild\",\"extends\":\"r\",\"egress\":{\"rules\":[]}},"
		"{\"name\":\"r\",\"extends\":\"p\",\"egress\":{\"rules\":[",
		"{\"action\":\"allow\",\"to\":\"node\",\"owner\":\"%zu\"}", "]}}]}"
	};

	assert_limit(&l, 1022, "profiles[2].egress.rules[1022]", "with the 2 inherited ones");
}

static void test_10000_names(void **state)
{
	static const struct list one = { "\"ai_public\":{\"names\":[", "\"n%zu.x\"", "]}}" };
	static const struct list two = {
		"\"profiles\":[{\"name\":\"a\",\"dns\":{\"allow\":[\"y.z\"]}}],"
		"\"ai_public\":{\"names\":[",
		"\"n%zu.x\"", "]}}"
	};

	assert_limit(&one, 10000, "ai_public.names[10000]", "more than 10000");
	assert_limit(&two, 9999, "profiles[0].dns.allow[0]", "more than 10000 different names");
}

static void test_a_name_counts_once(void **state)
{
	static const struct list l = { "\"ai_public\":{\"names\":[", "\"n%zu.x\"",
				       "]},\"profiles\":[{\"name\":\"a\",\"dns\":{\"allow\":"
				       "[\"N1.x\",\"n2.X.\"]}}]}" };
	_outcome_ o = parse_list(&l, 10000);

	assert_int_equal(o.r, 0);
	assert_int_equal(o.p->n_names, 10000);
}

static struct outcome parse_prefixes(size_t n)
{
	_cleanup_buf_ struct buf b = {};

	assert_int_equal(buf_puts(&b, HEAD ",\"prefixes\":{\"big\":["), 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(buf_printf(&b, "%s\"10.%zu.%zu.%zu\"", i ? "," : "", i >> 16,
					    i >> 8 & 255, i & 255),
				 0);
	assert_int_equal(buf_puts(&b, "]},\"services\":[{\"name\":\"s\",\"names\":[\"a.b\"],"
				      "\"private_link\":[\"@big\"]},{\"name\":\"t\",\"names\":"
				      "[\"a.b\"],\"private_link\":[\"@big\"]}]}"),
			 0);
	return parse(b.data, b.len);
}

static void test_65536_prefixes_that_two_services_share(void **state)
{
	_outcome_ fits = parse_prefixes(65536);
	_outcome_ more = parse_prefixes(65537);

	assert_int_equal(fits.r, 0);
	assert_int_equal(fits.p->n_prefixes, 65536);
	assert_int_equal(fits.p->services[1].private_link.n, 65536);
	assert_int_equal(more.r, -EINVAL);
	assert_int_equal(more.errors.n, 1);
	assert_item(&more.errors.v[0], "prefixes.big[65536]", "more than 65536 different prefixes");
	assert_true(fits.ns < 2 * NS_PER_S);
	assert_true(more.ns < 2 * NS_PER_S);
}

static void test_sets_that_double_do_not_explode(void **state)
{
	_cleanup_buf_ struct buf b = {};

	assert_int_equal(buf_puts(&b, HEAD ",\"prefixes\":{\"s0\":[\"10.0.0.0/8\"]"), 0);
	for (int i = 1; i < 200; i++)
		assert_int_equal(buf_printf(&b, ",\"s%d\":[\"@s%d\",\"@s%d\"]", i, i - 1, i - 1),
				 0);
	assert_int_equal(buf_puts(&b, "}}"), 0);
	{
		_outcome_ o = parse(b.data, b.len);

		assert_int_equal(o.errors.n, 1);
		assert_item(&o.errors.v[0], "prefixes.s20[0]", "expand to more than");
		assert_true(o.ns < 2 * NS_PER_S);
	}
}

static void test_4_mib_and_a_byte(void **state)
{
	size_t max = 4194304, head = strlen(HEAD);
	_cleanup_free_ char *text = malloc(max + 1);

	assert_non_null(text);
	memset(text, ' ', max + 1);
	memcpy(text, HEAD, head);
	text[head] = '}';
	{
		_outcome_ fits = parse(text, max);
		_outcome_ more = parse(text, max + 1);

		assert_int_equal(fits.r, 0);
		assert_int_equal(fits.p->text_len, max);
		assert_int_equal(more.r, -EFBIG);
		assert_int_equal(more.errors.n, 1);
		assert_int_equal(more.errors.v[0].line, 1);
		assert_int_equal(more.errors.v[0].column, 1);
		assert_item(&more.errors.v[0], "", "4194305 bytes: a policy has at most 4194304");
	}
}

static void assert_one_error(const char *text, size_t len, unsigned line, unsigned column,
			     const char *path, const char *message)
{
	_outcome_ o = parse(text, len);

	assert_int_equal(o.r, -EINVAL);
	assert_int_equal(o.errors.n, 1);
	assert_int_equal(o.errors.v[0].line, line);
	assert_int_equal(o.errors.v[0].column, column);
	assert_item(&o.errors.v[0], path, message);
}
#define ONE_ERROR(text, ...) assert_one_error(text, sizeof(text) - 1, __VA_ARGS__)

static void test_odd_bytes(void **state)
{
	ONE_ERROR("\xef\xbb\xbf" HEAD "}", 1, 1, "", "byte order mark");
	ONE_ERROR(HEAD ",\n\"owner\":\"a\0b\"}", 2, 11, "owner", "must not contain NUL");
	ONE_ERROR(HEAD "}\0", 1, strlen(HEAD) + 2, "", "text after the end");
	ONE_ERROR(HEAD ",\n\0}", 2, 1, "", "not the byte 0x00");
	ONE_ERROR(HEAD ",\n\"owner\":\"a\xc3(\"}", 2, 11, "owner", "invalid UTF-8 (byte 0xc3)");
	ONE_ERROR(HEAD ",\n\"owner\":\"\xc0\xaf\"}", 2, 10, "owner", "invalid UTF-8");
	ONE_ERROR(HEAD ",\n\"owner\":\"\xed\xa0\x80\"}", 2, 10, "owner", "invalid UTF-8");
	ONE_ERROR(HEAD ",\n\"owner\":\"\xf4\x90\x80\x80\"}", 2, 10, "owner", "invalid UTF-8");
	ONE_ERROR(HEAD ",\n\"owner\":\"\xff\"}", 2, 10, "owner", "invalid UTF-8");
	ONE_ERROR(HEAD ",\n\"owner\":\"\t\"}", 2, 10, "owner", "control character 0x09");
	ONE_ERROR(HEAD ",\n\"\xff\":1}", 2, 2, "", "invalid UTF-8");
	ONE_ERROR("\xff\xfe{\0", 1, 1, "", "expected a value, not the byte 0xff");
	ONE_ERROR(HEAD ",\r\n\"x\":1}", 2, 1, "x", "unknown member");
}

static void test_columns_count_bytes(void **state)
{
	ONE_ERROR(HEAD ",\n\"owner\":\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\",\"x\":1}", 2, 21, "x",
		  "unknown member");
}

static void test_control_characters_do_not_reach_a_terminal(void **state)
{
	ONE_ERROR(HEAD ",\n\"\\u001b[2J\":1}", 2, 1, "[\"?[2J\"]", "unknown member \"?[2J\"");
}

static void test_ten_thousand_errors_are_told_quickly(void **state)
{
	static const struct list l = { "\"profiles\":[{\"name\":\"r\",\"dns\":{\"allow\":[",
				       "\"a..%zu\"", "]}}]}" };
	_outcome_ o = parse_list(&l, 10000);

	assert_int_equal(o.errors.n, 10000);
	assert_true(o.ns < 2 * NS_PER_S);
	for (size_t i = 1; i < o.errors.n; i++)
		assert_true(o.errors.v[i - 1].line < o.errors.v[i].line);
	assert_item(&o.errors.v[9999], "profiles[0].dns.allow[9999]", "empty label");
}

static void test_many_unknown_and_duplicate_members_are_told_quickly(void **state)
{
	static const struct list unknown = { "\"a\":1,", "\"x%zu\":1", "}" };
	static const struct list same = { "\"a\":1,", "\"x\":%zu", "}" };
	_outcome_ o = parse_list(&unknown, 100000);
	_outcome_ d = parse_list(&same, 100000);

	assert_int_equal(o.errors.n, DIAG_LIST_MAX + 1);
	assert_int_equal(d.errors.n, DIAG_LIST_MAX + 1); /* unknown names, and repetitions */
	assert_true(o.ns < 5 * NS_PER_S);
	assert_true(d.ns < 5 * NS_PER_S);
}

static void test_deep_nesting_ends_early(void **state)
{
	_cleanup_free_ char *text = malloc(1 << 20);

	assert_non_null(text);
	memset(text, '[', 1 << 20);
	assert_one_error(text, 1 << 20, 1, 33, "", "more than 32 levels");
}

static void test_accepted_bytes_are_kept(void **state)
{
	static const char text[] = HEAD "} \n";
	_outcome_ o = parse(text, sizeof(text) - 1);

	assert_int_equal(o.r, 0);
	assert_int_equal(o.p->text_len, sizeof(text) - 1);
	assert_string_equal(o.p->text, text);
	assert_string_equal(o.p->sha256,
			    "018e46b06768a4e9a37bba51d3dcdfc4314c8c314e24b3852b82a42472ab5173");
}

static void test_profiles_are_found_by_name(void **state)
{
	static const char text[] = HEAD ",\"profiles\":[{\"name\":\"a\"},{\"name\":\"b\"}]}";
	_outcome_ o = parse(text, sizeof(text) - 1);

	assert_int_equal(policy_find_profile(o.p, "b"), 1);
	assert_int_equal(policy_find_profile(o.p, "host"), 2);
	assert_int_equal(policy_find_profile(o.p, "selftest"), 5);
	assert_int_equal(policy_find_profile(o.p, "c"), -ENOENT);
	assert_int_equal(o.p->n_profiles, 6);
}

static void test_what_needs_kubernetes_is_told_with_its_place(void **state)
{
	static const char text[] = HEAD ",\"profiles\":[{\"name\":\"a\",\"egress\":{\"rules\":[\n"
					"{\"action\":\"allow\",\"to\":\"node\"},\n"
					"{\"action\":\"allow\",\"cidr\":\"10.0.0.0/8\"},\n"
					"{\"action\":\"deny\",\"to\":{\"service\":\"a/b\"}}]}}]}";
	_outcome_ o = parse(text, sizeof(text) - 1);
	struct diag_list errors = {};

	assert_int_equal(policy_needs_kubernetes(o.p, &errors), 2);
	assert_int_equal(policy_needs_kubernetes(o.p, NULL), 2);
	assert_int_equal(errors.n, 2);
	assert_int_equal(errors.v[0].line, 2);
	assert_int_equal(errors.v[0].column, 24);
	assert_item(&errors.v[0], "profiles[0].egress.rules[0].to", "needs Kubernetes");
	assert_int_equal(errors.v[1].line, 4);
	assert_item(&errors.v[1], "profiles[0].egress.rules[2].to", "needs Kubernetes");
	diag_list_free(&errors);
}

static void test_the_built_in_policy_is_valid_and_silent(void **state)
{
	const char *text = policy_builtin_text();
	_outcome_ o = parse(text, strlen(text));

	assert_int_equal(o.r, 0);
	assert_int_equal(o.warnings.n, 0);
	assert_int_equal(o.p->mode, POLICY_MODE_AUDIT);
	assert_true(o.p->resolvers_system);
	assert_int_equal(o.p->n_services, 5);
	for (size_t i = 0; i < o.p->n_services; i++) {
		assert_string_equal(o.p->services[i].name, o.p->services[i].preset);
		assert_false(o.p->services[i].dedicated);
		assert_int_equal(o.p->services[i].private_link.n, 7);
		assert_true(o.p->services[i].enforce_everyone);
	}
	assert_true(o.p->ai_public_names.n > 20);
	assert_int_equal(o.p->default_profile, (size_t)policy_find_profile(o.p, "host"));
	assert_int_equal(o.p->default_pod_profile, o.p->default_profile);
	assert_int_equal(o.p->unknown_profile, o.p->default_profile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_64_services),
		cmocka_unit_test(test_32_proxies),
		cmocka_unit_test(test_256_profiles),
		cmocka_unit_test(test_64_audiences_of_an_identity),
		cmocka_unit_test(test_4096_workloads),
		cmocka_unit_test(test_256_sets),
		cmocka_unit_test(test_1024_rules_of_a_profile),
		cmocka_unit_test(test_1024_rules_with_inherited_ones),
		cmocka_unit_test(test_10000_names),
		cmocka_unit_test(test_a_name_counts_once),
		cmocka_unit_test(test_65536_prefixes_that_two_services_share),
		cmocka_unit_test(test_sets_that_double_do_not_explode),
		cmocka_unit_test(test_4_mib_and_a_byte),
		cmocka_unit_test(test_odd_bytes),
		cmocka_unit_test(test_columns_count_bytes),
		cmocka_unit_test(test_control_characters_do_not_reach_a_terminal),
		cmocka_unit_test(test_ten_thousand_errors_are_told_quickly),
		cmocka_unit_test(test_many_unknown_and_duplicate_members_are_told_quickly),
		cmocka_unit_test(test_deep_nesting_ends_early),
		cmocka_unit_test(test_accepted_bytes_are_kept),
		cmocka_unit_test(test_profiles_are_found_by_name),
		cmocka_unit_test(test_what_needs_kubernetes_is_told_with_its_place),
		cmocka_unit_test(test_the_built_in_policy_is_valid_and_silent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
