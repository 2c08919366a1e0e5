// SPDX-License-Identifier: Apache-2.0
/* Answers: read whole, in whatever form resolvers write them, and refused where they lie. */
#include <arpa/inet.h>
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

static const uint8_t six[16] = { 0xfd, 0, 0, 0x20, [15] = 4 };

static void expect_v4(size_t i, const char *text, uint32_t ttl)
{
	char buf[INET6_ADDRSTRLEN];

	assert_true(i < a.n_addresses);
	assert_int_equal(a.addresses[i].addr.family, ZTA_V4);
	inet_ntop(AF_INET, a.addresses[i].addr.w, buf, sizeof(buf));
	assert_string_equal(buf, text);
	assert_int_equal(a.addresses[i].ttl_s, ttl);
}

static void an_answer_of_one_address(void **state)
{
	put_response(&m, "A.Example.COM", 1, 1);
	put_a(&m, "a.example.com", 300, 0x0a140005);
	assert_int_equal(got(), 0);
	assert_int_equal(a.id, 0x1234);
	assert_int_equal(a.type, 1);
	assert_int_equal(a.rcode, DNS_RCODE_OK);
	assert_false(a.truncated || a.cut || a.more);
	expect_name(&a.question, "a.example.com");
	assert_int_equal(a.n_chain, 0);
	assert_int_equal(a.n_addresses, 1);
	expect_v4(0, "10.20.0.5", 300);
}

static void the_other_family(void **state)
{
	put_response(&m, "a.example", 28, 2);
	put_a(&m, "a.example", 1, 0x0a000001); /* not asked for */
	put_aaaa(&m, "a.example", 20, six);
	assert_int_equal(got(), 0);
	assert_int_equal(a.n_addresses, 1);
	assert_int_equal(a.addresses[0].addr.family, ZTA_V6);
	assert_memory_equal(a.addresses[0].addr.w, six, 16);

	put_response(&m, "a.example", DNS_TYPE_ANY, 2);
	put_a(&m, "a.example", 1, 0x0a000001);
	put_aaaa(&m, "a.example", 20, six);
	assert_int_equal(got(), 0);
	assert_int_equal(a.n_addresses, 2);
}

static void a_chain_of_eight_in_any_order(void **state)
{
	/* resolvers send links in order; nothing says that they must */
	static const int order[] = { 3, 0, 7, 1, 6, 2, 5, 4 };
	char owner[32], target[32];

	put_response(&m, "n0.example", 1, 9);
	put_a(&m, "n8.example", 5, 0x0a000001);
	for (size_t i = 0; i < N(order); i++) {
		snprintf(owner, sizeof(owner), "N%d.example", order[i]);
		snprintf(target, sizeof(target), "n%d.EXAMPLE", order[i] + 1);
		put_cname(&m, owner, target);
	}
	assert_int_equal(got(), 0);
	assert_int_equal(a.n_chain, 8);
	for (int i = 0; i < 8; i++) {
		snprintf(target, sizeof(target), "n%d.example", i + 1);
		expect_name(&a.chain[i], target);
	}
	assert_int_equal(a.n_addresses, 1);
	expect_v4(0, "10.0.0.1", 5);
}

static void compression_is_followed(void **state)
{
	size_t tail, target;

	put_response(&m, "my.openai.azure.com", 1, 2);
	tail = 12 + 3; /* "openai.azure.com" */
	put_pointer(&m, 12);
	put_fixed(&m, 5, 60, 3 + 12 + 2);
	target = m.len;
	put8(&m, 2);
	put_bytes(&m, "my", 2);
	put8(&m, 11);
	put_bytes(&m, "privatelink", 11);
	put_pointer(&m, tail);
	put_pointer(&m, target); /* a pointer to a name that ends in a pointer */
	put_fixed(&m, 1, 10, 4);
	put32(&m, 0x0a140004);
	assert_int_equal(got(), 0);
	assert_int_equal(a.n_chain, 1);
	expect_name(&a.chain[0], "my.privatelink.openai.azure.com");
	expect_v4(0, "10.20.0.4", 10);
}

