// SPDX-License-Identifier: Apache-2.0
/* Documents at the limits compile quickly; one more than fits is refused with the numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "base/str.h"
#include "compiled.h"

#if defined(__SANITIZE_ADDRESS__)
#define COMPILE_MAX_S 5.0
#else
#define COMPILE_MAX_S 1.0
#endif

/* Appends @n texts made of a number, with commas between. */
static void add_each(struct buf *b, size_t n, void (*one)(struct buf *b, size_t i))
{
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(buf_puts(b, i ? "," : ""), 0);
		one(b, i);
	}
}

static void one_host(struct buf *b, size_t i)
{
	assert_int_equal(buf_printf(b, "'20.%zu.%zu.%zu'", i >> 16 & 255, i >> 8 & 255, i & 255),
			 0);
}

static void one_name(struct buf *b, size_t i)
{
	assert_int_equal(buf_printf(b, "'%sn%zu.example%zu.com'", i & 1 ? "*." : "", i, i % 7), 0);
}

static void one_port_rule(struct buf *b, size_t i)
{
	assert_int_equal(
		buf_printf(b, "{'action':'allow','cidr':'10.0.0.0/8','ports':[%zu]}", 2 * i + 1),
		0);
}

static void one_prefix_rule(struct buf *b, size_t i)
{
	assert_int_equal(buf_printf(b, "{'action':'%s','cidr':'10.%zu.%zu.0/24'}",
				    i % 3 ? "allow" : "deny", i >> 8, i & 255),
			 0);
}

static void one_profile(struct buf *b, size_t i)
{
	assert_int_equal(buf_printf(b, "{'name':'p%zu','extends':'base'}", i), 0);
}

static void one_named_profile(struct buf *b, size_t i)
{
	assert_int_equal(buf_printf(b,
				    "{'name':'p%zu','egress':{'rules':["
				    "{'action':'allow','names':['*.example.com']}]}}",
				    i),
			 0);
}

static void one_workload(struct buf *b, size_t i)
{
	assert_int_equal(buf_printf(b, "{'match':{'cgroup':'/s%zu.slice/w%zu-*'},'profile':'host'}",
				    i / 16, i),
			 0);
}

