// SPDX-License-Identifier: Apache-2.0
/* Names: as long as they can be, of any octets, to text and back; and queries for them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dns_reading.h"

/* A label of @n octets, all @c. */
static void put_label(unsigned int n, int c)
{
	put8(&m, n);
	for (unsigned int i = 0; i < n; i++)
		put8(&m, c);
}

static int name_of(const unsigned int *labels, size_t n)
{
	m.len = 0;
	put_header(&m, 0x8180, 1, 0);
	for (size_t i = 0; i < n; i++)
		put_label(labels[i], 'a');
	put8(&m, 0);
	put32(&m, 1 << 16 | 1);
	return got();
}

static void names_as_long_as_names_can_be(void **state)
{
	unsigned int many[128];

	assert_int_equal(name_of((unsigned int[]){ 63, 63, 63, 61 }, 4), 0); /* 253 in text */
	assert_int_equal(a.question.len, DNS_NAME_MAX);
	assert_int_equal(name_of((unsigned int[]){ 63, 63, 63, 62 }, 4), -EBADMSG);
	for (size_t i = 0; i < N(many); i++)
		many[i] = 1;
	assert_int_equal(name_of(many, 127), 0);
	assert_int_equal(a.question.len, DNS_NAME_MAX);
	assert_int_equal(name_of(many, 128), -EBADMSG);
	assert_int_equal(name_of(NULL, 0), 0);
	expect_name(&a.question, ".");

	/* too long by its pointer alone */
	put_response(&m, "a.example", 1, 1);
	m.len = 0;
	put_header(&m, 0x8180, 1, 1);
	for (int i = 0; i < 3; i++)
		put_label(63, 'b');
	put_label(61, 'b');
	put8(&m, 0);
	put32(&m, 1 << 16 | 1);
	put_label(1, 'c');
	put_pointer(&m, 12);
	put_fixed(&m, 16, 0, 0);
	assert_int_equal(got(), -EBADMSG);
}

static void any_octet_may_stand_in_a_label(void **state)
{
	char text[DNS_TEXT_LEN];
	struct dns_name again;

	for (int c = 0; c < 256; c++) {
		m.len = 0;
		put_header(&m, 0x8180, 1, 0);
		put_label(3, c);
		put_label(1, 'x');
		put8(&m, 0);
		put32(&m, 1 << 16 | 1);
		assert_int_equal(got(), 0);
		dns_name_text(&a.question, text);
		for (const char *s = text; *s; s++)
			assert_true(*s > ' ' && *s <= '~');
		assert_int_equal(dns_name_read(text, &again), 0);
		assert_true(dns_name_equal(&again, &a.question));
	}
	m.len = 0;
	put_header(&m, 0x8180, 1, 0);
	put_name(&m, "");
	m.len--;
	put8(&m, 7);
	put_bytes(&m, "a.b\\c\0D", 7);
	put8(&m, 0);
	put32(&m, 1 << 16 | 1);
	assert_int_equal(got(), 0);
	expect_name(&a.question, "a\\.b\\\\c\\000d");
}

static void names_from_text(void **state)
{
	static const char *const wrong[] = {
		"",
		"..",
		".a",
		"a..b",
		"a\\",
		"a\\25",
		"a\\256",
		"\\9",
		"a.\\",
		"a..",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	};
	struct dns_name n, dotted;

	assert_int_equal(dns_name_read("WWW.Example.com", &n), 0);
	expect_name(&n, "www.example.com");
	assert_int_equal(dns_name_read("www.example.com.", &dotted), 0);
	assert_true(dns_name_equal(&n, &dotted));
	assert_int_equal(dns_name_read(".", &n), 0);
	assert_int_equal(n.len, 1);
	for (size_t i = 0; i < N(wrong); i++)
		assert_int_equal(dns_name_read(wrong[i], &n), -EINVAL);
}

static void a_query_is_what_resolvers_take(void **state)
{
	static const uint8_t want[] = { 0xab, 0xcd, 1,	 0, 0,	  1,   0, 0, 0,	 0, 0,
					1,    1,    'a', 2, 'b',  'c', 0, 0, 28, 0, 1, /* EDNS */
					0,    0,    41,	 4, 0xd0, 0,   0, 0, 0,	 0, 0 };
	uint8_t q[DNS_QUERY_MAX];
	struct dns_name n;
	unsigned int many[] = { 63, 63, 63, 61 };

	assert_int_equal(dns_name_read("a.bc", &n), 0);
	assert_int_equal(dns_query_write(&n, DNS_TYPE_AAAA, 0xabcd, q), sizeof(want));
	assert_memory_equal(q, want, sizeof(want));
	assert_int_equal(name_of(many, 4), 0);
	assert_int_equal(dns_query_write(&a.question, 1, 1, q), DNS_QUERY_MAX);

	/* a query is no answer */
	assert_int_equal(dns_answer_read(q, DNS_QUERY_MAX, &a, &why), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_as_long_as_names_can_be),
		cmocka_unit_test(any_octet_may_stand_in_a_label),
		cmocka_unit_test(names_from_text),
		cmocka_unit_test(a_query_is_what_resolvers_take),
	};

	return cmocka_run_group_tests_name("dns_names", tests, NULL, NULL);
}