static void refused_owner(size_t pointer)
{
	put_response(&m, "a.example", 1, 1);
	put_pointer(&m, pointer);
	put_fixed(&m, 1, 10, 4);
	put32(&m, 0x0a140004);
	assert_int_equal(got(), -EBADMSG);
	assert_string_equal(why, "a record cannot be read");
}

static void pointers_lead_backwards_or_nowhere(void **state)
{
	size_t owner;

	put_response(&m, "a.example", 1, 1);
	owner = m.len;
	refused_owner(owner);	  /* itself */
	refused_owner(owner + 2); /* forwards */
	refused_owner(0x3fff);	  /* out of the message */

	/* two names that lead to each other: the second jump would go forwards again */
	put_response(&m, "a.example", 1, 2);
	put8(&m, 1);
	put8(&m, 'x');
	put_pointer(&m, m.len + 2);
	put_fixed(&m, 16, 0, 2);
	put_pointer(&m, m.len - 14);
	assert_int_equal(got(), -EBADMSG);

	/* reserved kinds of labels */
	for (unsigned int kind = 0x40; kind <= 0x80; kind += 0x40) {
		put_response(&m, "a.example", 1, 1);
		put8(&m, kind | 1);
		put8(&m, 'a');
		put8(&m, 0);
		put_fixed(&m, 1, 10, 4);
		put32(&m, 0x0a140004);
		assert_int_equal(got(), -EBADMSG);
	}
}

static void poisoned_records_are_nobodys(void **state)
{
	put_response(&m, "a.example", 1, 5);
	put_a(&m, "victim.example", 300, 0x01020304);
	put_cname(&m, "victim.example", "elsewhere.example");
	put_a(&m, "elsewhere.example", 300, 0x01020305);
	put_name(&m, "a.example"); /* another class: CHAOS */
	put16(&m, 1);
	put16(&m, 3);
	put32(&m, 60);
	put16(&m, 4);
	put32(&m, 0x01020306);
	put_a(&m, "a.example", 7, 0x0a000001);
	/* behind the answer section */
	put_a(&m, "a.example", 7, 0x01020307);
	m.bytes[11] = 1; /* one additional record */
	assert_int_equal(got(), 0);
	assert_int_equal(a.n_chain, 0);
	assert_int_equal(a.n_addresses, 1);
	expect_v4(0, "10.0.0.1", 7);
}

static void chains_that_lead_back_or_apart_are_refused(void **state)
{
	put_response(&m, "a.example", 1, 1);
	put_cname(&m, "a.example", "a.example");
	assert_int_equal(got(), -EBADMSG);

	put_response(&m, "a.example", 1, 2);
	put_cname(&m, "a.example", "b.example");
	put_cname(&m, "b.example", "a.example");
	assert_int_equal(got(), -EBADMSG);

	put_response(&m, "a.example", 1, 2);
	put_cname(&m, "a.example", "b.example");
	put_cname(&m, "a.example", "c.example");
	assert_int_equal(got(), -EBADMSG);
	assert_string_equal(why, "its chain of names leads back or apart");

	put_response(&m, "a.example", 1, 2); /* the same twice */
	put_cname(&m, "a.example", "b.example");
	put_cname(&m, "a.example", "B.example");
	assert_int_equal(got(), 0);
	assert_int_equal(a.n_chain, 1);
}

static void long_chains_are_told_in_part(void **state)
{
	char owner[32], target[32];

	put_response(&m, "n0.example", 1, DNS_CHAIN_MAX + 2);
	for (int i = 0; i <= DNS_CHAIN_MAX; i++) {
		snprintf(owner, sizeof(owner), "n%d.example", i);
		snprintf(target, sizeof(target), "n%d.example", i + 1);
		put_cname(&m, owner, target);
	}
	snprintf(owner, sizeof(owner), "n%d.example", DNS_CHAIN_MAX);
	put_a(&m, target, 1, 0x0a000001);
	assert_int_equal(got(), 0);
	assert_true(a.more);
	assert_int_equal(a.n_chain, DNS_CHAIN_MAX);
	assert_int_equal(a.n_addresses, 0); /* not of the last name that is told */
}

