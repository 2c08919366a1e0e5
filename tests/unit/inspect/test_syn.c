// SPDX-License-Identifier: Apache-2.0
/* The nonce in a saved SYN: found where it stands, and nowhere else. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "inspect/syn.h"

#define NONCE 0x8877665544332211ULL /* octets 11 22 33 ... on this little-endian wire */

#define OURS	     0xfd, 12, 0x7a, 0x74, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88
#define MSS	     2, 4, 0x05, 0xb4
#define SACK	     4, 2
#define STAMP	     8, 10, 1, 2, 3, 4, 0, 0, 0, 0
#define NOP	     1
#define END	     0
#define OPTIONS(...) (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ })

struct packet {
	uint8_t data[1024];
	size_t len;
};

static void add(struct packet *p, const void *data, size_t n)
{
	assert_true(p->len + n <= sizeof(p->data));
	memcpy(p->data + p->len, data, n);
	p->len += n;
}

static void add_zeroes(struct packet *p, size_t n)
{
	static const uint8_t zeroes[256];

	add(p, zeroes, n);
}

static void add_v4(struct packet *p, size_t options)
{
	size_t at = p->len;

	add_zeroes(p, 20 + options);
	p->data[at] = (uint8_t)(0x40 | (5 + options / 4));
	p->data[at + 9] = 6;
}

static void add_v6(struct packet *p, uint8_t next)
{
	size_t at = p->len;

	add_zeroes(p, 40);
	p->data[at] = 0x60;
	p->data[at + 6] = next;
}

static void add_extension(struct packet *p, uint8_t next, uint8_t eights)
{
	size_t at = p->len;

	add_zeroes(p, (eights + 1) * 8);
	p->data[at] = next;
	p->data[at + 1] = eights;
}

/* The options padded to whole words with zeroes, as a sender would. */
static void add_tcp(struct packet *p, const uint8_t *options, size_t n)
{
	size_t at = p->len, padded = (n + 3) / 4 * 4;

	add_zeroes(p, 20);
	p->data[at + 12] = (uint8_t)((20 + padded) / 4 << 4);
	p->data[at + 13] = 0x02;
	add(p, options, n);
	add_zeroes(p, padded - n);
}

static struct packet v4(const uint8_t *options, size_t n)
{
	struct packet p = { .len = 0 };

	add_v4(&p, 0);
	add_tcp(&p, options, n);
	return p;
}

/* In memory of exactly its size, so that a sanitizer sees what is read behind it. */
static int read_it(const struct packet *p, uint64_t *ret)
{
	uint8_t *exact = malloc(p->len ? p->len : 1);
	int r;

	assert_non_null(exact);
	memcpy(exact, p->data, p->len);
	r = syn_nonce(exact, p->len, ret);
	free(exact);
	return r;
}

static void assert_found(const struct packet *p)
{
	uint64_t nonce = 0;

	assert_int_equal(read_it(p, &nonce), 0);
	assert_true(nonce == NONCE);
}

static void assert_not(const struct packet *p, int why)
{
	uint64_t nonce = 7;

	assert_int_equal(read_it(p, &nonce), why);
	assert_true(nonce == 7);
}

static void it_is_found_anywhere_among_the_options(void **state)
{
	struct packet p[] = {
		v4(OPTIONS(OURS)), v4(OPTIONS(MSS, SACK, STAMP, NOP, NOP, OURS)),
		v4(OPTIONS(OURS, MSS, END)),
		v4(OPTIONS(NOP, NOP, NOP, OURS, END, 0xff, 0xff)), /* behind the end: padding */
	};

	for (size_t i = 0; i < sizeof(p) / sizeof(*p); i++)
		assert_found(&p[i]);
}

static void other_headers_before_tcp_are_passed_over(void **state)
{
	struct packet p = { .len = 0 };

	add_v4(&p, 40);
	add_tcp(&p, OPTIONS(MSS, OURS));
	assert_found(&p);
	p.len = 0;
	add_v6(&p, 6);
	add_tcp(&p, OPTIONS(OURS));
	assert_found(&p);
	p.len = 0;
	add_v6(&p, 0);
	add_extension(&p, 43, 0);
	add_extension(&p, 60, 3);
	add_extension(&p, 6, 1);
	add_tcp(&p, OPTIONS(OURS));
	assert_found(&p);
}

