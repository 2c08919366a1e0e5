// SPDX-License-Identifier: Apache-2.0
/*
 * The parser of DNS messages as clang built it for the kernel, held to the same text built by cc:
 * what the fuzzers found worth keeping, each of it cut at each octet, and thousands of messages
 * with a few octets changed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <dirent.h>

#include "bpf/site.h"
#include "base/file.h"
#include "unit/inspect/dns_message.h"
#include "zta_dns.h"
#include "zta_test.h"

#define SEED	0x5eed5eedULL
#define CHANGED 300 /* variants of each message of the corpus */

static __always_inline __u32 zta_dns_name_at(struct zta_dns *d, __u32 at)
{
	return zta_dns_name(d, at);
}

struct world {
	struct site site;
	int program;
	size_t tried, begun; /* messages; those with a sound question */
};

static struct zta_dns reader;

static void read_here(const uint8_t *m, size_t len, struct zta_test_dns *ret)
{
	memset(&reader, 0, sizeof(reader));
	*ret = (struct zta_test_dns){ .seed = SEED, .len = (__u32)len };
	reader.seed = SEED;
	reader.len = (__u32)len;
	memcpy(reader.m, m, len);
	ret->begun = zta_dns_begin(&reader);
	if (!ret->begun)
		return;
	ret->question = reader.question;
	ret->id = reader.id;
	ret->type = reader.type;
	while (ret->steps < ZTA_DNS_RECORDS) {
		enum zta_dns_step step = zta_dns_next(&reader);

		ret->steps++;
		ret->digest = zta_test_step(ret->digest, &reader, step);
		if (step == ZTA_DNS_BAD || step == ZTA_DNS_END)
			break;
	}
}

static void read_there(const struct world *w, const uint8_t *m, size_t len,
		       struct zta_test_dns *ret)
{
	struct {
		uint8_t pad[ZTA_TEST_PAD];
		struct zta_test_dns t;
		uint8_t message[ZTA_TEST_DNS_BYTES];
	} in = { .t = { .seed = SEED, .len = (__u32)len } }, out;
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = &in,
		    .data_size_in = (__u32)(offsetof(typeof(in), message) + len), .data_out = &out,
		    .data_size_out = sizeof(out));

	memcpy(in.message, m, len);
	assert_int_equal(bpf_prog_test_run_opts(w->program, &o), 0);
	assert_int_equal(o.retval, 0);
	*ret = out.t;
}

static void tell(const uint8_t *m, size_t len)
{
	for (size_t i = 0; i < len; i++)
		print_error("%02x%s", m[i], i % 32 == 31 || i + 1 == len ? "\n" : "");
}

static void compare(struct world *w, const uint8_t *m, size_t len)
{
	struct zta_test_dns here, there;

	read_here(m, len, &here);
	read_there(w, m, len, &there);
	w->tried++;
	w->begun += here.begun;
	if (here.begun != there.begun)
		goto differ;
	if (!here.begun)
		return;
	if (here.question == there.question && here.digest == there.digest &&
	    here.steps == there.steps && here.id == there.id && here.type == there.type)
		return;
differ:
	tell(m, len);
	fail_msg("kernel: begun %u steps %u digest %llx, here: begun %u steps %u digest %llx",
		 there.begun, there.steps, (unsigned long long)there.digest, here.begun, here.steps,
		 (unsigned long long)here.digest);
}

static uint32_t roll(uint64_t *state)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(*state >> 33);
}

/* A few octets changed, copied from elsewhere in the message, or put to what lengths fear most. */
static void change(uint8_t *m, size_t len, uint64_t *state)
{
	static const uint8_t nasty[] = { 0, 1, 0x3f, 0x40, 0x7f, 0x80, 0xc0, 0xff };

	for (uint32_t n = 1 + roll(state) % 4; n; n--) {
		size_t at = roll(state) % len;

		switch (roll(state) % 4) {
		case 0:
			m[at] = (uint8_t)roll(state);
			break;
		case 1:
			m[at] = nasty[roll(state) % sizeof(nasty)];
			break;
		case 2:
			m[at] = m[roll(state) % len];
			break;
		default:
			m[at] ^= (uint8_t)(1U << roll(state) % 8);
		}
	}
}

static void try_message(struct world *w, const uint8_t *m, size_t len, uint64_t *state)
{
	uint8_t variant[ZTA_TEST_DNS_BYTES];

	assert_in_range(len, ZTA_DNS_HEAD, sizeof(variant));
	for (size_t cut = 0; cut <= len; cut++)
		compare(w, m, cut);
	for (int i = 0; i < CHANGED; i++) {
		memcpy(variant, m, len);
		change(variant, len, state);
		compare(w, variant, len);
	}
}

static void the_corpus_is_read_alike(void **state)
{
	struct world *w = *state;
	DIR *d = opendir("tests/fuzz/corpus/dns");
	uint64_t rng = 1;
	size_t files = 0;

	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));) {
		_cleanup_free_ char *path = str_dup_printf("tests/fuzz/corpus/dns/%s", e->d_name);
		_cleanup_free_ char *text = NULL;
		size_t len = 0;

		if (e->d_name[0] == '.')
			continue;
		assert_int_equal(file_read_all(path, ZTA_TEST_DNS_BYTES, &text, &len), 0);
		try_message(w, (const uint8_t *)text, len, &rng);
		files++;
	}
	closedir(d);
	assert_true(files >= 10);
	assert_true(w->begun > w->tried / 10); /* or it was all noise */
}

static void put_answer(struct message *m, int chain, int addresses)
{
	m->len = 0;
	put_header(m, 0x8180, 1, (unsigned int)(chain + addresses));
	put_name(m, "a.openai.azure.com");
	put16(m, ZTA_DNS_A);
	put16(m, ZTA_DNS_IN);
	for (int i = 0, at = ZTA_DNS_HEAD; i < chain + addresses; i++) {
		put_pointer(m, (size_t)at);
		put_fixed(m, i < chain ? ZTA_DNS_CNAME : ZTA_DNS_A, 60, 4);
		if (i >= chain) {
			put32(m, 0x0a140000 + (uint32_t)i);
			continue;
		}
		at = (int)m->len;
		put8(m, 1);
		put8(m, 'b' + (unsigned int)i % 20);
		put_pointer(m, ZTA_DNS_HEAD + 2);
	}
}

static void long_answers_are_read_alike(void **state)
{
	static const int shapes[][2] = { { 0, 0 },   { 0, 1 },	{ 8, 1 },   { 0, 100 },
					 { 1, 101 }, { 60, 2 }, { 0, 159 }, { 0, 161 } };
	static struct message m;
	struct world *w = *state;
	uint64_t rng = 2;

	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		uint8_t variant[ZTA_TEST_DNS_BYTES];
		size_t begun = w->begun;

		put_answer(&m, shapes[i][0], shapes[i][1]);
		compare(w, m.bytes, m.len);
		assert_int_equal(w->begun, begun + 1);
		for (int k = 0; k < CHANGED; k++) {
			memcpy(variant, m.bytes, m.len);
			change(variant, m.len, &rng);
			compare(w, variant, m.len);
		}
	}
}

static int set_up(void **state)
{
	static struct world w;

	site_make(&w.site);
	site_open(&w.site);
	w.program = kern_program_fd(w.site.kern, "zta_dns_test");
	assert_true(w.program >= 0);
	*state = &w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	site_free(&w->site);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_corpus_is_read_alike),
		cmocka_unit_test(long_answers_are_read_alike),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