static void addresses_up_to_a_hundred(void **state)
{
	static const int counts[] = { 0, 1, 2, 100, 101, 400 };

	for (size_t k = 0; k < N(counts); k++) {
		int n = counts[k];

		put_response(&m, "a.example", 1, n);
		for (int i = 0; i < n; i++) {
			put_pointer(&m, 12);
			put_fixed(&m, 1, 60, 4);
			put32(&m, 0x0a000001 + i);
		}
		assert_int_equal(got(), 0);
		assert_int_equal(a.n_addresses, n < 100 ? n : 100);
		assert_int_equal(a.more, n > 100);
	}
	expect_v4(99, "10.0.0.100", 60);
}

static void addresses_have_their_size(void **state)
{
	static const struct {
		unsigned int type;
		size_t len;
	} wrong[] = { { 1, 0 }, { 1, 3 }, { 1, 5 }, { 1, 16 }, { 28, 4 }, { 28, 15 }, { 28, 17 } };

	for (size_t i = 0; i < N(wrong); i++) {
		put_response(&m, "a.example", wrong[i].type, 1);
		put_pointer(&m, 12);
		put_fixed(&m, wrong[i].type, 60, wrong[i].len);
		for (size_t k = 0; k < wrong[i].len; k++)
			put8(&m, 10);
		assert_int_equal(got(), -EBADMSG);
	}
	/* data of a CNAME: a name, all of it and nothing else */
	put_response(&m, "a.example", 1, 1);
	put_cname(&m, "a.example", "b.example");
	put8(&m, 0);
	m.bytes[m.len - 13]++; /* its length counts one octet more */
	assert_int_equal(got(), -EBADMSG);
}

static void times_to_live(void **state)
{
	static const struct {
		uint32_t wire, told;
	} ttl[] = { { 0, 0 }, { 1, 1 }, { 0x7fffffff, 0x7fffffff }, { 0x80000000, 0 }, { ~0U, 0 } };

	for (size_t i = 0; i < N(ttl); i++) {
		put_response(&m, "a.example", 1, 1);
		put_a(&m, "a.example", ttl[i].wire, 0x0a000001);
		assert_int_equal(got(), 0);
		expect_v4(0, "10.0.0.1", ttl[i].told);
	}
}

static void what_is_no_answer_is_refused(void **state)
{
	put_response(&m, "a.example", 1, 0);
	m.bytes[2] = 0x01; /* a query */
	assert_int_equal(got(), -EBADMSG);
	assert_string_equal(why, "it is a query");
	m.bytes[2] = 0x81 | 5 << 3; /* an UPDATE's */
	assert_int_equal(got(), -EBADMSG);

	put_response(&m, "a.example", 1, 0);
	m.bytes[5] = 0;
	assert_int_equal(got(), -EBADMSG);
	assert_string_equal(why, "it does not have one question");
	m.bytes[5] = 2;
	put_name(&m, "b.example");
	put32(&m, 1 << 16 | 1);
	assert_int_equal(got(), -EBADMSG);

	put_response(&m, "a.example", 1, 0);
	m.bytes[m.len - 1] = 3; /* of class CHAOS */
	assert_int_equal(got(), -EBADMSG);
}

static void denials_are_answers(void **state)
{
	put_response(&m, "a.example", 1, 0);
	m.bytes[3] |= DNS_RCODE_NXDOMAIN;
	assert_int_equal(got(), 0);
	assert_int_equal(a.rcode, DNS_RCODE_NXDOMAIN);
	assert_int_equal(a.n_addresses, 0);

	put_response(&m, "a.example", 1, 0);
	m.bytes[2] |= 0x02;
	assert_int_equal(got(), 0);
	assert_true(a.truncated);
	assert_false(a.cut);
}

