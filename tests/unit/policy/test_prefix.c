// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/diag.h"
#include "policy/prefix.h"

static void assert_prefix(const char *text, const char *printed, unsigned family, unsigned len)
{
	struct policy_prefix p;
	char back[PREFIX_TEXT_LEN];

	assert_int_equal(prefix_parse(text, &p, NULL), 0);
	assert_int_equal(p.addr.family, family);
	assert_int_equal(p.len, len);
	prefix_format(&p, back);
	assert_string_equal(back, printed);
}

static void test_prefixes_are_read_and_printed(void **state)
{
	assert_prefix("10.0.0.0/8", "10.0.0.0/8", ZTA_V4, 8);
	assert_prefix("10.1.2.3", "10.1.2.3", ZTA_V4, 32);
	assert_prefix("10.1.2.3/32", "10.1.2.3", ZTA_V4, 32);
	assert_prefix("0.0.0.0/0", "0.0.0.0/0", ZTA_V4, 0);
	assert_prefix("255.255.255.255", "255.255.255.255", ZTA_V4, 32);
	assert_prefix("::/0", "::/0", ZTA_V6, 0);
	assert_prefix("FD00:0:0::/48", "fd00::/48", ZTA_V6, 48);
	assert_prefix("2001:0DB8:0:0:8:800:200C:417A", "2001:db8::8:800:200c:417a", ZTA_V6, 128);
	assert_prefix("fe80::/10", "fe80::/10", ZTA_V6, 10);
	assert_prefix("64:ff9b::1.2.3.4/128", "64:ff9b::102:304", ZTA_V6, 128);
}

static void assert_refused(const char *text, const char *message)
{
	struct policy_prefix p = { .len = 77 };
	struct diag d;

	assert_int_equal(prefix_parse(text, &p, &d), -EINVAL);
	assert_string_equal(d.text, message);
	assert_int_equal(p.len, 77); /* untouched */
}

static void test_refusals_say_what_to_write(void **state)
{
	assert_refused("10.0.0.0/33", "\"10.0.0.0/33\" is not an IP prefix");
	assert_refused("10.0.0.1/31", "\"10.0.0.1/31\" has host bits set: write \"10.0.0.0/31\"");
	assert_refused("0.0.0.1/0", "\"0.0.0.1/0\" has host bits set: write \"0.0.0.0/0\"");
	assert_refused("2001:db8::1/33",
		       "\"2001:db8::1/33\" has host bits set: write \"2001:db8::/33\"");
	assert_refused("::ffff:1.2.3.4",
		       "\"::ffff:1.2.3.4\" is an IPv4-mapped form: write \"1.2.3.4\"");
	assert_refused("::ffff:1.2.3.4/112",
		       "\"::ffff:1.2.3.4/112\" is an IPv4-mapped form: write \"1.2.0.0/16\"");
	assert_refused("fe80::1%lo/64",
		       "\"fe80::1%lo/64\" is not an IP prefix: zone ids mean nothing here");
	assert_refused("01.2.3.4",
		       "\"01.2.3.4\" is not an IP prefix: numbers have no leading zeros");
	assert_refused("1.2.3.4/032",
		       "\"1.2.3.4/032\" is not an IP prefix: numbers have no leading zeros");
	assert_refused("", "\"\" is not an IP prefix");
	assert_refused("1111:2222:3333:4444:5555:6666:7777:8888:9999:0000",
		       "\"1111:2222:3333:4444:5555:6666:7777:8888:9999:0000\" is not an IP prefix");
}

static void test_addresses_are_normalised(void **state)
{
	struct zta_addr a;
	char text[INET6_ADDRSTRLEN];

	assert_int_equal(addr_parse("::ffff:1.2.3.4", &a), 0);
	assert_int_equal(a.family, ZTA_V4);
	assert_int_equal(a.w[0], htonl(0x01020304));
	assert_int_equal(a.w[1] | a.w[2] | a.w[3], 0);
	addr_format(&a, text);
	assert_string_equal(text, "1.2.3.4");
	assert_int_equal(addr_parse("::1", &a), 0);
	assert_int_equal(a.family, ZTA_V6);
	assert_int_equal(addr_parse("1.2.3.4/32", &a), -EINVAL);
	assert_int_equal(addr_parse("fe80::1%lo", &a), -EINVAL);
	assert_int_equal(addr_parse("1.2.3", &a), -EINVAL);
	assert_int_equal(addr_parse("", &a), -EINVAL);
}

static void test_mapped_addresses_are_printed_as_ipv4(void **state)
{
	struct zta_addr a = { .w = { 0, 0, htonl(0xffff), htonl(0x0a000001) }, .family = ZTA_V6 };
	char text[INET6_ADDRSTRLEN];

	addr_format(&a, text);
	assert_string_equal(text, "10.0.0.1");
}

static bool covers(const char *outer, const char *inner)
{
	struct policy_prefix o, i;

	assert_int_equal(prefix_parse(outer, &o, NULL), 0);
	assert_int_equal(prefix_parse(inner, &i, NULL), 0);
	return prefix_covers(&o, &i);
}

static void test_covering(void **state)
{
	assert_true(covers("10.0.0.0/8", "10.1.0.0/16"));
	assert_true(covers("10.0.0.0/8", "10.0.0.0/8"));
	assert_true(covers("0.0.0.0/0", "1.2.3.4"));
	assert_true(covers("::/0", "fd00::1"));
	assert_true(covers("fd00::/33", "fd00:0:1::/48"));
	assert_false(covers("10.1.0.0/16", "10.0.0.0/8"));
	assert_false(covers("10.0.0.0/8", "11.0.0.0/8"));
	assert_false(covers("0.0.0.0/0", "::1"));
	assert_false(covers("::/0", "1.2.3.4"));
	assert_false(covers("fd00::/33", "fd00:0:8000::/48"));
}

static void test_order(void **state)
{
	static const char *const sorted[] = { "0.0.0.0/0",   "10.0.0.0/8", "10.0.0.0/9",
					      "10.1.0.0/16", "::/0",	   "::1",
					      "fd00::/8" };
	struct policy_prefix a, b;

	for (size_t i = 0; i < sizeof(sorted) / sizeof(sorted[0]); i++)
		for (size_t j = 0; j < sizeof(sorted) / sizeof(sorted[0]); j++) {
			assert_int_equal(prefix_parse(sorted[i], &a, NULL), 0);
			assert_int_equal(prefix_parse(sorted[j], &b, NULL), 0);
			assert_int_equal(prefix_compare(&a, &b) < 0, i < j);
			assert_int_equal(prefix_compare(&a, &b) == 0, i == j);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prefixes_are_read_and_printed),
		cmocka_unit_test(test_refusals_say_what_to_write),
		cmocka_unit_test(test_addresses_are_normalised),
		cmocka_unit_test(test_mapped_addresses_are_printed_as_ipv4),
		cmocka_unit_test(test_covering),
		cmocka_unit_test(test_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