static void without_it_there_is_none(void **state)
{
	struct packet p[] = {
		v4(OPTIONS(MSS)),
		v4((const uint8_t *)"", 0),
		v4(OPTIONS(END, OURS)), /* not an option any more */
		v4(OPTIONS(0xfd, 12, 0x7a, 0x75, 1, 2, 3, 4, 5, 6, 7, 8)), /* another's ExID */
		v4(OPTIONS(0xfe, 12, 0x7a, 0x74, 1, 2, 3, 4, 5, 6, 7, 8)), /* another kind */
		v4(OPTIONS(0xfd, 11, 0x7a, 0x74, 1, 2, 3, 4, 5, 6, 7)),	   /* another length */
		v4(OPTIONS(0xfd, 13, 0x7a, 0x74, 1, 2, 3, 4, 5, 6, 7, 8, 9)),
		v4(OPTIONS(0x22, 14, OURS)), /* inside another option */
	};

	for (size_t i = 0; i < sizeof(p) / sizeof(*p); i++)
		assert_not(&p[i], -ENODATA);
}

static void two_are_none(void **state)
{
	struct packet p = v4(OPTIONS(OURS, OURS));

	assert_not(&p, -EBADMSG);
	p = v4(OPTIONS(OURS, 0xfd, 12, 0x7a, 0x74, 0, 0, 0, 0, 0, 0, 0, 0));
	assert_not(&p, -EBADMSG);
}

static void malformed_options_are_refused(void **state)
{
	struct packet p[] = {
		v4(OPTIONS(OURS, 3, 0, 0, 0)), /* length 0 would never end */
		v4(OPTIONS(OURS, 3, 1, 0, 0)),
		v4(OPTIONS(OURS, NOP, NOP, NOP, 3)), /* kind without length */
		v4(OPTIONS(3, 200, OURS)),
		v4(OPTIONS(0xfd, 12, 0x7a, 0x74)), /* cut */
	};

	for (size_t i = 0; i < sizeof(p) / sizeof(*p); i++)
		assert_not(&p[i], -EBADMSG);
}

static void only_a_syn_counts(void **state)
{
	struct packet p = v4(OPTIONS(OURS));

	p.data[20 + 13] = 0x12; /* SYN and ACK */
	assert_not(&p, -EBADMSG);
	p.data[20 + 13] = 0x10;
	assert_not(&p, -EBADMSG);
	p.data[20 + 13] = 0xc2; /* with ECN it is one */
	assert_found(&p);
	p.data[9] = 17; /* UDP */
	assert_not(&p, -EBADMSG);
	p.data[9] = 6;
	p.data[0] = 0x44; /* shorter than a header */
	assert_not(&p, -EBADMSG);
	p.data[0] = 0x55;
	assert_not(&p, -EBADMSG);
	p.data[0] = 0x45;
	p.data[20 + 12] = 0x40; /* the same for TCP */
	assert_not(&p, -EBADMSG);
	p.data[20 + 12] = 0xf0; /* longer than what is there */
	assert_not(&p, -EBADMSG);
	p.len = 0;
	add_v6(&p, 44); /* a fragment */
	add_extension(&p, 6, 0);
	add_tcp(&p, OPTIONS(OURS));
	assert_not(&p, -EBADMSG);
}

/* Cut anywhere it is refused, and read from memory that is its own. */
static void every_piece_of_one_is_refused(void **state)
{
	struct packet p[2] = { v4(OPTIONS(MSS, SACK, STAMP, NOP, NOP, OURS)), { .len = 0 } };

	add_v6(&p[1], 0);
	add_extension(&p[1], 60, 2);
	add_extension(&p[1], 6, 0);
	add_tcp(&p[1], OPTIONS(OURS));
	for (size_t i = 0; i < 2; i++) {
		size_t whole = p[i].len;

		for (p[i].len = 0; p[i].len < whole; p[i].len++)
			assert_not(&p[i], -EBADMSG);
		assert_found(&p[i]);
		add_zeroes(&p[i], SYN_BYTES_MAX - whole > 256 ? 256 : SYN_BYTES_MAX - whole);
		assert_found(&p[i]); /* what is behind the headers is not read */
	}
}

static void a_giant_is_refused(void **state)
{
	struct packet p = v4(OPTIONS(OURS));

	while (p.len < SYN_BYTES_MAX)
		add_zeroes(&p, 1);
	assert_found(&p);
	add_zeroes(&p, 1);
	assert_not(&p, -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_found_anywhere_among_the_options),
		cmocka_unit_test(other_headers_before_tcp_are_passed_over),
		cmocka_unit_test(without_it_there_is_none),
		cmocka_unit_test(two_are_none),
		cmocka_unit_test(malformed_options_are_refused),
		cmocka_unit_test(only_a_syn_counts),
		cmocka_unit_test(every_piece_of_one_is_refused),
		cmocka_unit_test(a_giant_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