static void cut_at_each_octet(void **state)
{
	size_t whole, question;

	put_response(&m, "a.example", 1, 3);
	question = m.len;
	put_cname(&m, "a.example", "b.example");
	put_a(&m, "b.example", 1, 0x0a000001);
	put_a(&m, "b.example", 1, 0x0a000002);
	whole = m.len;
	assert_int_equal(got(), 0);
	assert_false(a.cut);
	assert_int_equal(a.n_addresses, 2);
	for (m.len = 0; m.len < question; m.len++)
		assert_int_equal(got(), -EBADMSG);
	for (; m.len < whole; m.len++) {
		assert_int_equal(got(), 0);
		assert_true(a.cut);
		assert_in_range(a.n_addresses, 0, 1);
		expect_name(&a.question, "a.example");
	}
}

static void a_thousand_links_are_refused(void **state)
{
	char owner[32];

	put_response(&m, "n0.example", 1, 1000);
	for (int i = 0; i < 1000; i++) {
		snprintf(owner, sizeof(owner), "n%d.example", i);
		put_cname(&m, owner, "b.example");
	}
	assert_int_equal(got(), -EBADMSG);
}

static void the_server_of_a_zone(void **state)
{
	size_t data;

	put_response(&m, "privatelink.openai.azure.com", DNS_TYPE_SOA, 1);
	put_pointer(&m, 12);
	put_fixed(&m, DNS_TYPE_SOA, 60, 0);
	data = m.len;
	put_name(&m, "azureprivatedns.net");
	put_name(&m, "host.example");
	for (int i = 0; i < 5; i++)
		put32(&m, i);
	m.bytes[data - 1] = m.len - data;
	assert_int_equal(got(), 0);
	expect_name(&a.authority, "azureprivatedns.net");
	m.bytes[data - 1] = 5; /* ends within the name */
	assert_int_equal(got(), -EBADMSG);
	put_response(&m, "privatelink.openai.azure.com", DNS_TYPE_SOA, 0);
	assert_int_equal(got(), 0);
	assert_int_equal(a.authority.len, 0);
}

static void what_another_process_read_is_checked(void **state)
{
	struct dns_answer good;

	put_response(&m, "a.example", 1, 2);
	put_cname(&m, "a.example", "b.example");
	put_a(&m, "b.example", 1, 0x0a000001);
	assert_int_equal(got(), 0);
	assert_true(dns_answer_is_sound(&a));
	good = a;
#define UNSOUND(change)                                \
	do {                                           \
		a = good;                              \
		change;                                \
		assert_false(dns_answer_is_sound(&a)); \
	} while (0)
	UNSOUND(a.n_chain = DNS_CHAIN_MAX + 1);
	UNSOUND(a.n_addresses = ZTA_DNS_ADDRS + 1);
	UNSOUND(a.question.len = 0);
	UNSOUND(a.question.len--);	    /* ends without the root */
	UNSOUND(a.question.wire[0] = 200);  /* a label beyond the name */
	UNSOUND(a.question.wire[0] = 0);    /* the root in the middle */
	UNSOUND(a.chain[0].wire[0] = 0xc0); /* a pointer */
	UNSOUND(a.authority.len = 1; a.authority.wire[0] = 1);
	UNSOUND(a.addresses[0].addr.family = 9);
	UNSOUND(a.n_chain = 2); /* a name that is not there */
	UNSOUND(memset(&a, 0xff, sizeof(a)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_of_one_address),
		cmocka_unit_test(the_other_family),
		cmocka_unit_test(a_chain_of_eight_in_any_order),
		cmocka_unit_test(compression_is_followed),
		cmocka_unit_test(pointers_lead_backwards_or_nowhere),
		cmocka_unit_test(poisoned_records_are_nobodys),
		cmocka_unit_test(chains_that_lead_back_or_apart_are_refused),
		cmocka_unit_test(long_chains_are_told_in_part),
		cmocka_unit_test(addresses_up_to_a_hundred),
		cmocka_unit_test(addresses_have_their_size),
		cmocka_unit_test(times_to_live),
		cmocka_unit_test(what_is_no_answer_is_refused),
		cmocka_unit_test(denials_are_answers),
		cmocka_unit_test(cut_at_each_octet),
		cmocka_unit_test(a_thousand_links_are_refused),
		cmocka_unit_test(the_server_of_a_zone),
		cmocka_unit_test(what_another_process_read_is_checked),
	};

	return cmocka_run_group_tests_name("dns", tests, NULL, NULL);
}