/* Compiles what @b has; returns the seconds that policy_compile() alone took. */
static double compile(struct compiled *c, struct buf *b)
{
	const struct compile_opts o = { .generation = 1, .now = COMPILED_NOW };
	struct timespec from, to;

	compiled_open(c, b->data);
	buf_free(b);
	policy_image_free(c->image);
	c->image = NULL;
	diag_list_free(&c->errors);
	clock_gettime(CLOCK_MONOTONIC, &from);
	(void)policy_compile(c->policy, &o, &c->image, &c->errors); /* image and errors say it */
	clock_gettime(CLOCK_MONOTONIC, &to);
	return (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
}

static void assert_refused(const struct compiled *c, const char *what)
{
	assert_null(c->image);
	for (size_t i = 0; i < c->errors.n; i++)
		if (strstr(c->errors.v[i].message, what))
			return;
	for (size_t i = 0; i < c->errors.n; i++)
		print_error("%s: %s\n", c->errors.v[i].path, c->errors.v[i].message);
	fail_msg("no error with \"%s\"", what);
}

static void prefixes_and_names_at_their_limits_compile_quickly(void **state)
{
	struct buf b = {};
	struct compiled c;
	double s;

	assert_int_equal(buf_puts(&b, "'mode':'enforce','services':[{'name':'s','names':["), 0);
	add_each(&b, 5000, one_name);
	assert_int_equal(buf_puts(&b, "],'private_link':["), 0);
	add_each(&b, 32768, one_host);
	assert_int_equal(buf_puts(&b, "]}],'prefixes':{'set':["), 0);
	add_each(&b, 32768, one_host);
	assert_int_equal(buf_puts(&b, "]},'profiles':[{'name':'p','egress':{'rules':["
				      "{'action':'deny','cidr':'@set'},"
				      "{'action':'allow','names':["),
			 0);
	add_each(&b, 10000, one_name);
	assert_int_equal(buf_puts(&b, "]}]}}]"), 0);
	s = compile(&c, &b);
	assert_non_null(c.image);
	assert_true(c.image->n_prefixes >= 65536);
	assert_int_equal(c.image->n_named, 10000);
	assert_true(s < COMPILE_MAX_S);
	compiled_close(&c);
}

/* Every id is remembered for a pattern that is gone: all names of a policy still get one. */
static void as_many_names_as_may_be_find_ids_quickly(void **state)
{
	struct pattern_ids *full = pattern_ids_new(ZTA_PATTERN_IDS, ZTA_PATTERN_IDS * 24UL);
	struct policy_ids ids = { .patterns = full };
	const struct compile_opts o = { .ids = &ids, .generation = 2, .now = COMPILED_NOW };
	struct timespec from, to;
	struct buf b = {};
	struct compiled c;
	uint32_t place = 1;

	assert_non_null(full);
	for (uint32_t i = 1; i < ZTA_PATTERN_IDS; i++) {
		full->v[i] = (struct pattern_id){ place, 1 };
		place += (uint32_t)sprintf(full->texts + place, "*.n%u.test", i) + 1;
	}
	assert_int_equal(buf_puts(&b, "'mode':'enforce','profiles':[{'name':'p','dns':{"
				      "'names':'listed'},'egress':{'rules':["
				      "{'action':'allow','names':["),
			 0);
	add_each(&b, ZTA_NAMES_MAX, one_name);
	assert_int_equal(buf_puts(&b, "]}]}}]"), 0);
	compiled_open(&c, b.data);
	buf_free(&b);
	policy_image_free(c.image);
	clock_gettime(CLOCK_MONOTONIC, &from);
	assert_int_equal(policy_compile(c.policy, &o, &c.image, NULL), 0);
	clock_gettime(CLOCK_MONOTONIC, &to);
	assert_true((double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9 <
		    COMPILE_MAX_S);
	assert_int_equal(c.image->n_name_patterns, ZTA_NAMES_MAX);
	assert_int_equal(c.image->n_names, 2 * ZTA_NAMES_MAX + 2);
	for (size_t i = 0; i < c.image->n_names; i++)
		assert_true(c.image->names[i].value > 0 &&
			    c.image->names[i].value < ZTA_PATTERN_IDS);
	compiled_close(&c);
	pattern_ids_unref(full);
}

static void one_profile_can_have_its_1024_rules(void **state)
{
	struct buf b = {};
	struct compiled c;

	assert_int_equal(
		buf_puts(&b, "'mode':'enforce','profiles':[{'name':'p','egress':{'rules':["), 0);
	add_each(&b, ZTA_RULES_MAX, one_prefix_rule);
	assert_int_equal(buf_puts(&b, "]}}]"), 0);
	(void)compile(&c, &b); /* its time is of no interest */
	assert_non_null(c.image);
	compiled_close(&c);
}

static void more_prefix_nodes_than_fit_are_told_with_the_numbers(void **state)
{
	struct buf b = {};
	struct compiled c;

	assert_int_equal(buf_puts(&b, "'mode':'enforce','prefixes':{'set':["), 0);
	add_each(&b, 40000, one_host);
	assert_int_equal(buf_puts(&b, "]},'profiles':[{'name':'base','egress':{'rules':["
				      "{'action':'allow','cidr':'@set'}]}},"),
			 0);
	add_each(&b, 2, one_profile);
	assert_int_equal(buf_puts(&b, "]"), 0);
	(void)compile(&c, &b); /* its time is of no interest */
	assert_refused(&c, "prefixes needs 120007 entries, 65600 fit");
	compiled_close(&c);
}

/* The limit of a list: sixty-four rules can meet at an address, the sixty-fifth is refused. */
static void a_list_holds_64_entries(void **state)
{
	for (size_t n = ZTA_LIST_MAX; n <= ZTA_LIST_MAX + 1; n++) {
		struct buf b = {};
		struct compiled c;

		assert_int_equal(buf_puts(&b, "'mode':'enforce','profiles':[{'name':'p','egress':{"
					      "'rules':["),
				 0);
		add_each(&b, n, one_port_rule);
		assert_int_equal(buf_puts(&b, "]}}]"), 0);
		(void)compile(&c, &b); /* its time is of no interest */
		if (n == ZTA_LIST_MAX) {
			assert_non_null(c.image);
		} else {
			assert_refused(&c, "profile \"p\" can match 65 rules");
			assert_string_equal(c.errors.v[0].path, "profiles[0].egress.rules[0]");
			assert_true(c.errors.v[0].column > 1);
		}
		compiled_close(&c);
	}
}

static void more_named_pairs_than_fit_are_told_with_the_numbers(void **state)
{
	struct buf b = {};
	struct compiled c;

	assert_int_equal(buf_puts(&b, "'mode':'enforce','profiles':["), 0);
	add_each(&b, 250, one_named_profile);
	assert_int_equal(buf_puts(&b, "],'services':[{'name':'s','private_link':['10.1.0.0/16'],"
				      "'names':["),
			 0);
	for (size_t i = 0; i < 100; i++)
		assert_int_equal(buf_printf(&b, "%s'a%zu.example.com'", i ? "," : "", i), 0);
	assert_int_equal(buf_puts(&b, "]}]"), 0);
	(void)compile(&c, &b); /* its time is of no interest */
	assert_refused(&c, "named needs 25250 entries, 16384 fit");
	compiled_close(&c);
}

static void every_table_that_does_not_fit_is_told(void **state)
{
	struct buf b = {};
	struct compiled c;

	assert_int_equal(buf_puts(&b, "'mode':'enforce','prefixes':{'set':["), 0);
	add_each(&b, 40000, one_host);
	assert_int_equal(buf_puts(&b, "]},'profiles':[{'name':'base','egress':{'rules':["
				      "{'action':'allow','cidr':'@set'},"
				      "{'action':'allow','names':['*.example.com']}]}},"),
			 0);
	add_each(&b, 250, one_profile);
	assert_int_equal(buf_puts(&b, "],'services':[{'name':'s','private_link':['10.1.0.0/16'],"
				      "'names':["),
			 0);
	for (size_t i = 0; i < 100; i++)
		assert_int_equal(buf_printf(&b, "%s'a%zu.example.com'", i ? "," : "", i), 0);
	assert_int_equal(buf_puts(&b, "]}]"), 0);
	(void)compile(&c, &b); /* its time is of no interest */
	assert_refused(&c, "prefixes needs more than 1049600 entries, 65600 fit");
	assert_refused(&c, "named needs");
	compiled_close(&c);
}

static void workloads_at_their_limit_compile(void **state)
{
	struct buf b = {};
	struct compiled c;

	assert_int_equal(buf_puts(&b, "'mode':'enforce','workloads':["), 0);
	add_each(&b, ZTA_WORKLOADS_MAX, one_workload);
	assert_int_equal(buf_puts(&b, "]"), 0);
	assert_true(compile(&c, &b) < COMPILE_MAX_S);
	assert_non_null(c.image);
	assert_int_equal(c.image->patterns.n_globs, ZTA_WORKLOADS_MAX);
	assert_int_equal(policy_workload_of(c.policy, "/s7.slice/w113-x/y"), 113);
	compiled_close(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prefixes_and_names_at_their_limits_compile_quickly),
		cmocka_unit_test(as_many_names_as_may_be_find_ids_quickly),
		cmocka_unit_test(one_profile_can_have_its_1024_rules),
		cmocka_unit_test(more_prefix_nodes_than_fit_are_told_with_the_numbers),
		cmocka_unit_test(a_list_holds_64_entries),
		cmocka_unit_test(more_named_pairs_than_fit_are_told_with_the_numbers),
		cmocka_unit_test(every_table_that_does_not_fit_is_told),
		cmocka_unit_test(workloads_at_their_limit_compile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
